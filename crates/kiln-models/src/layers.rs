//! The layers, one per file, with Keras's parameters. `kiln-kernels` computes them.
//!
//! Whole models are at the root of the crate; losses are in [`crate::Head`].

mod adaptive_softmax;
mod bidirectional;
mod conv1d;
mod dense;
mod dropout;
mod embedding;
mod gru;
mod lstm;
mod pooling;
pub(crate) mod recurrent;
mod simple_rnn;

pub use crate::forward::layer_tape::listed;
pub use adaptive_softmax::{AdaptiveSoftmax, AdaptiveSoftmaxConfig, Tail};
pub use bidirectional::Bidirectional;
pub use conv1d::{Conv1d, Conv1dConfig, ConvPadding};
pub use dense::{Dense, DenseConfig};
pub use dropout::{Dropout, DropoutConfig};
pub use embedding::{Embedding, EmbeddingConfig};
pub use gru::{Gru, GruConfig};
pub use kiln_kernels::Direction;
pub use lstm::{Lstm, LstmConfig};
pub use pooling::{MaxPool1d, global_max_pool1d};
pub use recurrent::stack::{RecurrentKind, RecurrentLayer, RecurrentStack, RecurrentStackConfig};
pub use recurrent::{Recurrent, RecurrentState};
pub use simple_rnn::{SimpleRnn, SimpleRnnConfig};
