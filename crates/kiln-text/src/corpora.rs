//! Labelled texts in order: in memory ([`Documents`]), or read from files one document at a time ([`CorpusDocuments`]).

pub(crate) mod archive;
pub(crate) mod corpus_documents;
pub(crate) mod documents;
pub(crate) mod download;
pub(crate) mod folder;
pub(crate) mod formats;
pub(crate) mod imdb;
mod nsmc;
mod penn_treebank;
pub mod reviews;

pub use corpus_documents::{BadRow, BadRows, CorpusDocuments};
pub use documents::{Document, Documents};
pub use download::Download;
pub use folder::ClassFolder;
pub use formats::delimited::DelimitedCorpus;
pub use formats::json_lines::JsonLinesCorpus;
pub use formats::labels::Labels;
pub use formats::line_corpus::LineCorpus;
pub use imdb::Imdb;
pub use kiln_base::{Column, Encoding};
pub use nsmc::Nsmc;
pub use penn_treebank::PennTreebank;
