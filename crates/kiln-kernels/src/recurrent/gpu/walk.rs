//! The walk of a recurrent layer through time: a workgroup a direction and a tile of rows, which it
//! carries through all steps of a launch.
//!
//! A step is two phases with a barrier behind each, four where the reset gate acts before the product,
//! and one where the products are given. In the first, a unit a column adds up what the
//! state gives to the gates; in the second, a unit a row and hidden unit does the arithmetic of the
//! gates. Nothing that a barrier depends on is read from memory, as WebGPU demands.

use burn_cubecl::cubecl::{self, prelude::*};

use super::Layer;

/// 1 / (1 + exp(-x)), finite on the way whatever `x` is.
#[cube]
pub(super) fn sigmoid(x: f32) -> f32 {
    let small = (-x.abs()).exp();
    let share = if x < 0.0 { small } else { 1.0f32 };
    share / (1.0 + small)
}

/// The hyperbolic tangent, finite on the way whatever `x` is.
#[cube]
pub(super) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let small = (size * -2.0f32).exp();
    // Where 1 - small would cancel, the first terms of the series are exact to the last bit or two.
    let square = size * size;
    let series = size * (1.0f32 - square * (0.333_333_34f32 - square * 0.133_333_34f32));
    let value = if size < 0.05 { series } else { (1.0f32 - small) / (1.0f32 + small) };
    if x < 0.0 { -value } else { value }
}

/// Whether step `time` of row `row` is valid.
#[cube]
pub(super) fn is_valid(spans: &[u32], row: usize, time: usize, #[comptime] spanned: bool) -> bool {
    if comptime!(spanned) {
        let time = time as u32;
        time >= spans[2 * row] && time < spans[2 * row + 1]
    } else {
        true.runtime()
    }
}

/// The step that is walked in place `place`.
#[cube]
pub(super) fn step_at(place: usize, time: usize, direction: usize, reversed_from: usize) -> usize {
    if direction >= reversed_from { time - 1 - place } else { place }
}

/// A unit's own column of the recurrent weights, where the layer holds it in registers.
#[cube]
fn own_column(recurrent: &[f32], direction: usize, #[comptime] layer: Layer) -> Array<f32> {
    let mut own = Array::<f32>::new(comptime!(if layer.is_held { layer.hidden } else { 1 }));
    if comptime!(layer.is_held) {
        let unit = UNIT_POS as usize;
        if unit < layer.width {
            #[unroll]
            for k in 0..layer.hidden {
                own[k] = recurrent[(direction * layer.hidden + k) * layer.width + unit];
            }
        }
    }
    own
}

/// What the tile's states `from` give to the columns `first` to `end` - 1 of the gates.
#[cube]
fn add_up(
    from: &[f32],
    recurrent: &[f32],
    own: &Array<f32>,
    sums: &mut [f32],
    direction: usize,
    #[comptime] layer: Layer,
    #[comptime] first: usize,
    #[comptime] end: usize,
) {
    let unit = UNIT_POS as usize;
    if comptime!(layer.is_held) {
        if unit >= first && unit < end {
            let mut sum = Array::<f32>::new(layer.rows);
            #[unroll]
            for row in 0..layer.rows {
                sum[row] = 0.0;
            }
            #[unroll]
            for k in 0..layer.hidden {
                #[unroll]
                for row in 0..layer.rows {
                    sum[row] = fma(from[row * layer.hidden + k], own[k], sum[row]);
                }
            }
            #[unroll]
            for row in 0..layer.rows {
                sums[row * layer.width + unit] = sum[row];
            }
        }
    } else {
        for column in range_stepped(first + unit, end, layer.units) {
            let mut sum = Array::<f32>::new(layer.rows);
            #[unroll]
            for row in 0..layer.rows {
                sum[row] = 0.0;
            }
            let weights = direction * layer.hidden * layer.width + column;
            let whole = comptime!(layer.hidden / Layer::UNROLLED);
            for part in 0..whole {
                let at = part * Layer::UNROLLED;
                #[unroll]
                for n in 0..Layer::UNROLLED {
                    let weight = recurrent[weights + (at + n) * layer.width];
                    #[unroll]
                    for row in 0..layer.rows {
                        sum[row] = fma(from[row * layer.hidden + at + n], weight, sum[row]);
                    }
                }
            }
            #[unroll]
            for k in comptime!(whole * Layer::UNROLLED)..layer.hidden {
                let weight = recurrent[weights + k * layer.width];
                #[unroll]
                for row in 0..layer.rows {
                    sum[row] = fma(from[row * layer.hidden + k], weight, sum[row]);
                }
            }
            #[unroll]
            for row in 0..layer.rows {
                sums[row * layer.width + column] = sum[row];
            }
        }
    }
}

