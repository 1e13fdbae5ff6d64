//! Device functions of both walks: gate functions, which steps there are, and the sums of products with the recurrent
//! weights.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::{Layer, Products, Valid};

/// The arguments of a call of either walk.
#[derive(CubeType, CubeLaunch)]
pub(super) struct WalkCall {
    pub(super) batch: usize,
    pub(super) time: usize,
    /// The first position of a walk, or the end of a walk back.
    pub(super) at: usize,
    pub(super) places: usize,
    pub(super) out_rows: usize,
    /// Directions from this index on walk from the last step to the first.
    pub(super) reversed_from: usize,
    /// Where the states before the steps start in what is kept.
    pub(super) before_at: usize,
}

/// The direction of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// A column of the weights belongs to a gate of a hidden unit and multiplies the states of all units.
    Forward,
    /// A position of the gates' gradients belongs to a gate of a hidden unit and sums the gate's gradients of all units
    /// for that unit.
    Back,
}

/// 1 / (1 + exp(-x)), without overflow for any `x`.
#[cube]
pub(super) fn sigmoid(x: f32) -> f32 {
    let small = (-x.abs()).exp();
    let share = if x < 0.0 { small } else { 1.0f32 };
    share / (1.0 + small)
}

/// The hyperbolic tangent, without overflow for any `x`.
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
pub(super) fn is_valid(spans: &[u32], row: usize, time: usize, #[comptime] valid: Valid) -> bool {
    if comptime!(valid == Valid::Spans) {
        let time = time as u32;
        time >= spans[2 * row] && time < spans[2 * row + 1]
    } else {
        true.runtime()
    }
}

/// The step at position `place` of the walk.
#[cube]
pub(super) fn step_at(walk: &WalkCall, place: usize, direction: usize) -> usize {
    if direction >= walk.reversed_from { walk.time - 1 - place } else { place }
}

/// A unit's own weights from `[directions, hidden, width]`, if the layer holds them in registers.
#[cube]
pub(super) fn own_weights(
    weights: &[f32],
    direction: usize,
    #[comptime] way: Way,
    #[comptime] layer: Layer,
) -> Array<f32> {
    let mut own = Array::<f32>::new(comptime!(if layer.products == Products::Held { layer.hidden } else { 1 }));
    if comptime!(layer.products == Products::Held) {
        let unit = UNIT_POS as usize;
        let h = comptime!(layer.hidden);
        let width = comptime!(layer.width());
        let stride = comptime!(if way == Way::Forward { width } else { 1 });
        if unit < width {
            let from = if comptime!(way == Way::Forward) {
                direction * h * width + unit
            } else {
                (direction * h + unit % h) * width + unit / h * h
            };
            #[unroll]
            for k in 0..layer.hidden {
                own[k] = weights[from + k * stride];
            }
        }
    }
    own
}

/// Computes the tile's sums at `first` to `end` - 1, each for a gate of a hidden unit, from the states `from` or, in
/// the walk back, from the gates' gradients `from`. The walk back uses transposed weights, unless the layer holds them.
#[cube]
pub(super) fn add_up(
    from: &[f32],
    weights: &[f32],
    own: &Array<f32>,
    sums: &mut [f32],
    direction: usize,
    #[comptime] way: Way,
    #[comptime] layer: Layer,
    #[comptime] first: usize,
    #[comptime] end: usize,
) {
    let unit = UNIT_POS as usize;
    if comptime!(layer.products == Products::Held) {
        if unit >= first && unit < end {
            add_up_place(from, weights, own, sums, direction, unit, way, layer);
        }
    } else {
        for place in range_stepped(first + unit, end, layer.units) {
            add_up_place(from, weights, own, sums, direction, place, way, layer);
        }
    }
}

#[cube]
fn add_up_place(
    from: &[f32],
    weights: &[f32],
    own: &Array<f32>,
    sums: &mut [f32],
    direction: usize,
    place: usize,
    #[comptime] way: Way,
    #[comptime] layer: Layer,
) {
    let h = comptime!(layer.hidden);
    let width = comptime!(layer.width());
    let stride = comptime!(if way == Way::Forward { h } else { width });
    let weights_stride = comptime!(if way == Way::Forward { width } else { h });
    let from_at = if comptime!(way == Way::Forward) { 0usize.runtime() } else { place / h * h };
    let weights_at = if comptime!(way == Way::Forward) {
        direction * h * width + place
    } else {
        (direction * width + from_at) * h + place % h
    };
    let mut sum = Array::<f32>::new(layer.rows);
    #[unroll]
    for row in 0..layer.rows {
        sum[row] = 0.0;
    }
    if comptime!(layer.products == Products::Held) {
        #[unroll]
        for k in 0..layer.hidden {
            #[unroll]
            for row in 0..layer.rows {
                sum[row] = fma(from[row * stride + from_at + k], own[k], sum[row]);
            }
        }
    } else {
        let whole = comptime!(layer.hidden / Layer::UNROLLED);
        for part in 0..whole {
            let at = part * Layer::UNROLLED;
            #[unroll]
            for n in 0..Layer::UNROLLED {
                let weight = weights[weights_at + (at + n) * weights_stride];
                #[unroll]
                for row in 0..layer.rows {
                    sum[row] = fma(from[row * stride + from_at + at + n], weight, sum[row]);
                }
            }
        }
        #[unroll]
        for k in comptime!(whole * Layer::UNROLLED)..layer.hidden {
            let weight = weights[weights_at + k * weights_stride];
            #[unroll]
            for row in 0..layer.rows {
                sum[row] = fma(from[row * stride + from_at + k], weight, sum[row]);
            }
        }
    }
    #[unroll]
    for row in 0..layer.rows {
        sums[row * width + place] = sum[row];
    }
}
