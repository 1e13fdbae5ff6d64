//! Memory that several tasks write at once, each its own part, and buffers that are used again.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// Products and sums for which another thread is woken: less than that, and a request stays on the thread that makes it, so
/// that many threads may each make their own.
const PAYS: usize = 1 << 19;

/// How many products a number costs that is read and written and little else.
pub(crate) const UNLIKE_PRODUCTS: usize = 16;

/// How many tasks of `work` products and sums each a thread takes at least.
pub(crate) fn at_least(work: usize) -> usize {
    PAYS.div_ceil(work.max(1))
}

/// A slice that tasks write in parts that never overlap.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a, T = f32> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

/// A result that tasks write in parts that never overlap, and nobody has written before.
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
    /// If they do not lie within the slice.
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

impl<'a> Unwritten<'a> {
    /// A result in the place of floats that are there already.
    ///
    /// # Safety
    ///
    /// - Only floats are written to its parts, nothing uninitialised.
    pub(crate) unsafe fn over(floats: &'a mut [f32]) -> Self {
        Self { start: floats.as_mut_ptr().cast(), len: floats.len(), slice: PhantomData }
    }
}

/// How many numbers there are of these dimensions. A place of one of them, as a sum of products of these dimensions,
/// does not overflow either.
///
/// # Panics
///
/// If a `usize` does not hold it.
pub(crate) fn count<const N: usize>(dims: [usize; N]) -> usize {
    let count = dims.into_iter().try_fold(1, usize::checked_mul);
    count.unwrap_or_else(|| panic!("{dims:?} numbers are more than a memory can hold"))
}

/// # Panics
///
/// If there are not as many numbers as of these dimensions.
pub(crate) fn assert_holds<const N: usize>(what: &str, numbers: &[f32], dims: [usize; N]) {
    let found = numbers.len();
    assert_eq!(found, count(dims), "the {what} must hold {dims:?} numbers, but holds {found}");
}

/// A vector of as many floats as of these dimensions, which `fill` writes: large results are not filled with zeros
/// first, which would cost one core a pass over them.
///
/// # Safety
///
/// - `fill` writes every float of its slice.
pub(crate) unsafe fn filled<const N: usize>(dims: [usize; N], fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let len = count(dims);
    let mut out = Vec::with_capacity(len);
    fill(&mut out.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is not below `len`, and `fill` has written as many floats, as the caller promises.
    unsafe { out.set_len(len) };
    out
}

/// Buffers that were given back, the next call's to take: fresh memory of this size costs a page
/// fault every 4 KiB, which is a large part of a training step.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
/// Floats that wait at most: a gigabyte.
const MOST_FREE: usize = 1 << 28;
/// Smaller buffers come from the allocator.
const LEAST: usize = 1 << 14;

/// A buffer of floats from the pool, which holds anything at first.
#[derive(Debug)]
pub(crate) struct Scratch {
    data: Vec<f32>,
    len: usize,
}

impl Scratch {
    /// A buffer of `len` floats with unspecified contents.
    pub(crate) fn new(len: usize) -> Self {
        if len >= LEAST
            && let Ok(mut free) = FREE.lock()
            // The smallest that is large enough, unless it is far too large.
            && let Some(place) = (0..free.len())
                .filter(|&n| free[n].len() >= len && free[n].len() / 2 <= len)
                .min_by_key(|&n| free[n].len())
        {
            return Self { data: free.remove(place), len };
        }
        Self { data: vec![0.0; len], len }
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
        &self.data[..self.len]
    }
}

impl std::ops::DerefMut for Scratch {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[..self.len]
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
