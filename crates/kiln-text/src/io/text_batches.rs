//! Passes over texts that need not all be in memory: they come from their iterator in batches of a few megabytes, and
//! while one is worked on, the next is read. Leaves out the work.

use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::io::progress::Progress;

/// A batch ends at this many texts or bytes, whichever comes first.
const BATCH_TEXTS: usize = 8192;
const BATCH_BYTES: usize = 8 << 20;

/// Puts the next texts into `batch`; says how many bytes they have.
pub(crate) fn fill<T: AsRef<str>>(
    texts: &mut impl Iterator<Item = Result<T>>,
    batch: &mut Vec<T>,
) -> (usize, Result<()>) {
    batch.clear();
    let mut bytes = 0;
    while batch.len() < BATCH_TEXTS && bytes < BATCH_BYTES {
        match texts.next() {
            Some(Ok(text)) => {
                bytes += text.as_ref().len();
                batch.push(text);
            }
            Some(Err(error)) => return (bytes, Err(error)),
            None => break,
        }
    }
    (bytes, Ok(()))
}

/// Calls `work` with every batch and how many texts came before it, and `observe` behind each. `work` spreads a batch
/// over the threads by itself. Says how many texts there were.
///
/// # Errors
///
/// The first error among the texts, after the work on those before its batch; the work's own; [`Error::Stopped`] where
/// `observe` says so.
pub(crate) fn in_batches<T: AsRef<str> + Sync>(
    texts: impl IntoIterator<Item = Result<T>>,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    mut work: impl FnMut(u64, &[T]) -> Result<()> + Send,
) -> Result<u64> {
    let mut texts = texts.into_iter();
    let mut progress = Progress::default();
    let (mut batch, mut next) = (Vec::new(), Vec::new());
    let (mut bytes, read) = fill(&mut texts, &mut batch);
    read?;
    while !batch.is_empty() {
        let mut worked = Ok(());
        // The texts stay on this thread: their iterator may be bound to it.
        let (next_bytes, read) = rayon::in_place_scope(|scope| {
            scope.spawn(|_| worked = work(progress.documents, &batch));
            fill(&mut texts, &mut next)
        });
        worked?;
        progress.documents += batch.len() as u64;
        progress.bytes += bytes as u64;
        if observe(progress).is_break() {
            return Err(Error::Stopped { documents: progress.documents });
        }
        read?;
        bytes = next_bytes;
        std::mem::swap(&mut batch, &mut next);
    }
    Ok(progress.documents)
}

/// For passes that nobody watches.
pub(crate) fn unobserved(_progress: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
