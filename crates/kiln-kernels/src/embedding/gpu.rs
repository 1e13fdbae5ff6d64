//! A table on a GPU: lookup, new rows, and the gradient from that of the looked-up rows, always summed in the same
//! order.
//!
//! For the gradient, a workgroup owns some rows of the table and searches all ids for them. Each unit owns columns, so
//! no two units write the same number, and no atomic operations on floats are needed, which WebGPU lacks. A frequent
//! id, such as padding, would make one workgroup sum nearly all rows in sequence while the others wait. So a first
//! launch sums equal ids within chunks of the ids, all chunks at once.

use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Cube, DType, IntDType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::autodiff::EmbeddingOps;
use crate::backend::gpu::adapter::Adapter;
use crate::backend::gpu::on_tensors::{OnTensors, Output, only};
use crate::backend::gpu::tensors::{contiguous, empty, empty_of, owned, same};

/// Rows of the table that a workgroup owns.
const ROWS: usize = 32;

/// Ids that a unit reads per round.
const EACH: usize = 16;

/// Units whose finds are counted together, before each unit counts the finds of the units before it.
const BLOCK: usize = 16;

/// Ids per workgroup of the first launch: of `n` equal ids, `CHUNK` are summed in sequence in the first launch and
/// `n / CHUNK` in the second.
const CHUNK: usize = 64;

/// With up to this many ids, the first launch costs more than it saves.
const FEW: usize = 4 * CHUNK;

/// Most units of a workgroup.
const MOST_UNITS: usize = 128;

/// The ids as contiguous 32-bit numbers.
fn ids_of(ids: CubeTensor) -> CubeTensor {
    contiguous(CubeBackend::int_cast(ids, IntDType::I32))
}

impl EmbeddingOps for Cube {
    fn table_rows(table: FloatTensor<Self>, ids: IntTensor<Self>) -> FloatTensor<Self> {
        let ([rows, columns], [_, width]) = (ids.shape().dims(), table.shape().dims());
        let output = Output::floats([rows, columns, width]);
        only(Self::on_tensors("kiln_embedding", [table, same(ids)], [output], move |[table, ids]| {
            let ids = CubeBackend::int_reshape(ids_of(ids), Shape::new([rows * columns]));
            let found = CubeBackend::float_select(table, 0, ids);
            [CubeBackend::float_reshape(found, Shape::new([rows, columns, width]))]
        }))
    }

    fn table_gradient(gradient: FloatTensor<Self>, ids: IntTensor<Self>, vocab: usize) -> FloatTensor<Self> {
        let output = Output::floats([vocab, gradient.shape()[2]]);
        only(Self::on_tensors("kiln_table_gradient", [gradient, same(ids)], [output], move |[gradient, ids]| {
            [add_rows(gradient, ids_of(ids), vocab)]
        }))
    }

    fn put_rows(table: FloatTensor<Self>, ids: IntTensor<Self>, rows: FloatTensor<Self>) -> FloatTensor<Self> {
        let output = Output::floats(table.shape());
        only(Self::on_tensors("kiln_put_rows", [table, same(ids), rows], [output], |[table, ids, rows]| {
            [put_rows(table, ids_of(ids), rows)]
        }))
    }
}

fn units(adapter: &Adapter, width: usize) -> usize {
    adapter.units(width.min(MOST_UNITS))
}

/// Whether the device has a kernel for `count` rows of `width` numbers of a table of `vocab` rows.
pub(crate) fn is_fused(adapter: &Adapter, count: usize, vocab: usize, width: usize) -> bool {
    let units = units(adapter, width);
    let columns = width.div_ceil(units);
    // The rows that a workgroup may find: all, or per chunk at most one for each of its ids.
    let found = if count > FEW { count.div_ceil(CHUNK) * ROWS.min(CHUNK) } else { count };
    let round = 2 * (EACH + BLOCK) + units.div_ceil(BLOCK);
    let turns = ROWS * columns + count.div_ceil(units * EACH) * round + found * (columns + 1);
    width > 0
        && vocab > 0
        && adapter.holds([vocab, width])
        && adapter.holds([count, width])
        && adapter.turns(turns, 1).is_ok()
        && (units * (EACH + 1) + units.div_ceil(BLOCK)) * size_of::<u32>() <= adapter.shared_memory
        && 3 * CHUNK * size_of::<u32>() <= adapter.shared_memory
}

