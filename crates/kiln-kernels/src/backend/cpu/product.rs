//! Matrix products of a few rows with packed columns: the inner loop of every CPU kernel.
//!
//! A tile of up to six rows by up to four vectors of columns stays in registers while the loop runs over the inner
//! dimension. The columns' matrix is packed once per call, so that the loop reads it in order; the rows' matrix is read
//! in place, with any strides.
//!
//! Each tile size has its own function, compiled once per instruction set and shared by all kernels.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::MOST_LANES;
use super::shared::{Scratch, UNLIKE_PRODUCTS, at_least, count, prefetch};

/// Vectors of columns in a panel.
pub(crate) const PANEL: usize = 4;

/// Most rows of a tile. With four vectors of columns, six rows fill the 32 registers of AVX-512 and NEON, three rows
/// the 16 of AVX2. Without vectors, the compiler vectorises a single row.
#[inline(always)]
pub(crate) const fn tile_rows<S: Simd>() -> usize {
    if S::IS_SCALAR {
        1
    } else if S::REGISTER_COUNT >= 32 {
        6
    } else {
        3
    }
}

/// How many places of the inner dimension all tiles pass over before they pass over the next ones. The nearest cache has
/// room for that part of a panel, which then comes from farther away only once. The sums are the same to the bit.
const PART: usize = 96;

/// The inner dimension in parts. There is at least one.
#[inline(always)]
pub(crate) fn parts(inner: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    tiles(0..inner, PART)
}

/// Splits `range` into even tiles of at most `most`.
#[inline(always)]
pub(crate) fn tiles(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let (start, length) = (range.start, range.len());
    let count = length.div_ceil(most).max(1);
    (0..count).map(move |n| start + length * n / count..start + length * (n + 1) / count)
}

/// The end of the last of `rows` times `columns` parts of `width` numbers, which start `row` and `column` numbers
/// apart; the largest number if that overflows. `rows` and `columns` are at least 1.
#[inline(always)]
fn reaches(rows: usize, row: usize, columns: usize, column: usize, width: usize) -> usize {
    let last = (rows - 1).saturating_mul(row).saturating_add((columns - 1).saturating_mul(column));
    last.saturating_add(width)
}

/// The factors of a product, or of a sum of `turns` products.
#[derive(Clone, Copy)]
pub(crate) struct Factors<'a> {
    /// The rows' matrix.
    pub(crate) rows: &'a [f32],
    /// Strides in numbers: from row to row, along the inner dimension, and from turn to turn.
    pub(crate) rows_by: [usize; 3],
    /// The columns' matrix.
    pub(crate) columns: &'a [f32],
    /// Strides in numbers: along the inner dimension, and from turn to turn.
    pub(crate) columns_by: [usize; 2],
    /// The inner dimension.
    pub(crate) inner: usize,
    /// How many products are summed.
    pub(crate) turns: usize,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Nothing.
    Zeros,
    /// Rows with this stride; 0 uses the same row for all.
    From(&'a [f32], usize),
    /// The numbers already there.
    Kept,
}

/// A product of `R` rows and `C` vectors of columns, written to rows with the stride `to_row`.
struct Tile<'a, const R: usize, const C: usize> {
    factors: &'a Factors<'a>,
    start: Start<'a>,
    to: &'a mut [f32],
    to_row: usize,
}

/// Writes start + the sum over turns t and inner indices k of
/// rows\[r * rows_by\[0\] + k * rows_by\[1\] + t * rows_by\[2\]\] *
/// columns\[k * columns_by\[0\] + t * columns_by\[1\] + c\],
/// where c counts vectors, to each of `rows` rows of `columns` vectors, with the stride `to_row`.
///
/// # Panics
///
/// If there are more rows than [`tile_rows`] or more columns than [`PANEL`], or a matrix is too short.
pub(crate) fn multiply<S: Simd>(
    simd: S,
    [rows, columns]: [usize; 2],
    start: Start<'_>,
    factors: &Factors<'_>,
    to: &mut [f32],
    to_row: usize,
) {
    /// The tile of this many rows and columns, if the instruction set has it.
    macro_rules! sized {
        ($($R:literal: $($C:literal)*;)*) => {
            match [rows, columns] {
                $($([$R, $C] if const { $R <= tile_rows::<S>() } => {
                    simd.vectorize(Tile::<$R, $C> { factors, start, to, to_row });
                })*)*
                [0, _] | [_, 0] => {}
                _ => panic!("no product of {rows} rows and {columns} vectors of columns"),
            }
        };
    }
    sized! {
        1: 1 2 3 4;
        2: 1 2 3 4;
        3: 1 2 3 4;
        4: 1 2 3 4;
        5: 1 2 3 4;
        6: 1 2 3 4;
    }
}

