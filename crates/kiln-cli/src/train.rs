//! `kiln train`: from a file to a folder that predicts.

mod folder;
mod labels;
mod parts;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use kiln::RowWeights;
use kiln::burn::tensor::Device;
use kiln::group::Group;
use kiln::predict::{CHECKPOINT, CONFIG, linear_weights};
use kiln::prelude::*;
use kiln::report::Report;

use crate::corpus::Reading;
use crate::linear::{self, Terms};
use crate::network::{self, Network, Plan, Unit};
use crate::vectors::Ready;
use crate::whole;
use parts::Parts;

/// Minutes that `auto` gives a network.
const AUTO_MINUTES: f64 = 5.0;
/// Epochs of a network.
const EPOCHS: usize = 10;

/// Trains a classifier of texts from a file, and leaves it in a folder
#[derive(Args)]
#[command(after_help = "Example:\n  kiln train reviews.csv --text review --label sentiment --output reviews\n  \
                  kiln train films.csv --text plot --label genres --labels-split ';' --model cnn")]
pub(crate) struct Train {
    /// The texts and labels: CSV, TSV, JSON lines, fastText's format, or a folder with a folder per class; gzip too
    file: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// A file to validate on, or the share of the texts to set aside for it
    #[arg(long, default_value = "0.1", value_name = "FILE|SHARE")]
    valid: String,
    /// A file to score the chosen model on, once, or the share of the texts to set aside for it
    #[arg(long, value_name = "FILE|SHARE")]
    test: Option<String>,
    /// The model to keep. Where texts have several labels, name a network, or `auto` for a cnn
    #[arg(long, value_enum, default_value = "linear")]
    model: ModelChoice,
    /// What a model reads: words or characters; a network also jamo or subwords. By default, the linear model tries
    /// words and characters, and a network reads characters if most letters are Korean, Chinese, Japanese or the like
    #[arg(long, value_enum)]
    unit: Option<Unit>,
    #[command(flatten)]
    vectors: Ready,
    /// Minutes after which the training of a network ends; 5 for `auto`, else no limit
    #[arg(long, allow_negative_numbers = true)]
    minutes: Option<f64>,
    /// How much the classes count in training: `balanced`: all classes the same; `none`: all rows the same
    #[arg(long, value_enum, default_value = "none")]
    class_weight: ClassWeight,
    /// Epochs of a network, at most: early stopping may end it sooner; 10 by default
    #[arg(long, allow_negative_numbers = true, value_parser = whole::<usize>)]
    epochs: Option<usize>,
    /// The seed of the split, the initial weights and the order of the texts
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole::<u64>)]
    seed: u64,
    /// The folder to leave the model in; by default the file's name without an ending such as .csv or .jsonl.gz, or
    /// with `-model` after it if there is no such ending
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Continue a network whose training was stopped
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace a model that the folder holds
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModelChoice {
    /// The better of the linear model and a cnn on the validation part, by log loss (balanced classes: by macro F1)
    Auto,
    /// Logistic regression on tf-idf of n-grams; for one label per text
    Linear,
    /// A network: convolutions over three, four and five words
    Cnn,
    /// A network: a GRU in both directions
    Gru,
    /// A network: an LSTM in both directions
    Bilstm,
    /// A network: a convolution and two LSTMs in both directions
    ConvBilstm,
}

