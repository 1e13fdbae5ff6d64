//! Writing a file whole or not at all: a temporary file in the same folder, flushed, then renamed.

use std::fs::{File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::error::FileError;

/// The size of the write buffer.
const BUFFER: usize = 1 << 20;
/// The beginning and the end of the names of temporary files.
const MARKS: (&str, &str) = (".kiln-", ".part");
/// A younger temporary file may not have been locked by its process yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A file that appears under its name only when it is finished, and never if it is dropped before that. After a crash,
/// the old file or the new one is there, never a part. The new file has the permissions that the process gives to any
/// new file (its umask).
///
/// While it is written, it is a locked file `.kiln-….part` in the same folder. An unlocked one was left by a killed
/// process; the next file begun in the folder removes it.
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
    /// The folder does not exist, or no file can be created in it.
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
            // The operating system applies the umask to this.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(FileError::new("create a temporary file in", folder))?;
        // Without locks an abandoned file is not recognised; nothing else depends on them.
        let _ = file.as_file().try_lock();
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), path })
    }

    /// Renames the file to its name, replacing any file there.
    ///
    /// # Errors
    ///
    /// The file cannot be written completely, or cannot be renamed.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.ready()?;
        self.rename()
    }

    /// Finishes files that belong together, in this order. None is renamed before all are on the disk, so that a full
    /// disk leaves all the old files.
    ///
    /// # Errors
    ///
    /// A file cannot be written completely, or cannot be renamed.
    pub fn finish_all(mut files: Vec<Self>) -> Result<(), FileError> {
        files.iter_mut().try_for_each(Self::ready)?;
        files.into_iter().try_for_each(Self::rename)
    }

    /// Brings everything written so far to the disk.
    fn ready(&mut self) -> Result<(), FileError> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().as_file().sync_all());
        written.map_err(FileError::new("write", &self.path))
    }

    fn rename(self) -> Result<(), FileError> {
        let Self { file, path } = self;
        let file = file.into_inner().map_err(|error| FileError::new("write", &path)(error.into_error()))?;
        let temporary = file.into_temp_path();
        std::fs::rename(&temporary, &path).map_err(FileError::new("rename a finished file to", &path))?;
        // The temporary name is gone; do not remove it on drop.
        let _ = temporary.keep();
        Ok(())
    }

    /// Removes the temporary files that killed processes left in `folder`, however young: only for a folder that no
    /// other process writes into. Files that cannot be removed stay.
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
/// No file can be created in the folder of `path`, or the file cannot be written or renamed.
pub fn write_whole(path: impl AsRef<Path>, contents: &[u8]) -> Result<(), FileError> {
    let mut file = WholeFile::create(&path)?;
    file.write_all(contents).map_err(FileError::new("write", &path))?;
    file.finish()
}

/// Removes temporary files of killed processes. Files that cannot be inspected or removed stay; they do no harm.
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
