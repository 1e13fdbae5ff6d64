//! The inner loops: dot products in 64 bits, and lengths. Plain loops over fixed lanes, compiled for each instruction
//! set by way of pulp.
//!
//! The product of two 32-bit floats is exact in 64 bits, and the lanes are added in one order whatever the machine's
//! vectors hold. So a similarity has the same bits on every machine, by every way of searching, and for any number of
//! threads.

/// Sums kept side by side: enough to hide how long an addition takes.
const LANES: usize = 16;

/// Functions that are compiled for each instruction set, and run with the best of this machine. Everything below them
/// must be `#[inline(always)]`, or it is compiled for the least machine.
macro_rules! dispatched {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident<$life:lifetime>($($x:ident: $t:ty),* $(,)?) -> $out:ty $body:block)*) => { $(
        $(#[$meta])*
        $vis fn $name<$life>($($x: $t),*) -> $out {
            struct Op<$life>($($t),*);
            impl<$life> pulp::WithSimd for Op<$life> {
                type Output = $out;
                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _simd: S) -> $out {
                    let Self($($x),*) = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Op($($x),*))
        }
    )* };
}
pub(crate) use dispatched;

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

dispatched! {
    /// The dot product of two vectors.
    pub(crate) fn dot_of<'a>(a: &'a [f32], b: &'a [f32]) -> f64 {
        dot(a, b)
    }

    /// The length of each row of width `d`, into `lengths`.
    pub(crate) fn lengths_of<'a>(rows: &'a [f32], d: usize, lengths: &'a mut [f64]) -> () {
        for (length, row) in lengths.iter_mut().zip(rows.chunks_exact(d)) {
            *length = dot(row, row).sqrt();
        }
    }
}

/// The length of one vector.
pub(crate) fn length_of(row: &[f32]) -> f64 {
    dot_of(row, row).sqrt()
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
