//! The formats of corpora: lines, delimited columns, JSON lines, and one file per document.

pub(crate) mod delimited;
pub(crate) mod json_lines;
pub(crate) mod labels;
pub(crate) mod line_corpus;
pub(crate) mod lines;
mod rows;
pub(crate) mod text_files;
