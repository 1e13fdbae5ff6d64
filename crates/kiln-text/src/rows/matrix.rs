//! [`Matrix`]: a dense matrix, one row per text.

/// One row per text, one column per id or term. In the matrix of a [`WordTokenizer`](crate::encoders::WordTokenizer),
/// column 0 is always 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The cells, row by row.
    pub values: Vec<f64>,
    /// The number of rows.
    pub rows: usize,
    /// The number of columns: for a `WordTokenizer`, `num_words` or the number of words + 1.
    pub columns: usize,
}

impl Matrix {
    /// One row.
    ///
    /// # Panics
    ///
    /// If the row does not exist.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}
