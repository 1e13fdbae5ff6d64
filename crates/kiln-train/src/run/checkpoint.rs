//! The checkpoint of a run: one checksummed file with everything that is needed to continue to the same bits.
//!
//! The file is the eight bytes `KILNCKPT`, a version, the payload's length and SHA-256, and the payload: a safetensors
//! image whose metadata holds everything that is not a tensor.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use kiln_base::FileError;
use kiln_models::weights::{self, Weights};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::callbacks::callback::CallbackState;
use crate::error::{Error, Result};
use crate::report::file::write_file;
use crate::report::history::History;
use crate::run::averaging::WeightAveraging;
use crate::run::meter::MeterState;
use crate::run::optimizer::Optimizer;

const MAGIC: &[u8; 8] = b"KILNCKPT";
/// The version of a checkpoint at the end of an epoch.
const VERSION: u32 = 1;
/// The version of a checkpoint within an epoch, which older builds would continue from the start of the epoch.
const WITHIN: u32 = 2;
/// Magic, version, length, checksum.
const HEADER: usize = 8 + 4 + 8 + 32;

/// What must be the same when a run is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunIdentity {
    pub(crate) seed: u64,
    pub(crate) batch_size: usize,
    pub(crate) training_rows: usize,
    pub(crate) validation_rows: usize,
    pub(crate) optimizer: Optimizer,
    /// How many batches share an optimizer step. Older checkpoints have none, and mean 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) gradient_accumulation_steps: usize,
    /// Into how many micro-batches a batch is cut, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) micro_batches: Option<usize>,
    pub(crate) clip_norm: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) averaging: Option<WeightAveraging>,
    pub(crate) callbacks: Vec<String>,
    /// The artifact's description: the model's options and how text is read.
    pub(crate) artifact: Option<String>,
    /// What is frozen in the first epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) frozen: Vec<Frozen>,
    /// The parameters that the model itself freezes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) never_trained: Vec<String>,
    /// A digest of the order of the training rows for one key. It differs for other data and for other ways to batch
    /// them. Older checkpoints have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<String>,
    /// Digests of the inputs and targets of the training data and of the validation data. `None` in older checkpoints,
    /// and for data sets without digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<[String; 4]>,
    /// Row weights and label smoothing as text; `None` if neither is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss: Option<String>,
}

