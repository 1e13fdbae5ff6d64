//! [`LineCorpus`]: one document per line.

use std::path::PathBuf;

use kiln_base::{Encoding, OptionError};

use super::labels::Labels;
use super::lines::{LineRows, Shard};
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::Document;
use crate::error::Result;

/// Files with one document per line, plain or gzip, read one after the other.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let (neg, pos) = (folder.path().join("rt.neg"), folder.path().join("rt.pos"));
/// # std::fs::write(&neg, "a bore .\n").unwrap();
/// # std::fs::write(&pos, "a joy .\nfine .\n").unwrap();
/// use kiln_text::corpora::LineCorpus;
///
/// let documents = LineCorpus::new([&neg, &pos]).label_by_file(["neg", "pos"]).documents()?.collect_documents()?;
/// assert_eq!(documents.labels(), [0, 1, 1]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCorpus {
    paths: Vec<PathBuf>,
    label_by_file: Option<Vec<String>>,
    skip_empty: bool,
    shard: Shard,
    encoding: Encoding,
}

impl LineCorpus {
    /// Reads the files in the order given.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            label_by_file: None,
            skip_empty: false,
            shard: Shard::WHOLE,
            encoding: Encoding::UTF_8,
        }
    }

    setters! {
        /// The class of each file, in the order of the files. Files with the same class name share a class. Default:
        /// none; the documents then have no classes.
        label_by_file(classes: impl IntoIterator<Item = impl Into<String>>) =>
            label_by_file = Some(classes.into_iter().map(Into::into).collect());

        /// Whether to skip lines that hold only white space. Default: false; they are documents.
        skip_empty(skip_empty: bool) => skip_empty = skip_empty;

        /// Only the lines of one of several shards, for workers that share the files: all shards together have every
        /// line once, in order, and about as many bytes each. A file that is packed, is not UTF-8 or ends its lines in
        /// CR is not cut. With fewer lines than shards, some shards have none. Default: shard 0 of 1, all lines.
        shard(index: usize, shards: usize) => shard = Shard { index, of: shards };

        /// The encoding of the files. Default: UTF-8, the only one that refuses invalid bytes; the others replace them
        /// by U+FFFD.
        encoding(encoding: Encoding) => encoding = encoding;
    }

    /// Reads the documents from the beginning.
    ///
    /// # Errors
    ///
    /// [`CorpusError::NoFiles`](crate::error::CorpusError::NoFiles), [`Error::File`](crate::Error::File) for a missing
    /// file, and [`Error::Option`](crate::Error::Option) if `label_by_file` does not name one class per file or there is
    /// no such `shard`. As items: [`CorpusError::Row`](crate::error::CorpusError::Row) for a line that is not UTF-8,
    /// [`CorpusError::EmptyFile`](crate::error::CorpusError::EmptyFile), [`Error::File`](crate::Error::File).
    pub fn documents(&self) -> Result<CorpusDocuments<'static>> {
        let (files, skip_empty) = (self.paths.len(), self.skip_empty);
        let names = self.label_by_file.as_deref().unwrap_or_default();
        let is_one_each = self.label_by_file.is_none() || names.len() == files;
        OptionError::unless(is_one_each, "label_by_file", format!("{files} classes, one for each file"), names.len())?;
        let labels = Labels::names(names);
        let classes: Vec<u32> = names.iter().map(|name| labels.class(name).unwrap_or_default()).collect();
        LineRows::documents(&self.paths, self.shard, self.encoding, labels.class_names().to_vec(), move |line| {
            if skip_empty && line.text.trim().is_empty() {
                return Ok(None);
            }
            let label = classes.get(line.file).copied().unwrap_or_default();
            Ok(Some(Document { text: line.text.to_owned(), label }))
        })
    }
}
