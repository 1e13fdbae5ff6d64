//! The models of artifacts: networks by their names, and the linear classifier.

pub(crate) mod linear;
pub(crate) mod network;
pub(crate) mod registry;
