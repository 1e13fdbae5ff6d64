//! Damaged copies of a file, the same every time, and which of them a reader accepts. Every crate that writes files in
//! Kiln's formats includes this module in its tests.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kiln_base::SplitMix64;

/// Copies of each file.
pub(crate) const COPIES: usize = 300;

/// What was done to a copy, and its bytes.
pub(crate) type Copy = (String, Vec<u8>);

/// Damaged copies, all different from the original: cuts, flipped bits, swapped blocks, runs of zeros, bytes appended
/// and bytes inserted, one sixth of the copies each.
pub(crate) fn copies(whole: &[u8], seed: u64) -> Vec<Copy> {
    assert!(whole.len() > 2, "a file of {} bytes", whole.len());
    let mut random = SplitMix64::new(seed);
    let mut copies = Vec::with_capacity(COPIES);
    while copies.len() < COPIES {
        let (what, copy) = damaged(whole, copies.len() % 6, &mut random);
        if copy != whole {
            copies.push((what, copy));
        }
    }
    copies
}

fn damaged(whole: &[u8], kind: usize, random: &mut SplitMix64) -> Copy {
    let mut copy = whole.to_vec();
    let mut below = |limit: usize| random.below(limit as u64) as usize;
    let at = below(whole.len());
    let what = match kind {
        0 => {
            copy.truncate(at);
            format!("cut to {at} of {} bytes", whole.len())
        }
        1 => {
            let bit = below(8);
            copy[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        2 => {
            let length = 1 + below(64.min(whole.len() / 2));
            let first = below(whole.len() - 2 * length + 1);
            let second = first + length + below(whole.len() - first - 2 * length + 1);
            let (front, back) = copy.split_at_mut(second);
            front[first..first + length].swap_with_slice(&mut back[..length]);
            format!("{length} bytes at {first} and {second} swapped")
        }
        3 => {
            let length = (1 + below(64)).min(whole.len() - at);
            copy[at..at + length].fill(0);
            format!("{length} zeros over byte {at}")
        }
        _ => {
            let at = if kind == 4 { whole.len() } else { at };
            // Bytes that may go unnoticed in text, zeros, or any byte.
            let byte = [b'\n', b' ', 0, below(256) as u8][below(4)];
            let added = vec![byte; 1 + below(16)];
            let what = format!("{} times byte {byte} put in at {at} of {}", added.len(), whole.len());
            copy.splice(at..at, added);
            what
        }
    };
    (what, copy)
}

/// The damaged copies of a file that `load` accepts, those whose error does not name the file, and those on which it
/// panics. The original file is read first and restored at the end.
pub(crate) fn not_refused<E: Display>(path: &Path, load: impl Fn(&Path) -> Result<(), E>) -> Vec<String> {
    let whole = std::fs::read(path).unwrap();
    if let Err(error) = load(path) {
        panic!("the whole file: {error}");
    }
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut failures = Vec::new();
    for (what, copy) in copies(&whole, whole.len() as u64) {
        std::fs::write(path, copy).unwrap();
        match catch_unwind(AssertUnwindSafe(|| load(path))) {
            Ok(Err(error)) if error.to_string().contains(name) => {}
            Ok(Err(error)) => failures.push(format!("{what}: without the file's name: {error}")),
            Ok(Ok(())) => failures.push(format!("{what}: read")),
            Err(_) => failures.push(format!("{what}: panicked")),
        }
    }
    std::fs::write(path, whole).unwrap();
    failures
}
