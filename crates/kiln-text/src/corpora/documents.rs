//! [`Document`] and [`Documents`]: labelled texts in order. Leaves out where they come from (`folder.rs`, `imdb.rs`)
//! and what becomes of them.

use kiln_base::{SplitMix64, is_sorted_by_class};

use crate::error::{Error, Result};

/// A text and the number of its class.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    /// The text; it may be empty, and then encodes to nothing.
    pub text: String,
    /// The place of its class among the class names.
    pub label: u32,
}

/// Labelled texts in order, with the names of their classes.
///
/// # Examples
///
/// ```
/// use kiln_text::corpora::{Document, Documents};
///
/// let document = |text: &str, label| Document { text: text.to_owned(), label };
/// let documents = Documents::new(
///     vec![document("dull", 0), document("superb", 1), document("a bore", 0), document("a joy", 1)],
///     ["neg", "pos"],
/// )?;
/// let (train, valid) = documents.shuffled(7).split_tail(0.25)?;
/// assert_eq!((train.len(), valid.len()), (3, 1));
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    documents: Vec<Document>,
    class_names: Vec<String>,
}

impl Documents {
    /// Takes documents in the order given. An empty text is allowed and stays.
    ///
    /// # Errors
    ///
    /// [`Error::NoDocuments`] without documents, [`Error::TooFewClasses`] for fewer than two class names,
    /// [`Error::LabelOutOfRange`] for a label without a class name.
    pub fn new(documents: Vec<Document>, class_names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let class_names: Vec<String> = class_names.into_iter().map(Into::into).collect();
        let classes = class_names.len();
        if classes < 2 {
            return Err(Error::TooFewClasses { found: classes, names: class_names });
        }
        if documents.is_empty() {
            return Err(Error::NoDocuments);
        }
        match documents.iter().position(|document| document.label as usize >= classes) {
            Some(at) => Err(Error::LabelOutOfRange { document: at, label: documents[at].label, classes }),
            None => Ok(Self { documents, class_names }),
        }
    }

    /// The texts, in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> + Clone + '_ {
        self.documents.iter().map(|document| document.text.as_str())
    }

    /// The labels, in order.
    pub fn labels(&self) -> Vec<u32> {
        self.documents.iter().map(|document| document.label).collect()
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is none, which only [`take`](Self::take) can bring about.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The names of the classes, by label.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How many documents each class has, by label.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for document in &self.documents {
            counts[document.label as usize] += 1;
        }
        counts
    }

    /// The documents, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Document> {
        self.documents.iter()
    }

    /// The documents, in order, to own.
    pub fn into_documents(self) -> Vec<Document> {
        self.documents
    }

    /// Splits off the last `fraction` of the documents, without shuffling, as Keras's `validation_split`: the first
    /// part has `floor(len * (1 - fraction))` documents.
    ///
    /// # Errors
    ///
    /// [`Error::SplitFraction`] if either part would be empty, [`Error::SortedByClass`] if every class is one block of documents,
    /// and a random order would give that less than once in 1,000 times: [shuffle](Self::shuffled) them first.
    pub fn split_tail(&self, fraction: f64) -> Result<(Documents, Documents)> {
        let total = self.len();
        let first = (total as f64 * (1.0 - fraction)).floor();
        // Also false for a fraction that is not a number.
        if !(fraction > 0.0 && fraction < 1.0 && first >= 1.0 && (first as usize) < total) {
            return Err(Error::SplitFraction { fraction, documents: total });
        }
        if is_sorted_by_class(&self.labels()) {
            return Err(Error::SortedByClass { documents: total, classes: self.class_names.clone() });
        }
        let (head, tail) = self.documents.split_at(first as usize);
        Ok((self.with(head.to_vec()), self.with(tail.to_vec())))
    }

    /// The documents in an order drawn from `seed`: the same on every machine, for ever.
    ///
    /// Fisher and Yates's shuffle from the end: for `i` from `len - 1` down to 1, `i` changes places with a number
    /// from 0 to `i`. The numbers come from SplitMix64 (Steele, Lea, Flood 2014) started at `seed`, brought into range
    /// without bias by Lemire's multiplication with rejection (2019).
    pub fn shuffled(&self, seed: u64) -> Documents {
        let mut order: Vec<usize> = (0..self.len()).collect();
        SplitMix64::new(seed).shuffle(&mut order);
        self.with(order.into_iter().map(|at| self.documents[at].clone()).collect())
    }

    /// The first `n` documents, or all if there are fewer.
    pub fn take(&self, n: usize) -> Documents {
        self.with(self.documents[..n.min(self.len())].to_vec())
    }

    fn with(&self, documents: Vec<Document>) -> Documents {
        Documents { documents, class_names: self.class_names.clone() }
    }
}

impl<'a> IntoIterator for &'a Documents {
    type Item = &'a Document;
    type IntoIter = std::slice::Iter<'a, Document>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
