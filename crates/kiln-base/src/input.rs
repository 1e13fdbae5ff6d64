//! [`Input`]: a user's file, opened for reading. Gzip is unpacked, a byte order mark is dropped, and a file of another
//! kind, such as an archive, is refused with advice.

pub(crate) mod encoding;
mod lines_within;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::GzDecoder;

pub use self::lines_within::lines_within;
use crate::{Encoding, FileError};

/// How many bytes from the beginning can be inspected.
const HEAD: u64 = 1 << 16;
/// Enough bytes to recognise the kind of a file; a tar archive has its mark at byte 257.
const MAGIC: u64 = 512;
/// The size of the read buffer.
const BUFFER: usize = 1 << 16;
const MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP: &[u8] = &[0x1f, 0x8b];

/// A file from its beginning, unpacked if it is gzip and without a byte order mark.
///
/// # Examples
///
/// ```
/// use std::io::Read;
///
/// use kiln_base::Input;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("reviews.txt");
/// std::fs::write(&path, "\u{feff}A fine film.\n")?;
/// let mut text = String::new();
/// Input::open(&path)?.into_reader().read_to_string(&mut text)?;
/// assert_eq!(text, "A fine film.\n");
///
/// std::fs::write(&path, b"PK\x03\x04")?;
/// let error = Input::open(&path).unwrap_err().to_string();
/// assert!(error.contains("a zip archive"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Input {
    head: Vec<u8>,
    rest: Box<dyn Read + Send>,
    is_gzip: bool,
    is_decoded: bool,
    bytes: Option<u64>,
    mark: u64,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("is_gzip", &self.is_gzip).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a file. A pipe works too: nothing is read twice.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is damaged gzip, or is neither UTF-8 text nor a binary format of Kiln's, but for
    /// example an archive, a table or UTF-16. The error says what it is and what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Self::read(path.as_ref(), None, &Arc::default())
    }

    /// Opens a text file in `encoding`, which is decoded to UTF-8, and adds the bytes read from the disk to `read`.
    ///
    /// # Errors
    ///
    /// As [`Input::open`]; the error for UTF-16 names the encoding to set.
    pub fn decoded(path: impl AsRef<Path>, encoding: Encoding, read: &Arc<AtomicU64>) -> Result<Self, FileError> {
        Self::read(path.as_ref(), Some(encoding), read)
    }

    fn read(path: &Path, encoding: Option<Encoding>, read: &Arc<AtomicU64>) -> Result<Self, FileError> {
        let opened = || -> io::Result<Self> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            // Only a file on a disk has a known length.
            let bytes = metadata.is_file().then_some(metadata.len());
            Self::of(Counted { file, read: Arc::clone(read) }, bytes, encoding)
        };
        opened().map_err(FileError::new("read", path))
    }

    fn of(mut file: impl Read + Send + 'static, bytes: Option<u64>, encoding: Option<Encoding>) -> io::Result<Self> {
        let mut magic = Vec::new();
        file.by_ref().take(MAGIC).read_to_end(&mut magic)?;
        let is_gzip = magic.starts_with(GZIP);
        let whole = Cursor::new(magic).chain(file);
        let mut rest: Box<dyn Read + Send> = match is_gzip {
            true => Box::new(unpacked(BufReader::with_capacity(BUFFER, whole))),
            false => Box::new(whole),
        };
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head)?;
        refuse(&head, is_gzip, encoding)?;
        let table = encoding.unwrap_or_default().table(&head)?;
        let is_decoded = table.is_some();
        if let Some(table) = table {
            let encoded = Cursor::new(std::mem::take(&mut head)).chain(rest);
            let mut decoded = DecodeReaderBytesBuilder::new().encoding(Some(table)).build(encoded);
            decoded.by_ref().take(HEAD).read_to_end(&mut head)?;
            rest = Box::new(decoded);
        }
        let mark = mark_of(&head);
        head.drain(..mark);
        Ok(Self { head, rest, is_gzip, is_decoded, bytes, mark: mark as u64 })
    }

    /// At most the first 64 KiB, unpacked.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether the file is gzip, judged by its first bytes.
    pub fn is_gzip(&self) -> bool {
        self.is_gzip
    }

    /// The size of the file on the disk in bytes; `None` if it is unknown, as for a pipe.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// The length of the byte order mark that was dropped, 3 or 0: add it to offsets in the rest to get offsets in the
    /// file.
    pub fn mark_bytes(&self) -> u64 {
        self.mark
    }

    /// Everything from the beginning, in lines that end in LF or CR LF. If the first 64 KiB have a CR and no LF, as in
    /// files from old Macs, every CR becomes an LF.
    pub fn into_lines(self) -> Box<dyn BufRead + Send> {
        let is_old = self.ends_lines_in_cr();
        let reader = self.into_reader();
        if is_old { Box::new(BufReader::with_capacity(BUFFER, OldLines(reader))) } else { reader }
    }

    /// Whether a range of the file can be read by itself, by [`lines_within`]: it is not packed, is UTF-8, and its lines
    /// end in LF or CR LF.
    pub fn can_be_cut(&self) -> bool {
        !self.is_gzip && !self.is_decoded && !self.ends_lines_in_cr()
    }

    /// Whether the first 64 KiB have a CR and no LF. A CR at their very end does not count, since it may be half of a
    /// CR LF.
    pub fn ends_lines_in_cr(&self) -> bool {
        let head = self.head.strip_suffix(b"\r").filter(|_| self.head.len() as u64 + self.mark >= HEAD);
        let head = head.unwrap_or(&self.head);
        head.contains(&b'\r') && !head.contains(&b'\n')
    }

    /// Everything from the beginning.
    pub fn into_reader(self) -> Box<dyn BufRead + Send> {
        let whole = Cursor::new(self.head).chain(self.rest);
        Box::new(BufReader::with_capacity(BUFFER, whole))
    }
}

