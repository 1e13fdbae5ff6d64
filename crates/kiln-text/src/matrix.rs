//! Bags of words: Keras's `texts_to_matrix` and `sequences_to_matrix`. Leaves out scikit-learn's and
//! `TextVectorization`'s tf-idf, which are other formulas.

use crate::error::{Error, Result};
use crate::word_tokenizer::WordTokenizer;

/// What a cell of a [`Matrix`] says of a word (Keras's `mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixMode {
    /// 1 if the word occurs.
    Binary,
    /// How often it occurs.
    Count,
    /// How often it occurs, over the length of the sequence, ids beyond the columns included.
    Freq,
    /// `(1 + ln count) * ln(1 + documents / (1 + documents with the word))`, not normalised.
    TfIdf,
}

/// A row for each text, a column for each id; column 0 is always 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The cells, row by row.
    pub values: Vec<f64>,
    /// How many rows.
    pub rows: usize,
    /// How many columns: `num_words`, or the number of words + 1.
    pub columns: usize,
}

impl Matrix {
    /// One row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}

impl WordTokenizer {
    /// Encodes texts and counts their words.
    ///
    /// # Errors
    ///
    /// As [`sequences_to_matrix`](Self::sequences_to_matrix).
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::{MatrixMode, WordTokenizer};
    ///
    /// let tokenizer = WordTokenizer::builder().fit(["a b", "b c"])?;
    /// let matrix = tokenizer.texts_to_matrix(&["a b b"], MatrixMode::Count)?;
    /// assert_eq!(matrix.row(0), [0.0, 2.0, 1.0, 0.0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn texts_to_matrix(&self, texts: &[impl AsRef<str> + Sync], mode: MatrixMode) -> Result<Matrix> {
        self.sequences_to_matrix(&self.encode_batch(texts), mode)
    }

    /// Counts the ids of sequences. Ids beyond the columns are ignored; an empty sequence is a row of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixWithoutWords`] without words and `num_words`, [`Error::TfIdfWithoutDocuments`] before any
    /// document was seen, [`Error::TooLarge`] if the matrix does not fit in memory.
    pub fn sequences_to_matrix(&self, sequences: &[impl AsRef<[u32]>], mode: MatrixMode) -> Result<Matrix> {
        let columns = match self.num_words() {
            Some(columns) => columns,
            None if self.words().len() > 0 => self.words().len() + 1,
            None => return Err(Error::MatrixWithoutWords),
        };
        if mode == MatrixMode::TfIdf && self.document_count() == 0 {
            return Err(Error::TfIdfWithoutDocuments);
        }
        let rows = sequences.len();
        let mut values = crate::pad::filled(rows, columns, 0.0, "a matrix")?;
        for (row, sequence) in values.chunks_exact_mut(columns).zip(sequences) {
            let sequence = sequence.as_ref();
            for &id in sequence {
                if let Some(cell) = row.get_mut(id as usize).filter(|_| id != 0) {
                    *cell += 1.0;
                }
            }
            let length = sequence.len() as f64;
            for (id, cell) in row.iter_mut().enumerate().filter(|(_, cell)| **cell != 0.0) {
                *cell = match mode {
                    MatrixMode::Binary => 1.0,
                    MatrixMode::Count => *cell,
                    MatrixMode::Freq => *cell / length,
                    MatrixMode::TfIdf => {
                        let with_word = self.index_docs.get(id).copied().unwrap_or(0) as f64;
                        let rarity = (1.0 + self.document_count() as f64 / (1.0 + with_word)).ln();
                        (1.0 + cell.ln()) * rarity
                    }
                };
            }
        }
        Ok(Matrix { values, rows, columns })
    }
}
