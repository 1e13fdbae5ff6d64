//! `kiln predict`, `kiln evaluate` and `kiln info`: what is done with a folder that `kiln train` left.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kiln::models::thousands;
use kiln::predict::{CHECKPOINT, CONFIG, Prediction, TOKENIZER};
use kiln::prelude::*;
use kiln::report::{LabelsReport, Report};
use kiln::text::corpora::Documents;
use rayon::prelude::*;
use serde_json::Value;

use crate::corpus::{self, Corpus, Known, Reading, Rows, Texts};
use crate::network::{self, THRESHOLD};
use crate::{output, whole};

/// Texts that are predicted together.
const BATCH: usize = 1 << 14;
/// Bytes of the standard input that are read together.
const INPUT: usize = 1 << 20;
/// Classes that `kiln info` lists.
const CLASSES_SHOWN: usize = 20;
/// The model of a linear classifier, as `config.json` names it.
const LINEAR: &str = "linear_classifier";
/// Resamplings that are enough for intervals, and not too many to wait for.
const RESAMPLINGS: std::ops::RangeInclusive<usize> = 100..=100_000;

/// Labels texts with a trained classifier
#[derive(Args)]
#[command(after_help = "Example:\n  kiln predict reviews \"not a dull moment\"\n  \
                  kiln predict reviews --file new.csv --text review --json")]
pub(crate) struct Predict {
    /// The folder that `kiln train` or a training program left
    folder: PathBuf,
    /// The texts; without any, and without a file, one a line from the standard input. Put -- before texts that begin
    /// with a dash
    #[arg(allow_negative_numbers = true)]
    texts: Vec<String>,
    /// A file of texts: one a line, or a table, JSON lines or fastText's lines
    #[arg(long, conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// How many classes to print, the most probable first; by default one, or the labels that the model predicts
    #[arg(long, allow_negative_numbers = true, value_parser = whole::<usize>, value_name = "N")]
    top_k: Option<usize>,
    /// Print a JSON object for each text, one per line
    #[arg(long)]
    json: bool,
    /// Print only classes whose probability is at least P. A model of several labels per text otherwise uses its own
    /// threshold, 0.5 from `kiln train`
    #[arg(long, allow_negative_numbers = true, value_name = "P")]
    threshold: Option<f32>,
}

/// Scores a trained classifier on a file of texts and labels
#[derive(Args)]
#[command(after_help = "Example:\n  kiln evaluate reviews test.csv --confusion matrix.png\n  \
                  kiln evaluate films test.csv --text plot --label genres --labels-split ';'")]
pub(crate) struct Evaluate {
    /// The folder that `kiln train` or a training program left
    folder: PathBuf,
    /// The texts and labels
    file: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Print the report as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// The probability from which a text has a label, for a model of several labels per text; by default the model's
    /// own, 0.5 from `kiln train`
    #[arg(long, allow_negative_numbers = true, value_name = "P")]
    threshold: Option<f32>,
    /// Resamplings for 95 % intervals: 100 to 100,000, or 0 for no intervals; for one label per text
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole::<usize>, value_name = "N")]
    bootstrap: usize,
    /// Draw the confusion matrix into this file, .svg or .png; for one label per text
    #[arg(long, value_name = "FILE")]
    confusion: Option<PathBuf>,
}

