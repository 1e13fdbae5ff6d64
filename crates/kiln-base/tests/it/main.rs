//! The laws of the shared engines.

mod checksum;
mod damage;
mod input;
mod interner;
mod odd_files;
mod options;
mod random;
mod split;
mod whole_file;
