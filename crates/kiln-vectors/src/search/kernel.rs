//! The inner loops: dot products in 64 bits, and lengths. Plain loops over fixed lanes, compiled for each instruction
//! set by way of pulp.
//!
//! The product of two 32-bit floats is exact in 64 bits, and the lanes are added in one order whatever the machine's
//! vectors hold. So a similarity has the same bits on every machine, by every way of searching, and for any number of
//! threads.

use pulp::{Arch, Simd, WithSimd};

/// Sums kept side by side: enough to hide how long an addition takes.
const LANES: usize = 16;

/// Runs `op` with the best instruction set of this machine. Everything below it must be `#[inline(always)]`, or it is
/// compiled for the least machine.
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    Arch::new().dispatch(op)
}

/// The dot product of a row and another, in 32 or 64 bits.
#[inline(always)]
pub(crate) fn dot<B: Copy + Into<f64>>(row: &[f32], other: &[B]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((row, row_rest), (other, other_rest)) = (row.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    for (a, b) in row.iter().zip(other) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(a) * b.into();
        }
    }
    for ((sum, &a), &b) in sums.iter_mut().zip(row_rest).zip(other_rest) {
        *sum += f64::from(a) * b.into();
    }
    total(sums)
}

/// The lanes by halves, which is an order that vectors of any width can follow.
#[inline(always)]
fn total(mut sums: [f64; LANES]) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = sums.split_at_mut(half);
        for (a, b) in low.iter_mut().zip(high) {
            *a += *b;
        }
        half /= 2;
    }
    sums[0]
}

/// The dot product of two vectors.
pub(crate) fn dot_of(a: &[f32], b: &[f32]) -> f64 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for Dot<'_> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> f64 {
            dot(self.0, self.1)
        }
    }
    dispatch(Dot(a, b))
}

/// The length of each row of width `d`, into `lengths`.
pub(crate) fn lengths_of(rows: &[f32], d: usize, lengths: &mut [f64]) {
    struct Lengths<'a>(&'a [f32], usize, &'a mut [f64]);
    impl WithSimd for Lengths<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            for (length, row) in self.2.iter_mut().zip(self.0.chunks_exact(self.1)) {
                *length = dot(row, row).sqrt();
            }
        }
    }
    dispatch(Lengths(rows, d, lengths));
}

/// The length of one vector.
pub(crate) fn length_of(row: &[f32]) -> f64 {
    let mut length = [0.0];
    if !row.is_empty() {
        lengths_of(row, row.len(), &mut length);
    }
    length[0]
}

/// The cosine that a dot product comes to, rounded to what users see. A vector without a direction, which is all zeros
/// or (in a file that was mapped unchecked) not finite, is as similar as a right angle.
#[inline(always)]
pub(crate) fn cosine(dot: f64, length: f64, other_length: f64) -> f32 {
    let cosine = dot / (length * other_length);
    if cosine.is_finite() {
        // Rounding can go beyond 1; and -0 becomes 0, so that equal numbers sort as equal.
        cosine.clamp(-1.0, 1.0) as f32 + 0.0
    } else {
        0.0
    }
}
