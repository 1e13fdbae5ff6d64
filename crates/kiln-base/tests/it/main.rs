//! The laws of the shared engines.

mod interner;
mod options;
mod random;
mod whole_file;
