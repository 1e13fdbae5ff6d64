//! The rows of word2vec's tables, read and updated by several threads at once.
//!
//! As in word2vec.c, threads use no locks: if two add to a number at the same time, one of the additions may be lost.
//! The tables consist of atomic words of two floats each, so that a number is never torn.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use pulp::Simd;

use crate::backend::cpu::lanes::{load, store};

/// Floats per cache line. Rows start at a line, and it is a multiple of every machine's vectors.
pub(super) const LINE: usize = 16;

/// A cache line of a table.
#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU64; LINE / 2]);

/// Rows of floats, each padded with zeros to whole cache lines.
#[derive(Debug)]
pub(super) struct Table {
    lines: Vec<Line>,
    width: usize,
}

impl Table {
    /// A table of the rows in `values`, each of `width` numbers.
    pub(super) fn new(values: &[f32], width: usize) -> Self {
        let line = |floats: &[f32]| {
            Line(std::array::from_fn(|pair| {
                let bits = |at: usize| floats.get(at).map_or(0, |value| value.to_bits());
                AtomicU64::new(join(bits(2 * pair), bits(2 * pair + 1)))
            }))
        };
        Self { lines: values.chunks(width).flat_map(|row| row.chunks(LINE).map(line)).collect(), width }
    }

    /// Lines per row.
    pub(super) fn row_lines(&self) -> usize {
        self.width.div_ceil(LINE)
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.lines.len() / self.row_lines()
    }

    /// All numbers, row by row.
    pub(super) fn values(&self) -> Vec<f32> {
        self.some(0..self.rows())
    }

    /// The numbers of some rows.
    pub(super) fn some(&self, rows: Range<usize>) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows.len() * self.width);
        for row in self.lines.chunks_exact(self.row_lines()).skip(rows.start).take(rows.len()) {
            let floats = row.iter().flat_map(|line| &line.0).flat_map(|pair| split(pair.load(Ordering::Relaxed)));
            values.extend(floats.map(f32::from_bits).take(self.width));
        }
        values
    }

    /// Replaces the rows from `start` by those in `values`.
    pub(super) fn set(&mut self, start: usize, values: &[f32]) {
        let (start, fresh) = (start * self.row_lines(), Self::new(values, self.width).lines);
        self.lines.splice(start..start + fresh.len(), fresh);
    }

    /// Appends rows.
    pub(super) fn extend(&mut self, values: &[f32]) {
        self.lines.extend(Self::new(values, self.width).lines);
    }

    pub(super) fn shared(&self) -> Rows<'_> {
        Rows { lines: &self.lines, row_lines: self.row_lines() }
    }
}

#[inline(always)]
fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[inline(always)]
fn split(bits: u64) -> [u32; 2] {
    [bits as u32, (bits >> 32) as u32]
}

/// Prefetches the cache lines of a row for writing, so that no other core holds them.
#[inline(always)]
fn prefetch_row(row: &[Line]) {
    #[cfg(target_arch = "x86_64")]
    for line in row {
        // SAFETY: a prefetch is a hint about an address, and changes nothing.
        unsafe {
            std::arch::asm!(
                "prefetchw [{line}]",
                line = in(reg) line,
                options(nostack, preserves_flags, readonly),
            );
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// The rows of a table, which other threads may be updating. `values` have the length of a padded row.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    lines: &'a [Line],
    row_lines: usize,
}

impl Rows<'_> {
    #[inline(always)]
    fn row(&self, row: u32) -> &[Line] {
        &self.lines[row as usize * self.row_lines..][..self.row_lines]
    }

    /// Numbers per padded row.
    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        self.row_lines * LINE
    }

    /// `values = row`
    #[inline(always)]
    pub(super) fn read<S: Simd>(&self, _simd: S, row: u32, values: &mut [f32]) {
        for (line, values) in self.row(row).iter().zip(values.as_chunks_mut().0) {
            line.get::<S>(values);
        }
    }

    /// `values += row`
    #[inline(always)]
    pub(super) fn add_to<S: Simd>(&self, simd: S, row: u32, values: &mut [f32]) {
        for (line, values) in self.row(row).iter().zip(values.as_chunks_mut().0) {
            line.add_to(simd, values);
        }
    }

    /// `row += scale * values`
    #[inline(always)]
    pub(super) fn add<S: Simd>(&self, simd: S, row: u32, scale: f32, values: &[f32]) {
        for (line, values) in self.row(row).iter().zip(values.as_chunks().0) {
            line.add(simd, scale, values);
        }
    }

    /// Prefetches a row that is needed soon: rows of rare words are not in the cache.
    #[inline(always)]
    pub(super) fn prefetch(&self, row: u32) {
        prefetch_row(self.row(row));
    }
}

