//! [`Column`]: a column of a file of rows, by name or by number.

use std::fmt;

/// A column of a delimited file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name in the header.
    Name(String),
    /// By its index, from 0.
    Number(usize),
}

impl Column {
    /// The index of the column, given the fields of the first row; `None` if it is not among them. A name is looked up
    /// in that row, as in a header.
    ///
    /// ```
    /// use kiln_base::Column;
    ///
    /// let first = ["id", "review"];
    /// assert_eq!(Column::from("review").find(&first), Some(1));
    /// assert_eq!(Column::from(0).find(&first), Some(0));
    /// assert_eq!(Column::from(2).find(&first), None);
    /// ```
    pub fn find(&self, first: &[impl AsRef<str>]) -> Option<usize> {
        match self {
            Self::Name(name) => first.iter().position(|found| found.as_ref() == name),
            Self::Number(number) => Some(*number).filter(|&number| number < first.len()),
        }
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Column {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Number(number) => write!(f, "{number} (counted from 0)"),
        }
    }
}
