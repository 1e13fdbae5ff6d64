//! Integration tests of `kiln-kernels`: every body runs on every backend of the build.

mod device_tables;
mod devices;
mod edges;
mod errors;
mod fallbacks;
mod finite_differences;
#[cfg(feature = "wgpu")]
mod least_adapter;
#[cfg(feature = "wgpu")]
mod own_device;
mod rows;
#[path = "../../../kiln-text/tests/it/skips.rs"]
mod skips;
mod twins;
mod word2vec;
