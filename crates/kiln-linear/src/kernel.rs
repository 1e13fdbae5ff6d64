//! The inner loops: sums of rows and dot products. Plain loops over fixed lanes, which pulp compiles for each
//! instruction set.

/// Sums kept in parallel: enough to hide the latency of an addition.
const LANES: usize = 16;

/// `to += scale * from`
#[inline(always)]
pub(crate) fn axpy(scale: f32, from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

/// `to += from`
#[inline(always)]
pub(crate) fn add(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// The dot product of two rows.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Prefetches a row that is needed soon.
#[inline(always)]
pub(crate) fn prefetch(row: &[f32]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in row.chunks(16) {
        // SAFETY: a prefetch is a hint about an address, and reads and changes nothing.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = row;
}
