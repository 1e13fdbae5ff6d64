//! The inner loops: dot products in 64 bits, and lengths. They are plain loops over fixed lanes, which pulp compiles
//! for each instruction set.
//!
//! The product of two 32-bit floats is exact in 64 bits, and the lanes are added in the same order for any width of the
//! machine's vectors. So a similarity has the same bits on every machine, with every way of searching, and for any
//! number of threads.

/// Sums that are kept at the same time: enough to hide the latency of an addition.
const LANES: usize = 16;

/// Functions that are compiled for each instruction set and run with the best one of this machine. Everything that they
/// call must be `#[inline(always)]`, or it is compiled for the baseline.
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

/// The dot product of a row and another vector, in 32 or 64 bits.
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

/// Adds the lanes by halves, an order that vectors of any width can follow.
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

    /// Writes the length of each row of width `d` into `lengths`.
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

/// The cosine for a dot product, rounded to what users see. It is 0 for a vector without a direction, which is all
/// zeros or (in a file that was mapped unchecked) not finite.
#[inline(always)]
pub(crate) fn cosine(dot: f64, length: f64, other_length: f64) -> f32 {
    let cosine = dot / (length * other_length);
    if cosine.is_finite() {
        // Rounding can go beyond 1; and adding 0 turns -0 into 0, so that equal numbers sort as equal.
        cosine.clamp(-1.0, 1.0) as f32 + 0.0
    } else {
        0.0
    }
}
