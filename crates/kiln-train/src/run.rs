//! A run from its first step to its last: what a step is, the loop, the optimizers, and what is kept.

mod checkpoint;
mod ctrl_c;
pub(crate) mod device_failure;
pub(crate) mod evaluate;
mod gradient_norms;
mod meter;
mod optimizer;
pub(crate) mod run_folder;
mod step_gradients;
mod strategy;
mod trainable;
mod trainer;

pub use evaluate::{Evaluation, evaluate, predict};
pub use optimizer::{Optimizer, OptimizerState};
pub use run_folder::ExistingRun;
pub use step_gradients::StepGradients;
pub use trainable::{StepOutput, Trainable};
pub use trainer::{Run, Trainer};
