//! The callback trait, through which a program acts on a run, and the built-in callbacks.

pub(crate) mod callback;
pub(crate) mod early_stopping;
pub(crate) mod learning_rate_schedule;
pub(crate) mod monitor;
pub(crate) mod reduce_lr_on_plateau;
pub(crate) mod save_best;

pub use callback::{Callback, CallbackState, Control, Plan, StepLogs};
pub use early_stopping::EarlyStopping;
pub use learning_rate_schedule::LearningRateSchedule;
pub use monitor::{Mode, Monitor};
pub use reduce_lr_on_plateau::{PlateauRule, ReduceLrOnPlateau, Threshold};
pub use save_best::SaveBest;
