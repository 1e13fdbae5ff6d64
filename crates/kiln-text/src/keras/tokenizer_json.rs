//! The JSON of Keras's `Tokenizer.to_json` and `tokenizer_from_json`, and the checks when it is read. Python's spacing
//! and escapes are in `python_json.rs`.
//!
//! Keras encodes the five dictionaries twice: they are JSON texts inside JSON strings. Python's order of `word_docs`
//! and `index_docs` changes from run to run, so a file of Kiln's equals Keras's in meaning, not in bytes. Kiln writes
//! them in the order of `word_counts` and of the ids.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::encoders::word_tokenizer::{OOV_PLACE, WordTokenizer};
use crate::encoders::word_tokenizer_builder::check_limit;
use crate::error::{Error, Result};
use crate::io::json_file::{parse, read_class};
use crate::io::python_json::{push_integer, push_object, push_string, string_or_null};
use crate::io::saved::Saved;
use crate::tokens::analyzer::Analyzer;
use crate::tokens::splitter::Splitter;
use crate::vocabulary::word_table::{Word, WordTable};

/// Keras's class name for its tokenizer.
pub(crate) const CLASS_NAME: &str = "Tokenizer";

/// The largest count accepted from a file: every JSON reader represents it exactly.
const MOST: u64 = 1 << 53;

/// Keras's file.
#[derive(Deserialize)]
pub(crate) struct KerasTokenizer {
    class_name: String,
    config: Config,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    num_words: Option<usize>,
    filters: String,
    lower: bool,
    split: String,
    char_level: bool,
    oov_token: Option<String>,
    document_count: u64,
    word_counts: String,
    word_docs: String,
    index_docs: String,
    index_word: String,
    word_index: String,
    /// Keras does not save its analyzer, so a file that names one cannot be read.
    #[serde(default)]
    analyzer: Option<IgnoredAny>,
    /// Kiln's own key. Its name makes Keras refuse the file instead of splitting in another way.
    #[serde(default)]
    kiln_analyzer: Option<Analyzer>,
}

type Dictionary<V> = IndexMap<Box<str>, V, FxBuildHasher>;

impl KerasTokenizer {
    /// Checks everything that was read and builds the tokenizer.
    pub(crate) fn into_tokenizer(self) -> Result<WordTokenizer> {
        if self.class_name != CLASS_NAME {
            let (expected, found) = (format!("{CLASS_NAME:?}"), format!("{:?}", self.class_name));
            return Err(Error::FileClass { expected, found });
        }
        let config = self.config;
        if config.analyzer.is_some() {
            return Err(field("analyzer", "absent or null", "an analyzer".to_owned()));
        }
        // Keras treats 0 as no limit.
        let num_words = config.num_words.filter(|&limit| limit != 0);
        check_limit("num_words", num_words)?;
        let mut splitter = Splitter::new(config.filters, config.lower, config.split, config.char_level)?;
        if let Some(analyzer) = config.kiln_analyzer {
            splitter = splitter.by_analyzer(analyzer);
        }
        let mut tokenizer = WordTokenizer::unfitted(splitter, num_words, config.oov_token);

        let counts: Dictionary<u64> = dictionary("word_counts", &config.word_counts)?;
        let documents: Dictionary<u64> = dictionary("word_docs", &config.word_docs)?;
        let word_index: Dictionary<u64> = dictionary("word_index", &config.word_index)?;
        let index_word: Dictionary<Box<str>> = dictionary("index_word", &config.index_word)?;
        let index_docs: Dictionary<u64> = dictionary("index_docs", &config.index_docs)?;
        limit("document_count", config.document_count)?;
        if word_index.is_empty() && counts.is_empty() {
            tokenizer.document_count = config.document_count;
            return Ok(tokenizer);
        }

        let oov_token = tokenizer.oov_token.as_deref();
        let mut words = WordTable::default();
        for (text, count) in counts {
            limit("word_counts", count)?;
            if oov_token == Some(&text) {
                return Err(field("word_counts", "words other than the oov_token", format!("{text:?}")));
            }
            words.push(&text, Word { count, documents: 0, index: 0 });
        }
        for (text, documents) in documents {
            limit("word_docs", documents)?;
            let unknown = || field("word_docs", "words of word_counts", format!("{text:?}"));
            words.word_mut(words.find(&text).ok_or_else(unknown)?).documents = documents;
        }

        if word_index.len() > u32::MAX as usize - 2 {
            return Err(field("word_index", "at most 4,294,967,293 words", word_index.len().to_string()));
        }
        let mut order = vec![None; word_index.len()];
        for (text, &index) in &word_index {
            let slot = usize::try_from(index).ok().and_then(|index| order.get_mut(index.checked_sub(1)?));
            let Some(slot @ None) = slot else {
                let found = format!("{index} for {text:?} among {} words", word_index.len());
                return Err(field("word_index", "every id from 1 to the number of words, once each", found));
            };
            *slot = Some(match words.find(text) {
                Some(place) => {
                    words.word_mut(place).index = index as u32;
                    place as u32
                }
                None if oov_token == Some(text) => OOV_PLACE,
                None => {
                    return Err(field("word_index", "words of word_counts or the oov_token", format!("{text:?}")));
                }
            });
            let inverse = index_word.get(index.to_string().as_str());
            if inverse != Some(text) {
                let found = format!("{inverse:?} for {index}, which word_index gives to {text:?}");
                return Err(field("index_word", "the inverse of word_index", found));
            }
        }
        if index_word.len() != word_index.len() {
            let found = format!("{} entries against {}", index_word.len(), word_index.len());
            return Err(field("index_word", "the inverse of word_index", found));
        }
        // There are as many slots as words, and each was filled once, so none is empty.
        let order: Vec<u32> = order.into_iter().flatten().collect();
        if let Some(token) = oov_token.filter(|_| !order.contains(&OOV_PLACE)) {
            return Err(field("word_index", "an id for the oov_token", format!("none for {token:?}")));
        }

        let mut documents_of = vec![0; order.len() + 1];
        for (index, documents) in index_docs {
            limit("index_docs", documents)?;
            let slot = index.parse::<usize>().ok().filter(|&index| index != 0);
            let unknown = || field("index_docs", "ids of word_index", format!("{index:?}"));
            *slot.and_then(|index| documents_of.get_mut(index)).ok_or_else(unknown)? = documents;
        }
        Ok(tokenizer.with_counts(config.document_count, words, order, documents_of))
    }
}