/// A text that was read whole, as UTF-8 without its byte order mark. UTF-8 input is not validated. `None` is UTF-8 for
/// a caller without an option for the encoding, so that error messages do not name that option.
///
/// # Errors
///
/// The bytes are an archive, are compressed, or are UTF-16 although `encoding` is not.
pub fn text_of(mut bytes: Vec<u8>, encoding: Option<Encoding>) -> io::Result<Vec<u8>> {
    if bytes.starts_with(GZIP) {
        return Err(strange("packed by gzip", "unpack it"));
    }
    refuse(&bytes, false, encoding)?;
    if let Some(table) = encoding.unwrap_or_default().table(&bytes)? {
        bytes = table.decode_with_bom_removal(&bytes).0.into_owned().into_bytes();
    }
    bytes.drain(..mark_of(&bytes));
    Ok(bytes)
}

/// Unpacks gzip, member after member. Zero bytes after the last member, which pad tapes, are ignored.
pub fn unpacked(packed: impl BufRead) -> impl Read {
    Members::new(packed)
}

/// The length of the byte order mark at the beginning of a text, 3 or 0.
pub fn mark_of(bytes: &[u8]) -> usize {
    if bytes.starts_with(MARK) { MARK.len() } else { 0 }
}

/// Whether a file begins like an HTML page.
pub fn is_html(head: &[u8]) -> bool {
    let begins = head.trim_ascii_start();
    let is = |tag: &str| begins.get(..tag.len()).is_some_and(|found| found.eq_ignore_ascii_case(tag.as_bytes()));
    is("<!doctype html") || is("<html")
}

/// Counts the bytes read from the disk.
#[derive(Debug)]
pub struct Counted {
    /// The file.
    pub file: File,
    /// How many bytes were read from it.
    pub read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Replaces CR by LF.
struct OldLines<R>(R);

impl<R: Read> Read for OldLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        buffer[..read].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(read)
    }
}

