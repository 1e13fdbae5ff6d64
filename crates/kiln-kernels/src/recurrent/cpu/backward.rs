//! The backward pass of [`super`].

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::cells::{After, Cell, through_reset};
use super::joint::{Joint, JointParts};
use super::{Call, InputGradients, Kept, Part, Plan, Sizes, Tile};
use crate::backend::cpu::lanes::{dispatch, load, load_part, store, write_part};
use crate::backend::cpu::product::{Factors, PANEL, Packed, Start, multiply, panels, tile_rows, tiles};
use crate::backend::cpu::shared::{Scratch, Shared, Unwritten, assert_holds, count, filled};
use crate::backend::cpu::together::Meeting;

/// Gradients of a state below this are taken for zero. Through hundreds of steps they would shrink
/// to subnormal numbers, which a processor multiplies a hundred times slower.
const VANISHED: f32 = 1e-25;

/// The packed transposes of one direction's weights.
struct BackwardWeights {
    kernel: Packed,
    recurrent_kernel: Packed,
}

/// What a task adds up over time, in the order of its blocks.
struct Sums {
    /// `[blocks, d_input, gates, lanes]`
    kernel: Scratch,
    /// `[blocks, d_hidden, gates, lanes]`
    recurrent_kernel: Scratch,
    /// `[blocks, gates, lanes]`: the gradients of the inputs' part and of the state's.
    biases: [Vec<f32>; 2],
}

pub(super) fn backward_cell<const G: usize, C: Cell<G>>(
    cell: C,
    call: Call<'_>,
    kept: &Kept,
    gradient: &[f32],
    wants_input: bool,
) -> InputGradients {
    let Call { options, sizes, input, weights } = call;
    let plan = Plan::new(sizes, options, true);
    plan.check(call);
    assert_holds("gradient", gradient, [sizes.batch, plan.out_rows, plan.directions.len() * sizes.d_hidden]);
    let Sizes { batch, time, d_input, d_hidden } = sizes;
    let directions = plan.directions.len();
    let width = G * d_hidden;
    let packed: Vec<_> = (0..directions)
        .map(|direction| BackwardWeights {
            kernel: plan.pack_transposed(&weights.kernel[direction * d_input * width..], d_input),
            recurrent_kernel: plan.pack_transposed(&weights.recurrent_kernel[direction * d_hidden * width..], d_hidden),
        })
        .collect();

    let mut d_initial = vec![0.0; weights.initial.len()];
    let inputs = if wants_input { [batch, time, d_input] } else { [0; 3] };
    // The second direction writes to its own place, which is added at the end.
    let mut other = Scratch::new(if directions == 2 { count(inputs) } else { 0 });
    let parts = plan.parts(C::RESETS);
    // Those who walk together share the first one's.
    let are_together = parts.first().is_some_and(|part| part.members > 1);
    let mut common = Joint::new::<G, C>(&plan, if are_together { batch } else { 0 });
    let mut sums: Vec<Sums> = Vec::new();
    let run = |d_input: &mut [MaybeUninit<f32>]| {
        let call = BackwardCall {
            plan: &plan,
            input,
            packed: &packed,
            kept,
            gradient,
            wants_input,
            d_initial: Shared::new(&mut d_initial),
            // SAFETY: tasks write only floats.
            d_input: [Shared::new(d_input), unsafe { Shared::over(&mut other) }],
        };
        let common = common.shared();
        sums = Part::run(&parts, 1, |part, meeting| {
            let (direction, rows) = (part.direction, part.rows.clone());
            let blocks = part.share(plan.blocks);
            let mut own = Joint::new::<G, C>(&plan, if are_together { 0 } else { rows.len() });
            let joint = if are_together { common } else { own.shared() };
            dispatch(BackwardTask { call: &call, cell, part, direction, rows, blocks, joint, meeting })
        });
    };
    // SAFETY: the first direction's tasks cover all rows, and each writes all its steps.
    let mut d_input_all = unsafe { filled(inputs, run) };

    if directions == 2 {
        d_input_all.par_chunks_mut(1 << 16).zip(other.par_chunks(1 << 16)).for_each(|(to, from)| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        });
    }
    let biases = options.cell.biases();
    let of_tasks = |of: fn(&Sums) -> &[f32]| -> Vec<(&Part, &[f32])> {
        parts.iter().zip(&sums).map(|(part, sums)| (part, of(sums))).collect()
    };
    let of_inputs = plan.unpacked(&of_tasks(|sums| &sums.biases[0]), 1);
    let of_states = plan.unpacked(&of_tasks(|sums| &sums.biases[1]), 1);
    let directions = of_inputs.chunks_exact(width.max(1)).zip(of_states.chunks_exact(width.max(1)));
    let bias = directions.flat_map(|(inputs, states)| [inputs, states].into_iter().take(biases).flatten().copied());
    InputGradients {
        input: d_input_all,
        kernel: plan.unpacked(&of_tasks(|sums| &sums.kernel), d_input),
        recurrent_kernel: plan.unpacked(&of_tasks(|sums| &sums.recurrent_kernel), d_hidden),
        bias: bias.collect(),
        initial: d_initial,
    }
}

