//! Integration tests of `kiln-report`.

#[cfg(feature = "plot")]
mod pictures;
mod properties;
mod shown;
mod sklearn;
