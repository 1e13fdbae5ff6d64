//! Passes over texts, what they tell of their progress, and files that are written whole or not at all.

pub(crate) mod file_kind;
pub(crate) mod json_file;
pub(crate) mod progress;
pub(crate) mod python_json;
pub(crate) mod text_batches;
pub(crate) mod write_file;

pub use progress::Progress;
pub use write_file::WholeFile;
