//! The folder of a run: which files it holds, its lock, and when a new run may use it.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::report::history::History;
use kiln_base::{FileError, FolderLock, WholeFile};
use kiln_predict::{CHECKPOINT, CONFIG, Error as Failed, MODEL, REPLACED, REPLACING, TOKENIZER};

const HISTORY_JSON: &str = "history.json";
const HISTORY_CSV: &str = "history.csv";
const CURVES: [&str; 2] = ["curves.svg", "curves.png"];
/// The prefix of the names of checkpoints that are kept in addition to the last.
const RETAINED: &str = "checkpoint-";
/// Locked by the process that trains into the folder.
const LOCK: &str = ".kiln-lock";

/// What to do with a folder that already holds a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingRun {
    /// Refuse to start.
    #[default]
    Refuse,
    /// Start again, and delete the old run's files once the new run's first epoch is saved. Other files stay.
    Overwrite,
    /// Continue from the last checkpoint. A run that early stopping ended continues if its patience is now higher.
    Resume,
}

/// The folder of a run, locked against other processes that would train into it.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    lock: Option<FolderLock>,
    /// The step of the current epoch whose state is in the checkpoint.
    kept_step: Cell<Option<usize>>,
    /// Whether another process writes the folder, and this one nothing.
    is_shadow: bool,
}

impl RunFolder {
    /// Creates the folder if needed, locks it, and checks that it may be used. No file of a run is written or deleted
    /// yet, but what a killed run left is cleaned up.
    pub(crate) fn prepare(path: &Path, existing: ExistingRun) -> Result<Self> {
        if existing != ExistingRun::Resume {
            std::fs::create_dir_all(path).map_err(FileError::new("make the folder", path))?;
        }
        let folder = Self { path: path.to_owned(), lock: lock(path)?, kept_step: Cell::new(None), is_shadow: false };
        if folder.lock.is_some() {
            WholeFile::remove_abandoned(path);
        }
        folder.settle()?;
        let held = folder.held();
        match existing {
            ExistingRun::Resume if !folder.checkpoint().exists() => {
                Err(Error::NothingToResume { path: folder.checkpoint() })
            }
            ExistingRun::Resume => Ok(folder),
            _ if held.is_empty() => Ok(folder),
            ExistingRun::Refuse => Err(Error::RunExists { path: path.to_owned() }),
            ExistingRun::Overwrite if folder.is_kilns() => Ok(folder),
            ExistingRun::Overwrite => {
                let names: Vec<String> = held.iter().map(|file| file.display().to_string()).collect();
                Err(Error::NotARun { path: path.to_owned(), files: names.join(", ") })
            }
        }
    }

    /// The folder of a run that another process writes, and that may be on another machine.
    pub(crate) fn shadow(path: &Path) -> Self {
        Self { path: path.to_owned(), lock: None, kept_step: Cell::new(None), is_shadow: true }
    }

    /// Does `act`, which writes into the folder, unless another process does.
    pub(crate) fn write(&self, act: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.is_shadow { Ok(()) } else { act() }
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.is_shadow
    }

    /// The files of a run in the folder.
    fn held(&self) -> Vec<PathBuf> {
        let all = [CONFIG, TOKENIZER, MODEL, CHECKPOINT, HISTORY_JSON, HISTORY_CSV].into_iter().chain(CURVES);
        let kept = self.retained().unwrap_or_default();
        all.map(|name| self.path.join(name)).filter(|file| file.exists()).chain(kept).collect()
    }

    /// Whether the files in the folder are those of a Kiln run, not files of the same names from another program.
    fn is_kilns(&self) -> bool {
        let kilns_config = || {
            let path = self.path.join(CONFIG);
            let text = path.is_file().then(|| std::fs::read_to_string(path).ok())??;
            let config: serde_json::Value = serde_json::from_str(&text).ok()?;
            Some(config.get("format")?.is_u64() && config.get("kind")?.is_string())
        };
        self.checkpoint().exists() || kilns_config().unwrap_or(false)
    }

    /// Removes a run's files.
    pub(crate) fn clear(&self) -> Result<(), FileError> {
        if self.is_shadow {
            return Ok(());
        }
        self.held().iter().try_for_each(|file| std::fs::remove_file(file).map_err(FileError::new("remove", file)))
    }

    /// Moves an old run's files aside; [`RunFolder::settle`] removes them or brings them back. Without an old run, the
    /// folder for them is empty: this shows that files without a checkpoint are left from a run that never had one.
    pub(crate) fn put_aside(&self) -> Result<(), FileError> {
        if self.is_shadow {
            return Ok(());
        }
        let held = self.held();
        let (replacing, replaced) = (self.path.join(REPLACING), self.path.join(REPLACED));
        std::fs::create_dir_all(&replacing).map_err(FileError::new("make the folder", &replacing))?;
        held.iter().try_for_each(|file| move_into(file, &replacing))?;
        std::fs::rename(&replacing, &replaced).map_err(FileError::new("rename", &replacing))
    }

    /// Removes the old run's files that were moved aside if the new run has a checkpoint. Otherwise brings them back,
    /// and removes the files of the new run.
    pub(crate) fn settle(&self) -> Result<(), FileError> {
        if self.is_shadow {
            return Ok(());
        }
        let (replacing, replaced) = (self.path.join(REPLACING), self.path.join(REPLACED));
        if replacing.is_dir() {
            self.bring_back(&replacing)?;
        }
        if replaced.is_dir() {
            if !self.checkpoint().exists() {
                self.clear()?;
                // Under the other name they are brought back even if this is interrupted once their checkpoint is in
                // place.
                std::fs::rename(&replaced, &replacing).map_err(FileError::new("rename", &replaced))?;
                self.bring_back(&replacing)?;
            } else {
                std::fs::remove_dir_all(&replaced).map_err(FileError::new("remove", &replaced))?;
            }
        }
        Ok(())
    }

