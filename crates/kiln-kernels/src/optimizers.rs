//! The steps of optimizers, each as one kernel.

pub(crate) mod adam;
pub(crate) mod descent;