/// The members of a gzip file one after another.
enum Members<R> {
    Member(Box<GzDecoder<R>>),
    /// Between two members.
    Between(R),
    End,
}

impl<R: BufRead> Members<R> {
    fn new(packed: R) -> Self {
        Self::Member(Box::new(GzDecoder::new(packed)))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let is_end = match self {
                Self::Member(member) => {
                    let read = member.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        return Ok(read);
                    }
                    false
                }
                Self::Between(packed) => {
                    // Zeros are skipped until something else comes, or the end.
                    let rest = packed.fill_buf()?;
                    let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
                    let (is_end, is_all) = (rest.is_empty(), zeros == rest.len());
                    packed.consume(zeros);
                    if !is_end && is_all {
                        continue;
                    }
                    is_end
                }
                Self::End => return Ok(0),
            };
            *self = match std::mem::replace(self, Self::End) {
                Self::Member(member) => Self::Between(member.into_inner()),
                Self::Between(packed) if !is_end => Self::new(packed),
                Self::Between(_) | Self::End => Self::End,
            };
        }
    }
}

fn strange(what: &str, advice: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("it is {what}; {advice}"))
}

/// The first bytes of other kinds of file, what each kind is, and what to do with it.
const KINDS: [(&[u8], &str, &str); 16] = [
    (b"\xfd7zXZ\0", "packed by xz", "unpack it with unxz, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it with unzstd, or pack it with gzip"),
    (b"\x1f\x9d", "packed by compress", "unpack it with uncompress, or pack it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and name the file in it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it and name the file in it"),
    (b"ARROW1\0\0", "an Arrow table", "write it as CSV or as JSON lines"),
    (b"\x93NUMPY", "a NumPy array", "write it as text, or with safetensors"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write it as text, or with safetensors"),
    (b"SQLite format 3\0", "an SQLite database", "write the table as CSV"),
    (b"%PDF-", "a PDF document", "save its text in a text file"),
    (b"\x89PNG\r\n\x1a\n", "an image", "use a text file"),
    (b"\xff\xd8\xff", "an image", "use a text file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", "save it as CSV (UTF-8)"),
    (b"\xff\xfe\0\0", "text in UTF-32", "convert it to UTF-8, for example with iconv -f UTF-32 -t UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32", "convert it to UTF-8, for example with iconv -f UTF-32 -t UTF-8"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, not the file itself",
        "fetch the file with git lfs pull",
    ),
];

/// An error if the bytes begin like something other than UTF-8 text or a binary format of Kiln's.
fn refuse(head: &[u8], is_gzip: bool, encoding: Option<Encoding>) -> io::Result<()> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let holds = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
        return Err(match holds(b"[Content_Types].xml") || holds(b"xl/") {
            true => strange("an Office file, such as an Excel workbook", "save it as CSV (UTF-8)"),
            false => strange("a zip archive", "unpack it and name the file in it"),
        });
    }
    // The letters `ustar` are not enough: a text may have "mustard" there.
    if head.get(257..265).is_some_and(|magic| magic.starts_with(b"ustar\0") || magic == b"ustar  \0") {
        let what = if is_gzip { "a tar archive packed by gzip" } else { "a tar archive" };
        return Err(strange(what, "unpack it and name the file in it"));
    }
    // A text may begin with these letters too, so the bytes after them are also checked.
    if head.starts_with(b"BZh") && head.get(4..10).is_some_and(|block| block == b"1AY&SY") {
        return Err(strange("packed by bzip2", "unpack it with bunzip2, or pack it with gzip"));
    }
    if head.starts_with(b"PAR1")
        && head.get(4).is_some_and(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
    {
        return Err(strange("a Parquet table", "write it as CSV or as JSON lines"));
    }
    let is_utf_16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || is_utf_16(head);
    // Before UTF-16, because the mark of UTF-32 begins like that of UTF-16.
    if let Some((_, what, advice)) = KINDS.into_iter().find(|(magic, _, _)| head.starts_with(magic)) {
        return Err(strange(what, advice));
    }
    match encoding {
        _ if !is_utf_16 => Ok(()),
        Some(encoding) if encoding.is_utf_16() => Ok(()),
        Some(_) => Err(strange("text in UTF-16", "set the encoding to UTF-16 (`Encoding::UTF_16`)")),
        None => Err(strange("text in UTF-16", "convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8")),
    }
}

