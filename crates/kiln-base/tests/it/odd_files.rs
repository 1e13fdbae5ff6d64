//! Files of text as people really have them, and what each reader makes of them. Every crate that reads users' files takes
//! this module into its tests.

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

/// Copies of `text`, ASCII in lines, in every guise.
fn files(text: &str) -> Vec<OddFile> {
    let plain = text.as_bytes();
    let marked = [b"\xef\xbb\xbf", plain].concat();
    let (first, second) = plain.split_at(plain.len() / 2);
    let utf_16 = |mark: &str| format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        ("with a byte order mark", marked.clone(), None),
        ("with CR LF", text.replace('\n', "\r\n").into_bytes(), None),
        ("with a mark and CR LF", format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes(), None),
        ("without a last line end", text.trim_end_matches('\n').as_bytes().to_vec(), None),
        ("gzip", packed(plain), None),
        ("gzip with a mark in it", packed(&marked), None),
        ("gzip in two members", [packed(first), packed(second)].concat(), None),
        ("gzip with zeros after it", [packed(plain), vec![0; 700]].concat(), None),
        ("gzip cut short", packed(plain)[..packed(plain).len() - 5].to_vec(), Some("")),
        ("UTF-16 with its mark", utf_16("\u{feff}"), Some("UTF-16")),
        ("UTF-16 without a mark", utf_16(""), Some("UTF-16")),
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

/// Runs a reader over copies of `text` in a file `name`: what it reads of those that are text must be what it reads of the
/// text as it is, and the error of the others must say what they are. `reads_once`: whether a pipe will do.
pub(crate) fn check<T: PartialEq + Debug>(
    name: &str,
    text: &str,
    reads_once: bool,
    read: impl Fn(&Path) -> Result<T, String>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let expected = read(&path).unwrap();
    let mut wrong = Vec::new();
    for (what, bytes, refused) in files(text) {
        std::fs::write(&path, bytes).unwrap();
        match (read(&path), refused) {
            (Ok(found), None) if found == expected => {}
            (Err(error), Some(says)) if error.contains(says) && error.contains(name) => {}
            (found, _) => wrong.push(format!("{what}: {found:?}")),
        }
    }
    std::fs::remove_file(&path).unwrap();
    match read(&path) {
        Err(error) if error.contains(name) => {}
        found => wrong.push(format!("a missing file: {found:?}")),
    }
    std::fs::create_dir(&path).unwrap();
    match read(&path) {
        Err(error) if error.contains(name) => {}
        found => wrong.push(format!("a folder: {found:?}")),
    }
    std::fs::remove_dir(&path).unwrap();
    if cfg!(unix) && reads_once {
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
