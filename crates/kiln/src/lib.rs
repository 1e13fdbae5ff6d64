//! Text and sequence learning in Rust: from raw text to a trained model that predicts.
//!
//! Kiln reads text ([`text`]), builds models on [Burn](https://burn.dev) ([`models`]), trains them ([`train`]) on any
//! GPU or the CPU ([`device`]), and saves a folder that holds everything needed to predict. [`models::word2vec`] trains
//! word vectors, [`vectors`] queries them, [`linear`] holds linear classifiers of n-grams, and [`group`] divides work
//! among processes and machines.
//!
//! ```
//! use kiln::prelude::*;
//!
//! fn main() -> kiln::Result<()> {
//!     let device = kiln::device()?; // the best GPU found, else the CPU; says which
//!     let corpus = Reviews::generate(0).into_documents()?; // labelled documents
//!     let (train, valid, test) = (corpus.train, corpus.valid, corpus.test);
//!     # let (train, valid, test) = (train.take(64), valid.take(32), test.take(32));
//!     let tokenizer = WordTokenizer::builder().num_words(2_000).fit(train.texts())?;
//!     let encode = SequenceEncoder::new(tokenizer, 40)?;
//!
//!     let config = RecurrentClassifierConfig::new(encode.vocab_size(), 40).d_hidden(vec![32]);
//!     # let config = config.d_hidden(vec![4]).d_embedding(4);
//!     let model = config.init(&device, 0)?;
//!     println!("{}", model.summary()); // layer, output shape, parameters, totals
//!
//!     # let folder = std::env::temp_dir().join("kiln-doc-facade");
//!     # let artifact = folder.to_str().unwrap();
//!     # #[cfg(any())]
//!     let artifact = "artifacts/reviews";
//!     let run = Trainer::new(artifact)
//!         .epochs(2)
//!         .seed(0)
//!         .existing_run(ExistingRun::Overwrite)
//!         .early_stopping(EarlyStopping::on(Monitor::ValidLoss).patience(2))
//!         .save_best(Monitor::ValidLoss)
//!         .artifact(ArtifactConfig::text(&model, &encode, train.class_names()))
//!         .fit(model, &encode.dataset(&train)?, &encode.dataset(&valid)?)?;
//!     println!("test accuracy {:?}", run.evaluate(&encode.dataset(&test)?)?.accuracy);
//!
//!     let predictor = TextPredictor::load(artifact, &device)?; // any later process can do this
//!     println!("{:?}", predictor.predict(&["not a dull moment"])?);
//!     # std::fs::remove_dir_all(folder).ok();
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | backend |
//! |---|---|
//! | `wgpu` (default) | any GPU through Vulkan, Metal, DX12 |
//! | `flex` (default) | the CPU |
//! | `ndarray` | the CPU, through a backend that Burn has deprecated |
//! | `cuda` | NVIDIA GPUs through CUDA |
//!
//! The other features add optional parts. On by default: `download` fetches published corpora, `plot` draws a run's
//! curves, `progress` shows a progress bar in a terminal. Off by default: `counts` builds word vectors from counts,
//! with faer; `subwords` adds `SubwordTokenizer`, which is Hugging Face's `tokenizers` and needs a C++ compiler
//! (`SubwordTextEncoder` needs no feature); `mpi` joins processes that `mpirun` started, and needs the system's MPI;
//! `fusion` and `autotune` are Burn's, for GPUs: `fusion` merges consecutive operations into one kernel, `autotune` times
//! several kernels for an operation and uses the fastest.

mod device;
mod error;
pub mod prelude;

pub use burn;
pub use kiln_base::{FileError, FolderLock, Input, RowWeights, split};
pub use kiln_group as group;
pub use kiln_kernels as kernels;
pub use kiln_linear as linear;
pub use kiln_models as models;
pub use kiln_predict as predict;
pub use kiln_report as report;
pub use kiln_text as text;
pub use kiln_train as train;
pub use kiln_vectors as vectors;

pub use device::{Backend, DEVICE_VARIABLE, DeviceChoice, choose, device, device_named};
pub use error::{Error, Result};

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
