//! How a recurrent layer is computed within the limits of an adapter, and what its walk keeps.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Shape;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

use super::units::WalkCallLaunch;
use crate::backend::activation::Activation;
use crate::backend::gpu::adapter::{Adapter, Limit};
use crate::backend::gpu::tensors::{ALIGNED, upload};
use crate::recurrent::options::{CellKind, Directions, RecurrentOptions, Sizes, Wanted};

/// The widest state that a workgroup carries through all steps by itself.
const WIDEST_WALKED: usize = 256;

/// The widest state whose recurrent weights the units hold in registers, one column per unit.
const WIDEST_HELD: usize = 64;

/// Tensors of either walk. With CubeCL's buffer of arguments, these are the eight that WebGPU's least adapters bind.
const BUFFERS: usize = 7;

/// Most rows of a tile.
const MOST_ROWS: usize = 8;

/// Whether a pass keeps what the walk back needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Predict,
    Train,
}

/// Which steps of a row are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Valid {
    All,
    Spans,
}

/// How the products of the state with the recurrent weights are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Products {
    /// Each unit holds its weights in registers.
    Held,
    /// The units read the weights in every step.
    Read,
    /// The products are given, for the one step of a launch.
    Given,
}

/// Compile-time parameters of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Layer {
    pub(super) cell: CellKind,
    pub(super) hidden: usize,
    pub(super) valid: Valid,
    pub(super) pass: Pass,
    pub(super) wanted: Wanted,
    pub(super) products: Products,
    /// Rows of a tile.
    pub(super) rows: usize,
    /// Units of a workgroup.
    pub(super) units: usize,
}

impl Layer {
    /// Unrolled iterations of a loop over weights.
    pub(super) const UNROLLED: usize = 8;

    /// Gates times hidden units.
    pub(super) fn width(&self) -> usize {
        self.cell.gates() * self.hidden
    }

    pub(super) fn is_lstm(&self) -> bool {
        self.cell == CellKind::Lstm
    }

    pub(super) fn is_gru(&self) -> bool {
        matches!(self.cell, CellKind::Gru { .. })
    }

    /// Whether the reset gate acts before the recurrent product.
    pub(super) fn resets_before(&self) -> bool {
        self.cell == (CellKind::Gru { reset_after: false })
    }

    /// Whether the inputs' part and the state's part of a gate have different gradients: in the candidate of a GRU
    /// whose reset gate acts after the product.
    pub(super) fn is_split(&self) -> bool {
        self.cell == (CellKind::Gru { reset_after: true })
    }

    pub(super) fn is_relu(&self) -> bool {
        self.cell == (CellKind::SimpleRnn { activation: Activation::Relu })
    }

    pub(super) fn is_given(&self) -> bool {
        self.products == Products::Given
    }

    /// Numbers per row that a step keeps for the walk back.
    pub(super) fn kept(&self) -> usize {
        kept_of(self.cell) * self.hidden
    }

    /// Bytes of a workgroup's memory, in the walk that needs more.
    fn shared_memory(&self) -> usize {
        let states = self.hidden * (self.cell.states() + usize::from(self.resets_before()));
        let sums = if self.is_given() { 0 } else { 2 * self.width() };
        // Every array of the workgroup starts at a multiple of 16 bytes.
        (self.rows * (states + sums) + 16) * size_of::<f32>()
    }

    /// The most iterations of a unit in a step, all loops together.
    fn turns(&self) -> usize {
        let columns = self.width().div_ceil(self.units) * (2 + self.hidden / Self::UNROLLED);
        2 * columns + 3 * (self.rows * self.hidden).div_ceil(self.units) + 8
    }
}

/// How a layer is computed on a device.
pub(super) struct Plan {
    pub(super) layer: Layer,
    pub(super) sizes: Sizes,
    pub(super) directions: usize,
    /// Directions from this index on walk from the last step to the first.
    pub(super) reversed_from: usize,
    pub(super) out_rows: usize,
    /// Steps per launch.
    pub(super) places: usize,
    tiles: u32,
}

impl Plan {
    /// An error if the device's limits are too small.
    pub(super) fn new(adapter: &Adapter, sizes: Sizes, options: &RecurrentOptions, pass: Pass) -> Result<Self, Limit> {
        let directions = options.directions.walks().len();
        let (cell, h) = (options.cell, sizes.d_hidden);
        let width = cell.gates() * h;
        let products = if h <= WIDEST_HELD && adapter.units(width) >= width {
            Products::Held
        } else if h <= WIDEST_WALKED || cell == (CellKind::Gru { reset_after: false }) {
            Products::Read
        } else {
            Products::Given
        };
        let mut layer = Layer {
            cell,
            hidden: h,
            valid: if options.spans.is_some() { Valid::Spans } else { Valid::All },
            pass,
            wanted: options.wanted,
            products,
            rows: adapter.rows_a_group(sizes.batch * directions, MOST_ROWS),
            units: adapter.units(width),
        };
        while layer.rows > 1 && layer.shared_memory() > adapter.shared_memory {
            layer.rows /= 2;
        }
        Limit::keep("bytes of a workgroup's memory", layer.shared_memory(), adapter.shared_memory)?;
        let turns = layer.turns();
        let places = if layer.is_given() { 1 } else { adapter.turns(turns, sizes.time)? };
        let tiles = sizes.batch.div_ceil(layer.rows);
        Limit::keep("workgroups in a launch", tiles, adapter.groups.0 as usize)?;
        Limit::keep("rows of workgroups in a launch", directions, adapter.groups.1 as usize)?;
        adapter.hold([directions, sizes.batch, sizes.time, width.max(sizes.d_input)])?;
        adapter.hold([numbers_kept(sizes, options)])?;
        adapter.hold([directions, h, width])?;
        adapter.hold([sizes.batch, options.out_rows(sizes.time), directions, h])?;
        adapter.bind(BUFFERS)?;
        Ok(Self {
            layer,
            sizes,
            directions,
            reversed_from: match options.directions {
                Directions::Forward | Directions::Both => 1,
                Directions::Reverse => 0,
            },
            out_rows: options.out_rows(sizes.time),
            places,
            tiles: tiles as u32,
        })
    }