/// Walks `places` steps from place `first` on.
///
/// - projected: `[directions, batch, time, width]`, what the inputs give to the gates
/// - recurrent: `[directions, hidden, width]`; where products are given, `[directions, batch, width]`,
///   what the state before the one step of the launch gives to the gates
/// - bias: `[directions, biases, width]`
/// - spans: a first step and an end for each row
/// - states: `[states, directions, batch, hidden]`, before the walk and behind it
/// - output: `[batch, out_rows, directions * hidden]`
/// - kept: `[directions, batch, time, kept * hidden]`, and from `before_at` on
///   `[directions, batch, time, hidden]`, the state before each step
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
pub(super) fn walk(
    projected: &[f32],
    recurrent: &[f32],
    bias: &[f32],
    spans: &[u32],
    states: &mut [f32],
    output: &mut [f32],
    kept: &mut [f32],
    batch: usize,
    time: usize,
    first: usize,
    places: usize,
    out_rows: usize,
    reversed_from: usize,
    before_at: usize,
    #[comptime] layer: Layer,
) {
    let unit = UNIT_POS as usize;
    let direction = CUBE_POS_Y as usize;
    let directions = CUBE_COUNT_Y as usize;
    let first_row = CUBE_POS_X as usize * layer.rows;
    let h = comptime!(layer.hidden);
    let width = comptime!(layer.width);
    let items = comptime!(layer.rows * layer.hidden);
    let biases = direction * comptime!(layer.biases * layer.width);

    let mut hidden = Shared::<[f32]>::new_slice(items);
    let mut cell = Shared::<[f32]>::new_slice(comptime!(if layer.is_lstm { items } else { 1 }));
    let mut reset_hidden = Shared::<[f32]>::new_slice(comptime!(if layer.resets_before { items } else { 1 }));
    let mut sums = Shared::<[f32]>::new_slice(comptime!(if layer.is_given { 1 } else { layer.rows * layer.width }));
    let own = own_column(recurrent, direction, layer);

    for item in range_stepped(unit, items, layer.units) {
        let row = first_row + item / h;
        let at = (direction * batch + row) * h + item % h;
        hidden[item] = if row < batch { states[at] } else { 0.0f32 };
        if comptime!(layer.is_lstm) {
            cell[item] = if row < batch { states[directions * batch * h + at] } else { 0.0f32 };
        }
    }
    sync_cube();

    for place in first..first + places {
        let step = step_at(place, time, direction, reversed_from);
        if comptime!(!layer.is_given) {
            let end = comptime!(if layer.resets_before { 2 * layer.hidden } else { layer.width });
            add_up(&hidden, recurrent, &own, &mut sums, direction, layer, 0usize, end);
            sync_cube();
        }
        if comptime!(layer.resets_before) {
            for item in range_stepped(unit, items, layer.units) {
                let tile_row = item / h;
                let u = item % h;
                let row = first_row + tile_row;
                if row < batch {
                    let inputs = ((direction * batch + row) * time + step) * width;
                    let at = tile_row * width + u;
                    // Kept where the sums were, which no other unit reads.
                    sums[at] = sigmoid(projected[inputs + u] + bias[biases + u] + sums[at]);
                    let reset = sigmoid(projected[inputs + h + u] + bias[biases + h + u] + sums[at + h]);
                    sums[at + h] = reset;
                    reset_hidden[item] = reset * hidden[item];
                } else {
                    reset_hidden[item] = 0.0;
                }
            }
            sync_cube();
            add_up(&reset_hidden, recurrent, &own, &mut sums, direction, layer, comptime!(2 * layer.hidden), width);
            sync_cube();
        }
        for item in range_stepped(unit, items, layer.units) {
            let tile_row = item / h;
            let u = item % h;
            let row = first_row + tile_row;
            if row < batch {
                let walked = (direction * batch + row) * time + step;
                let inputs = walked * width;
                let keep = walked * comptime!(layer.kept * layer.hidden);
                let old = hidden[item];
                if comptime!(layer.is_training) {
                    kept[before_at + walked * h + u] = old;
                }
                let mut out = 0.0f32;
                if is_valid(spans, row, step, layer.is_spanned) {
                    let mut gates = Array::<f32>::new(layer.gates);
                    let mut from_state = Array::<f32>::new(layer.gates);
                    #[unroll]
                    for gate in 0..layer.gates {
                        let column = gate * h + u;
                        gates[gate] = projected[inputs + column] + bias[biases + column];
                        from_state[gate] = if comptime!(layer.is_given) {
                            recurrent[(direction * batch + row) * width + column]
                        } else {
                            sums[tile_row * width + column]
                        };
                    }
                    if comptime!(layer.is_lstm) {
                        let input = sigmoid(gates[0] + from_state[0]);
                        let forget = sigmoid(gates[1] + from_state[1]);
                        let candidate = tanh(gates[2] + from_state[2]);
                        let open = sigmoid(gates[3] + from_state[3]);
                        let cell_before = cell[item];
                        let carried = fma(forget, cell_before, input * candidate);
                        out = open * tanh(carried);
                        cell[item] = carried;
                        if comptime!(layer.is_training) {
                            kept[keep + u] = input;
                            kept[keep + h + u] = forget;
                            kept[keep + 2 * h + u] = candidate;
                            kept[keep + 3 * h + u] = open;
                            kept[keep + 4 * h + u] = cell_before;
                        }
                    } else if comptime!(layer.gates == 3) {
                        let own_bias = biases + width + u;
                        let update = if comptime!(layer.resets_before) {
                            from_state[0]
                        } else {
                            sigmoid(gates[0] + from_state[0] + bias[own_bias])
                        };
                        let reset = if comptime!(layer.resets_before) {
                            from_state[1]
                        } else {
                            sigmoid(gates[1] + from_state[1] + bias[own_bias + h])
                        };
                        let state = if comptime!(layer.resets_before) {
                            reset_hidden[item]
                        } else {
                            from_state[2] + bias[own_bias + 2 * h]
                        };
                        let candidate = if comptime!(layer.resets_before) {
                            tanh(gates[2] + from_state[2])
                        } else {
                            tanh(fma(reset, state, gates[2]))
                        };
                        out = fma(update, old, (1.0 - update) * candidate);
                        if comptime!(layer.is_training) {
                            kept[keep + u] = update;
                            kept[keep + h + u] = reset;
                            kept[keep + 2 * h + u] = candidate;
                            kept[keep + 3 * h + u] = state;
                        }
                    } else {
                        let sum = gates[0] + from_state[0];
                        if comptime!(layer.is_relu) {
                            out = if sum < 0.0 { 0.0f32 } else { sum };
                        } else {
                            out = tanh(sum);
                        }
                        if comptime!(layer.is_training) {
                            kept[keep + u] = out;
                        }
                    }
                    hidden[item] = out;
                } else if comptime!(layer.is_training && layer.resets_before) {
                    // It meets gradients that are zero, and must be a number for that.
                    kept[keep + 3 * h + u] = 0.0;
                }
                if comptime!(layer.wants_sequence) {
                    output[(row * out_rows + step) * directions * h + direction * h + u] = out;
                }
            }
        }
        sync_cube();
    }

    for item in range_stepped(unit, items, layer.units) {
        let row = first_row + item / h;
        let u = item % h;
        if row < batch {
            let at = (direction * batch + row) * h + u;
            states[at] = hidden[item];
            if comptime!(layer.is_lstm) {
                states[directions * batch * h + at] = cell[item];
            }
            let steps = if comptime!(layer.wants_sequence) { time } else { 0usize.runtime() };
            let out = (row * out_rows + steps) * directions * h + direction * h + u;
            if comptime!(layer.wants_hidden) {
                output[out] = hidden[item];
            }
            if comptime!(layer.wants_cell) {
                let behind = comptime!(if layer.wants_hidden { 1 } else { 0 });
                output[out + behind * directions * h] = cell[item];
            }
        }
    }
}
