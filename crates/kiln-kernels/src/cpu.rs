//! The kernels of the CPU, on slices of 32-bit floats: one core for all CPU backends.

pub(crate) mod adam;
mod cells;
pub(crate) mod conv;
pub(crate) mod dropout;
pub(crate) mod embedding;
mod lanes;
pub(crate) mod pooling;
mod product;
pub(crate) mod recurrent;
mod shared;
mod table_rows;
pub(crate) mod word_tables;

pub(crate) use product::peak as product_peak;
