//! `cargo xtask crashes`: a small training run is killed, runs out of disk, loses write permission, is interrupted, and
//! is started twice, hundreds of times. Each time the same command, or the same with `--resume`, must produce the files
//! of an undisturbed run, byte for byte, without manual changes to the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::{bench, run};

/// The options of `cargo xtask crashes`.
#[derive(Args)]
pub(crate) struct Crashes {
    /// About a minute: only every few changes, fewer disk sizes, and fewer random kills
    #[arg(long)]
    pub(crate) short: bool,
}

/// The files of a folder by name.
type Files = BTreeMap<String, Vec<u8>>;

/// The program, and the files that its runs must produce.
struct Runs {
    program: PathBuf,
    scratch: tempfile::TempDir,
    /// The files of an undisturbed run.
    whole: Files,
    /// The training steps of such a run.
    steps: usize,
}

/// A line of the table.
struct Row {
    what: String,
    runs: usize,
    /// How many runs ended with the files of an undisturbed run.
    equal: usize,
    notes: Vec<String>,
    /// The first failure.
    wrong: Option<String>,
}

impl Row {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), runs: 0, equal: 0, notes: Vec::new(), wrong: None }
    }

    fn add(&mut self, outcome: Result<()>) {
        self.runs += 1;
        match outcome {
            Ok(()) => self.equal += 1,
            Err(error) => drop(self.wrong.get_or_insert(format!("{error:#}"))),
        }
    }
}

pub(crate) fn crashes(root: &Path, options: &Crashes) -> Result<()> {
    let program = bench::built(root, "--workspace --features xtask/crashes --bin crashing_run")?;
    let began = Instant::now();
    let rows = all(&mut Runs::new(program)?, options.short)?;
    println!("{:<66} {:>5} {:>5}", "", "runs", "equal");
    for Row { what, runs, equal, notes, wrong } in &rows {
        println!("{what:<66} {runs:>5} {equal:>5}  {}", notes.join("; "));
        if let Some(wrong) = wrong {
            println!("    WRONG: {wrong}");
        }
    }
    println!("{:.0} s", began.elapsed().as_secs_f64());
    ensure!(rows.iter().all(|row| row.wrong.is_none()), "some runs did not end as they should");
    Ok(())
}

fn all(runs: &mut Runs, short: bool) -> Result<Vec<Row>> {
    let stride = if short { 4 } else { 1 };
    Ok(vec![
        kills_at_changes(runs, "a new run, killed at a change of its folder", &[], stride)?,
        kills_at_changes(runs, "a run that replaces another, killed at a change", &["--overwrite"], stride)?,
        kills_at_changes(runs, "with checkpoints within epochs, killed at a change", &["--every", "12"], 2 * stride)?,
        random_kills(runs, if short { 12 } else { 200 })?,
        full_disks(runs, if short { 8 } else { 48 })?,
        read_only(runs, if short { 8 } else { 2 })?,
        signals(runs)?,
        two_processes(runs, if short { 2 } else { 8 })?,
        other_data(runs)?,
    ])
}

impl Runs {
    fn new(program: PathBuf) -> Result<Self> {
        let mut runs = Self {
            program,
            scratch: tempfile::tempdir_in(std::env::temp_dir().canonicalize()?)?,
            whole: Files::new(),
            steps: 0,
        };
        let (folder, steps) = (runs.scratch.path().join("whole"), runs.scratch.path().join("whole.steps"));
        let made = runs.command(&folder, &["--count-steps", text(&steps)?]).output()?;
        ensure!(made.status.success(), "a run that nothing happens to failed: {}", told(&made));
        (runs.whole, runs.steps) = (files(&folder)?, std::fs::read(&steps)?.len());
        Ok(runs)
    }

