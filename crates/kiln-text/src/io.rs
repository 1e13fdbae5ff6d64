//! Passes over texts, their progress, and files that are written whole or not at all.

pub(crate) mod batches;
pub(crate) mod file_kind;
pub(crate) mod json_file;
pub(crate) mod observed;
pub(crate) mod python_json;
pub(crate) mod saved;
pub(crate) mod text;

pub use kiln_base::WholeFile;
pub use observed::{TextProgress, observed};
pub use saved::Saved;
pub use text::Text;
