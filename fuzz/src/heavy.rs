//! The readers of a run's files: `config.json`, `history.json`, the weights, and the payload of a checkpoint; and the
//! reader of Hugging Face's `tokenizer.json`.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use anyhow::{Context, Result};
use kiln::burn::tensor::{Device, Tensor};
use kiln::models::{RecurrentClassifier, RecurrentClassifierConfig};
use kiln::predict::SequenceEncoder;
use kiln::text::corpora::{Document, Documents};
use kiln::text::encoders::{Encoder, SubwordModel, SubwordTokenizer, WordTokenizer};
use kiln::text::io::Saved;
use kiln::train::{ArtifactConfig, ExistingRun, History, SequenceDatasets, TextPredictor, TokenDataset, Trainer};
use sha2::{Digest, Sha256};

use crate::readers::{Read, Reader};

/// The bytes of a checkpoint before its payload: a magic number of 8, the version, the length, and the SHA-256.
const FRAME: usize = 8 + 4 + 8 + 32;

/// A small run: its encoder, its data and its device.
#[derive(Clone)]
struct Small {
    encode: SequenceEncoder,
    data: TokenDataset,
    device: Device,
}

impl Small {
    fn new() -> Result<Self> {
        let document =
            |at: u32| Document { text: format!("a {} film {at}", ["dull", "fine"][at as usize % 2]), label: at % 2 };
        let documents = Documents::new((0..12).map(document).collect(), ["neg", "pos"])?;
        let encode = SequenceEncoder::new(WordTokenizer::builder().fit(documents.texts())?, 5)?;
        Ok(Self { data: encode.dataset(&documents)?, encode, device: kiln::choose(Some("flex"))?.device })
    }

    fn fit(&self, folder: &Path, existing: ExistingRun) -> Result<()> {
        let config = RecurrentClassifierConfig::new(self.encode.vocab_size(), 5).d_embedding(3).d_hidden(vec![2]);
        let model: RecurrentClassifier = config.init(&self.device, 0)?;
        let artifact = ArtifactConfig::text(&model, &self.encode, &["neg".into(), "pos".into()]);
        let trainer = Trainer::new(folder).batch_size(6).quiet().existing_run(existing).artifact(artifact);
        trainer.fit(model, &self.data, &self.data)?;
        Ok(())
    }
}

/// All of these readers.
pub(crate) fn all() -> Result<Vec<Reader>> {
    let (small, folder) = (Small::new()?, tempfile::tempdir()?);
    small.fit(folder.path(), ExistingRun::Refuse)?;
    let good = |name: &str| std::fs::read(folder.path().join(name)).with_context(|| format!("{name} is missing"));
    let mut all: Vec<Reader> = Vec::new();

    for (name, file) in [("a run's configuration", "config.json"), ("a run's weights", "model.safetensors")] {
        let others: Vec<(&str, Vec<u8>)> = ["config.json", "tokenizer.json", "model.safetensors"]
            .into_iter()
            .filter(|&other| other != file)
            .map(|other| Ok((other, good(other)?)))
            .collect::<Result<_>>()?;
        // A panic ends the program, so the device is not used after it.
        let device = AssertUnwindSafe(small.device.clone());
        let read = move |path: &Path| {
            let AssertUnwindSafe(device) = &device;
            let folder = path.parent().unwrap_or(path);
            for (name, bytes) in others.iter().filter(|(name, _)| !folder.join(name).exists()) {
                std::fs::write(folder.join(name), bytes).map_err(|error| error.to_string())?;
            }
            match TextPredictor::load(folder, device) {
                Ok(_) => Ok(Read { items: 1, ..Read::default() }),
                // An error may name another file of the folder, which then does not fit.
                Err(error) => Err(format!("{file}: {error}")),
            }
        };
        all.push(Reader { name, file, good: good(file)?, read: Box::new(read) });
    }
    let read = |path: &Path| {
        let history = History::load_json(path).map_err(|error| error.to_string())?;
        Ok(Read { items: history.epochs().len(), ..Read::default() })
    };
    all.push(Reader {
        name: "a run's history",
        file: "history.json",
        good: good("history.json")?,
        read: Box::new(read),
    });

    let (frame, file) = (good("checkpoint.kiln")?[..FRAME].to_vec(), "payload.safetensors");
    let small = AssertUnwindSafe(small);
    let read = move |path: &Path| {
        let AssertUnwindSafe(small) = &small;
        let checkpoint = path.with_file_name("checkpoint.kiln");
        let payload = std::fs::read(path).map_err(|error| error.to_string())?;
        // With the right length and checksum, since otherwise the payload would not be read.
        let sealed =
            [&frame[..12], &(payload.len() as u64).to_le_bytes(), &Sha256::digest(&payload), &payload].concat();
        std::fs::write(&checkpoint, sealed).map_err(|error| error.to_string())?;
        let fit = small.fit(checkpoint.parent().unwrap_or(path), ExistingRun::Resume);
        // A run that a file ends has no backward pass, and only a backward pass frees what Burn notes of parameters.
        Tensor::<1>::ones([1], &small.device.clone().autodiff()).require_grad().backward();
        fit.map(|()| Read { items: 1, ..Read::default() }).map_err(|error| format!("{file}: {error}"))
    };
    let payload = good("checkpoint.kiln")?[FRAME..].to_vec();
    all.push(Reader { name: "a checkpoint's payload", file, good: payload, read: Box::new(read) });

    let texts = ["a fine film and a long one", "a dull film", "nothing of it is fine"];
    let subwords = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 270).fit(texts)?;
    let read = |path: &Path| {
        let tokenizer = SubwordTokenizer::load(path).map_err(|error| error.to_string())?;
        Ok(Read { items: tokenizer.vocab_size(), ..Read::default() })
    };
    let (name, good) = ("SubwordTokenizer", subwords.to_json().into_bytes());
    all.push(Reader { name, file: "tokenizer.json", good, read: Box::new(read) });
    Ok(all)
}
