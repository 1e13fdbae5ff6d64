//! [`Encoder`]: the trait of all encodings from text to ids. The encodings are in the files next to this one.

use std::vec;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::io::batches::{fill, in_batches};
use crate::io::text::Text;

/// Turns texts into ids below [`vocab_size`](Self::vocab_size). Id 0 is padding, and no word gets it.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::Encoder;
///
/// /// The bytes of a text, each plus one.
/// struct Bytes;
///
/// impl Encoder for Bytes {
///     fn encode(&self, text: &str) -> Vec<u32> {
///         text.bytes().map(|byte| u32::from(byte) + 1).collect()
///     }
///
///     fn vocab_size(&self) -> usize {
///         257
///     }
/// }
///
/// assert_eq!(Bytes.encode_batch(&["ab", ""]), [vec![98, 99], vec![]]);
/// ```
pub trait Encoder: Send + Sync {
    /// The ids of one text; empty if none of its words is known and unknown words are dropped.
    fn encode(&self, text: &str) -> Vec<u32>;

    /// How many rows an embedding needs: one more than the highest id.
    fn vocab_size(&self) -> usize;

    /// The ids of many texts, on all threads; the same as encoding one by one.
    fn encode_batch(&self, texts: &[&str]) -> Vec<Vec<u32>> {
        texts.par_iter().with_min_len(16).map(|text| self.encode(text)).collect()
    }

    /// The same for encodings that can refuse a text, as the rules of a `tokenizer.json` can. Everything in Kiln that
    /// reads many texts uses this method.
    ///
    /// # Errors
    ///
    /// The error of the first text that is refused. Only `SubwordTokenizer` refuses texts.
    fn try_encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        Ok(self.encode_batch(texts))
    }

    /// The ids of all texts, on all threads. The texts need not all be in memory; the ids are.
    ///
    /// # Errors
    ///
    /// The first error among the texts.
    fn encode_all(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<Vec<Vec<u32>>>
    where
        Self: Sized,
    {
        let mut all = Vec::new();
        in_batches(texts, |_, texts| {
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            all.extend(self.try_encode_batch(&texts)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The ids of one text after another, encoded on all threads in batches of a few megabytes: neither all texts nor
    /// all ids need be in memory. An error among the texts comes in its place.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("lines.txt");
    /// # std::fs::write(&path, "to be\nor not to be\n").unwrap();
    /// use kiln_text::corpora::LineCorpus;
    /// use kiln_text::encoders::{Encoder, WordTokenizer};
    ///
    /// let lines = LineCorpus::new([path]);
    /// let tokenizer = WordTokenizer::builder().fit(lines.documents()?)?;
    /// let ids: Vec<Vec<u32>> = tokenizer.encode_stream(lines.documents()?).collect::<Result<_, _>>()?;
    /// assert_eq!(ids, [vec![1, 2], vec![3, 4, 1, 2]]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    fn encode_stream<I: IntoIterator<Item: Text>>(&self, texts: I) -> impl Iterator<Item = Result<Vec<u32>>>
    where
        Self: Sized,
    {
        EncodedStream { encoder: self, texts: texts.into_iter(), ready: Vec::new().into_iter(), error: None }
    }
}

/// The ids of texts, computed batch by batch.
struct EncodedStream<'e, E, I> {
    encoder: &'e E,
    texts: I,
    /// The ids that have not been returned yet, and the error that follows them, if any.
    ready: vec::IntoIter<Vec<u32>>,
    error: Option<Error>,
}

impl<E: Encoder, I: Iterator<Item: Text>> Iterator for EncodedStream<'_, E, I> {
    type Item = Result<Vec<u32>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ids) = self.ready.next() {
                return Some(Ok(ids));
            }
            if let Some(error) = self.error.take() {
                return Some(Err(error));
            }
            let mut batch = Vec::new();
            self.error = fill(&mut self.texts, &mut batch).err();
            if batch.is_empty() && self.error.is_none() {
                return None;
            }
            let texts: Vec<&str> = batch.iter().map(AsRef::as_ref).collect();
            match self.encoder.try_encode_batch(&texts) {
                Ok(ids) => self.ready = ids.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
