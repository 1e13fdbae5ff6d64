//! The baseline that a sequence model has to beat: logistic regression on tf-idf of words and word pairs.
//!
//! Rows are those of scikit-learn's `TfidfVectorizer(ngram_range=(1, 2))` with its defaults, the model is its
//! `LogisticRegression`. The strength `C` is chosen on a fifth of the training texts, then the model is fitted to all
//! of them. Texts become words by the rules of the Keras tokenizer, so that "not" and "I" are kept and "can't" is one
//! word.

use anyhow::{Result, ensure};
use kiln::linear::{LogisticModel, LogisticRegression};
use kiln::prelude::*;
use kiln::text::features::{SparseMatrix, TfidfVectorizer};

/// The strengths `C` that are tried.
const STRENGTHS: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// The share of the training texts that the strengths are compared on.
const VALIDATION_SHARE: f64 = 0.2;

/// Runs of characters that are neither white space nor ASCII punctuation other than the apostrophe.
const WORD: &str = r"[^\t\n !-&(-/:-@\[-`{-~]+";

/// The result of the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// The share of test texts with the right label.
    pub accuracy: f64,
    /// The strength `C` that did best on the validation fifth; the smaller of two that tie.
    pub strength: f64,
    /// The number of words and word pairs in the training texts.
    pub features: usize,
}

/// Fits the baseline to `train` and scores it on `test`. `seed` decides which training texts form the validation fifth;
/// nothing else is random.
///
/// # Errors
///
/// The texts hold no words, those to fit on are of one class, or there are none to score on.
pub fn tfidf_logistic_regression(train: &Documents, test: &Documents, seed: u64) -> Result<Baseline> {
    let (learners, judges) = train.shuffled(seed).split_tail(VALIDATION_SHARE)?;
    let (vectorizer, rows) = vectorized(&learners)?;
    let judged = vectorizer.transform(judges.texts())?;
    let (mut strength, mut best) = (STRENGTHS[0], f64::NEG_INFINITY);
    for c in STRENGTHS {
        let accuracy = accuracy(&regression(c).fit(&rows, &learners.labels())?, &judged, &judges)?;
        if accuracy > best {
            (strength, best) = (c, accuracy);
        }
    }
    let (vectorizer, rows) = vectorized(train)?;
    let model = regression(strength).fit(&rows, &train.labels())?;
    let tested = vectorizer.transform(test.texts())?;
    Ok(Baseline { accuracy: accuracy(&model, &tested, test)?, strength, features: rows.cols() })
}

fn vectorized(documents: &Documents) -> Result<(TfidfVectorizer, SparseMatrix<f64>)> {
    let builder = TfidfVectorizer::builder().token_pattern(WORD).ngram_range(1, 2);
    Ok(builder.fit_transform(documents.texts())?)
}

fn regression(c: f64) -> LogisticRegression {
    LogisticRegression::new().c(c).tolerance(1e-6).max_iterations(1_000)
}

fn accuracy(model: &LogisticModel, rows: &SparseMatrix<f64>, documents: &Documents) -> Result<f64> {
    ensure!(!documents.is_empty(), "the baseline needs texts to be scored on");
    let predicted = model.predict(rows)?;
    let right = predicted.iter().zip(documents.labels()).filter(|(found, label)| **found == *label).count();
    Ok(right as f64 / documents.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(texts: impl IntoIterator<Item = (String, u32)>) -> Documents {
        let documents = texts.into_iter().map(|(text, label)| Document { text, label });
        Documents::new(documents.collect(), ["bad", "good"]).unwrap()
    }

    #[test]
    fn words_keep_negations_and_single_letters() {
        let text = "I can't say: A film-buff's\tjoy [not_a^film] {x}~\\";
        let (vectorizer, _) = vectorized(&documents([(text.to_owned(), 0)])).unwrap();
        let words: Vec<&str> = vectorizer.counts().feature_names().filter(|name| !name.contains(' ')).collect();
        assert_eq!(words, ["a", "buff's", "can't", "film", "i", "joy", "not", "say", "x"]);
        assert!(vectorizer.counts().column("not a").is_some());
    }

    #[test]
    fn word_pairs_are_learned_and_their_order_is_not() {
        let subjects = ["plot", "score", "cast", "end", "start", "mood", "pace", "tone", "light", "sound"];
        let of = |patterns: [(&str, u32); 2], subjects: &[&str]| {
            let fill = |subject: &&str| patterns.map(|(text, label)| (text.replace('_', subject), label));
            documents(subjects.iter().flat_map(fill))
        };
        let pairs = [("the _ was not good", 0), ("not that it matters: the _ was good", 1)];
        let result = tfidf_logistic_regression(&of(pairs, &subjects[..8]), &of(pairs, &subjects[8..]), 0).unwrap();
        assert_eq!(result.accuracy, 1.0);
        assert!(STRENGTHS.contains(&result.strength));
        // The same words and the same pairs in another order, so the same row: half of them must be wrong.
        let order = [("the good the bad the _", 1), ("the bad the good the _", 0)];
        let result = tfidf_logistic_regression(&of(order, &subjects), &of(order, &subjects), 0).unwrap();
        assert_eq!(result.accuracy, 0.5);
    }

    #[test]
    fn texts_of_one_class_are_an_error() {
        let one = documents((0..10).map(|n| (format!("film {n}"), 1)));
        assert!(tfidf_logistic_regression(&one, &one, 0).unwrap_err().to_string().contains("two classes"));
    }
}