/// Runs the expression for each index below a constant of at most six. Not a loop: the compiler keeps an array in
/// memory if a loop indexes it, and in registers if all indices are constants.
macro_rules! each {
    ($n:ident of $count:ident, $run:expr) => {
        each!(@ $n $count $run; 0 1 2 3 4 5)
    };
    (@ $n:ident $count:ident $run:expr; $($index:literal)*) => {
        {
            $(if $index < $count {
                let $n: usize = $index;
                $run
            })*
        }
    };
}

impl<const R: usize, const C: usize> WithSimd for Tile<'_, R, C> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { factors, start, to, to_row } = self;
        let (from, from_row, len) = match start {
            Start::Zeros => (ZEROS.as_ptr(), 0, ZEROS.len()),
            Start::From(from, from_row) => (from.as_ptr(), from_row, from.len()),
            Start::Kept => (to.as_ptr(), to_row, to.len()),
        };
        let width = C * S::F32_LANES;
        assert!(reaches(R, from_row, 1, 0, width) <= len, "what a product is added to is too short");
        assert!(reaches(R, to_row, 1, 0, width) <= to.len(), "what a product is written to is too short");
        let mut sums = [[simd.splat_f32s(0.0); C]; R];
        each!(r of R, each!(c of C, {
            // SAFETY: the last of these indices was checked above. Vectors are plain data.
            sums[r][c] = unsafe { from.add(r * from_row + c * S::F32_LANES).cast::<S::f32s>().read_unaligned() };
        }));
        let sums = accumulate(simd, sums, factors);
        let to = to.as_mut_ptr();
        each!(r of R, each!(c of C, {
            // SAFETY: as above.
            unsafe { to.add(r * to_row + c * S::F32_LANES).cast::<S::f32s>().write_unaligned(sums[r][c]) };
        }));
    }
}

/// A row of the widest tile.
static ZEROS: [f32; PANEL * MOST_LANES] = [0.0; PANEL * MOST_LANES];

/// The sums of a tile. Returned by value, so that they stay in registers.
#[inline(always)]
fn accumulate<S: Simd, const R: usize, const C: usize>(
    simd: S,
    mut sums: [[S::f32s; C]; R],
    factors: &Factors<'_>,
) -> [[S::f32s; C]; R] {
    let Factors { rows, rows_by: [row, rows_k, rows_turn], columns, columns_by: [columns_k, columns_turn], .. } =
        *factors;
    let Factors { inner, turns, .. } = *factors;
    if inner == 0 || turns == 0 {
        return sums;
    }
    let turned = |by: usize| (turns - 1).saturating_mul(by);
    assert!(reaches(R, row, inner, rows_k, turned(rows_turn)) < rows.len(), "the rows' matrix is too short");
    let width = turned(columns_turn).saturating_add(C * S::F32_LANES);
    assert!(reaches(1, 0, inner, columns_k, width) <= columns.len(), "the columns' matrix is too short");
    for turn in 0..turns {
        let mut a = rows.as_ptr().wrapping_add(turn * rows_turn);
        let mut b = columns.as_ptr().wrapping_add(turn * columns_turn);
        for _ in 0..inner {
            // SAFETY: both pointers advance by their stride; the highest indices read were checked above. Vectors are
            // plain data.
            unsafe {
                each!(c of C, prefetch(b.wrapping_add(AHEAD * columns_k + c * S::F32_LANES)));
                let mut columns = [simd.splat_f32s(0.0); C];
                each!(c of C, columns[c] = b.add(c * S::F32_LANES).cast::<S::f32s>().read_unaligned());
                each!(r of R, {
                    let value = simd.splat_f32s(*a.add(r * row));
                    each!(c of C, sums[r][c] = simd.mul_add_e_f32s(value, columns[c], sums[r][c]));
                });
                a = a.wrapping_add(rows_k);
                b = b.wrapping_add(columns_k);
            }
        }
    }
    sums
}

