//! [`lines_within`]: a part of a file's lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{BUFFER, Counted, mark_of};
use crate::FileError;

/// The lines of a file whose first bytes are in a range, and the offset of the first of these lines. The ranges of a
/// file that is cut anywhere have each of its lines once. `is_end` says which byte ends a line; with white space, words
/// take the place of lines. Adds the bytes read from the disk to `read`. The byte order mark is dropped. The file must
/// be one that [can be cut](crate::Input::can_be_cut).
///
/// # Errors
///
/// The file cannot be read.
pub fn lines_within(
    path: &Path,
    range: Range<u64>,
    is_end: fn(u8) -> bool,
    read: &Arc<AtomicU64>,
) -> Result<(impl BufRead + Send + use<>, u64), FileError> {
    let opened = || -> io::Result<_> {
        let mut file = File::open(path)?;
        // If the byte before the range ends a line, a line begins with the range; otherwise the next one is the first.
        let before = range.start.saturating_sub(1);
        file.seek(SeekFrom::Start(before))?;
        let mut lines = BufReader::with_capacity(BUFFER, Counted { file, read: Arc::clone(read) });
        if range.start == 0 {
            let mark = mark_of(lines.fill_buf()?);
            lines.consume(mark);
            // The first line begins with the mark.
            let left = range.end.saturating_sub(mark as u64).max(range.end.min(1));
            return Ok((Within { lines, is_end, left, ends: None }, mark as u64));
        }
        // A file that has become shorter has no lines here.
        let first = (before + skip_line(&mut lines, is_end)?).max(range.start);
        Ok((Within { lines, is_end, left: range.end.saturating_sub(first), ends: None }, first))
    };
    opened().map_err(FileError::new("read", path))
}

/// Reads to the end of a line, and returns how many bytes.
fn skip_line(lines: &mut impl BufRead, is_end: fn(u8) -> bool) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let bytes = lines.fill_buf()?;
        let end = bytes.iter().position(|&byte| is_end(byte));
        let some = end.map_or(bytes.len(), |end| end + 1);
        lines.consume(some);
        skipped += some as u64;
        if end.is_some() || some == 0 {
            return Ok(skipped);
        }
    }
}

/// Some more bytes, and the rest of the line that the last of them is in.
struct Within<R> {
    lines: R,
    is_end: fn(u8) -> bool,
    /// How many bytes are left before the line end that is the last byte; at least 1 until that is read.
    left: u64,
    /// Where the last byte ends among those that the last call has shown, if it is one of them.
    ends: Option<usize>,
}

impl<R: BufRead> BufRead for Within<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let bytes = self.lines.fill_buf()?;
        let from = usize::try_from(self.left - 1).unwrap_or(usize::MAX);
        let end = bytes.get(from..).and_then(|rest| rest.iter().position(|&byte| (self.is_end)(byte)));
        self.ends = end.map(|end| from + end + 1);
        Ok(&bytes[..self.ends.unwrap_or(bytes.len())])
    }

    fn consume(&mut self, amount: usize) {
        if self.left == 0 {
            return;
        }
        self.lines.consume(amount);
        self.left = if self.ends == Some(amount) { 0 } else { self.left.saturating_sub(amount as u64).max(1) };
        self.ends = self.ends.map(|end| end.saturating_sub(amount));
    }
}

impl<R: BufRead> Read for Within<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        if read > 0 {
            self.consume(read);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MARK;
    use super::*;

    #[test]
    fn the_ranges_of_a_file_have_each_line_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.txt");
        let long = [&[b'x'; 200_000][..], b"\nend"].concat();
        let marked = [MARK, b"a\nb\n"].concat();
        for text in [&marked[..], &b"a\n\nbc\r\ndef\n"[..], b"no line end", b"\n", b"", &long] {
            std::fs::write(&path, text).unwrap();
            let mark = mark_of(text) as u64;
            for cuts in [vec![], vec![1], vec![2, 3, 7], vec![5, 5, 6], vec![100, 65_536, 150_000, 200_000, 200_001]] {
                let ends = cuts.iter().copied().chain([u64::MAX]);
                let (mut start, mut all, read) = (0, Vec::new(), Arc::default());
                for end in ends {
                    let (mut lines, first) = lines_within(&path, start..end, |byte| byte == b'\n', &read).unwrap();
                    let before = all.len();
                    lines.read_to_end(&mut all).unwrap();
                    if all.len() > before {
                        assert!(
                            first == before as u64 + mark && (before == 0 || all[before - 1] == b'\n'),
                            "{cuts:?} {start}"
                        );
                    }
                    start = end;
                }
                assert!(all == text.strip_prefix(MARK).unwrap_or(text), "{cuts:?}");
                let (mut beyond, _) = lines_within(&path, 1 << 40..1 << 41, |_| false, &read).unwrap();
                assert_eq!(beyond.read_to_end(&mut all).unwrap(), 0);
            }
        }
    }
}
