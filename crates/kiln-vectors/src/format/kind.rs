//! [`Format`]: the formats, the file names that select them, and what happens to words that are not UTF-8.

use std::fmt;
use std::path::Path;

/// How a file lays out word vectors. Other programs read and write all of these except [`Format::Safetensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// word2vec's text: a line with the number of words and the width, then a line `word v1 ... vD` for each.
    Word2VecText,
    /// word2vec's binary format: the same first line, then for each word its text, a space and D little-endian 32-bit
    /// floats.
    Word2VecBinary,
    /// GloVe's text: like word2vec's, without the first line. Words may contain spaces.
    Glove,
    /// fastText's `.vec`: word2vec's text with a space at the end of each line.
    FastText,
    /// Kiln's own, which can be [mapped](crate::WordVectors::open) instead of read: a safetensors file with the tensors
    /// `vectors` (F32, words x width), `words` (U8, all words in UTF-8, concatenated), `word_ends` (U64, where each
    /// word ends) and, if they are known, `counts` (U64), and with the metadata `format`: `kiln-word-vectors` and
    /// `version`: `1`. The only format that keeps counts, and any word.
    ///
    /// Two more metadata entries are SHA-256 checksums in hexadecimal: `values_sha256` has one for each MiB of the
    /// bytes of `vectors`, concatenated; `sha256` is that of the rest of the file, without its own 64 digits. Files
    /// that lack both are read, too.
    Safetensors,
}

impl Format {
    /// The format for a file name, by its extension before `.gz`: `.bin` is word2vec's binary format, `.vec` fastText's
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

/// What happens to words that are not UTF-8. word2vec cuts words at 99 bytes, even inside a character, so its files may
/// hold such words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidUtf8 {
    /// The file is refused. The default.
    #[default]
    Refuse,
    /// Invalid bytes are replaced by U+FFFD.
    Replace,
}
