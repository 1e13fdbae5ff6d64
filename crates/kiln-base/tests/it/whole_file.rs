//! A file appears whole or not at all, with ordinary permissions, and leaves nothing else in its folder.

use std::fs;
use std::io::Write;
use std::time::{Duration, SystemTime};

use kiln_base::{WholeFile, write_whole};

#[test]
fn a_file_that_is_dropped_leaves_the_old_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    write_whole(&path, b"old").unwrap();
    let mut file = WholeFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    write_whole(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_file_that_the_process_makes() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    fs::write(folder.path().join("plain"), "").unwrap();
    write_whole(folder.path().join("whole"), b"").unwrap();
    assert_eq!(mode("whole"), mode("plain"));
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_is_in_use_stays() {
    let folder = tempfile::tempdir().unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let old = |name: &str| {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
        file
    };
    drop(old(".kiln-abandoned.part"));
    drop(old("mine.part"));
    drop(old(".kiln-replaced"));
    let used = old(".kiln-used.part");
    used.lock().unwrap();
    fs::write(folder.path().join(".kiln-young.part"), "").unwrap();
    write_whole(folder.path().join("a.txt"), b"").unwrap();
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".kiln-replaced", ".kiln-used.part", ".kiln-young.part", "a.txt", "mine.part"]);
    // In a folder that nobody else writes into, the age of a file does not matter.
    WholeFile::remove_abandoned(folder.path());
    assert!(!folder.path().join(".kiln-young.part").exists() && folder.path().join(".kiln-used.part").exists());
}

#[test]
fn an_error_names_the_file_and_what_was_tried() {
    let error = write_whole("no/such/folder/a.txt", b"").unwrap_err().to_string();
    assert!(error.starts_with("cannot create a temporary file in no/such/folder: "), "{error}");
}
