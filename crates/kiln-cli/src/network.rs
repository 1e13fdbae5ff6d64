//! The networks that can be trained on texts and labels.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use kiln::RowWeights;
use kiln::burn::tensor::Device;
use kiln::group::Group;
use kiln::models::{Head, TextClassifierConfig};
use kiln::prelude::*;
use kiln::report::{LabelsReport, Report};
use kiln::text::encoders::{CharTokenizer, CharUnit, SubwordTextEncoder, TextEncoder};
use kiln::text::tokens::{Analyzer, Segments, WordSplitter};
use kiln::train::{Evaluation, History, TokenDataset, evaluate};
use kiln::vectors::{EmbeddingMatrix, Missing, WordVectors};

use crate::corpus::Rows;
use crate::messages::of_finished;
use crate::train::Unbroken;

/// Words that are kept; the others are unknown.
const MOST_WORDS: usize = 30_000;
/// The same of characters and of subwords.
const MOST_CHARACTERS: usize = 4_000;
const SUBWORDS: usize = 1 << 13;
/// What stands for a word that is not kept.
const UNKNOWN: &str = "[unknown]";
/// The share of texts that are whole in a row.
const WHOLE: f64 = 0.98;
/// The longest row.
const LONGEST: usize = 400;
/// The probability from which a text has a label, if a model has no threshold.
pub(crate) const THRESHOLD: f32 = 0.5;
/// The folder of a network's run, in the folder of the model.
pub(crate) const FOLDER: &str = "network";
/// The width of an embedding without ready vectors.
const WIDTH: usize = 128;

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

/// What a model reads, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unit {
    Words,
    Characters,
    /// The letters of Hangul syllables
    Jamo,
    Subwords,
}

/// What is the same for every network.
pub(crate) struct Plan<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) epochs: usize,
    pub(crate) minutes: Option<f64>,
    pub(crate) seed: u64,
    pub(crate) existing: ExistingRun,
    pub(crate) weights: RowWeights,
    pub(crate) unit: Unit,
    pub(crate) vectors: Option<&'a WordVectors>,
}

impl Unit {
    /// Words, or characters where most letters are of a script that is written without spaces or joins much into a word.
    pub(crate) fn of(texts: &[&str]) -> Self {
        let is_joined = |c: &char| {
            // Thai to Khmer, Hangul, Kana, Han
            matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1100}'..='\u{11ff}')
                || matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3130}'..='\u{318f}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
        };
        let (mut joined, mut letters) = (0, 0);
        for c in texts.iter().take(1_000).flat_map(|text| text.chars()).filter(|c| c.is_alphabetic()) {
            letters += 1;
            joined += usize::from(is_joined(&c));
        }
        if 2 * joined > letters { Self::Characters } else { Self::Words }
    }

    fn encoder(self, texts: &[&str]) -> Result<TextEncoder> {
        let characters = |unit| CharTokenizer::builder().unit(unit).num_chars(MOST_CHARACTERS).oov_token(UNKNOWN);
        Ok(match self {
            // Signs tell classes apart, and letters' case does not.
            Self::Words => {
                let words = WordTokenizer::builder().oov_token(UNKNOWN).num_words(MOST_WORDS);
                let analyzer = Analyzer::default().words(WordSplitter::unicode(Segments::All));
                words.analyzer(analyzer).fit(texts)?.into()
            }
            Self::Characters => characters(CharUnit::Scalar).fit(texts)?.into(),
            Self::Jamo => characters(CharUnit::Jamo).fit(texts)?.into(),
            Self::Subwords => SubwordTextEncoder::builder(SUBWORDS).fit(texts)?.into(),
        })
    }
}

