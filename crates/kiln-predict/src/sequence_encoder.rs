//! Turns documents into padded rows of ids: a text encoder followed by padding.

use burn::tensor::Device;
use kiln_base::OptionError;
use kiln_models::TokenBatch;
use kiln_text::encoders::{Encoder, TextEncoder};
use kiln_text::rows::{PadSequences, Padded, Padding, Truncating};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// How rows are brought to one length. The defaults are Keras's: padding and truncating at the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceShape {
    /// Steps in every row.
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
/// use kiln_predict::SequenceEncoder;
/// use kiln_text::encoders::WordTokenizer;
///
/// let tokenizer = WordTokenizer::builder().fit(["a fine film", "a dull film"])?;
/// let encode = SequenceEncoder::new(tokenizer, 5)?;
/// assert_eq!(encode.pad(&["a fine film"])?.row(0), [0, 0, 1, 3, 2]);
/// # Ok::<(), kiln_predict::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceEncoder {
    encoder: TextEncoder,
    shape: SequenceShape,
}

impl SequenceEncoder {
    /// Encodes with `encoder` into rows of `max_len` ids, padded and truncated at the front.
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

    /// Where short rows are padded. Default: at the front.
    #[must_use]
    pub const fn padding(mut self, padding: Padding) -> Self {
        self.shape.padding = padding;
        self
    }

    /// Where rows longer than `max_len` are cut. Default: at the front.
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

    /// The vocabulary size that an embedding needs.
    pub fn vocab_size(&self) -> usize {
        self.encoder.vocab_size()
    }

    /// The padded ids of `texts`.
    ///
    /// # Errors
    ///
    /// Never, because every row has a length.
    pub fn pad(&self, texts: &[impl AsRef<str> + Sync]) -> Result<Padded<u32>> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        Ok(self.pad_sequences().pad(&self.encoder.try_encode_batch(&texts)?)?)
    }

    /// The padding that follows the encoder.
    #[doc(hidden)]
    pub fn pad_sequences(&self) -> PadSequences<u32> {
        let SequenceShape { max_len, padding, truncating } = self.shape;
        PadSequences::new().max_len(max_len).padding(padding).truncating(truncating)
    }

    /// A batch of `texts` for a model.
    ///
    /// # Errors
    ///
    /// Same as [`SequenceEncoder::pad`].
    pub fn tokens(&self, texts: &[impl AsRef<str> + Sync], device: &Device) -> Result<TokenBatch> {
        Ok(token_batch(self.pad(texts)?, device))
    }
}

/// Padded rows as a batch for a model.
#[doc(hidden)]
pub fn token_batch(padded: Padded<u32>, device: &Device) -> TokenBatch {
    let Padded { values, len, spans, .. } = padded;
    TokenBatch::new(values.into_iter().map(|id| id as i32).collect(), len, spans, device)
}
