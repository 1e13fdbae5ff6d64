//! The linear model: tf-idf of words or of runs of characters, whichever is better on the validation part.

use std::io::Write;

use anyhow::Result;
use kiln::RowWeights;
use kiln::linear::{LinearClassifier, LogisticModel, LogisticRegression};
use kiln::models::thousands;
use kiln::report::Report;
use kiln::text::corpora::Documents;
use kiln::text::features::{SparseMatrix, TermUnit, TfidfVectorizer, TfidfVectorizerBuilder};
use kiln::text::vocabulary::Frequency;

/// The strengths `C` that are tried.
const STRENGTHS: [f64; 4] = [1.0, 4.0, 16.0, 64.0];
/// The strength by which kinds of terms are compared, on so many texts.
const TRIED: f64 = 4.0;
const SOME: usize = 20_000;
/// With more texts than these, words and pairs of one text only would fill the memory and teach little.
const RARE_KEPT: usize = 20_000;
/// The slope at which a model is done.
const TOLERANCE: f64 = 1e-4;
/// Words, and signs by themselves: both tell classes apart.
const WORDS_AND_SIGNS: &str = r"(?u)\w+(?:'\w+)?|[^\w\s]";

/// What a linear model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Words and signs, one and two at a time.
    Words,
    /// Runs of one to four characters within words.
    Characters,
}

impl Terms {
    fn name(self) -> &'static str {
        match self {
            Self::Words => "words, signs and pairs of these",
            Self::Characters => "runs of 1 to 4 characters",
        }
    }

    /// What reads so many texts to learn from.
    fn features(self, texts: usize) -> TfidfVectorizerBuilder {
        let features = TfidfVectorizer::builder().sublinear_tf(true);
        match self {
            Self::Words => {
                let least = if texts > RARE_KEPT { 2 } else { 1 };
                features.token_pattern(WORDS_AND_SIGNS).ngram_range(1, 2).min_df(Frequency::Count(least))
            }
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

/// Chooses the kind of terms on a part of the texts, then the strength on all of them, each by the log loss on `valid`.
pub(crate) fn train(train: &Documents, valid: &Documents, kinds: &[Terms], weights: &RowWeights) -> Result<Linear> {
    let terms = match kinds {
        [one] => *one,
        several => {
            // Not without the rows of a rare class.
            let some = Some(train.shuffled(0).take(SOME)).filter(|some| !some.class_counts().contains(&0));
            let some = some.unwrap_or_else(|| train.clone());
            let loss = |&terms: &Terms| {
                let (_, loss) = Rows::new(terms, &some, valid)?.fit(TRIED, weights)?;
                let texts = thousands(some.len());
                note(&format!("{} from {texts} texts, C {TRIED}: log loss {loss:.4}", terms.name()));
                Ok((loss, terms))
            };
            let losses = several.iter().map(loss).collect::<Result<Vec<_>>>()?;
            let best = losses.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, terms)| terms);
            best.unwrap_or(Terms::Words)
        }
    };
    let rows = Rows::new(terms, train, valid)?;
    let mut best: Option<(f64, f64, LogisticModel)> = None;
    for c in STRENGTHS {
        let (model, loss) = rows.fit(c, weights)?;
        note(&format!("C {c}: log loss {loss:.4}"));
        if best.as_ref().is_some_and(|(lowest, ..)| loss >= *lowest) {
            // Of stronger ones it only grows.
            break;
        }
        best = Some((loss, c, model));
    }
    let (_, c, model) = best.ok_or_else(|| anyhow::anyhow!("no linear model has a log loss that is a number"))?;
    let told = format!("{} {}, C {c}", thousands(model.columns()), terms.name());
    let classifier = LinearClassifier::from_parts(rows.features, model, train.class_names().to_vec())?;
    Ok(Linear { classifier, told })
}

/// A line on the standard output, which may have been closed.
fn note(told: &str) {
    let _ = writeln!(std::io::stdout(), "{told}");
}

/// Texts as rows of one kind of terms.
struct Rows<'a> {
    features: TfidfVectorizer,
    train: SparseMatrix<f64>,
    valid: SparseMatrix<f64>,
    labels: Vec<u32>,
    judged: &'a Documents,
}

impl<'a> Rows<'a> {
    fn new(terms: Terms, train: &Documents, valid: &'a Documents) -> Result<Self> {
        let (features, rows) = terms.features(train.len()).fit_transform(train.texts())?;
        let judged = features.transform(valid.texts())?;
        Ok(Self { features, train: rows, valid: judged, labels: train.labels(), judged: valid })
    }

    /// A model, and its log loss on the validation part.
    fn fit(&self, c: f64, weights: &RowWeights) -> Result<(LogisticModel, f64)> {
        let regression = LogisticRegression::new().c(c).tolerance(TOLERANCE).max_iterations(300);
        let model = regression.row_weights(weights.clone()).fit(&self.train, &self.labels)?;
        let probabilities = model.predict_probabilities(&self.valid)?;
        let report = Report::of_probabilities(self.judged.class_names(), &self.judged.labels(), &probabilities)?;
        Ok((model, report.probabilities.map_or(f64::INFINITY, |found| found.log_loss)))
    }
}

pub(crate) fn report(classifier: &LinearClassifier, documents: &Documents) -> Result<Report> {
    let probabilities = classifier.predict_probabilities(documents.texts())?;
    Ok(Report::of_probabilities(classifier.class_names(), &documents.labels(), &probabilities)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_text_are_dropped_where_texts_are_many() {
        let texts = ["a film", "a book"];
        let columns = |many| Terms::Words.features(many).fit_transform(texts).unwrap().0.feature_names().len();
        // a, film, book, "a film", "a book"; of these only the first is in both texts.
        assert_eq!((columns(RARE_KEPT), columns(RARE_KEPT + 1)), (5, 1));
    }
}
