//! Writing a file whole or not at all: a temporary file in the same folder, flushed, then renamed. Leaves out what
//! is written; every file that users get from this crate goes through here.

use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Bytes that are gathered before they go to the operating system.
const BUFFER: usize = 1 << 20;

/// Gives `path` what `write` writes, compressed if the name ends in `.gz`. If anything fails, `path` is as before.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let file = temporary_beside(path)?;
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    if is_gzip_name(path) {
        let mut encoder = GzEncoder::new(&mut writer, Compression::default());
        write(&mut encoder)?;
        encoder.finish().map_err(Error::io("write", path))?;
    } else {
        write(&mut writer)?;
    }
    let file = writer.into_inner().map_err(|error| Error::io("write", path)(error.into_error()))?;
    keep_as(file, path)
}

/// Whether a file of this name is to be compressed.
pub(crate) fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// A temporary file in the folder that `path` lies in, so that the rename stays on one file system.
fn temporary_beside(path: &Path) -> Result<NamedTempFile> {
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
fn keep_as(file: NamedTempFile, path: &Path) -> Result<()> {
    open_to_others(&file).map_err(Error::io("set the permissions of", path))?;
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::Io {
        action: "rename a finished file to",
        path: path.to_path_buf(),
        source: error.error,
    })?;
    Ok(())
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
