//! Documents and their ids as Burn's `Dataset`, and batches of rows that differ in length. Rows of one length are in
//! `rows.rs`, encoders in `kiln-text`.

use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Tensor, TensorData};
use kiln_base::OptionError;
use kiln_models::{RandomKey, Targets, TokenBatch};
use kiln_text::corpora::{Document, Documents};
use kiln_text::encoders::Encoder;
use kiln_text::rows::{LengthBatches, PadSequences, Padded, Padding, Truncating};

use crate::data::batches::{Batches, DataLimits, Labelled, digest_of};
use crate::error::{Error, Result};

/// Documents as Burn's `Dataset`; an item is a text with its label.
///
/// Cloning is cheap: the documents are shared. For a corpus in files,
/// [`collect_documents`](kiln_text::corpora::CorpusDocuments::collect_documents) returns `Documents`; an
/// [`EncodedDataset`] does not keep the text.
#[derive(Clone, Debug)]
pub struct DocumentDataset(Arc<Documents>);

impl From<Documents> for DocumentDataset {
    fn from(documents: Documents) -> Self {
        Self(Arc::new(documents))
    }
}

impl Dataset<Document> for DocumentDataset {
    fn get(&self, index: usize) -> std::result::Result<Document, DatasetError> {
        Ok(self.0.iter().as_slice()[index].clone())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The ids of a document, and its label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedText {
    /// The ids, without padding.
    pub ids: Vec<u32>,
    /// The label.
    pub label: u32,
}

/// Encoded documents of any length as Burn's `Dataset`, stored one after the other in memory.
///
/// Cloning is cheap: the rows are shared.
///
/// # Examples
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("reviews.tsv");
/// # std::fs::write(&path, "a fine film\t1\ndull\t0\n").unwrap();
/// use burn::data::dataset::Dataset;
/// use kiln_text::corpora::{DelimitedCorpus, Labels};
/// use kiln_text::encoders::WordTokenizer;
/// use kiln_train::{Batches, EncodedDataset, EncodedText, PadBatcher};
///
/// let corpus = DelimitedCorpus::new([path]).delimiter(b'\t').headers(false).text(0).label(1, Labels::numbers(["neg", "pos"]));
/// let tokenizer = WordTokenizer::builder().fit(corpus.documents()?)?;
///
/// // The whole text is never in memory.
/// let data = EncodedDataset::from_corpus(corpus.documents()?, &tokenizer)?;
/// assert_eq!(data.get(1).unwrap(), EncodedText { ids: vec![4], label: 0 });
///
/// // Batches for a trainer, each as long as its longest row.
/// let batches = data.batches(PadBatcher::new())?;
/// assert_eq!((batches.rows(), batches.limits().highest_id), (2, Some(4)));
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EncodedDataset(Arc<EncodedRows>);

#[derive(Debug, Default)]
struct EncodedRows {
    ids: Vec<u32>,
    /// Where the ids of each row end.
    ends: Vec<usize>,
    labels: Vec<u32>,
}

impl EncodedRows {
    fn row(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.ids[start..self.ends[row]]
    }

    fn push(&mut self, ids: &[u32], vocab: usize) -> Result<()> {
        if let Some(step) = ids.iter().position(|&id| id as usize >= vocab) {
            return Err(Error::IdOutOfRange { row: self.ends.len(), step, id: ids[step], vocab });
        }
        self.ids.extend_from_slice(ids);
        self.ends.push(self.ids.len());
        Ok(())
    }
}

impl EncodedDataset {
    /// A data set of sequences and their labels.
    ///
    /// # Errors
    ///
    /// Sequences and labels differ in number, or an id is not below `vocab`.
    pub fn new(sequences: impl IntoIterator<Item = impl AsRef<[u32]>>, labels: Vec<u32>, vocab: usize) -> Result<Self> {
        let mut rows = EncodedRows::default();
        for ids in sequences {
            rows.push(ids.as_ref(), vocab)?;
        }
        if rows.ends.len() != labels.len() {
            return Err(Error::Data {
                what: "the number of labels",
                expected: format!("{}, one per sequence", rows.ends.len()),
                found: labels.len().to_string(),
            });
        }
        Ok(Self(Arc::new(EncodedRows { labels, ..rows })))
    }

    /// Encodes documents as they are read, on all threads. Only their ids stay in memory.
    ///
    /// # Errors
    ///
    /// The first error among the documents, or an id that is not below the encoder's `vocab_size`.
    pub fn from_corpus(
        documents: impl IntoIterator<Item = kiln_text::Result<Document>>,
        encoder: &impl Encoder,
    ) -> Result<Self> {
        let (mut rows, mut labels) = (EncodedRows::default(), Vec::new());
        each_encoded(documents, encoder, &mut labels, |ids| rows.push(ids, encoder.vocab_size()))?;
        Ok(Self(Arc::new(EncodedRows { labels, ..rows })))
    }

    /// The number of ids in each row.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.0.ends.len()).map(|row| self.0.row(row).len())
    }

    /// Batches for `Trainer::fit`, padded by `batcher`.
    ///
    /// # Errors
    ///
    /// The batcher's `max_len` is 0.
    pub fn batches(&self, batcher: PadBatcher) -> Result<EncodedBatches> {
        OptionError::unless(batcher.max_len != Some(0), "max_len", "at least 1", 0)?;
        Ok(EncodedBatches { data: self.clone(), batcher, group_by_length: false })
    }
}

impl Dataset<EncodedText> for EncodedDataset {
    fn get(&self, index: usize) -> std::result::Result<EncodedText, DatasetError> {
        Ok(EncodedText { ids: self.0.row(index).to_vec(), label: self.0.labels[index] })
    }