/// How many places of the inner dimension ahead columns are asked for: as many as a part has. The processor does so itself,
/// but not beyond a page of memory, which holds sixteen places of a panel.
const AHEAD: usize = PART;

/// A matrix of `inner` rows in panels of up to four vectors of columns.
pub(crate) struct Packed {
    data: Scratch,
    inner: usize,
    width: usize,
}

impl Packed {
    /// Panels of `width` vectors of `lanes` floats each, packed on all threads. `fill` writes all of panel `p`: its rows
    /// follow one another and hold anything before.
    pub(crate) fn new(
        inner: usize,
        panels: usize,
        width: usize,
        lanes: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let width = width * lanes;
        let mut data = Scratch::new(count([inner, panels, width]));
        if width > 0 && inner > 0 {
            let panels = data.par_chunks_mut(inner * width).enumerate();
            let panels = panels.with_min_len(at_least(UNLIKE_PRODUCTS * inner * width));
            panels.for_each(|(panel, rows)| fill(panel, rows));
        }
        Self { data, inner, width }
    }

    /// The panels of a matrix of `columns` columns whose elements are `value(k, column)`.
    pub(crate) fn by_value(
        inner: usize,
        columns: usize,
        lanes: usize,
        value: impl Fn(usize, usize) -> f32 + Sync,
    ) -> Self {
        let width = PANEL * lanes;
        Self::new(inner, columns.div_ceil(width), PANEL, lanes, |panel, rows| {
            let part = panel * width..columns.min((panel + 1) * width);
            for (k, row) in rows.chunks_exact_mut(width).enumerate() {
                for (place, column) in row.iter_mut().zip(part.clone()) {
                    *place = value(k, column);
                }
                row[part.len()..].fill(0.0);
            }
        })
    }

    /// The panels of a row-major matrix of `columns` columns.
    pub(crate) fn by_rows(inner: usize, columns: usize, lanes: usize, matrix: &[f32]) -> Self {
        let width = PANEL * lanes;
        Self::new(inner, columns.div_ceil(width), PANEL, lanes, |panel, rows| {
            let part = panel * width..columns.min((panel + 1) * width);
            for (row, from) in rows.chunks_exact_mut(width).zip(matrix.chunks_exact(columns)) {
                row[..part.len()].copy_from_slice(&from[part.clone()]);
                row[part.len()..].fill(0.0);
            }
        })
    }

    /// The rows of panel `panel`, one after another.
    #[inline(always)]
    pub(crate) fn panel(&self, panel: usize) -> &[f32] {
        &self.data[panel * self.inner * self.width..][..self.inner * self.width]
    }

    /// Floats per row of a panel.
    #[inline(always)]
    pub(crate) fn width(&self) -> usize {
        self.width
    }
}

/// `vectors` in panels of four.
#[inline(always)]
pub(crate) fn panels(vectors: usize) -> impl Iterator<Item = Range<usize>> {
    (0..vectors.div_ceil(PANEL)).map(move |n| n * PANEL..(n * PANEL + PANEL).min(vectors))
}

/// Floating-point operations per second of the inner loop on all cores, with all data in the nearest cache: the most
/// that a product can reach. For benchmarks.
pub fn peak() -> f64 {
    const INNER: usize = 64;
    const TURNS: usize = 20_000;
    struct Loop;
    impl WithSimd for Loop {
        type Output = f64;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let (rows, width) = (tile_rows::<S>(), PANEL * S::F32_LANES);
            let [mut a, mut b, mut sums] = [rows * INNER, INNER * width, rows * width].map(Scratch::new);
            a.fill(0.5);
            b.fill(0.25);
            let factors = Factors {
                rows: std::hint::black_box(&*a),
                rows_by: [INNER, 1, 0],
                columns: std::hint::black_box(&*b),
                columns_by: [width, 0],
                inner: INNER,
                turns: TURNS,
            };
            let began = std::time::Instant::now();
            multiply(simd, [rows, PANEL], Start::Zeros, &factors, std::hint::black_box(&mut *sums), width);
            (TURNS * rows * INNER * width * 2) as f64 / began.elapsed().as_secs_f64()
        }
    }
    (0..rayon::current_num_threads()).into_par_iter().map(|_| super::lanes::dispatch(Loop)).sum()
}
