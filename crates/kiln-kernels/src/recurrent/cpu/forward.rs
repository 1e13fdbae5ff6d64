//! The forward pass of [`super`].

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::cells::{Before, Cell, reset};
use super::{Call, CellKind, Kept, Part, Plan, Sizes, Tile, Weights};
use crate::backend::cpu::lanes::{dispatch, load, load_part, store, write_part};
use crate::backend::cpu::product::{Factors, Packed, Start, multiply, parts, tile_rows, tiles};
use crate::backend::cpu::shared::{Scratch, Shared, Unwritten, at_least, count, filled};
use crate::backend::cpu::together::Meeting;

/// The packed weights of one direction.
struct ForwardWeights {
    kernel: Packed,
    recurrent_kernel: Packed,
    /// `[blocks, gates, lanes]`: what is added to the inputs' part.
    bias: Vec<f32>,
    /// The same for the state's part.
    state_bias: Vec<f32>,
}

impl ForwardWeights {
    fn new<'a>(plan: &Plan<'_>, weights: &Weights<'a>, direction: usize, cell: CellKind) -> Self {
        let Sizes { d_input, d_hidden, .. } = plan.sizes;
        let width = plan.gates * d_hidden;
        let part = |matrix: &'a [f32], rows: usize| &matrix[direction * rows * width..(direction + 1) * rows * width];
        let biases = cell.biases();
        let (kernel, recurrent_kernel) = (part(weights.kernel, d_input), part(weights.recurrent_kernel, d_hidden));
        let bias = part(weights.bias, biases);
        let arranged = |value: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            let mut out = vec![0.0; plan.blocks * plan.gates * plan.lanes];
            for gate in 0..plan.gates {
                for unit in 0..d_hidden {
                    let (block, lane) = (unit / plan.lanes, unit % plan.lanes);
                    out[(block * plan.gates + gate) * plan.lanes + lane] = value(gate, unit);
                }
            }
            out
        };
        // With two biases the state's are added to the inputs' part too, but for the candidate's,
        // which the reset gate multiplies.
        let own = |gate: usize| biases == 2 && gate == 2;
        Self {
            kernel: plan.pack_gates(kernel, d_input),
            recurrent_kernel: plan.pack_gates(recurrent_kernel, d_hidden),
            bias: arranged(&|gate, unit| {
                let of = |row: usize| bias[row * width + gate * d_hidden + unit];
                if biases == 2 && !own(gate) { of(0) + of(1) } else { of(0) }
            }),
            state_bias: arranged(&|gate, unit| {
                if own(gate) { bias[width + gate * d_hidden + unit] } else { 0.0 }
            }),
        }
    }
}

pub(super) fn forward_cell<const G: usize, C: Cell<G>>(
    cell: C,
    call: Call<'_>,
    training: bool,
) -> (Vec<f32>, Option<Kept>) {
    let Call { options, sizes, input, weights } = call;
    let plan = Plan::new(sizes, options, training);
    plan.check(call);
    let directions = plan.directions.len();
    let packed: Vec<_> =
        (0..directions).map(|direction| ForwardWeights::new(&plan, weights, direction, options.cell)).collect();
    let states = count([directions, plan.slots, sizes.batch, plan.padded()]);
    let mut kept = Kept {
        hidden: Scratch::new(states),
        cell: Scratch::new(if C::CARRIES { states } else { 0 }),
        gates: Scratch::new(if training {
            count([directions, sizes.time, sizes.batch, plan.padded(), C::KEEPS])
        } else {
            0
        }),
    };
    let run = |out: &mut [MaybeUninit<f32>]| {
        let call = ForwardCall {
            plan: &plan,
            input,
            initial: weights.initial,
            packed: &packed,
            training,
            hidden: Shared::new(&mut kept.hidden),
            cell: Shared::new(&mut kept.cell),
            gates: Shared::new(&mut kept.gates),
            out: Shared::new(out),
        };
        let parts = plan.parts(C::RESETS);
        let rows = (sizes.batch * directions).div_ceil(parts.len().max(1));
        let work = rows * sizes.time * plan.gates * sizes.d_hidden * (sizes.d_input + sizes.d_hidden);
        Part::run(&parts, at_least(work), |part, meeting| {
            let (direction, rows, blocks) = (part.direction, part.rows.clone(), part.share(plan.blocks));
            dispatch(ForwardTask { call: &call, cell, direction, rows, blocks, meeting });
        });
    };
    // SAFETY: the tasks cover all rows and directions, and each writes all its steps, of padding too,
    // and the final states.
    let out = unsafe { filled([sizes.batch, plan.out_rows, directions, sizes.d_hidden], run) };
    (out, training.then_some(kept))
}

