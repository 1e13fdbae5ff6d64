//! One fuzz target for each reader of files; `KILN_FUZZ` names the one to run. `cargo xtask fuzz` builds this with the
//! fuzzer's flags and runs one target after another, starting from a good file of its kind.

#![no_main]

#[cfg(feature = "heavy")]
mod heavy;
#[path = "../../xtask/src/bin/odd_inputs/readers.rs"]
mod readers;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use readers::{Read, Reader};

/// The target, and the file that it reads over and over.
static TARGET: OnceLock<(Reader, PathBuf)> = OnceLock::new();

/// All targets.
fn targets() -> anyhow::Result<Vec<Reader>> {
    #[allow(unused_mut)]
    let mut all = readers::all()?;
    #[cfg(feature = "heavy")]
    all.extend(heavy::all()?);
    Ok(all)
}

/// Does what the environment asks for: lists the targets, writes a good file for one, or selects it.
fn begin() -> anyhow::Result<()> {
    let name = std::env::var("KILN_FUZZ").unwrap_or_default();
    let mut targets = targets()?;
    let Some(at) = targets.iter().position(|target| target.name == name) else {
        targets.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(i32::from(!name.is_empty()));
    };
    let target = targets.swap_remove(at);
    if let Some(folder) = std::env::var_os("KILN_FUZZ_SEEDS") {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(Path::new(&folder).join("good"), &target.good)?;
    }
    let path = tempfile::tempdir_in(memory())?.keep().join(target.file);
    std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
    TARGET.get_or_init(|| (target, path));
    Ok(())
}

/// A folder in memory, if the machine has one.
fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

fuzz_target!(
    init: if let Err(error) = begin() {
        eprintln!("{error:?}");
        std::process::exit(1);
    },
    |bytes: &[u8]| {
        if let Some((target, path)) = TARGET.get() {
            std::fs::write(path, bytes).expect("the file of the target can be written");
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match (target.read)(path) {
                Ok(Read { items, skipped, lines: Some(lines) }) => assert_eq!(items + skipped, lines, "of the lines"),
                Ok(Read { lines: None, .. }) => {}
                Err(error) => assert!(error.contains(&*name), "the error does not name the file: {error}"),
            }
        }
    }
);
