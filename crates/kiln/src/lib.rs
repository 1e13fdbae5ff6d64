//! Text and sequence learning in Rust: from raw text to a trained model that predicts.
//!
//! Kiln reads text ([`text`]), makes models on [Burn](https://burn.dev) ([`models`]), trains them
//! ([`train`]) on any GPU or the CPU ([`device`]), and leaves a folder that predicts by itself. Word
//! vectors are trained by [`models::word2vec`] and asked by [`vectors`]; linear classifiers of n-grams are in [`linear`].
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
//! | `ndarray` | the CPU, by the backend that Burn has deprecated |
//! | `cuda` | NVIDIA's GPUs through CUDA |
//!
//! The others add what not everybody needs. On by default: `download` fetches published corpora, `plot` draws a run's
//! curves, `progress` shows a bar in a terminal. Off by default: `counts` makes word vectors from counts, with faer;
//! `subwords` adds `SubwordTokenizer`, which is Hugging Face's `tokenizers` with its forty crates (`SubwordTextEncoder` needs
//! no feature); `fusion` and `autotune` are Burn's, for GPUs: plain operations after each other become one, and of several
//! kernels for one the fastest is found by timing them.

mod device;
mod error;
pub mod prelude;

pub use burn;
pub use kiln_base::{FileError, FolderLock, Input, RowWeights, split};
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

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
