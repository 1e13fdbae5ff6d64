//! A folder that one process at a time works in.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A lock on a folder for this process, until it is dropped. The system gives it up with the process, whatever ends that.
///
/// It is a locked file in the folder, which holds the number of the process.
///
/// ```
/// use kiln_base::FolderLock;
///
/// let folder = tempfile::tempdir().unwrap();
/// let lock = FolderLock::take(folder.path(), ".lock").unwrap();
/// assert_eq!(FolderLock::take(folder.path(), ".lock").unwrap_err(), std::process::id().to_string());
/// drop(lock);
/// assert!(FolderLock::take(folder.path(), ".lock").unwrap().is_some());
/// ```
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Locks `folder` by the file `name` in it. `None` where there is no folder, it cannot be written to, or its file system knows
    /// no locks.
    ///
    /// # Errors
    ///
    /// The number of the process that has the lock.
    pub fn take(folder: &Path, name: &str) -> Result<Option<Self>, String> {
        let path = folder.join(name);
        if !folder.is_dir() {
            return Ok(None);
        }
        loop {
            let Ok(file) = File::options().read(true).write(true).create(true).truncate(false).open(&path) else {
                return Ok(None);
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned());
                }
                Err(TryLockError::Error(_)) => return Ok(None),
            }
            // The one that had it may have removed the file between.
            if is_named(&file, &path) {
                file.set_len(0).and_then(|()| writeln!(&file, "{}", std::process::id())).ok();
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Before the lock is given up, so that nobody locks a file that has no name any more.
        std::fs::remove_file(&self.path).ok();
    }
}

/// Whether a file that is open is the one of this name.
#[cfg(unix)]
fn is_named(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// A file that is open keeps its name here.
#[cfg(not(unix))]
fn is_named(_: &File, _: &Path) -> bool {
    true
}