    /// The program with its arguments.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A folder that does not exist yet.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(folder)
    }

    /// Continues as a user would: with `--resume`, or with the same command if there is nothing to resume.
    fn go_on(&self, folder: &Path, arguments: &[&str]) -> Result<()> {
        let mut resume: Vec<&str> = arguments.iter().copied().filter(|&argument| argument != "--overwrite").collect();
        resume.push("--resume");
        let resumed = self.command(folder, &resume).output()?;
        if resumed.status.success() {
            return self.is_whole(folder);
        }
        // A run that should replace another has a different seed.
        let (message, replaces) = (told(&resumed), arguments.contains(&"--overwrite"));
        let is_nothing = message.contains("nothing to resume") || (replaces && message.contains("cannot resume"));
        ensure!(is_nothing, "it does not go on: {message}");
        let again = self.command(folder, arguments).output()?;
        ensure!(again.status.success(), "neither goes on ({}) nor begins again: {}", told(&resumed), told(&again));
        self.is_whole(folder)
    }

    /// # Errors
    ///
    /// The folder holds other files than those of an undisturbed run.
    fn is_whole(&self, folder: &Path) -> Result<()> {
        let found = files(folder)?;
        let (names, expected): (Vec<_>, Vec<_>) = (found.keys().collect(), self.whole.keys().collect());
        ensure!(names == expected, "{} holds {names:?}, not {expected:?}", folder.display());
        for (name, bytes) in &self.whole {
            ensure!(timeless(name, &found[name]) == timeless(name, bytes), "{name} has other contents");
        }
        Ok(())
    }

    /// Fills a folder with a run of another seed, which is to be replaced.
    fn replaced(&self, folder: &Path) -> Result<()> {
        let old = self.scratch.path().join("old");
        if !old.exists() {
            let made = self.command(&old, &["--seed", "7", "--epochs", "1"]).output()?;
            ensure!(made.status.success(), "the run that is replaced failed: {}", told(&made));
        }
        std::fs::create_dir_all(folder)?;
        for (name, bytes) in files(&old)? {
            std::fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}

/// Kills a run at every change of its folder in turn, or at every `stride`-th.
fn kills_at_changes(runs: &Runs, what: &str, arguments: &[&str], stride: u64) -> Result<Row> {
    let replaces = arguments.contains(&"--overwrite");
    let (folder, count) = (runs.folder("killed")?, runs.scratch.path().join("changes"));
    if replaces {
        runs.replaced(&folder)?;
    }
    let made = runs.command(&folder, &[arguments, &["--count-changes", text(&count)?]].concat()).output()?;
    ensure!(made.status.success(), "a run that nothing happens to failed: {}", told(&made));
    let changes: u64 = std::fs::read_to_string(&count)?.trim().parse()?;
    ensure!(changes > 40, "only {changes} changes of the folder were seen: nothing is injected");
    let mut row = Row::new(what);
    row.notes.push(format!("{changes} changes"));
    let mut predicted = 0;
    for change in (1..=changes).step_by(usize::try_from(stride)?) {
        let folder = runs.folder("killed")?;
        if replaces {
            runs.replaced(&folder)?;
        }
        let at = change.to_string();
        let killed = runs.command(&folder, &[arguments, &["--kill-at", &at]].concat()).output()?;
        let mut outcome = (|| {
            ensure!(!killed.status.success(), "change {change} was not reached");
            if replaces {
                let asked = runs.command(&folder, &["--predict"]).output()?;
                ensure!(asked.status.success(), "it does not predict: {}", told(&asked));
                predicted += 1;
            }
            runs.go_on(&folder, arguments)
        })();
        outcome = outcome.with_context(|| format!("killed at change {change}"));
        row.add(outcome);
    }
    if replaces {
        row.notes.push(format!("{predicted} predict before anything else is done"));
    }
    Ok(row)
}

/// Kills runs with checkpoints within epochs at random moments, and counts all steps that were made.
fn random_kills(runs: &Runs, count: usize) -> Result<Row> {
    let arguments = ["--every", "4", "--slow", "2"];
    let steps = runs.scratch.path().join("steps");
    let folder = runs.folder("random")?;
    let began = Instant::now();
    ensure!(runs.command(&folder, &arguments).status()?.success(), "a run that nothing happens to failed");
    let whole = began.elapsed();
    let mut row = Row::new("with checkpoints every 4 steps, killed at a random moment");
    let (mut made, mut resumed) = (0, 0);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for kill in 0..count {
        let folder = runs.folder("random")?;
        std::fs::remove_file(&steps).ok();
        let counted = [&arguments[..], &["--count-steps", text(&steps)?]].concat();
        let mut child = runs.command(&folder, &counted).spawn()?;
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(whole.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64));
        child.kill()?;
        child.wait()?;
        let before = std::fs::read(&steps).map_or(0, |steps| steps.len());
        let kept = folder.join("checkpoint.kiln").exists();
        row.add(runs.go_on(&folder, &counted).with_context(|| format!("kill {kill}, after {before} steps")));
        let all = std::fs::read(&steps)?.len();
        resumed += usize::from(kept && before > 0);
        made += all;
    }
    row.add(if resumed * 4 >= count * 3 { Ok(()) } else { Err(anyhow::anyhow!("only {resumed} of {count} resumed")) });
    row.notes.push(format!("{resumed} resumed from a step above 0"));
    row.notes.push(format!("{:.3} times the steps of a whole run", made as f64 / (count * runs.steps) as f64));
    Ok(row)
}

