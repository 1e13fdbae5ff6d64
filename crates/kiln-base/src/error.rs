//! The two errors that every crate of Kiln has: a file that cannot be used, and an option with a bad value.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// The operating system refused an operation on a file or folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct FileError {
    /// What was tried, as a verb: `read`, `create`, `rename a finished file to`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's error.
    pub source: io::Error,
}

impl FileError {
    /// Turns the operating system's error into one that names the action and the file; for `map_err`.
    ///
    /// ```
    /// use kiln_base::FileError;
    ///
    /// let read = std::fs::read("no/such/file").map_err(FileError::new("read", "no/such/file"));
    /// assert!(read.unwrap_err().to_string().starts_with("cannot read no/such/file: "));
    /// ```
    pub fn new(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.as_ref().to_path_buf(), source }
    }
}

/// An option has an invalid value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the option {option} should be {expected}, found {found}")]
pub struct OptionError {
    /// The option, by the name of its setter; with the type it belongs to, if several have one of that name.
    pub option: &'static str,
    /// The valid values, and what to do.
    pub expected: Cow<'static, str>,
    /// The value found.
    pub found: String,
}

impl OptionError {
    /// An error that names the option, what it should be, and what it is.
    pub fn new(option: &'static str, expected: impl Into<Cow<'static, str>>, found: impl ToString) -> Self {
        Self { option, expected: expected.into(), found: found.to_string() }
    }

    /// An error unless `holds`.
    ///
    /// # Errors
    ///
    /// Names the option, what it should be, and what it is.
    ///
    /// ```
    /// use kiln_base::OptionError;
    ///
    /// let check = |epochs: usize| OptionError::unless(epochs > 0, "epochs", "1 or more", epochs);
    /// assert!(check(3).is_ok());
    /// assert_eq!(check(0).unwrap_err().to_string(), "the option epochs should be 1 or more, found 0");
    /// ```
    pub fn unless(
        holds: bool,
        option: &'static str,
        expected: impl Into<Cow<'static, str>>,
        found: impl ToString,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::new(option, expected, found)) }
    }
}
