//! What a forward pass is for: training, with the step that keys its random numbers, or inference.

use kiln_kernels::RandomKey;

/// The purpose of a forward pass. Layers such as dropout act by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Prediction or evaluation: nothing random happens.
    Inference,
    /// One training step of a run.
    Training {
        /// The run's seed.
        seed: u64,
        /// The optimizer step, counted from 0 over all epochs.
        step: u64,
    },
}

impl Pass {
    /// The key of what the layer called `layer` draws in this pass; `None` in inference.
    pub fn key(&self, layer: &str) -> Option<RandomKey> {
        match *self {
            Self::Inference => None,
            Self::Training { seed, step } => Some(RandomKey::new(seed).child("pass").child(layer).index(step)),
        }
    }
}
