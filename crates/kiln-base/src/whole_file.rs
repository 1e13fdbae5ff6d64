//! Writing a file whole or not at all: a temporary file in the same folder, flushed, then renamed.

use std::fs::{File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::error::FileError;

/// Bytes that are gathered before they go to the operating system.
const BUFFER: usize = 1 << 20;
/// What the names of temporary files begin and end with.
const MARKS: (&str, &str) = (".kiln-", ".part");
/// A temporary file that is younger may be one that its process has not locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A file that appears under its name when it is finished, and never if it is dropped before. A crash leaves the old
/// file or the new one, never a part. The new file has the permissions that the process gives to any file it makes (its umask).
///
/// While it is written, it is a locked file `.kiln-….part` in the same folder. One that no process has locked was left by a process
/// that was killed; the next file that is begun in the folder removes it.
///
/// ```
/// use std::io::Write;
///
/// use kiln_base::WholeFile;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("words.txt");
/// let mut file = WholeFile::create(&path)?;
/// file.write_all(b"half of").unwrap();
/// assert!(!path.exists());
/// file.finish()?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"half of");
/// # Ok::<(), kiln_base::FileError>(())
/// ```
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file, in the folder of `path`.
    ///
    /// # Errors
    ///
    /// There is no such folder, or no file can be made in it.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref().to_path_buf();
        // On the same file system as `path`, so that the rename is one step.
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        remove_temporary(folder, is_abandoned);
        let mut builder = tempfile::Builder::new();
        builder.prefix(MARKS.0).suffix(MARKS.1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The operating system takes the umask away from this.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(FileError::new("create a temporary file in", folder))?;
        // Where locks are not to be had, an abandoned file is not recognised; nothing else depends on them.
        let _ = file.as_file().try_lock();
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), path })
    }

    /// Gives it its name, replacing what had it.
    ///
    /// # Errors
    ///
    /// It cannot be written to its end, or not be renamed.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { file, path } = self;
        let file = file.into_inner().map_err(|error| FileError::new("write", &path)(error.into_error()))?;
        file.as_file().sync_all().map_err(FileError::new("write", &path))?;
        let temporary = file.into_temp_path();
        std::fs::rename(&temporary, &path).map_err(FileError::new("rename a finished file to", &path))?;
        // The name is gone, and is not to be looked for.
        let _ = temporary.keep();
        Ok(())
    }

    /// Removes the temporary files that killed processes left in `folder`, however young they are: for a folder that only this
    /// process writes into. What cannot be removed stays.
    pub fn remove_abandoned(folder: impl AsRef<Path>) {
        remove_temporary(folder.as_ref(), is_unlocked);
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
///
/// # Errors
///
/// No file can be made in the folder of `path`, or it cannot be written or renamed.
pub fn write_whole(path: impl AsRef<Path>, contents: &[u8]) -> Result<(), FileError> {
    let mut file = WholeFile::create(&path)?;
    file.write_all(contents).map_err(FileError::new("write", &path))?;
    file.finish()
}

/// Removes temporary files of processes that were killed. What cannot be looked at or removed stays: it is in nobody's way.
fn remove_temporary(folder: &Path, is_abandoned: fn(&std::fs::DirEntry) -> bool) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_temporary = name.to_str().is_some_and(|name| name.starts_with(MARKS.0) && name.ends_with(MARKS.1));
        if is_temporary && is_abandoned(&entry) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(entry: &std::fs::DirEntry) -> bool {
    let modified = entry.metadata().ok().filter(|found| found.is_file()).and_then(|found| found.modified().ok());
    let is_old = modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > YOUNG);
    is_old && is_unlocked(entry)
}

fn is_unlocked(entry: &std::fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|found| found.is_file())
        && File::options().write(true).open(entry.path()).is_ok_and(|file| match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        })
}