    fn bring_back(&self, aside: &Path) -> Result<(), FileError> {
        for entry in std::fs::read_dir(aside).map_err(FileError::new("read", aside))? {
            move_into(&entry.map_err(FileError::new("read", aside))?.path(), &self.path)?;
        }
        std::fs::remove_dir(aside).map_err(FileError::new("remove", aside))
    }

    /// `error`, with what this folder keeps of a run that ends in the middle of `epoch`.
    pub(crate) fn told(&self, error: Error, epoch: usize) -> Error {
        match error {
            Error::File(source) | Error::Predict(Failed::File(source)) => {
                Error::NotWritten { source, kept: self.kept(epoch) }
            }
            Error::Group(source) => Error::InGroup { source, kept: self.kept(epoch) },
            // No advice to resume: with another batch size it is a new run.
            Error::Predict(Failed::OutOfMemory { shortage, .. }) => {
                Failed::OutOfMemory { shortage, kept: self.keeps(epoch) }.into()
            }
            Error::Predict(Failed::DeviceFailed { device, reason, .. }) => {
                Failed::DeviceFailed { device, reason, kept: self.kept(epoch) }.into()
            }
            other => other,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    pub(crate) fn save_history(&self, history: &History) -> Result<()> {
        self.write(|| {
            history.save_json(self.path.join(HISTORY_JSON))?;
            history.save_csv(self.path.join(HISTORY_CSV))
        })
    }

    /// Draws the curves, with the feature `plot`.
    #[cfg(feature = "plot")]
    pub(crate) fn save_curves(&self, history: &History) -> Result<()> {
        CURVES.iter().try_for_each(|name| history.plot(self.path.join(name)))
    }

    #[cfg(not(feature = "plot"))]
    pub(crate) fn save_curves(&self, _history: &History) -> Result<()> {
        Ok(())
    }

    /// Checks that the folder can be written to, before hours of training.
    pub(crate) fn check_writable(&self) -> Result<()> {
        tempfile::tempfile_in(&self.path).map_err(FileError::new("write into", &self.path))?;
        Ok(())
    }

    /// Records that the checkpoint holds the state after this step of the current epoch; `None` for that of a whole
    /// epoch.
    pub(crate) fn kept_step(&self, step: Option<usize>) {
        self.kept_step.set(step);
    }

    /// The checkpoints that are kept under numbered names, the oldest first.
    fn retained(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(FileError::new("read", &self.path))? {
            let name = entry.map_err(FileError::new("read", &self.path))?.file_name().to_string_lossy().into_owned();
            let place = name.strip_prefix(RETAINED).and_then(|name| name.strip_suffix(".kiln"));
            // Six and ten digits, as `retain` writes them: a user's own copy with a shorter name is not touched.
            let is_place = |place: &str| {
                let digits =
                    |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
                place.split_once('-').is_some_and(|(epoch, step)| digits(epoch, 6) && digits(step, 10))
            };
            if place.is_some_and(is_place) {
                kept.push(name);
            }
        }
        kept.sort_unstable();
        Ok(kept.into_iter().map(|name| self.path.join(name)).collect())
    }

    /// Gives the checkpoint that was just written a second name with its epoch and step, and removes the oldest of
    /// these if there are more than `most`.
    pub(crate) fn retain(&self, (epoch, step): (usize, Option<usize>), most: usize) -> Result<(), FileError> {
        if most == 0 {
            return Ok(());
        }
        // The end of an epoch sorts after all of its steps.
        let step = step.map_or_else(|| "9999999999".to_owned(), |step| format!("{step:010}"));
        let name = self.path.join(format!("{RETAINED}{epoch:06}-{step}.kiln"));
        std::fs::remove_file(&name).ok();
        if std::fs::hard_link(self.checkpoint(), &name).is_err() {
            // The file system has no hard links.
            std::fs::copy(self.checkpoint(), &name).map_err(FileError::new("write", &name))?;
        }
        let kept = self.retained()?;
        let beyond = kept.len().saturating_sub(most);
        kept[..beyond].iter().try_for_each(|file| std::fs::remove_file(file).map_err(FileError::new("remove", file)))
    }

    /// What the folder keeps of a run that ends in the middle of `epoch`.
    pub(crate) fn keeps(&self, epoch: usize) -> String {
        let folder = self.path.display();
        match epoch {
            _ if let Some(step) = self.kept_step.get() => {
                format!("{folder} keeps everything up to step {step} of epoch {epoch}")
            }
            1 => format!("no epoch was kept, so {folder} is as it was"),
            _ => format!("{folder} keeps everything up to the end of epoch {}", epoch - 1),
        }
    }

    /// The same as [`RunFolder::keeps`], and how to continue.
    pub(crate) fn kept(&self, epoch: usize) -> String {
        match epoch {
            1 if self.kept_step.get().is_none() => self.keeps(epoch),
            _ => format!("{}; go on from there with `resume` (`--resume`, `ExistingRun::Resume`)", self.keeps(epoch)),
        }
    }
}

/// Locks a folder for this process. `None` if it cannot be locked: a folder that cannot be written to is reported
/// later, with its own error.
fn lock(folder: &Path) -> Result<Option<FolderLock>> {
    FolderLock::take(folder, LOCK).map_err(|holder| Error::Locked { path: folder.to_owned(), holder })
}

fn move_into(file: &Path, folder: &Path) -> Result<(), FileError> {
    let name = file.file_name().unwrap_or_default();
    std::fs::rename(file, folder.join(name)).map_err(FileError::new("move", file))
}
