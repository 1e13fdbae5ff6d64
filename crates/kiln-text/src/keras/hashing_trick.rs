//! [`HashingTrick`]: words to ids without a vocabulary, like Keras's `hashing_trick` with MD5. Python's own `hash` is
//! not supported, because it differs from process to process.

use md5::{Digest, Md5};

use kiln_base::OptionError;

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result};
use crate::tokens::splitter::Splitter;

/// Gives every word an id from 1 to `buckets - 1`: the MD5 of its UTF-8 bytes, read as one big number, modulo
/// `buckets - 1`, plus 1. Different words can share an id; 0 is reserved.
///
/// `HashingTrick::new(n)?.encode(text)` is Keras's `hashing_trick(text, n, hash_function="md5")`. Texts are split by
/// its defaults: lower case, [`DEFAULT_FILTERS`](crate::tokens::DEFAULT_FILTERS), spaces.
///
/// ```
/// use kiln_text::encoders::Encoder;
/// use kiln_text::keras::HashingTrick;
///
/// assert_eq!(HashingTrick::new(1000)?.encode("The cat sat on the mat."), [132, 759, 622, 379, 132, 962]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HashingTrick {
    buckets: u32,
    splitter: Splitter,
}

impl HashingTrick {
    /// An encoding into ids below `buckets`.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for fewer than 2 buckets, [`Error::TooLarge`] for more than a `u32` can count.
    pub fn new(buckets: usize) -> Result<Self> {
        let expected = "2 or more: 0 is reserved, and words get 1 to n - 1";
        OptionError::unless(buckets > 1, "buckets", expected, buckets)?;
        let too_large = |_| Error::TooLarge { what: "a hash", rows: 1, columns: buckets };
        Ok(Self { buckets: u32::try_from(buckets).map_err(too_large)?, splitter: Splitter::default() })
    }

    /// The id of one word, which is not lower-cased and not split.
    pub fn word(&self, word: &str) -> u32 {
        let hash = u128::from_be_bytes(Md5::digest(word.as_bytes()).into());
        (hash % u128::from(self.buckets - 1)) as u32 + 1
    }
}

impl Encoder for HashingTrick {
    /// The ids of a text's words.
    fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 6 + 1);
        self.splitter.each(&mut String::new(), text, |word| ids.push(self.word(word)));
        ids
    }

    /// How many rows an embedding needs: the number of buckets.
    fn vocab_size(&self) -> usize {
        self.buckets as usize
    }
}