/// Shows what a folder or a file holds
#[derive(Args)]
#[command(after_help = "Example:\n  kiln info reviews.csv\n  kiln info reviews")]
pub(crate) struct Info {
    /// The folder of a model, or a file of texts and labels
    path: PathBuf,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn predict(options: &Predict) -> Result<()> {
    ensure!(options.top_k != Some(0), "--top-k should be at least 1");
    check_threshold(options.threshold)?;
    ensure!(
        options.reading.label.is_none() && options.reading.labels_split.is_none(),
        "--label and --labels-split are for training and evaluation: a prediction reads no labels"
    );
    ensure!(
        options.file.is_some() || options.reading.is_plain(),
        "--text, --format, --encoding and the options of tables are for a --file"
    );
    let predictor = load(&options.folder)?;
    let mut out = BufWriter::new(output());
    if !options.texts.is_empty() {
        tell(&predictor, &options.texts, options, &mut out)?;
    } else if let Some(file) = &options.file {
        let Texts { mut texts, told } = corpus::texts(file, &options.reading)?;
        if let Some(told) = told {
            let _ = writeln!(std::io::stderr(), "{}: {told}", file.display());
        }
        loop {
            let batch = Iterator::by_ref(&mut texts).take(BATCH).collect::<Result<Vec<String>>>()?;
            if batch.is_empty() {
                break;
            }
            tell(&predictor, &batch, options, &mut out)?;
        }
    } else {
        predict_lines(&predictor, std::io::stdin().lock(), options, &mut out)?;
    }
    Ok(out.flush()?)
}

/// # Errors
///
/// The threshold is not a probability.
fn check_threshold(threshold: Option<f32>) -> Result<()> {
    let is_share = threshold.is_none_or(|threshold| (0.0..=1.0).contains(&threshold));
    ensure!(is_share, "--threshold should be a probability from 0 to 1, found {}", threshold.unwrap_or_default());
    Ok(())
}

/// Predicts the lines of an input as they come: whoever writes them may wait for the answer.
fn predict_lines(predictor: &TextPredictor, input: impl Read, options: &Predict, out: &mut impl Write) -> Result<()> {
    let mut input = BufReader::with_capacity(INPUT, input);
    let (mut line, mut texts) = (Vec::new(), Vec::new());
    for number in 1_u64.. {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read the standard input")? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = std::str::from_utf8(text).ok().with_context(|| {
            format!("line {number} of the standard input is not UTF-8: convert it, as by iconv -f latin1 -t UTF-8")
        })?;
        let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { text };
        texts.push(text.to_owned());
        let has_more = input.buffer().contains(&b'\n');
        if texts.len() == BATCH || !has_more {
            tell(predictor, &texts, options, out)?;
            out.flush()?;
            texts.clear();
        }
    }
    Ok(())
}

fn tell(predictor: &TextPredictor, texts: &[String], options: &Predict, out: &mut impl Write) -> Result<()> {
    let predictions = predictor.predict(texts)?;
    let lines = texts.par_iter().zip(predictions).with_min_len(256);
    let lines: Vec<String> = lines.map(|(text, told)| line(predictor, text, told, options)).collect();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(())
}

/// The line of one text.
fn line(predictor: &TextPredictor, text: &str, told: Prediction, options: &Predict) -> String {
    let (names, Prediction { label, probabilities, labels, .. }) = (predictor.class_names(), told);
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
    // What the predictor says comes first: it may have a threshold.
    order.retain(|&class| class != label as usize);
    order.insert(0, label as usize);
    match options.top_k {
        Some(classes) => order.truncate(classes),
        None if !predictor.has_labels() => order.truncate(1),
        None if options.threshold.is_none() => order.retain(|&class| labels.contains(&(class as u32))),
        None => {}
    }
    order.retain(|&class| options.threshold.is_none_or(|least| probabilities[class] >= least));
    if options.json {
        let classes: Vec<_> = order
            .iter()
            .map(|&class| serde_json::json!({"label": names[class], "probability": probabilities[class]}))
            .collect();
        return serde_json::json!({"text": text, "labels": classes}).to_string();
    }
    let classes: Vec<String> =
        order.iter().map(|&class| format!("{}\t{:.4}", names[class], probabilities[class])).collect();
    // One line for each text.
    format!("{}\t{}", classes.join("\t"), text.replace(['\n', '\r', '\t'], " "))
}

/// Loads a folder. What is linear needs no device, and so none is looked for.
pub(crate) fn load(folder: &Path) -> Result<TextPredictor> {
    ensure!(!folder.is_file(), "{} is a file: name the folder that `kiln train` left", folder.display());
    is_done(folder)?;
    let path = folder.join(CONFIG);
    // What cannot be read, the library says.
    let config: Option<Value> = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    if let Some(config) = &config {
        is_from_kiln(config, &path)?;
    }
    let is_linear = config.is_some_and(|config| config["model"]["name"] == LINEAR);
    let named = std::env::var(kiln::DEVICE_VARIABLE).ok();
    let named = if is_linear && kiln::Backend::Flex.is_built() { Some("flex") } else { named.as_deref() };
    Ok(TextPredictor::load(folder, &kiln::choose(named)?.device)?)
}

/// # Errors
///
/// The folder holds no model yet, but a network whose training was stopped.
fn is_done(folder: &Path) -> Result<()> {
    let run = folder.join(network::FOLDER).join(CHECKPOINT);
    ensure!(
        folder.join(CONFIG).exists() || !run.exists(),
        "{} holds no model yet, but a network whose training was stopped: to continue it, run the same `kiln train` with \
         --resume",
        folder.display()
    );
    Ok(())
}

/// # Errors
///
/// The `config.json` is another program's.
fn is_from_kiln(config: &Value, path: &Path) -> Result<()> {
    ensure!(
        config["format"].is_u64() && config["kind"].is_string(),
        "{} is not from Kiln: expected a \"format\" and a \"kind\" in it; name a folder that `kiln train` or another \
         program with Kiln left",
        path.display()
    );
    Ok(())
}