/// The vectors of a tokenizer's words: random ones for words that have none, and zeros for the padding.
fn matrix(encoder: &TextEncoder, vectors: &WordVectors, seed: u64) -> Result<EmbeddingMatrix> {
    let Some(tokenizer) = encoder.downcast_ref::<WordTokenizer>() else {
        anyhow::bail!("--vectors holds words, so it needs `--unit words`");
    };
    let words: Vec<&str> =
        (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.index_word(id).unwrap_or("")).collect();
    let mut matrix = vectors.embedding_matrix(&words, Missing::Random { seed });
    matrix.values[..matrix.d].fill(0.0);
    // A file that is mapped is not looked through.
    ensure!(
        matrix.values.iter().all(|value| value.is_finite()),
        "--vectors holds values that are not numbers: the file is damaged, fetch it again"
    );
    ensure!(
        matrix.found > 0,
        "none of the texts' words, such as {:?}, has a vector in --vectors",
        words[words.len() - 1]
    );
    let _ = writeln!(
        Unbroken(std::io::stdout()),
        "{} of {} words have a vector of {} numbers",
        matrix.found,
        words.len() - 1,
        matrix.d
    );
    Ok(matrix)
}

/// Trains a network in a folder of its own, where a run that was stopped goes on, and judges it on `valid`.
pub(crate) fn train(
    network: Network,
    (train, valid): (&Documents, &Documents),
    device: &Device,
    plan: &Plan<'_>,
    group: &dyn Group,
) -> Result<Report> {
    let (texts, names): (Vec<&str>, _) = (train.texts().collect(), train.class_names());
    let rows = |encode: &SequenceEncoder| -> Result<[TokenDataset; 2]> {
        Ok([encode.dataset(train)?, encode.dataset(valid)?])
    };
    let judged = fit(network, &texts, (Head::for_classes(names.len())?, names), rows, device, plan, group)?;
    Ok(judged.report(names)?)
}

/// The same where a text may have any number of labels.
pub(crate) fn train_labels(
    network: Network,
    (train, valid): (&Rows, &Rows),
    device: &Device,
    plan: &Plan<'_>,
    group: &dyn Group,
) -> Result<LabelsReport> {
    let (texts, names): (Vec<&str>, _) = (train.texts().collect(), train.names.as_slice());
    let dataset = |encode: &SequenceEncoder, rows: &Rows| -> Result<TokenDataset> {
        let texts: Vec<&str> = rows.texts().collect();
        let labels = rows.rows.iter().map(|row| row.labels.clone()).collect();
        Ok(encode.labels_dataset(&texts, labels, names.len())?)
    };
    let rows = |encode: &SequenceEncoder| -> Result<[TokenDataset; 2]> {
        Ok([dataset(encode, train)?, dataset(encode, valid)?])
    };
    let judged = fit(network, &texts, (Head::Labels(names.len()), names), rows, device, plan, group)?;
    Ok(judged.labels_report(names, &[f64::from(THRESHOLD)])?)
}

