//! Running text in windows, for language models: streams that continue from batch to batch.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_base::OptionError;
use kiln_models::{Carried, RandomKey, Targets, Windows};

use crate::data::batches::{Batches, DataLimits, Labelled, digest_of};
use crate::error::{Error, Result};

/// The share of the drawn lengths whose mean is a whole window; the mean of the others is half a window.
const WHOLE: f64 = 0.95;
/// The standard deviation of the drawn lengths, in tokens.
const DEVIATION: f64 = 5.0;
/// The smallest drawn length.
const LEAST: f64 = 5.0;

/// Running text as streams that are read in parallel. A text of `n` tokens is cut into `streams` consecutive streams of
/// `(n - 1) / streams` tokens, and the target at each token is the next token. A batch holds one window of every
/// stream; the next batch continues where it ended. The last window may be shorter, and fewer than `streams` tokens at
/// the end of the text are dropped.
///
/// The batch size in training and evaluation must be `streams`. States are empty at the start of each pass.
///
/// # Examples
///
/// ```
/// use kiln_train::{Batches, TextWindows};
///
/// let text = TextWindows::new((0..22).collect(), 2, 4)?;
/// assert_eq!((text.windows(), text.rows(), text.tokens()), (3, 6, 20));
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextWindows {
    ids: Arc<[u32]>,
    streams: usize,
    window: usize,
    /// Whether each training epoch has windows of other lengths.
    drawn_lengths: bool,
    /// In an epoch with windows of drawn lengths: where in a stream each window begins, and where the last one ends.
    cuts: Option<Arc<[usize]>>,
}

impl TextWindows {
    /// Cuts the tokens `ids` into `streams` streams of windows of `window` tokens.
    ///
    /// # Errors
    ///
    /// A size is 0, or the text is shorter than one window per stream plus one token.
    pub fn new(ids: Vec<u32>, streams: usize, window: usize) -> Result<Self> {
        for (option, value) in [("streams", streams), ("window", window)] {
            OptionError::unless(value > 0, option, "at least 1", value)?;
        }
        let needed = streams.saturating_mul(window).saturating_add(1);
        if ids.len() < needed {
            return Err(Error::Data {
                what: "the number of tokens of a text",
                expected: format!(
                    "at least {needed}, for a window of {window} in each of {streams} streams and one more token (use \
                     more text, a smaller window or fewer streams)"
                ),
                found: ids.len().to_string(),
            });
        }
        Ok(Self { ids: ids.into(), streams, window, drawn_lengths: false, cuts: None })
    }

    /// Cuts the streams into windows of random lengths, again in each training epoch, so that gradients end at other
    /// tokens each time. The mean of a length is `window` with probability 0.95, and half of that otherwise; its
    /// standard deviation is 5 tokens, and it is at least 5 tokens, or `window` if that is smaller. The learning rate
    /// of a step is multiplied by the length of its windows divided by `window`: the loss is a mean over tokens, and
    /// those of short windows would count for more. Evaluation and prediction read windows of `window` tokens. Default:
    /// training reads those too.
    ///
    /// A window may have some 20 tokens more than `window`: leave memory for them. With the feature `autotune`, each
    /// new length is timed first.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::RandomKey;
    /// use kiln_train::{Batches, TextWindows};
    ///
    /// // Two streams of 1,000 tokens.
    /// let text = TextWindows::new((0..2001).collect(), 2, 20)?.drawn_lengths();
    /// let epoch = text.of_epoch(RandomKey::new(7)).expect("epochs differ");
    /// assert_eq!((text.windows(), epoch.rows()), (50, 100));
    /// // Rows 0 and 1 are the first window of each stream, rows 2 and 3 the second.
    /// let length = |window: usize| (20.0 * epoch.rate_factor(&[2 * window, 2 * window + 1])).round();
    /// assert_eq!((0..50).map(length).sum::<f64>(), 1000.0);
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (2018), section 4.1, "Variable
    /// length backpropagation sequences". Kiln departs from it in one point. In the paper, lengths are drawn until the
    /// text is used up, and the number of steps differs between epochs. Here each epoch has [`TextWindows::windows`]
    /// windows: as many lengths are drawn, multiplied by a common factor so that they cover a stream exactly, and
    /// rounded to at least 1 token. In a long text the factor is about 1.03 for windows of 20 tokens and more; with few
    /// windows in a stream it differs more from 1.
    #[must_use]
    pub fn drawn_lengths(self) -> Self {
        Self { drawn_lengths: true, ..self }
    }

