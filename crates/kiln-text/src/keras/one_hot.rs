//! One-hot arrays of words, characters and hashed words: samples x steps x ids. Ids as model input, which
//! `word_tokenizer.rs` produces, take a fraction of the memory.
//!
//! The arrays follow the well-known listings of Chollet's "Deep Learning with Python", section 6.1.1, with one
//! departure: there, the character listing builds its table the wrong way round, so that no character is ever found.

use indexmap::IndexSet;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

use kiln_base::OptionError;

use crate::encoders::encoder::Encoder;
use crate::error::{Error, Result, VocabularyError};
use crate::io::json_file::{read_config, write_config};
use crate::io::saved::Saved;
use crate::keras::hashing_trick::HashingTrick;
use crate::keras::skipgrams::check_ids;
use crate::rows::pad::filled;
use crate::tokens::python_characters::python_words;

/// The class name in the file of a [`WordOneHot`].
const CLASS_NAME: &str = "WordOneHot";

/// Python's `string.printable`: digits, letters, punctuation and white space, 100 characters.
const PRINTABLE: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\
    !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r\u{b}\u{c}";

/// An array of zeros and ones.
#[derive(Clone, Debug, PartialEq)]
pub struct OneHot {
    /// The cells: sample by sample, step by step.
    pub values: Vec<f32>,
    /// Samples, steps, ids.
    pub shape: [usize; 3],
}

impl OneHot {
    /// Fills an array: step `j` of sample `i` is 1 at the `j`th id of sample `i`, or all zeros if that id is 0.
    fn of(ids: &[Vec<usize>], max_length: usize, width: usize) -> Result<Self> {
        OptionError::unless(max_length > 0, "max_length", "1 or more", max_length)?;
        let too_large = Error::TooLarge { what: "a one-hot array", rows: ids.len(), columns: max_length };
        let columns = max_length.checked_mul(width).ok_or(too_large)?;
        let mut values = filled(ids.len(), columns, 0.0, "a one-hot array")?;
        values.par_chunks_exact_mut(columns).zip(ids).for_each(|(sample, ids)| {
            for (step, &id) in sample.chunks_exact_mut(width).zip(ids) {
                if id != 0 {
                    step[id] = 1.0;
                }
            }
        });
        Ok(Self { values, shape: [ids.len(), max_length, width] })
    }

    /// One cell.
    ///
    /// # Panics
    ///
    /// If the position is outside the shape.
    pub fn at(&self, sample: usize, step: usize, id: usize) -> f32 {
        let [samples, steps, ids] = self.shape;
        assert!(sample < samples && step < steps && id < ids, "{:?} has no [{sample}, {step}, {id}]", self.shape);
        self.values[(sample * steps + step) * ids + id]
    }
}

/// Words numbered from 1 by first appearance, split only at white space: case and punctuation stay.
///
/// ```
/// use kiln_text::keras::WordOneHot;
///
/// let samples = ["The cat sat on the mat.", "The dog ate my homework."];
/// let words = WordOneHot::fit(&samples);
/// assert_eq!(words.index("mat."), Some(6));
/// assert_eq!(words.encode(&samples, 10)?.shape, [2, 10, 11]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WordOneHot {
    words: IndexSet<Box<str>, FxBuildHasher>,
}

impl WordOneHot {
    /// Numbers the words of the samples. Samples without words give an encoding that knows no word.
    pub fn fit(samples: &[impl AsRef<str> + Sync]) -> Self {
        let split: Vec<Vec<&str>> = samples.par_iter().map(|sample| python_words(sample.as_ref()).collect()).collect();
        Self { words: split.into_iter().flatten().map(Box::from).collect() }
    }

    /// The words, starting with id 1.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(Box::as_ref)
    }

    /// The id of a word; ids start at 1.
    pub fn index(&self, word: &str) -> Option<usize> {
        self.words.get_index_of(word).map(|place| place + 1)
    }

    /// The array of `samples`: samples x `max_length` x the number of words + 1. Words beyond `max_length` are dropped;
    /// unknown words and the steps after a shorter sample are all zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a `max_length` of 0, [`Error::TooLarge`] if the array does not fit in memory.
    pub fn encode(&self, samples: &[impl AsRef<str> + Sync], max_length: usize) -> Result<OneHot> {
        let id = |word| self.index(word).unwrap_or(0);
        let ids = samples.par_iter().map(|sample| python_words(sample.as_ref()).take(max_length).map(id).collect());
        OneHot::of(&ids.collect::<Vec<_>>(), max_length, self.words.len() + 1)
    }
}