fn one() -> usize {
    1
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The start of the order's SHA-256, in hexadecimal.
pub(crate) fn digest(order: &[usize]) -> String {
    let mut hash = Sha256::new();
    order.iter().for_each(|&row| hash.update((row as u64).to_le_bytes()));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Parameters that are frozen in the first epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frozen {
    pub(crate) path: String,
    pub(crate) epochs: usize,
}

impl RunIdentity {
    /// Everything by its name in messages.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let [train, train_targets, valid, valid_targets] = self.data.clone().unwrap_or_default();
        vec![
            ("seed", self.seed.to_string()),
            ("batch_size", self.batch_size.to_string()),
            ("training rows", self.training_rows.to_string()),
            ("validation rows", self.validation_rows.to_string()),
            ("optimizer", format!("{:?}", self.optimizer)),
            ("gradient_accumulation_steps", self.gradient_accumulation_steps.to_string()),
            ("micro_batches", self.micro_batches.map_or("unset".to_owned(), |count| count.to_string())),
            ("clip_norm", format!("{:?}", self.clip_norm)),
            ("weight_averaging", described(self.averaging)),
            ("callbacks", self.callbacks.join(", ")),
            ("model options", self.artifact.clone().unwrap_or_default()),
            ("parameters frozen at first", format!("{:?}", self.frozen)),
            ("parameters never trained", self.never_trained.join(", ")),
            ("row_weights and label_smoothing", self.loss.clone().unwrap_or_else(|| "none".to_owned())),
            ("order of the training rows", self.order.clone().unwrap_or_default()),
            ("inputs of the training rows", train),
            ("targets (labels) of the training rows", train_targets),
            ("inputs of the validation rows", valid),
            ("targets (labels) of the validation rows", valid_targets),
        ]
    }

    /// # Errors
    ///
    /// An option differs from the one in the checkpoint at `path`. The error names the first one.
    pub(crate) fn check_same(&self, before: &Self, path: &Path) -> Result<()> {
        let before = Self {
            order: before.order.clone().or_else(|| self.order.clone()),
            data: self.data.as_ref().and(before.data.as_ref().or(self.data.as_ref())).cloned(),
            ..before.clone()
        };
        for ((what, now), (_, before)) in self.fields().into_iter().zip(before.fields()) {
            if now != before {
                let (now, before) = first_difference(&now, &before);
                let (path, what) = (path.to_owned(), what.to_owned());
                return Err(Error::ResumeMismatch { path, what, before, now });
            }
        }
        Ok(())
    }
}

fn described(averaging: Option<WeightAveraging>) -> String {
    averaging.map_or_else(|| "none".to_owned(), |averaging| format!("{averaging:?}"))
}

/// The first line in which two descriptions differ.
fn first_difference(now: &str, before: &str) -> (String, String) {
    let differing = now.lines().zip(before.lines()).find(|(now, before)| now != before);
    let (now, before) = differing.unwrap_or((now, before));
    (now.trim().trim_end_matches(',').to_owned(), before.trim().trim_end_matches(',').to_owned())
}

/// The position of a run within an epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Within {
    /// The number of steps made in the epoch.
    pub(crate) step: usize,
    /// The learning rate at the start of the epoch, as bits.
    pub(crate) learning_rate: u64,
    pub(crate) meter: MeterState,
    /// The state that the last batch passed on.
    #[serde(skip)]
    pub(crate) carried: Weights,
}

/// The state of a run after an epoch, or within one. Everything that is not a tensor is JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) identity: RunIdentity,
    pub(crate) history: History,
    pub(crate) learning_rate: f64,
    pub(crate) stopped: Option<String>,
    pub(crate) optimizer_steps: BTreeMap<String, u64>,
    pub(crate) callbacks: Vec<CallbackState>,
    /// How many weights the average is of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) averaged: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) within: Option<Within>,
    /// The weights of the last step.
    #[serde(skip)]
    pub(crate) model: Weights,
    /// The mean of each trained parameter, flattened; empty before the first weights are averaged.
    #[serde(skip)]
    pub(crate) average: Weights,
    #[serde(skip)]
    pub(crate) optimizer: Weights,
}

impl Checkpoint {
    /// The weights in the folder of a run or an artifact (the best ones, if they were kept), or in a file.
    ///
    /// # Errors
    ///
    /// There are none, or they are damaged.
    pub(crate) fn weights_in(path: &Path) -> Result<Weights> {
        let file = match path.is_dir() {
            false => path.to_owned(),
            true => {
                let files = [path.join(kiln_predict::MODEL), path.join(kiln_predict::CHECKPOINT)];
                let found = files.iter().find(|file| file.exists()).cloned();
                found.ok_or_else(|| Error::NoWeights { path: path.to_owned() })?
            }
        };
        let bytes = std::fs::read(&file).map_err(FileError::new("read", &file))?;
        if bytes.starts_with(MAGIC) {
            return Ok(Self::load(&file)?.model);
        }
        weights::from_safetensors(&bytes).map_err(|error| Error::damaged(&file, error))
    }

    /// The weights that the run would return now: the average, if there is one.
    pub(crate) fn into_returned(self) -> Weights {
        let mut returned = self.model;
        for (path, mean) in self.average {
            if let Some(weight) = returned.get_mut(&path) {
                weight.values = mean.values;
            }
        }
        returned
    }

    /// The number of whole epochs that the run has made.
    pub(crate) fn epoch(&self) -> usize {
        self.history.epochs().len()
    }

