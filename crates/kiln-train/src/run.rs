//! A training run: its steps, its loop, the optimizers, its checkpoints and its folder.

mod averaging;
mod burn_train;
mod checkpoint;
pub(crate) mod evaluate;
mod finished_run;
pub(crate) mod gradients;
pub(crate) mod meter;
pub(crate) mod optimizer;
pub(crate) mod run_folder;
mod trainable;
mod trainer;
pub(crate) mod training_loop;

pub use averaging::WeightAveraging;
pub use evaluate::{Evaluation, evaluate, predict};
pub use finished_run::Run;
pub use gradients::StepGradients;
pub use optimizer::{Optimizer, OptimizerState};
pub use run_folder::ExistingRun;
pub use trainable::{StepOutput, Trainable};
pub use trainer::Trainer;
