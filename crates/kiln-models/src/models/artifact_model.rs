//! [`ArtifactModel`], a model that an artifact can hold.

use std::error::Error;

use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Model;

/// A model that an artifact can hold: a later process makes it anew from its configuration and puts the weights in.
///
/// # Examples
///
/// ```
/// use burn::module::Module;
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
/// use kiln_models::{ArtifactModel, Head, Model, Pass, RandomKey, TokenBatch};
/// use serde::{Deserialize, Serialize};
///
/// /// What the model is made from. The names of its fields stand in `config.json`.
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// struct BagConfig {
///     vocab_size: usize,
///     d_embedding: usize,
/// }
///
/// /// The mean of the words' vectors, and a dense layer.
/// #[derive(Module, Debug)]
/// struct Bag {
///     embedding: Embedding,
///     dense: Dense,
///     #[module(skip)]
///     config: BagConfig,
/// }
///
/// impl BagConfig {
///     fn init(&self, device: &Device, seed: u64) -> kiln_models::Result<Bag> {
///         let key = RandomKey::new(seed);
///         Ok(Bag {
///             embedding: EmbeddingConfig::new(self.vocab_size, self.d_embedding).init(device, key.child("embedding"))?,
///             dense: DenseConfig::new(self.d_embedding, 1).init(device, key.child("dense"))?,
///             config: self.clone(),
///         })
///     }
/// }
///
/// impl Model for Bag {
///     type Input = TokenBatch;
///
///     fn forward(&self, input: &TokenBatch, _pass: &Pass) -> Tensor<2> {
///         self.dense.forward(self.embedding.forward(input.ids.clone()).mean_dim(1).squeeze_dim(1))
///     }
///
///     fn head(&self) -> Head {
///         Head::Binary
///     }
///
///     fn vocab_size(&self) -> Option<usize> {
///         Some(self.config.vocab_size)
///     }
/// }
///
/// impl ArtifactModel for Bag {
///     type Config = BagConfig;
///
///     const NAME: &str = "bag";
///
///     fn config(&self) -> BagConfig {
///         self.config.clone()
///     }
///
///     fn from_config(config: &BagConfig, device: &Device) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(config.init(device, 0)?)
///     }
/// }
/// ```
pub trait ArtifactModel: Model + Sync {
    /// What the model is made from, without its weights. Every key that it reads must be among those that it writes: others
    /// are refused as unknown.
    type Config: Serialize + DeserializeOwned;

    /// What `config.json` calls the model. A program that reads the artifact knows the model by this name.
    const NAME: &str;

    /// What the model was made from.
    fn config(&self) -> Self::Config;

    /// The model, whatever its weights: those of the artifact take their place. Parameters of Kiln's and Burn's layers are
    /// drawn only when they are asked for, so nothing is drawn here to be thrown away.
    ///
    /// # Errors
    ///
    /// The configuration makes no model.
    fn from_config(config: &Self::Config, device: &Device) -> Result<Self, Box<dyn Error + Send + Sync>>;
}