/// A line's floats outside of a table.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Floats(pub(super) [f32; LINE]);

impl Line {
    /// Reads the line, each pair of floats whole. The moves are as wide as the vectors that read the copy: a processor
    /// forwards a store at once only to a load of the same width.
    #[inline(always)]
    fn get<S: Simd>(&self, values: &mut [f32; LINE]) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: both places are a line long. The machine's moves race as relaxed loads of the pairs would: aligned
        // pairs are not torn, although processors do not promise it for wide moves.
        unsafe {
            copy_line::<S>(self.0.as_ptr().cast(), values.as_mut_ptr());
        }
        #[cfg(not(target_arch = "x86_64"))]
        for pair in 0..LINE / 2 {
            let [low, high] = split(self.0[pair].load(Ordering::Relaxed));
            values[2 * pair] = f32::from_bits(low);
            values[2 * pair + 1] = f32::from_bits(high);
        }
    }

    /// `values += line`, each pair of floats read whole.
    #[inline(always)]
    pub(super) fn add_to<S: Simd>(&self, simd: S, values: &mut [f32; LINE]) {
        #[cfg(target_arch = "x86_64")]
        {
            let _ = simd;
            // SAFETY: both places are a line long; as to races, see `get`.
            unsafe { add_line::<S>(1.0, self.0.as_ptr().cast(), values.as_mut_ptr()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let mut now = Floats::default();
            self.get::<S>(&mut now.0);
            axpy(simd, 1.0, &now.0, values);
        }
    }

    /// `line += scale * values`, each pair of floats read and written whole.
    #[inline(always)]
    pub(super) fn add<S: Simd>(&self, simd: S, scale: f32, values: &[f32; LINE]) {
        #[cfg(target_arch = "x86_64")]
        {
            let _ = simd;
            // SAFETY: both places are a line long, and a line may be written through a shared borrow, since
            // it is of atomic integers; as to races, see `get`.
            unsafe { add_line::<S>(scale, values.as_ptr(), self.0.as_ptr().cast::<f32>().cast_mut()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let mut now = Floats::default();
            self.get::<S>(&mut now.0);
            axpy(simd, scale, values, &mut now.0);
            for (pair, values) in self.0.iter().zip(now.0.chunks_exact(2)) {
                pair.store(join(values[0].to_bits(), values[1].to_bits()), Ordering::Relaxed);
            }
        }
    }
}

/// `to += scale * from` over a line, in assembly as in [`copy_line`].
///
/// # Safety
///
/// - `from` and `to` each point to a whole line: 16 floats.
/// - The lines are the same or do not overlap.
/// - This machine has the instruction set of `S`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn add_line<S: Simd>(scale: f32, from: *const f32, to: *mut f32) {
    use std::arch::asm;
    // SAFETY: the instructions stay within the lines and change nothing else but the registers named and
    // the flags of floating-point exceptions; the wide ones run where `S` is of the set that has them.
    unsafe {
        match S::F32_LANES {
            16 => asm!(
                "vbroadcastss zmm1, {scale}",
                "vmovups zmm0, [{to}]",
                "vfmadd231ps zmm0, zmm1, [{from}]",
                "vmovups [{to}], zmm0",
                scale = in(xmm_reg) scale, from = in(reg) from, to = in(reg) to, out("xmm0") _, out("xmm1") _,
                options(nostack),
            ),
            8 => asm!(
                "vbroadcastss ymm2, {scale}",
                "vmovups ymm0, [{to}]",
                "vmovups ymm1, [{to} + 32]",
                "vfmadd231ps ymm0, ymm2, [{from}]",
                "vfmadd231ps ymm1, ymm2, [{from} + 32]",
                "vmovups [{to}], ymm0",
                "vmovups [{to} + 32], ymm1",
                scale = in(xmm_reg) scale, from = in(reg) from, to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _,
                options(nostack),
            ),
            _ => asm!(
                "shufps {scale}, {scale}, 0",
                "movups xmm0, [{from}]",
                "movups xmm1, [{from} + 16]",
                "movups xmm2, [{from} + 32]",
                "movups xmm3, [{from} + 48]",
                "mulps xmm0, {scale}",
                "mulps xmm1, {scale}",
                "mulps xmm2, {scale}",
                "mulps xmm3, {scale}",
                "movups xmm4, [{to}]",
                "movups xmm5, [{to} + 16]",
                "addps xmm0, xmm4",
                "addps xmm1, xmm5",
                "movups xmm4, [{to} + 32]",
                "movups xmm5, [{to} + 48]",
                "addps xmm2, xmm4",
                "addps xmm3, xmm5",
                "movups [{to}], xmm0",
                "movups [{to} + 16], xmm1",
                "movups [{to} + 32], xmm2",
                "movups [{to} + 48], xmm3",
                scale = inout(xmm_reg) scale => _, from = in(reg) from, to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                options(nostack),
            ),
        }
    }
}

/// Copies a line in assembly. The compiler assumes only that it reads `from` and writes `to`, not that nobody else
/// does.
///
/// # Safety
///
/// - `from` and `to` each point to a whole line: 16 floats.
/// - The lines are the same or do not overlap.
/// - This machine has the instruction set of `S`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn copy_line<S: Simd>(from: *const f32, to: *mut f32) {
    use std::arch::asm;
    // SAFETY: the moves stay within the lines and change nothing else but the registers named; the
    // wide ones run where `S` is of the instruction set that has them.
    unsafe {
        match S::F32_LANES {
            16 => asm!(
                "vmovups zmm0, [{from}]",
                "vmovups [{to}], zmm0",
                from = in(reg) from, to = in(reg) to, out("xmm0") _,
                options(nostack, preserves_flags),
            ),
            8 => asm!(
                "vmovups ymm0, [{from}]",
                "vmovups ymm1, [{from} + 32]",
                "vmovups [{to}], ymm0",
                "vmovups [{to} + 32], ymm1",
                from = in(reg) from, to = in(reg) to, out("xmm0") _, out("xmm1") _,
                options(nostack, preserves_flags),
            ),
            _ => asm!(
                "movups xmm0, [{from}]",
                "movups xmm1, [{from} + 16]",
                "movups xmm2, [{from} + 32]",
                "movups xmm3, [{from} + 48]",
                "movups [{to}], xmm0",
                "movups [{to} + 16], xmm1",
                "movups [{to} + 32], xmm2",
                "movups [{to} + 48], xmm3",
                from = in(reg) from, to = in(reg) to,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                options(nostack, preserves_flags),
            ),
        }
    }
}

/// `out += scale * values`; both are whole cache lines.
#[inline(always)]
pub(super) fn axpy<S: Simd>(simd: S, scale: f32, values: &[f32], out: &mut [f32]) {
    let scale = simd.splat_f32s(scale);
    for at in (0..out.len()).step_by(S::F32_LANES) {
        let sum = simd.mul_add_e_f32s(scale, load::<S>(values, at), load::<S>(out, at));
        store::<S>(out, at, sum);
    }
}

/// The dot product of two rows of whole cache lines.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    // Two sums, since an addition waits for the one before it; with narrow vectors both are in one line.
    let (mut even, mut odd) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
    let step = LINE.max(2 * S::F32_LANES);
    let whole = a.len() - a.len() % step;
    for first in (0..whole).step_by(step) {
        for at in (first..first + step).step_by(2 * S::F32_LANES) {
            even = simd.mul_add_e_f32s(load::<S>(a, at), load::<S>(b, at), even);
            let at = at + S::F32_LANES;
            odd = simd.mul_add_e_f32s(load::<S>(a, at), load::<S>(b, at), odd);
        }
    }
    for at in (whole..a.len()).step_by(S::F32_LANES) {
        even = simd.mul_add_e_f32s(load::<S>(a, at), load::<S>(b, at), even);
    }
    simd.reduce_sum_f32s(simd.add_f32s(even, odd))
}
