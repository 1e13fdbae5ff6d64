//! The gradient of a table from those of its looked-up rows, in one launch and always in the same
//! order: a workgroup owns some rows of the table and looks through all ids for them.
//!
//! Each unit owns columns, so no two ever write to one number, and no atomic operations on floats
//! are needed, which WebGPU lacks.

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::device::{Adapter, contiguous, empty};

/// Rows of the table that a workgroup owns.
const ROWS: usize = 32;

/// Ids that a unit looks at in a round.
const EACH: usize = 8;

/// Units of a workgroup at most: each counts what those before it found.
const MOST_UNITS: usize = 128;

fn units(adapter: &Adapter, width: usize) -> usize {
    adapter.units(width.min(MOST_UNITS))
}

/// Whether the device has a kernel for `count` rows of `width` numbers that belong to a table of
/// `vocab`.
pub(crate) fn is_fused(adapter: &Adapter, count: usize, vocab: usize, width: usize) -> bool {
    let units = units(adapter, width);
    let columns = width.div_ceil(units);
    let turns = ROWS * columns + count.div_ceil(units * EACH) * (units + EACH) + count * (columns + 1);
    width > 0
        && vocab > 0
        && adapter.holds(vocab * width)
        && adapter.holds(count * width)
        && adapter.turns(turns, 1).is_ok()
        && units * (EACH + 1) * size_of::<u32>() <= adapter.shared_memory
}

/// The gradient of a table of `vocab` rows; ids are 32-bit.
pub(crate) fn add_rows(gradient: CubeTensor, ids: CubeTensor, vocab: usize) -> CubeTensor {
    let (gradient, ids) = (contiguous(gradient), contiguous(ids));
    let width = gradient.shape()[2];
    let count = ids.shape().num_elements();
    let adapter = Adapter::of(&gradient);
    let units = units(&adapter, width);
    let table = empty(&gradient, [vocab, width]);
    add_found_rows::launch(
        &gradient.client,
        adapter.grid(vocab.div_ceil(ROWS)),
        CubeDim::new_1d(units as u32),
        gradient.clone().into_buffer_arg(),
        ids.into_buffer_arg(),
        table.clone().into_buffer_arg(),
        count,
        vocab,
        width,
        units,
    );
    table
}

#[cube(launch)]
fn add_found_rows(
    gradient: &[f32],
    ids: &[i32],
    table: &mut [f32],
    count: usize,
    vocab: usize,
    #[comptime] width: usize,
    #[comptime] units: usize,
) {
    let unit = UNIT_POS as usize;
    let first = CUBE_POS * ROWS;
    if first >= vocab {
        terminate!();
    }
    let end = (first + ROWS).min(vocab);
    for row in first..end {
        for column in range_stepped(unit, width, units) {
            table[row * width + column] = 0.0;
        }
    }

    let mut counts = Shared::<[u32]>::new_slice(units);
    let mut found = Shared::<[u32]>::new_slice(comptime!(units * EACH));
    let rounds = count.div_ceil(comptime!(units * EACH));
    for round in 0..rounds {
        let at = (round * units + unit) * EACH;
        let mut own = 0u32;
        #[unroll]
        for n in 0..EACH {
            if at + n < count {
                let id = ids[at + n] as usize;
                if id >= first && id < end {
                    own += 1;
                }
            }
        }
        counts[unit] = own;
        sync_cube();
        let mut place = 0u32;
        let mut all = 0u32;
        for other in 0..units {
            if other == unit {
                place = all;
            }
            all += counts[other];
        }
        #[unroll]
        for n in 0..EACH {
            if at + n < count {
                let id = ids[at + n] as usize;
                if id >= first && id < end {
                    found[place as usize] = (at + n) as u32;
                    place += 1;
                }
            }
        }
        sync_cube();
        for n in 0..all as usize {
            let from = found[n] as usize;
            let to = ids[from] as usize;
            for column in range_stepped(unit, width, units) {
                table[to * width + column] += gradient[from * width + column];
            }
        }
    }
}
