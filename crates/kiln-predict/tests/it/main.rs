//! Tests of kiln-predict.

#![cfg(feature = "flex")]

#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damage;
mod damaged;
mod linear;
mod loading;
mod own_kinds;
mod saved_model;
