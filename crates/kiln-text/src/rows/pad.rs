//! [`PadSequences`]: sequences of any length to rows of one length, like Keras's `pad_sequences`, with the valid span
//! of each row. A model takes `values` and `spans`; no masks are needed.

use kiln_base::{OptionError, Span};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a short sequence gets its padding.
///
/// # Examples
///
/// ```
/// use kiln_text::rows::{PadSequences, Padding};
///
/// let pad = |padding| PadSequences::new().padding(padding).max_len(3).pad(&[vec![7, 8]]);
/// assert_eq!(pad(Padding::Pre)?.row(0), [0, 7, 8]);
/// assert_eq!(pad(Padding::Post)?.row(0), [7, 8, 0]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// At the start: the last element is last in the row. Keras's default.
    #[default]
    Pre,
    /// At the end: the first element is first in the row.
    Post,
}

/// Where a long sequence loses elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncating {
    /// At the start: the last elements stay. Keras's default.
    #[default]
    Pre,
    /// At the end: the first elements stay.
    Post,
}

/// Rows of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct Padded<T> {
    /// The elements, row by row.
    pub values: Vec<T>,
    /// The number of rows.
    pub rows: usize,
    /// The length of each row.
    pub len: usize,
    /// The valid span of each row. For an empty sequence it starts where padding ends: at the end of the row with
    /// [`Padding::Pre`], at 0 with [`Padding::Post`].
    pub spans: Vec<Span>,
}

impl<T> Padded<T> {
    /// One row, padding included.
    ///
    /// # Panics
    ///
    /// If the row does not exist.
    pub fn row(&self, row: usize) -> &[T] {
        &self.values[row * self.len..(row + 1) * self.len]
    }

    /// For each element, row by row, whether it comes from a sequence; false for padding.
    pub fn mask(&self) -> Vec<bool> {
        let mut mask = vec![false; self.values.len()];
        for (row, span) in self.spans.iter().enumerate() {
            let start = row * self.len + span.start;
            mask[start..start + span.len].fill(true);
        }
        mask
    }

    /// The same rows with another element type (Keras's `dtype`): `map(|id| id as f32)`. From a float to an integer,
    /// `as` drops the fraction, as Keras does.
    ///
    /// ```
    /// let padded = kiln_text::rows::pad_sequences(&[vec![1.9, -2.9]], 3)?;
    /// assert_eq!(padded.map(|value| value as i64).values, [0, 1, -2]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Padded<U> {
        let values = self.values.into_iter().map(to).collect();
        Padded { values, rows: self.rows, len: self.len, spans: self.spans }
    }
}

/// Rows of one length whose steps are vectors of one width.
#[derive(Clone, Debug, PartialEq)]
pub struct PaddedSamples<T> {
    /// The numbers: row by row, step by step.
    pub values: Vec<T>,
    /// The number of rows.
    pub rows: usize,
    /// The number of steps of each row.
    pub len: usize,
    /// The number of values of each step.
    pub width: usize,
    /// The valid span of each row, in steps.
    pub spans: Vec<Span>,
}

impl<T> PaddedSamples<T> {
    /// One step of one row.
    ///
    /// # Panics
    ///
    /// If the row or the step does not exist.
    pub fn step(&self, row: usize, step: usize) -> &[T] {
        assert!(step < self.len, "expected a step below {}, found step {step} of row {row}", self.len);
        let start = (row * self.len + step) * self.width;
        &self.values[start..start + self.width]
    }
}

/// Options for padding.
///
/// ```
/// use kiln_text::rows::{PadSequences, Padding};
///
/// let padded = PadSequences::new().padding(Padding::Post).max_len(4).pad(&[vec![7, 8], vec![1, 2, 3, 4, 5]])?;
/// assert_eq!(padded.row(0), [7, 8, 0, 0]);
/// assert_eq!(padded.row(1), [2, 3, 4, 5]);
/// assert_eq!((padded.spans[0].start, padded.spans[0].len), (0, 2));
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PadSequences<T> {
    max_len: Option<usize>,
    min_len: usize,
    truncate_to: Option<usize>,
    multiple_of: Option<usize>,
    padding: Padding,
    truncating: Truncating,
    value: T,
}

impl<T: Copy + Default> PadSequences<T> {
    /// Keras's defaults: to the longest sequence, padding and truncating at the start, with zeros.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The length of every row; 0 is an error. Default: the longest sequence's.
        max_len(max_len: usize) => max_len = Some(max_len);

        /// The minimum length of a row without [`max_len`](Self::max_len); with 1, it is not an error if all sequences
        /// are empty. Default: 0.
        min_len(min_len: usize) => min_len = min_len;

        /// The maximum length of a row without [`max_len`](Self::max_len): rows are as long as the longest sequence,
        /// and sequences longer than this are truncated. 0 is an error. Default: none.
        truncate_to(len: usize) => truncate_to = Some(len);

        /// Rounds the length of a row up to a multiple of this, without [`max_len`](Self::max_len), so that batches
        /// have fewer different lengths. With padding, the length can then exceed [`truncate_to`](Self::truncate_to). 0
        /// is an error. Default: 1.
        multiple_of(multiple: usize) => multiple_of = Some(multiple);

        /// Where short sequences get padding. Default: [`Padding::Pre`].
        padding(padding: Padding) => padding = padding;

        /// Where long sequences lose elements. Default: [`Truncating::Pre`].
        truncating(truncating: Truncating) => truncating = truncating;

