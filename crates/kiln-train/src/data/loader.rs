//! Serves batches in order to Burn's training machinery. The order of training is keyed by (seed, epoch).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor};
use kiln_base::OptionError;
use kiln_models::{Carried, LossOptions, Pass, RandomKey};

use crate::data::batches::{Batches, checked_order};
use crate::error::Error;

/// One batch for a step, and the pass that the step belongs to.
pub(crate) struct StepInput<B> {
    pub(crate) batch: B,
    pub(crate) pass: Pass,
    pub(crate) rows: usize,
    pub(crate) loss: LossOptions,
    /// The factor of the learning rate.
    pub(crate) rate_factor: f64,
}

/// Extra options of the training loss.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossPlan {
    /// The weight of each row.
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
    /// The data's order without a key.
    Evaluation,
    /// The data's order with the key of (seed, epoch).
    Training { seed: u64, epoch: Arc<AtomicU64> },
}

/// A loader for Burn's training machinery over [`Batches`].
pub(crate) struct Loader<B> {
    pub(crate) data: Arc<dyn Batches<Batch = B>>,
    pub(crate) batch_size: usize,
    pub(crate) device: Device,
    pub(crate) order: Order,
    /// The part of the order that is served.
    pub(crate) range: std::ops::Range<usize>,
    pub(crate) loss: LossPlan,
    place: Arc<Mutex<Place>>,
}

/// Where a pass is.
#[derive(Default)]
struct Place {
    /// The state passed between batches in the pass that started last.
    carried: Carried,
    /// The number of steps that the next pass skips, if it continues with the carried state.
    from: Option<usize>,
}

impl<B: Send + 'static> Loader<B> {
    /// A loader over all rows.
    pub(crate) fn new(data: Arc<dyn Batches<Batch = B>>, batch_size: usize, device: Device, order: Order) -> Self {
        let range = 0..data.rows();
        Self { data, batch_size, device, order, range, loss: LossPlan::default(), place: Arc::default() }
    }

    /// The number of steps in one pass over the rows.
    pub(crate) fn steps(&self) -> usize {
        self.range.len().div_ceil(self.batch_size)
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state passed between batches in the pass that started last.
    pub(crate) fn carried(&self) -> Carried {
        self.place().carried.clone()
    }

    /// Makes the next pass start after `steps` steps, with the state that they passed on.
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
        let (data, key, training) = match &self.order {
            Order::Evaluation => (None, None, None),
            Order::Training { seed, epoch } => {
                let epoch = epoch.load(Ordering::Relaxed);
                let key = |what: &str| RandomKey::new(*seed).child(what).index(epoch);
                let data = self.data.of_epoch(key("data"));
                (data, Some(key("shuffle")), Some((*seed, epoch * self.steps() as u64)))
            }
        };
        let data = data.unwrap_or_else(|| self.data.clone());
        let order = checked_order(&*data, self.batch_size, key).and_then(|order| {
            let rows = order.get(self.range.clone()).filter(|_| order.len() == self.data.rows());
            rows.map(<[usize]>::to_vec).ok_or_else(|| Error::Data {
                what: "the rows of a data set",
                expected: format!("{}, their number at the start of the run", self.range.end),
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
        Box::new(LoaderIterator { loader: self, data, rows, error, training, served, carried })
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
    /// The loader's data, or those of the epoch.
    data: Arc<dyn Batches<Batch = B>>,
    rows: Vec<usize>,
    /// Why there are no rows; taken when it is reported.
    error: Option<Error>,
    /// Seed and number of the first step, in training.
    training: Option<(u64, u64)>,
    served: usize,
    /// The state passed between the batches of this pass.
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
        let rate_factor = self.data.rate_factor(rows);
        let is_factor = rate_factor.is_finite() && rate_factor >= 0.0;
        let batch = OptionError::unless(
            is_factor,
            "factor of the learning rate of a batch",
            "a number of at least 0",
            rate_factor,
        )
        .map_err(Error::from)
        .and_then(|()| self.data.next_batch(rows, &self.loader.device, &self.carried));
        let loss = self.loader.loss.of_rows(rows, &self.loader.device);
        self.served = end;
        Some(match batch {
            Ok(batch) => Ok(StepInput { batch, pass, rows: rows.len(), loss, rate_factor }),
            Err(error) => Err(DatasetError::new(error)),
        })
    }
}

impl<B: Send + 'static> DataLoaderIterator<StepInput<B>> for LoaderIterator<'_, B> {
    fn progress(&self) -> Progress {
        Progress::new(self.served, self.rows.len(), Some("rows".to_owned()))
    }
}
