//! What the micro-batches of a step are summed to: the loss, the gradients, and what a rank asks of all.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_group::Error as GroupError;
use kiln_kernels::RowGradient;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::StepOutput;
use crate::run::gradients::{Rows, StepGradients};
use crate::run::meter::Measured;

/// What a rank tells the others in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signals {
    /// The learning rate, as bits. That of rank 0 counts: a schedule may follow a clock.
    pub(crate) learning_rate: u64,
    /// To stop: the run was interrupted.
    pub(crate) stop: bool,
    /// To end: the time limit is reached.
    pub(crate) end: bool,
    /// A checkpoint: the last one was written minutes ago.
    pub(crate) checkpoint: bool,
    /// That not all of its rows are only padding.
    pub(crate) has_words: bool,
}

/// The sum over micro-batches. Loss and gradients count as many times as the loss has terms.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepSum {
    signals: Signals,
    terms: f64,
    loss: f64,
    correct: Option<f64>,
    /// The gradients of whole parameters, by their places in the module.
    whole: BTreeMap<usize, Vec<f32>>,
    /// The rows of tables: their ids and gradients.
    rows: BTreeMap<usize, (Vec<i32>, Vec<f32>)>,
}

/// A sum without its numbers in 4 bytes, which follow it in a message.
#[derive(Serialize, Deserialize)]
struct Header {
    signals: Signals,
    /// As bits, since JSON cannot hold all numbers.
    terms: u64,
    loss: u64,
    correct: Option<u64>,
    /// Place and count.
    whole: Vec<(usize, usize)>,
    /// Place, ids and count.
    rows: Vec<(usize, Vec<i32>, usize)>,
}

/// The means over the terms of a step, and the number of correct rows.
pub(crate) struct StepMeans {
    pub(crate) signals: Signals,
    pub(crate) terms: usize,
    pub(crate) loss: Tensor<1>,
    pub(crate) correct: Option<Tensor<1>>,
    pub(crate) gradients: StepGradients,
}

/// What a step has learned.
pub(crate) struct Learned {
    pub(crate) measured: Measured,
    pub(crate) gradients: StepGradients,
    /// `None` if the batch was cut into micro-batches.
    pub(crate) output: Option<StepOutput>,
    /// Whether not all rows are only padding.
    pub(crate) has_words: bool,
    /// What the ranks of a group have agreed on.
    pub(crate) agreed: Option<Signals>,
}

impl StepSum {
    /// No micro-batch.
    pub(crate) fn nothing(signals: Signals) -> Self {
        Self { signals, ..Self::default() }
    }

    /// A micro-batch of `rows` rows, read from the device in one go.
    pub(crate) fn of<M: Module>(
        signals: Signals,
        module: &M,
        output: &StepOutput,
        gradients: StepGradients,
        rows: usize,
    ) -> Result<Self> {
        let terms = output.terms.unwrap_or(rows) as f64;
        let StepGradients { whole, rows: mut tables } = gradients;
        let mut reading = Reading { whole, ids: BTreeMap::new(), places: Vec::new(), flat: Vec::new() };
        module.visit(&mut reading);
        let off_graph = |tensor: &Tensor<1>| tensor.clone().detach().without_autodiff();
        let mut flat = vec![off_graph(&output.loss)];
        flat.extend(output.correct.as_ref().map(|correct| off_graph(correct).sum()));
        flat.append(&mut reading.flat);
        let mut rows = Vec::new();
        for (id, place) in reading.ids {
            if let Some(RowGradient { ids, values }) = tables.remove(&id) {
                let count = values.dims().iter().product();
                let ids = ids.try_into_vec_as::<i32>().map_err(kiln_predict::Error::Device)?;
                flat.push(values.reshape([count]));
                rows.push((place, ids, count));
            }
        }
        let values = Tensor::cat(flat, 0).try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
        let mut values = values.into_iter();
        let mut next = || values.next().map_or(0.0, f64::from);
        let (loss, correct) = (next() * terms, output.correct.as_ref().map(|_| next()));
        let mut take = |count| values.by_ref().take(count).map(|value| value * terms as f32).collect::<Vec<f32>>();
        let whole = reading.places.into_iter().map(|(place, count)| (place, take(count))).collect();
        let rows = rows.into_iter().map(|(place, ids, count)| (place, (ids, take(count)))).collect();
        Ok(Self { signals, terms, loss, correct, whole, rows })
    }

