//! [`LengthBatches`]: batches of sequences of similar length, each padded only to its own longest. Padding one batch is
//! in `pad.rs`.

use kiln_base::{OptionError, SplitMix64};

use crate::error::{Result, SeriesError};
use crate::rows::pad::{PadSequences, Padded};

kiln_base::options! {
    /// Plans batches with little padding: rows are shuffled, cut into pools of many batches, sorted by length within
    /// each pool, and cut into batches, which are then shuffled.
    ///
    /// The plan depends only on the lengths and the options; every row is in exactly one batch. A larger pool gives
    /// less padding, but less random batches.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::rows::{LengthBatches, PadSequences};
    ///
    /// let sequences = [vec![1; 90], vec![2; 10], vec![3; 88], vec![4; 9]];
    /// let plan = LengthBatches::new(2).shuffle(7).plan(sequences.iter().map(Vec::len))?;
    /// for batch in plan.batches() {
    ///     let padded = plan.pad(batch, &sequences, PadSequences::new())?;
    ///     assert!(padded.len == 90 || padded.len == 10);
    /// }
    /// assert_eq!(plan.padding().share(), 3.0 / 200.0); // to the longest of all, it were 163 of 360
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// The pools are those of Hugging Face's `LengthGroupedSampler`, which uses 50 batches per pool, or a quarter of
    /// all batches if there are fewer than 200, and puts the longest row into the first batch.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct LengthBatches [
        /// Batches of `batch_size` rows from pools of 50 batches, in sorted order.
        pub const fn new
    ] {
        required batch_size: usize,
        /// The number of batches in a pool. With 1, batches are left as chance made them; `usize::MAX` sorts all rows.
        /// Default: 50.
        pool: usize = Self::POOL,
        /// The seed to shuffle the rows before sorting, and the batches after it; use another seed for each epoch.
        /// Default: nothing is shuffled.
        some shuffle: u64,
        /// The length to truncate longer sequences to. Default: none are truncated.
        some max_len: usize,
        /// Whether a last batch that is not full is dropped. Default: false.
        drop_last: bool = false,
    }
}

impl LengthBatches {
    /// The default number of batches in a pool.
    pub const POOL: usize = 50;

    /// Puts sequences of these lengths into batches. Rows of equal length stay in order.
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option) if the batch size, the pool or `max_len` is 0.
    pub fn plan(&self, lengths: impl IntoIterator<Item = usize>) -> Result<BatchPlan> {
        OptionError::unless(self.batch_size > 0, "batch_size", "1 or more", self.batch_size)?;
        OptionError::unless(self.pool > 0, "pool", "1 or more", self.pool)?;
        OptionError::unless(self.max_len != Some(0), "max_len", "1 or more", 0)?;
        let longest = self.max_len.unwrap_or(usize::MAX);
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length.min(longest)).collect();
        let mut rows: Vec<usize> = (0..lengths.len()).collect();
        let mut random = self.shuffle.map(SplitMix64::new);
        if let Some(random) = &mut random {
            random.shuffle(&mut rows);
        }
        let mut batches = Vec::with_capacity(rows.len() / self.batch_size + 1);
        for pool in rows.chunks_mut(self.pool.saturating_mul(self.batch_size)) {
            pool.sort_by_key(|&row| lengths[row]);
            batches.extend(pool.chunks(self.batch_size).map(<[usize]>::to_vec));
        }
        if self.drop_last && batches.last().is_some_and(|batch| batch.len() < self.batch_size) {
            batches.pop();
        }
        if let Some(random) = &mut random {
            random.shuffle(&mut batches);
        }
        let mut padding = PaddingReport::default();
        for batch in &batches {
            let longest = batch.iter().map(|&row| lengths[row]).max().unwrap_or(0).max(1);
            padding.cells += (longest * batch.len()) as u64;
            padding.valid += batch.iter().map(|&row| lengths[row] as u64).sum::<u64>();
        }
        Ok(BatchPlan { batches, padding, rows: lengths.len(), max_len: self.max_len })
    }
}

/// How much of a plan's batches is padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PaddingReport {
    /// The number of cells of all batches.
    pub cells: u64,
    /// The number of cells that hold an element of a sequence.
    pub valid: u64,
}

impl PaddingReport {
    /// The share of padding among the cells, from 0 to 1; 0 without cells.
    pub fn share(&self) -> f64 {
        if self.cells == 0 { 0.0 } else { (self.cells - self.valid) as f64 / self.cells as f64 }
    }
}

/// Which rows make up each batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPlan {
    batches: Vec<Vec<usize>>,
    padding: PaddingReport,
    rows: usize,
    max_len: Option<usize>,
}

impl BatchPlan {
    /// The batches, each a list of rows, which also index the labels.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = &[usize]> + Clone + '_ {
        self.batches.iter().map(Vec::as_slice)
    }

    /// How much is padding if every batch is padded to its longest row.
    pub fn padding(&self) -> PaddingReport {
        self.padding
    }

    /// One batch of the sequences, as long as its longest row after truncation to the plan's `max_len`. `options` say
    /// where to pad and truncate and with what; a `max_len` there pads every batch to that length. A batch of empty
    /// sequences gets one step of padding.
    ///
    /// # Errors
    ///
    /// [`SeriesError::PlannedRows`] if the plan was made for a different number of sequences, and those of
    /// [`PadSequences::pad`].
    ///
    /// # Panics
    ///
    /// If `batch` is not from this plan and contains a row that does not exist.
    pub fn pad<T: Copy + Default, S: AsRef<[T]>>(
        &self,
        batch: &[usize],
        sequences: &[S],
        options: PadSequences<T>,
    ) -> Result<Padded<T>> {
        if sequences.len() != self.rows {
            return Err(SeriesError::PlannedRows { expected: self.rows, found: sequences.len() }.into());
        }
        let rows: Vec<&[T]> = batch.iter().map(|&row| sequences[row].as_ref()).collect();
        let options = match self.max_len {
            Some(max_len) => options.truncate_to(max_len),
            None => options,
        };
        if rows.iter().all(|row| row.is_empty()) { options.min_len(1).pad(&rows) } else { options.pad(&rows) }
    }
}
