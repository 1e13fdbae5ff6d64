//! [`TextVectorization`]: texts to ids or to bags of tokens, exactly like Keras's layer of that name. This file holds
//! encoding. A text becomes tokens in `text_vectorization/tokens.rs`, options and learning are in
//! `text_vectorization/builder.rs`, and files in `text_vectorization/files.rs`.
//!
//! Version followed: `keras.layers.TextVectorization` of Keras 3.15 with the TensorFlow backend. It differs from
//! Keras's legacy `Tokenizer` ([`WordTokenizer`](crate::encoders::WordTokenizer)) in almost everything: only ASCII is
//! lower-cased; punctuation is deleted, which joins its neighbours; ties go to the token with the greater bytes;
//! padding comes after the ids; and a tf-idf cell is the plain count times the same idf.
//!
//! Departures: what fails only later in Keras is an error here; a vocabulary file is not opened by its name in a
//! configuration; the undocumented output mode `one_hot` and functions as `standardize` or `split` are not supported.

mod builder;
mod files;
mod tokens;

use rayon::prelude::*;

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result, TextVectorizationError};
use crate::features::sparse::{SparseMatrix, add_rows, by_batches, sparse_columns};
use crate::io::batches::in_batches;
use crate::io::text::Text;
use crate::rows::matrix::Matrix;
use crate::rows::pad::{Padded, filled};
use kiln_base::{Interner, Span};
use tokens::{Scratch, TokenStream};

pub use builder::{OutputMode, TextVectorizationBuilder};
pub(crate) use files::CLASS_NAME;
pub use tokens::{SplitBy, Standardize};

/// Keras's mask token and unknown token.
pub(crate) const MASK: &str = "";
pub(crate) const UNKNOWN: &str = "[UNK]";

/// The id of the first token: 0 is padding, 1 an unknown token.
const FIRST_ID: u32 = 2;

/// The name of the rows in errors.
const ROWS_OF_IDS: &str = "rows of ids";

/// How many texts a thread processes at a time.
const TEXTS_AT_A_TIME: usize = 16;

/// Turns texts into rows of ids, or into rows with one column per token, like Keras's `TextVectorization`.
///
/// # Examples
///
/// ```
/// use kiln_text::keras::{OutputMode, TextVectorization};
///
/// let texts = ["foo bar", "bar baz", "baz bada boom"];
/// let vectorization = TextVectorization::builder().max_tokens(5000).output_sequence_length(4).adapt(texts)?;
/// let vocabulary: Vec<&str> = vectorization.vocabulary().collect();
/// assert_eq!(vocabulary, ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]);
/// let rows = vectorization.ids(&["foo qux bar", "qux baz"])?;
/// assert_eq!(rows.row(0), [4, 1, 3, 0]);
/// assert_eq!(rows.row(1), [1, 2, 0, 0]);
///
/// let counting = TextVectorization::builder().output_mode(OutputMode::Count).adapt(texts)?;
/// assert_eq!(counting.matrix(["Bar, bar: foo... qux!"])?.row(0), [1.0, 0.0, 2.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TextVectorization {
    options: TextVectorizationBuilder,
    tokens: TokenStream,
    /// Token i has id i + 2 and column i + 1.
    terms: Interner,
    /// With [`OutputMode::TfIdf`], the weight of each column, starting with the unknown token's.
    idf: Vec<f32>,
}

impl TextVectorization {
    /// The options, with Keras's defaults.
    pub fn builder() -> TextVectorizationBuilder {
        TextVectorizationBuilder::default()
    }

