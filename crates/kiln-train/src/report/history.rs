//! What happened in each epoch of a run, as JSON, CSV and curves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kiln_base::{FileError, checksum};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::report::file::write_file;

/// What was measured in one epoch.
///
/// # Examples
///
/// ```
/// use kiln_train::EpochLogs;
///
/// let logs = EpochLogs { epoch: 1, loss: 0.5, val_loss: 0.75, val_accuracy: Some(0.8), ..EpochLogs::default() };
/// assert_eq!((logs.get("val_accuracy"), logs.get("accuracy")), (Some(0.8), None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochLogs {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The training loss: the mean over all rows, measured while the weights changed.
    #[serde(with = "nan_as_null")]
    pub loss: f64,
    /// The training accuracy, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<f64>,
    /// The validation loss: the mean over all rows after the epoch's last step.
    #[serde(with = "nan_as_null")]
    pub val_loss: f64,
    /// The validation accuracy, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub val_accuracy: Option<f64>,
    /// The learning rate of the epoch's first step.
    pub learning_rate: f64,
    /// What the trainer was asked to add, such as `perplexity` or `averaged`, and Burn metrics by name, with the prefix
    /// `val_` for the validation set. The units of these are Burn's: its `Accuracy` is in percent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default, with = "nan_as_null_in_map")]
    pub metrics: BTreeMap<String, f64>,
}

impl EpochLogs {
    /// The value called `name` in the history.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.entries().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All values with their names, which are Keras's where it has one.
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

/// `history.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    epochs: Vec<EpochLogs>,
    /// See [`checksum`]; histories of early versions have none.
    #[serde(default, rename = "checksum")]
    _checksum: Option<IgnoredAny>,
}

/// The epochs of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    epochs: Vec<EpochLogs>,
}

impl History {
    /// The epochs in order.
    pub fn epochs(&self) -> &[EpochLogs] {
        &self.epochs
    }

    /// The values called `name`, one for each epoch that has it.
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|logs| logs.get(name)).collect()
    }

    pub(crate) fn push(&mut self, logs: EpochLogs) {
        self.epochs.push(logs);
    }

    /// Writes the history as JSON, with a checksum as its last key.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).expect("a history is plain data");
        text.push('\n');
        write_file(path.as_ref(), checksum::seal(&text).as_bytes())
    }

    /// Reads what [`History::save_json`] wrote.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a history.
    pub fn load_json(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(FileError::new("read", path))?;
        let File { epochs, .. } = serde_json::from_str(&text).map_err(|error| Error::damaged(path, error))?;
        checksum::check(&text).map_err(|error| Error::damaged(path, error))?;
        Ok(Self { epochs })
    }

    /// Writes the history as CSV: a header with every name that occurs, then a line per epoch. Missing values are
    /// empty.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.epochs.iter().flat_map(EpochLogs::entries) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let quoted = |name: &String| match name.contains([',', '"', '\n']) {
            true => format!("\"{}\"", name.replace('"', "\"\"")),
            false => name.clone(),
        };
        let mut text = format!("epoch,{}\n", names.iter().map(quoted).collect::<Vec<_>>().join(","));
        for logs in &self.epochs {
            let values: Vec<String> =
                names.iter().map(|name| logs.get(name).map_or(String::new(), |value| value.to_string())).collect();
            let _ = writeln!(text, "{},{}", logs.epoch, values.join(","));
        }
        write_file(path.as_ref(), text.as_bytes())
    }
}

/// JSON has no NaN or infinity: both become `null`, which is read as NaN.
mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

/// The same, for the values of a map.
mod nan_as_null_in_map {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
        let finite: BTreeMap<&String, Option<f64>> =
            values.iter().map(|(name, value)| (name, value.is_finite().then_some(*value))).collect();
        finite.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
    }
}

#[cfg(not(feature = "plot"))]
impl History {
    /// Draws the curves if the program is built with the feature `plot`.
    ///
    /// # Errors
    ///
    /// Always, since this program is built without `plot`.
    pub fn plot(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        let message =
            "this program was built without the feature `plot` of kiln; build it with that feature".to_owned();
        Err(crate::error::Error::Plot { path: path.as_ref().to_owned(), message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_json_lacks_come_back_as_nan_and_csv_keeps_its_columns() {
        let mut history = History::default();
        history.push(EpochLogs { epoch: 1, loss: 0.5, val_loss: f64::NAN, ..EpochLogs::default() });
        let metrics = BTreeMap::from([("f1, macro".to_owned(), f64::NAN)]);
        history.push(EpochLogs { epoch: 2, loss: 0.25, val_loss: 1.0, metrics, ..EpochLogs::default() });
        let folder = tempfile::tempdir().unwrap();
        let (json, csv) = (folder.path().join("h.json"), folder.path().join("h.csv"));
        history.save_json(&json).unwrap();
        let back = History::load_json(&json).unwrap();
        assert!(back.epochs()[0].val_loss.is_nan() && back.epochs()[1].metrics["f1, macro"].is_nan());
        assert_eq!(back.values("loss"), [0.5, 0.25]);
        history.save_csv(&csv).unwrap();
        let text = std::fs::read_to_string(csv).unwrap();
        assert_eq!(text, "epoch,loss,val_loss,learning_rate,\"f1, macro\"\n1,0.5,NaN,0,\n2,0.25,1,0,NaN\n");
    }
}
