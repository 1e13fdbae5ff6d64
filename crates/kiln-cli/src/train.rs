//! `kiln train`: from a file to a folder that predicts.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use kiln::predict::linear_weights;
use kiln::prelude::*;
use kiln::report::Report;
use kiln::text::corpora::{Document, Documents};
use kiln::text::io::WholeFile;
use kiln::{FolderLock, RowWeights};

use crate::corpus::{Corpus, Reading};
use crate::linear::{self, Terms};
use crate::network::{self, Network, Plan};

/// The files of an artifact.
const ARTIFACT: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// Trains a classifier of texts from a file, and leaves it in a folder
#[derive(Args)]
#[command(after_help = "Example:\n  kiln train reviews.csv --text review --label sentiment --output reviews")]
pub(crate) struct Train {
    /// The texts and labels: CSV, TSV, JSON lines, fastText's format, or a folder with a folder for each class; gzip too
    file: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// A file to validate on, or the share of the texts to set aside for it
    #[arg(long, default_value = "0.1", value_name = "FILE|SHARE")]
    valid: String,
    /// A file to judge the chosen model on, once
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// The model: linear, a network, or `auto`, the better one of the linear model and a network
    #[arg(long, value_enum, default_value = "linear")]
    model: ModelChoice,
    /// Words or runs of characters, for the linear model; by default what is better on the validation part
    #[arg(long, value_enum)]
    unit: Option<UnitChoice>,
    /// How much the classes count: balanced, or all rows alike
    #[arg(long, value_enum, default_value = "none")]
    class_weight: ClassWeight,
    /// Epochs of a network, which early stopping may end before
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// The seed of the split, the weights and the order
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder to leave the model in; by default the file's name without its extension
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Go on with a network whose training was stopped
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace a model that the folder holds
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModelChoice {
    Auto,
    Linear,
    Cnn,
    Gru,
    Bilstm,
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
enum UnitChoice {
    Words,
    Characters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClassWeight {
    None,
    Balanced,
}

/// A line of the table at the end.
struct Row {
    model: String,
    report: Report,
    seconds: f64,
    bytes: Option<u64>,
}

pub(crate) fn train(options: &Train) -> Result<()> {
    // The model matters more than who reads of it.
    let mut out = Unbroken(std::io::stdout());
    ensure!(options.epochs > 0, "--epochs should be at least 1");
    let output = output(options)?;
    let _lock = lock(&output)?;
    is_free(&output, options)?;
    let network_folder = output.join("network");
    if options.resume {
        let is_network = options.model.network().is_some();
        ensure!(is_network, "--resume goes on with a network: name the same one by --model, as when it was begun");
        let checkpoint = network_folder.join("checkpoint.kiln");
        ensure!(checkpoint.exists(), "there is no network to go on with: {} is not there", checkpoint.display());
    }
    let Corpus { documents, told } = options.reading.read(&options.file, None)?;
    writeln!(out, "{}: {told}", options.file.display())?;
    let (train, valid) = split(options, documents, &mut out)?;
    let test = options.test.as_deref().map(|file| options.reading.read(file, Some(train.class_names()))).transpose()?;
    let weights = match options.class_weight {
        ClassWeight::None => RowWeights::Equal,
        ClassWeight::Balanced => RowWeights::Balanced,
    };

    let mut rows = vec![majority(&train, &valid)?];
    let began = Instant::now();
    let kinds = match options.unit {
        Some(UnitChoice::Words) => vec![Terms::Words],
        Some(UnitChoice::Characters) => vec![Terms::Characters],
        None => vec![Terms::Words, Terms::Characters],
    };
    let linear = linear::train(&train, &valid, &kinds, &weights)?;
    writeln!(out, "linear model: {}", linear.told)?;
    let report = linear::report(&linear.classifier, &valid)?;
    let artifact =
        ArtifactConfig::linear(&linear.classifier).data(options.file.display().to_string()).seed(options.seed);
    let artifact = artifact.scores(scores(&report));
    let save_linear = || artifact.save(&output, &linear_weights(&linear.classifier));
    let has_network = options.model.network().is_some();
    // Before a network has been trained, so that the folder predicts meanwhile; a model that stands there stays until then.
    if !has_network || !output.join(ARTIFACT[0]).exists() {
        save_linear()?;
    }
    let model = linear.classifier.model();
    let numbers = (model.columns() + 1) * model.intercepts().len();
    let bytes = Some((linear.classifier.features().to_json().len() + 4 * numbers) as u64);
    rows.push(Row { model: "linear".into(), report, seconds: began.elapsed().as_secs_f64(), bytes });

    if let Some(network) = options.model.network() {
        let (began, folder) = (Instant::now(), network_folder.clone());
        let existing = match (options.resume && folder.join("checkpoint.kiln").exists(), options.overwrite) {
            (true, _) => ExistingRun::Resume,
            (_, true) => ExistingRun::Overwrite,
            _ => ExistingRun::Refuse,
        };
        let plan = Plan { folder: &folder, epochs: options.epochs, seed: options.seed, existing, weights: &weights };
        let report = network::train(network, (&train, &valid), &kiln::device()?, &plan)?;
        let is_chosen = options.model != ModelChoice::Auto || report.accuracy > rows[1].report.accuracy;
        if is_chosen {
            // config.json last, which vouches for the others.
            for name in ARTIFACT.iter().rev() {
                let mut file = WholeFile::create(output.join(name))?;
                file.write_all(&std::fs::read(folder.join(name))?)?;
                file.finish()?;
            }
        } else {
            save_linear()?;
        }
        let model = network.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let seconds = began.elapsed().as_secs_f64();
        rows.push(Row { model, report, seconds, bytes: Some(size(&folder)) });
    }

    if !has_network && network_folder.join("checkpoint.kiln").exists() {
        // Of the model that was replaced.
        std::fs::remove_dir_all(&network_folder)?;
    }
    table(&mut out, &rows)?;
    let predictor = crate::ask::load(&output)?;
    let chosen = if predictor.linear().is_some() { "the linear model" } else { "the network" };
    writeln!(out, "{} holds {chosen}", output.display())?;
    if let Some(Corpus { documents, .. }) = test {
        writeln!(out, "\non {} texts of the test file:", documents.len())?;
        write!(out, "{}", crate::ask::report(&predictor, &documents)?)?;
    }
    Ok(())
}

/// The standard output, which may have been closed by whoever read it.
struct Unbroken(std::io::Stdout);

impl Write for Unbroken {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// The folder for this process only; it goes if nothing came of it.
struct Locked {
    folder: PathBuf,
    lock: Option<FolderLock>,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.lock.take();
        std::fs::remove_dir(&self.folder).ok();
    }
}

fn lock(output: &Path) -> Result<Locked> {
    std::fs::create_dir_all(output).with_context(|| format!("cannot make the folder {}", output.display()))?;
    match FolderLock::take(output, ".kiln-training") {
        Ok(lock) => Ok(Locked { folder: output.to_owned(), lock }),
        Err(holder) => bail!(
            "{} is in use: the process {holder} trains into it; wait until it has ended, or name another folder",
            output.display()
        ),
    }
}

/// The folder that the model goes to.
fn output(options: &Train) -> Result<PathBuf> {
    let named = options.output.clone().or_else(|| {
        let stem = options.file.file_name()?.to_string_lossy().into_owned();
        let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or("model").to_owned();
        Some(PathBuf::from(if options.file.is_dir() { format!("{stem}-model") } else { stem }))
    });
    let Some(output) = named else { bail!("{} has no name: name a folder by --output", options.file.display()) };
    let inside = |folder: &Path| {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        options.file.is_dir() && absolute(folder).starts_with(absolute(&options.file))
    };
    ensure!(!inside(&output), "{} is inside the folder of the texts: name another one by --output", output.display());
    ensure!(!output.is_file(), "{} is a file: name another folder by --output", output.display());
    Ok(output)
}

/// # Errors
///
/// The folder holds a model that is not to be replaced.
fn is_free(output: &Path, options: &Train) -> Result<()> {
    let holds = ARTIFACT.iter().any(|name| output.join(name).exists());
    ensure!(
        !holds || options.overwrite || options.resume,
        "{} already holds a model: replace it by --overwrite, or name another folder by --output",
        output.display()
    );
    Ok(())
}

/// The part to learn from, and the one to validate on.
fn split(options: &Train, documents: Documents, out: &mut impl Write) -> Result<(Documents, Documents)> {
    let empty = documents.texts().filter(|text| text.trim().is_empty()).count();
    if empty > 0 {
        writeln!(out, "{empty} texts are empty")?;
    }
    let mut seen = std::collections::HashMap::new();
    let mut torn = 0;
    for document in &documents {
        let first = *seen.entry(document.text.as_str()).or_insert(document.label);
        torn += usize::from(first != document.label);
    }
    if torn > 0 {
        writeln!(out, "{torn} texts stand there with another label than the same text before")?;
    }
    let (train, valid) = match options.valid.parse::<f64>() {
        Ok(share) => {
            ensure!(share > 0.0 && share < 1.0, "--valid should be a file or a share between 0 and 1, found {share}");
            let parts = kiln::split::by_hash(documents.texts(), &[1.0 - share, share], options.seed)?;
            let names = documents.class_names().to_vec();
            let all = documents.into_documents();
            let part = |rows: &[usize]| -> Result<Documents> {
                Ok(Documents::new(rows.iter().map(|&row| all[row].clone()).collect(), names.clone())?)
            };
            let parts = with_every_class(parts, &all);
            ensure!(
                parts.iter().all(|part| !part.is_empty()),
                "{} texts are too few to set some aside for validation",
                all.len()
            );
            (part(&parts[0])?, part(&parts[1])?)
        }
        Err(_) => {
            let valid = options.reading.read(Path::new(&options.valid), Some(documents.class_names()))?;
            (documents, valid.documents)
        }
    };
    let counts = train.class_counts();
    let shown: Vec<String> =
        train.class_names().iter().zip(&counts).take(10).map(|(name, count)| format!("{name} {count}")).collect();
    let more = if counts.len() > shown.len() { ", …" } else { "" };
    writeln!(out, "{} texts to learn from, {} to validate on; {}{more}", train.len(), valid.len(), shown.join(", "))?;
    if let Some(class) = counts.iter().position(|&count| count == 0) {
        bail!("the class {:?} has no text to learn from: add texts, or remove its rows", train.class_names()[class]);
    }
    Ok((train, valid))
}

/// The two parts, so that there is something to learn of every class: the texts of one that has none move over.
fn with_every_class(parts: Vec<Vec<usize>>, all: &[Document]) -> Vec<Vec<usize>> {
    let learned: HashSet<u32> = parts[0].iter().map(|&row| all[row].label).collect();
    let missing = parts[1].iter().filter(|&&row| !learned.contains(&all[row].label));
    let moved: HashSet<&str> = missing.map(|&row| all[row].text.as_str()).collect();
    let (mut first, mut second) = (parts[0].clone(), Vec::new());
    for &row in &parts[1] {
        // Equal texts stay together.
        if moved.contains(all[row].text.as_str()) { first.push(row) } else { second.push(row) }
    }
    first.sort_unstable();
    vec![first, second]
}

/// What a model gets that always says the most frequent class.
fn majority(train: &Documents, valid: &Documents) -> Result<Row> {
    let counts = train.class_counts();
    let most = (0..counts.len()).max_by_key(|&class| (counts[class], std::cmp::Reverse(class))).unwrap_or(0);
    let shares: Vec<f64> = counts.iter().map(|&count| count as f64 / train.len() as f64).collect();
    let probabilities: Vec<f64> = valid.labels().iter().flat_map(|_| shares.clone()).collect();
    let predicted = vec![most as u32; valid.len()];
    let report = Report::of_both(train.class_names(), &valid.labels(), &predicted, &probabilities)?;
    Ok(Row { model: "most frequent class".into(), report, seconds: 0.0, bytes: None })
}

fn scores(report: &Report) -> Vec<(String, f64)> {
    let mut scores =
        vec![("val_accuracy".to_owned(), report.accuracy), ("val_macro_f1".to_owned(), report.macro_average.f1)];
    scores.extend(report.probabilities.as_ref().map(|found| ("val_loss".to_owned(), found.log_loss)));
    scores
}

/// The bytes of an artifact.
fn size(folder: &Path) -> u64 {
    ARTIFACT.iter().filter_map(|name| std::fs::metadata(folder.join(name)).ok()).map(|found| found.len()).sum()
}

fn table(out: &mut impl Write, rows: &[Row]) -> Result<()> {
    writeln!(
        out,
        "\n{:<22} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "on the validation part", "accuracy", "macro F1", "log loss", "seconds", "size"
    )?;
    for Row { model, report, seconds, bytes } in rows {
        let loss = report.probabilities.as_ref().map_or_else(String::new, |found| format!("{:.4}", found.log_loss));
        let size = bytes.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        let (accuracy, f1) = (report.accuracy, report.macro_average.f1);
        writeln!(out, "{model:<22} {accuracy:>9.4} {f1:>9.4} {loss:>9} {seconds:>9.1} {size:>9}")?;
    }
    writeln!(out)?;
    Ok(())
}