    /// The rows of ids of texts, on all threads: 0 is padding, which comes after the ids, and 1 is an unknown token.
    /// Rows have `output_sequence_length` steps, or as many as the longest text has tokens.
    ///
    /// # Errors
    ///
    /// [`TextVectorizationError::OutputMode`] with another output mode, [`Error::TooLarge`] if the rows do not fit in
    /// memory, and the first error among the texts.
    pub fn ids(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<Padded<u32>> {
        if self.options.output_mode != OutputMode::Ids {
            let mode = self.options.output_mode.name();
            return Err(TextVectorizationError::OutputMode { asked: "ids", mode }.into());
        }
        let Some(len) = self.options.output_sequence_length else {
            return padded(&self.encode_all(texts)?);
        };
        let (values, valid) = self.dense(texts, len, ROWS_OF_IDS, |scratch, text, row| {
            let mut valid = 0;
            self.each_id(scratch, text, |id| {
                row[valid] = id;
                valid += 1;
                valid < len
            });
            valid
        })?;
        let spans: Vec<Span> = valid.into_iter().map(|len| Span { start: 0, len }).collect();
        Ok(Padded { values, rows: spans.len(), len, spans })
    }

    /// One row per text and one column per token, starting with the unknown token's, on all threads. Depending on the
    /// output mode, a cell says whether or how often the token occurs; with [`OutputMode::TfIdf`] it is the count times
    /// the weight.
    ///
    /// # Errors
    ///
    /// [`TextVectorizationError::OutputMode`] with [`OutputMode::Ids`], [`Error::TooLarge`] if the matrix does not fit
    /// in memory, and the first error among the texts.
    pub fn matrix(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<Matrix> {
        let columns = self.bag_columns()?;
        let (values, rows) = self.dense(texts, columns, "a matrix", |scratch, text, row| {
            self.each_column(scratch, text, |column| row[column] += 1.0);
            for (column, cell) in row.iter_mut().enumerate().filter(|(_, cell)| **cell != 0.0) {
                *cell = f64::from(self.cell(column, *cell as f32));
            }
        })?;
        Ok(Matrix { values, rows: rows.len(), columns })
    }

    /// Rows of `len` values one after the other, each filled from a text by `fill`, and the results of `fill`.
    fn dense<V: Copy + Default + Send + Sync, R: Send>(
        &self,
        texts: impl IntoIterator<Item = impl Text>,
        len: usize,
        what: &'static str,
        fill: impl Fn(&mut Scratch, &str, &mut [V]) -> R + Sync,
    ) -> Result<(Vec<V>, Vec<R>)> {
        let (mut values, mut results) = (Vec::new(), Vec::new());
        in_batches(texts, |before, texts| {
            let before = before as usize * len;
            let too_large = |_| Error::TooLarge { what, rows: before / len + texts.len(), columns: len };
            values.try_reserve(texts.len().saturating_mul(len)).map_err(too_large)?;
            values.resize(before + texts.len() * len, V::default());
            let rows = values[before..].par_chunks_mut(len).zip(texts).with_min_len(TEXTS_AT_A_TIME);
            results
                .par_extend(rows.map_init(Scratch::default, |scratch, (row, text)| fill(scratch, text.as_ref(), row)));
            Ok(())
        })?;
        Ok((values, results))
    }

    /// The same as [`matrix`](Self::matrix) without the zeros.
    ///
    /// # Errors
    ///
    /// [`TextVectorizationError::OutputMode`] with [`OutputMode::Ids`], [`Error::TooLarge`] for a `max_tokens` above
    /// the largest number of columns, and the first error among the texts.
    pub fn sparse_matrix(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<SparseMatrix<f32>> {
        let columns = sparse_columns(self.bag_columns()?)?;
        let scratch = || (Scratch::default(), Vec::new());
        by_batches(texts, columns, |rows, texts| {
            add_rows(rows, texts, scratch, |(scratch, all), text, columns, cells| {
                all.clear();
                self.each_column(scratch, text.as_ref(), |column| all.push(column));
                all.sort_unstable();
                for run in all.chunk_by(|a, b| a == b) {
                    columns.push(run[0] as u32);
                    cells.push(self.cell(run[0], run.len() as f32));
                }
            });
        })
    }

    /// The value of a cell with `count` occurrences, one or more.
    fn cell(&self, column: usize, count: f32) -> f32 {
        match self.options.output_mode {
            OutputMode::Ids | OutputMode::Count => count,
            OutputMode::MultiHot => 1.0,
            OutputMode::TfIdf => count * self.idf[column],
        }
    }

    /// The number of columns of [`matrix`](Self::matrix): `max_tokens` with `pad_to_max_tokens`, else the number of
    /// tokens including the unknown one.
    fn bag_columns(&self) -> Result<usize> {
        let mode = self.options.output_mode;
        if mode == OutputMode::Ids {
            return Err(TextVectorizationError::OutputMode { asked: "a matrix", mode: mode.name() }.into());
        }
        let tokens = self.terms.len() + 1;
        Ok(match self.options.max_tokens {
            Some(most) if self.options.pad_to_max_tokens => most.max(tokens),
            _ => tokens,
        })
    }

    /// The vocabulary as returned by Keras's `get_vocabulary`: padding (with [`OutputMode::Ids`]) and the unknown token
    /// first. The place of a token is its id, or its column.
    pub fn vocabulary(&self) -> impl Iterator<Item = &str> + Clone {
        let special = self.options.output_mode.special_tokens();
        special.iter().copied().chain(self.terms.iter())
    }

    /// The token of an id, also if the output mode has columns instead; a column's number is its id - 1.
    pub fn token(&self, id: u32) -> Option<&str> {
        match id {
            0 => Some(MASK),
            1 => Some(UNKNOWN),
            _ => self.terms.text(id - FIRST_ID),
        }
    }

    /// The tokens of ids, joined by spaces; characters are joined by nothing. Skips padding and ids without a token.
    pub fn decode(&self, ids: &[u32]) -> String {
        let tokens: Vec<&str> = ids.iter().filter(|&&id| id != 0).filter_map(|&id| self.token(id)).collect();
        let characters = self.options.split == Some(SplitBy::Character) && self.options.ngrams.is_none();
        tokens.join(if characters { "" } else { " " })
    }

    /// The weights of the columns with [`OutputMode::TfIdf`]: `ln(1 + documents / (1 + documents with the token))`, and
    /// their mean in column 0, for unknown tokens. Empty in other modes.
    pub fn idf_weights(&self) -> &[f32] {
        &self.idf
    }

    /// The options that it was made with.
    pub fn options(&self) -> &TextVectorizationBuilder {
        &self.options
    }

    fn encode_with(&self, scratch: &mut Scratch, text: &str) -> Vec<u32> {
        let most = self.options.output_sequence_length.unwrap_or(usize::MAX);
        // English has about six bytes per word.
        let mut ids = Vec::with_capacity(most.min(text.len() / 6 + 1));
        self.each_id(scratch, text, |id| {
            ids.push(id);
            ids.len() < most
        });
        ids
    }

    /// Calls `take` with every id of a text until it returns false.
    #[inline]
    fn each_id(&self, scratch: &mut Scratch, text: &str, mut take: impl FnMut(u32) -> bool) {
        self.tokens.each_until(scratch, text, |bytes, (start, end)| {
            take(match self.terms.find_in(bytes, (start, end)) {
                Some(term) => term + FIRST_ID,
                None => u32::from(start < end),
            })
        });
    }

    /// Calls `take` with the column of every token of a text. An empty token, which is the mask, has no column.
    fn each_column(&self, scratch: &mut Scratch, text: &str, mut take: impl FnMut(usize)) {
        self.each_id(scratch, text, |id| {
            if let Some(column) = (id as usize).checked_sub(1) {
                take(column);
            }
            true
        });
    }
}

/// Rows as long as the longest sequence, with padding after it.
fn padded(sequences: &[Vec<u32>]) -> Result<Padded<u32>> {
    let (rows, len) = (sequences.len(), sequences.iter().map(Vec::len).max().unwrap_or(0));
    let mut values = filled(rows, len, 0, ROWS_OF_IDS)?;
    for (row, ids) in values.chunks_exact_mut(len.max(1)).zip(sequences) {
        row[..ids.len()].copy_from_slice(ids);
    }
    let spans = sequences.iter().map(|ids| Span { start: 0, len: ids.len() }).collect();
    Ok(Padded { values, rows, len, spans })
}

/// Returns the ids of [`OutputMode::Ids`] in every output mode, at most `output_sequence_length` of them, not padded.
impl Encoder for TextVectorization {
    fn encode(&self, text: &str) -> Vec<u32> {
        self.encode_with(&mut Scratch::default(), text)
    }

    fn vocab_size(&self) -> usize {
        self.terms.len() + FIRST_ID as usize
    }

    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        let texts = texts.par_iter().with_min_len(TEXTS_AT_A_TIME);
        texts.map_init(Scratch::default, |scratch, text| self.encode_with(scratch, text)).collect()
    }
}
