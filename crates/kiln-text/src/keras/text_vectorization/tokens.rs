//! How `TextVectorization` makes tokens of a text: standardise, split, join n-grams. It works on bytes, like
//! TensorFlow's operators.
//!
//! Lower-casing and punctuation concern only ASCII, and white space is the six characters of C's `isspace`. So one
//! table says for each byte whether it is deleted, cuts, or stays and as what; bytes beyond ASCII stay.

use serde::{Deserialize, Serialize};

use crate::tokens::ngrams::runs;
use crate::vocabulary::token_counts::EachToken;

/// What happens to a text before it is split (Keras's `standardize`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standardize {
    /// Both of the next two.
    #[default]
    LowerAndStripPunctuation,
    /// A to Z become a to z; letters beyond ASCII stay as they are.
    Lower,
    /// ASCII punctuation is deleted, the apostrophe included: "don't stop-me" is "dont stopme".
    StripPunctuation,
}

/// The tokens before n-grams are made (Keras's `split`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Runs without ASCII white space; other white space, such as the no-break space, is part of tokens.
    #[default]
    Whitespace,
    /// Every code point, white space included.
    Character,
}

/// The byte between tokens once a text is written; no token contains it.
const CUT: u8 = b' ';

/// What happens to a byte if white space separates tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Keep(u8),
    Delete,
    Cut,
}

/// Memory reused from text to text.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One token; or all tokens of a text, separated by spaces, so that an n-gram is a slice.
    bytes: Vec<u8>,
    /// The range of each token in `bytes`.
    spans: Vec<(usize, usize)>,
}

/// The stages from a text to tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenStream {
    split: Option<SplitBy>,
    ngrams: Option<Vec<usize>>,
    actions: Box<[Action; 256]>,
    /// The actions without a branch: the byte to write, and 1 if it stays, else 0.
    written: Box<[(u8, u8); 256]>,
}

impl TokenStream {
    pub(crate) fn new(standardize: Option<Standardize>, split: Option<SplitBy>, ngrams: Option<&[usize]>) -> Self {
        let lower = matches!(standardize, Some(Standardize::LowerAndStripPunctuation | Standardize::Lower));
        let strip = matches!(standardize, Some(Standardize::LowerAndStripPunctuation | Standardize::StripPunctuation));
        let action = |byte: u8| match byte {
            b' ' | b'\t'..=b'\r' if split == Some(SplitBy::Whitespace) => Action::Cut,
            _ if strip && byte.is_ascii_punctuation() => Action::Delete,
            _ if lower => Action::Keep(byte.to_ascii_lowercase()),
            _ => Action::Keep(byte),
        };
        let actions = Box::new(std::array::from_fn(|byte| action(byte as u8)));
        let written = |byte: usize| match action(byte as u8) {
            Action::Keep(byte) => (byte, 1),
            Action::Delete => (0, 0),
            Action::Cut => (CUT, 1),
        };
        let written = Box::new(std::array::from_fn(written));
        Self { split, ngrams: ngrams.map(<[usize]>::to_vec), actions, written }
    }

    /// Calls `take` with every token, as a range of the bytes given, until it returns false.
    #[inline]
    pub(crate) fn each_until(
        &self,
        scratch: &mut Scratch,
        text: &str,
        mut take: impl FnMut(&[u8], (usize, usize)) -> bool,
    ) {
        if self.split == Some(SplitBy::Whitespace) && self.ngrams.is_none() {
            return self.each_word(&mut scratch.bytes, text, take);
        }
        self.lay_out(scratch, text);
        let Scratch { bytes, spans } = scratch;
        for &width in self.ngrams.as_deref().unwrap_or(&[1]) {
            for (start, end) in runs(spans, width) {
                if !take(bytes, (start, end)) {
                    return;
                }
            }
        }
    }

    /// The common case. The whole text is written before a word is read, because reading a word whose last bytes were
    /// just written would have to wait for them.
    #[inline]
    fn each_word(&self, bytes: &mut Vec<u8>, text: &str, mut take: impl FnMut(&[u8], (usize, usize)) -> bool) {
        if bytes.len() < text.len() {
            bytes.resize(text.len(), 0);
        }
        let mut length = 0;
        for &byte in text.as_bytes() {
            let (written, kept) = self.written[byte as usize];
            bytes[length] = written;
            length += usize::from(kept);
        }
        let bytes = &bytes[..length];
        let mut start = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == CUT {
                if at > start && !take(bytes, (start, at)) {
                    return;
                }
                start = at + 1;
            }
        }
        if start < length {
            take(bytes, (start, length));
        }
    }

    /// Puts all tokens into `scratch`.
    fn lay_out(&self, scratch: &mut Scratch, text: &str) {
        let Scratch { bytes, spans } = scratch;
        bytes.clear();
        spans.clear();
        let mut start = 0;
        let mut cut = |bytes: &mut Vec<u8>, may_be_empty| {
            if may_be_empty || bytes.len() > start {
                spans.push((start, bytes.len()));
                bytes.push(b' ');
                start = bytes.len();
            }
        };
        match self.split {
            Some(SplitBy::Whitespace) => {
                for &byte in text.as_bytes() {
                    match self.actions[byte as usize] {
                        Action::Keep(byte) => bytes.push(byte),
                        Action::Delete => {}
                        Action::Cut => cut(bytes, false),
                    }
                }
                cut(bytes, false);
            }
            Some(SplitBy::Character) => {
                for character in text.chars() {
                    if character.is_ascii() {
                        let Action::Keep(byte) = self.actions[character as usize] else { continue };
                        bytes.push(byte);
                    } else {
                        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    cut(bytes, true);
                }
            }
            None => {
                bytes.extend(text.bytes().filter_map(|byte| match self.actions[byte as usize] {
                    Action::Keep(byte) => Some(byte),
                    Action::Delete | Action::Cut => None,
                }));
                cut(bytes, true);
            }
        }
    }
}

impl EachToken for TokenStream {
    type Scratch = Scratch;

    fn each(&self, scratch: &mut Scratch, text: &str, take: &mut impl FnMut(&[u8], (usize, usize))) {
        self.each_until(scratch, text, |bytes, span| {
            take(bytes, span);
            true
        });
    }
}
