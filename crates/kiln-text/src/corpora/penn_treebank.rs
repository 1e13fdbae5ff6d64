//! [`PennTreebank`]: the text that language models are compared on. Leaves out how lines are read (`lines.rs`).
//!
//! References: Marcus, Santorini, Marcinkiewicz, "Building a Large Annotated Corpus of English", 1993; prepared as in
//! Mikolov et al., "Recurrent neural network based language model", 2010.

use std::path::{Path, PathBuf};

use kiln_base::Encoding;

use super::formats::lines::{LineRows, plain_or_gz};
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::Document;
use crate::error::Result;

/// Penn Treebank as Mikolov prepared it: `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`, 10,000 words.
///
/// A document is a line: its words, a space between two, and [`EOS`](Self::EOS) behind. As one run of words
/// ([`CorpusDocuments::words`]) they are 929,589, 73,760 and 82,430.
///
/// ```no_run
/// use kiln_text::corpora::PennTreebank;
/// use kiln_text::vocabulary::{TokenOrder, Vocabulary, whitespace_tokens};
///
/// let treebank = PennTreebank::open("ptb");
/// let texts = treebank.train()?.texts();
/// let builder = Vocabulary::builder().order(TokenOrder::FirstAppearance);
/// let vocabulary = builder.fit(texts, whitespace_tokens)?;
/// let words: Vec<String> = treebank.train()?.words().collect::<Result<_, _>>()?;
/// let ids = vocabulary.encode(&words);
/// assert_eq!((vocabulary.len(), ids.len()), (10_000, 929_589));
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PennTreebank {
    folder: PathBuf,
    encoding: Encoding,
}

impl PennTreebank {
    /// The word at line ends.
    pub const EOS: &str = "<eos>";

    /// Takes the folder that holds the three files, plain or with `.gz` behind their names.
    pub fn open(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().to_path_buf(), encoding: Encoding::UTF_8 }
    }

    setters! {
        /// How the files' bytes stand for characters. Default: UTF-8, as they are published.
        encoding(encoding: Encoding) => encoding = encoding;
    }

    /// The lines for training.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if the file is not there. As items:
    /// [`CorpusError::Row`](crate::error::CorpusError::Row) for a line that is not UTF-8,
    /// [`CorpusError::EmptyFile`](crate::error::CorpusError::EmptyFile).
    pub fn train(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("ptb.train.txt")
    }

    /// The lines for validation.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn valid(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("ptb.valid.txt")
    }

    /// The lines for testing.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn test(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("ptb.test.txt")
    }

    fn documents(&self, name: &str) -> Result<CorpusDocuments<'static>> {
        LineRows::documents(&[plain_or_gz(&self.folder, name)], self.encoding, Vec::new(), |line| {
            let words: Vec<&str> = line.text.split_whitespace().chain([Self::EOS]).collect();
            Ok(Some(Document { text: words.join(" "), label: 0 }))
        })
    }
}