struct BackwardCall<'a> {
    plan: &'a Plan<'a>,
    input: &'a [f32],
    packed: &'a [BackwardWeights],
    kept: &'a Kept,
    gradient: &'a [f32],
    wants_input: bool,
    // Tasks own the rows and the direction that they were given, in each of these.
    d_initial: Shared<'a>,
    d_input: [Unwritten<'a>; 2],
}

struct BackwardTask<'a, const G: usize, C: Cell<G>> {
    call: &'a BackwardCall<'a>,
    cell: C,
    part: &'a Part,
    direction: usize,
    rows: Range<usize>,
    blocks: Range<usize>,
    joint: JointParts<'a>,
    meeting: &'a Meeting,
}

/// The buffers of a task.
struct Work {
    /// `[steps, rows, d_input]`: the chunk's inputs.
    inputs: Scratch,
    /// `[rows, padded]`: the gradients of the cell states after the step at hand.
    d_cell: Scratch,
    /// `[rows, padded]`: the sums of its panels of the gradients of the hidden states before the step at hand.
    d_before: Scratch,
    /// `[rows, padded]`: the gradient of what the reset gate left of the state.
    d_left: Scratch,
    /// `[steps, rows, padded]`: what it left.
    left: Scratch,
}

impl<const G: usize, C: Cell<G>> WithSimd for BackwardTask<'_, G, C> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let plan = self.call.plan;
        let Sizes { time, d_input, d_hidden, .. } = plan.sizes;
        let rows = self.rows.len();
        let chunk = plan.chunk(rows);
        let own_width = self.blocks.len() * plan.lanes * G;
        let own_panels = self.part.share(plan.blocks.div_ceil(PANEL));
        let mut work = Work {
            inputs: Scratch::new(chunk * rows * d_input),
            d_cell: Scratch::new(if C::CARRIES { rows * plan.padded() } else { 0 }),
            d_before: Scratch::new(rows * plan.padded()),
            d_left: Scratch::new(if C::RESETS { rows * plan.padded() } else { 0 }),
            left: Scratch::new(if C::RESETS { chunk * rows * plan.padded() } else { 0 }),
        };
        let mut sums = Sums {
            kernel: Scratch::new(own_width * d_input),
            recurrent_kernel: Scratch::new(own_width * d_hidden),
            biases: [vec![0.0; own_width], vec![0.0; own_width]],
        };
        if time == 0 {
            sums.kernel.fill(0.0);
            sums.recurrent_kernel.fill(0.0);
        }
        self.set_final::<S>(&mut work);
        self.meeting.wait();

        let mut end = time;
        while end > 0 {
            let first = end.saturating_sub(chunk);
            for place in (first..end).rev() {
                let step = place - first;
                self.pointwise(simd, place, step, &mut work);
                if C::RESETS {
                    for rows in tiles(self.rows.clone(), tile_rows::<S>()) {
                        self.reset_product(simd, step, rows, &mut work);
                    }
                    self.reset(simd, place, step, &mut work);
                }
                self.meeting.wait();
                // Rows inside, so that a part of a panel of weights stays in the nearest cache for all of them.
                for block in 0..plan.blocks {
                    for (panel, vectors) in panels(plan.blocks).enumerate() {
                        if own_panels.contains(&panel) {
                            for rows in tiles(self.rows.clone(), tile_rows::<S>()) {
                                let tile = Tile { place, step, block, rows };
                                self.through_product(simd, tile, (panel, vectors.clone()), &mut work);
                            }
                        }
                    }
                }
                self.hand_over(own_panels.clone(), &work);
                self.meeting.wait();
            }
            if self.call.wants_input {
                self.input_gradients(simd, first..end);
            }
            // The first chunk overwrites what is there.
            let start = if end == time { Start::Zeros } else { Start::Kept };
            self.weight_gradients(simd, first..end, start, &mut work, &mut sums);
            // The next chunk's gates take the place of these.
            self.meeting.wait();
            end = first;
        }
        self.write_initial(&work);
        sums
    }
}

