//! How good word vectors are: correlation with human judgements of word pairs, and analogies, by gensim's rules. Leaves
//! out the files of judgements and questions themselves.

use std::path::Path;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use statrs::function::beta::beta_reg;

use crate::error::{Error, Place, Result, quoted};
use crate::format::read_whole;
use crate::query::Query;
use crate::word_vectors::WordVectors;

/// Words that are looked at, gensim's default.
const RESTRICT_VOCAB: usize = 300_000;

/// How [`WordVectors::evaluate_word_pairs`] reads and counts. The defaults are gensim's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairsOptions {
    delimiter: String,
    vocabulary: VocabularyOptions,
}

impl Default for PairsOptions {
    fn default() -> Self {
        Self { delimiter: "\t".to_owned(), vocabulary: VocabularyOptions::default() }
    }
}

impl PairsOptions {
    /// Tabs between the words, 300,000 words, without regard to case, pairs with unknown words left out.
    pub fn new() -> Self {
        Self::default()
    }

    /// What stands between the words and the number. The default is a tab.
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = delimiter.into();
        self
    }

    /// Knows the first `n` words only. The default is 300,000.
    pub fn restrict_vocab(mut self, n: usize) -> Self {
        self.vocabulary.restrict_vocab = n;
        self
    }

    /// Whether words are the same in upper and lower case; of words that differ in case alone the first counts. The
    /// default is true.
    pub fn case_insensitive(mut self, case_insensitive: bool) -> Self {
        self.vocabulary.case_insensitive = case_insensitive;
        self
    }

    /// Whether a pair with an unknown word counts as one of similarity 0. The default is false: it is left out.
    pub fn dummy4unknown(mut self, dummy4unknown: bool) -> Self {
        self.vocabulary.dummy4unknown = dummy4unknown;
        self
    }
}

/// How [`WordVectors::evaluate_word_analogies`] counts. The defaults are gensim's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnalogyOptions {
    vocabulary: VocabularyOptions,
}

impl AnalogyOptions {
    /// 300,000 words, without regard to case, questions with unknown words left out.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows, and looks for answers among, the first `n` words only. The default is 300,000.
    pub fn restrict_vocab(mut self, n: usize) -> Self {
        self.vocabulary.restrict_vocab = n;
        self
    }

    /// Whether words are the same in upper and lower case; of words that differ in case alone the first counts. The
    /// default is true.
    pub fn case_insensitive(mut self, case_insensitive: bool) -> Self {
        self.vocabulary.case_insensitive = case_insensitive;
        self
    }

    /// Whether a question with an unknown word counts as answered wrongly. The default is false: it is left out.
    pub fn dummy4unknown(mut self, dummy4unknown: bool) -> Self {
        self.vocabulary.dummy4unknown = dummy4unknown;
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct VocabularyOptions {
    restrict_vocab: usize,
    case_insensitive: bool,
    dummy4unknown: bool,
}

impl Default for VocabularyOptions {
    fn default() -> Self {
        Self { restrict_vocab: RESTRICT_VOCAB, case_insensitive: true, dummy4unknown: false }
    }
}

impl VocabularyOptions {
    fn folded(&self, word: &str) -> String {
        if self.case_insensitive { word.to_uppercase() } else { word.to_owned() }
    }

    /// The words that are known, with the index of the first of each.
    fn known(&self, vectors: &WordVectors) -> FxHashMap<String, usize> {
        let mut known = FxHashMap::default();
        known.reserve(self.restrict_vocab.min(vectors.len()));
        for (index, word) in vectors.words().iter().take(self.restrict_vocab).enumerate() {
            known.entry(self.folded(word)).or_insert(index);
        }
        known
    }
}

/// How two lists of numbers go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// The coefficient, from -1 to 1.
    pub coefficient: f64,
    /// How likely at least so large a coefficient, of either sign, would be by chance, from 0 to 1: by Student's t
    /// distribution with two degrees of freedom less than there are pairs, as SciPy has it. 1 for two pairs.
    pub p_value: f64,
}

/// How similarities go with human judgements.
#[derive(Clone, Debug, PartialEq)]
pub struct PairsScore {
    /// Pearson's r: of the similarities themselves.
    pub pearson: Correlation,
    /// Spearman's rho: of their ranks, equal ones sharing their average rank.
    pub spearman: Correlation,
    /// Pairs with an unknown word, in percent of all pairs.
    pub oov_percent: f64,
    /// Pairs that were used.
    pub used: usize,
    /// Lines, counted from 1, that are neither empty nor comments nor two words and a finite number, and were passed over.
    pub invalid_lines: Vec<u64>,
}

/// One part of the questions, and how they were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnalogySection {
    /// Its name.
    pub name: String,
    /// The questions answered rightly: `a` is to `b` as `c` is to the last word. In upper case unless case counts.
    pub correct: Vec<[String; 4]>,
    /// The questions answered wrongly.
    pub incorrect: Vec<[String; 4]>,
}

