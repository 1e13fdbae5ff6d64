//! Answers questions such as "Athens is to Greece as Oslo is to what?" and scores the answers.

use std::path::Path;

use kiln_base::options;
use rayon::prelude::*;

use super::{Known, RESTRICT_VOCAB, text_lines};
use crate::error::{Error, Place, Result, quoted};
use crate::format::read_whole;
use crate::search::query::{Query, Similar};
use crate::word_vectors::WordVectors;

options! {
    /// How [`WordVectors::evaluate_word_analogies`] counts. The defaults are gensim's.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AnalogyOptions [
        /// 300,000 words, ignoring case, skipping questions with unknown words.
        pub const fn new
    ] {
        /// Knows only the first `n` words, and looks for answers only among them. Default: 300,000.
        restrict_vocab: usize = RESTRICT_VOCAB,
        /// Whether case is ignored; of words that differ only in case, the first counts. Default: true.
        case_insensitive: bool = true,
        /// Whether a question with an unknown word counts as answered wrongly. Default: false, which skips it.
        dummy4unknown: bool = false,
    }
}

/// A section of the questions, and how they were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnalogySection {
    /// Its name.
    pub name: String,
    /// The questions answered correctly: `a` is to `b` as `c` is to the last word. In upper case if case is ignored.
    pub correct: Vec<[String; 4]>,
    /// The questions answered wrongly.
    pub incorrect: Vec<[String; 4]>,
}

impl AnalogySection {
    /// The share of the questions that were answered correctly, from 0 to 1; 0 if there are none.
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
    /// The share of all questions that were answered correctly, from 0 to 1; 0 if all have unknown words.
    pub accuracy: f64,
    /// The sections in order. gensim adds one named `Total accuracy`, which repeats all questions.
    pub sections: Vec<AnalogySection>,
    /// The number of questions answered correctly.
    pub correct: usize,
    /// The number of questions answered wrongly.
    pub incorrect: usize,
    /// Questions with an unknown word, as a percentage of all questions.
    pub oov_percent: f64,
    /// The skipped lines, counted from 1: those that are neither empty, nor a section, nor four words.
    pub invalid_lines: Vec<u64>,
}

impl WordVectors {
    /// Answers questions such as "Athens is to Greece as Oslo is to what?" The file has sections that begin with
    /// `: name`, and four words on each line, like `questions-words.txt`. The answer is the first of the five words
    /// nearest to b + c - a, computed with unit vectors, that differs from a, b and c (if case is ignored, then here
    /// too).
    ///
    /// Corresponds to gensim's `evaluate_word_analogies`, with the same counts. All questions are searched at once, as
    /// by [`most_similar_batch`](Self::most_similar_batch).
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not UTF-8, has a question before its first section, or has no questions.
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
        let contents = read_whole(path)?;
        let known = Known::new(self, options.restrict_vocab, options.case_insensitive);
        let (mut sections, mut invalid_lines, mut lines) = (Vec::<AnalogySection>::new(), Vec::new(), 0);
        let mut questions = Vec::new();
        let mut unknown = 0;
        let mut asked = 0;
        for line in text_lines(&contents, path) {
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
                let expected = ": a section line such as `: capitals` should come before the first question";
                let problem = format!("{expected}, found {:?}", quoted(line.as_bytes()));
                return Err(Error::bad_file(path, Place::Line(number), problem));
            }
            let words: Vec<String> = line.split_whitespace().map(|word| known.folded(word)).collect();
            let Ok(words) = <[String; 4]>::try_from(words) else {
                invalid_lines.push(number);
                continue;
            };
            asked += 1;
            let rows = match words.each_ref().map(|word| known.rows.get(word).copied()) {
                [Some(a), Some(b), Some(c), Some(_)] => Some([a, b, c]),
                _ => None,
            };
            unknown += usize::from(rows.is_none());
            if rows.is_some() || options.dummy4unknown {
                questions.push(Question { section: sections.len() - 1, words, rows });
            }
        }
        if asked == 0 {
            let problem = format!(" should hold questions of four words each, found none in {lines} lines");
            return Err(Error::bad_file(path, None, problem));
        }
        let right = self.answer(&questions, &known, options.restrict_vocab)?;
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

    /// Whether each question is answered correctly.
    fn answer(&self, questions: &[Question], known: &Known, restrict_vocab: usize) -> Result<Vec<bool>> {
        /// The number of nearest words that are looked at, as in gensim.
        const TOP: usize = 5;
        let (asked, queries): (Vec<usize>, Vec<Query<'_>>) = questions
            .iter()
            .enumerate()
            .filter_map(|(at, question)| {
                let [a, b, c] = question.rows?;
                let query = self.query().positive(self.word_of(b)).positive(self.word_of(c)).negative(self.word_of(a));
                // Vectors that cancel out have no direction, and answer nothing.
                let query = query.restrict_vocab(restrict_vocab);
                self.target(&query).is_ok().then_some((at, query))
            })
            .unzip();
        let nearest = self.most_similar_batch(&queries, TOP)?;
        let mut right = vec![false; questions.len()];
        let is_right = |(at, nearest): &(&usize, Vec<Similar<'_>>)| {
            let [question @ .., expected] = &questions[**at].words;
            let mut words = nearest.iter().map(|similar| known.folded(similar.word));
            let predicted = words.find(|word| !question.contains(word));
            // If all five are words of the question, gensim compares the last of them.
            predicted.or_else(|| Some(known.folded(nearest.last()?.word))).as_ref() == Some(expected)
        };
        let answered: Vec<usize> = asked.par_iter().zip(nearest).filter(is_right).map(|(&at, _)| at).collect();
        answered.into_iter().for_each(|at| right[at] = true);
        Ok(right)
    }
}

/// A question, and the rows of its first three words unless one of the four is unknown.
struct Question {
    section: usize,
    words: [String; 4],
    rows: Option<[usize; 3]>,
}
