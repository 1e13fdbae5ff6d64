//! A small run for several tests: a text classifier with dropout on a few sentences.

use std::path::Path;

use burn::tensor::Device;
use kiln_models::{RecurrentClassifier, RecurrentClassifierConfig, RecurrentKind};
use kiln_predict::SequenceEncoder;
use kiln_text::corpora::{Document, Documents};
use kiln_text::encoders::WordTokenizer;
use kiln_train::{
    ArtifactConfig, EarlyStopping, ExistingRun, Monitor, ReduceLrOnPlateau, SequenceDatasets, TokenDataset, Trainable,
    Trainer,
};

pub(crate) const SENTENCES: [&str; 4] = ["a fine film", "a dull film", "not a fine film", ""];

pub(crate) struct SmallRun {
    pub(crate) config: RecurrentClassifierConfig,
    pub(crate) encode: SequenceEncoder,
    pub(crate) train: TokenDataset,
    pub(crate) valid: TokenDataset,
    pub(crate) class_names: Vec<String>,
}

impl SmallRun {
    pub(crate) fn new() -> Self {
        let praise = ["fine", "lovely", "bright"];
        let blame = ["dull", "poor", "long"];
        let documents: Vec<Document> = (0..42)
            .map(|i| {
                let label = i % 2;
                let words = if label == 1 { praise } else { blame };
                let text = format!("a {} film and a {} one {i}", words[i as usize % 3], words[i as usize / 3 % 3]);
                Document { text, label }
            })
            .collect();
        let documents = Documents::new(documents, ["neg", "pos"]).unwrap();
        let (train, valid) = documents.split_tail(0.25).unwrap();
        let tokenizer = WordTokenizer::builder().fit(train.texts()).unwrap();
        let encode = SequenceEncoder::new(tokenizer, 9).unwrap();
        let config = RecurrentClassifierConfig::new(encode.vocab_size(), 9)
            .kind(RecurrentKind::Gru)
            .d_embedding(6)
            .d_hidden(vec![5])
            .dropout(0.3);
        Self {
            config,
            train: encode.dataset(&train).unwrap(),
            valid: encode.dataset(&valid).unwrap(),
            encode,
            class_names: train.class_names().to_vec(),
        }
    }

    pub(crate) fn model(&self, device: &Device) -> RecurrentClassifier {
        self.config.init(device, 4).unwrap()
    }

    /// A trainer of `epochs` epochs in small batches, with every callback.
    pub(crate) fn trainer<M: Trainable>(&self, folder: &Path, epochs: usize) -> Trainer<M> {
        Trainer::new(folder)
            .epochs(epochs)
            .batch_size(8)
            .seed(11)
            .quiet()
            .clip_norm(1.0)
            .existing_run(ExistingRun::Resume)
            .early_stopping(EarlyStopping::on(Monitor::ValidLoss).patience(50).restore_best_weights(true))
            .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.5).patience(1).min_delta(0.02))
            .save_best(Monitor::ValidAccuracy)
            .artifact(ArtifactConfig::text(
                &self.model(&crate::devices::all().swap_remove(0).1),
                &self.encode,
                &self.class_names,
            ))
    }
}
