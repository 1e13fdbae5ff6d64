//! Text files as people really have them, and what each reader makes of them. Every crate that reads users' files
//! includes this module in its tests.

use std::fmt::Debug;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A file: what it is, its bytes, and, if it must be refused, what the error says.
type OddFile = (&'static str, Vec<u8>, Option<&'static str>);

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of one file.
fn tar(bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..8].copy_from_slice(b"text.txt");
    header[100..108].copy_from_slice(b"0000644\0");
    let size = format!("{:011o}\0", bytes.len());
    header[124..136].copy_from_slice(size.as_bytes());
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    let padding = bytes.len().next_multiple_of(512) - bytes.len();
    [header, bytes.to_vec(), vec![0; padding + 1024]].concat()
}

/// What a reader makes of a file that readers treat differently.
#[derive(Debug)]
pub(crate) enum Cell<T> {
    /// The same as for the plain text.
    Same,
    /// This.
    Reads(T),
    /// An error that names the file and says this.
    Says(&'static str),
}

/// Copies of a file in every kind of package, whatever is in it.
fn packages(plain: &[u8]) -> Vec<OddFile> {
    let (first, second) = plain.split_at(plain.len() / 2);
    vec![
        ("gzip", packed(plain), None),
        ("gzip in two members", [packed(first), packed(second)].concat(), None),
        ("gzip with zeros after it", [packed(plain), vec![0; 700]].concat(), None),
        ("gzip cut short", packed(plain)[..packed(plain).len() - 5].to_vec(), Some("")),
        ("a tar archive", tar(plain), Some("a tar archive; unpack it")),
        ("a tar.gz", packed(&tar(plain)), Some("a tar archive packed by gzip")),
        ("a zip archive", [b"PK\x03\x04\x14\0\0\0", plain].concat(), Some("a zip archive")),
        ("a workbook", b"PK\x03\x04\x14\0[Content_Types].xml".to_vec(), Some("save it as CSV")),
        ("bzip2", b"BZh91AY&SY\x01\x02".to_vec(), Some("bzip2")),
        ("xz", b"\xfd7zXZ\0\0\x04".to_vec(), Some("xz")),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\0".to_vec(), Some("zstd")),
        ("Parquet", b"PAR1\x15\x04\x15".to_vec(), Some("Parquet")),
        ("NumPy", b"\x93NUMPY\x01\0".to_vec(), Some("NumPy")),
        ("HDF5", b"\x89HDF\r\n\x1a\n\0\0".to_vec(), Some("HDF5")),
        (
            "a pointer of Git LFS",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
            Some("git lfs pull"),
        ),
        ("an empty file", Vec::new(), Some("")),
    ]
}

/// Copies of `text`, ASCII in lines, as editors and other systems write it.
fn spellings(text: &str) -> Vec<OddFile> {
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let utf_16 = |mark: &str| format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        ("with a byte order mark", marked.clone(), None),
        ("with CR LF", text.replace('\n', "\r\n").into_bytes(), None),
        ("with a mark and CR LF", format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes(), None),
        ("without a last line end", text.trim_end_matches('\n').as_bytes().to_vec(), None),
        ("gzip with a mark in it", packed(&marked), None),
        ("UTF-16 with its mark", utf_16("\u{feff}"), Some("UTF-16")),
        ("UTF-16 without a mark", utf_16(""), Some("UTF-16")),
    ]
}

