//! One document per file: a list of files read one at a time, and documents sent by another thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::vec;

use kiln_base::Encoding;
use kiln_base::input::{mark_of, text_of};

use super::lines::total_bytes;
use crate::corpora::corpus_documents::{CorpusDocuments, Rows};
use crate::corpora::documents::Document;
use crate::error::{CorpusError, Error, Result};

/// The text of a file that was read whole, without its byte order mark.
pub(crate) fn decode(encoding: Encoding, bytes: Vec<u8>, file: impl Fn() -> String) -> Result<String> {
    let mark = mark_of(&bytes);
    let bytes = text_of(bytes, Some(encoding)).map_err(|source| Error::io("read", Path::new(&file()))(source))?;
    String::from_utf8(bytes)
        .map_err(|error| CorpusError::NotUtf8 { file: file(), offset: mark + error.utf8_error().valid_up_to() }.into())
}

/// Files with a label each.
pub(crate) struct TextFiles {
    files: vec::IntoIter<(PathBuf, u32)>,
    encoding: Encoding,
    read: Arc<AtomicU64>,
}

impl TextFiles {
    /// The documents of `files`, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for a file that is not there.
    pub(crate) fn documents(
        files: Vec<(PathBuf, u32)>,
        encoding: Encoding,
        class_names: Vec<String>,
    ) -> Result<CorpusDocuments<'static>> {
        let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
        let (total, read) = (total_bytes(&paths)?, Arc::<AtomicU64>::default());
        let rows = Self { files: files.into_iter(), encoding, read: Arc::clone(&read) };
        Ok(CorpusDocuments::new(rows, read, total, class_names))
    }
}

impl Rows for TextFiles {
    fn next_row(&mut self) -> Option<Result<Document>> {
        let (path, label) = self.files.next()?;
        let bytes = match fs::read(&path).map_err(Error::io("read", &path)) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let text = decode(self.encoding, bytes, || path.display().to_string());
        Some(text.map(|text| Document { text, label }))
    }
}

/// The documents that a thread sends, until it ends.
pub(crate) struct Sent(pub(crate) Receiver<Result<Document>>);

impl Rows for Sent {
    fn next_row(&mut self) -> Option<Result<Document>> {
        self.0.recv().ok()
    }
}