/// The report of a predictor of one class a text on documents.
pub(crate) fn report(predictor: &TextPredictor, documents: &Documents) -> Result<Report> {
    let texts: Vec<&str> = documents.texts().collect();
    let (predicted, probabilities) = predicted(predictor, &texts)?;
    Ok(Report::of_both(predictor.class_names(), &documents.labels(), &predicted, &probabilities)?)
}

/// The report of a predictor of any number of labels per text, by its own threshold unless one is given.
pub(crate) fn labels_report(predictor: &TextPredictor, rows: &Rows, threshold: Option<f32>) -> Result<LabelsReport> {
    let texts: Vec<&str> = rows.texts().collect();
    let (_, probabilities) = predicted(predictor, &texts)?;
    let threshold = f64::from(threshold_of(predictor, threshold));
    Ok(LabelsReport::new(predictor.class_names(), &rows.truth(), &probabilities, &[threshold])?)
}

/// The probability from which a label is predicted: the one given, else the predictor's own.
fn threshold_of(predictor: &TextPredictor, given: Option<f32>) -> f32 {
    given.or(predictor.threshold()).unwrap_or(THRESHOLD)
}

/// What is predicted of each text, and the probabilities `[texts][classes]`, batch by batch: only these stay in memory.
fn predicted(predictor: &TextPredictor, texts: &[&str]) -> Result<(Vec<u32>, Vec<f64>)> {
    let mut predicted = Vec::with_capacity(texts.len());
    let mut probabilities = Vec::with_capacity(texts.len() * predictor.class_names().len());
    for batch in texts.chunks(BATCH) {
        for Prediction { label, probabilities: of_text, .. } in predictor.predict(batch)? {
            predicted.push(label);
            probabilities.extend(of_text.into_iter().map(f64::from));
        }
    }
    Ok((predicted, probabilities))
}

pub(crate) fn evaluate(options: &Evaluate) -> Result<()> {
    ensure!(
        options.bootstrap == 0 || RESAMPLINGS.contains(&options.bootstrap),
        "--bootstrap should be 0 or from 100 to 100,000, found {}",
        options.bootstrap
    );
    if let Some(file) = &options.confusion {
        let is_drawn = file.extension().is_some_and(|extension| extension == "svg" || extension == "png");
        ensure!(is_drawn, "--confusion should be a file that ends in .svg or .png, found {}", file.display());
    }
    check_threshold(options.threshold)?;
    let predictor = load(&options.folder)?;
    let (folder, has_several) = (options.folder.display(), predictor.has_labels());
    ensure!(
        has_several || options.threshold.is_none(),
        "--threshold is for a model of several labels per text, and {folder} holds one of one label per text: leave it \
         out"
    );
    ensure!(
        !has_several || (options.bootstrap == 0 && options.confusion.is_none()),
        "--bootstrap and --confusion are for a model of one label per text, and {folder} holds one of several: leave \
         them out"
    );
    let known = Known { names: predictor.class_names(), has_several };
    let Corpus { rows, told, .. } = options.reading.read(&options.file, Some(known))?;
    if has_several {
        let report = labels_report(&predictor, &rows, options.threshold)?;
        let mut out = output();
        return Ok(match (options.json, options.markdown) {
            (true, _) => writeln!(out, "{}", report.to_json()),
            (_, true) => write!(out, "{}", report.to_markdown()),
            _ => {
                let (file, threshold) = (options.file.display(), threshold_of(&predictor, options.threshold));
                write!(out, "{file}: {told}\nlabels with a probability of at least {threshold}\n\n{report}")
            }
        }?);
    }
    let report = report(&predictor, &rows.into_documents()?)?.bootstrap(options.bootstrap, 0);
    // First, so that a closed pipe does not take it away; and what cannot be drawn is still printed.
    let drawn = options.confusion.as_ref().map_or(Ok(()), |file| report.confusion.plot(file));
    let mut out = output();
    let printed = match (options.json, options.markdown) {
        (true, _) => writeln!(out, "{}", report.to_json()),
        (_, true) => write!(out, "{}", report.to_markdown()),
        _ => write!(out, "{}: {told}\n\n{report}", options.file.display()),
    };
    drawn?;
    Ok(printed?)
}