impl<const G: usize, C: Cell<G>> BackwardTask<'_, G, C> {
    /// The gradients of the final states.
    #[inline(always)]
    fn set_final<S: Simd>(&self, work: &mut Work) {
        let BackwardCall { plan, gradient, .. } = self.call;
        for (n, row) in self.rows.clone().enumerate() {
            for block in self.blocks.clone() {
                let (count, at) = (plan.units(block), n * plan.padded() + block * plan.lanes);
                let from = |row_of: Option<usize>| match row_of {
                    Some(place) => {
                        let from = plan.out_at(self.direction, row, place) + block * plan.lanes;
                        load_part::<S>(gradient, from, count)
                    }
                    None => load_part::<S>(&[], 0, 0),
                };
                // SAFETY: this task's block.
                store::<S>(unsafe { self.joint.d_hidden.part(at, plan.lanes) }, 0, from(plan.hidden_row));
                if C::CARRIES {
                    store::<S>(&mut work.d_cell, at, from(plan.cell_row));
                }
            }
        }
    }

    /// Where the gates' gradients of a row lie.
    #[inline(always)]
    fn gates_at(&self, step: usize, block: usize, row: usize) -> usize {
        let plan = self.call.plan;
        ((step * plan.blocks + block) * self.rows.len() + row - self.rows.start) * G * plan.lanes
    }

    /// The gradients of the gates of one step.
    #[inline(always)]
    fn pointwise<S: Simd>(&self, simd: S, place: usize, step: usize, work: &mut Work) {
        let BackwardCall { plan, kept, gradient, .. } = self.call;
        let (direction, lanes, padded) = (self.direction, S::F32_LANES, plan.padded());
        let time = plan.time(direction, place);
        let zero = simd.splat_f32s(0.0);
        for (n, row) in self.rows.clone().enumerate() {
            let valid = plan.valid(row, time);
            for block in self.blocks.clone() {
                let at = n * padded + block * lanes;
                let to = self.gates_at(step, block, row);
                // SAFETY: this task's block, which no other task reads or writes until the next meeting.
                let (gates, state_gates, direct, d_hidden) = unsafe {
                    (
                        self.joint.gates.part(to, G * lanes),
                        self.joint
                            .state_gates
                            .part(if C::SPLIT { to } else { 0 }, if C::SPLIT { G * lanes } else { 0 }),
                        self.joint.direct.part(at, lanes),
                        self.joint.d_hidden.read(at, lanes),
                    )
                };
                let d_hidden = unless_vanished(simd, load::<S>(d_hidden, 0));
                if !valid {
                    // The state went through unchanged, and so does its gradient.
                    gates.fill(0.0);
                    state_gates.fill(0.0);
                    store::<S>(direct, 0, d_hidden);
                    continue;
                }
                let d_hidden = if plan.sequence {
                    let from = plan.out_at(direction, row, time) + block * lanes;
                    simd.add_f32s(d_hidden, load_part::<S>(gradient, from, plan.units(block)))
                } else {
                    d_hidden
                };
                let state = |place| load::<S>(&kept.hidden, plan.hidden_at(direction, place, row) + block * lanes);
                let cell = |place| {
                    if C::CARRIES { load::<S>(&kept.cell, plan.cell_at(direction, place, block, row)) } else { zero }
                };
                let keeps = C::KEEPS * lanes;
                let kept_at = if C::KEEPS > 0 { plan.gates_at(C::KEEPS, direction, place, block, row) } else { 0 };
                let gradients = self.cell.backward(
                    simd,
                    After {
                        kept: &kept.gates[kept_at..kept_at + keeps],
                        hidden_before: state(place),
                        hidden: state(place + 1),
                        cell_before: cell(place),
                        cell: cell(place + 1),
                        d_hidden,
                        d_cell: if C::CARRIES { unless_vanished(simd, load::<S>(&work.d_cell, at)) } else { zero },
                    },
                );
                for gate in 0..G {
                    store::<S>(gates, gate * lanes, gradients.input[gate]);
                    if C::SPLIT {
                        store::<S>(state_gates, gate * lanes, gradients.state[gate]);
                    }
                }
                store::<S>(direct, 0, gradients.hidden_before);
                if C::CARRIES {
                    store::<S>(&mut work.d_cell, at, gradients.cell_before);
                }
            }
        }
    }

    /// The gradient of what the reset gate left of the state: that of gate 2 times its part of the
    /// recurrent kernel's transpose.
    #[inline(always)]
    fn reset_product<S: Simd>(&self, simd: S, step: usize, rows: Range<usize>, work: &mut Work) {
        let BackwardCall { plan, packed, .. } = self.call;
        let (padded, width, lanes) = (plan.padded(), G * S::F32_LANES, S::F32_LANES);
        let weights = &packed[self.direction].recurrent_kernel;
        for (panel, vectors) in panels(plan.blocks).enumerate() {
            let factors = Factors {
                rows: &self.gates()[self.gates_at(step, 0, rows.start) + 2 * lanes..],
                rows_by: [width, 1, self.rows.len() * width],
                columns: &weights.panel(panel)[2 * lanes * weights.width()..],
                columns_by: [weights.width(), width * weights.width()],
                inner: lanes,
                turns: plan.blocks,
            };
            let at = (rows.start - self.rows.start) * padded + vectors.start * lanes;
            multiply(simd, [rows.len(), vectors.len()], Start::Zeros, &factors, &mut work.d_left[at..], padded);
        }
    }

    /// The gradient of the reset gate, and what goes through it to the state before.
    #[inline(always)]
    fn reset<S: Simd>(&self, simd: S, place: usize, step: usize, work: &mut Work) {
        let BackwardCall { plan, kept, .. } = self.call;
        let (direction, lanes, padded) = (self.direction, S::F32_LANES, plan.padded());
        let time = plan.time(direction, place);
        for (n, row) in self.rows.clone().enumerate() {
            for block in 0..plan.blocks {
                let at = n * padded + block * lanes;
                let left_at = step * self.rows.len() * padded + at;
                if !plan.valid(row, time) {
                    store::<S>(&mut work.left, left_at, simd.splat_f32s(0.0));
                    continue;
                }
                let gate = load::<S>(&kept.gates, plan.gates_at(C::KEEPS, direction, place, block, row) + lanes);
                let before = load::<S>(&kept.hidden, plan.hidden_at(direction, place, row) + block * lanes);
                let (d_gate, d_before) = through_reset(simd, gate, before, load::<S>(&work.d_left, at));
                store::<S>(&mut work.left, left_at, simd.mul_f32s(gate, before));
                let to = self.gates_at(step, block, row) + lanes;
                // SAFETY: cells that reset walk by themselves.
                let (gates, state_gates, direct) = unsafe {
                    let joint = &self.joint;
                    (joint.gates.part(to, lanes), joint.state_gates.part(to, lanes), joint.direct.part(at, lanes))
                };
                store::<S>(gates, 0, d_gate);
                store::<S>(state_gates, 0, d_gate);
                let before = load::<S>(direct, 0);
                store::<S>(direct, 0, simd.add_f32s(before, d_before));
            }
        }
    }

    /// Adds a block's part to a panel of the gradient of the state before a step: the gates' times the
    /// recurrent kernel's transpose.
    #[inline(always)]
    fn through_product<S: Simd>(&self, simd: S, tile: Tile, (panel, vectors): (usize, Range<usize>), work: &mut Work) {
        let Tile { place, step, block, rows } = tile;
        let BackwardCall { plan, packed, .. } = self.call;
        let (padded, n) = (plan.padded(), rows.start - self.rows.start);
        let at = n * padded + vectors.start * S::F32_LANES;
        // SAFETY: nothing writes it until the next meeting.
        let direct = unsafe { self.joint.direct.read(at, (rows.len() - 1) * padded + vectors.len() * S::F32_LANES) };
        if !plan.any_valid(rows.clone(), plan.time(self.direction, place)) {
            if block == 0 {
                for row in 0..rows.len() {
                    let count = vectors.len() * S::F32_LANES;
                    work.d_before[at + row * padded..][..count].copy_from_slice(&direct[row * padded..][..count]);
                }
            }
            return;
        }
        let gates = if C::SPLIT { self.state_gates() } else { self.gates() };
        let (gates, width) = (&gates[self.gates_at(step, block, rows.start)..], G * S::F32_LANES);
        let weights = &packed[self.direction].recurrent_kernel;
        let start = if block == 0 { Start::From(direct, padded) } else { Start::Kept };
        let factors = Factors {
            rows: gates,
            rows_by: [width, 1, 0],
            columns: &weights.panel(panel)[block * width * weights.width()..],
            columns_by: [weights.width(), 0],
            inner: width,
            turns: 1,
        };
        multiply(simd, [rows.len(), vectors.len()], start, &factors, &mut work.d_before[at..], padded);
    }

    /// The gates' gradients of the inputs' part, which nothing writes until the next meeting.
    #[inline(always)]
    fn gates(&self) -> &[f32] {
        // SAFETY: it is called between meetings in which all read.
        unsafe { self.joint.gates.all() }
    }

    /// The same of the state's part.
    #[inline(always)]
    fn state_gates(&self) -> &[f32] {
        // SAFETY: as above.
        unsafe { self.joint.state_gates.all() }
    }

    /// Writes the task's panels of the gradients of the hidden states before a step to where all read them.
    #[inline(always)]
    fn hand_over(&self, own_panels: Range<usize>, work: &Work) {
        let plan = self.call.plan;
        let columns = own_panels.start * PANEL * plan.lanes..(own_panels.end * PANEL * plan.lanes).min(plan.padded());
        for row in 0..self.rows.len() {
            let at = row * plan.padded() + columns.start;
            // SAFETY: this task's panels, which no other task reads or writes until the next meeting.
            let to = unsafe { self.joint.d_hidden.part(at, columns.len()) };
            to.copy_from_slice(&work.d_before[at..at + columns.len()]);
        }
    }

    /// The gradient of the chunk's inputs: the gates' times the kernel's transpose.
    #[inline(always)]
    fn input_gradients<S: Simd>(&self, simd: S, places: Range<usize>) {
        let BackwardCall { plan, packed, d_input, .. } = self.call;
        let Sizes { time: steps, d_input: inputs, .. } = plan.sizes;
        let (width, stride) = (G * S::F32_LANES, PANEL * S::F32_LANES);
        let weights = &packed[self.direction].kernel;
        let count = self.rows.len();
        let mut sums = Scratch::new(places.len() * count * stride);
        let vectors = inputs.div_ceil(S::F32_LANES);
        let (own_panels, gates) = (self.part.share(vectors.div_ceil(PANEL)), self.gates());
        for (panel, columns) in panels(vectors).enumerate().filter(|(panel, _)| own_panels.contains(panel)) {
            for block in 0..plan.blocks {
                let start = if block == 0 { Start::Zeros } else { Start::Kept };
                for step in 0..places.len() {
                    for rows in tiles(self.rows.clone(), tile_rows::<S>()) {
                        let factors = Factors {
                            rows: &gates[self.gates_at(step, block, rows.start)..],
                            rows_by: [width, 1, 0],
                            columns: &weights.panel(panel)[block * width * weights.width()..],
                            columns_by: [weights.width(), 0],
                            inner: width,
                            turns: 1,
                        };
                        let to = &mut sums[(step * count + rows.start - self.rows.start) * stride..];
                        multiply(simd, [rows.len(), columns.len()], start, &factors, to, stride);
                    }
                }
            }
            let first = columns.start * S::F32_LANES;
            let numbers = (columns.len() * S::F32_LANES).min(inputs - first);
            for (step, place) in places.clone().enumerate() {
                let time = plan.time(self.direction, place);
                for (n, row) in self.rows.clone().enumerate() {
                    let sums = &sums[(step * count + n) * stride..];
                    // SAFETY: this task's rows and direction.
                    let to = unsafe { d_input[self.direction].part((row * steps + time) * inputs + first, numbers) };
                    for (n, to) in to.chunks_mut(S::F32_LANES).enumerate() {
                        write_part::<S>(to, load::<S>(sums, n * S::F32_LANES));
                    }
                }
            }
        }
    }

    /// Adds the chunk's part of the weights' gradients.
    #[inline(always)]
    fn weight_gradients<S: Simd>(
        &self,
        simd: S,
        places: Range<usize>,
        start: Start<'static>,
        work: &mut Work,
        sums: &mut Sums,
    ) {
        let BackwardCall { plan, input, kept, .. } = self.call;
        let Sizes { batch, time: steps, d_input, d_hidden } = plan.sizes;
        let (rows, padded) = (self.rows.len(), plan.padded());
        let width = G * S::F32_LANES;
        for (step, place) in places.clone().enumerate() {
            let time = plan.time(self.direction, place);
            for (n, row) in self.rows.clone().enumerate() {
                let from = (row * steps + time) * d_input;
                let to = &mut work.inputs[(step * rows + n) * d_input..][..d_input];
                if plan.valid(row, time) {
                    to.copy_from_slice(&input[from..from + d_input]);
                } else {
                    to.fill(0.0); // whatever lies there, NaN too, has no part in the sums
                }
            }
        }
        let gates = self.gates();
        let state_gates = if C::SPLIT { self.state_gates() } else { gates };
        let first = self.rows.start;
        // Adds to so many gates of the weights, for each step, the product of what they met with the gates' gradients.
        let add = |start,
                   gates: usize,
                   to: &mut [f32],
                   [units, unit_by, step_by]: [usize; 3],
                   met: &[f32],
                   gradients: &[f32]| {
            for units in tiles(0..units, tile_rows::<S>()) {
                let factors = Factors {
                    rows: &met[units.start..],
                    rows_by: [1, unit_by, step_by],
                    columns: gradients,
                    columns_by: [width, plan.blocks * rows * width],
                    inner: rows,
                    turns: places.len(),
                };
                multiply(simd, [units.len(), gates], start, &factors, &mut to[units.start * width..], width);
            }
        };
        let before = &kept.hidden[plan.hidden_at(self.direction, places.start, first)..];
        for (place, block) in self.blocks.clone().enumerate() {
            let at = self.gates_at(0, block, first);
            let kernel = &mut sums.kernel[place * d_input * width..];
            add(start, G, kernel, [d_input, d_input, rows * d_input], &work.inputs, &gates[at..]);
            let kernel = &mut sums.recurrent_kernel[place * d_hidden * width..];
            add(start, G, kernel, [d_hidden, padded, batch * padded], before, &state_gates[at..]);
            if C::RESETS {
                let gate = 2 * S::F32_LANES;
                let kernel = &mut kernel[gate..];
                add(Start::Kept, 1, kernel, [d_hidden, padded, rows * padded], &work.left, &gates[at + gate..]);
            }
            for (sum, gates) in sums.biases.iter_mut().zip([gates, state_gates]) {
                let mut total = [simd.splat_f32s(0.0); G];
                for (gate, total) in total.iter_mut().enumerate() {
                    *total = load::<S>(sum, place * width + gate * S::F32_LANES);
                }
                for step in 0..places.len() {
                    let gates = &gates[self.gates_at(step, block, first)..];
                    for row in 0..rows {
                        for (gate, total) in total.iter_mut().enumerate() {
                            *total = simd.add_f32s(*total, load::<S>(gates, row * width + gate * S::F32_LANES));
                        }
                    }
                }
                for (gate, total) in total.into_iter().enumerate() {
                    store::<S>(sum, place * width + gate * S::F32_LANES, total);
                }
            }
        }
    }

    /// The gradients of the initial states.
    #[inline(always)]
    fn write_initial(&self, work: &Work) {
        let BackwardCall { plan, d_initial, .. } = self.call;
        let Sizes { batch, d_hidden: d_hidden_width, .. } = plan.sizes;
        // SAFETY: nothing writes it any more.
        let d_hidden = unsafe { self.joint.d_hidden.all() };
        for (n, row) in self.rows.clone().enumerate() {
            for (state, from) in [d_hidden, &work.d_cell].into_iter().enumerate() {
                if state == 0 || C::CARRIES {
                    let at = ((state * plan.directions.len() + self.direction) * batch + row) * d_hidden_width;
                    for block in self.blocks.clone() {
                        let (first, count) = (block * plan.lanes, plan.units(block));
                        // SAFETY: this task's rows, block and direction.
                        let to = unsafe { d_initial.part(at + first, count) };
                        to.copy_from_slice(&from[n * plan.padded() + first..][..count]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn unless_vanished<S: Simd>(simd: S, gradient: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(simd.abs_f32s(gradient), simd.splat_f32s(VANISHED)), zero, gradient)
}
