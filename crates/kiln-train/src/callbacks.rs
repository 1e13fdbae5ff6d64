//! The one way to act on a run from outside, and the callbacks that are ready.

pub(crate) mod callback;
pub(crate) mod early_stopping;
pub(crate) mod monitor;
pub(crate) mod reduce_lr_on_plateau;
pub(crate) mod save_best;

pub use callback::{Callback, CallbackState, Control, Plan, StepLogs};
pub use early_stopping::EarlyStopping;
pub use monitor::{Mode, Monitor};
pub use reduce_lr_on_plateau::{PlateauRule, ReduceLrOnPlateau, Threshold};
pub use save_best::SaveBest;
