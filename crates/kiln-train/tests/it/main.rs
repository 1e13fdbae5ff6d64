//! Integration tests of `kiln-train`.

mod accumulation;
mod adaptive_evaluation;
mod artifact;
mod averaging;
mod beginnings;
mod broken_runs;
mod callbacks;
#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damage;
mod damaged_runs;
mod determinism;
#[path = "../../../kiln-kernels/tests/it/devices.rs"]
mod devices;
mod drawn_windows;
mod embeddings;
#[cfg(feature = "wgpu")]
mod failing_devices;
mod groups;
mod guards;
mod labels;
mod language_model;
mod learning_rates;
mod loss_options;
mod one_process;
mod optimizers;
#[cfg(feature = "wgpu")]
#[path = "../../../kiln-kernels/tests/it/own_device.rs"]
mod own_device;
mod replaced_runs;
mod reports;
mod resumed_models;
#[cfg(feature = "flex")]
mod saved;
#[cfg(unix)]
mod signals;
#[path = "../../../kiln-text/tests/it/skips.rs"]
mod skips;
mod small_run;
mod text_dataset;
mod training;
mod twins;
mod within_epochs;
