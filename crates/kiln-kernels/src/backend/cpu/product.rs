//! Matrix products of a few rows by packed columns: the inner loop of every kernel here.
//!
//! A tile of up to six rows by up to four vectors of columns stays in registers while the loop
//! runs over the inner dimension. The columns' matrix is packed once a call, so that the loop
//! reads it in order; the rows' matrix is read where it lies, with any strides.

use std::ops::Range;

use pulp::Simd;

use super::lanes::{load, store};

/// Vectors of columns in a panel.
pub(crate) const PANEL: usize = 4;

/// Most rows of a tile: with four vectors of columns, six rows fill the 32 registers of AVX-512
/// and NEON, three the 16 of AVX2.
#[inline(always)]
pub(crate) fn tile_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 6 } else { 3 }
}

/// `range` in even tiles of at most `most`.
#[inline(always)]
pub(crate) fn tiles(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let (start, length) = (range.start, range.len());
    let count = length.div_ceil(most).max(1);
    (0..count).map(move |n| start + length * n / count..start + length * (n + 1) / count)
}

/// Runs the expression with `$N` as the constant that equals `$value`, if it is one of these.
macro_rules! with_constant {
    ($value:expr, $N:ident in [$($n:literal)*], $run:expr) => {
        match $value {
            $($n => {
                const $N: usize = $n;
                $run
            })*
            _ => {}
        }
    };
}
/// The same for rows of a tile.
macro_rules! with_rows {
    ($rows:expr, $R:ident => $run:expr) => {
        $crate::backend::cpu::product::with_constant!($rows, $R in [1 2 3 4 5 6], $run)
    };
}
/// The same for vectors of columns in a panel.
macro_rules! with_columns {
    ($columns:expr, $C:ident => $run:expr) => {
        $crate::backend::cpu::product::with_constant!($columns, $C in [1 2 3 4], $run)
    };
}
pub(crate) use {with_columns, with_constant, with_rows};

/// The end of the last of `rows` times `columns` parts of `width` numbers, whose starts are so far apart; the largest
/// number where that overflows. There is a row and a column at least.
#[inline(always)]
fn reaches(rows: usize, row: usize, columns: usize, column: usize, width: usize) -> usize {
    let last = (rows - 1).saturating_mul(row).saturating_add((columns - 1).saturating_mul(column));
    last.saturating_add(width)
}

/// sums\[r\]\[c\] + the sum over k of a\[r * a_row + k * a_k\] * b\[k * b_k + c\], where c counts vectors.
///
/// By value, so that the sums stay in registers.
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const R: usize, const C: usize>(
    simd: S,
    mut sums: [[S::f32s; C]; R],
    a: &[f32],
    [a_row, a_k]: [usize; 2],
    b: &[f32],
    b_k: usize,
    inner: usize,
) -> [[S::f32s; C]; R] {
    if inner == 0 {
        return sums;
    }
    assert!(reaches(R, a_row, inner, a_k, 1) <= a.len(), "the rows' matrix is too short");
    assert!(reaches(1, 0, inner, b_k, C * S::F32_LANES) <= b.len(), "the columns' matrix is too short");
    let (mut a, mut b) = (a.as_ptr(), b.as_ptr());
    for _ in 0..inner {
        // SAFETY: both pointers advance by their stride a turn; the greatest places read were
        // checked above. Vectors are plain data.
        unsafe {
            let mut columns = [simd.splat_f32s(0.0); C];
            for (c, column) in columns.iter_mut().enumerate() {
                *column = b.add(c * S::F32_LANES).cast::<S::f32s>().read_unaligned();
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = simd.splat_f32s(*a.add(r * a_row));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = simd.mul_add_e_f32s(value, column, *sum);
                }
            }
            a = a.wrapping_add(a_k);
            b = b.wrapping_add(b_k);
        }
    }
    sums
}

/// A matrix of `inner` rows in panels of up to four vectors of columns.
pub(crate) struct Packed {
    data: Vec<f32>,
    inner: usize,
    width: usize,
}

