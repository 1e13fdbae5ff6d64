//! [`Vocabulary`]: the tokens that have an id, and looking them up both ways. Counting is in `token_counts.rs`, the
//! choice of the tokens in `builder.rs`, and files are in `files.rs`.

use super::builder::VocabularyBuilder;
use crate::error::{Result, VocabularyError};
use crate::vocabulary::token_counts::TokenCount;
use kiln_base::Interner;

/// Tokens and their ids: special tokens first, in the order given, then the others, by default the most frequent first.
///
/// # Examples
///
/// ```
/// use kiln_text::vocabulary::{Frequency, Vocabulary, whitespace_tokens};
///
/// let texts = ["the cat sat on the mat", "the dog sat"];
/// let vocabulary = Vocabulary::builder()
///     .special_tokens(["<pad>", "<unk>"])
///     .unknown_token("<unk>")
///     .stop_words(["on"])
///     .min_frequency(Frequency::Count(1))
///     .max_size(5)
///     .fit(texts, whitespace_tokens)?;
/// assert_eq!(vocabulary.tokens().collect::<Vec<_>>(), ["<pad>", "<unk>", "the", "sat", "cat"]);
/// assert_eq!(vocabulary.encode("the mat sat".split(' ')), [2, 1, 3]);
/// assert_eq!(vocabulary.decode(&[2, 4])?, ["the", "cat"]);
/// assert_eq!((vocabulary.count("the"), vocabulary.documents_with("the")), (3, 2));
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// The number of a token is its id.
    pub(super) map: Interner,
    pub(super) counts: Vec<TokenCount>,
    pub(super) special_tokens: usize,
    pub(crate) unknown: Option<u32>,
    pub(super) documents: u64,
    pub(super) tokens: u64,
}

impl Vocabulary {
    /// The options; by default every token is kept and there are no special tokens.
    pub fn builder() -> VocabularyBuilder {
        VocabularyBuilder::default()
    }

    /// How many tokens have an id, special ones included: the number of rows of an embedding.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether no token has an id, which is never the case.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens in the order of their ids.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.map.iter()
    }

    /// The special tokens, whose ids are the first.
    pub fn special_tokens(&self) -> impl Iterator<Item = &str> + Clone {
        self.map.iter().take(self.special_tokens)
    }

    /// The token that stands for those without an id, if there is one.
    pub fn unknown_token(&self) -> Option<&str> {
        self.unknown.and_then(|id| self.token(id))
    }

    /// The id of a token, which is compared as it is.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.map.find(token.as_bytes())
    }

    /// The token of an id.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.map.text(id)
    }

    /// The ids of tokens. A token without an id becomes the unknown token, or is dropped without one.
    pub fn encode(&self, tokens: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<u32> {
        tokens.into_iter().filter_map(|token| self.id(token.as_ref()).or(self.unknown)).collect()
    }

    /// The ids of a text's tokens, which `each` finds as in [`fit`](VocabularyBuilder::fit).
    pub fn encode_text(&self, text: &str, each: impl Fn(&str, &mut dyn FnMut(&str))) -> Vec<u32> {
        let mut ids = Vec::new();
        each(text, &mut |token| ids.extend(self.id(token).or(self.unknown)));
        ids
    }

    /// The tokens of ids.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::NoSuchId`] with the first id without a token.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<&str>> {
        let unknown = |id| VocabularyError::NoSuchId { id, tokens: self.len() }.into();
        ids.iter().map(|&id| self.token(id).ok_or_else(|| unknown(id))).collect()
    }

    /// How often a token occurred in the corpus; 0 for a token without an id, or if the file had no counts.
    pub fn count(&self, token: &str) -> u64 {
        self.counted(token).count
    }

    /// In how many documents of the corpus a token occurred; 0 as in [`count`](Self::count).
    pub fn documents_with(&self, token: &str) -> u64 {
        self.counted(token).documents
    }

    fn counted(&self, token: &str) -> TokenCount {
        self.id(token).map(|id| self.counts[id as usize]).unwrap_or_default()
    }

    /// How many documents the corpus had.
    pub fn document_count(&self) -> u64 {
        self.documents
    }

    /// How many tokens the corpus had, including those without an id.
    pub fn token_count(&self) -> u64 {
        self.tokens
    }
}