/// The gradient of a table of `vocab` rows; ids are 32-bit.
fn add_rows(gradient: CubeTensor, ids: CubeTensor, vocab: usize) -> CubeTensor {
    let gradient = contiguous(gradient);
    let width = gradient.shape()[2];
    let count = ids.shape().num_elements();
    let adapter = Adapter::of(&gradient);
    let units = units(&adapter, width);
    let (gradient, ids) = if count > FEW { equal_added(&gradient, &ids, &adapter) } else { (gradient, ids) };
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

/// Sums the rows of equal ids of a chunk in the place of the first of them. Returns the rows and the ids of these first
/// rows; the others have no id.
fn equal_added(gradient: &CubeTensor, ids: &CubeTensor, adapter: &Adapter) -> (CubeTensor, CubeTensor) {
    let width = gradient.shape()[2];
    let count = ids.shape().num_elements();
    let units = units(adapter, width);
    let sums = empty(gradient, [1, count, width]);
    let firsts = empty_of(gradient, [count], DType::I32);
    let (chunks, parts) = (count.div_ceil(CHUNK), width.div_ceil(units));
    add_equal::launch(
        &gradient.client,
        adapter.grid(chunks * parts),
        CubeDim::new_1d(units as u32),
        gradient.clone().into_buffer_arg(),
        ids.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        firsts.clone().into_buffer_arg(),
        count,
        chunks,
        width,
        units,
    );
    (sums, firsts)
}

/// A workgroup handles a chunk of the ids and as many columns as it has units.
#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn add_equal(
    gradient: &[f32],
    ids: &[i32],
    sums: &mut [f32],
    firsts: &mut [i32],
    count: usize,
    chunks: usize,
    #[comptime] width: usize,
    #[comptime] units: usize,
) {
    let parts = comptime!(width.div_ceil(units));
    let unit = UNIT_POS as usize;
    let chunk = CUBE_POS / parts;
    let part = CUBE_POS % parts;
    if chunk >= chunks {
        terminate!();
    }
    let first = chunk * CHUNK;

    let mut own = Shared::<[i32]>::new_slice(CHUNK);
    // The index of the next equal id; `CHUNK` after the last one.
    let mut next = Shared::<[u32]>::new_slice(CHUNK);
    let mut begins = Shared::<[u32]>::new_slice(CHUNK);
    for n in range_stepped(unit, CHUNK, units) {
        own[n] = if first + n < count { ids[first + n] } else { -1i32 };
    }
    sync_cube();
    for n in range_stepped(unit, CHUNK, units) {
        let id = own[n];
        let mut behind = comptime!(CHUNK as u32).runtime();
        let mut begin = 0u32;
        if id >= 0 {
            begin = 1;
        }
        for other in 0..CHUNK {
            if own[other] == id {
                if other < n {
                    begin = 0;
                }
                if other > n && behind == comptime!(CHUNK as u32) {
                    behind = other as u32;
                }
            }
        }
        next[n] = behind;
        begins[n] = begin;
        if part == 0 && first + n < count {
            firsts[first + n] = if begin == 1 { id } else { -1i32 };
        }
    }
    sync_cube();
    let column = part * units + unit;
    if column < width {
        for n in 0..CHUNK {
            if begins[n] == 1 {
                let mut sum = gradient[(first + n) * width + column];
                let mut other = next[n] as usize;
                while other < CHUNK {
                    sum += gradient[(first + other) * width + column];
                    other = next[other] as usize;
                }
                sums[(first + n) * width + column] = sum;
            }
        }
    }
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

    let blocks = comptime!(units.div_ceil(BLOCK));
    let block = unit / BLOCK;
    let mut counts = Shared::<[u32]>::new_slice(units);
    let mut of_blocks = Shared::<[u32]>::new_slice(blocks);
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
        if unit < blocks {
            let mut sum = 0u32;
            for n in 0..BLOCK {
                if unit * BLOCK + n < units {
                    sum += counts[unit * BLOCK + n];
                }
            }
            of_blocks[unit] = sum;
        }
        sync_cube();
        let mut place = 0u32;
        let mut all = 0u32;
        for other in 0..blocks {
            if other == block {
                place = all;
            }
            all += of_blocks[other];
        }
        for other in block * BLOCK..unit {
            place += counts[other];
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

/// The table with new rows, in place if nothing else holds it.
fn put_rows(table: CubeTensor, ids: CubeTensor, rows: CubeTensor) -> CubeTensor {
    let (table, rows) = (owned(table), contiguous(rows));
    let count = rows.shape().num_elements();
    let (groups, dim) = Adapter::of(&rows).elementwise(count);
    write_rows::launch(
        &rows.client,
        groups,
        dim,
        table.clone().into_buffer_arg(),
        ids.into_buffer_arg(),
        rows.clone().into_buffer_arg(),
        count,
        table.shape()[0],
        table.shape()[1],
    );
    table
}

#[cube(launch)]
fn write_rows(table: &mut [f32], ids: &[i32], rows: &[f32], count: usize, vocab: usize, width: usize) {
    if ABSOLUTE_POS >= count {
        terminate!();
    }
    let id = ids[ABSOLUTE_POS / width] as usize;
    // An id beyond the table writes nothing.
    if id < vocab {
        table[id * width + ABSOLUTE_POS % width] = rows[ABSOLUTE_POS];
    }
}
