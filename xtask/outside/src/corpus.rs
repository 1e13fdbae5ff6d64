//! A corpus: data sets need only an iterator of documents or errors.

use kiln::prelude::*;

/// Lines that begin with `+` or `-`.
pub struct Cards<'t>(std::str::Lines<'t>);

impl<'t> Cards<'t> {
    pub fn new(text: &'t str) -> Self {
        Self(text.lines())
    }
}

impl Iterator for Cards<'_> {
    type Item = kiln::text::Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        let (sign, text) = self.0.next()?.split_at(1);
        Some(Ok(Document { text: text.trim().to_owned(), label: u32::from(sign == "+") }))
    }
}
