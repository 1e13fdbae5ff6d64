//! Files that appear whole or not at all: written under a temporary name, flushed, renamed.

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes `bytes` to `path`. A crash leaves the old file or the new one, never a part.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().prefix(".kiln-").tempfile_in(folder).map_err(Error::io("write into", folder))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    #[cfg(unix)]
    {
        // A temporary file is private; what takes its place is an ordinary one.
        use std::os::unix::fs::PermissionsExt;
        let ordinary = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(ordinary).map_err(Error::io("write", path))?;
    }
    file.persist(path).map_err(|error| Error::io("rename a finished file to", path)(error.error))?;
    Ok(())
}