    pub(crate) fn save(self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(&self).expect("a checkpoint's numbers are plain data");
        let mut all = Weights::new();
        let mut add = |part: &str, weights: Weights| {
            all.extend(weights.into_iter().map(|(name, weight)| (format!("{part}/{name}"), weight)));
        };
        add("model", self.model);
        add("average", self.average);
        add("optimizer", self.optimizer);
        for (place, state) in self.callbacks.into_iter().enumerate() {
            add(&format!("callback{place}"), state.weights);
        }
        let version = if self.within.is_some() { WITHIN } else { VERSION };
        if let Some(within) = self.within {
            add("carried", within.carried);
        }
        let metadata = HashMap::from([("run".to_owned(), text)]);
        let payload = weights::to_safetensors(&all, weights::Precision::Full, Some(metadata))?;

        let mut file = Vec::with_capacity(HEADER + payload.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&version.to_le_bytes());
        file.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        file.extend_from_slice(&Sha256::digest(&payload));
        file.extend_from_slice(&payload);
        write_file(path, &file)
    }

    pub(crate) fn load(path: &Path) -> Result<Self> {
        Self::of_bytes(&Self::read(path)?, path)
    }

    /// The bytes of a checkpoint file.
    pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
        // Reading a pipe would block, and a device never ends.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(Error::damaged(path, "it must be a file, but is a folder, a pipe or a device"));
        }
        match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NothingToResume { path: path.to_owned() })
            }
            other => Ok(other.map_err(FileError::new("read", path))?),
        }
    }

    /// The checkpoint in the bytes of the file at `path`.
    pub(crate) fn of_bytes(file: &[u8], path: &Path) -> Result<Self> {
        let payload = payload_of(file, path)?;
        let (_, metadata) =
            safetensors::SafeTensors::read_metadata(payload).map_err(|error| Error::damaged(path, error))?;
        let text = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get("run"))
            .ok_or_else(|| Error::damaged(path, "it has no description of its run"))?;
        let mut checkpoint: Self = serde_json::from_str(text).map_err(|error| Error::damaged(path, error))?;

        let mut parts: BTreeMap<String, Weights> = BTreeMap::new();
        for (name, weight) in weights::from_safetensors(payload)? {
            let (part, name) = name
                .split_once('/')
                .ok_or_else(|| Error::damaged(path, format!("it holds an unknown tensor '{name}'")))?;
            parts.entry(part.to_owned()).or_default().insert(name.to_owned(), weight);
        }
        let mut take = |part: &str| parts.remove(part).unwrap_or_default();
        (checkpoint.model, checkpoint.optimizer) = (take("model"), take("optimizer"));
        checkpoint.average = take("average");
        if let Some(within) = &mut checkpoint.within {
            within.carried = take("carried");
        }
        for (place, state) in checkpoint.callbacks.iter_mut().enumerate() {
            state.weights = take(&format!("callback{place}"));
        }
        Ok(checkpoint)
    }
}

/// The checked payload of a checkpoint file.
fn payload_of<'a>(file: &'a [u8], path: &Path) -> Result<&'a [u8]> {
    if file.len() < HEADER || &file[..8] != MAGIC {
        return Err(Error::damaged(path, "it is not a Kiln checkpoint, or was cut short"));
    }
    let number = |range: std::ops::Range<usize>| {
        file[range].iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte))
    };
    let version = number(8..12);
    if !(u64::from(VERSION)..=u64::from(WITHIN)).contains(&version) {
        let reason = format!("it has format version {version}, but this build reads versions {VERSION} to {WITHIN}");
        return Err(Error::damaged(path, reason));
    }
    let (expected, payload) = (number(12..20), &file[HEADER..]);
    if expected != payload.len() as u64 {
        let reason = format!("it should hold {expected} bytes, but holds {}", payload.len());
        return Err(Error::damaged(path, reason));
    }
    if Sha256::digest(payload).as_slice() != &file[20..HEADER] {
        return Err(Error::damaged(path, "its checksum does not match its contents"));
    }
    Ok(payload)
}
