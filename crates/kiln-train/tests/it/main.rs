//! Integration tests of `kiln-train`.

mod artifact;
mod callbacks;
#[path = "../../../kiln-models/tests/it/devices.rs"]
mod devices;
mod embeddings;
mod language_model;
mod optimizers;
mod small_run;
mod text_dataset;
mod training;
mod twins;