    /// The number of windows in each stream.
    pub fn windows(&self) -> usize {
        self.stream_len().div_ceil(self.window)
    }

    /// The number of tokens that are predicted in a pass.
    pub fn tokens(&self) -> usize {
        self.stream_len() * self.streams
    }

    fn stream_len(&self) -> usize {
        (self.ids.len() - 1) / self.streams
    }

    /// Where the window of row `row` lies in its stream.
    fn place(&self, row: usize) -> Range<usize> {
        let window = row / self.streams;
        match &self.cuts {
            Some(cuts) => cuts[window]..cuts[window + 1],
            None => window * self.window..self.stream_len().min((window + 1) * self.window),
        }
    }

    /// Draws the lengths of the windows of an epoch, and returns where to cut a stream.
    fn draw_cuts(&self, key: RandomKey) -> Vec<usize> {
        let (len, windows, window) = (self.stream_len(), self.windows(), self.window as f64);
        let (shares, deviations) = (key.child("mean").uniform(windows), key.child("deviation").normal(windows));
        let lengths = shares.into_iter().zip(deviations).map(|(share, deviation)| {
            let mean = if f64::from(share) < WHOLE { window } else { window / 2.0 };
            (mean + DEVIATION * deviation).max(window.min(LEAST))
        });
        let lengths: Vec<f64> = lengths.collect();
        let factor = len as f64 / lengths.iter().sum::<f64>();
        let (mut end, mut cuts) = (0.0, vec![0]);
        for (made, length) in lengths.into_iter().enumerate() {
            end += length;
            // Each window has a token, and so has each of those that follow.
            let (least, most) = (cuts[made] + 1, len - (windows - 1 - made));
            cuts.push(((end * factor).round() as usize).clamp(least, most));
        }
        cuts
    }
}

impl Batches for TextWindows {
    type Batch = Labelled<Windows>;

    /// Each window of a stream is a row.
    fn rows(&self) -> usize {
        self.windows() * self.streams
    }

    /// The windows `rows`, with empty states. Row `w * streams + s` is window `w` of stream `s`.
    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        self.next_batch(rows, device, &Carried::default())
    }

    fn limits(&self) -> DataLimits {
        let highest = self.ids.iter().max().copied();
        DataLimits { highest_id: highest, highest_class: highest, ..DataLimits::default() }
    }

    /// The targets follow from the text and the windows.
    fn digest(&self) -> Option<[u64; 2]> {
        let text = digest_of(self.ids.iter().map(|&id| id.into()));
        let windows = [text, self.window as u64].into_iter().chain(self.drawn_lengths.then_some(1));
        Some([text, digest_of(windows)])
    }

    fn streams(&self) -> Option<usize> {
        Some(self.streams)
    }

    fn next_batch(&self, rows: &[usize], device: &Device, carried: &Carried) -> Result<Self::Batch> {
        let window = rows.first().map_or(0, |&row| self.place(row).len());
        if let Some(&other) = rows.iter().find(|&&row| self.place(row).len() != window) {
            return Err(Error::Data {
                what: "the windows of a batch",
                expected: format!("windows of one length, as in one batch of {} rows", self.streams),
                found: format!("{window} tokens in row {} and {} in row {other}", rows[0], self.place(other).len()),
            });
        }
        let (mut ids, mut targets) = (Vec::with_capacity(rows.len() * window), Vec::with_capacity(rows.len() * window));
        for &row in rows {
            let from = (row % self.streams) * self.stream_len() + self.place(row).start;
            ids.extend(self.ids[from..from + window].iter().map(|&id| id as i32));
            targets.extend(self.ids[from + 1..from + 1 + window].iter().map(|&id| id as i32));
        }
        let shape = [rows.len(), window];
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), device);
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [shape[0] * shape[1]]), device);
        Ok(Labelled::new(Windows { ids, carried: carried.clone() }, Targets::Classes(targets)))
    }

    fn of_epoch(&self, key: RandomKey) -> Option<Arc<dyn Batches<Batch = Self::Batch>>> {
        if !self.drawn_lengths {
            return None;
        }
        Some(Arc::new(Self { cuts: Some(self.draw_cuts(key).into()), ..self.clone() }))
    }

    /// The length of the windows, divided by that of a window of fixed length; 1 if lengths are not drawn.
    fn rate_factor(&self, rows: &[usize]) -> f64 {
        match (&self.cuts, rows.first()) {
            (Some(_), Some(&row)) => self.place(row).len() as f64 / self.window as f64,
            _ => 1.0,
        }
    }
}
