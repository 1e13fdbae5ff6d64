//! Choosing subwords from counted tokens: one choice of subwords, and the search over minimum counts.
//!
//! The rule is TensorFlow Datasets' `_build_from_token_counts`. Four times: cut every token greedily by the current
//! subwords, count every prefix of what starts at a cut, and keep the prefixes counted often enough, longer ones first,
//! each of which subtracts its count from its own prefixes. Done over all prefixes, that takes time and memory
//! quadratic in the length of tokens. Here all substrings are the nodes of one suffix tree: a cut adds to the node of
//! the longest substring that starts there, sums over subtrees give the counts of all prefixes, and what longer
//! subwords subtract is passed up the tree with them. A substring within an edge of the tree has the same count as the
//! edge's end, which is longer and comes first, so nothing is left of it: only nodes can be kept.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::encoders::subword_text_encoder::tokens::ESCAPE;
use crate::error::{Error, Result};
use crate::vocabulary::subword_counts::CountedTokens;

/// How often subwords are chosen again.
const ITERATIONS: usize = 4;

/// Ids of padding and all bytes.
pub(super) const OTHER_IDS: usize = 257;

/// A node of the suffix tree. Nodes are in postorder, so that a child comes before its parent and the root is last.
struct Node {
    /// Where in the text its substring starts.
    start: u32,
    /// The length of its substring in bytes.
    len: u32,
    parent: u32,
}

/// Every substring of every token, up to a length.
struct Substrings {
    /// All tokens, one after the other, then the reserved tokens and the escape.
    text: String,
    /// Where each token ends, and how often it occurs.
    tokens: Vec<(u32, u64)>,
    nodes: Vec<Node>,
    /// For each start of a character, the node of the longest substring that starts there.
    node_at: Vec<u32>,
    /// The nodes of reserved tokens and of the escape, which always match.
    fixed: Vec<u32>,
    /// Those of them that are longer than any substring, longest first.
    long: Vec<String>,
}

/// Nodes, each with the count it was kept with.
type Chosen = Vec<(u64, u32)>;

/// The subwords for a vocabulary of about `target` ids: `reserved` first, then in order of falling count.
pub(super) fn choose(
    counts: CountedTokens,
    reserved: &[String],
    max_length: usize,
    target: usize,
) -> Result<Vec<String>> {
    let least = counts.iter().map(|(_, count)| *count).min().unwrap_or(1).max(1);
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let substrings = Substrings::new(counts, reserved, max_length)?;
    let search = Search {
        first_counts: substrings.counts(&substrings.longest_matches(&[])),
        substrings,
        target,
        others: OTHER_IDS + reserved.len(),
    };
    let mut chosen = search.between(least, most);
    let text_of = |&(_, node): &(u64, u32)| search.substrings.text_of(node);
    chosen.sort_by(|a, b| (b.0, text_of(b)).cmp(&(a.0, text_of(a))));
    Ok(reserved.iter().cloned().chain(chosen.iter().map(|kept| text_of(kept).to_owned())).collect())
}

/// The search for the minimum count that gives the desired size.
struct Search {
    substrings: Substrings,
    /// The counts of the first iteration, which are the same for every minimum.
    first_counts: Vec<u64>,
    target: usize,
    /// How many ids there are in addition to the chosen subwords'.
    others: usize,
}

impl Search {
    /// Halves the range of minimum counts until the size is within 1 % of the target, and returns the closest size
    /// found.
    fn between(&self, least: u64, most: u64) -> Chosen {
        let minimum = (least + most) / 2;
        let chosen = self.with_minimum(minimum);
        let size = self.others + chosen.len();
        let distance = size.abs_diff(self.target);
        if distance.saturating_mul(100) < self.target || least >= most || minimum <= 1 {
            return chosen;
        }
        let next = if size > self.target { self.between(minimum + 1, most) } else { self.between(least, minimum - 1) };
        let next_distance = (self.others + next.len()).abs_diff(self.target);
        if distance < next_distance { chosen } else { next }
    }

    fn with_minimum(&self, minimum: u64) -> Chosen {
        let mut chosen = self.substrings.keep(&self.first_counts, minimum);
        for _ in 1..ITERATIONS {
            let counts = self.substrings.counts(&self.substrings.longest_matches(&chosen));
            chosen = self.substrings.keep(&counts, minimum);
        }
        chosen
    }
}

