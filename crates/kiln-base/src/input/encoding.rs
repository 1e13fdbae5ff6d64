//! [`Encoding`]: how the bytes of a text are decoded into characters.

use std::fmt;
use std::io::{self, ErrorKind};
use std::str::FromStr;

use crate::OptionError;

/// How the bytes of a text are decoded into characters. Default: [`UTF_8`](Self::UTF_8).
///
/// Only [`UTF_8`](Self::UTF_8) refuses invalid bytes. Every other encoding replaces them by U+FFFD.
///
/// # Examples
///
/// ```
/// use kiln_base::Encoding;
///
/// assert_eq!("latin-1".parse(), Ok(Encoding::WINDOWS_1252));
/// assert_eq!("cp949".parse::<Encoding>()?.to_string(), "EUC-KR");
/// assert!("klingon".parse::<Encoding>().is_err());
/// # Ok::<(), kiln_base::OptionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoding(Kind);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Utf8,
    Utf8Lossy,
    Windows1252,
    Utf16,
    Other(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// UTF-8. Bytes that are not UTF-8 are an error.
    pub const UTF_8: Self = Self(Kind::Utf8);
    /// UTF-8, with invalid bytes replaced by U+FFFD, like Python's `errors="replace"`.
    pub const UTF_8_LOSSY: Self = Self(Kind::Utf8Lossy);
    /// Windows-1252, which is what files called Latin-1 usually are: one byte per character.
    pub const WINDOWS_1252: Self = Self(Kind::Windows1252);
    /// UTF-16 in the byte order given by the mark at the beginning. Without a mark it is an error: then use `utf-16le`
    /// or `utf-16be`.
    pub const UTF_16: Self = Self(Kind::Utf16);

    /// Whether it is UTF-16, in either byte order.
    pub(crate) fn is_utf_16(self) -> bool {
        match self.0 {
            Kind::Utf16 => true,
            Kind::Other(other) => other == encoding_rs::UTF_16LE || other == encoding_rs::UTF_16BE,
            _ => false,
        }
    }

    /// The decoder for a text that begins with `head`, or `None` if the text needs none.
    pub(crate) fn table(self, head: &[u8]) -> io::Result<Option<&'static encoding_rs::Encoding>> {
        Ok(Some(match self.0 {
            Kind::Utf8 => return Ok(None),
            Kind::Utf8Lossy => encoding_rs::UTF_8,
            Kind::Windows1252 => encoding_rs::WINDOWS_1252,
            Kind::Other(little) if little == encoding_rs::UTF_16LE && head.starts_with(b"\xfe\xff") => {
                return Err(other_order());
            }
            Kind::Other(big) if big == encoding_rs::UTF_16BE && head.starts_with(b"\xff\xfe") => {
                return Err(other_order());
            }
            Kind::Other(other) => other,
            Kind::Utf16 if head.is_empty() || head.starts_with(b"\xff\xfe") => encoding_rs::UTF_16LE,
            Kind::Utf16 if head.starts_with(b"\xfe\xff") => encoding_rs::UTF_16BE,
            Kind::Utf16 => {
                let message = "it has no byte order mark, so its byte order is unknown; set the encoding to utf-16le, \
                               utf-16be or utf-8";
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
        }))
    }
}

fn other_order() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "its byte order mark is of the other byte order; set the encoding to utf-16")
}

/// Accepts the labels of the web's Encoding Standard, such as `euc-kr`, `shift_jis` or `windows-1251`, and Python's
/// names for them, such as `cp949` and `latin-1`; `utf-8-lossy` is [`Encoding::UTF_8_LOSSY`].
impl FromStr for Encoding {
    type Err = OptionError;

    fn from_str(name: &str) -> Result<Self, OptionError> {
        let lower = name.trim().to_ascii_lowercase();
        let dashed = lower.replace('_', "-");
        match dashed.as_str() {
            "utf-8-lossy" => return Ok(Self::UTF_8_LOSSY),
            "utf-8-sig" => return Ok(Self::UTF_8),
            "utf-16" | "utf16" => return Ok(Self::UTF_16),
            _ => {}
        }
        // Python's names that the web's standard does not have.
        let python = match dashed.as_str() {
            "utf-16-le" => Some(encoding_rs::UTF_16LE),
            "utf-16-be" => Some(encoding_rs::UTF_16BE),
            "cp932" => Some(encoding_rs::SHIFT_JIS),
            "cp936" => Some(encoding_rs::GBK),
            "cp950" => Some(encoding_rs::BIG5),
            _ => None,
        };
        // Python writes `cp1251`, and `latin-1` with a dash.
        let windows = dashed.strip_prefix("cp").map(|page| format!("windows-{page}"));
        let undashed = dashed.replace('-', "");
        let label = |label: &str| encoding_rs::Encoding::for_label(label.as_bytes());
        let found = python
            .or_else(|| label(&lower))
            .or_else(|| label(&dashed))
            .or_else(|| label(&windows?))
            .or_else(|| label(&undashed));
        match found {
            Some(found) if found == encoding_rs::UTF_8 => Ok(Self::UTF_8),
            Some(found) if found == encoding_rs::WINDOWS_1252 => Ok(Self::WINDOWS_1252),
            // Except labels that the standard maps to one replacement character.
            Some(found) if found != encoding_rs::REPLACEMENT => Ok(Self(Kind::Other(found))),
            _ => {
                let expected =
                    "a name such as utf-8, utf-8-lossy, latin-1, utf-16, euc-kr, shift_jis, gbk or windows-1251";
                Err(OptionError::new("encoding", expected, name))
            }
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Utf8 => "UTF-8",
            Kind::Utf8Lossy => "UTF-8-lossy",
            Kind::Windows1252 => "windows-1252",
            Kind::Utf16 => "UTF-16",
            Kind::Other(other) => other.name(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_web_and_of_python_are_known() {
        for (name, shown) in [
            ("UTF-8", "UTF-8"),
            ("utf_8", "UTF-8"),
            ("utf8", "UTF-8"),
            ("utf-8-lossy", "UTF-8-lossy"),
            ("latin1", "windows-1252"),
            ("latin_1", "windows-1252"),
            ("iso-8859-1", "windows-1252"),
            ("cp1252", "windows-1252"),
            ("utf-16", "UTF-16"),
            ("UTF-16LE", "UTF-16LE"),
            ("cp949", "EUC-KR"),
            ("shift_jis", "Shift_JIS"),
            ("euc_jp", "EUC-JP"),
            ("koi8_r", "KOI8-R"),
            ("utf-8-sig", "UTF-8"),
            ("utf16", "UTF-16"),
            ("utf_16_le", "UTF-16LE"),
            ("cp932", "Shift_JIS"),
            ("cp936", "GBK"),
            ("cp950", "Big5"),
        ] {
            let encoding: Encoding = name.parse().unwrap();
            assert_eq!(encoding.to_string(), shown, "{name}");
            assert_eq!(shown.parse(), Ok(encoding), "{shown}");
        }
        for name in ["", "utf", "iso-2022-kr", "cp", "cp99999", "utf-32"] {
            let error = name.parse::<Encoding>().unwrap_err().to_string();
            assert!(error.contains("euc-kr") && error.contains(name), "{error}");
        }
    }
}
