//! The files of a [`SubwordTextEncoder`]: TensorFlow Datasets' `.subwords`, two header lines and then one subword per
//! line in single quotes, and Kiln's own JSON.

use std::path::Path;

use serde::Deserialize;

use crate::encoders::subword_text_encoder::SubwordTextEncoder;
use crate::error::{Error, Result, SubwordError, quoted};
use crate::io::json_file::{VERSION, read_config};
use crate::io::saved::{Saved, read_file};
use kiln_base::write_whole;

/// The class name in Kiln's JSON, and in the header of `.subwords` files.
pub(crate) const CLASS_NAME: &str = "SubwordTextEncoder";

const HEADER: &str = "### SubwordTextEncoder";
const METADATA: &str = "### Metadata: ";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    subwords: Vec<String>,
}

impl SubwordTextEncoder {
    /// The text of a `.subwords` file.
    fn to_subwords(&self) -> Result<String> {
        let mut out = format!("{HEADER}\n{METADATA}{{}}\n");
        for subword in self.subwords() {
            if subword.contains('\n') {
                return Err(SubwordError::LineFeed { subword: subword.to_owned() }.into());
            }
            out.push('\'');
            out.push_str(subword);
            out.push_str("'\n");
        }
        Ok(out)
    }

    /// Reads the text of a `.subwords` file.
    ///
    /// # Errors
    ///
    /// [`SubwordError::FileLine`] with the line if the header or a pair of quotes is missing, and the errors of
    /// [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::encoders::{Encoder, SubwordTextEncoder};
    ///
    /// let encoder = SubwordTextEncoder::from_subwords("### SubwordTextEncoder\n### Metadata: {}\n'the_'\n'cat'\n")?;
    /// assert_eq!(encoder.encode("the cat"), [1, 2]);
    /// assert_eq!(encoder.vocab_size(), 2 + 257);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn from_subwords(file: &str) -> Result<Self> {
        let wrong = |line: usize, expected, found: Option<&str>| {
            Error::Subword(SubwordError::FileLine {
                line: line + 1,
                expected,
                found: found.map_or_else(|| "the end of the file".to_owned(), quoted),
            })
        };
        // Not `lines`, which would take a carriage return at the end of a subword for half a line end.
        let mut lines = file.split_terminator('\n').enumerate();
        let header = lines.next().map(|(_, line)| line);
        if header != Some(HEADER) {
            return Err(wrong(0, "the header `### SubwordTextEncoder`", header));
        }
        let metadata = lines.next().map(|(_, line)| line);
        if !metadata.is_some_and(|line| line.starts_with(METADATA)) {
            return Err(wrong(1, "`### Metadata: {}`", metadata));
        }
        let mut subwords = Vec::new();
        for (at, line) in lines {
            let subword = line.strip_prefix('\'').and_then(|line| line.strip_suffix('\''));
            subwords.push(subword.ok_or_else(|| wrong(at, "a subword in single quotes", Some(line)))?);
        }
        Self::new(subwords)
    }

    /// Writes a `.subwords` file like `save_to_file` of TensorFlow Datasets, whole or not at all. TensorFlow Datasets
    /// takes the name without the extension `.subwords`; this takes the whole name.
    ///
    /// # Errors
    ///
    /// [`SubwordError::LineFeed`] if a subword contains a line feed, which such a file cannot hold but
    /// [`to_json`](Self::to_json) can; [`Error::File`] with the file's name.
    pub fn save_subwords(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(write_whole(path, self.to_subwords()?.as_bytes())?)
    }

    /// Reads a file written by [`save_subwords`](Self::save_subwords) or by TensorFlow Datasets.
    ///
    /// # Errors
    ///
    /// Those of [`from_subwords`](Self::from_subwords), inside [`Error::InFile`]; [`Error::NotUtf8`]; [`Error::File`].
    pub fn load_subwords(path: impl AsRef<Path>) -> Result<Self> {
        read_file(path.as_ref(), Self::from_subwords)
    }
}

impl Saved for SubwordTextEncoder {
    /// A JSON object with `"class_name": "SubwordTextEncoder"`, a format version and the subwords, which may contain
    /// anything.
    fn to_json(&self) -> String {
        let subwords = serde_json::to_string(&self.subwords).expect("strings always make a JSON");
        format!("{{\"class_name\":\"{CLASS_NAME}\",\"version\":{VERSION},\"config\":{{\"subwords\":{subwords}}}}}")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Saved::from_json`] and of [`new`](Self::new).
    fn from_json(json: &str) -> Result<Self> {
        Self::new(read_config::<Config>(json, CLASS_NAME)?.subwords)
    }
}
