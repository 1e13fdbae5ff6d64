//! From documents to padded rows of ids: a text encoder and the padding after it.

use burn::tensor::Device;
use kiln_base::OptionError;
use kiln_models::TokenBatch;
use kiln_text::corpora::{Document, Documents};
use kiln_text::encoders::{Encoder, TextEncoder};
use kiln_text::rows::{PadSequences, Padded, Padding, Truncating};
use serde::{Deserialize, Serialize};

use crate::data::batches::token_batch;
use crate::data::rows::TokenDataset;
use crate::data::text_dataset::each_encoded;
use crate::error::Result;

/// How rows are brought to one length. The defaults are Keras's: padded and truncated in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceShape {
    /// Steps of every row.
    pub max_len: usize,
    /// Where short rows are padded.
    #[serde(default)]
    pub padding: Padding,
    /// Where long rows are cut.
    #[serde(default)]
    pub truncating: Truncating,
}

/// Encodes texts and pads the ids to one length.
///
/// # Examples
///
/// ```
/// use kiln_text::corpora::{Document, Documents};
/// use kiln_text::encoders::WordTokenizer;
/// use kiln_train::SequenceEncoder;
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
/// assert_eq!(encode.pad(&["a fine film"])?.row(0), [0, 0, 1, 3, 2]);
/// let data = encode.dataset(&documents)?;
/// assert_eq!(data.steps(), 5);
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceEncoder {
    encoder: TextEncoder,
    shape: SequenceShape,
}

impl SequenceEncoder {
    /// Encodes by `encoder` into rows of `max_len` ids, padded and truncated in front.
    ///
    /// # Errors
    ///
    /// `max_len` is 0.
    pub fn new(encoder: impl Into<TextEncoder>, max_len: usize) -> Result<Self> {
        Self::with_shape(encoder, SequenceShape { max_len, padding: Padding::Pre, truncating: Truncating::Pre })
    }

    /// # Errors
    ///
    /// The length is 0.
    pub(crate) fn with_shape(encoder: impl Into<TextEncoder>, shape: SequenceShape) -> Result<Self> {
        OptionError::unless(shape.max_len > 0, "max_len", "at least 1", 0)?;
        Ok(Self { encoder: encoder.into(), shape })
    }

    /// Where short rows are padded. Default: in front.
    #[must_use]
    pub const fn padding(mut self, padding: Padding) -> Self {
        self.shape.padding = padding;
        self
    }

    /// Where rows beyond `max_len` lose ids. Default: in front.
    #[must_use]
    pub const fn truncating(mut self, truncating: Truncating) -> Self {
        self.shape.truncating = truncating;
        self
    }

    /// The text encoder.
    pub fn encoder(&self) -> &TextEncoder {
        &self.encoder
    }

    /// How rows are brought to one length.
    pub fn shape(&self) -> SequenceShape {
        self.shape
    }

    /// What an embedding needs as its vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.encoder.vocab_size()
    }

    /// The padded ids of `texts`.
    ///
    /// # Errors
    ///
    /// None: the rows have a length.
    pub fn pad(&self, texts: &[impl AsRef<str> + Sync]) -> Result<Padded<u32>> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        Ok(self.pad_sequences().pad(&self.encoder.try_encode_batch(&texts)?)?)
    }

    /// A data set of `documents` and their labels.
    ///
    /// # Errors
    ///
    /// As [`SequenceEncoder::pad`].
    pub fn dataset(&self, documents: &Documents) -> Result<TokenDataset> {
        let texts: Vec<&str> = documents.texts().collect();
        TokenDataset::new(self.pad(&texts)?, documents.labels(), self.vocab_size())
    }

    /// The same of documents that are read one at a time, such as those of a
    /// [`CorpusDocuments`](kiln_text::corpora::CorpusDocuments): what stays in memory are the padded rows.
    ///
    /// # Errors
    ///
    /// The first error among the documents, and those of [`SequenceEncoder::pad`].
    pub fn corpus_dataset(
        &self,
        documents: impl IntoIterator<Item = kiln_text::Result<Document>>,
    ) -> Result<TokenDataset> {
        let pad = self.pad_sequences();
        let mut all = Padded { values: Vec::new(), rows: 0, len: self.shape.max_len, spans: Vec::new() };
        let mut labels = Vec::new();
        each_encoded(documents, &self.encoder, &mut labels, |ids| {
            let row = pad.pad(&[ids])?;
            all.values.extend_from_slice(&row.values);
            all.spans.extend_from_slice(&row.spans);
            all.rows += 1;
            Ok(())
        })?;
        TokenDataset::new(all, labels, self.vocab_size())
    }

    fn pad_sequences(&self) -> PadSequences<u32> {
        let SequenceShape { max_len, padding, truncating } = self.shape;
        PadSequences::new().max_len(max_len).padding(padding).truncating(truncating)
    }

    /// A batch of `texts` for a model.
    ///
    /// # Errors
    ///
    /// As [`SequenceEncoder::pad`].
    pub fn tokens(&self, texts: &[impl AsRef<str> + Sync], device: &Device) -> Result<TokenBatch> {
        Ok(token_batch(self.pad(texts)?, device))
    }
}
