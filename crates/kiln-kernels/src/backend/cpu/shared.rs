//! Memory that several tasks write at once, each its own part, and buffers that are reused.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// The products and sums that make it worth waking another thread. With less work a request stays on its own thread, so
/// that many threads can each make requests.
const PAYS: usize = 1 << 19;

/// The cost in products of a number that is only read and written.
pub(crate) const UNLIKE_PRODUCTS: usize = 16;

/// The fewest tasks per thread, for tasks of `work` products and sums each.
pub(crate) fn at_least(work: usize) -> usize {
    PAYS.div_ceil(work.max(1))
}

/// A slice that tasks write in disjoint parts.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a, T = f32> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

/// An unwritten result that tasks write in disjoint parts.
pub(crate) type Unwritten<'a> = Shared<'a, MaybeUninit<f32>>;

// SAFETY: every access goes through `part`, whose callers promise disjoint parts.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The `len` numbers from `at` on.
    ///
    /// # Panics
    ///
    /// If they are not all within the slice.
    ///
    /// # Safety
    ///
    /// - While the part lives, no other task reads or writes any of it.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // that is what this type is for; see its contract
    pub(crate) unsafe fn part(&self, at: usize, len: usize) -> &mut [T] {
        assert!(at <= self.len && len <= self.len - at, "a part of {len} numbers at {at} of {}", self.len);
        // SAFETY: in bounds by the assertion, unshared by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

impl<T> Shared<'_, T> {
    /// The `len` numbers from `at` on, to read.
    ///
    /// # Panics
    ///
    /// If they do not lie within the slice.
    ///
    /// # Safety
    ///
    /// - While the part lives, nothing writes any of it.
    #[inline(always)]
    pub(crate) unsafe fn read(&self, at: usize, len: usize) -> &[T] {
        assert!(at <= self.len && len <= self.len - at, "a part of {len} numbers at {at} of {}", self.len);
        // SAFETY: in bounds by the assertion, unwritten by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(at), len) }
    }

    /// Asks for number `at` to be brought into the second cache. Reads nothing, so `at` may lie anywhere.
    #[inline(always)]
    pub(crate) fn prefetch(&self, at: usize) {
        prefetch(self.start.wrapping_add(at).cast_const().cast());
    }

    /// All numbers, to read.
    ///
    /// # Safety
    ///
    /// - While the slice lives, nothing writes any of it.
    #[inline(always)]
    pub(crate) unsafe fn all(&self) -> &[T] {
        // SAFETY: unwritten by the caller's promise.
        unsafe { self.read(0, self.len) }
    }
}

impl<'a> Unwritten<'a> {
    /// A result that overwrites existing floats.
    ///
    /// # Safety
    ///
    /// - Only floats are written to its parts, nothing uninitialised.
    pub(crate) unsafe fn over(floats: &'a mut [f32]) -> Self {
        Self { start: floats.as_mut_ptr().cast(), len: floats.len(), slice: PhantomData }
    }
}

/// Asks for the memory at `place`, which may be anywhere, to be brought into the second cache.
#[inline(always)]
pub(crate) fn prefetch(place: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing; every x86-64 processor has it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// The product of these dimensions. An index, as a sum of products of these dimensions, does not overflow either.
///
/// # Panics
///
/// If it does not fit a `usize`.
pub(crate) fn count<const N: usize>(dims: [usize; N]) -> usize {
    let count = dims.into_iter().try_fold(1, usize::checked_mul);
    count.unwrap_or_else(|| panic!("{dims:?} numbers are more than a memory can hold"))
}

/// # Panics
///
/// If the number of numbers is not the product of these dimensions.
pub(crate) fn assert_holds<const N: usize>(what: &str, numbers: &[f32], dims: [usize; N]) {
    let found = numbers.len();
    assert_eq!(found, count(dims), "the {what} must hold {dims:?} numbers, but holds {found}");
}

/// A vector with these dimensions, written by `fill`. It is not filled with zeros first, which would cost one core a
/// pass over large results.
///
/// # Safety
///
/// - `fill` writes every float of its slice.
pub(crate) unsafe fn filled<const N: usize>(dims: [usize; N], fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let len = count(dims);
    let mut out = Vec::with_capacity(len);
    fill(&mut out.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least `len`, and `fill` has written `len` floats, as the caller promises.
    unsafe { out.set_len(len) };
    out
}

/// Free buffers for the next calls: fresh memory of this size costs a page fault every 4 KiB, which is a large part of
/// a training step.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
/// The most floats in free buffers: a gigabyte.
const MOST_FREE: usize = 1 << 28;
/// Smaller buffers come from the allocator.
const LEAST: usize = 1 << 14;
/// Floats of a line of the caches, at which a buffer begins: a vector that lies in two lines is read twice.
const ALIGNED: usize = 16;

/// A buffer of floats from the pool, with unspecified contents at first.
#[derive(Debug)]
pub(crate) struct Scratch {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Scratch {
    /// A buffer of `len` floats with unspecified contents.
    pub(crate) fn new(len: usize) -> Self {
        let all = len + ALIGNED;
        if all >= LEAST
            && let Ok(mut free) = FREE.lock()
            // The smallest that is large enough, unless it is far too large.
            && let Some(place) = (0..free.len())
                .filter(|&n| free[n].len() >= all && free[n].len() / 2 <= all)
                .min_by_key(|&n| free[n].len())
        {
            return Self::of(free.remove(place), len);
        }
        Self::of(vec![0.0; all], len)
    }

    /// The first `len` floats from the first aligned place on.
    fn of(data: Vec<f32>, len: usize) -> Self {
        let start = data.as_ptr().align_offset(ALIGNED * size_of::<f32>()).min(ALIGNED);
        Self { data, start, len }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.data.len() >= LEAST
            && let Ok(mut free) = FREE.lock()
        {
            free.push(std::mem::take(&mut self.data));
            // The oldest go first.
            let mut waiting: usize = free.iter().map(Vec::len).sum();
            while waiting > MOST_FREE {
                waiting -= free.remove(0).len();
            }
        }
    }
}

impl std::ops::Deref for Scratch {
    type Target = [f32];
    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Scratch {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a part of 2 numbers at 18446744073709551615 of 4")]
    #[cfg(target_pointer_width = "64")]
    fn a_part_whose_end_overflows_is_refused() {
        let mut floats = [0.0; 4];
        let shared = Shared::new(&mut floats);
        // SAFETY: there is no other task.
        let _ = unsafe { shared.part(usize::MAX, 2) };
    }

    #[test]
    #[should_panic(expected = "numbers are more than a memory can hold")]
    fn a_result_whose_size_overflows_is_refused() {
        // SAFETY: `fill` is not called.
        let _ = unsafe { filled([usize::MAX / 2, 3], |_| ()) };
    }

    #[test]
    #[should_panic(expected = "the bias must hold [2, 3] numbers, but holds 5")]
    fn a_slice_of_the_wrong_length_is_refused() {
        assert_holds("bias", &[0.0; 5], [2, 3]);
    }
}
