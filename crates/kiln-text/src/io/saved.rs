//! [`Saved`]: a value that can be saved in a file and loaded again.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::json_file::{check_sum, sealed};
use kiln_base::input::{mark_of, text_of};
use kiln_base::write_whole;

/// A value that can be saved in a JSON file and loaded again; the loaded value equals the saved one.
///
/// ```
/// use kiln_text::encoders::WordTokenizer;
/// use kiln_text::io::Saved;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("tokenizer.json");
/// let tokenizer = WordTokenizer::builder().fit(["to be or not to be"])?;
/// tokenizer.save(&path)?;
/// assert_eq!(WordTokenizer::load(&path)?, tokenizer);
/// # Ok::<(), kiln_text::Error>(())
/// ```
pub trait Saved {
    /// The JSON.
    fn to_json(&self) -> String;

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::FileJson`] with line and column if it is not JSON; [`Error::FileClass`] for a file of another class,
    /// with the function that reads it; [`Error::FileVersion`] for a file of a newer Kiln; [`Error::FileField`] for
    /// invalid values; and the type's own errors.
    fn from_json(json: &str) -> Result<Self>
    where
        Self: Sized;

    /// Writes [`to_json`](Self::to_json) to a file, whole or not at all. The file of a class that only Kiln reads has
    /// one more key, the last: `checksum`, the SHA-256 of the rest, which [`load`](Self::load) checks. Delete that key
    /// if you edit a file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] with the file's name.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        Ok(write_whole(path, sealed(self.to_json()).as_bytes())?)
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of [`from_json`](Self::from_json), and [`Error::FileField`] for a wrong checksum, inside
    /// [`Error::InFile`]; [`Error::NotUtf8`]; [`Error::File`].
    fn load(path: impl AsRef<Path>) -> Result<Self>
    where
        Self: Sized,
    {
        read_file(path.as_ref(), |json| {
            let read = Self::from_json(json)?;
            check_sum(json).map(|()| read)
        })
    }
}

/// Reads a whole UTF-8 file without its byte order mark, and parses it; errors name the file.
pub(crate) fn read_file<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    let read = fs::read(path).map_err(Error::io("read", path))?;
    let mark = mark_of(&read);
    let bytes = text_of(read, None).map_err(Error::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| Error::NotUtf8 {
        file: path.display().to_string(),
        offset: mark + error.utf8_error().valid_up_to(),
    })?;
    parse(&text).map_err(Error::in_file(path))
}
