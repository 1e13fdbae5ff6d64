//! Reads the files of a `.tar.gz` in one pass, without unpacking it to disk. Refuses entries that could do harm and
//! archives that end early. The caller chooses the files.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kiln_base::input::{Counted, unpacked};
use tar::EntryType;

use crate::error::{Error, Result};

/// No document comes near this size; a larger entry is refused before memory is allocated.
const LARGEST_FILE: u64 = 64 << 20;

/// The most bytes of documents read from one archive; the film reviews take a quarter of it.
const LARGEST_TOTAL: u64 = 256 << 20;

/// The most bytes before a file in an archive: its header, and its name if that is long.
const LARGEST_HEADER: u64 = 1 << 20;

/// The zero bytes that end every tar archive: two blocks.
const END_MARK: u64 = 1024;

/// Reads the files for which `wanted` returns a key, in the archive's order.
///
/// Names are passed without a leading `./`; `read` counts the archive's bytes.
pub(crate) fn read_files<K>(
    path: &Path,
    read: &Arc<AtomicU64>,
    mut wanted: impl FnMut(&str) -> Option<K>,
    mut keep: impl FnMut(K, &str, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let broken = |source| Error::Archive { archive: path.to_path_buf(), source };
    let file = File::open(path).map_err(Error::io("open", path))?;
    let file = Counted { file, read: Arc::clone(read) };
    let decoder = unpacked(BufReader::with_capacity(1 << 16, file));
    let header = Rc::new(Cell::new(0));
    let mut archive = tar::Archive::new(Watch { inner: decoder, zeros: 0, header: Rc::clone(&header) });
    let mut total = 0;
    let mut entries = archive.entries().map_err(broken)?;
    loop {
        // Everything read before the next entry counts against the limit on headers.
        header.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { break };
        header.set(u64::MAX);
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse = |problem| Err(Error::ArchiveEntry { archive: path.to_path_buf(), entry: name.clone(), problem });
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader | EntryType::Regular | EntryType::Continuous => {}
            EntryType::Symlink => return refuse("it is a symbolic link"),
            EntryType::Link => return refuse("it is a hard link"),
            _ => return refuse("it is neither a file nor a folder"),
        }
        if let Some(problem) = leads_outside(&name) {
            return refuse(problem);
        }
        let name = name.trim_start_matches("./");
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let Some(key) = wanted(name) else {
            io::copy(&mut entry, &mut io::sink()).map_err(broken)?;
            continue;
        };
        let size = entry.size();
        if size > LARGEST_FILE {
            return refuse("it is larger than 64 MiB, and no document is");
        }
        total += size;
        if total > LARGEST_TOTAL {
            return refuse("with it the documents take more than 256 MiB, four times as much as the reviews");
        }
        let mut contents = Vec::with_capacity(size as usize);
        entry.read_to_end(&mut contents).map_err(broken)?;
        if contents.len() as u64 != size {
            return Err(broken(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{name} should have {size} bytes, found {}", contents.len()),
            )));
        }
        keep(key, name, contents)?;
    }
    header.set(u64::MAX);
    // The rest is the end mark and the checksum of the compressed stream, which is checked only by reading on.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(broken)?;
    if rest.zeros < END_MARK {
        return Err(broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the tar archive ends without its end mark")));
    }
    Ok(())
}

/// The reason not to follow a name, if there is one. Backslashes and drive letters count on every system.
fn leads_outside(name: &str) -> Option<&'static str> {
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with(['/', '\\']) || drive {
        Some("its path is absolute")
    } else if name.split(['/', '\\']).any(|part| part == "..") {
        Some("its path leads out of the archive with `..`")
    } else {
        None
    }
}

/// Counts the zero bytes at the end of what has been read, and fails on headers that are too long.
struct Watch<R> {
    inner: R,
    zeros: u64,
    /// How many more bytes may be read.
    header: Rc<Cell<u64>>,
}

impl<R: Read> Read for Watch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.header.get();
        if most == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a name or a header takes more than 1 MiB"));
        }
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..length])?;
        if most < u64::MAX {
            self.header.set(most - read as u64);
        }
        let at_end = buffer[..read].iter().rev().take_while(|&&byte| byte == 0).count();
        self.zeros = if at_end == read { self.zeros + read as u64 } else { at_end as u64 };
        Ok(read)
    }
}
