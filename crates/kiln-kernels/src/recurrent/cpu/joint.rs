//! What the tasks of a backward pass share: the buffers of those that walk together, and the sums of all.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::cells::Cell;
use super::{Part, Plan};
use crate::backend::cpu::shared::{Scratch, Shared, UNLIKE_PRODUCTS, at_least, filled};

/// The buffers of the tasks that walk together over some rows. Each writes its blocks; between meetings either all read or
/// all write.
pub(super) struct Joint {
    /// `[steps, blocks, rows, gates, lanes]`: gradients of the inputs' part of the gates.
    pub(super) gates: Scratch,
    /// The same of the state's part; empty unless the cell splits them.
    pub(super) state_gates: Scratch,
    /// `[rows, padded]`: the gradients of the hidden states after the step at hand.
    pub(super) d_hidden: Scratch,
    /// `[rows, padded]`: what reaches the state before other than through the product.
    pub(super) direct: Scratch,
}

/// The same as tasks write it.
#[derive(Clone, Copy)]
pub(super) struct JointParts<'a> {
    pub(super) gates: Shared<'a>,
    pub(super) state_gates: Shared<'a>,
    pub(super) d_hidden: Shared<'a>,
    pub(super) direct: Shared<'a>,
}

impl Joint {
    pub(super) fn new<const G: usize, C: Cell<G>>(plan: &Plan<'_>, rows: usize) -> Self {
        let gates = plan.chunk(rows) * rows * plan.padded() * G;
        Self {
            gates: Scratch::new(gates),
            state_gates: Scratch::new(if C::SPLIT { gates } else { 0 }),
            d_hidden: Scratch::new(rows * plan.padded()),
            direct: Scratch::new(rows * plan.padded()),
        }
    }

    pub(super) fn shared(&mut self) -> JointParts<'_> {
        JointParts {
            gates: Shared::new(&mut self.gates),
            state_gates: Shared::new(&mut self.state_gates),
            d_hidden: Shared::new(&mut self.d_hidden),
            direct: Shared::new(&mut self.direct),
        }
    }
}

impl Plan<'_> {
    /// The sums `[blocks, rows, gates, lanes]` of the tasks of each direction as `[directions, rows, gates * d_hidden]`, on
    /// all threads. The tasks are added up in their order, so that the result is always the same.
    pub(super) fn unpacked(&self, tasks: &[(&Part, &[f32])], rows: usize) -> Vec<f32> {
        let (gates, lanes, width) = (self.gates, self.lanes, self.gates * self.sizes.d_hidden);
        if tasks.is_empty() || rows * width == 0 {
            return vec![0.0; self.directions.len() * rows * width];
        }
        let fill = |out: &mut [MaybeUninit<f32>]| {
            let all = out.par_chunks_mut(width).enumerate().with_min_len(at_least(UNLIKE_PRODUCTS * width));
            all.for_each(|(at, row)| {
                for block in 0..self.blocks {
                    let mut first = true;
                    for (part, sums) in tasks {
                        let share = part.share(self.blocks);
                        if part.direction != at / rows || !share.contains(&block) {
                            continue;
                        }
                        let from = ((block - share.start) * rows + at % rows) * gates * lanes;
                        for (gate, from) in sums[from..from + gates * lanes].chunks_exact(lanes).enumerate() {
                            let from = &from[..self.units(block)];
                            let to = &mut row[gate * self.sizes.d_hidden + block * lanes..][..from.len()];
                            if first {
                                to.write_copy_of_slice(from);
                            } else {
                                // SAFETY: the first task's sums were written.
                                let to = unsafe { to.assume_init_mut() };
                                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                            }
                        }
                        first = false;
                    }
                }
            });
        };
        // SAFETY: there is a task for each block of each direction, and the blocks cover all units.
        unsafe { filled([self.directions.len(), rows, width], fill) }
    }
}