impl Packed {
    /// Panels of `width` vectors of `lanes` floats each; `fill` writes row `k` of panel `p`, which
    /// is zeros before.
    pub(crate) fn new(
        inner: usize,
        panels: usize,
        width: usize,
        lanes: usize,
        mut fill: impl FnMut(usize, usize, &mut [f32]),
    ) -> Self {
        let width = width * lanes;
        let mut data = vec![0.0; inner * panels * width];
        if width > 0 && inner > 0 {
            for (n, row) in data.chunks_exact_mut(width).enumerate() {
                fill(n % inner, n / inner, row);
            }
        }
        Self { data, inner, width }
    }

    /// The panels of a row-major matrix of `columns` columns: `value(k, column)`.
    pub(crate) fn by_value(inner: usize, columns: usize, lanes: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let width = PANEL * lanes;
        Self::new(inner, columns.div_ceil(width), PANEL, lanes, |k, panel, row| {
            let first = panel * width;
            for (place, column) in row.iter_mut().zip(first..columns) {
                *place = value(k, column);
            }
        })
    }

    /// The panels of a row-major matrix of `columns` columns.
    pub(crate) fn by_rows(inner: usize, columns: usize, lanes: usize, matrix: &[f32]) -> Self {
        let width = PANEL * lanes;
        Self::new(inner, columns.div_ceil(width), PANEL, lanes, |k, panel, row| {
            let part = panel * width..columns.min((panel + 1) * width);
            row[..part.len()].copy_from_slice(&matrix[k * columns..][part]);
        })
    }

    /// The rows of panel `panel` one after another.
    #[inline(always)]
    pub(crate) fn panel(&self, panel: usize) -> &[f32] {
        &self.data[panel * self.inner * self.width..][..self.inner * self.width]
    }

    /// Floats in a row of a panel.
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

/// `R` rows of `C` vectors, `stride` floats from row to row.
#[inline(always)]
pub(crate) fn load_tile<S: Simd, const R: usize, const C: usize>(
    simd: S,
    from: &[f32],
    stride: usize,
) -> [[S::f32s; C]; R] {
    let mut tile = [[simd.splat_f32s(0.0); C]; R];
    for (r, row) in tile.iter_mut().enumerate() {
        for (c, value) in row.iter_mut().enumerate() {
            *value = load::<S>(from, r * stride + c * S::F32_LANES);
        }
    }
    tile
}

#[inline(always)]
pub(crate) fn store_tile<S: Simd, const R: usize, const C: usize>(
    to: &mut [f32],
    stride: usize,
    tile: [[S::f32s; C]; R],
) {
    for (r, row) in tile.into_iter().enumerate() {
        for (c, value) in row.into_iter().enumerate() {
            store::<S>(to, r * stride + c * S::F32_LANES, value);
        }
    }
}

/// Floating-point operations a second of the inner loop on all cores, everything in the nearest
/// cache: what a product can reach at most. For benchmarks.
pub fn peak() -> f64 {
    use pulp::WithSimd;
    use rayon::prelude::*;

    const INNER: usize = 64;
    const TURNS: usize = 20_000;
    struct Loop;
    impl WithSimd for Loop {
        type Output = f64;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let (a, b) = (vec![0.5; 6 * INNER], vec![0.25; INNER * PANEL * S::F32_LANES]);
            let rows = tile_rows::<S>();
            let began = std::time::Instant::now();
            with_rows!(rows, R => {
                let mut sums = [[simd.splat_f32s(0.0); PANEL]; R];
                for _ in 0..TURNS {
                    let (a, b) = (std::hint::black_box(&a), std::hint::black_box(&b));
                    sums = accumulate(simd, sums, a, [INNER, 1], b, PANEL * S::F32_LANES, INNER);
                }
                std::hint::black_box(&sums);
            });
            (TURNS * rows * INNER * PANEL * S::F32_LANES * 2) as f64 / began.elapsed().as_secs_f64()
        }
    }
    (0..rayon::current_num_threads()).into_par_iter().map(|_| super::lanes::dispatch(Loop)).sum()
}
