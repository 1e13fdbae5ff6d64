//! [`Format`]: which formats there are, what their names end in, and what happens to words that are not UTF-8.

use std::fmt;
use std::path::Path;

/// How a file lays out word vectors. All but [`Format::Safetensors`] are what other programs read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// word2vec's text: a line with the number of words and the width, then a line `word v1 ... vD` for each.
    Word2VecText,
    /// word2vec's binary format: the same first line, then for each word its text, a space and D 32-bit floats, the
    /// lowest byte first.
    Word2VecBinary,
    /// GloVe's text: as word2vec's, without the first line. Words may hold spaces.
    Glove,
    /// fastText's `.vec`: word2vec's text with a space at the end of each line.
    FastText,
    /// Kiln's own, which can be [mapped](crate::WordVectors::open) in place of being read: a safetensors file with the
    /// tensors `vectors` (F32, words x width), `words` (U8, all words in UTF-8 one after the other), `word_ends` (U64,
    /// where each ends) and, if they are known, `counts` (U64), and with the metadata `format`: `kiln-word-vectors` and
    /// `version`: `1`. The only format that keeps counts, and any word.
    ///
    /// Two more entries of the metadata are SHA-256 checksums in hexadecimal: `values_sha256` has one for each MiB of the
    /// bytes of `vectors`, one after the other; `sha256` is that of the rest of the file, without its own 64 digits. Files
    /// without both are read, too.
    Safetensors,
}

impl Format {
    /// The format that a name asks for, by what stands before `.gz`: `.bin` is word2vec's binary, `.vec` fastText's
    /// text, `.safetensors` Kiln's own, and everything else word2vec's text.
    pub fn of_name(path: impl AsRef<Path>) -> Self {
        let name = path.as_ref().to_string_lossy().to_lowercase();
        match Path::new(name.trim_end_matches(".gz")).extension().and_then(|extension| extension.to_str()) {
            Some("bin") => Self::Word2VecBinary,
            Some("vec") => Self::FastText,
            Some("safetensors") => Self::Safetensors,
            _ => Self::Word2VecText,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word2VecText => "word2vec's text format",
            Self::Word2VecBinary => "word2vec's binary format",
            Self::Glove => "GloVe's text format",
            Self::FastText => "fastText's text format",
            Self::Safetensors => "Kiln's safetensors format",
        })
    }
}

/// What happens to words that are not UTF-8. word2vec cuts words at 99 bytes, also within a character, so its files
/// may hold some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidUtf8 {
    /// The file is refused, which is the default.
    #[default]
    Refuse,
    /// U+FFFD takes the place of what is invalid.
    Replace,
}
