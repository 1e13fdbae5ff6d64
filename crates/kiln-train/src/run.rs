//! A run from its first step to its last: what a step is, the loop, the optimizers, and what is kept.

mod burn_train;
mod checkpoint;
mod ctrl_c;
pub(crate) mod evaluate;
mod finished_run;
mod gradients;
mod meter;
mod optimizer;
pub(crate) mod run_folder;
mod trainable;
mod trainer;
mod training_loop;

pub use evaluate::{Evaluation, evaluate, predict};
pub use finished_run::Run;
pub use gradients::StepGradients;
pub use optimizer::{Optimizer, OptimizerState};
pub use run_folder::ExistingRun;
pub use trainable::{StepOutput, Trainable};
pub use trainer::Trainer;
