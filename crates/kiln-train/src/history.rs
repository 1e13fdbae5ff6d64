//! What happened in each epoch of a run, as JSON, CSV and curves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::write_file::write_file;

/// What was measured in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochLogs {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The training loss: the mean over all rows, as the weights changed.
    #[serde(with = "nan_as_null")]
    pub loss: f64,
    /// The training accuracy, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<f64>,
    /// The validation loss: the mean over all rows behind the epoch's last step.
    #[serde(with = "nan_as_null")]
    pub val_loss: f64,
    /// The validation accuracy, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub val_accuracy: Option<f64>,
    /// The learning rate in force during the epoch.
    pub learning_rate: f64,
    /// Burn metrics by name, those of the validation set with `val_` in front.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metrics: BTreeMap<String, f64>,
}

impl EpochLogs {
    /// The value called `name` in the history.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.entries().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All values with their names, Keras's where it has one.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, f64)> {
        let own = [
            ("loss", Some(self.loss)),
            ("accuracy", self.accuracy),
            ("val_loss", Some(self.val_loss)),
            ("val_accuracy", self.val_accuracy),
            ("learning_rate", Some(self.learning_rate)),
        ];
        own.into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .chain(self.metrics.iter().map(|(name, &value)| (name.clone(), value)))
            .collect()
    }
}

/// The epochs of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    epochs: Vec<EpochLogs>,
}

impl History {
    /// The epochs in order.
    #[must_use]
    pub fn epochs(&self) -> &[EpochLogs] {
        &self.epochs
    }

    /// The values called `name`, one an epoch that has it.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|logs| logs.get(name)).collect()
    }

    pub(crate) fn push(&mut self, logs: EpochLogs) {
        self.epochs.push(logs);
    }

    /// Writes the history as JSON.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).expect("a history is plain data");
        text.push('\n');
        write_file(path.as_ref(), text.as_bytes())
    }

    /// Reads what [`History::save_json`] wrote.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no history.
    pub fn load_json(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        serde_json::from_str(&text).map_err(|error| Error::damaged(path, error))
    }

    /// Writes the history as CSV: a header, then a line an epoch.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut text = String::new();
        for (place, logs) in self.epochs.iter().enumerate() {
            let (names, values): (Vec<String>, Vec<String>) =
                logs.entries().into_iter().map(|(name, value)| (name, value.to_string())).unzip();
            if place == 0 {
                let _ = writeln!(text, "epoch,{}", names.join(","));
            }
            let _ = writeln!(text, "{},{}", logs.epoch, values.join(","));
        }
        write_file(path.as_ref(), text.as_bytes())
    }
}

/// JSON has no NaN or infinity: both become `null`, which comes back as NaN.
mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}
