//! A linear text classifier: features and model together.

use kiln_text::corpora::Documents;
use kiln_text::features::{TfidfVectorizer, TfidfVectorizerBuilder};

use crate::error::{Error, Result};
use crate::logistic::{LogisticModel, LogisticRegression};

/// A text classifier: tf-idf of n-grams, and logistic regression on them.
///
/// The coefficients have 32 bits, as in a file, so a model that was saved and read predicts the same bits.
/// `kiln_predict::ArtifactConfig::linear` writes it into an artifact folder.
///
/// # Examples
///
/// ```
/// use kiln_linear::{LinearClassifier, LogisticRegression};
/// use kiln_text::corpora::{Document, Documents};
/// use kiln_text::features::TfidfVectorizer;
///
/// let document = |text: &str, label| Document { text: text.to_owned(), label };
/// let documents = Documents::new(
///     vec![document("a fine film", 1), document("not a fine film", 0), document("fine", 1), document("not fine", 0)],
///     ["poor", "good"],
/// )?;
/// let features = TfidfVectorizer::builder().ngram_range(1, 2);
/// let model = LinearClassifier::fit(features, &LogisticRegression::new().c(10.0), &documents)?;
/// let found = model.predict_probabilities(["not a fine one"])?;
/// assert!(found[0] > 0.5, "{found:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearClassifier {
    features: TfidfVectorizer,
    model: LogisticModel,
    class_names: Vec<String>,
}

impl LinearClassifier {
    /// Learns the features and the model from documents.
    ///
    /// # Errors
    ///
    /// No term is kept, a class has no document, or an option is out of range.
    pub fn fit(
        features: TfidfVectorizerBuilder,
        regression: &LogisticRegression,
        documents: &Documents,
    ) -> Result<Self> {
        if let Some(class) = documents.class_counts().iter().position(|&count| count == 0) {
            return Err(Error::EmptyClass { class: documents.class_names()[class].clone() });
        }
        let (features, rows) = features.fit_transform(documents.texts())?;
        let model = regression.fit(&rows, &documents.labels())?.rounded();
        Ok(Self { features, model, class_names: documents.class_names().to_vec() })
    }

    /// Joins existing features and an existing model.
    ///
    /// # Errors
    ///
    /// The model has another number of columns than the features, or of classes than there are names.
    pub fn from_parts(features: TfidfVectorizer, model: LogisticModel, class_names: Vec<String>) -> Result<Self> {
        let (expected, found) = (features.feature_names().len(), model.columns());
        if expected != found {
            return Err(Error::Columns { expected, found });
        }
        if model.classes() != class_names.len() {
            return Err(Error::ClassNames { expected: model.classes(), found: class_names.len() });
        }
        Ok(Self { features, model: model.rounded(), class_names })
    }

    /// The features: from texts to rows.
    pub fn features(&self) -> &TfidfVectorizer {
        &self.features
    }

    /// The model: from rows to classes.
    pub fn model(&self) -> &LogisticModel {
        &self.model
    }

    /// The names of the classes, in the order of the labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The probability of each class, `[texts][classes]`, one text after another.
    ///
    /// # Errors
    ///
    /// Texts in memory cause no error.
    pub fn predict_probabilities(&self, texts: impl IntoIterator<Item = impl AsRef<str> + Sync>) -> Result<Vec<f64>> {
        let texts: Vec<_> = texts.into_iter().collect();
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        self.model.predict_probabilities(&self.features.transform(texts)?)
    }
}
