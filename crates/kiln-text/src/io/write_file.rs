//! Writing a file whole or not at all: a temporary file in the same folder, flushed, then renamed. Leaves out what
//! is written; every file that users get from this crate goes through here.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// A temporary file in the folder that `path` lies in, so that the rename stays on one file system.
pub(crate) fn temporary_beside(path: &Path) -> Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    tempfile::Builder::new()
        .prefix(".kiln-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(Error::io("create a temporary file in", folder))
}

/// Gives a finished temporary file its name, replacing what had it.
pub(crate) fn keep_as(mut file: NamedTempFile, path: &Path) -> Result<()> {
    file.flush().map_err(Error::io("write", path))?;
    open_to_others(&file).map_err(Error::io("set the permissions of", path))?;
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::Io {
        action: "rename a finished file to",
        path: path.to_path_buf(),
        source: error.error,
    })?;
    Ok(())
}

/// A file that appears under its name when it is finished, and never if it is dropped before.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// use kiln_text::io::WholeFile;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("words.txt");
/// let mut file = WholeFile::create(&path)?;
/// file.write_all(b"half of").unwrap();
/// assert!(!path.exists());
/// file.finish()?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"half of");
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Debug)]
pub struct WholeFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file, in the folder of `path`.
    ///
    /// # Errors
    ///
    /// There is no such folder, or no file can be made in it.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        Ok(Self { file: temporary_beside(&path)?, path })
    }

    /// Gives it its name, replacing what had it.
    ///
    /// # Errors
    ///
    /// It cannot be written to its end, or not be renamed.
    pub fn finish(self) -> Result<()> {
        keep_as(self.file, &self.path)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Writes `contents` to `path`, whole or not at all.
pub(crate) fn write_whole(path: &Path, contents: &[u8]) -> Result<()> {
    let mut file = temporary_beside(path)?;
    file.write_all(contents).map_err(Error::io("write", path))?;
    keep_as(file, path)
}

/// Temporary files are the owner's alone; a finished file may be read by others, as any file that a program writes.
#[cfg(unix)]
fn open_to_others(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_others(_file: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}
