//! [`Download`]: fetches one published file. Its size and SHA-256 are checked before it gets its name, so that no
//! partial or altered file is ever found there. An interrupted download starts again from the beginning.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

#[cfg(feature = "download")]
mod fetch;

/// A published file: its address, checksum and size.
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

    /// Fetches the file to `path`, with a progress bar if standard error is a terminal. Missing folders are created.
    ///
    /// The bytes go to a temporary file next to `path`, which is renamed only after its size and checksum are verified.
    /// The download fails if the server is silent for a minute.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] if the server cannot be reached or refuses, [`Error::DownloadBroken`] if the connection
    /// breaks off, [`Error::WrongSize`], [`Error::WrongChecksum`], [`Error::File`]. No part of the file is kept.
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

    /// Checks the size and checksum of an existing file.
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