fn dictionary<V: DeserializeOwned>(part: &'static str, json: &str) -> Result<Dictionary<V>> {
    parse(json, CLASS_NAME, part)
}

fn field(field: &'static str, expected: &'static str, found: String) -> Error {
    Error::FileField { class_name: CLASS_NAME, field, expected, found }
}

fn limit(name: &'static str, count: u64) -> Result<()> {
    if count > MOST { Err(field(name, "counts of at most 2^53", count.to_string())) } else { Ok(()) }
}

impl Saved for WordTokenizer {
    /// The JSON that Keras's `tokenizer_from_json` reads. A tokenizer with an [`Analyzer`] adds it as `kiln_analyzer`,
    /// and Keras then refuses the file.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::encoders::WordTokenizer;
    /// use kiln_text::io::Saved;
    ///
    /// let tokenizer = WordTokenizer::builder().fit(["déjà vu"])?;
    /// let json = tokenizer.to_json();
    /// assert!(json.starts_with(r#"{"class_name": "Tokenizer", "config": {"num_words": null, "#));
    /// assert_eq!(WordTokenizer::from_json(&json)?, tokenizer);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    fn to_json(&self) -> String {
        let num_words = self.num_words.map_or_else(|| "null".to_owned(), |limit| limit.to_string());
        let [filters, split] = [self.splitter.filters(), self.splitter.split()].map(|text| string_or_null(Some(text)));
        let (lower, char_level) = (self.splitter.lower(), self.splitter.char_level());
        let oov_token = string_or_null(self.oov_token());
        let mut out = format!(
            "{{\"class_name\": \"Tokenizer\", \"config\": {{\"num_words\": {num_words}, \"filters\": {filters}, \
             \"lower\": {lower}, \"split\": {split}, \"char_level\": {char_level}, \"oov_token\": {oov_token}"
        );
        // An analyzer always serialises: the only keys of its maps are field names.
        if let Some(analyzer) = self.splitter.analyzer().and_then(|analyzer| serde_json::to_string(analyzer).ok()) {
            out.push_str(", \"kiln_analyzer\": ");
            out.push_str(&analyzer);
        }
        out.push_str(", \"document_count\": ");
        push_integer(&mut out, self.document_count);

        let indices = || 1..=self.words().len() as u64;
        let mut member = |name: &str, write: &dyn Fn(&mut String)| {
            let mut dictionary = String::new();
            write(&mut dictionary);
            out.push_str(", \"");
            out.push_str(name);
            out.push_str("\": ");
            push_string(&mut out, &dictionary);
        };
        member("word_counts", &|out| {
            push_object(out, self.words.iter().map(|(text, word)| (text, word.count)), push_integer);
        });
        member("word_docs", &|out| {
            push_object(out, self.words.iter().map(|(text, word)| (text, word.documents)), push_integer);
        });
        member("index_docs", &|out| {
            let seen = self.index_docs.iter().enumerate().filter(|(_, documents)| **documents > 0);
            push_object(out, seen.map(|(index, &documents)| (index.to_string(), documents)), push_integer);
        });
        member("index_word", &|out| {
            push_object(out, indices().map(|index| index.to_string()).zip(self.words()), push_string);
        });
        member("word_index", &|out| push_object(out, self.words().zip(indices()), push_integer));
        out.push_str("}}");
        out
    }

    /// Reads the JSON of Keras's `Tokenizer.to_json`.
    ///
    /// `num_words` 0 is read as no limit, as in Keras.
    ///
    /// # Errors
    ///
    /// [`Error::FileJson`] with line and column if it does not parse; [`Error::FileClass`] for another class;
    /// [`Error::FileField`] if the dictionaries contradict each other, as after editing `word_index` by hand, or if the
    /// corpus contained the `oov_token`.
    fn from_json(json: &str) -> Result<Self> {
        read_class::<KerasTokenizer>(json, CLASS_NAME)?.into_tokenizer()
    }
}
