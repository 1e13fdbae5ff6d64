//! Writes files of a run, whole or not at all, and creates their folder if needed.

use std::path::Path;

use kiln_base::{FileError, write_whole};

use crate::error::Result;

/// Writes `bytes` to `path`.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(FileError::new("make the folder", folder))?;
    }
    Ok(write_whole(path, bytes)?)
}