/// Copies of `text` that each reader treats in its own way.
fn own_files(text: &str) -> [(&'static str, Vec<u8>); 5] {
    let last = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
    let with = |byte: u8| [&text.as_bytes()[..=last], &[byte], &text.as_bytes()[last + 1..]].concat();
    [
        ("CR", text.replace('\n', "\r").into_bytes()),
        ("NUL", with(0)),
        ("one line", text.split_inclusive('\n').next().unwrap_or_default().as_bytes().to_vec()),
        ("Latin-1", with(0xe9)),
        ("HTML", b"<!DOCTYPE html>\n<html><body>404</body></html>\n".to_vec()),
    ]
}

/// Runs a reader over copies of `text` in a file `name`. For copies that are text, it must read the same as for `text`
/// itself; for the others, the error must say what they are. `reads_once`: whether a pipe works. `own` returns what is
/// expected for `CR` (all line ends), `NUL` (after the first letter of the last line), `one line` (the first),
/// `Latin-1` (é in the place of NUL) and `HTML`.
pub(crate) fn check<T: PartialEq + Debug>(
    name: &str,
    text: &str,
    reads_once: bool,
    own: impl Fn(&str) -> Cell<T>,
    read: impl Fn(&Path) -> Result<T, String>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let expected = read(&path).unwrap();
    let mut wrong = check_packages(&path, text.as_bytes(), spellings(text), &expected, &read);
    for (what, bytes) in own_files(text) {
        std::fs::write(&path, bytes).unwrap();
        match (read(&path), own(what)) {
            (Ok(found), Cell::Same) if found == expected => {}
            (Ok(found), Cell::Reads(own)) if found == own => {}
            (Err(error), Cell::Says(says)) if error.contains(says) && error.contains(name) => {}
            (found, own) => wrong.push(format!("{what}: {found:?} for {own:?}")),
        }
    }
    if cfg!(unix) && reads_once {
        std::fs::remove_file(&path).unwrap();
        let status = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(status.success());
        let found = std::thread::scope(|scope| {
            scope.spawn(|| std::fs::write(&path, text).unwrap());
            read(&path)
        });
        if found.as_ref() != Ok(&expected) {
            wrong.push(format!("a pipe: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{name}, of which {expected:?} should be read:\n{}", wrong.join("\n"));
}

/// Runs a reader over copies of a file `name` that is not text.
#[allow(dead_code)] // not every crate has such a format
pub(crate) fn check_bytes<T: PartialEq + Debug>(name: &str, bytes: &[u8], read: impl Fn(&Path) -> Result<T, String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let expected = read(&path).unwrap();
    let wrong = check_packages(&path, bytes, Vec::new(), &expected, &read);
    assert!(wrong.is_empty(), "{name}, of which {expected:?} should be read:\n{}", wrong.join("\n"));
}

/// What goes wrong with packaged copies, with `others`, and with paths that cannot be read at all.
fn check_packages<T: PartialEq + Debug>(
    path: &Path,
    plain: &[u8],
    others: Vec<OddFile>,
    expected: &T,
    read: &impl Fn(&Path) -> Result<T, String>,
) -> Vec<String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut wrong = Vec::new();
    for (what, bytes, refused) in packages(plain).into_iter().chain(others) {
        std::fs::write(path, bytes).unwrap();
        match (read(path), refused) {
            (Ok(found), None) if found == *expected => {}
            (Err(error), Some(says)) if error.contains(says) && error.contains(name) => {}
            (found, _) => wrong.push(format!("{what}: {found:?}")),
        }
    }
    let mut is_refused = |what: &str, found: Result<T, String>| match found {
        Err(error) if error.contains(name) => {}
        found => wrong.push(format!("{what}: {found:?}")),
    };
    std::fs::write(path, plain).unwrap();
    if let Some(found) = without_permission(path, || read(path)) {
        is_refused("a file without permission", found);
    }
    std::fs::remove_file(path).unwrap();
    is_refused("a missing file", read(path));
    std::fs::create_dir(path).unwrap();
    is_refused("a folder", read(path));
    std::fs::remove_dir(path).unwrap();
    std::fs::write(path, plain).unwrap();
    wrong
}

/// What `read` returns for a file that the user may not read. Root may read any file, so the thread runs as another
/// user meanwhile.
#[cfg(target_os = "linux")]
fn without_permission<T>(path: &Path, read: impl FnOnce() -> T) -> Option<T> {
    use std::os::unix::fs::PermissionsExt;

    const NOBODY: libc::uid_t = 65_534;
    // The raw system call changes only this thread; libc's function changes the whole process.
    // SAFETY: it takes three numbers, of which -1 leaves the real and the saved user unchanged.
    let become_user = |user: libc::uid_t| unsafe { libc::syscall(libc::SYS_setresuid, -1, user, -1) } == 0;
    // SAFETY: it takes nothing and always succeeds.
    let user = unsafe { libc::geteuid() };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let is_other = user == 0 && become_user(NOBODY);
    let found = (user != 0 || is_other).then(read);
    assert!(!is_other || become_user(user), "the test is root again");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    found
}

#[cfg(not(target_os = "linux"))]
fn without_permission<T>(_: &Path, _: impl FnOnce() -> T) -> Option<T> {
    None
}
