//! Fused sequence operations for [Burn](https://burn.dev): the expensive parts of a sequence model's training step,
//! each as one kernel instead of hundreds of tensor operations.
//!
//! | operation | replaces |
//! |---|---|
//! | [`recurrent`] | SimpleRNN, LSTM and GRU over a sequence, one direction or both |
//! | [`conv1d`] | convolution over time with bias and relu |
//! | [`embedding`] | table lookup and the table's gradient |
//! | [`dropout`] | a counter-based mask, never stored |
//! | [`max_pool1d`] | max pooling over time |
//! | [`row_gradient`], [`put_rows`] | the gradient of a large table's touched rows, and their update |
//! | [`mean_nll`] | a dense layer with a softmax over many classes, the loss and its gradient |
//! | [`adam_step`], [`sgd_step`] | one step of Adam or of gradient descent, in place |
//! | [`squared_norm`] | the squared norm of a gradient, in one pass on the CPU |
//! | [`WordTables::update`](word2vec::WordTables::update) | word2vec's step over windows of words, in place |
//! | [`DeviceTables::update`](word2vec::DeviceTables::update) | the same on a GPU, one launch per batch |
//!
//! Each works on every device and with autodiff. If there is no kernel for a device, an element type or an option, the
//! operation goes through its twin in [`mod@reference`], plain Burn operations with the same results. Each function's
//! docs list the conditions; [`with_twins`] forces the twins.
//!
//! The CPU's kernels serve both backends, Flex and NdArray: they work on slices, with the widest vectors of the machine
//! (chosen at run time) and all cores. The GPU's kernels are written once, in CubeCL, for all its runtimes: Vulkan,
//! Metal, DirectX 12 and WebGPU through wgpu, and CUDA. They have only been run on Vulkan with a software adapter, also
//! within the limits of WebGPU's least adapters.

// burn-ndarray is deprecated as a whole.
#![cfg_attr(feature = "ndarray", allow(deprecated))]

mod backend;
mod conv;
mod dropout;
mod embedding;
mod mean_nll;
mod optimizers;
mod pooling;
mod random;
mod recurrent;
pub mod reference;
pub mod word2vec;

pub use backend::activation::Activation;
pub use backend::allocator::keep_freed_memory;
pub use backend::choice::with_twins;
#[doc(hidden)]
pub use backend::cpu::product::peak as product_peak;
pub use backend::memory::{DeviceMemory, device_memory, gpu_name};
pub use conv::conv1d;
pub use dropout::dropout;
pub use embedding::{RowGradient, embedding, put_rows, row_gradient};
pub use kiln_base::{Span, SplitMix64};
pub use mean_nll::{KernelLayout, mean_nll};
pub use optimizers::adam::{AdamStep, adam_step};
pub use optimizers::descent::{sgd_step, squared_norm};
pub use pooling::max_pool1d;
pub use random::RandomKey;
pub use recurrent::{CellKind, Direction, Directions, RecurrentOptions, RecurrentWeights, Wanted, recurrent};