        /// The value to pad with. Default: the type's default, 0 for numbers.
        value(value: T) => value = value;
    }

    /// Pads and truncates. Without sequences there are no rows, if `max_len` sets their length.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a `max_len` of 0, [`Error::NothingToPad`] if there is no `max_len` and no element,
    /// [`Error::TooLarge`] if the rows do not fit in memory.
    pub fn pad<S: AsRef<[T]>>(&self, sequences: &[S]) -> Result<Padded<T>> {
        let lengths = sequences.iter().map(|sequence| sequence.as_ref().len());
        let len = self.row_len(sequences.len(), lengths.max())?;
        let rows = sequences.len();
        let mut values = filled(rows, len, self.value, "a batch")?;
        let mut spans = Vec::with_capacity(rows);
        for (row, sequence) in values.chunks_exact_mut(len).zip(sequences) {
            let sequence = sequence.as_ref();
            let (from, span) = self.place(sequence.len(), len);
            row[span.start..span.start + span.len].copy_from_slice(&sequence[from..from + span.len]);
            spans.push(span);
        }
        Ok(Padded { values, rows, len, spans })
    }

    /// The same for sequences whose steps are vectors; every step of all sequences must have the same width.
    ///
    /// # Errors
    ///
    /// Those of [`pad`](Self::pad), and [`Error::StepWidth`] for a step of another width. If all sequences are empty,
    /// the width is unknown, which is [`Error::NothingToPad`] even with a `max_len`.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::rows::PadSequences;
    ///
    /// let padded = PadSequences::new().pad_samples(&[vec![vec![1.0, 2.0]], vec![vec![3.0, 4.0], vec![5.0, 6.0]]])?;
    /// assert_eq!((padded.rows, padded.len, padded.width), (2, 2, 2));
    /// assert_eq!(padded.values, [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn pad_samples<S: AsRef<[T]>>(&self, sequences: &[Vec<S>]) -> Result<PaddedSamples<T>> {
        let rows = sequences.len();
        let len = self.row_len(rows, sequences.iter().map(Vec::len).max())?;
        let first = sequences.iter().flatten().next().ok_or(Error::NothingToPad { sequences: rows })?;
        let width = first.as_ref().len();
        let row_width = len.checked_mul(width).ok_or(Error::TooLarge { what: "a batch", rows, columns: len })?;
        let mut values = filled(rows, row_width, self.value, "a batch")?;
        let mut spans = Vec::with_capacity(rows);
        for (at, sequence) in sequences.iter().enumerate() {
            for (step, numbers) in sequence.iter().enumerate() {
                let found = numbers.as_ref().len();
                if found != width {
                    return Err(Error::StepWidth { sequence: at, step, expected: width, found });
                }
            }
            let (from, span) = self.place(sequence.len(), len);
            for (step, numbers) in sequence[from..from + span.len].iter().enumerate() {
                let start = at * row_width + (span.start + step) * width;
                values[start..start + width].copy_from_slice(numbers.as_ref());
            }
            spans.push(span);
        }
        Ok(PaddedSamples { values, rows, len, width, spans })
    }

    fn row_len(&self, sequences: usize, longest: Option<usize>) -> Result<usize> {
        let truncate_to = self.truncate_to.unwrap_or(usize::MAX);
        let expected = "1 or more; omit it to use the length of the longest sequence";
        OptionError::unless(self.max_len != Some(0), "max_len", expected, 0)?;
        OptionError::unless(truncate_to > 0, "truncate_to", expected, 0)?;
        if let Some(max_len) = self.max_len {
            return Ok(max_len);
        }
        let multiple = self.multiple_of.unwrap_or(1);
        OptionError::unless(multiple > 0, "multiple_of", "1 or more", 0)?;
        match longest.unwrap_or(0).min(truncate_to).max(self.min_len) {
            0 => Err(Error::NothingToPad { sequences }),
            len => len.checked_next_multiple_of(multiple).ok_or(Error::TooLarge {
                what: "a batch",
                rows: sequences,
                columns: multiple,
            }),
        }
    }

    /// The first element to use of a sequence, and the span of the used elements in a row.
    fn place(&self, sequence: usize, row: usize) -> (usize, Span) {
        let most = if self.max_len.is_none() { self.truncate_to.unwrap_or(row) } else { row };
        let len = sequence.min(row).min(most);
        let from = match self.truncating {
            Truncating::Pre => sequence - len,
            Truncating::Post => 0,
        };
        let start = match self.padding {
            Padding::Pre => row - len,
            Padding::Post => 0,
        };
        (from, Span { start, len })
    }
}

/// [`PadSequences::pad`] to `max_len` with Keras's other defaults: zeros at the start, and the last elements of long
/// sequences.
///
/// # Errors
///
/// As [`PadSequences::pad`].
///
/// ```
/// let padded = kiln_text::rows::pad_sequences(&[vec![1], vec![2, 3, 4]], 2)?;
/// assert_eq!(padded.values, [0, 1, 3, 4]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn pad_sequences<T: Copy + Default, S: AsRef<[T]>>(sequences: &[S], max_len: usize) -> Result<Padded<T>> {
    PadSequences::new().max_len(max_len).pad(sequences)
}

/// `rows * columns` copies of `value`, or an error if there is not enough memory.
pub(crate) fn filled<T: Copy>(rows: usize, columns: usize, value: T, what: &'static str) -> Result<Vec<T>> {
    let too_large = || Error::TooLarge { what, rows, columns };
    let total = rows.checked_mul(columns).ok_or_else(too_large)?;
    let mut values = Vec::new();
    values.try_reserve_exact(total).map_err(|_| too_large())?;
    values.resize(total, value);
    Ok(values)
}