/// Whether every second byte is zero and no other byte is, as in European text in UTF-16 without a mark.
fn is_utf_16(head: &[u8]) -> bool {
    let pairs = &head[..head.len().min(256) / 2 * 2];
    let (even, odd): (Vec<_>, Vec<_>) = pairs.chunks_exact(2).map(|pair| (pair[0] == 0, pair[1] == 0)).unzip();
    let [even, odd] = [even, odd].map(|zeros| zeros.into_iter().filter(|&zero| zero).count());
    let (none, most) = (even.min(odd), even.max(odd));
    pairs.len() >= 8 && none == 0 && most * 10 >= pairs.len() / 2 * 9
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        read_as(Encoding::UTF_8, bytes)
    }

    fn read_as(encoding: Encoding, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Input::of(Cursor::new(bytes.to_vec()), None, Some(encoding))?.into_reader().read_to_end(&mut all)?;
        Ok(all)
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn text_comes_without_its_mark_and_unpacked() {
        let mustard = ["x".repeat(256).as_bytes(), b"mustard"].concat();
        for text in [
            &b""[..],
            b"a",
            b"BZhang and PAR1",
            b"PAR1\tis a gene",
            &mustard,
            b"one line",
            b"a\r\nb\rc\0d\n",
            b"\xff is Latin-1",
            &[b'x'; 200_000],
        ] {
            assert_eq!(read(text).unwrap(), text);
            let marked = [MARK, text].concat();
            assert_eq!(read(&marked).unwrap(), text);
            assert_eq!(read(&packed(&marked)).unwrap(), text);
            assert_eq!(text_of(marked, None).unwrap(), text);
        }
        // Only the first one is a byte order mark.
        assert_eq!(read(b"\xef\xbb\xbf\xef\xbb\xbfa").unwrap(), b"\xef\xbb\xbfa");
    }

    #[test]
    fn gzip_has_members_and_zeros_after_them() {
        let two = [packed(b"one "), packed(b"two")].concat();
        assert_eq!(read(&two).unwrap(), b"one two");
        for zeros in [1, 511, 70_000] {
            assert_eq!(read(&[two.clone(), vec![0; zeros]].concat()).unwrap(), b"one two");
        }
        assert!(read(&[two.clone(), vec![0, 7]].concat()).is_err(), "the bytes after the last member are not a member");
        assert!(read(&two[..two.len() - 3]).is_err(), "the last member ends early");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let mut tar = vec![0; 600];
        tar[..5].copy_from_slice(b"a.txt");
        tar[257..263].copy_from_slice(b"ustar\0");
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for (bytes, what) in [
            (b"PK\x03\x04....reviews.csv".to_vec(), "a zip archive"),
            (b"PK\x03\x04....[Content_Types].xml".to_vec(), "an Excel workbook"),
            (packed(&tar), "a tar archive packed by gzip"),
            (tar, "a tar archive;"),
            (b"BZh91AY&SY".to_vec(), "bzip2"),
            (b"PAR1\x15\0".to_vec(), "Parquet"),
            (utf_16("\u{feff}next"), "UTF-16"),
            (utf_16("next line\n"), "UTF-16"),
            (packed(&utf_16("next line\n")), "UTF-16"),
            (b"\0n\0e\0x\0t".to_vec(), "UTF-16"),
            (b"version https://git-lfs.github.com/spec/v1\noid".to_vec(), "git lfs pull"),
        ] {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        // Kinds are recognised by their first bytes whatever the encoding, except UTF-16 when it is asked for.
        let tar_gz = packed(&[&[b'x'; 257][..], b"ustar\0", &[0; 200]].concat());
        for encoding in [Encoding::UTF_8_LOSSY, Encoding::WINDOWS_1252, Encoding::UTF_16] {
            assert!(read_as(encoding, &tar_gz).unwrap_err().to_string().contains("tar"));
        }
        assert!(read_as(Encoding::WINDOWS_1252, &utf_16("next line\n")).unwrap_err().to_string().contains("UTF-16"));
        assert!(text_of(packed(b"text"), None).unwrap_err().to_string().contains("gzip"));
    }

    #[test]
    fn other_encodings_come_as_utf_8() {
        let long = "naïve – 한국어 film\n".repeat(20_000);
        let [little, big]: [Vec<u8>; 2] = [u16::to_le_bytes, u16::to_be_bytes]
            .map(|bytes| format!("\u{feff}{long}").encode_utf16().flat_map(bytes).collect());
        let named = |name: &str| name.parse::<Encoding>().unwrap();
        let korean = named("euc-kr");
        let packed_little = packed(&little);
        for (encoding, bytes, expected) in [
            (Encoding::UTF_8_LOSSY, &b"caf\xe9 \xe2\x82 \xe2\x82\xac"[..], "caf\u{fffd} \u{fffd} €"),
            (Encoding::UTF_8_LOSSY, b"\xef\xbb\xbfa", "a"),
            (Encoding::WINDOWS_1252, b"caf\xe9 \x80", "café €"),
            (Encoding::UTF_16, &little, &long),
            (Encoding::UTF_16, &big, &long),
            (Encoding::UTF_16, &packed_little, &long),
            (Encoding::UTF_16, b"", ""),
            (named("utf-16le"), &little[2..], &long),
            (named("utf-16be"), &big, &long),
            (named("utf-16le"), b"a\0", "a"),
            (korean, b"\xc7\xd1\xb1\xb9", "한국"),
        ] {
            assert_eq!(read_as(encoding, bytes).unwrap(), expected.as_bytes(), "{encoding}");
            if !bytes.starts_with(GZIP) {
                assert_eq!(text_of(bytes.to_vec(), Some(encoding)).unwrap(), expected.as_bytes(), "{encoding}");
            }
        }
        let error = read_as(Encoding::UTF_16, b"next line").unwrap_err().to_string();
        assert!(error.contains("no byte order mark") && error.contains("utf-16le"), "{error}");
        let error = read_as(named("utf-16le"), &big).unwrap_err().to_string();
        assert!(error.contains("the other byte order"), "{error}");
        // The advice names the option if the caller has one.
        let advice = |encoding| text_of(little.clone(), encoding).unwrap_err().to_string();
        assert!(advice(Some(Encoding::UTF_8)).contains("`Encoding::UTF_16`") && advice(None).contains("iconv"));
    }

    #[test]
    fn lines_of_old_macs_come_with_lf() {
        let lines = |bytes: &[u8]| {
            let mut all = Vec::new();
            let input = Input::of(Cursor::new(bytes.to_vec()), None, None).unwrap();
            input.into_lines().read_to_end(&mut all).unwrap();
            all
        };
        assert_eq!(lines(b"a\rb\r"), b"a\nb\n");
        for kept in [&b"a\r\nb"[..], b"a\rb\nc", b"no end"] {
            assert_eq!(lines(kept), kept);
        }
        // A CR LF whose first half is the last byte inspected.
        for length in [(1 << 16) - 1, 1 << 16] {
            let long = [&vec![b'x'; length][..], b"\r\nb\r\n"].concat();
            assert!(lines(&long) == long, "{length}");
        }
    }

    #[test]
    fn a_page_of_the_web_is_told_apart() {
        assert!(is_html(b"\n<!DOCTYPE html><title>404</title>") && is_html(b"<html lang"));
        assert!(!is_html(b"<s> the") && !is_html(b"") && !is_html(b"the 0.1"));
    }
}