impl Saved for WordOneHot {
    /// The words as JSON.
    fn to_json(&self) -> String {
        let words: Vec<&str> = self.words().collect();
        write_config(CLASS_NAME, &serde_json::to_string(&words).expect("strings always make a JSON"))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::FileJson`] with line and column, [`Error::FileClass`], [`Error::FileVersion`], and
    /// [`VocabularyError::DuplicateToken`] for a word that occurs twice.
    fn from_json(json: &str) -> Result<Self> {
        let list: Vec<Box<str>> = read_config(json, CLASS_NAME)?;
        let mut words = IndexSet::default();
        for (place, word) in list.into_iter().enumerate() {
            if let Some(first) = words.get_index_of(&word) {
                return Err(VocabularyError::DuplicateToken { token: word.into(), place, first }.into());
            }
            words.insert(word);
        }
        Ok(Self { words })
    }
}

/// The 100 characters of Python's `string.printable`, numbered from 1: samples x `max_length` x 101. Other characters
/// are all zeros. The order is Python's: digits, small letters, capitals, punctuation by code point, then space, tab,
/// line feed, carriage return, U+000B and U+000C.
///
/// # Errors
///
/// As [`WordOneHot::encode`].
///
/// ```
/// let samples = ["The cat sat on the mat.", "The dog ate my homework."];
/// let characters = kiln_text::keras::one_hot_characters(&samples, 50)?;
/// assert_eq!(characters.shape, [2, 50, 101]);
/// assert_eq!(characters.at(0, 0, 56), 1.0); // T is the 56th printable character
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn one_hot_characters(samples: &[impl AsRef<str> + Sync], max_length: usize) -> Result<OneHot> {
    let mut table = [0; 128];
    for (place, character) in PRINTABLE.bytes().enumerate() {
        table[character as usize] = place + 1;
    }
    let id = |character: char| table.get(character as usize).copied().unwrap_or(0);
    let ids = samples.par_iter().map(|sample| sample.as_ref().chars().take(max_length).map(id).collect());
    OneHot::of(&ids.collect::<Vec<_>>(), max_length, PRINTABLE.len() + 1)
}

/// Words split at white space, numbered by [`HashingTrick::word`]: samples x `max_length` x `buckets`. There is no
/// vocabulary; different words can share an id.
///
/// # Errors
///
/// Those of [`HashingTrick::new`] and [`WordOneHot::encode`].
///
/// ```
/// let samples = ["The cat sat on the mat.", "The dog ate my homework."];
/// assert_eq!(kiln_text::keras::one_hot_hashed(&samples, 10, 1000)?.shape, [2, 10, 1000]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn one_hot_hashed(samples: &[impl AsRef<str> + Sync], max_length: usize, buckets: usize) -> Result<OneHot> {
    let hash = HashingTrick::new(buckets)?;
    let id = |word| hash.word(word) as usize;
    let ids = samples.par_iter().map(|sample| python_words(sample.as_ref()).take(max_length).map(id).collect());
    OneHot::of(&ids.collect::<Vec<_>>(), max_length, buckets)
}

/// The ids that any encoding gives to texts: samples x `max_length` x [`vocab_size`](Encoder::vocab_size). Only the
/// first `max_length` ids of a text count; the steps after a shorter text are all zeros.
///
/// # Errors
///
/// As [`one_hot_ids`].
///
/// ```
/// use kiln_text::encoders::WordTokenizer;
/// use kiln_text::keras::one_hot_texts;
///
/// let samples = ["The cat sat on the mat.", "The dog ate my homework."];
/// let words = WordTokenizer::builder().fit(samples)?;
/// assert_eq!(words.words().len(), 9); // Keras's word_index: `the` is one word here
/// assert_eq!(one_hot_texts(&words, &samples, 10)?.shape, [2, 10, 10]);
///
/// let characters = WordTokenizer::builder().char_level(true).fit(samples)?;
/// assert_eq!(one_hot_texts(&characters, &samples, 50)?.shape, [2, 50, 18]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn one_hot_texts(
    encoder: &(impl Encoder + ?Sized),
    texts: &[impl AsRef<str>],
    max_length: usize,
) -> Result<OneHot> {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    one_hot_ids(&encoder.encode_batch(&texts), max_length, encoder.vocab_size())
}

/// Sequences of ids: samples x `max_length` x `vocab_size`. Only the first `max_length` ids of a sequence count; id 0
/// is padding, and all zeros.
///
/// # Errors
///
/// [`Error::IdOutOfRange`] for an id that is not below `vocab_size`, [`Error::Option`] for a `vocab_size` or a
/// `max_length` of 0, [`Error::TooLarge`] if the array does not fit in memory.
///
/// ```
/// let array = kiln_text::keras::one_hot_ids(&[[2, 1], [1, 0]], 2, 3)?;
/// assert_eq!(array.shape, [2, 2, 3]);
/// assert_eq!(array.values, [0., 0., 1., 0., 1., 0., 0., 1., 0., 0., 0., 0.]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub fn one_hot_ids(sequences: &[impl AsRef<[u32]>], max_length: usize, vocab_size: usize) -> Result<OneHot> {
    OptionError::unless(vocab_size > 0, "vocab_size", "1 or more", vocab_size)?;
    let mut all = Vec::with_capacity(sequences.len());
    for (sequence, ids) in sequences.iter().enumerate() {
        let ids = ids.as_ref();
        check_ids("the size of the vocabulary", vocab_size, sequence, ids)?;
        all.push(ids.iter().take(max_length).map(|&id| id as usize).collect());
    }
    OneHot::of(&all, max_length, vocab_size)
}