pub(crate) fn info(options: &Info) -> Result<()> {
    let mut out = output();
    is_done(&options.path)?;
    let path = options.path.join(CONFIG);
    if !path.exists() {
        let corpus = options.reading.read(&options.path, None).with_context(|| {
            let path = options.path.display();
            match options.path.is_dir() {
                true => format!("{path} holds no model (a config.json), and is not a folder of texts either"),
                false => format!("{path} holds no model, and no texts with labels"),
            }
        })?;
        return told_of(&options.path, &corpus, &mut out);
    }
    let is_plain = options.reading.is_plain();
    let shown = options.path.display();
    ensure!(is_plain, "--text, --label, --format and --encoding are for a file of texts, and {shown} holds a model");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: Value = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
    is_from_kiln(&config, &path)?;
    writeln!(out, "{}: {}", options.path.display(), corpus::shown(&config["kind"]).replace('_', " "))?;
    writeln!(out, "model: {}", corpus::shown(&config["model"]["name"]).replace('_', " "))?;
    for (name, value) in config["model"]["config"].as_object().into_iter().flatten() {
        writeln!(out, "  {name}: {value}")?;
    }
    if config["model"]["name"] == LINEAR
        && let Some(terms) = terms(&options.path)
    {
        writeln!(out, "reads: {terms}")?;
    }
    if let Some(classes) = config["class_names"].as_array() {
        let shown: Vec<String> = classes.iter().take(CLASSES_SHOWN).map(corpus::shown).collect();
        let more = match classes.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let has_several = config["model"]["config"]["head"]["labels"].is_u64();
        let what = if has_several { "labels, any number a text" } else { "classes" };
        writeln!(out, "{what}: {}{more}", shown.join(", "))?;
    }
    for (name, value) in config["scores"].as_object().into_iter().flatten() {
        writeln!(out, "{name}: {value}")?;
    }
    for (name, value) in config["made"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        writeln!(out, "made, {name}: {}", corpus::shown(value))?;
    }
    let mut wrong = Vec::new();
    for (name, file) in config["files"].as_object().into_iter().flatten() {
        let Some(expected) = file["bytes"].as_u64() else { continue };
        let found = std::fs::metadata(options.path.join(name)).ok().filter(std::fs::Metadata::is_file);
        let found = found.map(|file| file.len());
        let told = match found {
            Some(found) if found == expected => size(found),
            Some(found) => format!("{found} bytes, expected {expected}"),
            None => "missing".to_owned(),
        };
        writeln!(out, "{name}: {told}")?;
        if found != Some(expected) {
            wrong.push(format!("{name} ({told})"));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{shown} is damaged: {}; put back the files of one training, or train again",
        wrong.join(", ")
    );
    Ok(())
}

/// What a linear model reads, as its features say.
fn terms(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(TOKENIZER)).ok()?;
    let features: Value = serde_json::from_str(&text).ok()?;
    let counts = &features["config"]["counts"];
    let analysis = &counts["analysis"];
    let unit = match analysis["analyzer"].as_str()? {
        "characters_in_words" => "characters within words".to_owned(),
        other => other.replace('_', " "),
    };
    let length = |at: usize| analysis["ngram_range"][at].as_u64();
    let (least, most) = (length(0)?, length(1)?);
    let lengths = if least == most { most.to_string() } else { format!("{least} to {most}") };
    Some(format!("n-grams of {lengths} {unit}; {} terms", thousands(counts["vocabulary"].as_array()?.len())))
}

/// A number of bytes.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// What a file of texts and labels holds.
fn told_of(path: &Path, corpus: &Corpus, out: &mut impl Write) -> Result<()> {
    let Corpus { rows: all, told, .. } = corpus;
    let texts = all.rows.len();
    let what = match (all.has_several, all.names.len()) {
        (true, 1) => "label",
        (true, _) => "labels",
        (false, _) => "classes",
    };
    writeln!(out, "{}: {told}", path.display())?;
    writeln!(out, "{texts} texts, {} {what}", all.names.len())?;
    let counts = all.counts();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(counts[class]));
    for &class in order.iter().take(CLASSES_SHOWN) {
        let share = 100.0 * counts[class] as f64 / texts as f64;
        writeln!(out, "  {}: {} ({share:.1} %)", all.names[class], counts[class])?;
    }
    if order.len() > CLASSES_SHOWN {
        writeln!(out, "  and {} more", order.len() - CLASSES_SHOWN)?;
    }
    let mut words: Vec<usize> = all.texts().map(|text| text.split_whitespace().count()).collect();
    words.sort_unstable();
    let at = |share: f64| words[((words.len() - 1) as f64 * share) as usize];
    writeln!(out, "words a text: median {}, 98 % at most {}, longest {}", at(0.5), at(0.98), at(1.0))?;
    let empty = all.texts().filter(|text| text.trim().is_empty()).count();
    let different: std::collections::HashSet<&str> = all.texts().collect();
    writeln!(out, "empty texts: {empty}; repeated texts: {}", texts - different.len())?;
    Ok(())
}
