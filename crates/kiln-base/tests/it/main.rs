//! The laws of the shared engines.

mod checksum;
mod damage;
mod interner;
mod options;
mod random;
mod whole_file;
