//! Memory that several tasks write at once, each its own part, and buffers that are used again.

use std::marker::PhantomData;
use std::sync::Mutex;

/// A slice that tasks write in parts that never overlap.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: every access goes through `part`, whose callers promise disjoint parts.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The floats from `at` on.
    ///
    /// # Safety
    ///
    /// While the part lives, no other task reads or writes any of it.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // that is what this type is for; see its contract
    pub(crate) unsafe fn part(&self, at: usize, len: usize) -> &mut [f32] {
        assert!(at + len <= self.len, "a part of {len} floats at {at} of {}", self.len);
        // SAFETY: in bounds by the assertion, unshared by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

/// A vector of `len` floats that `fill` writes: large results are not filled with zeros first, which
/// would cost one core a pass over them.
///
/// # Safety
///
/// `fill` writes every float of its slice before it, or anything else, reads it.
pub(crate) unsafe fn filled(len: usize, fill: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut out = Vec::with_capacity(len);
    // SAFETY: the allocation holds `len` floats that nothing else knows of. They are not initialised,
    // which a slice ought to be; it is sound as far as none is read before it is written, which the
    // caller promises, since a float has no invalid bits and dropping one reads nothing.
    fill(unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr(), len) });
    // SAFETY: `fill` has written them all.
    unsafe { out.set_len(len) };
    out
}

/// Buffers that were given back, the next call's to take: fresh memory of this size costs a page
/// fault every 4 KiB, which is a large part of a training step.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
/// Floats that wait at most: a gigabyte.
const MOST_FREE: usize = 1 << 28;
/// Smaller buffers are the allocator's business.
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
