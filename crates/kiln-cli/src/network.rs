//! The networks that can be trained on texts and labels.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use kiln::RowWeights;
use kiln::burn::tensor::Device;
use kiln::models::{Head, TextClassifierConfig};
use kiln::prelude::*;
use kiln::report::Report;
use kiln::train::evaluate;

/// Words that are kept; the others are unknown.
const MOST_WORDS: usize = 30_000;
/// The share of texts that are whole in a row.
const WHOLE: f64 = 0.98;
/// The longest row.
const LONGEST: usize = 400;

/// The kind of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// Kim's convolutions of three, four and five words
    Cnn,
    /// A GRU in both directions
    Gru,
    /// An LSTM in both directions
    Bilstm,
    /// A convolution and two LSTMs in both directions
    ConvBilstm,
}

/// What is the same for every network.
pub(crate) struct Plan<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) epochs: usize,
    pub(crate) seed: u64,
    pub(crate) existing: ExistingRun,
    pub(crate) weights: &'a RowWeights,
}

/// Trains a network in a folder of its own, where a run that was stopped goes on, and judges it on `valid`.
pub(crate) fn train(
    network: Network,
    (train, valid): (&Documents, &Documents),
    device: &Device,
    plan: &Plan<'_>,
) -> Result<Report> {
    // Signs tell classes apart, and letters' case does not.
    let tokenizer =
        WordTokenizer::builder().filters("").oov_token("[unknown]").num_words(MOST_WORDS).fit(train.texts())?;
    let mut lengths: Vec<usize> = train.texts().map(|text| text.split_whitespace().count()).collect();
    lengths.sort_unstable();
    let longest = lengths[((lengths.len() - 1) as f64 * WHOLE) as usize].clamp(8, LONGEST);
    let encode = SequenceEncoder::new(tokenizer, longest)?.padding(Padding::Post);
    let (vocab, head) = (encode.vocab_size(), Head::for_classes(train.class_names().len())?);
    let config: TextClassifierConfig = match network {
        Network::Cnn => {
            let config = ConvClassifierConfig::new(vocab, longest).d_embedding(128).filters(100).dropout(0.5);
            config.kernel_sizes(&[3, 4, 5]).head(head).into()
        }
        Network::Gru | Network::Bilstm => {
            let kind = if network == Network::Gru { RecurrentKind::Gru } else { RecurrentKind::Lstm };
            let config = RecurrentClassifierConfig::new(vocab, longest).kind(kind).d_embedding(128).dropout(0.4);
            config.d_hidden(vec![64]).head(head).into()
        }
        Network::ConvBilstm => ConvBiLstmConfig::new(vocab, longest).dropout(0.4).head(head).into(),
    };
    let model = config.init(device, plan.seed)?;
    let artifact = ArtifactConfig::text(&model, &encode, train.class_names());
    let trainer = Trainer::new(plan.folder)
        .epochs(plan.epochs)
        .batch_size(64)
        .seed(plan.seed)
        .existing_run(plan.existing)
        .row_weights(plan.weights.clone())
        .stop_on_ctrl_c()
        .checkpoint_every_minutes(2.0)
        .early_stopping(EarlyStopping::on(Monitor::ValidLoss).patience(2).restore_best_weights(true))
        .artifact(artifact);
    let (train_rows, valid_rows) = (encode.dataset(train)?, encode.dataset(valid)?);
    let run = trainer.fit(model, &train_rows, &valid_rows)?;
    Ok(evaluate(run.model(), &valid_rows, 256)?.report(train.class_names())?)
}
