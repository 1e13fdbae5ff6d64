//! `kiln vectors evaluate`: word pairs with human judgements, and analogies, by gensim's rules.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail, ensure};
use clap::Args;
use kiln::text::corpora::Column;
use kiln::vectors::{AnalogyOptions, AnalogyScore, AnalogySection, PairsOptions, PairsScore, WordVectors};
use serde_json::{Value, json};

use super::{Reading, plain, size};
use crate::{output, whole};

/// Scores word vectors on word pairs with human judgements, and on analogies
#[derive(Args)]
#[command(
    override_usage = "kiln vectors evaluate <FILE> [OPTIONS]",
    after_help = "Example:\n  kiln vectors evaluate vectors.txt --similarity wordsim353.tsv --analogies questions-words.txt\n  kiln vectors evaluate vectors.txt --similarity SimLex-999.txt --columns word1,word2,SimLex999"
)]
pub(super) struct Evaluate {
    /// The vectors: text of word2vec, GloVe or fastText, word2vec's binary format, or Kiln's safetensors; gzip too
    file: PathBuf,
    /// Files with two words and a judgement a line, such as WordSim-353
    #[arg(long, num_args = 1.., value_name = "FILE")]
    similarity: Vec<PathBuf>,
    /// A file with four words a line and sections that begin with `: name`, such as questions-words.txt
    #[arg(long, value_name = "FILE")]
    analogies: Option<PathBuf>,
    /// What is between the words and the judgement; a tab by default
    #[arg(long, default_value = "\t", hide_default_value = true, value_name = "TEXT")]
    delimiter: String,
    /// The columns of the words and the judgement, by names in the first line or by numbers from 0
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "A,B,JUDGEMENT")]
    columns: Vec<String>,
    /// Use only the first N words of the vectors
    #[arg(long, default_value_t = 300_000, value_name = "N")]
    #[arg(allow_negative_numbers = true, value_parser = whole::<usize>)]
    restrict_vocab: usize,
    /// Print the scores as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What was scored on which file.
struct Scores<'a> {
    pairs: Vec<(&'a Path, PairsScore)>,
    analogies: Option<(&'a Path, AnalogyScore)>,
}

pub(super) fn evaluate(options: &Evaluate) -> Result<()> {
    ensure!(
        !options.similarity.is_empty() || options.analogies.is_some(),
        "nothing to score {} on: name files of word pairs with --similarity, a file of questions with --analogies, or \
         both",
        options.file.display()
    );
    ensure!(options.restrict_vocab > 0, "--restrict-vocab should be at least 1, found 0");
    let pairs_options = pairs_options(options)?;
    // Before the vectors are read, which may take a while.
    for file in options.similarity.iter().chain(&options.analogies) {
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let vectors = options.reading.open(&options.file)?;
    let mut scores = Scores { pairs: Vec::new(), analogies: None };
    // A file without a score does not take away those of the others.
    let mut failed: Vec<Error> = Vec::new();
    for file in &options.similarity {
        match vectors.evaluate_word_pairs(file, &pairs_options) {
            Ok(score) => scores.pairs.push((file, score)),
            Err(error) => failed.push(plain(error, &options.file)),
        }
    }
    if let Some(file) = &options.analogies {
        let analogy_options = AnalogyOptions::new().restrict_vocab(options.restrict_vocab);
        match vectors.evaluate_word_analogies(file, &analogy_options) {
            Ok(score) => scores.analogies = Some((file, score)),
            Err(error) => failed.push(plain(error, &options.file)),
        }
    }
    if !scores.pairs.is_empty() || scores.analogies.is_some() {
        scores.print(options, &vectors)?;
    }
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0)),
        _ => bail!("{}", failed.iter().map(crate::messages::of).collect::<Vec<_>>().join("; ")),
    }
}

fn pairs_options(options: &Evaluate) -> Result<PairsOptions> {
    // A backslash and a t, as shells pass it on.
    let delimiter = options.delimiter.replace("\\t", "\t");
    ensure!(!delimiter.is_empty(), "--delimiter should be a character or more, found nothing");
    let pairs = PairsOptions::new().delimiter(delimiter).restrict_vocab(options.restrict_vocab);
    let column = |named: &String| match named.parse::<usize>() {
        Ok(number) => Column::Number(number),
        Err(_) => Column::Name(named.clone()),
    };
    match &options.columns[..] {
        [] => Ok(pairs),
        [a, b, judgement] => Ok(pairs.columns([column(a), column(b), column(judgement)])),
        other => bail!(
            "--columns should be three names or numbers with commas between them, as in word1,word2,SimLex999, found {}",
            other.len()
        ),
    }
}

