//! [`ImdbIds`]: the ids of `keras.datasets.imdb.load_data`, as an encoding over any fitted tokenizer. The reviews
//! themselves are in `imdb.rs`; Keras's copy of them is shuffled and already encoded.

use serde::Deserialize;

use kiln_base::OptionError;

use crate::encoders::encoder::Encoder;
use crate::encoders::word_tokenizer::WordTokenizer;
use crate::error::{Error, Result};
use crate::io::json_file::{VERSION, read_config};
use crate::io::saved::Saved;
use crate::keras::tokenizer_json::KerasTokenizer;

/// The class name in the file.
pub(crate) const CLASS_NAME: &str = "ImdbIds";

/// What unknown words decode to; Keras's own examples print the same.
const UNKNOWN_TEXT: &str = "?";

/// The ids of `keras.datasets.imdb` with its defaults: 0 is padding, 1 starts every text, 2 is any unknown word, 3 is
/// unused, and a word that the tokenizer numbers `r` has id `r + 3`.
///
/// `num_words` is compared with the shifted id, as in Keras: 10,000 keeps the ids 4 to 9,999, which is 9,996 words; all
/// others become 2. The tokenizer's own `num_words` is ignored.
///
/// # Examples
///
/// ```
/// use kiln_text::encoders::{Encoder, ImdbIds, WordTokenizer};
///
/// let tokenizer = WordTokenizer::builder().fit(["a good film", "a bad film", "a film"])?;
/// let ids = ImdbIds::new(tokenizer, 7)?;
/// assert_eq!(ids.encode("A good, good film!"), [1, 4, 6, 6, 5]);
/// assert_eq!(ids.encode("a bad idea"), [1, 4, 2, 2]);
/// assert_eq!(ids.decode(&[0, 0, 1, 4, 2, 5]), "a ? film");
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ImdbIds {
    tokenizer: WordTokenizer,
    num_words: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    num_words: usize,
    tokenizer: KerasTokenizer,
}

impl ImdbIds {
    /// The id of padding.
    const PADDING: u32 = 0;
    /// The id that starts every text (Keras's `start_char`).
    const START: u32 = 1;
    /// The id of every word that is unknown or beyond `num_words` (Keras's `oov_char`).
    const UNKNOWN: u32 = 2;
    /// What is added to a word's rank (Keras's `index_from`): the most frequent word has id 4.
    const INDEX_FROM: u32 = 3;

    /// An encoding over a fitted tokenizer.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] if `num_words` is below 5 and so keeps no word, [`Error::ImdbOovToken`] if the tokenizer has
    /// an `oov_token`, [`Error::EmptyCorpus`] if it was never fitted.
    pub fn new(tokenizer: WordTokenizer, num_words: usize) -> Result<Self> {
        let expected = "5 or more for the ids of keras.datasets.imdb: 0 is padding, 1 start, 2 unknown, 3 unused, and words \
                        have the ids from 4 to num_words - 1";
        OptionError::unless(num_words >= 5, "num_words", expected, num_words)?;
        if let Some(token) = tokenizer.oov_token() {
            return Err(Error::ImdbOovToken { token: token.to_owned() });
        }
        if tokenizer.words().len() == 0 {
            return Err(Error::EmptyCorpus { documents: tokenizer.document_count() });
        }
        Ok(Self { tokenizer, num_words })
    }

    fn id(&self, word: &str) -> u32 {
        let shifted = self.tokenizer.word_index(word).and_then(|rank| rank.checked_add(Self::INDEX_FROM));
        shifted.filter(|&id| (id as usize) < self.num_words).unwrap_or(Self::UNKNOWN)
    }

    /// The words of ids, joined by spaces. Padding and the id that starts a text are skipped; ids without a word decode
    /// to `?`.
    pub fn decode(&self, ids: &[u32]) -> String {
        let texts: Vec<&str> = ids
            .iter()
            .filter(|&&id| id != Self::PADDING && id != Self::START)
            .map(|&id| self.word(id).unwrap_or(UNKNOWN_TEXT))
            .collect();
        texts.join(" ")
    }

    fn word(&self, id: u32) -> Option<&str> {
        let rank = id.checked_sub(Self::INDEX_FROM)?;
        self.tokenizer.index_word(rank).filter(|_| (id as usize) < self.num_words)
    }

    /// The limit on ids.
    pub fn num_words(&self) -> usize {
        self.num_words
    }

    /// The tokenizer that splits texts and ranks words.
    pub fn tokenizer(&self) -> &WordTokenizer {
        &self.tokenizer
    }
}

impl Saved for ImdbIds {
    /// A JSON object with `"class_name": "ImdbIds"`, a format version, and the tokenizer in Keras's format.
    fn to_json(&self) -> String {
        format!(
            "{{\"class_name\": \"{CLASS_NAME}\", \"version\": {VERSION}, \"config\": {{\"num_words\": {}, \"tokenizer\": {}}}}}",
            self.num_words,
            self.tokenizer.to_json()
        )
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Saved::from_json`] and of [`new`](Self::new).
    fn from_json(json: &str) -> Result<Self> {
        let Config { num_words, tokenizer } = read_config(json, CLASS_NAME)?;
        Self::new(tokenizer.into_tokenizer()?, num_words)
    }
}

impl Encoder for ImdbIds {
    /// The ids of a text: 1, which starts every text, then one id per word.
    fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 6 + 2);
        ids.push(Self::START);
        self.tokenizer.each_word(text, |word| ids.push(self.id(word)));
        ids
    }

    /// How many rows an embedding needs: `num_words` or the number of words + 4, whichever is smaller.
    fn vocab_size(&self) -> usize {
        self.num_words.min(self.tokenizer.words().len() + 1 + Self::INDEX_FROM as usize)
    }
}
