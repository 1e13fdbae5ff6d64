//! [`FolderLock`]: lets only one process at a time work in a folder.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A lock on a folder, held by this process until it is dropped. The system releases it when the process ends, for
/// whatever reason.
///
/// It is a locked file in the folder, which contains the process id.
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
    /// Locks `folder` through the file `name` in it. `None` if the folder does not exist or cannot be written to, or if
    /// its file system does not support locks.
    ///
    /// # Errors
    ///
    /// The lock is already held; the error is the id of the process that holds it.
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
            // The previous holder may have removed the file in between.
            if is_named(&file, &path) {
                file.set_len(0).and_then(|()| writeln!(&file, "{}", std::process::id())).ok();
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Before the lock is released, so that nobody locks a file that no longer has a name.
        std::fs::remove_file(&self.path).ok();
    }
}

/// Whether an open file is still the one at this path.
#[cfg(unix)]
fn is_named(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// On these systems an open file keeps its name.
#[cfg(not(unix))]
fn is_named(_: &File, _: &Path) -> bool {
    true
}