    pub(crate) fn add(&mut self, more: Self) {
        let Signals { stop, end, checkpoint, has_words, .. } = &mut self.signals;
        *stop |= more.signals.stop;
        *end |= more.signals.end;
        *checkpoint |= more.signals.checkpoint;
        *has_words |= more.signals.has_words;
        self.terms += more.terms;
        self.loss += more.loss;
        self.correct = match (self.correct, more.correct) {
            (Some(correct), Some(more)) => Some(correct + more),
            (correct, more) => correct.or(more),
        };
        for (place, more) in more.whole {
            match self.whole.entry(place) {
                std::collections::btree_map::Entry::Vacant(none) => {
                    none.insert(more);
                }
                std::collections::btree_map::Entry::Occupied(mut sum) => {
                    sum.get_mut().iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                }
            }
        }
        for (place, (ids, values)) in more.rows {
            let (all, sum) = self.rows.entry(place).or_default();
            all.extend(ids);
            sum.extend(values);
        }
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        let header = Header {
            signals: self.signals,
            terms: self.terms.to_bits(),
            loss: self.loss.to_bits(),
            correct: self.correct.map(f64::to_bits),
            whole: self.whole.iter().map(|(&place, values)| (place, values.len())).collect(),
            rows: self.rows.iter().map(|(&place, (ids, values))| (place, ids.clone(), values.len())).collect(),
        };
        let header = serde_json::to_vec(&header).expect("a header is plain data");
        let parts = self.whole.values().chain(self.rows.values().map(|(_, values)| values));
        let count: usize = parts.clone().map(Vec::len).sum();
        let mut bytes = Vec::with_capacity(8 + header.len() + 4 * count);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        parts.flatten().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes
    }

    /// # Errors
    ///
    /// These are not the bytes of a sum.
    pub(crate) fn unpack(bytes: &[u8]) -> Result<Self> {
        let other = || GroupError::Length { expected: 8, found: bytes.len() };
        let (length, rest) = bytes.split_first_chunk().ok_or_else(other)?;
        let (header, values) = rest.split_at_checked(u64::from_le_bytes(*length) as usize).ok_or_else(other)?;
        let header: Header = serde_json::from_slice(header).map_err(|_| other())?;
        let counts = header.whole.iter().map(|part| part.1).chain(header.rows.iter().map(|part| part.2));
        let (expected, found) = (counts.fold(0_usize, usize::saturating_add).saturating_mul(4), values.len());
        if expected != found {
            return Err(GroupError::Length { expected, found }.into());
        }
        let mut values = values.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        let mut take = |count| values.by_ref().take(count).collect::<Vec<f32>>();
        Ok(Self {
            signals: header.signals,
            terms: f64::from_bits(header.terms),
            loss: f64::from_bits(header.loss),
            correct: header.correct.map(f64::from_bits),
            whole: header.whole.into_iter().map(|(place, count)| (place, take(count))).collect(),
            rows: header.rows.into_iter().map(|(place, ids, count)| (place, (ids, take(count)))).collect(),
        })
    }

