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

/// One batch for a step: whole, or those of its micro-batches that this process takes.
pub(crate) struct StepInput<B> {
    pub(crate) parts: Vec<Part<B>>,
    /// The rows of the whole batch.
    pub(crate) rows: usize,
    /// The factor of the learning rate.
    pub(crate) rate_factor: f64,
}

/// A batch or a micro-batch, and the pass that it belongs to.
pub(crate) struct Part<B> {
    /// Its place among the micro-batches of the batch.
    pub(crate) place: usize,
    pub(crate) batch: B,
    pub(crate) pass: Pass,
    pub(crate) rows: usize,
    pub(crate) loss: LossOptions,
}

/// How batches are cut into micro-batches, and which of them are served.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// The micro-batches of a batch. A batch with fewer rows has empty ones.
    pub(crate) parts: usize,
    /// Those that are served.
    pub(crate) own: std::ops::Range<usize>,
}

impl Cut {
    pub(crate) const WHOLE: Self = Self { parts: 1, own: 0..1 };

    /// The rows of micro-batch `place` of a batch of `rows` rows.
    pub(crate) fn rows(&self, place: usize, rows: usize) -> std::ops::Range<usize> {
        rows * place / self.parts..rows * (place + 1) / self.parts
    }
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
    pub(crate) cut: Cut,
    place: Arc<Mutex<Place>>,
}

/// Where a pass is.
#[derive(Default)]
struct Place {
    /// The state passed between batches in the pass that started last, for each micro-batch that is served.
    carried: Vec<Carried>,
    /// The number of steps that the next pass skips, if it continues with the carried state.
    from: Option<usize>,
}

impl<B: Send + 'static> Loader<B> {
    /// A loader over all rows.
    pub(crate) fn new(data: Arc<dyn Batches<Batch = B>>, batch_size: usize, device: Device, order: Order) -> Self {
        let range = 0..data.rows();
        let (loss, cut) = (LossPlan::default(), Cut::WHOLE);
        Self { data, batch_size, device, order, range, loss, cut, place: Arc::default() }
    }

    /// The number of steps in one pass over the rows.
    pub(crate) fn steps(&self) -> usize {
        self.range.len().div_ceil(self.batch_size)
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state passed between batches in the pass that started last, for each micro-batch that is served.
    pub(crate) fn carried(&self) -> Vec<Carried> {
        self.place().carried.clone()
    }

    /// Makes the next pass start after `steps` steps, with the state that they passed on.
    pub(crate) fn go_on_after(&self, steps: usize, carried: Vec<Carried>) {
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
            cut: self.cut.clone(),
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
                place.carried = self.cut.own.clone().map(|_| Carried::default()).collect();
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
    /// The state passed between the batches of this pass, for each micro-batch that is served.
    carried: Vec<Carried>,
}

impl<B: Send + 'static> LoaderIterator<'_, B> {
    /// The micro-batches of the batch `rows` that are served.
    fn parts(&self, rows: &[usize]) -> Result<Vec<Part<B>>, Error> {
        let Loader { cut, device, loss, batch_size, .. } = self.loader;
        let mut parts = Vec::with_capacity(cut.own.len());
        for (place, carried) in cut.own.clone().zip(&self.carried) {
            let rows = &rows[cut.rows(place, rows.len())];
            if rows.is_empty() {
                continue;
            }
            // Each micro-batch has its own dropout, whichever process takes it.
            let pass = self.training.map_or(Pass::Inference, |(seed, first)| {
                let step = first + (self.served / batch_size) as u64;
                Pass::Training { seed, step: step * cut.parts as u64 + place as u64 }
            });
            let batch = self.data.next_batch(rows, device, carried)?;
            parts.push(Part { place, batch, pass, rows: rows.len(), loss: loss.of_rows(rows, device) });
        }
        Ok(parts)
    }
}

impl<B: Send + 'static> Iterator for LoaderIterator<'_, B> {
    type Item = std::result::Result<StepInput<B>, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(DatasetError::new(error)));
        }
        let end = (self.served + self.loader.batch_size).min(self.rows.len());
        let rows = self.rows.get(self.served..end).filter(|rows| !rows.is_empty())?;
        let rate_factor = self.data.rate_factor(rows);
        let is_factor = rate_factor.is_finite() && rate_factor >= 0.0;
        let parts = OptionError::unless(
            is_factor,
            "factor of the learning rate of a batch",
            "a number of at least 0",
            rate_factor,
        )
        .map_err(Error::from)
        .and_then(|()| self.parts(rows));
        let rows = rows.len();
        self.served = end;
        Some(parts.map(|parts| StepInput { parts, rows, rate_factor }).map_err(DatasetError::new))
    }
}

impl<B: Send + 'static> DataLoaderIterator<StepInput<B>> for LoaderIterator<'_, B> {
    fn progress(&self) -> Progress {
        Progress::new(self.served, self.rows.len(), Some("rows".to_owned()))
    }
}
