//! [`TermTree`]: n-grams as paths of their parts. A longer n-gram is found from the shorter one before it by looking up
//! two integers, and no n-gram is spelled out while counting.

use rustc_hash::FxHashMap;

use super::analysis::ByteRange;
use kiln_base::packed::{packed, packed_in};

/// Stands for a missing node.
pub(crate) const NONE: u32 = u32::MAX;

/// A number for each word. Words of up to 15 bytes are found by comparing two integers, without following a pointer.
#[derive(Clone, Debug, Default)]
pub(crate) struct TermWords {
    short: FxHashMap<(u64, u64), u32>,
    long: FxHashMap<Box<str>, u32>,
}

impl TermWords {
    pub(crate) fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        match packed(text.as_bytes()) {
            Some(key) => self.short.get(&key),
            None => self.long.get(text),
        }
        .copied()
    }

    /// The number of the word at `start..end` of a text.
    #[inline]
    fn get_in(&self, text: &str, (start, end): ByteRange) -> Option<u32> {
        match packed_in(text.as_bytes(), (start, end)) {
            Some(key) => self.short.get(&key),
            None => self.long.get(&text[start..end]),
        }
        .copied()
    }

    /// Adds a word that has no number yet.
    pub(crate) fn insert(&mut self, text: &str, number: u32) {
        match packed(text.as_bytes()) {
            Some(key) => self.short.insert(key, number),
            None => self.long.insert(text.into(), number),
        };
    }
}

/// An n-gram of several parts: the n-gram without its last part, that part, and its own number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) parent: u32,
    pub(crate) part: u32,
    pub(crate) node: u32,
}

/// Parts and n-grams, numbered together by first appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct TermTree {
    words: TermWords,
    children: FxHashMap<u64, u32>,
    nodes: u32,
    /// The parts themselves, which are the n-grams of one part.
    pub(crate) parts: Vec<(Box<str>, u32)>,
    /// The n-grams of two parts, of three, and so on.
    pub(crate) branches: Vec<Vec<Branch>>,
    /// Whether there were more n-grams than numbers for them.
    pub(crate) full: bool,
}

impl TermTree {
    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes as usize
    }

    /// The node of a part, added if it is new.
    #[inline]
    pub(crate) fn part(&mut self, text: &str) -> u32 {
        self.part_in(text, (0, text.len()))
    }

    #[inline]
    fn part_in(&mut self, text: &str, span: ByteRange) -> u32 {
        match self.words.get_in(text, span) {
            Some(node) => node,
            None => self.add_part(&text[span.0..span.1]),
        }
    }

    #[cold]
    fn add_part(&mut self, text: &str) -> u32 {
        let node = self.next_node();
        if node != NONE {
            self.words.insert(text, node);
            self.parts.push((text.into(), node));
        }
        node
    }

    /// The node of `parent` followed by a part, which makes `length` parts; added if it is new.
    #[inline]
    pub(crate) fn child(&mut self, parent: u32, part: u32, length: usize) -> u32 {
        let key = key(parent, part);
        match self.children.get(&key) {
            Some(&node) => node,
            None => {
                let node = self.next_node();
                if node != NONE && parent != NONE && part != NONE {
                    self.children.insert(key, node);
                    if self.branches.len() < length - 1 {
                        self.branches.resize_with(length - 1, Vec::new);
                    }
                    self.branches[length - 2].push(Branch { parent, part, node });
                }
                node
            }
        }
    }

    /// The node of a part, or [`NONE`].
    #[inline]
    pub(crate) fn find_part(&self, text: &str) -> u32 {
        self.words.get(text).unwrap_or(NONE)
    }

    /// The node of `parent` followed by a part, or [`NONE`].
    #[inline]
    pub(crate) fn find_child(&self, parent: u32, part: u32) -> u32 {
        self.children.get(&key(parent, part)).copied().unwrap_or(NONE)
    }

    fn next_node(&mut self) -> u32 {
        if self.nodes == NONE {
            self.full = true;
            return NONE;
        }
        self.nodes += 1;
        self.nodes - 1
    }
}

#[inline]
fn key(parent: u32, part: u32) -> u64 {
    u64::from(parent) << 32 | u64::from(part)
}

/// Finds nodes: a tree that grows, or one that does not.
pub(crate) trait Terms {
    fn part(&mut self, text: &str, span: ByteRange) -> u32;
    fn child(&mut self, parent: u32, part: u32, length: usize) -> u32;
}

impl Terms for &mut TermTree {
    #[inline]
    fn part(&mut self, text: &str, span: ByteRange) -> u32 {
        self.part_in(text, span)
    }

    #[inline]
    fn child(&mut self, parent: u32, part: u32, length: usize) -> u32 {
        TermTree::child(self, parent, part, length)
    }
}

impl Terms for &TermTree {
    #[inline]
    fn part(&mut self, text: &str, span: ByteRange) -> u32 {
        self.words.get_in(text, span).unwrap_or(NONE)
    }

    #[inline]
    fn child(&mut self, parent: u32, part: u32, _length: usize) -> u32 {
        self.find_child(parent, part)
    }
}

/// Buffers that one thread reuses.
#[derive(Default)]
pub(crate) struct Paths {
    parts: Vec<u32>,
    nodes: Vec<u32>,
}

impl Paths {
    /// Adds to `found` the nodes of all n-grams of a group of parts; n-grams unknown to `terms` become [`NONE`].
    #[inline]
    pub(crate) fn find(
        &mut self,
        mut terms: impl Terms,
        (shortest, longest): (usize, usize),
        keep_short: bool,
        text: &str,
        spans: &[ByteRange],
        found: &mut Vec<u32>,
    ) {
        if longest == 1 {
            found.extend(spans.iter().map(|&span| terms.part(text, span)));
            return;
        }
        let Self { parts, nodes } = self;
        parts.clear();
        parts.extend(spans.iter().map(|&span| terms.part(text, span)));
        nodes.clone_from(parts);
        for length in 1..=longest.min(parts.len()) {
            if length > 1 {
                nodes.pop();
                for (node, &part) in nodes.iter_mut().zip(&parts[length - 1..]) {
                    *node = terms.child(*node, part, length);
                }
            }
            if length >= shortest {
                found.extend_from_slice(nodes);
            }
        }
        if keep_short && !parts.is_empty() && parts.len() < shortest {
            found.push(nodes[0]);
        }
    }
}
