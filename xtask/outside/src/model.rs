//! A model: a configuration that is saved in `config.json`, `Model` for training, `ArtifactModel` for the folder.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use kiln::models::layers::{Dense, DenseConfig, Embedding, EmbeddingConfig};
use kiln::models::{ArtifactModel, Head, Model, Pass, RandomKey, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::layer::Glu;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatedConfig {
    vocab_size: usize,
    width: usize,
}

impl GatedConfig {
    pub fn new(vocab_size: usize) -> Self {
        Self { vocab_size, width: 16 }
    }

    pub fn init(&self, device: &Device, seed: u64) -> kiln::models::Result<Gated> {
        let key = RandomKey::new(seed);
        Ok(Gated {
            embedding: EmbeddingConfig::new(self.vocab_size, self.width).init(device, key.child("embedding"))?,
            glu: Glu::init(crate::LENGTH * self.width, self.width, device, key.child("glu")),
            dense: DenseConfig::new(self.width, 1).init(device, key.child("dense"))?,
            config: self.clone(),
        })
    }
}

/// All steps at once, through a gated linear unit.
#[derive(Module, Debug)]
pub struct Gated {
    embedding: Embedding,
    glu: Glu,
    dense: Dense,
    #[module(skip)]
    config: GatedConfig,
}

impl Model for Gated {
    type Input = TokenBatch;

    fn forward(&self, input: &TokenBatch, _pass: &Pass) -> Tensor<2> {
        let embedded: Tensor<2> = self.embedding.forward(input.ids.clone()).flatten(1, 2);
        self.dense.forward(self.glu.forward(embedded))
    }

    fn head(&self) -> Head {
        Head::Binary
    }

    fn max_len(&self) -> Option<usize> {
        Some(crate::LENGTH)
    }

    fn vocab_size(&self) -> Option<usize> {
        Some(self.config.vocab_size)
    }
}

impl ArtifactModel for Gated {
    type Config = GatedConfig;

    const NAME: &str = "gated";

    fn config(&self) -> GatedConfig {
        self.config.clone()
    }

    fn from_config(config: &GatedConfig, device: &Device) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(config.init(device, 0)?)
    }
}
