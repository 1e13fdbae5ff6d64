//! Writing a file whole or not at all: a temporary file in the same folder, flushed, then renamed. Leaves out what
//! is written; every file that users get from this crate goes through here.

use std::io::Write;
use std::path::Path;

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
