//! `cargo xtask odd-inputs`: every file reader on odd copies of a good file. Nothing may panic, hang, use unbounded
//! memory or skip a line without counting it, and an error must name the file.

mod mutations;
mod readers;

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use kiln_base::SplitMix64;

use readers::{Read, Reader};

/// Read odd copies of good files with every reader
#[derive(Parser)]
struct Options {
    /// Odd files for each reader
    #[arg(long, default_value_t = 1_000)]
    count: u64,
    /// The seed of the files
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only the readers whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Keep the files that were treated wrongly in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Show the outcome of each file
    #[arg(long)]
    verbose: bool,
}

/// A file that takes longer counts as a hang.
const LONGEST: Duration = Duration::from_secs(10);
/// The memory that a reader may use in addition to twice the contents of the file.
const MEMORY: usize = 64 << 20;

/// Counts the bytes in use, and their maximum.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(in_use, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The outcomes of a reader's files.
#[derive(Default)]
struct Outcomes {
    read: u64,
    refused: u64,
    skipped: u64,
    slowest: Duration,
    most_memory: usize,
    wrong: Vec<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let readers = readers::all()?;
    panic::set_hook(Box::new(|_| {}));
    let now: Arc<Mutex<Option<(String, Instant)>>> = Arc::default();
    watch(Arc::clone(&now));

    println!(
        "{:<32} {:>6} {:>8} {:>8} {:>9} {:>8}  wrong",
        "reader", "read", "refused", "skipped", "slowest", "memory"
    );
    let mut wrong = Vec::new();
    for (at, reader) in readers.iter().enumerate().filter(|(_, reader)| reader.name.contains(&options.only)) {
        let other = &readers[(at + 1) % readers.len()].good;
        let outcomes = read_all(&options, reader, other, folder.path(), &now)?;
        println!(
            "{:<32} {:>6} {:>8} {:>8} {:>6} ms {:>5} MB  {}",
            reader.name,
            outcomes.read,
            outcomes.refused,
            outcomes.skipped,
            outcomes.slowest.as_millis(),
            outcomes.most_memory >> 20,
            outcomes.wrong.len()
        );
        wrong.extend(outcomes.wrong);
    }
    for line in wrong.iter().take(40) {
        println!("{line}");
    }
    ensure!(wrong.is_empty(), "{} files were treated wrongly", wrong.len());
    Ok(())
}

/// Ends the program if a file takes too long.
fn watch(now: Arc<Mutex<Option<(String, Instant)>>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(LONGEST / 10);
            let now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some((what, since)) = &*now
                && since.elapsed() > LONGEST
            {
                eprintln!("{what}: reading takes more than {LONGEST:?}");
                std::process::exit(1);
            }
        }
    });
}

/// The number of bytes in a file; if it is compressed, those of its contents as far as they can be read.
fn decoded(bytes: &[u8]) -> usize {
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(bytes), &mut unpacked).ok();
    unpacked.len().max(bytes.len())
}

fn read_all(
    options: &Options,
    reader: &Reader,
    other: &[u8],
    folder: &std::path::Path,
    now: &Mutex<Option<(String, Instant)>>,
) -> Result<Outcomes> {
    let path = folder.join(reader.file);
    let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
    std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    std::fs::write(&path, &reader.good)?;
    let good = (reader.read)(&path);
    ensure!(good.as_ref().is_ok_and(|read| read.items > 0), "{}: the good file is not read: {good:?}", reader.name);

    let (mut outcomes, mut all) = (Outcomes::default(), SplitMix64::new(options.seed));
    for file in 0..options.count {
        let (bytes, done) = mutations::odd(&reader.good, other, &mut SplitMix64::new(all.next_u64()));
        std::fs::write(&path, &bytes)?;
        let what = format!("{}, file {file} of seed {} ({done})", reader.name, options.seed);
        let (before, begun) = (IN_USE.load(Ordering::Relaxed), Instant::now());
        MOST.store(before, Ordering::Relaxed);
        let set = |value| *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = value;
        set(Some((what.clone(), begun)));
        let read = panic::catch_unwind(AssertUnwindSafe(|| (reader.read)(&path)));
        set(None);
        let memory = MOST.load(Ordering::Relaxed).saturating_sub(before);
        outcomes.slowest = outcomes.slowest.max(begun.elapsed());
        outcomes.most_memory = outcomes.most_memory.max(memory);
        let complaint = match &read {
            Err(_) => Some("it panics".to_owned()),
            Ok(Err(error)) if !error.contains(&name) => Some(format!("the error does not name the file: {error}")),
            Ok(Ok(Read { items, skipped, lines: Some(lines) })) if items + skipped != *lines => {
                Some(format!("{items} read and {skipped} skipped of {lines} lines"))
            }
            _ if memory > MEMORY + 2 * decoded(&bytes) => Some(format!("{} MB of memory", memory >> 20)),
            _ => None,
        };
        if options.verbose {
            println!(
                "{what}: {}",
                match &read {
                    Ok(Ok(read)) => format!("{read:?}"),
                    Ok(Err(error)) => error.clone(),
                    Err(_) => "panic".into(),
                }
            );
        }
        match read {
            Ok(Ok(read)) => {
                (outcomes.read, outcomes.skipped) = (outcomes.read + 1, outcomes.skipped + read.skipped as u64)
            }
            _ => outcomes.refused += 1,
        }
        if let Some(complaint) = complaint {
            if let Some(keep) = &options.keep {
                std::fs::create_dir_all(keep)?;
                let reader = reader.name.replace([' ', ',', ':'], "_");
                std::fs::write(keep.join(format!("{reader}-{file}-{name}")), &bytes)?;
            }
            outcomes.wrong.push(format!("{what}: {complaint}"));
        }
    }
    Ok(outcomes)
}
