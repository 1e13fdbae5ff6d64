//! Sequence models on [Burn](https://burn.dev): layers with Keras's parameters, ready classifiers, regressors and
//! language models, and model summaries.
//!
//! A config makes a model on a device from a seed; the same seed makes the same model on every device. `kiln-text`
//! reads text, `kiln-train` trains the models, and `kiln-kernels` has the fused operations that the layers use.
//!
//! ```
//! use kiln_models::{ConvBiLstmConfig, Model};
//! # #[cfg(feature = "flex")] {
//!
//! let device = burn::tensor::Device::flex();
//! let model = ConvBiLstmConfig::new(10_000, 200).init(&device, 0)?;
//! assert_eq!(model.summary().total(), 2_171_393);
//! println!("{}", model.summary());
//! # }
//! # Ok::<(), kiln_models::Error>(())
//! ```

/// Burn's `Config` for a configuration: `save`, `load`, and printing as JSON.
macro_rules! burn_config {
    ($config:ident) => {
        impl burn::config::Config for $config {}

        impl std::fmt::Display for $config {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&burn::config::config_to_json(self))
            }
        }
    };
}

mod error;
mod forward;
pub mod layers;
mod models;
pub mod weights;
#[cfg(feature = "vectors")]
pub mod word2vec;

pub use error::{Error, Result};
pub use forward::{Carried, LayerStates, LookedUp, Pass, Spans, record_rows};
pub use kiln_base::{FileError, OptionError};
pub use kiln_kernels::{Activation, RandomKey, Span};
pub use layers::RecurrentKind;
pub use models::*;
pub use weights::initializer::Initializer;