impl Substrings {
    fn new(counts: CountedTokens, reserved: &[String], max_length: usize) -> Result<Self> {
        let specials = || reserved.iter().map(String::as_str).chain([ESCAPE]);
        let is_long = |text: &str| text.chars().nth(max_length).is_some();
        let bytes =
            counts.iter().map(|(token, _)| token.len()).sum::<usize>() + specials().map(str::len).sum::<usize>();
        // Every character starts a suffix and adds at most two nodes: one for itself and one where it branches off from
        // others.
        if bytes > u32::MAX as usize / 2 {
            return Err(Error::TooLarge { what: "a text of all distinct tokens", rows: bytes, columns: 1 });
        }
        let mut text = String::with_capacity(bytes);
        let mut tokens = Vec::with_capacity(counts.len());
        let mut suffixes = Vec::new();
        for (token, count) in counts {
            push_suffixes(&mut suffixes, text.len(), &token, max_length);
            text.push_str(&token);
            tokens.push((text.len() as u32, count));
        }
        let mut fixed_starts = Vec::new();
        for special in specials().filter(|special| !is_long(special)) {
            suffixes.push((text.len() as u32, special.len() as u32));
            fixed_starts.push(text.len());
            text.push_str(special);
        }
        let mut long: Vec<String> = specials().filter(|special| is_long(special)).map(str::to_owned).collect();
        long.sort_by_key(|special| Reverse(special.len()));

        sort_suffixes(&text, &mut suffixes);
        let (nodes, node_at) = suffix_tree(&text, &suffixes);
        let fixed = fixed_starts.into_iter().map(|start| node_at[start]).collect();
        Ok(Self { text, tokens, nodes, node_at, fixed, long })
    }

    fn text_of(&self, node: u32) -> &str {
        let Node { start, len, .. } = self.nodes[node as usize];
        &self.text[start as usize..][..len as usize]
    }

    /// For each node, the length of the longest subword that its substring starts with, or 0.
    fn longest_matches(&self, subwords: &[(u64, u32)]) -> Vec<u32> {
        let mut longest = vec![0; self.nodes.len()];
        for node in subwords.iter().map(|&(_, node)| node).chain(self.fixed.iter().copied()) {
            longest[node as usize] = self.nodes[node as usize].len;
        }
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if longest[at] == 0 {
                longest[at] = longest[node.parent as usize];
            }
        }
        longest
    }

    /// For each node, how often its substring starts where a subword starts, when tokens are cut greedily.
    fn counts(&self, longest: &[u32]) -> Vec<u64> {
        let counts: Vec<AtomicU64> = (0..self.nodes.len()).map(|_| AtomicU64::new(0)).collect();
        self.tokens.par_iter().enumerate().with_min_len(256).for_each(|(at, &(end, count))| {
            let mut start = at.checked_sub(1).map_or(0, |before| self.tokens[before].0);
            while start < end {
                let node = self.node_at[start as usize] as usize;
                counts[node].fetch_add(count, Ordering::Relaxed);
                start += match (self.long_match(start, end), longest[node]) {
                    (Some(length), _) => length,
                    (None, 0) => self.character_at(start),
                    (None, length) => length,
                };
            }
        });
        let mut counts: Vec<u64> = counts.into_iter().map(AtomicU64::into_inner).collect();
        for (at, node) in self.nodes.iter().enumerate().take(self.nodes.len() - 1) {
            counts[node.parent as usize] += counts[at];
        }
        counts
    }

    fn long_match(&self, start: u32, end: u32) -> Option<u32> {
        let rest = &self.text.as_bytes()[start as usize..end as usize];
        self.long.iter().find(|special| rest.starts_with(special.as_bytes())).map(|special| special.len() as u32)
    }

    fn character_at(&self, start: u32) -> u32 {
        self.text[start as usize..].chars().next().map_or(1, |character| character.len_utf8() as u32)
    }

    /// The nodes counted `minimum` times or more after the counts of kept nodes below them are subtracted. Single bytes
    /// are in every vocabulary and not returned.
    fn keep(&self, counts: &[u64], minimum: u64) -> Chosen {
        let mut taken = vec![0; self.nodes.len()];
        let mut kept = Vec::new();
        for (at, node) in self.nodes.iter().enumerate().take(self.nodes.len() - 1) {
            let left = counts[at] - taken[at];
            if left >= minimum && node.len > 1 {
                kept.push((left, at as u32));
                taken[at] += left;
            }
            taken[node.parent as usize] += taken[at];
        }
        kept
    }
}