impl ModelChoice {
    fn network(self) -> Option<Network> {
        match self {
            Self::Linear => None,
            Self::Auto | Self::Cnn => Some(Network::Cnn),
            Self::Gru => Some(Network::Gru),
            Self::Bilstm => Some(Network::Bilstm),
            Self::ConvBilstm => Some(Network::ConvBilstm),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClassWeight {
    None,
    Balanced,
}

impl ClassWeight {
    fn of_rows(self) -> RowWeights {
        match self {
            Self::None => RowWeights::Equal,
            Self::Balanced => RowWeights::Balanced,
        }
    }
}

/// A line of the table at the end.
struct Row {
    model: String,
    scores: Scores,
    seconds: f64,
    bytes: Option<u64>,
}

/// How good a model is on the validation part.
#[derive(Clone, Copy, Debug)]
struct Scores {
    accuracy: f64,
    macro_f1: f64,
    log_loss: f64,
}

impl Scores {
    fn of(report: &Report) -> Self {
        let log_loss = report.probabilities.as_ref().map_or(f64::INFINITY, |found| found.log_loss);
        Self { accuracy: report.accuracy, macro_f1: report.macro_average.f1, log_loss }
    }

    /// As an artifact keeps them.
    fn named(self) -> [(String, f64); 3] {
        let Self { accuracy, macro_f1, log_loss } = self;
        [("val_accuracy", accuracy), ("val_macro_f1", macro_f1), ("val_loss", log_loss)]
            .map(|(name, score)| (name.to_owned(), score))
    }
}

/// Trains as one rank of a group. Rank 0 does all of it; the others take part in the training of a network.
pub(crate) fn train(options: &Train, group: &dyn Group) -> Result<()> {
    let mut out = Unbroken(std::io::stdout());
    let is_first = group.rank() == 0;
    check(options)?;
    let output = folder::output(options)?;
    let _lock = is_first.then(|| folder::lock(&output)).transpose()?;
    if is_first {
        folder::is_free(&output, options)?;
    }
    let network_folder = output.join(network::FOLDER);
    if options.resume && is_first {
        let is_network = options.model.network().is_some();
        ensure!(is_network, "--resume continues a network: name the same one with --model as when it was begun");
        let checkpoint = network_folder.join(CHECKPOINT);
        let shown = checkpoint.display();
        ensure!(checkpoint.exists(), "there is no network to continue: {shown} does not exist; start without --resume");
    }
    let is_shared = group.size() == 1 || options.model.network().is_some();
    ensure!(is_shared, "several ranks train a network: name one with --model, or start one process without mpirun");
    // A device or a folder that cannot be used is an error before anything is trained.
    let device = options.model.network().map(|_| kiln::device()).transpose()?;
    if device.is_some() && is_first && network_folder.is_dir() {
        folder::is_writable(&network_folder)?;
    }
    let corpus = options.reading.read(&options.file, None)?;
    writeln!(out, "{}: {}", options.file.display(), corpus.told)?;
    let network = options.model.network().zip(device.as_ref());
    if corpus.rows.has_several {
        return labels::train(options, network, corpus, &output, &mut out, group);
    }
    let vectors = options.vectors.open()?;
    let Parts { train, valid, test } = parts::split(options, corpus, &mut out)?;
    let (train, valid) = (train.into_documents()?, valid.into_documents()?);

    let train_network = |out: &mut Unbroken, network: Network, device: &Device| -> Result<(Scores, f64)> {
        let began = Instant::now();
        let texts: Vec<&str> = train.texts().collect();
        let plan = plan(options, network, &texts, &network_folder, vectors.as_ref(), out)?;
        let report = network::train(network, (&train, &valid), device, &plan, group)?;
        Ok((Scores::of(&report), began.elapsed().as_secs_f64()))
    };
    if !is_first {
        return network.map_or(Ok(()), |(network, device)| train_network(&mut out, network, device).map(drop));
    }
    // A run that cannot go on is refused before the linear model takes its time.
    let resumed = network.filter(|_| options.resume);
    let resumed = resumed.map(|(network, device)| train_network(&mut out, network, device)).transpose()?;

    let mut rows = vec![majority(&train, &valid)?];
    let began = Instant::now();
    let kinds = match options.unit {
        Some(Unit::Words) => vec![Terms::Words],
        Some(Unit::Characters) => vec![Terms::Characters],
        None | Some(Unit::Jamo | Unit::Subwords) => vec![Terms::Words, Terms::Characters],
    };
    let linear = linear::train(&train, &valid, &kinds, &options.class_weight.of_rows())?;
    writeln!(out, "linear model: {}", linear.told)?;
    let of_linear = Scores::of(&linear::report(&linear.classifier, &valid)?);
    let artifact =
        ArtifactConfig::linear(&linear.classifier).data(options.file.display().to_string()).seed(options.seed);
    let artifact = artifact.scores(of_linear.named());
    let save_linear = || artifact.save(&output, &linear_weights(&linear.classifier));
    // Before a network has been trained, so that the folder predicts meanwhile; a model that stands there stays until
    // then.
    if network.is_none() || !output.join(CONFIG).exists() {
        save_linear()?;
    }
    let model = linear.classifier.model();
    let numbers = (model.columns() + 1) * model.intercepts().len();
    let bytes = Some((linear.classifier.features().to_json().len() + 4 * numbers) as u64);
    rows.push(Row { model: "linear".into(), scores: of_linear, seconds: began.elapsed().as_secs_f64(), bytes });

    if let Some((network, device)) = network {
        let (scores, seconds) = resumed.map_or_else(|| train_network(&mut out, network, device), Ok)?;
        let (is_better, why) = compared(options.class_weight, of_linear, scores);
        let is_auto = options.model == ModelChoice::Auto;
        if is_auto {
            writeln!(out, "{why}")?;
        } else if !is_better {
            writeln!(out, "the linear model is better than the network: leave --model away to keep it")?;
        }
        let is_chosen = is_better || !is_auto;
        if is_chosen {
            folder::adopt(&network_folder, &output)?;
        } else {
            save_linear()?;
        }
        rows.push(Row { model: name(network), scores, seconds, bytes: Some(folder::size(&network_folder)) });
    }

    if network.is_none() && network_folder.join(CHECKPOINT).exists() {
        folder::remove_run(&network_folder);
    }
    told(&table(&rows))?;
    let predictor = crate::ask::load(&output)?;
    let chosen = if predictor.linear().is_some() { "the linear model" } else { "the network" };
    told(&format!("{} holds {chosen}\n", output.display()))?;
    if let Some(test) = test {
        let documents = test.into_documents()?;
        let report = crate::ask::report(&predictor, &documents)?;
        told(&format!("\non {} texts of the test part:\n{report}", documents.len()))?;
    }
    Ok(())
}

/// How a network is trained on these texts, which is told.
fn plan<'a>(
    options: &Train,
    network: Network,
    texts: &[&str],
    folder: &'a Path,
    vectors: Option<&'a WordVectors>,
    out: &mut Unbroken,
) -> Result<Plan<'a>> {
    let existing = match (options.resume, options.overwrite) {
        (true, _) => ExistingRun::Resume,
        (_, true) => ExistingRun::Overwrite,
        _ => ExistingRun::Refuse,
    };
    let by_texts = || if vectors.is_some() { Unit::Words } else { Unit::of(texts) };
    let unit = options.unit.unwrap_or_else(by_texts);
    let minutes = options.minutes.or((options.model == ModelChoice::Auto).then_some(AUTO_MINUTES));
    let within = minutes.map_or_else(String::new, |minutes| format!(", for at most {minutes} minutes"));
    writeln!(out, "network: {} of {}{within}", name(network), name(unit))?;
    let (epochs, weights) = (options.epochs.unwrap_or(EPOCHS), options.class_weight.of_rows());
    Ok(Plan { folder, epochs, minutes, seed: options.seed, existing, weights, unit, vectors })
}

/// Writes results to the standard output.
///
/// # Errors
///
/// They cannot be written.
fn told(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to the standard output")
}

/// Whether `auto` keeps the network, and why: by macro F1 where rare classes count more, else by the log loss, which
/// also judges how sure a model is.
fn compared(weight: ClassWeight, linear: Scores, network: Scores) -> (bool, String) {
    let (what, of_linear, of_network, is_better) = match weight {
        ClassWeight::Balanced => ("macro F1", linear.macro_f1, network.macro_f1, network.macro_f1 > linear.macro_f1),
        ClassWeight::None => ("log loss", linear.log_loss, network.log_loss, network.log_loss < linear.log_loss),
    };
    let kept = if is_better { "the network" } else { "the linear model" };
    let why = format!("auto keeps {kept}: {what} {of_network:.4} of the network, {of_linear:.4} of the linear model");
    (is_better, why)
}

/// The standard output for news of the training. The model matters more: a closed pipe or a full disk does not end it.
pub(crate) struct Unbroken(pub(crate) std::io::Stdout);

impl Write for Unbroken {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if crate::tells() {
            let _ = self.0.write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// A value as it is written on the command line.
fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Options that do not fit together.
fn check(options: &Train) -> Result<()> {
    ensure!(options.epochs != Some(0), "--epochs should be at least 1, found 0");
    if let Some(minutes) = options.minutes {
        let is_time = Duration::try_from_secs_f64(minutes * 60.0).is_ok_and(|time| !time.is_zero());
        ensure!(is_time, "--minutes should be above 0, and a time that a clock can measure; found {minutes}");
    }
    if options.model == ModelChoice::Linear {
        let for_networks = [
            (options.epochs.is_some(), "--epochs"),
            (options.minutes.is_some(), "--minutes"),
            (options.vectors.are_given(), "--vectors"),
            (options.unit == Some(Unit::Jamo), "--unit jamo"),
            (options.unit == Some(Unit::Subwords), "--unit subwords"),
        ];
        for (is_given, name) in for_networks {
            ensure!(!is_given, "{name} is for a network: name one with --model, such as `--model cnn`");
        }
    }
    let are_words = !options.vectors.are_given() || options.unit.is_none_or(|unit| unit == Unit::Words);
    ensure!(are_words, "--vectors holds words, so it needs `--unit words`");
    parts::shares(options)?;
    Ok(())
}

/// What a model gets that always says the most frequent class, with the shares of the classes as probabilities.
fn majority(train: &Documents, valid: &Documents) -> Result<Row> {
    let counts = train.class_counts();
    let most = (0..counts.len()).max_by_key(|&class| (counts[class], std::cmp::Reverse(class))).unwrap_or(0);
    let report = Report::new(train.class_names(), &valid.labels(), &vec![most as u32; valid.len()])?;
    let loss = |(count, &judged): (&usize, &usize)| -(*count as f64 / train.len() as f64).ln() * judged as f64;
    // A class without a text in the validation part adds nothing.
    let judged = valid.class_counts();
    let losses = counts.iter().zip(&judged).filter(|&(_, &judged)| judged > 0).map(loss);
    let log_loss = losses.sum::<f64>() / valid.len() as f64;
    let scores = Scores { log_loss, ..Scores::of(&report) };
    Ok(Row { model: "most frequent class".into(), scores, seconds: 0.0, bytes: None })
}

fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "\n{:<22} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
        "on the validation part", "accuracy", "macro F1", "log loss", "seconds", "size"
    );
    for Row { model, scores: Scores { accuracy, macro_f1, log_loss }, seconds, bytes } in rows {
        let size = bytes.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        let row = format!("{model:<22} {accuracy:>9.4} {macro_f1:>9.4} {log_loss:>9.4} {seconds:>9.1} {size:>9}\n");
        table.push_str(&row);
    }
    table + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_chooses_by_the_loss_or_with_balanced_classes_by_macro_f1() {
        let linear = Scores { accuracy: 0.9, macro_f1: 0.8, log_loss: 0.4 };
        let surer = Scores { accuracy: 0.9, macro_f1: 0.8, log_loss: 0.3 };
        let more_often_right = Scores { accuracy: 0.91, macro_f1: 0.7, log_loss: 0.5 };
        let better_on_rare_ones = Scores { accuracy: 0.85, macro_f1: 0.85, log_loss: 0.6 };
        for (weight, network, is_chosen, told) in [
            (ClassWeight::None, surer, true, "auto keeps the network: log loss 0.3000 of the network, 0.4000 of"),
            (ClassWeight::None, more_often_right, false, "auto keeps the linear model: log loss 0.5000"),
            (ClassWeight::None, better_on_rare_ones, false, "auto keeps the linear model: log loss 0.6000"),
            (ClassWeight::Balanced, better_on_rare_ones, true, "auto keeps the network: macro F1 0.8500"),
            (ClassWeight::Balanced, surer, false, "auto keeps the linear model: macro F1 0.8000"),
        ] {
            let (is_better, why) = compared(weight, linear, network);
            assert!(is_better == is_chosen && why.starts_with(told), "{weight:?}, {network:?}: {why}");
        }
    }

    #[test]
    fn the_most_frequent_class_is_scored_by_the_shares() {
        let document = |label| Document { text: "a".to_owned(), label };
        let of = |labels: &[u32]| Documents::new(labels.iter().map(|&label| document(label)).collect(), ["a", "b"]);
        let row = majority(&of(&[0, 0, 0, 1]).unwrap(), &of(&[0, 1, 1]).unwrap()).unwrap();
        assert!((row.scores.accuracy - 1.0 / 3.0).abs() < 1e-12);
        // (-ln 3/4 - 2 ln 1/4) / 3
        assert!((row.scores.log_loss - (0.75_f64.ln() + 2.0 * 0.25_f64.ln()) / -3.0).abs() < 1e-12);
    }
}
