//! `kiln predict`, `kiln evaluate` and `kiln info`: what is done with a folder that `kiln train` left.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kiln::prelude::*;
use kiln::report::Report;
use kiln::text::corpora::Documents;
use kiln::train::Prediction;

use crate::corpus::{self, Reading};

/// Texts that are predicted together.
const BATCH: usize = 1 << 14;
/// What `config.json` of a linear classifier holds.
const LINEAR: &str = "\"linear_classifier\"";

/// Labels texts with a trained classifier
#[derive(Args)]
#[command(
    after_help = "Example:\n  kiln predict reviews \"not a dull moment\"\n  kiln predict reviews --file new.csv --text review --json"
)]
pub(crate) struct Predict {
    /// The folder that `kiln train` or a training program left
    folder: PathBuf,
    /// The texts; without any, and without a file, one a line from the standard input
    texts: Vec<String>,
    /// A file of texts, one a line, or a table with the column that --text names
    #[arg(long, conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// How many classes to tell, the most probable first
    #[arg(long, default_value_t = 1, value_name = "N")]
    top_k: usize,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
    /// Tell no class that is less probable
    #[arg(long, value_name = "P")]
    threshold: Option<f32>,
}

/// Judges a trained classifier on a file of texts and labels
#[derive(Args)]
#[command(after_help = "Example:\n  kiln evaluate reviews test.csv --confusion matrix.png")]
pub(crate) struct Evaluate {
    /// The folder that `kiln train` or a training program left
    folder: PathBuf,
    /// The texts and labels
    file: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// The report as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Resamplings for intervals
    #[arg(long, default_value_t = 0, value_name = "N")]
    bootstrap: usize,
    /// A picture of the confusion matrix, .svg or .png
    #[arg(long, value_name = "FILE")]
    confusion: Option<PathBuf>,
}

/// Tells what a folder holds
#[derive(Args)]
pub(crate) struct Info {
    /// The folder of a model
    folder: PathBuf,
}

pub(crate) fn predict(options: &Predict) -> Result<()> {
    ensure!(options.top_k > 0, "--top-k should be at least 1");
    let is_share = |threshold: f32| (0.0..=1.0).contains(&threshold);
    ensure!(options.threshold.is_none_or(is_share), "--threshold should be a probability from 0 to 1");
    let Reading { text, label, format, encoding } = &options.reading;
    let is_plain = text.is_none() && format.is_none() && encoding.is_none();
    ensure!(options.file.is_some() || is_plain, "--text, --format and --encoding are for a --file");
    ensure!(label.is_none(), "--label is for training and evaluation: a prediction reads no labels");
    let predictor = load(&options.folder)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if !options.texts.is_empty() {
        tell(&predictor, &options.texts, options, &mut out)?;
    } else if let Some(file) = &options.file {
        for texts in corpus::texts(file, &options.reading)?.chunks(BATCH) {
            tell(&predictor, texts, options, &mut out)?;
        }
    } else {
        let mut texts = Vec::new();
        for (at, line) in std::io::stdin().lock().lines().enumerate() {
            let line = line.with_context(|| format!("line {} of the standard input is not UTF-8", at + 1))?;
            texts.push(if at == 0 { line.trim_start_matches('\u{feff}').to_owned() } else { line });
            if texts.len() == BATCH {
                tell(&predictor, &texts, options, &mut out)?;
                texts.clear();
            }
        }
        tell(&predictor, &texts, options, &mut out)?;
    }
    Ok(out.flush()?)
}

