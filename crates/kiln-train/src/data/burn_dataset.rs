//! A Burn `Dataset` and its `Batcher` as [`Batches`].

use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::tensor::Device;

use crate::data::batches::Batches;
use crate::error::{Error, Result};

/// A Burn `Dataset` with the `Batcher` that makes batches of its items.
pub struct BurnDataset<I, B> {
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<dyn Batcher<I, B>>,
}

/// Not derived: a derive would require `Clone` of `I` and `B`.
impl<I, B> Clone for BurnDataset<I, B> {
    fn clone(&self) -> Self {
        Self { dataset: self.dataset.clone(), batcher: self.batcher.clone() }
    }
}

impl<I, B> BurnDataset<I, B> {
    /// Combines a data set with its batcher.
    pub fn new(dataset: Arc<dyn Dataset<I>>, batcher: Arc<dyn Batcher<I, B>>) -> Self {
        Self { dataset, batcher }
    }
}

impl<I: Send + Sync, B: Send + 'static> Batches for BurnDataset<I, B> {
    type Batch = B;

    fn rows(&self) -> usize {
        self.dataset.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Result<B> {
        let items = self.dataset.get_many(rows.to_vec()).map_err(Error::Dataset)?;
        Ok(self.batcher.batch(items, device))
    }
}