/// Runs on disks of 8 kB to 3 MB, which then get more space.
fn full_disks(runs: &Runs, count: u32) -> Result<Row> {
    let mut row = Row::new("on a full disk of 8 kB to 3 MB, then on one with room");
    let (mut full, mut tell) = (0, 0);
    for at in 0..count {
        let share = f64::from(at) / f64::from(count - 1);
        let size = (8_000.0 * (3_000_000.0_f64 / 8_000.0).powf(share)) as u64;
        let folder = runs.folder("full")?;
        let filled = runs.command(&folder, &["--disk", &size.to_string()]).output()?;
        row.add(
            (|| {
                if filled.status.success() {
                    return runs.is_whole(&folder);
                }
                full += 1;
                let message = told(&filled);
                ensure!(filled.status.code() == Some(1), "it ended with {}: {message}", filled.status);
                ensure!(message.contains("No space left"), "it does not name the cause: {message}");
                tell += usize::from(message.contains("as it was") || message.contains("go on from there"));
                let left: Vec<String> = files(&folder)?.into_keys().filter(|name| name.ends_with(".part")).collect();
                ensure!(left.is_empty(), "{left:?} are left");
                runs.go_on(&folder, &[])
            })()
            .with_context(|| format!("a disk of {size} bytes")),
        );
    }
    let is_told = if tell == full { Ok(()) } else { Err(anyhow::anyhow!("{tell} of {full} say how to go on")) };
    row.add(is_told);
    row.notes.push(format!("{full} were too small, and {tell} of these say what stands and how to go on"));
    Ok(row)
}

/// Runs whose folder becomes read-only.
fn read_only(runs: &Runs, stride: usize) -> Result<Row> {
    let mut row = Row::new("the folder becomes read-only, then writable again");
    let count = runs.scratch.path().join("changes");
    let made = runs.command(&runs.folder("read-only")?, &["--count-changes", text(&count)?]).output()?;
    ensure!(made.status.success(), "a run that nothing happens to failed: {}", told(&made));
    let changes: u64 = std::fs::read_to_string(&count)?.trim().parse()?;
    ensure!(changes > 40, "only {changes} changes of the folder were seen: nothing is injected");
    for change in (1..=changes).step_by(stride) {
        let folder = runs.folder("read-only")?;
        let refused = runs.command(&folder, &["--read-only-from", &change.to_string()]).output()?;
        row.add(
            (|| {
                let message = told(&refused);
                // A failure during cleanup may be silent.
                ensure!(
                    refused.status.success()
                        || (refused.status.code() == Some(1) && message.contains("Read-only file system")),
                    "it ended with {}: {message}",
                    refused.status
                );
                runs.go_on(&folder, &[])
            })()
            .with_context(|| format!("read-only from change {change}")),
        );
    }
    Ok(row)
}