struct ForwardCall<'a> {
    plan: &'a Plan<'a>,
    input: &'a [f32],
    initial: &'a [f32],
    packed: &'a [ForwardWeights],
    training: bool,
    // Tasks own the rows, the blocks and the direction that they were given, in each of these.
    hidden: Shared<'a>,
    cell: Shared<'a>,
    gates: Shared<'a>,
    out: Unwritten<'a>,
}

struct ForwardTask<'a, const G: usize, C: Cell<G>> {
    call: &'a ForwardCall<'a>,
    cell: C,
    direction: usize,
    rows: Range<usize>,
    blocks: Range<usize>,
    meeting: &'a Meeting,
}

impl<const G: usize, C: Cell<G>> WithSimd for ForwardTask<'_, G, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let plan = self.call.plan;
        self.set_initial::<S>();
        self.meeting.wait();
        let chunk = plan.chunk(self.rows.len());
        let mut projected = Scratch::new(chunk * self.rows.len() * plan.padded() * G);
        // `[rows, gates, lanes]` of the block at hand, or of every block: kept here rather than in an array of the
        // arithmetic's own, which would be copied about.
        let block_sums = if C::RESETS { self.rows.len() * S::F32_LANES * G } else { 0 };
        let mut sums = Scratch::new(if C::RESETS { plan.blocks } else { 1 } * self.rows.len() * S::F32_LANES * G);
        // `[rows, padded]`: what the reset gate leaves of the state.
        let mut left = Scratch::new(if C::RESETS { self.rows.len() * plan.padded() } else { 0 });
        let mut first = 0;
        while first < plan.sizes.time {
            let places = first..(first + chunk).min(plan.sizes.time);
            self.project(simd, places.clone(), &mut projected);
            for place in places {
                let step = place - first;
                // Blocks outside, so that a part of a panel of weights stays in the nearest cache for all rows.
                for block in self.blocks.clone() {
                    let sums = &mut sums[block * block_sums..];
                    self.prefetch_states(place, block);
                    for part in parts(plan.sizes.d_hidden) {
                        for rows in tiles(self.rows.clone(), tile_rows::<S>()) {
                            let tile = Tile { place, step, block, rows };
                            self.add_product(simd, tile, part.clone(), &projected, sums);
                        }
                    }
                    if C::RESETS {
                        self.reset(simd, place, block, sums, &mut left);
                    } else {
                        self.finish(simd, place, step, block, &projected, sums);
                    }
                }
                if C::RESETS {
                    for block in self.blocks.clone() {
                        let sums = &mut sums[block * block_sums..];
                        for rows in tiles(self.rows.clone(), tile_rows::<S>()) {
                            self.add_reset_product(simd, Tile { place, step, block, rows }, &projected, &left, sums);
                        }
                        self.finish(simd, place, step, block, &projected, sums);
                    }
                }
                // The next step reads the states of all blocks.
                self.meeting.wait();
            }
            first += chunk;
        }
        self.write_final();
    }
}

