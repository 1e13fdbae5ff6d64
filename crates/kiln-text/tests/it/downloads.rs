//! Downloads from a server on this machine: a correct file is kept, and of any other file nothing. The official archive
//! is not fetched here.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use kiln_text::Error;
use kiln_text::corpora::{Download, Imdb};
use sha2::{Digest, Sha256};

const BODY: &[u8] = b"a published file";

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Answers one request with `status`, a promise of `promised` bytes, and `body`; returns its address.
fn serve(status: &'static str, promised: usize, body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n");
        // The client may hang up before it has read everything.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    });
    format!("http://{address}/file.bin")
}

fn left_in(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.count())
}

#[test]
fn a_good_file_gets_its_name_and_passes_its_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/file.bin");
    let download = Download::new(serve("200 OK", BODY.len(), BODY), sha256(BODY).to_uppercase(), BODY.len() as u64);
    download.fetch_to(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), BODY);
    assert_eq!(left_in(path.parent().unwrap()), 1);
    download.check(&path).unwrap();
    fs::write(&path, b"a publishe! file").unwrap();
    assert!(matches!(download.check(&path), Err(Error::WrongChecksum { .. })));
    fs::write(&path, b"short").unwrap();
    assert!(matches!(download.check(&path), Err(Error::WrongSize { expected: 16, found: 5, .. })));
}

#[test]
fn what_is_wrong_leaves_nothing_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.bin");
    fs::write(&path, b"what was there").unwrap();
    let size = BODY.len() as u64;
    let fetch = |url, sum: &[u8], size| Download::new(url, sha256(sum), size).fetch_to(&path).unwrap_err();

    let other = fetch(serve("200 OK", BODY.len(), BODY), b"another file", size);
    assert!(matches!(&other, Error::WrongChecksum { found, .. } if found == &sha256(BODY)), "{other}");
    let short = fetch(serve("200 OK", 9, &BODY[..9]), BODY, size);
    assert!(matches!(&short, Error::WrongSize { expected: 16, found: 9, .. }), "{short}");
    let long = fetch(serve("200 OK", BODY.len(), BODY), BODY, 7);
    assert!(matches!(&long, Error::WrongSize { expected: 7, .. }), "{long}");
    let broken = fetch(serve("200 OK", BODY.len(), &BODY[..5]), BODY, size);
    assert!(matches!(&broken, Error::DownloadBroken { .. }), "{broken}");
    let missing = fetch(serve("404 Not Found", 0, b""), BODY, size);
    assert!(matches!(&missing, Error::Download { .. }) && missing.to_string().contains("404"), "{missing}");
    // A port that was free a moment ago: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = fetch(format!("http://{nobody}/file.bin"), BODY, size);
    assert!(matches!(&refused, Error::Download { .. }), "{refused}");

    for error in [other, short, long, broken, missing, refused] {
        assert!(error.to_string().contains("pass its path (for the reviews, to `Imdb::open`)"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"what was there");
    assert_eq!(left_in(folder.path()), 1);
}

#[test]
fn the_imdb_cache_is_checked_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let cached = folder.path().join("imdb/aclImdb_v1.tar.gz");
    // Two bytes of gzip are enough to open it, not to read it.
    let archive: &[u8] = b"\x1f\x8b and the rest";
    let download = |url: String| Download::new(url, sha256(archive), archive.len() as u64);

    let nobody = "http://127.0.0.1:1/aclImdb_v1.tar.gz".to_owned();
    assert!(matches!(Imdb::cached_in(folder.path(), &download(nobody.clone())), Err(Error::Download { .. })));
    assert!(!cached.exists());

    fs::create_dir_all(cached.parent().unwrap()).unwrap();
    fs::write(&cached, b"\x1f\x8b half of a download").unwrap();
    Imdb::cached_in(folder.path(), &download(serve("200 OK", archive.len(), archive))).unwrap();
    assert_eq!(fs::read(&cached).unwrap(), archive);
    // Now the right file is there, so the network is not used.
    Imdb::cached_in(folder.path(), &download(nobody)).unwrap();
}