    fn len(&self) -> usize {
        self.0.ends.len()
    }
}

/// Calls `take` with the ids of every document, in order, and appends its label to `labels`.
pub(crate) fn each_encoded(
    documents: impl IntoIterator<Item = kiln_text::Result<Document>>,
    encoder: &impl Encoder,
    labels: &mut Vec<u32>,
    mut take: impl FnMut(&[u32]) -> Result<()>,
) -> Result<()> {
    let documents =
        documents.into_iter().map(|document| document.inspect(|document: &Document| labels.push(document.label)));
    for ids in encoder.encode_stream(documents) {
        take(&ids?)?;
    }
    Ok(())
}

kiln_base::options! {
    /// Pads rows of different lengths into a batch that is as long as its longest row, or at most `max_len`.
    ///
    /// As a Burn `Batcher`, it also works with Burn's loaders and [`BurnDataset`](crate::BurnDataset).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PadBatcher [
        /// Pads and truncates at the start, as Keras does, without a `max_len`.
        pub const fn new
    ] {
        /// Where short rows are padded. Default: at the start.
        padding: Padding = Padding::Pre,
        /// Where rows longer than `max_len` lose ids. Default: at the start.
        truncating: Truncating = Truncating::Pre,
        /// The most steps of a row, at least 1: [`EncodedDataset::batches`] returns an error for 0, and a Burn loader
        /// panics at its first batch. Default: no limit.
        some max_len: usize,
        /// The fewest steps of a batch, at least 1: a convolution needs at least its window. Default: 1.
        min_len: usize = 1,
    }
}

impl PadBatcher {
    /// The number of steps of a batch whose longest row has `longest`.
    fn steps(&self, longest: usize) -> usize {
        longest.min(self.max_len.unwrap_or(usize::MAX)).max(self.min_len).max(1)
    }

    fn pad(&self, rows: &[&[u32]]) -> Result<Padded<u32>> {
        let mut pad =
            PadSequences::new().min_len(self.min_len.max(1)).padding(self.padding).truncating(self.truncating);
        if let Some(max_len) = self.max_len {
            pad = pad.truncate_to(max_len);
        }
        Ok(pad.pad(rows)?)
    }

    fn tokens(&self, rows: &[&[u32]], labels: Vec<u32>, device: &Device) -> Result<Labelled<TokenBatch>> {
        let classes: Vec<i32> = labels.into_iter().map(|label| label as i32).collect();
        let targets = Targets::Classes(Tensor::from_data(TensorData::new(classes, [rows.len()]), device));
        Ok(Labelled::new(kiln_predict::token_batch(self.pad(rows)?, device), targets))
    }
}