fn tell(predictor: &TextPredictor, texts: &[String], options: &Predict, out: &mut impl Write) -> Result<()> {
    let names = predictor.class_names();
    for (text, Prediction { label, probabilities, .. }) in texts.iter().zip(predictor.predict(texts)?) {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
        // What the predictor says comes first: it may have a threshold.
        order.retain(|&class| class != label as usize);
        order.insert(0, label as usize);
        order.retain(|&class| options.threshold.is_none_or(|least| probabilities[class] >= least));
        order.truncate(options.top_k);
        if options.json {
            let classes: Vec<_> = order
                .iter()
                .map(|&class| serde_json::json!({"label": names[class], "probability": probabilities[class]}))
                .collect();
            writeln!(out, "{}", serde_json::json!({"text": text, "labels": classes}))?;
        } else {
            let classes: Vec<String> =
                order.iter().map(|&class| format!("{}\t{:.4}", names[class], probabilities[class])).collect();
            // One line for each text.
            writeln!(out, "{}\t{}", classes.join("\t"), text.replace(['\n', '\r', '\t'], " "))?;
        }
    }
    Ok(())
}

/// Loads a folder. What is linear needs no device, and so none is looked for.
pub(crate) fn load(folder: &Path) -> Result<TextPredictor> {
    let is_linear = std::fs::read_to_string(folder.join("config.json")).is_ok_and(|text| text.contains(LINEAR));
    let named = std::env::var(kiln::DEVICE_VARIABLE).ok();
    let named = if is_linear && kiln::Backend::Flex.is_built() { Some("flex") } else { named.as_deref() };
    Ok(TextPredictor::load(folder, &kiln::choose(named)?.device)?)
}

/// The report of a predictor on documents.
pub(crate) fn report(predictor: &TextPredictor, documents: &Documents) -> Result<Report> {
    let texts: Vec<&str> = documents.texts().collect();
    let (mut predicted, mut probabilities) = (Vec::new(), Vec::new());
    for Prediction { label, probabilities: of_text, .. } in predictor.predict(&texts)? {
        predicted.push(label);
        probabilities.extend(of_text.into_iter().map(f64::from));
    }
    Ok(Report::of_both(predictor.class_names(), &documents.labels(), &predicted, &probabilities)?)
}

pub(crate) fn evaluate(options: &Evaluate) -> Result<()> {
    let predictor = load(&options.folder)?;
    let corpus = options.reading.read(&options.file, Some(predictor.class_names()))?;
    let report = report(&predictor, &corpus.documents)?.bootstrap(options.bootstrap, 0);
    // First, so that a closed pipe does not take it away.
    if let Some(file) = &options.confusion {
        report.confusion.plot(file)?;
    }
    let mut out = std::io::stdout().lock();
    match (options.json, options.markdown) {
        (true, _) => writeln!(out, "{}", report.to_json())?,
        (_, true) => write!(out, "{}", report.to_markdown())?,
        _ => write!(out, "{}: {}\n\n{report}", options.file.display(), corpus.told)?,
    }
    Ok(())
}

pub(crate) fn info(options: &Info) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let path = options.folder.join("config.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} holds no model", options.folder.display()))?;
    let config: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    writeln!(out, "{}: {}", options.folder.display(), corpus::shown(&config["kind"]).replace('_', " "))?;
    writeln!(out, "model: {}", corpus::shown(&config["model"]["name"]).replace('_', " "))?;
    for (name, value) in config["model"]["config"].as_object().into_iter().flatten() {
        writeln!(out, "  {name}: {value}")?;
    }
    if let Some(classes) = config["class_names"].as_array() {
        writeln!(out, "classes: {}", classes.iter().map(corpus::shown).collect::<Vec<_>>().join(", "))?;
    }
    for (name, value) in config["scores"].as_object().into_iter().flatten() {
        writeln!(out, "{name}: {value}")?;
    }
    for (name, value) in config["made"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        writeln!(out, "made, {name}: {}", corpus::shown(value))?;
    }
    for (name, file) in config["files"].as_object().into_iter().flatten().filter(|(_, file)| !file.is_null()) {
        writeln!(out, "{name}: {:.1} MB", file["bytes"].as_f64().unwrap_or(0.0) / 1e6)?;
    }
    Ok(())
}
