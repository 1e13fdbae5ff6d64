//! [`observed`]: reports the progress of a pass over texts, and can stop it.

use std::iter::Fuse;
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::io::batches::is_full;
use crate::io::text::Text;

/// The progress of a pass over texts. The callback that receives it decides whether to continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextProgress {
    /// How many documents were read, not counting bad rows.
    pub documents: u64,
    /// How many bytes were read: of text for texts from memory, of files on the disk for texts from files.
    pub bytes: u64,
    /// How many bytes there are in total, if known.
    pub total_bytes: Option<u64>,
}

/// The same texts, with a call of `observe` after every 8,192 texts or 8 MB, and after the last text. If it breaks,
/// [`Error::Stopped`] is the last item, which ends a pass over them.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use kiln_text::Error;
/// use kiln_text::encoders::WordTokenizer;
/// use kiln_text::io::{TextProgress, observed};
///
/// let texts = observed(["to be", "or not to be"], |progress: TextProgress| {
///     eprintln!("{} texts, {} bytes", progress.documents, progress.bytes);
///     ControlFlow::Continue(())
/// });
/// let tokenizer = WordTokenizer::builder().fit(texts)?;
/// assert_eq!(tokenizer.words().collect::<Vec<_>>(), ["to", "be", "or", "not"]);
///
/// let stopped = WordTokenizer::builder().fit(observed(["a b", "b"], |_| ControlFlow::Break(())));
/// assert!(matches!(stopped, Err(Error::Stopped { documents: 2 })));
/// # Ok::<(), Error>(())
/// ```
pub fn observed<I: IntoIterator<Item: Text>, F: FnMut(TextProgress) -> ControlFlow<()>>(
    texts: I,
    observe: F,
) -> impl Iterator<Item = Result<<I::Item as Text>::Held>> {
    let (progress, since) = (TextProgress::default(), TextProgress::default());
    Observed { texts: texts.into_iter().fuse(), observe, progress, since, stopped: false }
}

/// Texts with an observer.
struct Observed<I, F> {
    texts: Fuse<I>,
    observe: F,
    progress: TextProgress,
    /// The progress at the last call.
    since: TextProgress,
    stopped: bool,
}

impl<I: Iterator<Item: Text>, F: FnMut(TextProgress) -> ControlFlow<()>> Iterator for Observed<I, F> {
    type Item = Result<<I::Item as Text>::Held>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        // A call comes before the text after it, so that a pass has processed all texts that it reports.
        let Self { progress, since, .. } = *self;
        let (texts, bytes) = (progress.documents - since.documents, progress.bytes - since.bytes);
        let next = if is_full::<String>(texts as usize, bytes as usize) { None } else { self.texts.next() };
        match next {
            Some(text) => Some(text.text().inspect(|text| {
                self.progress.documents += 1;
                self.progress.bytes += text.as_ref().len() as u64;
            })),
            None if texts == 0 => None,
            None => {
                self.since = progress;
                self.stopped = (self.observe)(progress).is_break();
                match self.stopped {
                    true => Some(Err(Error::Stopped { documents: progress.documents })),
                    false => self.next(),
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.texts.size_hint().1.map(|most| most.saturating_add(1)))
    }
}