/// Adds start and length of the suffix at each character of a token, at most `max_length` characters long.
fn push_suffixes(suffixes: &mut Vec<(u32, u32)>, offset: usize, token: &str, max_length: usize) {
    let mut ends = token.char_indices().map(|(at, _)| at).chain([token.len()]).skip(max_length);
    for (start, _) in token.char_indices() {
        let end = ends.next().unwrap_or(token.len());
        suffixes.push(((offset + start) as u32, (end - start) as u32));
    }
}

fn bytes_of(text: &str, (start, len): (u32, u32)) -> &[u8] {
    &text.as_bytes()[start as usize..][..len as usize]
}

/// Sorts by text. The first eight bytes are compared as one number.
fn sort_suffixes(text: &str, suffixes: &mut Vec<(u32, u32)>) {
    let mut keyed: Vec<(u64, (u32, u32))> = suffixes
        .par_iter()
        .map(|&suffix| {
            let bytes = bytes_of(text, suffix);
            let mut key = [0; 8];
            let length = bytes.len().min(8);
            key[..length].copy_from_slice(&bytes[..length]);
            (u64::from_be_bytes(key), suffix)
        })
        .collect();
    keyed.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| bytes_of(text, a.1).cmp(bytes_of(text, b.1))));
    suffixes.clear();
    suffixes.extend(keyed.into_iter().map(|(_, suffix)| suffix));
}

/// The tree of sorted suffixes, and the node of each suffix's start.
fn suffix_tree(text: &str, suffixes: &[(u32, u32)]) -> (Vec<Node>, Vec<u32>) {
    // In order of discovery; `postorder` says where each will be.
    let mut nodes = vec![Node { start: 0, len: 0, parent: 0 }];
    let mut postorder = vec![0_u32];
    let mut done = 0;
    let mut node_at = vec![0; text.len()];
    // From the root down to the previous suffix.
    let mut path = vec![0_u32];
    let mut before = (0, 0);
    for &suffix in suffixes {
        let common = common_characters(text, before, suffix);
        let mut top = path[path.len() - 1];
        while nodes[top as usize].len > common {
            path.pop();
            postorder[top as usize] = done;
            done += 1;
            let above = path[path.len() - 1];
            if nodes[above as usize].len < common {
                path.push(nodes.len() as u32);
                nodes.push(Node { start: suffix.0, len: common, parent: 0 });
                postorder.push(0);
            }
            let parent = path[path.len() - 1];
            nodes[top as usize].parent = parent;
            top = parent;
        }
        if suffix.1 > common {
            let new = nodes.len() as u32;
            path.push(new);
            nodes.push(Node { start: suffix.0, len: suffix.1, parent: 0 });
            postorder.push(0);
            top = new;
        }
        node_at[suffix.0 as usize] = top;
        before = suffix;
    }
    while let Some(top) = path.pop() {
        postorder[top as usize] = done;
        done += 1;
        nodes[top as usize].parent = path.last().copied().unwrap_or(top);
    }

    let mut sorted: Vec<Node> = nodes.iter().map(|_| Node { start: 0, len: 0, parent: 0 }).collect();
    for (node, &place) in nodes.into_iter().zip(&postorder) {
        sorted[place as usize] = Node { parent: postorder[node.parent as usize], ..node };
    }
    for node in &mut node_at {
        *node = postorder[*node as usize];
    }
    (sorted, node_at)
}

/// The length in bytes of the whole characters that two substrings have in common at their start.
fn common_characters(text: &str, a: (u32, u32), b: (u32, u32)) -> u32 {
    let pairs = bytes_of(text, a).iter().zip(bytes_of(text, b));
    let mut common = pairs.take_while(|(a, b)| a == b).count();
    while !text.is_char_boundary(a.0 as usize + common) {
        common -= 1;
    }
    common as u32
}
