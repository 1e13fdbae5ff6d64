//! A trie that finds the longest of many subwords at the start of a text.
//!
//! Nodes are in breadth-first order, so the children of a node are neighbours: a node needs only its byte, its id and
//! where its children start. A search reads at most one byte more than the longest match.

/// Subwords and their ids, searched from the start of a text.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    /// The byte that leads to a node.
    bytes: Vec<u8>,
    /// The id of the subword that ends at a node, or 0.
    ids: Vec<u32>,
    /// Where a node's children start; they end where the next node's start.
    children: Vec<u32>,
    /// For each first byte, its node, or 0.
    roots: Box<[u32; 256]>,
}

impl Trie {
    /// A trie of subwords with ids above 0. Of equal subwords, the last id is found.
    pub(crate) fn new<'a>(subwords: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut subwords: Vec<(&[u8], u32)> = subwords.map(|(text, id)| (text.as_bytes(), id)).collect();
        subwords.sort_by_key(|&(bytes, _)| bytes);
        let mut trie = Self { bytes: vec![0], ids: vec![0], children: Vec::new(), roots: Box::new([0; 256]) };
        // For each node without children yet: the subwords that pass through it, and its depth.
        let mut level = vec![(0..subwords.len(), 0)];
        while !level.is_empty() {
            let mut next = Vec::new();
            for (mut range, depth) in level {
                let node = trie.children.len();
                trie.children.push(trie.bytes.len() as u32);
                // Shorter ones sort first, so those that end here are at the start of the range.
                while range.start < range.end && subwords[range.start].0.len() == depth {
                    trie.ids[node] = subwords[range.start].1;
                    range.start += 1;
                }
                while range.start < range.end {
                    let byte = subwords[range.start].0[depth];
                    let here = &subwords[range.clone()];
                    let end = range.start + here.partition_point(|(bytes, _)| bytes[depth] <= byte);
                    if depth == 0 {
                        trie.roots[byte as usize] = trie.bytes.len() as u32;
                    }
                    trie.bytes.push(byte);
                    trie.ids.push(0);
                    next.push((range.start..end, depth + 1));
                    range.start = end;
                }
            }
            level = next;
        }
        trie.children.push(trie.bytes.len() as u32);
        trie
    }

    /// The id and the length of the longest subword that `text` starts with.
    pub(crate) fn longest(&self, text: &[u8]) -> Option<(u32, usize)> {
        let mut found = None;
        let (&first, rest) = text.split_first()?;
        let mut node = self.roots[first as usize] as usize;
        let mut rest = rest.iter();
        let mut length = 1;
        while node != 0 {
            if self.ids[node] != 0 {
                found = Some((self.ids[node], length));
            }
            let Some(byte) = rest.next() else { break };
            let children = self.children[node] as usize..self.children[node + 1] as usize;
            let place = self.bytes[children.clone()].iter().position(|child| child == byte);
            node = place.map_or(0, |place| children.start + place);
            length += 1;
        }
        found
    }
}
