//! [`ArtifactModel`], a model that an artifact can hold.

use std::error::Error;

use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Model;

/// A model that an artifact can hold: another process makes it from its configuration and loads the weights.
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
/// /// What the model is made from. The names of its fields are keys of `config.json`.
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
    /// What the model is made from, without its weights. Every key that it reads must be one that it writes: others are
    /// refused as unknown.
    type Config: Serialize + DeserializeOwned;

    /// The model's name in `config.json`, by which programs that read the artifact find it.
    const NAME: &str;

    /// What the model was made from.
    fn config(&self) -> Self::Config;

    /// The model, with any weights: the artifact's weights replace them. Parameters of Kiln's and Burn's layers are
    /// drawn only when they are used, so none are drawn here.
    ///
    /// # Errors
    ///
    /// The configuration is invalid.
    fn from_config(config: &Self::Config, device: &Device) -> Result<Self, Box<dyn Error + Send + Sync>>;
}
