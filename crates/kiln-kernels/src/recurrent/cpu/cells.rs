//! The arithmetic of one step of one unit, forward and backward, for each recurrent cell: a vector
//! of units at a time, everything in registers.

use pulp::Simd;

use crate::backend::cpu::lanes::{load, sigmoids_and_tanh, store, tanh};

/// What a step computed for a vector of units.
pub(super) struct Stepped<V> {
    pub(super) hidden: V,
    /// Only of cells with [`Cell::CARRIES`].
    pub(super) cell: V,
}

/// What a step starts from.
pub(super) struct Before<'a, V> {
    /// The inputs' part of the gates.
    pub(super) inputs: &'a [f32],
    pub(super) hidden: V,
    pub(super) cell: V,
    /// Where to write what the backward pass needs; empty in prediction.
    pub(super) keep: &'a mut [f32],
}

/// What the backward pass of a step needs.
pub(super) struct After<'a, V> {
    /// What [`Cell::finish`] kept.
    pub(super) kept: &'a [f32],
    pub(super) hidden_before: V,
    pub(super) hidden: V,
    pub(super) cell_before: V,
    pub(super) cell: V,
    /// The gradient of `hidden`.
    pub(super) d_hidden: V,
    /// The gradient of `cell`.
    pub(super) d_cell: V,
}

/// The gradients of a step.
pub(super) struct Gradients<V, const G: usize> {
    /// Of what the inputs add to the gates.
    pub(super) input: [V; G],
    /// Of what the state adds to the gates; the same as `input` unless [`Cell::SPLIT`].
    pub(super) state: [V; G],
    /// Of the hidden state before, apart from what goes through the recurrent product.
    pub(super) hidden_before: V,
    pub(super) cell_before: V,
}

/// A recurrent cell of `G` gates.
pub(super) trait Cell<const G: usize>: Copy + Send + Sync {
    /// Vectors that a step keeps for the backward pass.
    const KEEPS: usize;
    /// Whether there is a second state next to the hidden one.
    const CARRIES: bool = false;
    /// Whether inputs and state have different gradients.
    const SPLIT: bool = false;
    /// Whether gate 1 resets the state before the product for gate 2, which then has to wait for
    /// gate 1 of all units.
    const RESETS: bool = false;
    /// The gate whose recurrent product is added to the state's own bias; all others are added to the inputs' part.
    const OWN_BIAS: Option<usize> = None;

