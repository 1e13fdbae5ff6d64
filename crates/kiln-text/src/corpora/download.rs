//! Fetching one published file: its size and SHA-256 are checked before it gets its name, so that nothing half-written
//! or altered is ever found there. Leaves out unpacking, and resuming a download that broke off.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

#[cfg(feature = "download")]
mod fetch;

/// A published file: where it is and what it must be.
///
/// ```no_run
/// use kiln_text::corpora::Download;
///
/// let words = Download::new(
///     "https://example.org/words.txt",
///     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
///     1_234,
/// );
/// words.fetch_to("words.txt")?;
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    url: String,
    sha256: String,
    bytes: u64,
}

impl Download {
    /// A file at `url` with a published SHA-256, in hexadecimal digits, and a size in bytes.
    pub fn new(url: impl Into<String>, sha256: impl Into<String>, bytes: u64) -> Self {
        Self { url: url.into(), sha256: sha256.into().to_ascii_lowercase(), bytes }
    }

    /// Fetches the file to `path`, with a progress bar if standard error is a terminal. Missing folders are made.
    ///
    /// The bytes go to a temporary file next to `path`, which is renamed only after size and checksum are found right.
    /// A server that is silent for a minute is given up.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] if the server cannot be reached or refuses, [`Error::DownloadBroken`] if the connection
    /// breaks off, [`Error::WrongSize`] and [`Error::WrongChecksum`], [`Error::File`]. No part of the file is kept.
    /// [`Error::DownloadNotBuilt`] without the feature `download`.
    pub fn fetch_to(&self, path: impl AsRef<Path>) -> Result<()> {
        #[cfg(feature = "download")]
        return self.fetch(path.as_ref());
        #[cfg(not(feature = "download"))]
        {
            let _ = path;
            Err(Error::DownloadNotBuilt { url: self.url.clone() })
        }
    }

    /// Checks size and checksum of a file that is there already.
    ///
    /// # Errors
    ///
    /// [`Error::WrongSize`], [`Error::WrongChecksum`], [`Error::File`].
    pub fn check(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io("open", path))?;
        let found = file.metadata().map_err(Error::io("read", path))?.len();
        let mut sha256 = Sha256::new();
        if found == self.bytes {
            io::copy(&mut BufReader::with_capacity(1 << 16, file), &mut sha256).map_err(Error::io("read", path))?;
        }
        self.judge(&path.display().to_string(), found, sha256)
    }

    fn judge(&self, file: &str, found: u64, sha256: Sha256) -> Result<()> {
        if found != self.bytes {
            return Err(Error::WrongSize { file: file.to_owned(), expected: self.bytes, found });
        }
        let found = format!("{:x}", sha256.finalize());
        if found != self.sha256 {
            return Err(Error::WrongChecksum { file: file.to_owned(), expected: self.sha256.clone(), found });
        }
        Ok(())
    }
}
