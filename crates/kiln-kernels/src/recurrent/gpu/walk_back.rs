//! The walk back through time, in the same tiles as the walk forward.
//!
//! A step has two phases with a barrier after each; four if the reset gate acts before the product, and one without a
//! barrier if the products are given. In the first phase, one unit per row and hidden unit turns the gradient of the
//! state into those of the gates; in the second, one unit per hidden unit and gate sums the gate's part of the gradient
//! of the state before. The caller computes the gradients of the weights, as products over all steps.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::Layer;
use super::units::{WalkCall, Way, add_up, is_valid, own_weights, step_at, tanh};

/// The part of the gates of the step walked before in the gradient of the state of item `item`.
#[cube]
fn parts_of(parts: &[f32], given: &[f32], item: usize, given_at: usize, #[comptime] layer: Layer) -> f32 {
    if comptime!(layer.is_given()) {
        given[given_at]
    } else {
        let from = item / layer.hidden * comptime!(layer.width()) + item % layer.hidden;
        let gates = comptime!(if layer.resets_before() { 2 } else { layer.cell.gates() });
        let mut sum = 0.0f32;
        #[unroll]
        for gate in 0..gates {
            sum += parts[from + gate * layer.hidden];
        }
        sum
    }
}

/// Walks the steps of the call back.
///
/// - gradient: `[batch, out_rows, directions * hidden]`, of the output
/// - recurrent: `[directions, hidden, width]`, transposed if the layer does not hold it; if products are given,
///   `[directions, batch, hidden]`, the part of the gates of the step walked before in the gradient of the state
/// - kept, spans: as in the walk forward
/// - d_gates: `[directions, batch, time, width]`, the gradient of the inputs' part of the gates
/// - d_state_gates: the same for the state's part, if it differs
/// - d_states: `[states, directions, batch, hidden]`, before the walk and after it; if products are given, without the
///   part of the gates of the last step walked
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
pub(super) fn walk_back(
    gradient: &[f32],
    recurrent: &[f32],
    kept: &[f32],
    spans: &[u32],
    d_gates: &mut [f32],
    d_state_gates: &mut [f32],
    d_states: &mut [f32],
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
    let shared_width = comptime!(if layer.is_given() { 1 } else { layer.rows * layer.width() });

    // The gradients of the states after a step, without the gates' part.
    let mut d_hidden = Shared::<[f32]>::new_slice(items);
    let mut d_cell = Shared::<[f32]>::new_slice(comptime!(if layer.is_lstm() { items } else { 1 }));
    let mut deltas = Shared::<[f32]>::new_slice(shared_width);
    let mut parts = Shared::<[f32]>::new_slice(shared_width);
    let own = own_weights(recurrent, direction, Way::Back, layer);

    for item in range_stepped(unit, items, layer.units) {
        let row = first_row + item / h;
        let u = item % h;
        let at = (direction * call.batch + row) * h + u;
        let mut of_hidden = 0.0f32;
        let mut of_cell = 0.0f32;
        if row < call.batch {
            of_hidden = d_states[at];
            if comptime!(layer.is_lstm()) {
                of_cell = d_states[directions * call.batch * h + at];
            }
            if call.at == call.time {
                let steps = if comptime!(layer.wanted.sequence) { call.time } else { 0usize.runtime() };
                let out = (row * call.out_rows + steps) * directions * h + direction * h + u;
                if comptime!(layer.wanted.hidden) {
                    of_hidden += gradient[out];
                }
                if comptime!(layer.wanted.cell) {
                    let after = comptime!(if layer.wanted.hidden { 1 } else { 0 });
                    of_cell += gradient[out + after * directions * h];
                }
            }
        }
        d_hidden[item] = of_hidden;
        if comptime!(layer.is_lstm()) {
            d_cell[item] = of_cell;
        }
        if comptime!(!layer.is_given()) {
            #[unroll]
            for gate in 0..gate_count {
                parts[item / h * width + gate * h + u] = 0.0;
            }
        }
    }
    sync_cube();

    for n in 0..call.places {
        let step = step_at(call, call.at - 1 - n, direction);
        for item in range_stepped(unit, items, layer.units) {
            let tile_row = item / h;
            let u = item % h;
            let row = first_row + tile_row;
            let mut of_input = Array::<f32>::new(gate_count);
            let mut of_state = Array::<f32>::new(gate_count);
            #[unroll]
            for gate in 0..gate_count {
                of_input[gate] = 0.0;
                of_state[gate] = 0.0;
            }
            if row < call.batch {
                let walked = (direction * call.batch + row) * call.time + step;
                let keep = walked * comptime!(layer.kept()) + u;
                let given_at = (direction * call.batch + row) * h + u;
                let mut of_hidden = d_hidden[item] + parts_of(&parts, recurrent, item, given_at, layer);
                if is_valid(spans, row, step, layer.valid) {
                    if comptime!(layer.wanted.sequence) {
                        of_hidden += gradient[(row * call.out_rows + step) * directions * h + direction * h + u];
                    }
                    if comptime!(layer.is_lstm()) {
                        let input = kept[keep];
                        let forget = kept[keep + h];
                        let candidate = kept[keep + 2 * h];
                        let open = kept[keep + 3 * h];
                        let cell_before = kept[keep + 4 * h];
                        let squashed = tanh(fma(forget, cell_before, input * candidate));
                        let of_cell = d_cell[item] + of_hidden * open * (1.0 - squashed * squashed);
                        of_input[0] = of_cell * candidate * input * (1.0 - input);
                        of_input[1] = of_cell * cell_before * forget * (1.0 - forget);
                        of_input[2] = of_cell * input * (1.0 - candidate * candidate);
                        of_input[3] = of_hidden * squashed * open * (1.0 - open);
                        d_cell[item] = of_cell * forget;
                        of_hidden = 0.0;
                    } else if comptime!(layer.is_gru()) {
                        let update = kept[keep];
                        let reset = kept[keep + h];
                        let candidate = kept[keep + 2 * h];
                        let state = kept[keep + 3 * h];
                        let old = kept[call.before_at + walked * h + u];
                        of_input[0] = of_hidden * (old - candidate) * update * (1.0 - update);
                        of_input[2] = of_hidden * (1.0 - update) * (1.0 - candidate * candidate);
                        if comptime!(!layer.resets_before()) {
                            of_input[1] = of_input[2] * state * reset * (1.0 - reset);
                            of_state[2] = of_input[2] * reset;
                        }
                        of_hidden *= update;
                    } else {
                        let out = kept[keep];
                        if comptime!(layer.is_relu()) {
                            of_input[0] = if out <= 0.0 { 0.0f32 } else { of_hidden };
                        } else {
                            of_input[0] = of_hidden * (1.0 - out * out);
                        }
                        of_hidden = 0.0;
                    }
                }
                d_hidden[item] = of_hidden;
                #[unroll]
                for gate in 0..gate_count {
                    if comptime!(!(layer.is_split() && gate == 2)) {
                        of_state[gate] = of_input[gate];
                    }
                    d_gates[walked * width + gate * h + u] = of_input[gate];
                    if comptime!(layer.is_split()) {
                        d_state_gates[walked * width + gate * h + u] = of_state[gate];
                    }
                }
            }
            if comptime!(!layer.is_given()) {
                #[unroll]
                for gate in 0..gate_count {
                    deltas[tile_row * width + gate * h + u] = of_state[gate];
                }
            }
        }
        if comptime!(!layer.is_given()) {
            sync_cube();
            if comptime!(layer.resets_before()) {
                // The reset gate's gradient needs that of the reset state, which is a product.
                add_up(
                    &deltas,
                    recurrent,
                    &own,
                    &mut parts,
                    direction,
                    Way::Back,
                    layer,
                    comptime!(2 * layer.hidden),
                    width,
                );
                sync_cube();
                for item in range_stepped(unit, items, layer.units) {
                    let tile_row = item / h;
                    let u = item % h;
                    let row = first_row + tile_row;
                    if row < call.batch {
                        let walked = (direction * call.batch + row) * call.time + step;
                        if is_valid(spans, row, step, layer.valid) {
                            let reset = kept[walked * comptime!(layer.kept()) + h + u];
                            let of_product = parts[tile_row * width + 2 * h + u];
                            let of_reset = of_product * kept[call.before_at + walked * h + u] * reset * (1.0 - reset);
                            d_hidden[item] += of_product * reset;
                            d_gates[walked * width + h + u] = of_reset;
                            deltas[tile_row * width + h + u] = of_reset;
                        }
                    }
                }
                sync_cube();
                add_up(
                    &deltas,
                    recurrent,
                    &own,
                    &mut parts,
                    direction,
                    Way::Back,
                    layer,
                    0usize,
                    comptime!(2 * layer.hidden),
                );
            } else {
                add_up(&deltas, recurrent, &own, &mut parts, direction, Way::Back, layer, 0usize, width);
            }
            sync_cube();
        }
    }

    for item in range_stepped(unit, items, layer.units) {
        let row = first_row + item / h;
        let at = (direction * call.batch + row) * h + item % h;
        if row < call.batch {
            if comptime!(layer.is_given()) {
                d_states[at] = d_hidden[item];
            } else {
                d_states[at] = d_hidden[item] + parts_of(&parts, recurrent, item, at, layer);
            }
            if comptime!(layer.is_lstm()) {
                d_states[directions * call.batch * h + at] = d_cell[item];
            }
        }
    }
}
