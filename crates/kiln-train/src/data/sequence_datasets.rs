//! [`SequenceDatasets`]: data sets of documents that a [`SequenceEncoder`] encodes and pads.

use kiln_predict::SequenceEncoder;
use kiln_text::corpora::{Document, Documents};
use kiln_text::rows::Padded;

use crate::data::rows::TokenDataset;
use crate::data::text_dataset::each_encoded;
use crate::error::Result;

/// Data sets from a [`SequenceEncoder`].
///
/// # Examples
///
/// ```
/// use kiln_text::corpora::{Document, Documents};
/// use kiln_text::encoders::WordTokenizer;
/// use kiln_predict::SequenceEncoder;
/// use kiln_train::SequenceDatasets;
///
/// let documents = Documents::new(
///     vec![
///         Document { text: "a fine film".into(), label: 1 },
///         Document { text: "a dull film".into(), label: 0 },
///     ],
///     ["neg", "pos"],
/// )?;
/// let tokenizer = WordTokenizer::builder().fit(documents.texts())?;
/// let encode = SequenceEncoder::new(tokenizer, 5)?;
/// let data = encode.dataset(&documents)?;
/// assert_eq!(data.steps(), 5);
/// # Ok::<(), kiln_train::Error>(())
/// ```
pub trait SequenceDatasets {
    /// A data set of `documents` and their labels.
    ///
    /// # Errors
    ///
    /// Those of [`SequenceEncoder::pad`].
    fn dataset(&self, documents: &Documents) -> Result<TokenDataset>;

    /// A data set of texts, each with any of `count` labels, for a model with
    /// [`Head::Labels`](kiln_models::Head::Labels).
    ///
    /// # Errors
    ///
    /// Those of [`SequenceEncoder::pad`] and of [`TokenDataset::with_labels`].
    fn labels_dataset(
        &self,
        texts: &[impl AsRef<str> + Sync],
        labels: Vec<Vec<u32>>,
        count: usize,
    ) -> Result<TokenDataset>;

    /// A data set of documents that are read one at a time, such as those of a
    /// [`CorpusDocuments`](kiln_text::corpora::CorpusDocuments). Only the padded rows stay in memory.
    ///
    /// # Errors
    ///
    /// The first error among the documents, or one of [`SequenceEncoder::pad`].
    fn corpus_dataset(&self, documents: impl IntoIterator<Item = kiln_text::Result<Document>>) -> Result<TokenDataset>;
}

impl SequenceDatasets for SequenceEncoder {
    fn dataset(&self, documents: &Documents) -> Result<TokenDataset> {
        let texts: Vec<&str> = documents.texts().collect();
        TokenDataset::new(self.pad(&texts)?, documents.labels(), self.vocab_size())
    }

    fn labels_dataset(
        &self,
        texts: &[impl AsRef<str> + Sync],
        labels: Vec<Vec<u32>>,
        count: usize,
    ) -> Result<TokenDataset> {
        TokenDataset::with_labels(self.pad(texts)?, labels, count, self.vocab_size())
    }

    fn corpus_dataset(&self, documents: impl IntoIterator<Item = kiln_text::Result<Document>>) -> Result<TokenDataset> {
        let pad = self.pad_sequences();
        let mut all = Padded { values: Vec::new(), rows: 0, len: self.shape().max_len, spans: Vec::new() };
        let mut labels = Vec::new();
        each_encoded(documents, self.encoder(), &mut labels, |ids| {
            let row = pad.pad(&[ids])?;
            all.values.extend_from_slice(&row.values);
            all.spans.extend_from_slice(&row.spans);
            all.rows += 1;
            Ok(())
        })?;
        TokenDataset::new(all, labels, self.vocab_size())
    }
}
