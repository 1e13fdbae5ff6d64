//! The input of an update of word2vec's tables, windows over runs of words, and its losses.

use serde::{Deserialize, Serialize};

/// A window's position in the ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The index of the centre in the ids.
    pub centre: u32,
    /// The index of the window's first word.
    pub start: u32,
    /// The index after its last word.
    pub end: u32,
}

/// Windows over runs of words, with negative words to train against.
#[derive(Clone, Debug, Default)]
pub struct WindowBatch {
    /// The words.
    pub ids: Vec<u32>,
    /// The windows; each has at least one word besides its centre.
    pub windows: Vec<Window>,
    /// The negative words, the same number for each window.
    pub negatives: Vec<u32>,
}

impl WindowBatch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.windows.clear();
        self.negatives.clear();
    }

    /// How many predictions a loss over the batch sums: one per window, or in skip-gram one per context word.
    pub fn predictions(&self, prediction: Prediction) -> u64 {
        match prediction {
            Prediction::CbowMean | Prediction::CbowSum => self.windows.len() as u64,
            Prediction::SkipGram => self.windows.iter().map(|window| u64::from(window.end - window.start - 1)).sum(),
        }
    }

    /// # Panics
    ///
    /// If the batch does not fit tables of `rows` rows.
    pub(super) fn check(&self, rows: usize) {
        let places = self.ids.len();
        if let Some(id) = self.ids.iter().chain(&self.negatives).find(|&&id| id as usize >= rows) {
            panic!("every id must be below {rows}, the rows of the tables, but one is {id}");
        }
        for &Window { centre, start, end } in &self.windows {
            assert!(
                start <= centre && centre < end && end as usize <= places && end - start > 1,
                "a window must hold its centre and another word of {places}, but is {start}..{end} around {centre}"
            );
        }
        let windows = self.windows.len().max(1);
        assert_eq!(self.negatives.len() % windows, 0, "all windows must have the same number of negative words");
    }
}

/// What is predicted from what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prediction {
    /// The centre from the mean of its context.
    CbowMean,
    /// The centre from the sum of its context.
    CbowSum,
    /// The centre from each word of its context.
    SkipGram,
}

/// A sum of losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSum {
    /// The sum of the losses of `count` predictions.
    pub sum: f64,
    /// The number of predictions.
    pub count: u64,
}

impl LossSum {
    /// Adds another sum.
    pub fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// The mean loss; 0 if there are no predictions.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}