impl Batcher<EncodedText, Labelled<TokenBatch>> for PadBatcher {
    fn batch(&self, items: Vec<EncodedText>, device: &Device) -> Labelled<TokenBatch> {
        let rows: Vec<&[u32]> = items.iter().map(|item| item.ids.as_slice()).collect();
        let labels = items.iter().map(|item| item.label).collect();
        // Burn's trait cannot return an error for a batch that does not fit in memory or for a `max_len` of 0.
        self.tokens(&rows, labels, device)
            .expect("a batch of rows that are in memory fits in memory, and `max_len` is not 0")
    }
}

/// The batches of an [`EncodedDataset`]; created by [`EncodedDataset::batches`].
#[derive(Clone, Debug)]
pub struct EncodedBatches {
    data: EncodedDataset,
    batcher: PadBatcher,
    group_by_length: bool,
}

impl EncodedBatches {
    /// Groups rows of similar length into batches. Batches then have little padding, and an epoch takes a fraction of
    /// the time if lengths vary much. Training shuffles the rows, sorts pools of them by length, cuts the pools into
    /// batches and shuffles the batches; evaluation and prediction sort all rows. A pool has 50 batches, or a quarter
    /// of all batches if there are fewer than 200. Default: rows are grouped at random.
    ///
    /// The outputs for a row stay the same, unless the model reads padding (`PaddedSteps::Read`): it then reads less of
    /// it.
    ///
    /// # References
    ///
    /// Hugging Face's `group_by_length` also uses pools of this size, and puts the longest row into the first batch.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_train::{Batches, EncodedDataset, PadBatcher};
    ///
    /// let data = EncodedDataset::new([vec![1; 90], vec![2; 10], vec![3; 88], vec![4; 9]], vec![0, 1, 0, 1], 5)?;
    /// let batches = data.batches(PadBatcher::new())?.group_by_length();
    /// assert_eq!(batches.order(2, None), [0, 2, 1, 3]);
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    #[must_use]
    pub fn group_by_length(self) -> Self {
        Self { group_by_length: true, ..self }
    }
}

impl Batches for EncodedBatches {
    type Batch = Labelled<TokenBatch>;

    fn rows(&self) -> usize {
        self.data.len()
    }

    fn order(&self, batch_size: usize, key: Option<RandomKey>) -> Vec<usize> {
        let rows = match key {
            Some(key) => key.permutation(self.rows()),
            None => (0..self.rows()).collect(),
        };
        if !self.group_by_length {
            return rows;
        }
        let batch_size = batch_size.max(1);
        let mut plan = LengthBatches::new(batch_size).pool(match key {
            Some(_) => (rows.len() / (4 * batch_size)).clamp(1, LengthBatches::POOL),
            None => usize::MAX,
        });
        if let Some(max_len) = self.batcher.max_len {
            plan = plan.max_len(max_len);
        }
        let plan = plan.plan(rows.iter().map(|&row| self.data.0.row(row).len()));
        let plan = plan.expect("neither the batch size nor the pool nor max_len is 0");
        let batches: Vec<&[usize]> = plan.batches().collect();
        let Some(key) = key else {
            // The longest first: if memory is too small, that shows at once.
            return batches.into_iter().flatten().rev().map(|&place| rows[place]).collect();
        };
        // Only the last batch may be short, and it stays last: the others are cut at multiples of the batch size.
        let whole = rows.len() / batch_size;
        let order = key.child("batches").permutation(whole).into_iter().chain(whole..batches.len());
        order.flat_map(|batch| batches[batch]).map(|&place| rows[place]).collect()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        let data = &*self.data.0;
        let chosen: Vec<&[u32]> = rows.iter().map(|&row| data.row(row)).collect();
        let labels = rows.iter().map(|&row| data.labels[row]).collect();
        self.batcher.tokens(&chosen, labels, device)
    }

    fn limits(&self) -> DataLimits {
        let data = &*self.data.0;
        DataLimits {
            highest_id: data.ids.iter().max().copied(),
            lowest_class: data.labels.iter().min().copied(),
            highest_class: data.labels.iter().max().copied(),
            longest_row: self.data.lengths().max(),
            least_steps: self.data.lengths().map(|length| self.batcher.steps(length)).min(),
            ..DataLimits::default()
        }
    }

    fn class(&self, row: usize) -> Option<u32> {
        Some(self.data.0.labels[row])
    }

    fn row_digest(&self, row: usize) -> Option<[u64; 2]> {
        let data = &*self.data.0;
        Some([digest_of(data.row(row).iter().map(|&id| id.into())), digest_of([data.labels[row].into()])])
    }
}
