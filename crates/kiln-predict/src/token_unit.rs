//! What the tokens of a language model are.

use kiln_text::vocabulary::whitespace_tokens;
use serde::{Deserialize, Serialize};

/// What a language model's tokens are.
///
/// # Examples
///
/// ```
/// use kiln_predict::TokenUnit;
///
/// let mut tokens = Vec::new();
/// TokenUnit::Characters.each("a b", &mut |token| tokens.push(token.to_owned()));
/// assert_eq!(tokens, ["a", " ", "b"]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenUnit {
    /// Words separated by white space.
    #[default]
    Words,
    /// Unicode scalar values, white space included.
    Characters,
}

impl TokenUnit {
    /// Calls `take` with each token of `text`, as a [`Vocabulary`](kiln_text::vocabulary::Vocabulary) needs it.
    pub fn each(self, text: &str, take: &mut dyn FnMut(&str)) {
        match self {
            Self::Words => whitespace_tokens(text, take),
            Self::Characters => {
                let mut buffer = [0; 4];
                text.chars().for_each(|scalar| take(scalar.encode_utf8(&mut buffer)));
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Words => "word",
            Self::Characters => "character",
        }
    }
}
