//! [`Team`]: what the training loop asks of the other ranks.

use burn::tensor::{Device, Tensor};
use kiln_base::checksum::sha256;
use kiln_group::{Group, fold, fold_all};
use kiln_models::LayerStates;
use kiln_models::weights::{self, Precision, Weight, Weights};
use serde::{Deserialize, Serialize};

use crate::data::loader::Cut;
use crate::error::{Error, Result};
use crate::group::step_sum::StepSum;
use crate::run::meter::Measured;

/// The micro-batches of a run, and the group that shares them.
pub(crate) struct Team {
    pub(crate) group: Box<dyn Group + Send>,
    pub(crate) cut: Cut,
}

/// The outcome of a batch in validation. The loss is kept as bits, since JSON cannot hold all numbers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) loss: u32,
    pub(crate) correct: Option<f32>,
    pub(crate) terms: usize,
    pub(crate) rows: usize,
}

impl Outcome {
    pub(crate) fn of(Measured { loss, correct, terms, rows }: Measured) -> Result<Self> {
        let both = [Some(loss), correct.map(Tensor::sum)].into_iter().flatten().collect();
        let numbers = Tensor::cat(both, 0).try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
        Ok(Self { loss: numbers[0].to_bits(), correct: numbers.get(1).copied(), terms, rows })
    }

    pub(crate) fn measured(self, device: &Device) -> Measured {
        let number = |value: f32| Tensor::from_data([value], device);
        let Self { loss, correct, terms, rows } = self;
        Measured { loss: number(f32::from_bits(loss)), correct: correct.map(number), terms, rows }
    }
}

impl Team {
    /// The sum over all micro-batches, along the group's fixed tree: the same bits on every rank, whatever their number.
    /// `own` makes each micro-batch of this rank, in order.
    pub(crate) fn sum(&self, own: impl FnMut(usize) -> Result<StepSum>) -> Result<StepSum> {
        let add = |sum: &mut StepSum, more| {
            sum.add(more);
            Ok(())
        };
        let sum = fold_all(&*self.group, self.cut.parts, own, StepSum::pack, |bytes| StepSum::unpack(&bytes), add)?;
        Ok(sum.expect("a step has at least one micro-batch"))
    }

    /// The outcomes of all ranks, in the order of the ranks, on each of them; and whether one of them is to stop.
    pub(crate) fn outcomes(&self, stop: bool, own: Vec<Outcome>) -> Result<(bool, Vec<Outcome>)> {
        type Told = (bool, Vec<Outcome>);
        let pack = |told: &Told| serde_json::to_vec(told).expect("outcomes are plain data");
        let unpack = |bytes: Vec<u8>| {
            let other = |_| kiln_group::Error::Length { expected: 2, found: bytes.len() };
            serde_json::from_slice::<Told>(&bytes).map_err(other).map_err(Error::from)
        };
        let add = |all: &mut Told, more: Told| {
            all.0 |= more.0;
            all.1.extend(more.1);
            Ok(())
        };
        let mut own = Some((stop, own));
        let next = |_| Ok::<_, Error>(own.take().unwrap_or_default());
        Ok(fold_all(&*self.group, self.group.size(), next, pack, unpack, add)?.expect("a group has at least one rank"))
    }

    /// The states that the micro-batches passed on, joined to those of whole batches, on rank 0; none elsewhere.
    pub(crate) fn joined(&self, own: Vec<Weights>) -> Result<Weights> {
        let pack = |states: &Weights| weights::to_safetensors(states, Precision::Full, None).unwrap_or_default();
        let unpack = |bytes: Vec<u8>| Ok(weights::from_safetensors(&bytes)?);
        let add = |all: &mut Weights, more: Weights| {
            for (name, more) in more {
                let all =
                    all.entry(name).or_insert_with(|| Weight { shape: vec![0, more.shape[1]], values: Vec::new() });
                all.shape[0] += more.shape[0];
                all.values.extend(more.values);
            }
            Ok(())
        };
        let mut own = own.into_iter();
        let next = |_| Ok::<_, Error>(own.next().unwrap_or_default());
        Ok(fold(&*self.group, self.cut.parts, next, pack, unpack, add)?.unwrap_or_default())
    }
}

/// The rows of micro-batch `place` of the states of a whole batch.
pub(crate) fn part_of(cut: &Cut, place: usize, states: &Weights, device: &Device) -> Option<LayerStates> {
    let part = |(name, weight): (&String, &Weight)| {
        let &[rows, width] = weight.shape.as_slice() else { return None };
        let rows = cut.rows(place, rows);
        let values = weight.values[rows.start * width..rows.end * width].to_vec();
        Some((name.clone(), Weight { shape: vec![rows.len(), width], values }))
    };
    LayerStates::of_weights(&states.iter().map(part).collect::<Option<Weights>>()?, device)
}

/// The SHA-256 of all names and numbers.
pub(crate) fn weights_digest(weights: &Weights) -> String {
    let bytes = |weight: &Weight| weight.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let parts: Vec<Vec<u8>> =
        weights.iter().flat_map(|(name, weight)| [name.clone().into_bytes(), bytes(weight)]).collect();
    sha256(parts.iter().map(Vec::as_slice))
}
