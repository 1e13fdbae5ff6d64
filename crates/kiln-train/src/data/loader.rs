//! Batches in their order for Burn's training machinery, the order of training keyed by (seed, epoch).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor};
use kiln_models::{Carried, LossOptions, Pass, RandomKey};

use crate::data::batches::{Batches, checked_order};
use crate::error::Error;

/// One batch on its way to a step, with what the step is for.
pub(crate) struct StepInput<B> {
    pub(crate) batch: B,
    pub(crate) pass: Pass,
    pub(crate) rows: usize,
    pub(crate) loss: LossOptions,
}

/// What the loss of training does besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossPlan {
    /// How much each row counts.
    pub(crate) weights: Option<Arc<[f32]>>,
    pub(crate) label_smoothing: f32,
}

impl LossPlan {
    fn of_rows(&self, rows: &[usize], device: &Device) -> LossOptions {
        let weights = self.weights.as_ref().map(|weights| {
            let chosen: Vec<f32> = rows.iter().map(|&row| weights[row]).collect();
            Tensor::from_data(chosen.as_slice(), device)
        });
        LossOptions { weights, label_smoothing: self.label_smoothing }
    }
}

/// How a loader orders its rows.
#[derive(Clone)]
pub(crate) enum Order {
    /// As the data have it without a key.
    Evaluation,
    /// As the data have it with the key of (seed, epoch).
    Training { seed: u64, epoch: Arc<AtomicU64> },
}

/// A loader for Burn's training machinery over [`Batches`].
pub(crate) struct Loader<B> {
    pub(crate) data: Arc<dyn Batches<Batch = B>>,
    pub(crate) batch_size: usize,
    pub(crate) device: Device,
    pub(crate) order: Order,
    /// The places in the order that are served.
    pub(crate) range: std::ops::Range<usize>,
    pub(crate) loss: LossPlan,
    place: Arc<Mutex<Place>>,
}

/// Where a pass is.
#[derive(Default)]
struct Place {
    /// What batches hand on in the pass that was begun last.
    carried: Carried,
    /// The first step of the next pass, which goes on with what is carried.
    from: Option<usize>,
}

impl<B: Send + 'static> Loader<B> {
    /// Training or evaluation over all rows.
    pub(crate) fn new(data: Arc<dyn Batches<Batch = B>>, batch_size: usize, device: Device, order: Order) -> Self {
        let range = 0..data.rows();
        Self { data, batch_size, device, order, range, loss: LossPlan::default(), place: Arc::default() }
    }

    /// Steps in one pass over the rows.
    pub(crate) fn steps(&self) -> usize {
        self.range.len().div_ceil(self.batch_size)
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What batches hand on in the pass that was begun last.
    pub(crate) fn carried(&self) -> Carried {
        self.place().carried.clone()
    }

    /// Has the next pass begin after `steps` steps, with what they handed on.
    pub(crate) fn go_on_after(&self, steps: usize, carried: Carried) {
        *self.place() = Place { carried, from: Some(steps) };
    }

    fn copy(&self) -> Self {
        Self {
            data: self.data.clone(),
            batch_size: self.batch_size,
            device: self.device.clone(),
            order: self.order.clone(),
            range: self.range.clone(),
            loss: self.loss.clone(),
            place: self.place.clone(),
        }
    }
}

impl<B: Send + 'static> DataLoader<StepInput<B>> for Loader<B> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<StepInput<B>> + 'a> {
        let (key, training) = match &self.order {
            Order::Evaluation => (None, None),
            Order::Training { seed, epoch } => {
                let epoch = epoch.load(Ordering::Relaxed);
                let key = RandomKey::new(*seed).child("shuffle").index(epoch);
                (Some(key), Some((*seed, epoch * self.steps() as u64)))
            }
        };
        let order = checked_order(&*self.data, self.batch_size, key).and_then(|order| {
            let rows = order.get(self.range.clone()).map(<[usize]>::to_vec);
            rows.ok_or_else(|| Error::Data {
                what: "the rows of a data set",
                expected: format!("{} as at the begin", self.range.end),
                found: order.len().to_string(),
            })
        });
        let (rows, error) = match order {
            Ok(rows) => (rows, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut place = self.place();
        let served = match place.from.take() {
            Some(steps) => (steps * self.batch_size).min(rows.len()),
            None => {
                place.carried = Carried::default();
                0
            }
        };
        let carried = place.carried.clone();
        Box::new(LoaderIterator { loader: self, rows, error, training, served, carried })
    }

    fn num_items(&self) -> usize {
        self.range.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<StepInput<B>>> {
        Arc::new(Self { device: device.clone(), ..self.copy() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<StepInput<B>>> {
        let range = self.range.start + start..self.range.start + end;
        Arc::new(Self { range, ..self.copy() })
    }
}

struct LoaderIterator<'a, B> {
    loader: &'a Loader<B>,
    rows: Vec<usize>,
    /// Why there are no rows, until it has been told.
    error: Option<Error>,
    /// Seed and number of the first step, in training.
    training: Option<(u64, u64)>,
    served: usize,
    /// What batches hand on, within this pass.
    carried: Carried,
}

impl<B: Send + 'static> Iterator for LoaderIterator<'_, B> {
    type Item = std::result::Result<StepInput<B>, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(DatasetError::new(error)));
        }
        let end = (self.served + self.loader.batch_size).min(self.rows.len());
        let rows = self.rows.get(self.served..end).filter(|rows| !rows.is_empty())?;
        let pass = match self.training {
            None => Pass::Inference,
            Some((seed, first)) => Pass::Training { seed, step: first + (self.served / self.loader.batch_size) as u64 },
        };
        let batch = self.loader.data.next_batch(rows, &self.loader.device, &self.carried);
        let loss = self.loader.loss.of_rows(rows, &self.loader.device);
        self.served = end;
        Some(match batch {
            Ok(batch) => Ok(StepInput { batch, pass, rows: rows.len(), loss }),
            Err(error) => Err(DatasetError::new(error)),
        })
    }
}

impl<B: Send + 'static> DataLoaderIterator<StepInput<B>> for LoaderIterator<'_, B> {
    fn progress(&self) -> Progress {
        Progress::new(self.served, self.rows.len(), Some("rows".to_owned()))
    }
}