    pub(super) fn count(&self) -> CubeCount {
        CubeCount::Static(self.tiles, self.directions as u32, 1)
    }

    pub(super) fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.layer.units as u32)
    }

    /// The arguments of both walks; `at` is the first position of the walk, or the end of the walk back.
    pub(super) fn walk(&self, at: usize, places: usize, options: &RecurrentOptions) -> WalkCallLaunch {
        let (Sizes { batch, time, .. }, before_at) = (self.sizes, before_at(self.sizes, options));
        WalkCallLaunch::new(batch, time, at, places, self.out_rows, self.reversed_from, before_at)
    }

    /// `[directions, batch * time, width]` and the like.
    pub(super) fn by_step(&self, width: usize) -> [usize; 3] {
        [self.directions, self.sizes.batch * self.sizes.time, width]
    }

    /// First step and end of each row; if all steps are valid, a number that is not read.
    pub(super) fn spans(&self, options: &RecurrentOptions, like: &CubeTensor) -> CubeTensor {
        let ends: Vec<u32> = match &options.spans {
            Some(spans) => spans.iter().flat_map(|span| [span.start as u32, (span.start + span.len) as u32]).collect(),
            None => vec![0],
        };
        upload(&ends, like)
    }
}

/// Whether the device has a kernel for the layer. The first time that a limit is the reason why not, the limit is
/// logged.
pub(in crate::recurrent) fn is_fused(adapter: &Adapter, sizes: Sizes, options: &RecurrentOptions) -> bool {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    let Sizes { batch, time, d_input, d_hidden } = sizes;
    if batch == 0 || time == 0 || d_input == 0 || d_hidden == 0 || options.out_rows(time) == 0 {
        return false;
    }
    let plan = Plan::new(adapter, sizes, options, Pass::Train);
    if let Err(limit) = &plan
        && !IS_SAID.swap(true, Ordering::Relaxed)
    {
        log::warn!(
            "a recurrent layer of {d_hidden} hidden units over {batch} rows of {time} steps is computed step by step, \
             many times slower than with a kernel: {limit}"
        );
    }
    plan.is_ok()
}

/// What a walk keeps for the walk back, on CubeCL's tensors or on those of a build that fuses operations.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    /// For the gates `[directions, batch * time, kept * hidden]`, then from [`before_at`] on, the state before each
    /// step, `[directions, batch * time, hidden]`. They share one buffer, since an adapter may bind few.
    pub(super) steps: T,
    /// First step and end of each row.
    pub(super) spans: T,
}

/// The shapes of what a layer keeps.
pub(super) fn kept_shapes(sizes: Sizes, options: &RecurrentOptions) -> [Shape; 2] {
    let spans = options.spans.as_ref().map_or(1, |spans| 2 * spans.len());
    [Shape::new([numbers_kept(sizes, options)]), Shape::new([spans])]
}

/// Where the states before the steps start in what is kept.
pub(super) fn before_at(sizes: Sizes, options: &RecurrentOptions) -> usize {
    let steps = options.directions.walks().len() * sizes.batch * sizes.time;
    (steps * kept_of(options.cell) * sizes.d_hidden).next_multiple_of(ALIGNED)
}

pub(super) fn numbers_kept(sizes: Sizes, options: &RecurrentOptions) -> usize {
    let steps = options.directions.walks().len() * sizes.batch * sizes.time;
    before_at(sizes, options) + steps * sizes.d_hidden
}

/// Numbers per hidden unit that a step keeps for the walk back.
fn kept_of(cell: CellKind) -> usize {
    match cell {
        CellKind::SimpleRnn { .. } => 1,
        CellKind::Lstm => 5,
        CellKind::Gru { .. } => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_adapter_has_kernels_for_every_cell() {
        let cells = [
            CellKind::SimpleRnn { activation: Activation::Tanh },
            CellKind::Lstm,
            CellKind::Gru { reset_after: true },
            CellKind::Gru { reset_after: false },
        ];
        for cell in cells {
            for d_hidden in [32, 64, 128, 256, 512] {
                if d_hidden == 512 && cell == (CellKind::Gru { reset_after: false }) {
                    continue; // 16 KiB hold up to 509 units
                }
                let wanted = Wanted::SEQUENCE;
                let options = RecurrentOptions { cell, directions: Directions::Both, spans: None, wanted };
                let sizes = Sizes { batch: 16, time: 100, d_input: 200, d_hidden };
                let plan = Plan::new(&Adapter::least(), sizes, &options, Pass::Train).map(|_| ());
                assert_eq!(plan, Ok(()), "{cell:?} of {d_hidden}");
            }
        }
    }
}
