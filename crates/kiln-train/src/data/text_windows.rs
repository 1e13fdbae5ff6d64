//! Running text in windows, for language models: streams that go on from batch to batch.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_base::OptionError;
use kiln_models::{Carried, Targets, Windows};

use crate::data::batches::{Batches, DataLimits, Labelled, digest_of};
use crate::error::{Error, Result};

/// Running text as streams read side by side: of `n` tokens and `streams` streams, each stream is a run of
/// `(n - 1) / streams` tokens, one after the other, and what is to be predicted at each token is the next one. A batch
/// holds one window of every stream; the next batch goes on where it ended. The last window may be shorter, and fewer
/// than `streams` tokens at the end of the text are left out.
///
/// The batch size of whoever trains or evaluates must be `streams`. States are empty at the begin of each pass.
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
}

impl TextWindows {
    /// Cuts the tokens `ids` into `streams` streams of windows of `window` tokens.
    ///
    /// # Errors
    ///
    /// A size is 0, or the text is shorter than one window a stream and the token after.
    pub fn new(ids: Vec<u32>, streams: usize, window: usize) -> Result<Self> {
        for (option, value) in [("number of streams", streams), ("window of a text", window)] {
            OptionError::unless(value > 0, option, "at least 1", value)?;
        }
        let needed = streams.saturating_mul(window).saturating_add(1);
        if ids.len() < needed {
            return Err(Error::Data {
                what: "the tokens of a text",
                expected: format!(
                    "at least {needed}, for a window of {window} in each of {streams} streams and the token behind (give \
                     it more text, a smaller window or fewer streams)"
                ),
                found: ids.len().to_string(),
            });
        }
        Ok(Self { ids: ids.into(), streams, window })
    }

    /// How many windows each stream has.
    pub fn windows(&self) -> usize {
        self.stream_len().div_ceil(self.window)
    }

    /// How many tokens are predicted in a pass.
    pub fn tokens(&self) -> usize {
        self.stream_len() * self.streams
    }

    fn stream_len(&self) -> usize {
        (self.ids.len() - 1) / self.streams
    }
}

impl Batches for TextWindows {
    type Batch = Labelled<Windows>;

    /// A window of a stream is a row.
    fn rows(&self) -> usize {
        self.windows() * self.streams
    }

    /// The windows `rows`, their states empty. Row `w * streams + s` is window `w` of stream `s`.
    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        self.next_batch(rows, device, &Carried::default())
    }

    fn limits(&self) -> DataLimits {
        let highest = self.ids.iter().max().copied();
        DataLimits { highest_id: highest, highest_class: highest, ..DataLimits::default() }
    }

    /// The targets are the words of the text.
    fn digest(&self) -> Option<[u64; 2]> {
        let text = digest_of(self.ids.iter().map(|&id| id.into()));
        Some([text, digest_of([text, self.window as u64])])
    }

    fn streams(&self) -> Option<usize> {
        Some(self.streams)
    }

    fn next_batch(&self, rows: &[usize], device: &Device, carried: &Carried) -> Result<Self::Batch> {
        let len = self.stream_len();
        let start = |row: usize| (row % self.streams) * len + row / self.streams * self.window;
        let rest = |row: usize| self.window.min(len - row / self.streams * self.window);
        let window = rows.first().map_or(0, |&row| rest(row));
        if let Some(&other) = rows.iter().find(|&&row| rest(row) != window) {
            return Err(Error::Data {
                what: "the windows of a batch",
                expected: format!("of one length, as those of one batch of {} rows are", self.streams),
                found: format!("{window} tokens in row {} and {} in row {other}", rows[0], rest(other)),
            });
        }
        let (mut ids, mut targets) = (Vec::with_capacity(rows.len() * window), Vec::with_capacity(rows.len() * window));
        for &row in rows {
            let from = start(row);
            ids.extend(self.ids[from..from + window].iter().map(|&id| id as i32));
            targets.extend(self.ids[from + 1..from + 1 + window].iter().map(|&id| id as i32));
        }
        let shape = [rows.len(), window];
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), device);
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [shape[0] * shape[1]]), device);
        Ok(Labelled::new(Windows { ids, carried: carried.clone() }, Targets::Classes(targets)))
    }
}
