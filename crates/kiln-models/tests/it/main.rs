//! Integration tests of `kiln-models`: every body runs on every backend of the build.

mod config_json;
#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damage;
#[path = "../../../kiln-kernels/tests/it/devices.rs"]
mod devices;
mod embedding;
mod fixtures;
mod gradients;
mod keras_layers;
mod keras_recurrent;
mod language_model;
mod model_shapes;
#[path = "../../../kiln-base/tests/it/odd_files.rs"]
mod odd_files;
#[cfg(feature = "wgpu")]
#[path = "../../../kiln-kernels/tests/it/own_device.rs"]
mod own_device;
mod regularisers;
#[path = "../../../kiln-text/tests/it/skips.rs"]
mod skips;
mod summaries;
mod torch_recurrent;
mod word2vec;
mod word2vec_groups;
