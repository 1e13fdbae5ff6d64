//! [`PennTreebank`]: the text on which language models are compared.
//!
//! References: Marcus, Santorini, Marcinkiewicz, "Building a Large Annotated Corpus of English", 1993; prepared as in
//! Mikolov et al., "Recurrent neural network based language model", 2010.

use std::path::{Path, PathBuf};

use kiln_base::Encoding;

use super::formats::lines::{LineRows, Shard, plain_or_gz};
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::Document;
use crate::error::Result;

/// Penn Treebank as Mikolov prepared it: `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`, 10,000 words.
///
/// A document is a line: its words, separated by spaces, followed by [`EOS`](Self::EOS). As one sequence of words
/// ([`CorpusDocuments::words`]) the three parts have 929,589, 73,760 and 82,430 words.
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
    /// The word at the end of each line.
    pub const EOS: &str = "<eos>";

    /// Opens the folder that holds the three files, plain or with `.gz` after their names.
    pub fn open(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().to_path_buf(), encoding: Encoding::UTF_8 }
    }

    setters! {
        /// The encoding of the files. Default: UTF-8, as they are published.
        encoding(encoding: Encoding) => encoding = encoding;
    }

    /// The training lines.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) for a missing file. As items:
    /// [`CorpusError::Row`](crate::error::CorpusError::Row) for a line that is not UTF-8,
    /// [`CorpusError::EmptyFile`](crate::error::CorpusError::EmptyFile).
    pub fn train(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("ptb.train.txt")
    }

    /// The validation lines.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn valid(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("ptb.valid.txt")
    }

    /// The test lines.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn test(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("ptb.test.txt")
    }

    fn documents(&self, name: &str) -> Result<CorpusDocuments<'static>> {
        LineRows::documents(&[plain_or_gz(&self.folder, name)], Shard::WHOLE, self.encoding, Vec::new(), |line| {
            let words: Vec<&str> = line.text.split_whitespace().chain([Self::EOS]).collect();
            Ok(Some(Document { text: words.join(" "), label: 0 }))
        })
    }
}
