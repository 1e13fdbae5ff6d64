//! [`Matrix`]: a dense matrix, a row for each text.

/// A row for each text, a column for each id or term. Column 0 of a [`WordTokenizer`](crate::encoders::WordTokenizer)'s is
/// always 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The cells, row by row.
    pub values: Vec<f64>,
    /// How many rows.
    pub rows: usize,
    /// How many columns: of a `WordTokenizer` `num_words`, or the number of words + 1.
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
