//! The reviews as [`Documents`], with a validation part that shares no frame with the other parts.

use std::collections::HashSet;

use super::{Review, ReviewSplits};
use crate::corpora::documents::{Document, Documents};
use crate::error::Result;

/// The corpus as documents; no frame is in two of its parts.
#[derive(Clone, Debug)]
pub struct ReviewDocuments {
    /// The training reviews.
    pub train: Documents,
    /// The validation reviews, for choosing the best epoch.
    pub valid: Documents,
    /// The test reviews.
    pub test: Documents,
}

impl ReviewSplits {
    /// The corpus as documents of the classes `negative` and `positive`, with about a tenth of the
    /// training frames set aside for validation.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_text::corpora::reviews::Reviews;
    ///
    /// let corpus = Reviews::generate(0).into_documents()?;
    /// assert_eq!(corpus.train.class_names(), ["negative", "positive"]);
    /// assert!(corpus.train.len() > 3 * corpus.test.len());
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// None for a generated corpus; one put together by hand may lack a class.
    pub fn into_documents(self) -> Result<ReviewDocuments> {
        let mut seen = HashSet::new();
        let mut frames: Vec<u32> = self.train.iter().map(|review| review.frame).collect();
        frames.retain(|&frame| seen.insert(frame));
        let set_aside: HashSet<u32> = frames.drain(..frames.len() / 10).collect();
        let (valid, train): (Vec<Review>, Vec<Review>) =
            self.train.into_iter().partition(|review| set_aside.contains(&review.frame));
        Ok(ReviewDocuments { train: documents(train)?, valid: documents(valid)?, test: documents(self.test)? })
    }
}

fn documents(reviews: Vec<Review>) -> Result<Documents> {
    let documents = reviews.into_iter().map(|review| Document { text: review.text, label: review.label }).collect();
    Documents::new(documents, vec!["negative".to_owned(), "positive".to_owned()])
}
