//! What an update of word2vec's tables is of: windows over runs of words, and the losses that it gives.

use serde::{Deserialize, Serialize};

/// The places at which a window's centre stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The place of the centre in the ids.
    pub centre: u32,
    /// The place of the window's first word.
    pub start: u32,
    /// The place after its last.
    pub end: u32,
}

/// Windows over runs of words, with what each is trained against.
#[derive(Clone, Debug, Default)]
pub struct WindowBatch {
    /// The words.
    pub ids: Vec<u32>,
    /// The windows; each holds at least one word next to its centre.
    pub windows: Vec<Window>,
    /// As many negative words for each window.
    pub negatives: Vec<u32>,
}

impl WindowBatch {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.windows.clear();
        self.negatives.clear();
    }

    /// How many predictions a loss over the batch adds up: one a window, or in skip-gram one a word
    /// of its context.
    pub fn predictions(&self, prediction: Prediction) -> u64 {
        match prediction {
            Prediction::CbowMean | Prediction::CbowSum => self.windows.len() as u64,
            Prediction::SkipGram => self.windows.iter().map(|window| u64::from(window.end - window.start - 1)).sum(),
        }
    }

    /// # Panics
    ///
    /// If the batch is not one of tables of `rows` rows.
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
        assert_eq!(self.negatives.len() % windows, 0, "every window must have as many negative words");
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

/// Losses added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSum {
    /// The sum of the losses of `count` predictions.
    pub sum: f64,
    /// How many predictions.
    pub count: u64,
}

impl LossSum {
    /// Takes in another sum.
    pub fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// The mean loss; 0 of no predictions.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}