    /// The step from the sums of the gates.
    fn finish<S: Simd>(self, simd: S, gates: [S::f32s; G], before: Before<'_, S::f32s>) -> Stepped<S::f32s>;

    /// The gradients of a step.
    fn backward<S: Simd>(self, simd: S, step: After<'_, S::f32s>) -> Gradients<S::f32s, G>;
}

#[inline(always)]
fn load_all<S: Simd, const G: usize>(from: &[f32]) -> [S::f32s; G] {
    let mut values = [load::<S>(from, 0); G];
    for (gate, value) in values.iter_mut().enumerate().skip(1) {
        *value = load::<S>(from, gate * S::F32_LANES);
    }
    values
}

#[inline(always)]
fn store_all<S: Simd, const G: usize>(to: &mut [f32], values: [S::f32s; G]) {
    for (gate, value) in values.into_iter().enumerate() {
        store::<S>(to, gate * S::F32_LANES, value);
    }
}

/// value * (1 - value) * gradient: through a sigmoid.
#[inline(always)]
fn through_sigmoid<S: Simd>(simd: S, gradient: S::f32s, value: S::f32s) -> S::f32s {
    simd.mul_f32s(gradient, simd.negate_mul_add_e_f32s(value, value, value))
}

/// (1 - value^2) * gradient: through tanh.
#[inline(always)]
fn through_tanh<S: Simd>(simd: S, gradient: S::f32s, value: S::f32s) -> S::f32s {
    simd.mul_f32s(gradient, simd.negate_mul_add_e_f32s(value, value, simd.splat_f32s(1.0)))
}

/// update * hidden + (1 - update) * candidate: the new state of a GRU.
#[inline(always)]
fn blend<S: Simd>(simd: S, update: S::f32s, hidden: S::f32s, candidate: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(update, simd.sub_f32s(hidden, candidate), candidate)
}

/// Through [`blend`]: what reaches the state before, and the gradients of the sums of update gate and candidate.
#[inline(always)]
fn through_blend<S: Simd>(simd: S, step: &After<'_, S::f32s>, update: S::f32s, candidate: S::f32s) -> [S::f32s; 3] {
    let kept = simd.mul_f32s(step.d_hidden, update);
    let change = simd.sub_f32s(step.hidden_before, candidate);
    let d_update = through_sigmoid(simd, simd.mul_f32s(step.d_hidden, change), update);
    [kept, d_update, through_tanh(simd, simd.sub_f32s(step.d_hidden, kept), candidate)]
}

/// Gates i, f, g, o; keeps them.
#[derive(Clone, Copy)]
pub(super) struct LstmCell;

impl Cell<4> for LstmCell {
    const KEEPS: usize = 4;
    const CARRIES: bool = true;

    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, gates: [S::f32s; 4], before: Before<'_, S::f32s>) -> Stepped<S::f32s> {
        let gates = sigmoids_and_tanh(simd, gates, 2);
        let [input, forget, candidate, output] = gates;
        let cell = simd.mul_add_e_f32s(forget, before.cell, simd.mul_f32s(input, candidate));
        let hidden = simd.mul_f32s(output, tanh(simd, cell));
        if !before.keep.is_empty() {
            store_all::<S, 4>(before.keep, gates);
        }
        Stepped { hidden, cell }
    }

    #[inline(always)]
    fn backward<S: Simd>(self, simd: S, step: After<'_, S::f32s>) -> Gradients<S::f32s, 4> {
        let [input, forget, candidate, output] = load_all::<S, 4>(step.kept);
        let squashed = tanh(simd, step.cell);
        let d_output = through_sigmoid(simd, simd.mul_f32s(step.d_hidden, squashed), output);
        let d_cell = simd.add_f32s(step.d_cell, through_tanh(simd, simd.mul_f32s(step.d_hidden, output), squashed));
        let gates = [
            through_sigmoid(simd, simd.mul_f32s(d_cell, candidate), input),
            through_sigmoid(simd, simd.mul_f32s(d_cell, step.cell_before), forget),
            through_tanh(simd, simd.mul_f32s(d_cell, input), candidate),
            d_output,
        ];
        Gradients {
            input: gates,
            state: gates,
            hidden_before: simd.splat_f32s(0.0),
            cell_before: simd.mul_f32s(d_cell, forget),
        }
    }
}

/// Gates z, r, h with the reset gate after the product; keeps them and the state's part of h.
#[derive(Clone, Copy)]
pub(super) struct GruCell;

impl Cell<3> for GruCell {
    const KEEPS: usize = 4;
    const SPLIT: bool = true;
    // The biases of z and r are in the inputs' part already.
    const OWN_BIAS: Option<usize> = Some(2);

    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, gates: [S::f32s; 3], before: Before<'_, S::f32s>) -> Stepped<S::f32s> {
        let [update, reset] = sigmoids_and_tanh(simd, [gates[0], gates[1]], 2);
        let candidate = tanh(simd, simd.mul_add_e_f32s(reset, gates[2], load::<S>(before.inputs, 2 * S::F32_LANES)));
        if !before.keep.is_empty() {
            store_all::<S, 4>(before.keep, [update, reset, candidate, gates[2]]);
        }
        Stepped { hidden: blend(simd, update, before.hidden, candidate), cell: before.cell }
    }