impl Scores<'_> {
    fn print(&self, options: &Evaluate, vectors: &WordVectors) -> Result<()> {
        let mut out = std::io::BufWriter::new(output());
        if options.json {
            writeln!(out, "{}", self.to_json(&options.file, vectors))?;
        } else {
            writeln!(out, "{}: {}", options.file.display(), size(vectors))?;
            self.tell(&mut out)?;
        }
        Ok(out.flush()?)
    }

    fn tell(&self, out: &mut impl Write) -> Result<()> {
        if !self.pairs.is_empty() {
            writeln!(
                out,
                "\n{:<30} {:>9} {:>9} {:>9} {:>9} {:>7} {:>14}",
                "word pairs", "Spearman", "p", "Pearson", "p", "pairs", "unknown"
            )?;
        }
        for (file, score) in &self.pairs {
            let (spearman, pearson) = (score.spearman, score.pearson);
            let unknown = format!("{} ({:.1} %)", unknown(score), score.oov_percent);
            writeln!(
                out,
                "{:<30} {:>9.4} {:>9.1e} {:>9.4} {:>9.1e} {:>7} {unknown:>14}",
                file.display().to_string(),
                spearman.coefficient,
                spearman.p_value,
                pearson.coefficient,
                pearson.p_value,
                score.used
            )?;
        }
        for (file, score) in &self.pairs {
            skipped(out, file, &score.invalid_lines, "two words and a number")?;
        }
        let Some((file, score)) = &self.analogies else { return Ok(()) };
        writeln!(out, "\n{:<30} {:>9} {:>9} {:>9}", "analogies", "accuracy", "correct", "answered")?;
        for section in &score.sections {
            answered(out, &section.name, section.correct.len(), section.incorrect.len())?;
        }
        answered(out, "all sections", score.correct, score.incorrect)?;
        writeln!(out, "{:.1} % of the questions have a word without a vector and do not count", score.oov_percent)?;
        skipped(out, file, &score.invalid_lines, "four words")
    }

    fn to_json(&self, file: &Path, vectors: &WordVectors) -> Value {
        let pairs = |(file, score): &(&Path, PairsScore)| {
            json!({
                "file": file.display().to_string(),
                "spearman": score.spearman.coefficient,
                "spearman_p": score.spearman.p_value,
                "pearson": score.pearson.coefficient,
                "pearson_p": score.pearson.p_value,
                "pairs": score.used,
                "unknown": unknown(score),
                "oov_percent": score.oov_percent,
            })
        };
        let section = |section: &AnalogySection| {
            let (correct, incorrect) = (section.correct.len(), section.incorrect.len());
            json!({
                "name": section.name,
                "accuracy": accuracy(correct, incorrect),
                "correct": correct,
                "incorrect": incorrect,
            })
        };
        let analogies = |(file, score): &(&Path, AnalogyScore)| {
            json!({
                "file": file.display().to_string(),
                "accuracy": accuracy(score.correct, score.incorrect),
                "correct": score.correct,
                "incorrect": score.incorrect,
                "oov_percent": score.oov_percent,
                "sections": score.sections.iter().map(section).collect::<Vec<_>>(),
            })
        };
        json!({
            "file": file.display().to_string(),
            "words": vectors.len(),
            "d": vectors.d(),
            "similarity": self.pairs.iter().map(pairs).collect::<Vec<_>>(),
            "analogies": self.analogies.as_ref().map(analogies),
        })
    }
}

/// How many pairs have a word without a vector.
fn unknown(score: &PairsScore) -> usize {
    // They are a share of all pairs, and the others were used.
    (score.used as f64 * score.oov_percent / (100.0 - score.oov_percent)).round() as usize
}

/// The share of questions that were answered rightly, if any were answered.
fn accuracy(correct: usize, incorrect: usize) -> Option<f64> {
    let answered = correct + incorrect;
    (answered > 0).then(|| correct as f64 / answered as f64)
}

fn answered(out: &mut impl Write, name: &str, correct: usize, incorrect: usize) -> Result<()> {
    let share = accuracy(correct, incorrect).map_or_else(|| "-".to_owned(), |share| format!("{share:.4}"));
    Ok(writeln!(out, "{name:<30} {share:>9} {correct:>9} {:>9}", correct + incorrect)?)
}

/// Lines of a file that are not what they should be.
fn skipped(out: &mut impl Write, file: &Path, lines: &[u64], expected: &str) -> Result<()> {
    if let [first, ..] = lines {
        let (file, count) = (file.display(), lines.len());
        writeln!(out, "{file}: skipped what is not {expected}: {count} lines, the first is line {first}")?;
    }
    Ok(())
}