/// Waits until the process has trained.
fn has_begun(child: &mut Child, steps: &Path) -> Result<()> {
    let began = Instant::now();
    while std::fs::read(steps).map_or(0, |steps| steps.len()) < 6 {
        ensure!(child.try_wait()?.is_none() && began.elapsed().as_secs() < 60, "the run made no steps");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Runs that are asked to end by a signal.
fn signals(runs: &Runs) -> Result<Row> {
    let mut row = Row::new("Ctrl-C, SIGTERM, SIGHUP, and Ctrl-C twice");
    let steps = runs.scratch.path().join("steps");
    for (signal, times, slow) in [("-INT", 1, "4"), ("-TERM", 1, "4"), ("-HUP", 1, "4"), ("-INT", 2, "400")] {
        let folder = runs.folder("signals")?;
        std::fs::remove_file(&steps).ok();
        let arguments = ["--every", "3", "--count-steps", text(&steps)?];
        let mut child = runs.command(&folder, &[&arguments[..], &["--slow", slow]].concat()).spawn()?;
        has_begun(&mut child, &steps)?;
        for _ in 0..times {
            run(Command::new("kill").args([signal, &child.id().to_string()]))?;
            std::thread::sleep(Duration::from_millis(50));
        }
        let ended = child.wait_with_output()?;
        let before = std::fs::read(&steps)?.len();
        row.add(
            (|| {
                let (message, code) = (told(&ended), ended.status.code());
                match times {
                    1 => ensure!(code == Some(1) && message.contains("keeps everything up to step"), "{message}"),
                    _ => ensure!(code == Some(130), "it ended with {}: {message}", ended.status),
                }
                runs.go_on(&folder, &arguments)?;
                let made = std::fs::read(&steps)?.len();
                ensure!(times > 1 || made == runs.steps, "{made} steps were made in place of {}", runs.steps);
                ensure!(made - before < runs.steps, "it started again");
                Ok(())
            })()
            .with_context(|| format!("{times} times kill {signal}")),
        );
    }
    Ok(row)
}

/// A second process starts in the folder of a first.
fn two_processes(runs: &Runs, count: usize) -> Result<Row> {
    let mut row = Row::new("two processes in one folder");
    let steps = runs.scratch.path().join("steps");
    for at in 0..count {
        let folder = runs.folder("shared")?;
        std::fs::remove_file(&steps).ok();
        let mut first = runs.command(&folder, &["--slow", "3", "--count-steps", text(&steps)?]).spawn()?;
        has_begun(&mut first, &steps)?;
        let second = runs.command(&folder, [&[][..], &["--overwrite"], &["--resume"]][at % 3]).output()?;
        let first_ended = first.wait_with_output()?;
        row.add((|| {
            let message = told(&second);
            ensure!(second.status.code() == Some(1) && message.contains("is in use: process"), "{message}");
            ensure!(first_ended.status.success(), "the first failed: {}", told(&first_ended));
            runs.is_whole(&folder)
        })());
    }
    Ok(row)
}

/// A run is resumed with other texts than it was started with.
fn other_data(runs: &Runs) -> Result<Row> {
    let mut row = Row::new("the texts are changed before the run goes on, then restored");
    for every in [&["--every", "4"][..], &[]] {
        let folder = runs.folder("other")?;
        let cut = runs.command(&folder, &[every, &["--kill-at", "40"]].concat()).output()?;
        row.add((|| {
            ensure!(!cut.status.success(), "it was not killed");
            let other = runs.command(&folder, &[every, &["--resume", "--texts", "2"]].concat()).output()?;
            let message = told(&other);
            // Both were killed after the first epoch.
            let named = message.contains("cannot resume");
            ensure!(other.status.code() == Some(1) && named, "it goes on with other texts: {message}");
            runs.go_on(&folder, every)
        })());
    }
    Ok(row)
}

/// The contents of a file, without its creation time and the checksum that covers it.
fn timeless(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut config: Value = match serde_json::from_slice(bytes) {
        Ok(config) if name == "config.json" => config,
        _ => return bytes.to_owned(),
    };
    if let Some(members) = config.as_object_mut() {
        members.remove("checksum");
        members.remove("made");
    }
    config.to_string().into_bytes()
}

/// The files of a folder and its subfolders.
fn files(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            let inside = self::files(&entry.path())?;
            files.extend(inside.into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
            files.insert(format!("{name}/"), Vec::new());
        } else {
            files.insert(name, std::fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// What a process wrote to standard error.
fn told(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).trim().to_owned()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the folder for temporary files has a name that is not UTF-8")
}
