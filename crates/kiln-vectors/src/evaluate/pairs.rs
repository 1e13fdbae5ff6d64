//! Correlation of similarities with human judgements of word pairs.

use std::path::Path;

use kiln_base::{Column, options};
use statrs::function::beta::beta_reg;

use super::{Known, RESTRICT_VOCAB, text_lines};
use crate::error::{Error, Result};
use crate::format::read_whole;
use crate::word_vectors::WordVectors;

options! {
    /// How [`WordVectors::evaluate_word_pairs`] reads and counts. The defaults are gensim's.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PairsOptions [
        /// Tabs between the words, 300,000 words, ignoring case, skipping pairs with unknown words.
        pub fn new
    ] {
        /// What separates the words and the number. Default: a tab.
        into delimiter: String = "\t".to_owned(),
        /// Knows only the first `n` words. Default: 300,000.
        restrict_vocab: usize = RESTRICT_VOCAB,
        /// Whether case is ignored; of words that differ only in case, the first counts. Default: true.
        case_insensitive: bool = true,
        /// Whether a pair with an unknown word counts as one of similarity 0. Default: false, which skips it.
        dummy4unknown: bool = false,
        bare columns: Option<[Column; 3]> = None,
    }
}

impl PairsOptions {
    /// The columns of the two words and of the judgement, by their names in the first line or by numbers from 0.
    /// SimLex-999 as published has `["word1", "word2", "SimLex999"]`. Default: lines hold these three and nothing else.
    #[must_use]
    pub fn columns(mut self, columns: [impl Into<Column>; 3]) -> Self {
        self.columns = Some(columns.map(Into::into));
        self
    }
}

/// The correlation of two lists of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// The coefficient, from -1 to 1.
    pub coefficient: f64,
    /// The probability, from 0 to 1, of a coefficient at least this large, of either sign, by chance: by Student's t
    /// distribution with two degrees of freedom fewer than pairs, as in SciPy. 1 for two pairs.
    pub p_value: f64,
}

/// How well similarities agree with human judgements.
#[derive(Clone, Debug, PartialEq)]
pub struct PairsScore {
    /// Pearson's r, of the similarities themselves.
    pub pearson: Correlation,
    /// Spearman's rho, of their ranks; equal values share their average rank.
    pub spearman: Correlation,
    /// Pairs with an unknown word, as a percentage of all pairs.
    pub oov_percent: f64,
    /// The number of pairs that were used.
    pub used: usize,
    /// The skipped lines, counted from 1: those that are neither empty, nor comments, nor two words and a finite
    /// number.
    pub invalid_lines: Vec<u64>,
}