impl AnalogySection {
    /// The part of the questions that was answered rightly, from 0 to 1; 0 if there are none.
    pub fn accuracy(&self) -> f64 {
        match self.correct.len() + self.incorrect.len() {
            0 => 0.0,
            all => self.correct.len() as f64 / all as f64,
        }
    }
}

/// How analogies were answered.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalogyScore {
    /// The part of all questions that was answered rightly, from 0 to 1; 0 if all have unknown words.
    pub accuracy: f64,
    /// The sections in order. gensim adds one of the name `Total accuracy`, with the questions of all once more.
    pub sections: Vec<AnalogySection>,
    /// Questions answered rightly.
    pub correct: usize,
    /// Questions answered wrongly.
    pub incorrect: usize,
    /// Questions with an unknown word, in percent of all questions.
    pub oov_percent: f64,
    /// Lines, counted from 1, that are neither empty nor sections nor four words, and were passed over.
    pub invalid_lines: Vec<u64>,
}

impl WordVectors {
    /// Compares similarities with human judgements of word pairs: a file with two words and a number on each line,
    /// such as WordSim-353 or SimLex-999. Lines that begin with `#` are comments.
    ///
    /// gensim's `evaluate_word_pairs`, with the same numbers. It passes over lines that do not parse without a word;
    /// here they are listed. Judgements that are NaN or infinite are such lines here.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not UTF-8, or gives fewer than two pairs, or if all judgements or all
    /// similarities are the same, where gensim gives NaN.
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
        let known = options.vocabulary.known(self);
        let (mut gold, mut ours, mut unknown, mut invalid_lines) = (Vec::new(), Vec::new(), 0, Vec::new());
        for line in Lines::new(&contents, path) {
            let (number, line) = line?;
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let mut fields = line.split(options.delimiter.as_str());
            let (Some(a), Some(b), Some(judgement), None) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                invalid_lines.push(number);
                continue;
            };
            let Some(judgement) = judgement.trim().parse().ok().filter(|judgement: &f64| judgement.is_finite()) else {
                invalid_lines.push(number);
                continue;
            };
            let find = |word| known.get(&options.vocabulary.folded(word));
            match (find(a), find(b)) {
                (Some(&a), Some(&b)) => {
                    gold.push(judgement);
                    ours.push(f64::from(self.similarity_of(a, b)));
                }
                _ => {
                    unknown += 1;
                    if options.vocabulary.dummy4unknown {
                        gold.push(judgement);
                        ours.push(0.0);
                    }
                }
            }
        }
        let used = gold.len();
        if used < 2 {
            let (path, invalid) = (path.to_path_buf(), invalid_lines.len());
            return Err(Error::TooFewPairs { path, used, unknown, invalid });
        }
        for (of, values) in [("in the file", &gold), ("by the vectors", &ours)] {
            if values.iter().all(|value| *value == values[0]) {
                return Err(Error::ConstantSimilarities { path: path.to_path_buf(), of, value: values[0], used });
            }
        }
        let all = if options.vocabulary.dummy4unknown { used } else { used + unknown };
        Ok(PairsScore {
            pearson: correlation(&gold, &ours),
            spearman: correlation(&ranks(&gold), &ranks(&ours)),
            oov_percent: 100.0 * unknown as f64 / all as f64,
            used,
            invalid_lines,
        })
    }

    /// Answers questions of the kind "Athens is to Greece as Oslo is to what?": a file with sections that begin with
    /// `: name`, and four words on each line, such as `questions-words.txt`. The answer is the first of the five words
    /// nearest to b + c - a, by unit vectors, that is none of a, b and c in whatever case.
    ///
    /// gensim's `evaluate_word_analogies`, with the same counts. All questions are searched for together, as
    /// [`most_similar_batch`](Self::most_similar_batch) does.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not UTF-8, has a question before its first section, or has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_vectors::{AnalogyOptions, WordVectors};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("questions.txt");
    /// let vectors = WordVectors::new(
    ///     ["man", "king", "woman", "queen", "tree"],
    ///     vec![1.0, 0.1, 0.0, 1.0, 1.0, 0.0, 0.1, 0.1, 1.0, 0.1, 1.0, 1.0, -1.0, 0.3, 0.2],
    ///     3,
    /// )?;
    /// std::fs::write(&path, ": royalty\nMan King Woman Queen\nman king woman tree\nman king boy prince\n").unwrap();
    /// let score = vectors.evaluate_word_analogies(&path, &AnalogyOptions::new())?;
    /// assert_eq!((score.correct, score.incorrect, score.accuracy), (1, 1, 0.5));
    /// assert_eq!(score.sections[0].correct[0], ["MAN", "KING", "WOMAN", "QUEEN"]);
    /// # Ok::<(), kiln_vectors::Error>(())
    /// ```
    pub fn evaluate_word_analogies(&self, path: impl AsRef<Path>, options: &AnalogyOptions) -> Result<AnalogyScore> {
        let path = path.as_ref();
        let options = &options.vocabulary;
        let contents = read_whole(path)?;
        let known = options.known(self);
        let (mut sections, mut invalid_lines, mut lines) = (Vec::<AnalogySection>::new(), Vec::new(), 0);
        let mut questions = Vec::new();
        let mut unknown = 0;
        let mut asked = 0;
        for line in Lines::new(&contents, path) {
            let (number, line) = line?;
            lines = number;
            if line.trim().is_empty() {
                continue;
            }
            if line.starts_with(": ") {
                let name = line.trim_start_matches([':', ' ']).trim().to_owned();
                sections.push(AnalogySection { name, ..AnalogySection::default() });
                continue;
            }
            if sections.is_empty() {
                let found = quoted(line.as_bytes());
                return Err(Error::NoSection { path: path.to_path_buf(), line: number, found });
            }
            let words: Vec<String> = line.split_whitespace().map(|word| options.folded(word)).collect();
            let Ok(words) = <[String; 4]>::try_from(words) else {
                invalid_lines.push(number);
                continue;
            };
            asked += 1;
            let rows = words.each_ref().map(|word| known.get(word).copied());
            let rows = match rows {
                [Some(a), Some(b), Some(c), Some(_)] => Some([a, b, c]),
                _ => {
                    unknown += 1;
                    None
                }
            };
            if rows.is_some() || options.dummy4unknown {
                questions.push(Question { section: sections.len() - 1, words, rows });
            }
        }
        if asked == 0 {
            return Err(Error::NoQuestions { path: path.to_path_buf(), lines });
        }
        let right = self.answer(&questions, options)?;
        let (mut correct, mut incorrect) = (0, 0);
        for (question, right) in questions.into_iter().zip(right) {
            let section = &mut sections[question.section];
            if right {
                correct += 1;
                section.correct.push(question.words);
            } else {
                incorrect += 1;
                section.incorrect.push(question.words);
            }
        }
        let answered = correct + incorrect;
        Ok(AnalogyScore {
            accuracy: if answered == 0 { 0.0 } else { correct as f64 / answered as f64 },
            sections,
            correct,
            incorrect,
            oov_percent: 100.0 * unknown as f64 / asked as f64,
            invalid_lines,
        })
    }

    /// Whether each question is answered rightly.
    fn answer(&self, questions: &[Question], options: &VocabularyOptions) -> Result<Vec<bool>> {
        /// Nearest words that are looked at, as gensim does.
        const TOP: usize = 5;
        let (asked, queries): (Vec<usize>, Vec<Query<'_>>) = questions
            .iter()
            .enumerate()
            .filter_map(|(at, question)| {
                let [a, b, c] = question.rows?;
                let query = self.query().positive(self.word_of(b)).positive(self.word_of(c)).negative(self.word_of(a));
                // Vectors that cancel out point nowhere, and answer nothing.
                let query = query.restrict_vocab(options.restrict_vocab);
                self.has_direction(&query).then_some((at, query))
            })
            .unzip();
        let nearest = self.most_similar_batch(&queries, TOP)?;
        let mut right = vec![false; questions.len()];
        let answered: Vec<(usize, bool)> = asked
            .par_iter()
            .zip(nearest)
            .map(|(at, nearest)| {
                let [a, b, c, expected] = &questions[*at].words;
                // Also if all five are of the question: gensim then compares the last of them.
                let mut predicted = None;
                for similar in nearest {
                    let word = options.folded(similar.word);
                    let of_question = word == *a || word == *b || word == *c;
                    predicted = Some(word);
                    if !of_question {
                        break;
                    }
                }
                (*at, predicted.as_ref() == Some(expected))
            })
            .collect();
        for (at, is_right) in answered {
            right[at] = is_right;
        }
        Ok(right)
    }
}

/// A question, and its first three words as rows unless one of the four is unknown.
struct Question {
    section: usize,
    words: [String; 4],
    rows: Option<[usize; 3]>,
}

/// The lines of a file of text, with their numbers, counted from 1.
struct Lines<'a> {
    rest: Option<&'a [u8]>,
    path: &'a Path,
    number: u64,
    byte: u64,
}

impl<'a> Lines<'a> {
    fn new(contents: &'a [u8], path: &'a Path) -> Self {
        Self { rest: (!contents.is_empty()).then_some(contents), path, number: 0, byte: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<(u64, &'a str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let (line, after) = match rest.iter().position(|&byte| byte == b'\n') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..]).filter(|after| !after.is_empty())),
            None => (rest, None),
        };
        self.rest = after;
        self.number += 1;
        let begins = self.byte;
        self.byte += line.len() as u64 + 1;
        Some(match std::str::from_utf8(line) {
            Ok(line) => Ok((self.number, line)),
            Err(error) => Err(Error::NotUtf8 {
                path: self.path.to_path_buf(),
                place: Place::Line(self.number),
                byte: begins + error.valid_up_to() as u64,
            }),
        })
    }
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
