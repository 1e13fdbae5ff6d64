//! Training in a group of workers: each rank has a replica of the model and takes its part of every batch.

mod relay;
mod replica;
mod step_sum;
mod team;

pub(crate) use relay::relay;
pub(crate) use step_sum::Learned;
pub(crate) use team::{Outcome, Team, part_of, weights_digest};
