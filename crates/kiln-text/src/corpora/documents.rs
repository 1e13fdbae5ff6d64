//! [`Document`] and [`Documents`]: labelled texts in order. Reading them from files is in `folder.rs`, `imdb.rs` and
//! `formats/`.

use indexmap::IndexSet;
use kiln_base::{SplitMix64, is_sorted_by_class};
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

use crate::error::{Error, Result};

/// A text and the number of its class.
///
/// # Examples
///
/// ```
/// use kiln_text::corpora::{Document, Documents};
///
/// let document = Document { text: "a joy to watch".to_owned(), label: 1 };
/// let documents = Documents::new(vec![document], ["neg", "pos"])?;
/// assert_eq!(documents.class_names()[1], "pos");
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    /// The text. It may be empty, and then encodes to nothing.
    pub text: String,
    /// The index of its class among the class names.
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
    /// Keeps the documents in the order given. An empty text is allowed.
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

    /// Whether there are no documents, which only [`take`](Self::take) and [`filter`](Self::filter) can cause.
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

    /// The documents, in order, by value.
    pub fn into_documents(self) -> Vec<Document> {
        self.documents
    }

    /// Splits off the last `fraction` of the documents without shuffling, like Keras's `validation_split`: the first
    /// part has `floor(len * (1 - fraction))` documents.
    ///
    /// # Errors
    ///
    /// [`Error::SplitFraction`] if either part would be empty. [`Error::SortedByClass`] if every class is one block of
    /// documents, and a random order would look like that less than once in 1,000 times: [shuffle](Self::shuffled) them
    /// first.
    pub fn split_tail(&self, fraction: f64) -> Result<(Documents, Documents)> {
        let total = self.len();
        let first = (total as f64 * (1.0 - fraction)).floor();
        // Also false if the fraction is NaN.
        if !(fraction > 0.0 && fraction < 1.0 && first >= 1.0 && (first as usize) < total) {
            return Err(Error::SplitFraction { fraction, documents: total });
        }
        if is_sorted_by_class(&self.labels()) {
            return Err(Error::SortedByClass { documents: total, classes: self.class_names.clone() });
        }
        let (head, tail) = self.documents.split_at(first as usize);
        Ok((self.with(head.to_vec()), self.with(tail.to_vec())))
    }

    /// The documents in an order drawn from `seed`: the same on every machine and in every version.
    ///
    /// Fisher and Yates's shuffle from the end: for `i` from `len - 1` down to 1, item `i` is swapped with an item from
    /// 0 to `i`. The numbers come from SplitMix64 (Steele, Lea, Flood 2014) started at `seed`, and are reduced to the
    /// range without bias by Lemire's multiplication with rejection (2019).
    pub fn shuffled(&self, seed: u64) -> Documents {
        let mut order: Vec<usize> = (0..self.len()).collect();
        SplitMix64::new(seed).shuffle(&mut order);
        self.with(order.into_iter().map(|at| self.documents[at].clone()).collect())
    }

    /// The first `n` documents, or all if there are fewer.
    pub fn take(&self, n: usize) -> Documents {
        self.with(self.documents[..n.min(self.len())].to_vec())
    }

    /// The same documents with every text changed, on all threads. Labels, classes and order stay.
    ///
    /// ```
    /// # use kiln_text::corpora::{Document, Documents};
    /// # let document = |text: &str, label| Document { text: text.to_owned(), label };
    /// let documents = Documents::new(vec![document("Dull.", 0), document("A JOY", 1)], ["neg", "pos"])?;
    /// let lower = documents.map(str::to_lowercase);
    /// assert_eq!(lower.texts().collect::<Vec<_>>(), ["dull.", "a joy"]);
    /// assert_eq!(lower.labels(), [0, 1]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn map(&self, change: impl Fn(&str) -> String + Sync) -> Documents {
        let changed = |document: &Document| Document { text: change(&document.text), label: document.label };
        self.with(self.documents.par_iter().map(changed).collect())
    }

    /// The documents for which `keep` returns true; it is called on each in order. All classes stay, with their labels,
    /// even one without a document left.
    ///
    /// ```
    /// # use kiln_text::corpora::{Document, Documents};
    /// # let document = |text: &str, label| Document { text: text.to_owned(), label };
    /// let documents = Documents::new(vec![document("dull", 0), document(" ", 0), document("a joy", 1)], ["neg", "pos"])?;
    /// let with_words = documents.filter(|document| !document.text.trim().is_empty());
    /// assert_eq!(with_words.texts().collect::<Vec<_>>(), ["dull", "a joy"]);
    /// assert_eq!(documents.filter(|document| document.label == 1).class_counts(), [0, 1]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn filter(&self, mut keep: impl FnMut(&Document) -> bool) -> Documents {
        self.with(self.documents.iter().filter(|document| keep(document)).cloned().collect())
    }

    /// These documents, then the others. Classes with the same name are one class. The classes here keep their labels;
    /// those that only the others have follow, in their order.
    ///
    /// ```
    /// # use kiln_text::corpora::{Document, Documents};
    /// # let document = |text: &str, label| Document { text: text.to_owned(), label };
    /// let films = Documents::new(vec![document("dull", 0), document("a joy", 1)], ["neg", "pos"])?;
    /// let books = Documents::new(vec![document("it is long", 0), document("superb", 1)], ["neutral", "pos"])?;
    /// let both = films.join(&books)?;
    /// assert_eq!(both.class_names(), ["neg", "pos", "neutral"]);
    /// assert_eq!(both.texts().collect::<Vec<_>>(), ["dull", "a joy", "it is long", "superb"]);
    /// assert_eq!(both.labels(), [0, 1, 2, 1]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoSharedClass`] if no name is on both sides, for example with `neg` on one and `negative` on the other;
    /// [`Error::SameClassName`] if two classes of one side have the same name.
    pub fn join(&self, other: &Documents) -> Result<Documents> {
        let twice = |name: &str| Error::SameClassName { name: name.to_owned() };
        let mut names: IndexSet<&str, FxBuildHasher> = IndexSet::default();
        if let Some(name) = self.class_names.iter().find(|name| !names.insert(name)) {
            return Err(twice(name));
        }
        let mut labels = Vec::with_capacity(other.class_names.len());
        let mut taken = vec![false; self.class_names.len() + other.class_names.len()];
        for name in &other.class_names {
            let label = names.insert_full(name).0 as u32;
            if std::mem::replace(&mut taken[label as usize], true) {
                return Err(twice(name));
            }
            labels.push(label);
        }
        if names.len() == self.class_names.len() + other.class_names.len() {
            let (first, second) = (self.class_names.clone(), other.class_names.clone());
            return Err(Error::NoSharedClass { first, second });
        }
        let renumbered = |Document { text, label }| Document { text, label: labels[label as usize] };
        let documents = self.documents.iter().cloned().chain(other.documents.iter().cloned().map(renumbered)).collect();
        Ok(Documents { documents, class_names: names.into_iter().map(str::to_owned).collect() })
    }

    /// The largest `measure` of any text, on all threads; 0 without documents. Use it to find a `max_len` that
    /// truncates nothing.
    ///
    /// ```
    /// use kiln_text::encoders::{Encoder, WordTokenizer};
    ///
    /// # use kiln_text::corpora::{Document, Documents};
    /// # let document = |text: &str, label| Document { text: text.to_owned(), label };
    /// let documents = Documents::new(vec![document("so-so, too long", 0), document("a joy", 1)], ["neg", "pos"])?;
    /// assert_eq!(documents.longest(|text| text.split_whitespace().count()), 3);
    /// assert_eq!(documents.longest(|text| text.chars().count()), 15);
    ///
    /// let tokenizer = WordTokenizer::builder().fit(documents.texts())?;
    /// assert_eq!(documents.longest(|text| tokenizer.encode(text).len()), 4);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    pub fn longest(&self, measure: impl Fn(&str) -> usize + Sync) -> usize {
        self.documents.par_iter().map(|document| measure(&document.text)).max().unwrap_or(0)
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
