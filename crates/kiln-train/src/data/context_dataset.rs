//! Contexts and their centre words, for word2vec's modules.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_models::Targets;
use kiln_models::word2vec::{ContextRow, Contexts};

use crate::data::batches::{Batches, DataLimits, Labelled, digest_of};
use crate::error::{Error, Result};

/// Contexts, each with its centre word.
///
/// Cloning is cheap: the rows are shared.
///
/// # Examples
///
/// ```
/// use kiln_models::word2vec::ContextRow;
/// use kiln_train::{Batches, ContextDataset};
///
/// let rows = vec![ContextRow { words: vec![0, 2], centre: 1 }, ContextRow { words: vec![1], centre: 2 }];
/// assert_eq!(ContextDataset::new(rows)?.rows(), 2);
/// # Ok::<(), kiln_train::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ContextDataset {
    rows: Arc<[ContextRow]>,
}

impl ContextDataset {
    /// Rows for a `NegativeSampling` or a `SoftmaxCbow`.
    ///
    /// # Errors
    ///
    /// A context has no words.
    pub fn new(rows: Vec<ContextRow>) -> Result<Self> {
        if let Some(row) = rows.iter().position(|row| row.words.is_empty()) {
            return Err(Error::Data {
                what: "the context of every row",
                expected: "at least one word".to_owned(),
                found: format!("none in row {row}"),
            });
        }
        Ok(Self { rows: rows.into() })
    }
}

impl Batches for ContextDataset {
    type Batch = Labelled<Contexts>;

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<Self::Batch> {
        let input = Contexts::new(rows.iter().map(|&row| &self.rows[row]), device);
        let classes: Vec<i32> = rows.iter().map(|&row| self.rows[row].centre as i32).collect();
        let classes = Tensor::<1, Int>::from_data(TensorData::new(classes, [rows.len()]), device);
        Ok(Labelled::new(input, Targets::Classes(classes)))
    }

    /// Only the whole set has a digest, rows have none: a text repeats its contexts, so equal rows are not a sign of a
    /// leak.
    fn digest(&self) -> Option<[u64; 2]> {
        let words = |row: &ContextRow| digest_of(row.words.iter().map(|&word| word.into()));
        Some([digest_of(self.rows.iter().map(words)), digest_of(self.rows.iter().map(|row| row.centre.into()))])
    }

    fn limits(&self) -> DataLimits {
        let ids = self.rows.iter().flat_map(|row| row.words.iter().chain([&row.centre]));
        let highest_class = self.rows.iter().map(|row| row.centre).max();
        DataLimits { highest_id: ids.max().copied(), highest_class, ..DataLimits::default() }
    }
}
