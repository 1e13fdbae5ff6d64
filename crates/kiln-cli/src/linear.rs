//! The linear model: tf-idf of words or of runs of characters, whichever is better on the validation part.

use anyhow::Result;
use kiln::RowWeights;
use kiln::linear::{LinearClassifier, LogisticRegression};
use kiln::report::Report;
use kiln::text::corpora::Documents;
use kiln::text::features::{TermUnit, TfidfVectorizer, TfidfVectorizerBuilder};
use kiln::text::vocabulary::Frequency;

/// The strengths `C` that are tried.
const STRENGTHS: [f64; 4] = [1.0, 4.0, 16.0, 64.0];
/// Words, and signs by themselves: both tell classes apart.
const WORDS_AND_SIGNS: &str = r"(?u)\w+(?:'\w+)?|[^\w\s]";

/// What a linear model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Words and signs, one and two at a time.
    Words,
    /// Runs of one to five characters within words.
    Characters,
}

impl Terms {
    fn features(self) -> TfidfVectorizerBuilder {
        let features = TfidfVectorizer::builder().sublinear_tf(true);
        match self {
            Self::Words => features.token_pattern(WORDS_AND_SIGNS).ngram_range(1, 2),
            Self::Characters => {
                features.analyzer(TermUnit::CharactersInWords).ngram_range(1, 4).min_df(Frequency::Count(2))
            }
        }
    }
}

/// A linear model, and how it was chosen.
pub(crate) struct Linear {
    pub(crate) classifier: LinearClassifier,
    pub(crate) told: String,
}

/// Trains models of each kind of terms and strength, and keeps the one with the lowest log loss on `valid`.
pub(crate) fn train(train: &Documents, valid: &Documents, kinds: &[Terms], weights: &RowWeights) -> Result<Linear> {
    let mut best: Option<(f64, Linear)> = None;
    for &terms in kinds {
        for c in STRENGTHS {
            let regression = LogisticRegression::new().c(c).tolerance(1e-3).row_weights(weights.clone());
            let classifier = LinearClassifier::fit(terms.features(), &regression, train)?;
            let loss = report(&classifier, valid)?.probabilities.map_or(f64::INFINITY, |found| found.log_loss);
            let what = match terms {
                Terms::Words => "words and pairs of words",
                Terms::Characters => "runs of 1 to 4 characters",
            };
            let is_better = best.as_ref().is_none_or(|(lowest, _)| loss < *lowest);
            if is_better {
                let columns = classifier.model().columns();
                best = Some((loss, Linear { classifier, told: format!("{what}, {columns} of them, C {c}") }));
            } else {
                // Of stronger ones the loss only grows.
                break;
            }
        }
    }
    best.map(|(_, linear)| linear).ok_or_else(|| anyhow::anyhow!("no linear model was tried"))
}

pub(crate) fn report(classifier: &LinearClassifier, documents: &Documents) -> Result<Report> {
    let probabilities = classifier.predict_probabilities(documents.texts())?;
    Ok(Report::of_probabilities(classifier.class_names(), &documents.labels(), &probabilities)?)
}