/// Trains a network on the first of two data sets, which `rows` makes of the encoder of its texts, and judges it on the
/// second.
fn fit(
    network: Network,
    texts: &[&str],
    (head, names): (Head, &[String]),
    rows: impl FnOnce(&SequenceEncoder) -> Result<[TokenDataset; 2]>,
    device: &Device,
    plan: &Plan<'_>,
    group: &dyn Group,
) -> Result<Evaluation> {
    let encoder = plan.unit.encoder(texts)?;
    let matrix = plan.vectors.map(|vectors| matrix(&encoder, vectors, plan.seed)).transpose()?;
    let mut lengths: Vec<usize> = encoder.try_encode_batch(texts)?.iter().map(Vec::len).collect();
    lengths.sort_unstable();
    let longest = lengths[((lengths.len() - 1) as f64 * WHOLE) as usize].clamp(8, LONGEST);
    let encode = SequenceEncoder::new(encoder, longest)?.padding(Padding::Post);
    let (vocab, width) = (encode.vocab_size(), matrix.as_ref().map_or(WIDTH, |matrix| matrix.d));
    let config: TextClassifierConfig = match network {
        Network::Cnn => {
            let config = ConvClassifierConfig::new(vocab, longest).d_embedding(width).filters(100).dropout(0.5);
            config.kernel_sizes(&[3, 4, 5]).head(head).into()
        }
        Network::Gru | Network::Bilstm => {
            let kind = if network == Network::Gru { RecurrentKind::Gru } else { RecurrentKind::Lstm };
            let config = RecurrentClassifierConfig::new(vocab, longest).kind(kind).d_embedding(width).dropout(0.4);
            config.d_hidden(vec![64]).head(head).into()
        }
        Network::ConvBilstm => ConvBiLstmConfig::new(vocab, longest).d_embedding(width).dropout(0.4).head(head).into(),
    };
    let mut model = config.init(device, plan.seed)?;
    if let Some(matrix) = &matrix {
        model = model.map_embedding(|embedding| embedding.with_vectors(matrix))?;
    }
    let artifact = ArtifactConfig::text(&model, &encode, names);
    let mut trainer = Trainer::new(plan.folder)
        .epochs(plan.epochs)
        .batch_size(64)
        .seed(plan.seed)
        .existing_run(plan.existing)
        .row_weights(plan.weights.clone())
        .stop_on_ctrl_c()
        .checkpoint_every_minutes(2.0)
        .early_stopping(EarlyStopping::on(Monitor::ValidLoss).patience(2).restore_best_weights(true))
        .artifact(artifact);
    if let Some(minutes) = plan.minutes {
        trainer = trainer.max_minutes(minutes);
    }
    let [train_rows, valid_rows] = rows(&encode)?;
    let run = trainer.fit_over(group, model, &train_rows, &valid_rows)?;
    let mut news = Unbroken(std::io::stdout());
    if let Some(reason) = run.stopped() {
        let _ = writeln!(news, "stopped: {reason}");
    }
    if let Some(epoch) = kept_epoch(run.history()) {
        let _ = writeln!(news, "the weights are those of epoch {epoch}");
    }
    if !run.has_trained() {
        let advice = of_finished(run.history().epochs().len(), run.stopped().is_some());
        let _ = writeln!(news, "{advice}");
    }
    Ok(evaluate(run.model(), &valid_rows, 256)?)
}

/// The epoch whose weights early stopping restores: the first with the lowest validation loss.
fn kept_epoch(history: &History) -> Option<usize> {
    let epochs = history.epochs().iter().filter(|logs| logs.val_loss.is_finite());
    epochs.min_by(|a, b| a.val_loss.total_cmp(&b.val_loss)).map(|logs| logs.epoch)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_epoch_with_the_lowest_loss_is_kept() {
        let kept = |losses: &[Option<f64>]| {
            let numbered = (1_usize..).zip(losses);
            let logs =
                numbered.map(|(epoch, loss)| json!({"epoch": epoch, "loss": 1, "val_loss": loss, "learning_rate": 1}));
            let epochs: Vec<serde_json::Value> = logs.collect();
            kept_epoch(&serde_json::from_value(json!({ "epochs": epochs })).unwrap())
        };
        assert_eq!(kept(&[Some(0.5), Some(0.3), Some(0.3), Some(0.4)]), Some(2));
        assert_eq!(kept(&[None, Some(0.3)]), Some(2));
        assert_eq!(kept(&[]), None);
    }

    #[test]
    fn ready_vectors_leave_the_padding_at_zero() {
        let encoder = Unit::Words.encoder(&["fine", "fine dull"]).unwrap();
        let vectors = WordVectors::new(["fine", "else"], vec![1.0, 2.0, 3.0, 4.0], 2).unwrap();
        let matrix = matrix(&encoder, &vectors, 7).unwrap();
        let rows: Vec<&[f32]> = matrix.values.chunks_exact(2).collect();
        // The padding, the unknown word, and the words by how frequent they are.
        assert_eq!(rows.len(), 4);
        assert_eq!((rows[0], rows[2]), (&[0.0, 0.0][..], &[1.0, 2.0][..]));
        assert!(rows[1] != [0.0, 0.0] && rows[3] != [0.0, 0.0], "{rows:?}");
    }
}