impl<const G: usize, C: Cell<G>> ForwardTask<'_, G, C> {
    /// Slot 0 of the states: the initial ones.
    #[inline(always)]
    fn set_initial<S: Simd>(&self) {
        let ForwardCall { plan, initial, hidden, cell, .. } = self.call;
        let Sizes { batch, d_hidden, .. } = plan.sizes;
        for row in self.rows.clone() {
            for block in self.blocks.clone() {
                let from = |state: usize| {
                    ((state * plan.directions.len() + self.direction) * batch + row) * d_hidden + block * plan.lanes
                };
                let count = plan.units(block);
                // SAFETY: this task's rows, block and direction.
                unsafe {
                    let at = plan.hidden_at(self.direction, 0, row) + block * plan.lanes;
                    store::<S>(hidden.part(at, plan.lanes), 0, load_part::<S>(initial, from(0), count));
                    if C::CARRIES {
                        let at = plan.cell_at(self.direction, 0, block, row);
                        store::<S>(cell.part(at, plan.lanes), 0, load_part::<S>(initial, from(1), count));
                    }
                }
            }
        }
    }

    /// The inputs' part of the gates of a chunk: `[steps, blocks, rows, gates, lanes]`.
    #[inline(always)]
    fn project<S: Simd>(&self, simd: S, places: Range<usize>, projected: &mut [f32]) {
        let plan = self.call.plan;
        for block in self.blocks.clone() {
            for part in parts(plan.sizes.d_input) {
                for (step, place) in places.clone().enumerate() {
                    let time = plan.time(self.direction, place);
                    for rows in tiles(self.rows.clone(), tile_rows::<S>()) {
                        if plan.any_valid(rows.clone(), time) {
                            self.project_tile(simd, Tile { place, step, block, rows }, part.clone(), projected);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn project_tile<S: Simd>(&self, simd: S, tile: Tile, part: Range<usize>, projected: &mut [f32]) {
        let Tile { place, step, block, rows } = tile;
        let ForwardCall { plan, input, packed, .. } = self.call;
        let weights = &packed[self.direction];
        let Sizes { time: steps, d_input, .. } = plan.sizes;
        let width = G * S::F32_LANES;
        let factors = Factors {
            rows: &input[(rows.start * steps + plan.time(self.direction, place)) * d_input + part.start..],
            rows_by: [steps * d_input, 1, 0],
            columns: &weights.kernel.panel(block)[part.start * width..],
            columns_by: [width, 0],
            inner: part.len(),
            turns: 1,
        };
        let bias = Start::From(&weights.bias[block * width..][..width], 0);
        let start = if part.start == 0 { bias } else { Start::Kept };
        let to = &mut projected[self.projected_at(step, block, rows.start)..];
        multiply(simd, [rows.len(), G], start, &factors, to, width);
    }

    #[inline(always)]
    fn projected_at(&self, step: usize, block: usize, row: usize) -> usize {
        let plan = self.call.plan;
        ((step * plan.blocks + block) * self.rows.len() + row - self.rows.start) * G * plan.lanes
    }

    /// The sums of the gates of a tile: the inputs' part or the state's own bias, and a part of the recurrent product.
    #[inline(always)]
    fn add_product<S: Simd>(&self, simd: S, tile: Tile, part: Range<usize>, projected: &[f32], sums: &mut [f32]) {
        let Tile { place, step, block, rows } = tile;
        let ForwardCall { plan, packed, hidden, .. } = self.call;
        let weights = &packed[self.direction];
        let (padded, width) = (plan.padded(), G * S::F32_LANES);
        if !plan.any_valid(rows.clone(), plan.time(self.direction, place)) {
            return;
        }
        // SAFETY: this group's rows and direction, which nothing writes meanwhile: tasks write the next place.
        let before = unsafe { hidden.read(plan.hidden_at(self.direction, place, rows.start), rows.len() * padded) };
        let inputs = &projected[self.projected_at(step, block, rows.start)..][..rows.len() * width];
        let sums = &mut sums[(rows.start - self.rows.start) * width..][..rows.len() * width];
        let start = match C::OWN_BIAS {
            _ if part.start > 0 => Start::Kept,
            None => Start::From(inputs, width),
            Some(gate) => {
                let own = gate * S::F32_LANES..(gate + 1) * S::F32_LANES;
                let state_bias = &weights.state_bias[block * width..][own.clone()];
                sums.copy_from_slice(inputs);
                sums.chunks_exact_mut(width).for_each(|row| row[own.clone()].copy_from_slice(state_bias));
                Start::Kept
            }
        };
        let factors = Factors {
            rows: &before[part.start..],
            rows_by: [padded, 1, 0],
            columns: &weights.recurrent_kernel.panel(block)[part.start * width..],
            columns_by: [width, 0],
            inner: part.len(),
            turns: 1,
        };
        multiply(simd, [rows.len(), G], start, &factors, sums, width);
    }

    /// What the reset gate leaves of a block of the state.
    #[inline(always)]
    fn reset<S: Simd>(&self, simd: S, place: usize, block: usize, sums: &[f32], left: &mut [f32]) {
        let ForwardCall { plan, hidden, .. } = self.call;
        let (lanes, padded, rows) = (S::F32_LANES, plan.padded(), self.rows.len());
        let time = plan.time(self.direction, place);
        // SAFETY: this task's rows and direction, which nothing writes meanwhile.
        let before = unsafe { hidden.read(plan.hidden_at(self.direction, place, self.rows.start), rows * padded) };
        for n in 0..rows {
            let at = n * padded + block * lanes;
            let value = if plan.valid(self.rows.start + n, time) {
                reset(simd, load::<S>(sums, (n * G + 1) * lanes), load::<S>(before, at))
            } else {
                simd.splat_f32s(0.0)
            };
            store::<S>(left, at, value);
        }
    }

    /// The sum of gate 2 of a tile: the inputs' part and the product of what the reset gate left.
    #[inline(always)]
    fn add_reset_product<S: Simd>(&self, simd: S, tile: Tile, projected: &[f32], left: &[f32], sums: &mut [f32]) {
        let Tile { place, step, block, rows } = tile;
        let ForwardCall { plan, packed, .. } = self.call;
        let (padded, width, n) = (plan.padded(), G * S::F32_LANES, rows.start - self.rows.start);
        if !plan.any_valid(rows.clone(), plan.time(self.direction, place)) {
            return;
        }
        let gate = 2 * S::F32_LANES;
        let inputs = Start::From(&projected[self.projected_at(step, block, rows.start) + gate..], width);
        let factors = Factors {
            rows: &left[n * padded..],
            rows_by: [padded, 1, 0],
            columns: &packed[self.direction].recurrent_kernel.panel(block)[gate..],
            columns_by: [width, 0],
            inner: plan.sizes.d_hidden,
            turns: 1,
        };
        multiply(simd, [rows.len(), 1], inputs, &factors, &mut sums[n * width + gate..], width);
    }

    /// Asks for the states of a block, which [`finish`](Self::finish) reads and writes after the block's product. The
    /// weights of a step may have displaced them from the second cache.
    #[inline(always)]
    fn prefetch_states(&self, place: usize, block: usize) {
        let ForwardCall { plan, hidden, cell, .. } = self.call;
        for row in self.rows.clone() {
            hidden.prefetch(plan.hidden_at(self.direction, place + 1, row) + block * plan.lanes);
            if C::CARRIES {
                cell.prefetch(plan.cell_at(self.direction, place, block, row));
                cell.prefetch(plan.cell_at(self.direction, place + 1, block, row));
            }
        }
    }

    /// The new states of a block from the sums of its gates.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, place: usize, step: usize, block: usize, projected: &[f32], sums: &[f32]) {
        let ForwardCall { plan, training, hidden, cell, gates, out, .. } = self.call;
        let (direction, lanes, width) = (self.direction, S::F32_LANES, G * S::F32_LANES);
        let (rows, first) = (self.rows.len(), self.rows.start);
        let time = plan.time(direction, place);
        let count = plan.units(block);
        let keeps = if *training { C::KEEPS * lanes } else { 0 };
        let carries = if C::CARRIES { rows * lanes } else { 0 };
        // SAFETY: this task's rows, block and direction; the slots read are not the slots written.
        let (cell_before, cell_after, kept) = unsafe {
            (
                cell.read(if C::CARRIES { plan.cell_at(direction, place, block, first) } else { 0 }, carries),
                cell.part(if C::CARRIES { plan.cell_at(direction, place + 1, block, first) } else { 0 }, carries),
                gates.part(
                    if keeps > 0 { plan.gates_at(C::KEEPS, direction, place, block, first) } else { 0 },
                    rows * keeps,
                ),
            )
        };
        let inputs = &projected[self.projected_at(step, block, first)..][..rows * width];
        let zero = simd.splat_f32s(0.0);
        for n in 0..rows {
            let valid = plan.valid(first + n, time);
            let hidden_at = |place| plan.hidden_at(direction, place, first + n) + block * lanes;
            // SAFETY: this task's rows, block and direction.
            let hidden_before = load::<S>(unsafe { hidden.read(hidden_at(place), lanes) }, 0);
            let cell_before = if C::CARRIES { load::<S>(cell_before, n * lanes) } else { zero };
            let (hidden_now, cell_now) = if valid {
                let mut gates = [zero; G];
                for (gate, sum) in gates.iter_mut().enumerate() {
                    *sum = load::<S>(sums, n * width + gate * lanes);
                }
                let keep = &mut kept[n * keeps..(n + 1) * keeps];
                let before = Before { inputs: &inputs[n * width..], hidden: hidden_before, cell: cell_before, keep };
                let now = self.cell.finish(simd, gates, before);
                (now.hidden, now.cell)
            } else {
                (hidden_before, cell_before)
            };
            // SAFETY: as above.
            store::<S>(unsafe { hidden.part(hidden_at(place + 1), lanes) }, 0, hidden_now);
            if C::CARRIES {
                store::<S>(cell_after, n * lanes, cell_now);
            }
            if plan.sequence {
                let at = plan.out_at(direction, first + n, time) + block * lanes;
                let output = if valid { hidden_now } else { zero };
                // SAFETY: as above.
                write_part::<S>(unsafe { out.part(at, count) }, output);
            }
        }
    }

    /// The states after the last step, where they are wanted.
    #[inline(always)]
    fn write_final(&self) {
        let ForwardCall { plan, hidden, cell, out, .. } = self.call;
        let (direction, last) = (self.direction, plan.sizes.time);
        for row in self.rows.clone() {
            for block in self.blocks.clone() {
                let (count, lanes) = (plan.units(block), plan.lanes);
                let to = |at: usize| plan.out_at(direction, row, at) + block * lanes;
                // SAFETY: this task's rows, block and direction.
                unsafe {
                    if let Some(at) = plan.hidden_row {
                        let from = hidden.part(plan.hidden_at(direction, last, row) + block * lanes, lanes);
                        out.part(to(at), count).write_copy_of_slice(&from[..count]);
                    }
                    if let Some(at) = plan.cell_row {
                        let from = cell.part(plan.cell_at(direction, last, block, row), lanes);
                        out.part(to(at), count).write_copy_of_slice(&from[..count]);
                    }
                }
            }
        }
    }
}
