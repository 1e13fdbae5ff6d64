//! The purpose of a forward pass: training, with the step that keys its random numbers, or inference.

use kiln_kernels::RandomKey;

/// The purpose of a forward pass. Layers such as dropout depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Prediction or evaluation: nothing is random.
    Inference,
    /// One training step of a run.
    Training {
        /// The run's seed.
        seed: u64,
        /// The batch or micro-batch, counted from 0 over all epochs.
        step: u64,
    },
}

impl Pass {
    /// The key for the random numbers of the layer called `layer` in this pass; `None` in inference.
    pub fn key(&self, layer: &str) -> Option<RandomKey> {
        match *self {
            Self::Inference => None,
            Self::Training { seed, step } => Some(RandomKey::new(seed).child("pass").child(layer).index(step)),
        }
    }
}
