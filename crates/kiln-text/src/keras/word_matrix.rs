//! Bags of words: Keras's `texts_to_matrix` and `sequences_to_matrix`. scikit-learn's and `TextVectorization`'s tf-idf
//! use other formulas.

use kiln_base::sparse::Rows;
use rayon::prelude::*;

use crate::encoders::encoder::Encoder;
use crate::encoders::word_tokenizer::WordTokenizer;
use crate::error::{Error, Result};
use crate::features::sparse::{SparseMatrix, add_rows, by_batches, sparse_columns};
use crate::io::text::Text;
use crate::rows::matrix::Matrix;

/// The meaning of a cell of a [`Matrix`] (Keras's `mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixMode {
    /// 1 if the word occurs.
    Binary,
    /// How often it occurs.
    Count,
    /// How often it occurs, divided by the length of the sequence, including ids beyond the columns.
    Freq,
    /// `(1 + ln count) * ln(1 + documents / (1 + documents with the word))`, not normalised.
    TfIdf,
}

impl WordTokenizer {
    /// Encodes texts and counts their words.
    ///
    /// # Errors
    ///
    /// Those of [`sequences_to_matrix`](Self::sequences_to_matrix), and the first error among the texts.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::encoders::WordTokenizer;
    /// use kiln_text::keras::MatrixMode;
    ///
    /// let tokenizer = WordTokenizer::builder().fit(["a b", "b c"])?;
    /// let matrix = tokenizer.texts_to_matrix(&["a b b"], MatrixMode::Count)?;
    /// assert_eq!(matrix.row(0), [0.0, 2.0, 1.0, 0.0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn texts_to_matrix(&self, texts: impl IntoIterator<Item = impl Text>, mode: MatrixMode) -> Result<Matrix> {
        self.sequences_to_matrix(&self.encode_all(texts)?, mode)
    }

    /// Counts the ids of sequences, on all threads. Ids beyond the columns are ignored; an empty sequence gives a row
    /// of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixWithoutWords`] without words and `num_words`, [`Error::TfIdfWithoutDocuments`] if no document has
    /// been fitted, [`Error::TooLarge`] if the matrix does not fit in memory.
    pub fn sequences_to_matrix(&self, sequences: &[impl AsRef<[u32]> + Sync], mode: MatrixMode) -> Result<Matrix> {
        let columns = self.matrix_columns(mode)?;
        let rows = sequences.len();
        let mut values = crate::rows::pad::filled(rows, columns, 0.0, "a matrix")?;
        values.par_chunks_exact_mut(columns).with_min_len(8).zip(sequences).for_each(|(row, sequence)| {
            let sequence = sequence.as_ref();
            for &id in sequence {
                if let Some(cell) = row.get_mut(id as usize).filter(|_| id != 0) {
                    *cell += 1.0;
                }
            }
            for (id, cell) in row.iter_mut().enumerate().filter(|(_, cell)| **cell != 0.0) {
                *cell = self.cell(mode, id, *cell, sequence.len());
            }
        });
        Ok(Matrix { values, rows, columns })
    }

    /// [`texts_to_matrix`](Self::texts_to_matrix) without the zeros.
    ///
    /// # Errors
    ///
    /// Those of [`sequences_to_matrix`](Self::sequences_to_matrix); [`Error::TooLarge`] for a `num_words` above the
    /// largest number of columns; and the first error among the texts.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::encoders::WordTokenizer;
    /// use kiln_text::features::to_dense;
    /// use kiln_text::keras::MatrixMode;
    ///
    /// let tokenizer = WordTokenizer::builder().fit(["a b", "b c"])?;
    /// let sparse = tokenizer.texts_to_sparse_matrix(&["a b b"], MatrixMode::Count)?;
    /// assert_eq!((sparse.nnz(), sparse.get(0, 1)), (2, Some(&2.0)));
    /// assert_eq!(to_dense(&sparse)?, tokenizer.texts_to_matrix(&["a b b"], MatrixMode::Count)?);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn texts_to_sparse_matrix(
        &self,
        texts: impl IntoIterator<Item = impl Text>,
        mode: MatrixMode,
    ) -> Result<SparseMatrix<f64>> {
        let columns = sparse_columns(self.matrix_columns(mode)?)?;
        by_batches(texts, columns, |rows, texts| {
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            self.add_rows(rows, &self.encode_batch(&texts), columns, mode);
        })
    }

    fn add_rows(&self, rows: &mut Rows<f64>, sequences: &[impl AsRef<[u32]> + Sync], columns: usize, mode: MatrixMode) {
        add_rows(rows, sequences, Vec::new, |ids: &mut Vec<u32>, sequence, cells, values| {
            let sequence = sequence.as_ref();
            ids.clear();
            ids.extend(sequence.iter().filter(|&&id| id != 0 && (id as usize) < columns));
            ids.sort_unstable();
            for same in ids.chunk_by(|a, b| a == b) {
                cells.push(same[0]);
                values.push(self.cell(mode, same[0] as usize, same.len() as f64, sequence.len()));
            }
        });
    }

    fn matrix_columns(&self, mode: MatrixMode) -> Result<usize> {
        let columns = match self.num_words() {
            Some(columns) => columns,
            None if self.words().len() > 0 => self.words().len() + 1,
            None => return Err(Error::MatrixWithoutWords),
        };
        match mode {
            MatrixMode::TfIdf if self.document_count() == 0 => Err(Error::TfIdfWithoutDocuments),
            _ => Ok(columns),
        }
    }

    /// The value for a word that occurs `count` times, once or more, in a sequence.
    fn cell(&self, mode: MatrixMode, id: usize, count: f64, length: usize) -> f64 {
        match mode {
            MatrixMode::Binary => 1.0,
            MatrixMode::Count => count,
            MatrixMode::Freq => count / length as f64,
            MatrixMode::TfIdf => {
                let with_word = self.index_docs.get(id).copied().unwrap_or(0) as f64;
                let rarity = (1.0 + self.document_count() as f64 / (1.0 + with_word)).ln();
                (1.0 + count.ln()) * rarity
            }
        }
    }
}
