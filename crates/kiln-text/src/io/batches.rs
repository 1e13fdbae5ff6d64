//! Passes over texts that need not all be in memory: the texts come from their iterator in batches of a few megabytes,
//! and while one batch is processed, the next is read.

use crate::error::Result;
use crate::io::text::Text;

/// A batch ends at this many texts or bytes, whichever comes first.
const BATCH_TEXTS: usize = 8192;
const BATCH_BYTES: usize = 8 << 20;

/// Batches of texts that are in memory anyway are larger by this factor, so that the cost of starting a batch (threads,
/// caches) occurs less often.
const BORROWED: usize = 4;

/// Whether this many texts with this many bytes are a full batch; `Held` is the type that holds a text.
pub(crate) const fn is_full<Held>(texts: usize, bytes: usize) -> bool {
    let factor = if std::mem::needs_drop::<Held>() { 1 } else { BORROWED };
    texts >= BATCH_TEXTS * factor || bytes >= BATCH_BYTES * factor
}

/// Puts the next texts into `batch`; returns whether there may be more.
pub(crate) fn fill<T: Text>(texts: &mut impl Iterator<Item = T>, batch: &mut Vec<T::Held>) -> Result<bool> {
    batch.clear();
    let mut bytes = 0;
    while !is_full::<T::Held>(batch.len(), bytes) {
        let Some(text) = texts.next() else { return Ok(false) };
        let text = text.text()?;
        bytes += text.as_ref().len();
        batch.push(text);
    }
    Ok(true)
}

/// Calls `work` with every batch and the number of texts before it. `work` spreads a batch over the threads itself.
/// Returns how many texts there were.
///
/// # Errors
///
/// The first error among the texts, after the work on those before its batch; or the error of `work`.
pub(crate) fn in_batches<T: Text>(
    texts: impl IntoIterator<Item = T>,
    mut work: impl FnMut(u64, &[T::Held]) -> Result<()> + Send,
) -> Result<u64> {
    let mut texts = texts.into_iter();
    let (mut batch, mut next) = (Vec::new(), Vec::new());
    let mut before = 0;
    let mut more = fill(&mut texts, &mut batch)?;
    while more {
        let mut worked = Ok(());
        // The texts stay on this thread, because their iterator may be bound to it.
        let read = rayon::in_place_scope(|scope| {
            scope.spawn(|_| worked = work(before, &batch));
            fill(&mut texts, &mut next)
        });
        worked?;
        before += batch.len() as u64;
        more = read?;
        std::mem::swap(&mut batch, &mut next);
    }
    if !batch.is_empty() {
        work(before, &batch)?;
    }
    Ok(before + batch.len() as u64)
}