    #[inline(always)]
    fn backward<S: Simd>(self, simd: S, step: After<'_, S::f32s>) -> Gradients<S::f32s, 3> {
        let [update, reset, candidate, recurrent] = load_all::<S, 4>(step.kept);
        let [kept, d_update, d_candidate] = through_blend(simd, &step, update, candidate);
        let d_reset = through_sigmoid(simd, simd.mul_f32s(d_candidate, recurrent), reset);
        Gradients {
            input: [d_update, d_reset, d_candidate],
            state: [d_update, d_reset, simd.mul_f32s(d_candidate, reset)],
            hidden_before: kept,
            cell_before: step.d_cell,
        }
    }
}

/// Gates z, r, h with the reset gate before the product; keeps them. What the reset gate takes part
/// in is the walk's: [`Cell::RESETS`].
#[derive(Clone, Copy)]
pub(super) struct GruBeforeCell;

impl Cell<3> for GruBeforeCell {
    const KEEPS: usize = 3;
    const SPLIT: bool = true;
    const RESETS: bool = true;

    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, gates: [S::f32s; 3], before: Before<'_, S::f32s>) -> Stepped<S::f32s> {
        let gates = sigmoids_and_tanh(simd, gates, 2);
        let [update, _, candidate] = gates;
        if !before.keep.is_empty() {
            store_all::<S, 3>(before.keep, gates);
        }
        Stepped { hidden: blend(simd, update, before.hidden, candidate), cell: before.cell }
    }

    #[inline(always)]
    fn backward<S: Simd>(self, simd: S, step: After<'_, S::f32s>) -> Gradients<S::f32s, 3> {
        let [update, _, candidate] = load_all::<S, 3>(step.kept);
        let zero = simd.splat_f32s(0.0);
        let [kept, d_update, d_candidate] = through_blend(simd, &step, update, candidate);
        Gradients {
            input: [d_update, zero, d_candidate],
            state: [d_update, zero, zero],
            hidden_before: kept,
            cell_before: step.d_cell,
        }
    }
}

/// What the reset gate, of the given sum, leaves of the state.
#[inline(always)]
pub(super) fn reset<S: Simd>(simd: S, sum: S::f32s, hidden: S::f32s) -> S::f32s {
    let [gate] = sigmoids_and_tanh(simd, [sum], 1);
    simd.mul_f32s(gate, hidden)
}

/// The gradients of the reset gate's sum and of the state before, from that of what the gate left.
#[inline(always)]
pub(super) fn through_reset<S: Simd>(simd: S, gate: S::f32s, hidden: S::f32s, gradient: S::f32s) -> (S::f32s, S::f32s) {
    (through_sigmoid(simd, simd.mul_f32s(gradient, hidden), gate), simd.mul_f32s(gradient, gate))
}

/// One gate; keeps nothing but the state itself.
#[derive(Clone, Copy)]
pub(super) struct SimpleCell {
    /// relu instead of tanh.
    pub(super) relu: bool,
}

impl Cell<1> for SimpleCell {
    const KEEPS: usize = 0;

    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, [sum]: [S::f32s; 1], before: Before<'_, S::f32s>) -> Stepped<S::f32s> {
        let zero = simd.splat_f32s(0.0);
        let hidden = if self.relu {
            simd.select_f32s(simd.less_than_f32s(sum, zero), zero, sum) // NaN stays NaN
        } else {
            tanh(simd, sum)
        };
        Stepped { hidden, cell: before.cell }
    }

    #[inline(always)]
    fn backward<S: Simd>(self, simd: S, step: After<'_, S::f32s>) -> Gradients<S::f32s, 1> {
        let zero = simd.splat_f32s(0.0);
        let gate = if self.relu {
            simd.select_f32s(simd.less_than_f32s(zero, step.hidden), step.d_hidden, zero)
        } else {
            through_tanh(simd, step.d_hidden, step.hidden)
        };
        Gradients { input: [gate], state: [gate], hidden_before: zero, cell_before: step.d_cell }
    }
}
