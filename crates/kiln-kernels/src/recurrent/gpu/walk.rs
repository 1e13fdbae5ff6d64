//! The walk of a recurrent layer through time: one workgroup per direction and tile of rows, which it carries through
//! all steps of a launch.
//!
//! A step has two phases with a barrier after each; four if the reset gate acts before the product, and one if the
//! products are given. In the first phase, one unit per column sums the state's part of the gates; in the second, one
//! unit per row and hidden unit computes the gates. As WebGPU requires, no barrier depends on data read from memory.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::{Layer, Pass};
use super::units::{WalkCall, Way, add_up, is_valid, own_weights, sigmoid, step_at, tanh};

/// Walks the steps of the call.
///
/// - projected: `[directions, batch, time, width]`, the inputs' part of the gates
/// - recurrent: `[directions, hidden, width]`; if products are given, `[directions, batch, width]`, the state's part of
///   the gates for the one step of the launch
/// - bias: `[directions, biases, width]`
/// - spans: a first step and an end for each row
/// - states: `[states, directions, batch, hidden]`, before the walk and after it
/// - output: `[batch, out_rows, directions * hidden]`
/// - kept: `[directions, batch, time, kept * hidden]`, and from `before_at` on `[directions, batch, time, hidden]`, the
///   state before each step
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
    call: &WalkCall,
    #[comptime] layer: Layer,
) {
    let unit = UNIT_POS as usize;
    let direction = CUBE_POS_Y as usize;
    let directions = CUBE_COUNT_Y as usize;
    let first_row = CUBE_POS_X as usize * layer.rows;
    let h = comptime!(layer.hidden);
    let width = comptime!(layer.width());
    let items = comptime!(layer.rows * layer.hidden);
    let gate_count = comptime!(layer.cell.gates());
    let biases = direction * comptime!(layer.cell.biases() * layer.width());

    let mut hidden = Shared::<[f32]>::new_slice(items);
    let mut cell = Shared::<[f32]>::new_slice(comptime!(if layer.is_lstm() { items } else { 1 }));
    let mut reset_hidden = Shared::<[f32]>::new_slice(comptime!(if layer.resets_before() { items } else { 1 }));
    let mut sums = Shared::<[f32]>::new_slice(comptime!(if layer.is_given() { 1 } else { layer.rows * layer.width() }));
    let own = own_weights(recurrent, direction, Way::Forward, layer);

    for item in range_stepped(unit, items, layer.units) {
        let row = first_row + item / h;
        let at = (direction * call.batch + row) * h + item % h;
        hidden[item] = if row < call.batch { states[at] } else { 0.0f32 };
        if comptime!(layer.is_lstm()) {
            cell[item] = if row < call.batch { states[directions * call.batch * h + at] } else { 0.0f32 };
        }
    }
    sync_cube();

    for place in call.at..call.at + call.places {
        let step = step_at(call, place, direction);
        if comptime!(!layer.is_given()) {
            let end = comptime!(if layer.resets_before() { 2 * layer.hidden } else { layer.width() });
            add_up(&hidden, recurrent, &own, &mut sums, direction, Way::Forward, layer, 0usize, end);
            sync_cube();
        }
        if comptime!(layer.resets_before()) {
            for item in range_stepped(unit, items, layer.units) {
                let tile_row = item / h;
                let u = item % h;
                let row = first_row + tile_row;
                if row < call.batch {
                    let inputs = ((direction * call.batch + row) * call.time + step) * width;
                    let at = tile_row * width + u;
                    // Stored over the sums, which no other unit reads.
                    sums[at] = sigmoid(projected[inputs + u] + bias[biases + u] + sums[at]);
                    let reset = sigmoid(projected[inputs + h + u] + bias[biases + h + u] + sums[at + h]);
                    sums[at + h] = reset;
                    reset_hidden[item] = reset * hidden[item];
                } else {
                    reset_hidden[item] = 0.0;
                }
            }
            sync_cube();
            add_up(
                &reset_hidden,
                recurrent,
                &own,
                &mut sums,
                direction,
                Way::Forward,
                layer,
                comptime!(2 * layer.hidden),
                width,
            );
            sync_cube();
        }
        for item in range_stepped(unit, items, layer.units) {
            let tile_row = item / h;
            let u = item % h;
            let row = first_row + tile_row;
            if row < call.batch {
                let walked = (direction * call.batch + row) * call.time + step;
                let inputs = walked * width;
                let keep = walked * comptime!(layer.kept());
                let old = hidden[item];
                if comptime!(layer.pass == Pass::Train) {
                    kept[call.before_at + walked * h + u] = old;
                }
                let mut out = 0.0f32;
                if is_valid(spans, row, step, layer.valid) {
                    let mut gates = Array::<f32>::new(gate_count);
                    let mut from_state = Array::<f32>::new(gate_count);
                    #[unroll]
                    for gate in 0..gate_count {
                        let column = gate * h + u;
                        gates[gate] = projected[inputs + column] + bias[biases + column];
                        from_state[gate] = if comptime!(layer.is_given()) {
                            recurrent[(direction * call.batch + row) * width + column]
                        } else {
                            sums[tile_row * width + column]
                        };
                    }
                    if comptime!(layer.is_lstm()) {
                        let input = sigmoid(gates[0] + from_state[0]);
                        let forget = sigmoid(gates[1] + from_state[1]);
                        let candidate = tanh(gates[2] + from_state[2]);
                        let open = sigmoid(gates[3] + from_state[3]);
                        let cell_before = cell[item];
                        let carried = fma(forget, cell_before, input * candidate);
                        out = open * tanh(carried);
                        cell[item] = carried;
                        if comptime!(layer.pass == Pass::Train) {
                            kept[keep + u] = input;
                            kept[keep + h + u] = forget;
                            kept[keep + 2 * h + u] = candidate;
                            kept[keep + 3 * h + u] = open;
                            kept[keep + 4 * h + u] = cell_before;
                        }
                    } else if comptime!(layer.is_gru()) {
                        let own_bias = biases + width + u;
                        let mut update = from_state[0];
                        let mut reset = from_state[1];
                        let mut state = from_state[2];
                        let mut sum = gates[2] + from_state[2];
                        if comptime!(layer.resets_before()) {
                            state = reset_hidden[item];
                        } else {
                            update = sigmoid(gates[0] + update + bias[own_bias]);
                            reset = sigmoid(gates[1] + reset + bias[own_bias + h]);
                            state += bias[own_bias + 2 * h];
                            sum = fma(reset, state, gates[2]);
                        }
                        let candidate = tanh(sum);
                        out = fma(update, old, (1.0 - update) * candidate);
                        if comptime!(layer.pass == Pass::Train) {
                            kept[keep + u] = update;
                            kept[keep + h + u] = reset;
                            kept[keep + 2 * h + u] = candidate;
                            kept[keep + 3 * h + u] = state;
                        }
                    } else {
                        let sum = gates[0] + from_state[0];
                        if comptime!(layer.is_relu()) {
                            out = if sum < 0.0 { 0.0f32 } else { sum };
                        } else {
                            out = tanh(sum);
                        }
                        if comptime!(layer.pass == Pass::Train) {
                            kept[keep + u] = out;
                        }
                    }
                    hidden[item] = out;
                } else if comptime!(layer.pass == Pass::Train && layer.resets_before()) {
                    // It is multiplied by gradients that are zero, so it must be a finite number.
                    kept[keep + 3 * h + u] = 0.0;
                }
                if comptime!(layer.wanted.sequence) {
                    output[(row * call.out_rows + step) * directions * h + direction * h + u] = out;
                }
            }
        }
        sync_cube();
    }

    for item in range_stepped(unit, items, layer.units) {
        let row = first_row + item / h;
        let u = item % h;
        if row < call.batch {
            let at = (direction * call.batch + row) * h + u;
            states[at] = hidden[item];
            if comptime!(layer.is_lstm()) {
                states[directions * call.batch * h + at] = cell[item];
            }
            let steps = if comptime!(layer.wanted.sequence) { call.time } else { 0usize.runtime() };
            let out = (row * call.out_rows + steps) * directions * h + direction * h + u;
            if comptime!(layer.wanted.hidden) {
                output[out] = hidden[item];
            }
            if comptime!(layer.wanted.cell) {
                let after = comptime!(if layer.wanted.hidden { 1 } else { 0 });
                output[out + after * directions * h] = cell[item];
            }
        }
    }
}
