//! The folder of a run: which files it holds, and when a new run may use it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::history::History;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const MODEL: &str = "model.safetensors";
const CHECKPOINT: &str = "checkpoint.kiln";
const HISTORY_JSON: &str = "history.json";
const HISTORY_CSV: &str = "history.csv";
const CURVES: [&str; 2] = ["curves.svg", "curves.png"];

/// What to do with a folder that already holds a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingRun {
    /// Refuse to start.
    #[default]
    Refuse,
    /// Delete the run's files and start anew. Other files stay.
    Overwrite,
    /// Continue from the last checkpoint.
    Resume,
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder ready, or refuses.
    pub(crate) fn prepare(path: &Path, existing: ExistingRun) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(Error::io("make the folder", path))?;
        let folder = Self(path.to_owned());
        let all = [CONFIG, TOKENIZER, MODEL, CHECKPOINT, HISTORY_JSON, HISTORY_CSV].into_iter().chain(CURVES);
        let held: Vec<PathBuf> = all.map(|name| path.join(name)).filter(|file| file.exists()).collect();
        match existing {
            ExistingRun::Refuse if !held.is_empty() => Err(Error::RunExists { path: path.to_owned() }),
            ExistingRun::Overwrite => {
                for file in held {
                    std::fs::remove_file(&file).map_err(Error::io("remove", &file))?;
                }
                Ok(folder)
            }
            ExistingRun::Refuse | ExistingRun::Resume => Ok(folder),
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

    pub(crate) fn save_curves(&self, history: &History) -> Result<()> {
        CURVES.iter().try_for_each(|name| history.plot(self.0.join(name)))
    }

    /// What is left of a run that ends in the middle of `epoch`.
    pub(crate) fn keeps(&self, epoch: usize) -> String {
        let folder = self.0.display();
        match epoch {
            1 => format!("no epoch has ended, so {folder} keeps no model"),
            _ => format!("{folder} keeps everything up to the end of epoch {}", epoch - 1),
        }
    }

    /// As [`RunFolder::keeps`], and how to go on.
    pub(crate) fn kept(&self, epoch: usize) -> String {
        match epoch {
            1 => format!("{}; start anew with `overwrite`", self.keeps(epoch)),
            _ => format!("{}; go on from there with `resume`", self.keeps(epoch)),
        }
    }
}
