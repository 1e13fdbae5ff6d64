//! The two errors that every crate of Kiln has: a file that cannot be used, and an option with a bad value.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// The operating system refused a file or folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct FileError {
    /// What was tried, as a verb: `read`, `create`, `rename a finished file to`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's answer.
    pub source: io::Error,
}

impl FileError {
    /// Turns the operating system's answer into an error that says what was tried with which file; for `map_err`.
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

/// An option has a value that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the option {option} should be {expected}, found {found}")]
pub struct OptionError {
    /// The option, as its setter is called.
    pub option: &'static str,
    /// The values that it may have, and what to do.
    pub expected: Cow<'static, str>,
    /// The value that it has.
    pub found: String,
}

impl OptionError {
    /// An error for an option, what it should be, and what it is.
    pub fn new(option: &'static str, expected: impl Into<Cow<'static, str>>, found: impl ToString) -> Self {
        Self { option, expected: expected.into(), found: found.to_string() }
    }

    /// An error unless `holds`.
    ///
    /// # Errors
    ///
    /// The option, what it should be, and what it is.
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