impl WordVectors {
    /// Compares similarities with human judgements of word pairs. The file has two words and a number on each line,
    /// like WordSim-353 or SimLex-999. Lines that begin with `#` are comments.
    ///
    /// Corresponds to gensim's `evaluate_word_pairs`, with the same numbers. gensim silently skips lines that do not
    /// parse; here they are listed, including those whose judgement is NaN or infinite.
    /// # Errors
    ///
    /// If the file cannot be read, is not UTF-8, or has fewer than two pairs, or if all judgements or all similarities
    /// are equal, for which gensim returns NaN.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::{PairsOptions, WordVectors};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("pairs.tsv");
    /// let vectors = WordVectors::new(["Cat", "dog", "car"], vec![1.0, 0.1, 1.0, 0.3, -0.2, 1.0], 2)?;
    /// std::fs::write(&path, "# words and judgements\ncat\tdog\t8.5\ncat\tcar\t1\ndog\tCAR\t2\ncat\tbird\t7\n").unwrap();
    /// let score = vectors.evaluate_word_pairs(&path, &PairsOptions::new())?;
    /// assert_eq!((score.used, score.oov_percent), (3, 25.0));
    /// assert!((score.spearman.coefficient - 1.0).abs() < 1e-12);
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    pub fn evaluate_word_pairs(&self, path: impl AsRef<Path>, options: &PairsOptions) -> Result<PairsScore> {
        let path = path.as_ref();
        let contents = read_whole(path)?;
        let known = Known::new(self, options.restrict_vocab, options.case_insensitive);
        let (mut gold, mut ours, mut unknown, mut invalid_lines) = (Vec::new(), Vec::new(), 0, Vec::new());
        let (mut places, mut first_invalid) = (None, None);
        for line in text_lines(&contents, path) {
            let (number, line) = line?;
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let fields: Vec<&str> = line.split(options.delimiter.as_str()).collect();
            let places = match (&options.columns, places) {
                (None, _) => [0, 1, 2],
                (Some(_), Some(places)) => places,
                (Some(columns), None) => *places.insert(find(columns, &fields, path)?),
            };
            let field = |of: usize| fields.get(places[of]).copied();
            let judgement =
                field(2).and_then(|part| part.trim().parse().ok()).filter(|number: &f64| number.is_finite());
            let is_whole = options.columns.is_some() || fields.len() == 3;
            let (Some(a), Some(b), Some(judgement), true) = (field(0), field(1), judgement, is_whole) else {
                first_invalid.get_or_insert_with(|| invalid_line(number, &fields));
                invalid_lines.push(number);
                continue;
            };
            let similarity = match (known.index(a), known.index(b)) {
                (Some(a), Some(b)) => self.similarity_of(a, b),
                _ => {
                    unknown += 1;
                    if !options.dummy4unknown {
                        continue;
                    }
                    0.0
                }
            };
            gold.push(judgement);
            ours.push(f64::from(similarity));
        }
        let used = gold.len();
        if used < 2 {
            let (path, invalid) = (path.to_path_buf(), invalid_lines.len());
            let first_invalid = first_invalid.unwrap_or_default();
            return Err(Error::TooFewPairs { path, used, unknown, invalid, first_invalid });
        }
        for (of, values) in [("in the file", &gold), ("by the vectors", &ours)] {
            if values.iter().all(|value| *value == values[0]) {
                let value = values[0];
                let problem =
                    format!(": a correlation needs similarities that differ, found {value} for all {used} pairs {of}");
                return Err(Error::bad_file(path, None, problem));
            }
        }
        let all = if options.dummy4unknown { used } else { used + unknown };
        Ok(PairsScore {
            pearson: correlation(&gold, &ours),
            spearman: correlation(&ranks(&gold), &ranks(&ours)),
            oov_percent: 100.0 * unknown as f64 / all as f64,
            used,
            invalid_lines,
        })
    }
}

/// The positions of the columns, from the first line that is not empty.
fn find(columns: &[Column; 3], first: &[&str], path: &Path) -> Result<[usize; 3]> {
    let mut places = [0; 3];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = column.find(first).ok_or_else(|| {
            let problem = format!(": there is no column {column} among {}", told(first));
            Error::bad_file(path, None, problem)
        })?;
    }
    Ok(places)
}

/// What an invalid line holds, for an error.
fn invalid_line(number: u64, fields: &[&str]) -> String {
    format!("; line {number} holds {}", told(fields))
}

/// The fields of a line with their numbers, the first few of them.
fn told(fields: &[&str]) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = fields.iter().take(MOST).enumerate().map(|(n, field)| format!("{n} {field:?}")).collect();
    let rest = if fields.len() > MOST { ", …" } else { "" };
    format!("the columns {}{rest}", shown.join(", "))
}

/// Pearson's correlation of two lists of the same length, 2 or more, neither of which is constant.
fn correlation(a: &[f64], b: &[f64]) -> Correlation {
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let length = centred.iter().map(|value| value * value).sum::<f64>().sqrt();
        centred.into_iter().map(|value| value / length).collect()
    };
    let (a, b) = (centred(a), centred(b));
    let coefficient = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>().clamp(-1.0, 1.0);
    Correlation { coefficient, p_value: p_value(coefficient, a.len()) }
}

/// P(|T| >= |t|) for t = r sqrt(n / (1 - r^2)) with n = `pairs` - 2 degrees of freedom, which is the regularised
/// incomplete beta function I(n / 2, 1 / 2) at n / (n + t^2) = 1 - r^2.
fn p_value(r: f64, pairs: usize) -> f64 {
    let freedom = pairs as f64 - 2.0;
    let rest = (1.0 - r) * (1.0 + r);
    if freedom <= 0.0 {
        1.0
    } else if rest <= 0.0 {
        0.0
    } else {
        beta_reg(freedom / 2.0, 0.5, rest)
    }
}

/// The rank of each value, counted from 1; equal values share the average of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let last = first + equal.len();
        for &at in equal {
            ranks[at] = (first + 1 + last) as f64 / 2.0;
        }
        first = last;
    }
    ranks
}
