//! The JSON of vectorizers, and the checks when it is read. The outer object is in `json_file.rs`.
//!
//! A file holds counts instead of the weights computed from them, so that what is read equals what was written.

use serde::{Deserialize, Serialize};

use super::count_vectorizer::{CountVectorizer, Limits};
use super::hashing_vectorizer::{Hashing, HashingVectorizer, HashingVectorizerBuilder};
use super::term_columns::TermColumns;
use super::terms::analysis::{Analysis, AnalysisOptions};
use super::tfidf::{TfidfTransformer, Weighting};
use super::tfidf_vectorizer::TfidfVectorizer;
use crate::error::{Error, Result};
use crate::io::json_file::{read_config, write_config};
use crate::io::saved::Saved;

#[derive(Serialize, Deserialize)]
struct Counts {
    analysis: AnalysisOptions,
    limits: Limits,
    vocabulary: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Tfidf {
    weighting: Weighting,
    documents: u64,
    document_frequencies: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct CountsAndTfidf {
    counts: Counts,
    tfidf: Tfidf,
}

#[derive(Serialize, Deserialize)]
struct Hashes {
    analysis: AnalysisOptions,
    hashing: Hashing,
}

fn write(class_name: &str, config: impl Serialize) -> String {
    // Only keys that are not strings and infinite numbers could fail; there are none.
    write_config(class_name, &serde_json::to_string(&config).unwrap_or_default())
}

fn wrong_frequencies(class_name: &'static str, expected: &'static str, found: String) -> Error {
    Error::FileField { class_name, field: "document_frequencies", expected, found }
}

impl Counts {
    fn of(vectorizer: &CountVectorizer) -> Self {
        Self {
            analysis: vectorizer.analysis.options().clone(),
            limits: vectorizer.limits.clone(),
            vocabulary: vectorizer.feature_names().map(str::to_owned).collect(),
        }
    }

    fn into_vectorizer(self) -> Result<CountVectorizer> {
        self.limits.check()?;
        let analysis = Analysis::new(self.analysis)?;
        let vocabulary = TermColumns::new(&self.vocabulary)?;
        Ok(CountVectorizer { analysis, limits: self.limits, vocabulary })
    }
}

impl Tfidf {
    fn of(tfidf: &TfidfTransformer) -> Self {
        Self {
            weighting: tfidf.weighting,
            documents: tfidf.documents,
            document_frequencies: tfidf.document_frequencies.clone(),
        }
    }

    fn into_transformer(self) -> Result<TfidfTransformer> {
        match self.document_frequencies.iter().find(|&&frequency| frequency > self.documents) {
            None => Ok(TfidfTransformer::new(self.weighting, self.documents, self.document_frequencies)),
            Some(frequency) => {
                let found = format!("{frequency} of {}", self.documents);
                Err(wrong_frequencies("TfidfTransformer", "at most as many as documents", found))
            }
        }
    }
}

/// Implements [`Saved`]: the options and the learned state, as JSON with a version.
macro_rules! saved {
    ($class:ident, $to_config:expr, $from_config:expr) => {
        impl Saved for $class {
            fn to_json(&self) -> String {
                write(stringify!($class), $to_config(self))
            }

            fn from_json(json: &str) -> Result<Self> {
                $from_config(read_config(json, stringify!($class))?)
            }
        }
    };
}

saved!(CountVectorizer, Counts::of, Counts::into_vectorizer);
saved!(TfidfTransformer, Tfidf::of, Tfidf::into_transformer);
saved!(
    TfidfVectorizer,
    |vectorizer: &TfidfVectorizer| CountsAndTfidf {
        counts: Counts::of(&vectorizer.counts),
        tfidf: Tfidf::of(&vectorizer.tfidf),
    },
    |config: CountsAndTfidf| {
        let (counts, tfidf) = (config.counts.into_vectorizer()?, config.tfidf.into_transformer()?);
        let (terms, found) = (counts.vocabulary.len(), tfidf.document_frequencies.len());
        if terms != found {
            let found = format!("{found} for {terms} terms");
            return Err(wrong_frequencies("TfidfVectorizer", "one for each term of the vocabulary", found));
        }
        Ok(TfidfVectorizer { counts, tfidf })
    }
);
saved!(
    HashingVectorizer,
    |vectorizer: &HashingVectorizer| Hashes {
        analysis: vectorizer.analysis.options().clone(),
        hashing: vectorizer.hashing,
    },
    |config: Hashes| HashingVectorizerBuilder { analysis: config.analysis, limits: (), cells: config.hashing }.build()
);