    /// The means, on `device`.
    pub(crate) fn means<M: Module>(self, module: &M, device: &Device) -> StepMeans {
        let Self { signals, terms, loss, correct, whole, rows } = self;
        let number = |value: f64| Tensor::<1>::from_data([value as f32], device);
        let factor = (1.0 / terms.max(1.0)) as f32;
        let mut writing = Writing {
            whole,
            rows,
            factor,
            device,
            place: 0,
            gradients: GradientsParams::new(),
            tables: BTreeMap::new(),
        };
        module.visit(&mut writing);
        StepMeans {
            signals,
            terms: terms as usize,
            loss: number(loss / terms.max(1.0)),
            correct: correct.map(number),
            gradients: StepGradients::of(writing.gradients, writing.tables),
        }
    }
}

/// Lists the places of all parameters, and takes the gradients of whole ones.
struct Reading {
    whole: GradientsParams,
    ids: BTreeMap<ParamId, usize>,
    /// Place and count of each gradient in `flat`.
    places: Vec<(usize, usize)>,
    flat: Vec<Tensor<1>>,
}

impl ModuleVisitor for Reading {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.ids.len();
        self.ids.insert(param.id, place);
        if let Some(gradient) = self.whole.remove::<D>(param.id) {
            let count = gradient.dims().iter().product();
            self.places.push((place, count));
            self.flat.push(gradient.without_autodiff().reshape([count]));
        }
    }
}

/// Turns sums into gradients, multiplied by `factor`.
struct Writing<'a> {
    whole: BTreeMap<usize, Vec<f32>>,
    rows: BTreeMap<usize, (Vec<i32>, Vec<f32>)>,
    factor: f32,
    device: &'a Device,
    place: usize,
    gradients: GradientsParams,
    tables: BTreeMap<ParamId, Vec<Rows>>,
}

impl ModuleVisitor for Writing<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (place, factor) = (self.place, self.factor);
        self.place += 1;
        let mean = |mut values: Vec<f32>| {
            values.iter_mut().for_each(|value| *value *= factor);
            values
        };
        if let Some(values) = self.whole.remove(&place) {
            let data = TensorData::new(mean(values), param.dims());
            self.gradients.register(param.id, Tensor::<D>::from_data(data, self.device));
        }
        if let Some((ids, values)) = self.rows.remove(&place) {
            let (count, width) = (ids.len(), values.len() / ids.len().max(1));
            let values = Tensor::<3>::from_data(TensorData::new(mean(values), [1, count, width]), self.device);
            let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, count]), self.device);
            self.tables.entry(param.id).or_default().push((values, ids));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_rank_asks_for_is_asked_of_all_and_the_first_rate_counts() {
        let of = |learning_rate, stop, end, checkpoint, has_words| {
            StepSum::nothing(Signals { learning_rate, stop, end, checkpoint, has_words })
        };
        for place in 0..4 {
            let is = |at| at == place;
            let mut sum = of(5, false, false, false, false);
            sum.add(of(6, is(0), is(1), is(2), is(3)));
            sum.add(of(7, false, false, false, false));
            let signals = Signals { learning_rate: 5, stop: is(0), end: is(1), checkpoint: is(2), has_words: is(3) };
            assert_eq!(sum.signals, signals);
        }
    }

    #[test]
    fn a_message_keeps_every_bit_and_other_bytes_are_an_error() {
        let sum = StepSum {
            signals: Signals { learning_rate: 0.1_f64.to_bits(), stop: true, ..Signals::default() },
            terms: 3.0,
            loss: f64::NAN,
            correct: Some(2.0),
            whole: [(0, vec![1.0, f32::NEG_INFINITY]), (4, vec![-0.0])].into(),
            rows: [(2, (vec![7, 0], vec![0.5, 0.25, 1e-40, 3.0]))].into(),
        };
        let bytes = sum.pack();
        let read = StepSum::unpack(&bytes).unwrap();
        assert_eq!(format!("{read:?}"), format!("{sum:?}"));
        assert_eq!(read.pack(), bytes);
        for cut in [0, 7, 8, 40, bytes.len() - 1] {
            assert!(StepSum::unpack(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(StepSum::unpack(b"\xff\xff\xff\xff\xff\xff\xff\xff{}").is_err());
    }
}
