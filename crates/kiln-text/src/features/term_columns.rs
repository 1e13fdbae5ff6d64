//! [`TermColumns`]: the terms that have a column, in the order of the columns, found by their parts. They are chosen in
//! `count_vectorizer.rs`.

use std::sync::OnceLock;

use super::terms::analysis::{Analysis, Scratch};
use super::terms::term_tree::{NONE, Paths, TermTree};
use crate::error::{Result, VectorizerError};
use crate::vocabulary::token_counts::check_size;

/// The terms by column. The tree that finds them is built when the first text is looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct TermColumns {
    text: String,
    ends: Vec<usize>,
    index: OnceLock<Index>,
}

#[derive(Clone, Debug)]
struct Index {
    tree: TermTree,
    /// The column of each node, or [`NONE`].
    columns: Vec<u32>,
}

impl PartialEq for TermColumns {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ends == other.ends
    }
}

impl TermColumns {
    /// The terms of `columns` columns; `push` appends the text of one.
    pub(super) fn from_pushes(columns: usize, push: impl Fn(usize, &mut String)) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(columns));
        for column in 0..columns {
            push(column, &mut text);
            ends.push(text.len());
        }
        Self { text, ends, index: OnceLock::new() }
    }

    /// The terms in the order of their columns.
    ///
    /// # Errors
    ///
    /// [`VectorizerError::NoTerms`] without a term, [`VectorizerError::DuplicateTerm`], [`Error::TooLarge`].
    pub(super) fn new(terms: &[impl AsRef<str>]) -> Result<Self> {
        if terms.is_empty() {
            return Err(VectorizerError::NoTerms { documents: 0 }.into());
        }
        check_size(terms.len(), NONE as usize - 1)?;
        let mut seen = rustc_hash::FxHashMap::default();
        for (second, term) in terms.iter().map(AsRef::as_ref).enumerate() {
            if let Some(first) = seen.insert(term, second) {
                return Err(VectorizerError::DuplicateTerm { term: term.to_owned(), first, second }.into());
            }
        }
        Ok(Self::from_pushes(terms.len(), |column, text| text.push_str(terms[column].as_ref())))
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn term(&self, column: usize) -> Option<&str> {
        let end = *self.ends.get(column)?;
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    pub(super) fn terms(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|column| self.term(column).unwrap_or_default())
    }

    /// The column of a term.
    pub(super) fn column(&self, analysis: &Analysis, term: &str) -> Option<u32> {
        let index = self.index(analysis);
        let tree = &index.tree;
        let mut node = None;
        each_part(analysis, term, |part| {
            let part = tree.find_part(part);
            node = Some(node.map_or(part, |parent| tree.find_child(parent, part)));
        });
        node.filter(|&node| node != NONE).map(|node| index.columns[node as usize]).filter(|&column| column != NONE)
    }

    /// Puts the column of every term of a text into `found`, once for each occurrence, ascending.
    pub(super) fn find(
        &self,
        analysis: &Analysis,
        scratch: &mut Scratch,
        paths: &mut Paths,
        text: &str,
        found: &mut Vec<u32>,
    ) {
        let Index { tree, columns } = self.index(analysis);
        found.clear();
        if analysis.parts_are_distinct() {
            analysis.each_group(scratch, text, |text, parts| {
                paths.find(tree, analysis.ngram_range(), analysis.keeps_short_groups(), text, parts, found);
            });
        } else {
            analysis.each_term(scratch, text, |term| found.push(tree.find_part(term)));
        }
        found.retain_mut(|node| {
            *node = columns.get(*node as usize).copied().unwrap_or(NONE);
            *node != NONE
        });
        found.sort_unstable();
    }

    fn index(&self, analysis: &Analysis) -> &Index {
        self.index.get_or_init(|| {
            let mut tree = TermTree::default();
            let mut columns = Vec::new();
            for (column, term) in self.terms().enumerate() {
                let (mut node, mut length) = (NONE, 0);
                each_part(analysis, term, |part| {
                    let part = tree.part(part);
                    length += 1;
                    node = if length == 1 { part } else { tree.child(node, part, length) };
                });
                columns.resize(tree.len(), NONE);
                // The empty string has no characters, and no text has it as a term.
                if let Some(place) = columns.get_mut(node as usize) {
                    *place = column as u32;
                }
            }
            Index { tree, columns }
        })
    }
}

/// Calls `take` with the parts of a term.
fn each_part(analysis: &Analysis, term: &str, mut take: impl FnMut(&str)) {
    match (analysis.parts_are_distinct(), analysis.separator()) {
        (false, _) => take(term),
        (true, "") => term.char_indices().for_each(|(at, character)| take(&term[at..at + character.len_utf8()])),
        (true, separator) => term.split(separator).for_each(take),
    }
}
