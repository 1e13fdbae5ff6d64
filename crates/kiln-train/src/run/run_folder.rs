//! The folder of a run: which files it holds, and when a new run may use it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::report::history::History;
use kiln_base::FileError;
use kiln_predict::{CONFIG, Error as Failed, MODEL, TOKENIZER};

pub(super) const CHECKPOINT: &str = "checkpoint.kiln";
const HISTORY_JSON: &str = "history.json";
const HISTORY_CSV: &str = "history.csv";
const CURVES: [&str; 2] = ["curves.svg", "curves.png"];
/// Where the files of an old run lie until the new one has a checkpoint, and while they are on their way there.
const REPLACED: &str = ".kiln-replaced";
const REPLACING: &str = ".kiln-replacing";

/// What to do with a folder that already holds a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingRun {
    /// Refuse to start.
    #[default]
    Refuse,
    /// Start anew, and delete the run's files when the first epoch has been kept. Other files stay.
    Overwrite,
    /// Continue from the last checkpoint. A run that early stopping had ended goes on if its patience is now higher.
    Resume,
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Whether the folder may be used. Nothing is written or deleted yet, but what a killed run left is put in order.
    pub(crate) fn prepare(path: &Path, existing: ExistingRun) -> Result<Self> {
        let folder = Self(path.to_owned());
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

    /// The files of a run that the folder holds.
    fn held(&self) -> Vec<PathBuf> {
        let all = [CONFIG, TOKENIZER, MODEL, CHECKPOINT, HISTORY_JSON, HISTORY_CSV].into_iter().chain(CURVES);
        all.map(|name| self.0.join(name)).filter(|file| file.exists()).collect()
    }

    /// Whether what the folder holds is a run of Kiln's, and no other program's files of the same
    /// names.
    fn is_kilns(&self) -> bool {
        let kilns_config = || {
            let path = self.0.join(CONFIG);
            let text = path.is_file().then(|| std::fs::read_to_string(path).ok())??;
            let config: serde_json::Value = serde_json::from_str(&text).ok()?;
            Some(config.get("format")?.is_u64() && config.get("kind")?.is_string())
        };
        self.checkpoint().exists() || kilns_config().unwrap_or(false)
    }

    /// Removes a run's files.
    pub(crate) fn clear(&self) -> Result<(), FileError> {
        self.held().iter().try_for_each(|file| std::fs::remove_file(file).map_err(FileError::new("remove", file)))
    }

    /// Puts an old run's files aside: [`RunFolder::settle`] removes them or brings them back.
    pub(crate) fn put_aside(&self) -> Result<(), FileError> {
        let held = self.held();
        if held.is_empty() {
            return Ok(());
        }
        let (replacing, replaced) = (self.0.join(REPLACING), self.0.join(REPLACED));
        std::fs::create_dir_all(&replacing).map_err(FileError::new("make the folder", &replacing))?;
        held.iter().try_for_each(|file| move_into(file, &replacing))?;
        std::fs::rename(&replacing, &replaced).map_err(FileError::new("rename", &replacing))
    }

    /// Removes the old run's files that were put aside if the new one has a checkpoint; if not, they come back, and what
    /// there is of the new one goes.
    pub(crate) fn settle(&self) -> Result<(), FileError> {
        let (replacing, replaced) = (self.0.join(REPLACING), self.0.join(REPLACED));
        if replacing.is_dir() {
            self.bring_back(&replacing)?;
        }
        if replaced.is_dir() {
            if !self.checkpoint().exists() {
                self.clear()?;
                self.bring_back(&replaced)?;
            } else {
                std::fs::remove_dir_all(&replaced).map_err(FileError::new("remove", &replaced))?;
            }
        }
        Ok(())
    }

    fn bring_back(&self, aside: &Path) -> Result<(), FileError> {
        for entry in std::fs::read_dir(aside).map_err(FileError::new("read", aside))? {
            move_into(&entry.map_err(FileError::new("read", aside))?.path(), &self.0)?;
        }
        std::fs::remove_dir(aside).map_err(FileError::new("remove", aside))
    }

    /// `error` with what a run leaves here that ends in the middle of `epoch`.
    pub(crate) fn told(&self, error: Error, epoch: usize) -> Error {
        match error {
            // Another batch size is another run, which is begun anew.
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
        &self.0
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.0.join(CHECKPOINT)
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.0.join(MODEL)
    }

    pub(crate) fn save_history(&self, history: &History) -> Result<()> {
        history.save_json(self.0.join(HISTORY_JSON))?;
        history.save_csv(self.0.join(HISTORY_CSV))
    }

    /// Draws the curves, where the feature `plot` is there.
    #[cfg(feature = "plot")]
    pub(crate) fn save_curves(&self, history: &History) -> Result<()> {
        CURVES.iter().try_for_each(|name| history.plot(self.0.join(name)))
    }

    #[cfg(not(feature = "plot"))]
    pub(crate) fn save_curves(&self, _history: &History) -> Result<()> {
        Ok(())
    }

    /// Makes the folder and finds out whether it can be written to, before hours of training.
    pub(crate) fn check_writable(&self) -> Result<()> {
        std::fs::create_dir_all(&self.0).map_err(FileError::new("make the folder", &self.0))?;
        tempfile::tempfile_in(&self.0).map_err(FileError::new("write into", &self.0))?;
        Ok(())
    }

    /// What is left of a run that ends in the middle of `epoch`.
    pub(crate) fn keeps(&self, epoch: usize) -> String {
        let folder = self.0.display();
        match epoch {
            1 => format!("no epoch was kept, so {folder} is as it was"),
            _ => format!("{folder} keeps everything up to the end of epoch {}", epoch - 1),
        }
    }

    /// As [`RunFolder::keeps`], and how to go on.
    pub(crate) fn kept(&self, epoch: usize) -> String {
        match epoch {
            1 => self.keeps(epoch),
            _ => format!("{}; go on from there with `resume` (`--resume`, `ExistingRun::Resume`)", self.keeps(epoch)),
        }
    }
}

fn move_into(file: &Path, folder: &Path) -> Result<(), FileError> {
    let name = file.file_name().unwrap_or_default();
    std::fs::rename(file, folder.join(name)).map_err(FileError::new("move", file))
}
