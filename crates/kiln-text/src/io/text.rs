//! [`Text`]: the items of a pass over texts, from memory or from a stream that can fail.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// A text, or an error instead: the items that a pass over texts accepts.
///
/// Passes accept texts in memory, such as `&["a", "b"]`, and streams whose items can fail, such as a
/// [`CorpusDocuments`](crate::corpora::CorpusDocuments); the first error ends a pass.
pub trait Text {
    /// The type that holds the text.
    type Held: AsRef<str> + Sync;

    /// The text.
    ///
    /// # Errors
    ///
    /// The error of the stream.
    fn text(self) -> Result<Self::Held>;
}

/// Implements [`Text`] for types that are one.
macro_rules! are_texts {
    ($($type:ty),*) => {$(
        impl $crate::io::Text for $type {
            type Held = Self;

            fn text(self) -> $crate::Result<Self> {
                Ok(self)
            }
        }
    )*};
}
pub(crate) use are_texts;

are_texts!(&str, &&str, String, &String, Cow<'_, str>, &Cow<'_, str>);

impl<T: AsRef<str> + Sync, E: Into<Error>> Text for std::result::Result<T, E> {
    type Held = T;

    fn text(self) -> Result<T> {
        self.map_err(Into::into)
    }
}
