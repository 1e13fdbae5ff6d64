//! Counting the terms of many texts on all threads, and merging the threads' counts in alphabetical order. The terms to
//! keep are chosen in `count_vectorizer.rs`.
//!
//! Every thread counts some of the texts with its own [`TermTree`]. Then, for n-grams of one part, of two and so on,
//! the threads' n-grams are sorted together (by integers from the second part on), and equal ones are merged. The order
//! of n-grams of all lengths is that of a walk through the tree. The result depends only on the texts, not on how they
//! were divided.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::terms::analysis::{Analysis, Scratch};
use super::terms::term_tree::{NONE, Paths, TermTree};
use crate::error::{Error, Result};
use crate::io::batches::in_batches;
use crate::io::text::Text;
use crate::vocabulary::token_counts::{TokenCount, check_size};

/// How many texts a thread processes at a time.
const TEXTS_AT_A_TIME: usize = 32;

/// Texts counted by one thread.
#[derive(Default)]
pub(super) struct Counted {
    tree: TermTree,
    /// By node.
    seen: Vec<Seen>,
    /// How many pairs all rows so far have, including rows that were not kept.
    pairs: usize,
    /// For every text, the nodes that occur in it and how often, unordered; empty if rows were not requested.
    rows: Rows,
    /// The texts came in runs: the first text of each run, counted from 0 over all threads, and its row.
    runs: Vec<(u64, usize)>,
}

/// A node's tally, and its place in the row that is being counted.
#[derive(Clone, Copy, Default)]
struct Seen {
    tally: TokenCount,
    /// If the node is in this row, one more than the place of its pair among the pairs of all rows so far; this exceeds
    /// the number of pairs before this row.
    pair: usize,
}

/// Rows of pairs, one after the other.
#[derive(Default)]
struct Rows {
    ids: Vec<u32>,
    counts: Vec<u32>,
    ends: Vec<usize>,
}

/// A row's nodes, and how often each occurs.
pub(super) type Row<'a> = (&'a [u32], &'a [u32]);

impl Rows {
    fn row(&self, row: usize) -> Row<'_> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.ids[start..self.ends[row]], &self.counts[start..self.ends[row]])
    }
}

/// The rows in the order of the texts, each with the place of the thread that counted it.
pub(super) fn rows_in_order(counted: &[Counted]) -> Vec<(usize, Row<'_>)> {
    let mut runs = Vec::new();
    for (thread, Counted { rows, runs: own, .. }) in counted.iter().enumerate() {
        let ends = own.iter().skip(1).map(|&(_, row)| row).chain([rows.ends.len()]);
        runs.extend(own.iter().zip(ends).map(|(&(text, row), end)| (text, thread, row..end)));
    }
    runs.sort_unstable_by_key(|&(text, ..)| text);
    runs.into_iter()
        .flat_map(|(_, thread, rows)| rows.map(move |row| (thread, counted[thread].rows.row(row))))
        .collect()
}

/// What a thread keeps between runs.
#[derive(Default)]
struct Worker {
    counted: Counted,
    scratch: Scratch,
    paths: Paths,
    found: Vec<u32>,
}

/// Counts texts on all threads, and returns how many there were.
pub(super) fn count(
    analysis: &Analysis,
    texts: impl IntoIterator<Item = impl Text>,
    keep_rows: bool,
) -> Result<(Vec<Counted>, u64)> {
    // As many as threads that worked at the same time.
    let idle: Mutex<Vec<Worker>> = Mutex::default();
    let locked = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let documents = in_batches(texts, |before, batch| {
        batch.par_chunks(TEXTS_AT_A_TIME).enumerate().for_each(|(chunk, texts)| {
            let worker = locked().pop();
            let mut worker = worker.unwrap_or_default();
            worker.counted.runs.push((before + (chunk * TEXTS_AT_A_TIME) as u64, worker.counted.rows.ends.len()));
            texts.iter().for_each(|text| worker.count(analysis, text.as_ref(), keep_rows));
            locked().push(worker);
        });
        match locked().iter().find(|worker| worker.counted.tree.full) {
            Some(worker) => Err(Error::TooLarge { what: "a vocabulary", rows: worker.counted.tree.len(), columns: 1 }),
            None => Ok(()),
        }
    })?;
    let workers = idle.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((workers.into_iter().map(|worker| worker.counted).collect(), documents))
}

impl Worker {
    fn count(&mut self, analysis: &Analysis, text: &str, keep_rows: bool) {
        let Self { counted: Counted { tree, seen, pairs, rows, .. }, scratch, paths, found } = self;
        found.clear();
        if analysis.parts_are_distinct() {
            analysis.each_group(scratch, text, |text, parts| {
                let (range, short) = (analysis.ngram_range(), analysis.keeps_short_groups());
                paths.find(&mut *tree, range, short, text, parts, found);
            });
        } else {
            analysis.each_term(scratch, text, |term| found.push(tree.part(term)));
        }
        seen.resize(tree.len(), Seen::default());
        let seen = seen.as_mut_slice();
        // Reads all of them without depending on each other, so that they are in the cache when they are counted.
        black_box(found.iter().fold(0, |all, &node| all ^ seen.get(node as usize).map_or(0, |seen| seen.pair)));
        let Rows { ids, counts, ends } = rows;
        let start = ids.len();
        for &node in &*found {
            let Some(Seen { tally, pair }) = seen.get_mut(node as usize) else { continue };
            tally.count += 1;
            if *pair > *pairs {
                counts[start + (*pair - *pairs) - 1] += 1;
            } else {
                tally.documents += 1;
                ids.push(node);
                counts.push(1);
                *pair = *pairs + (ids.len() - start);
            }
        }
        *pairs += ids.len() - start;
        if keep_rows {
            ends.push(ids.len());
        } else {
            ids.clear();
            counts.clear();
        }
    }
}

/// All n-grams of one length, of all threads, in alphabetical order.
#[derive(Default)]
struct Level {
    /// The place of the n-gram without its last part, among those of that length, and the place of the last part.
    keys: Vec<u64>,
    tallies: Vec<TokenCount>,
}

/// The terms of all threads.
pub(super) struct Merged {
    parts: Vec<Box<str>>,
    /// Starting with n-grams of one part.
    levels: Vec<Level>,
    /// The terms that occurred, in alphabetical order: the number of parts - 1, and the place in that level.
    order: Vec<(u32, u32)>,
    /// For each thread, the place of each node in `order`.
    places: Vec<Vec<u32>>,
}

impl Merged {
    pub(super) fn new(counted: &[Counted]) -> Result<Self> {
        // For each thread, the place of each node in its level.
        let mut ranks: Vec<Vec<u32>> = counted.iter().map(|run| vec![NONE; run.tree.len()]).collect();
        let (parts, first) = merge_parts(counted, &mut ranks);
        let mut levels = vec![first];
        let longest = counted.iter().map(|run| run.tree.branches.len() + 1).max().unwrap_or(1);
        for length in 2..=longest {
            levels.push(merge_branches(counted, length, &mut ranks));
        }
        let nodes = levels.iter().map(|level| level.tallies.len()).sum();
        check_size(nodes, NONE as usize - 1)?;
        let level_places = walk(&levels);
        let terms = level_places.iter().flatten().filter(|&&place| place != NONE).count();
        let mut order = vec![(0, 0); terms];
        for (level, places) in level_places.iter().enumerate() {
            for (at, &place) in places.iter().enumerate().filter(|&(_, &place)| place != NONE) {
                order[place as usize] = (level as u32, at as u32);
            }
        }
        ranks.par_iter_mut().zip(counted.par_iter()).for_each(|(ranks, run)| {
            for &(_, node) in &run.tree.parts {
                let rank = &mut ranks[node as usize];
                *rank = level_places[0][*rank as usize];
            }
            for (branches, places) in run.tree.branches.iter().zip(&level_places[1..]) {
                for branch in branches {
                    let rank = &mut ranks[branch.node as usize];
                    *rank = places[*rank as usize];
                }
            }
        });
        Ok(Self { parts, levels, order, places: ranks })
    }

    /// How many distinct terms occurred.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The counts of each term, in alphabetical order.
    pub(super) fn tallies(&self) -> impl ExactSizeIterator<Item = TokenCount> {
        self.order.iter().map(|&(level, at)| self.levels[level as usize].tallies[at as usize])
    }

    /// For each thread, the place of each node in alphabetical order, or [`NONE`].
    pub(super) fn places(&self) -> &[Vec<u32>] {
        &self.places
    }

    /// Appends the text of a term.
    pub(super) fn push_text(&self, place: usize, separator: &str, out: &mut String) {
        let (level, at) = self.order[place];
        self.push_path(level as usize, at as usize, separator, out);
    }

    fn push_path(&self, level: usize, at: usize, separator: &str, out: &mut String) {
        if level == 0 {
            out.push_str(&self.parts[at]);
            return;
        }
        let key = self.levels[level].keys[at];
        self.push_path(level - 1, (key >> 32) as usize, separator, out);
        out.push_str(separator);
        out.push_str(&self.parts[key as u32 as usize]);
    }
}

/// The parts of all threads, sorted and merged.
fn merge_parts(counted: &[Counted], ranks: &mut [Vec<u32>]) -> (Vec<Box<str>>, Level) {
    let mut all = Vec::new();
    for (run, counted) in counted.iter().enumerate() {
        // The first eight bytes as a number decide most comparisons.
        all.extend(counted.tree.parts.iter().map(|(text, node)| (head(text.as_bytes()), &**text, run as u32, *node)));
    }
    all.par_sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    let mut parts: Vec<Box<str>> = Vec::new();
    let mut level = Level::default();
    for (_, text, run, node) in all {
        if parts.last().is_none_or(|last| **last != *text) {
            parts.push(text.into());
            level.tallies.push(TokenCount::default());
        }
        take_in(&mut level, parts.len(), &counted[run as usize], node, &mut ranks[run as usize]);
    }
    (parts, level)
}

fn head(text: &[u8]) -> u64 {
    let mut head = [0; 8];
    let length = text.len().min(8);
    head[..length].copy_from_slice(&text[..length]);
    u64::from_be_bytes(head)
}

/// The n-grams of one length of all threads, sorted and merged.
fn merge_branches(counted: &[Counted], length: usize, ranks: &mut [Vec<u32>]) -> Level {
    let mut all = Vec::new();
    for (run, counted) in counted.iter().enumerate() {
        let ranks = &ranks[run];
        all.par_extend(counted.tree.branches.get(length - 2).map_or(&[][..], Vec::as_slice).par_iter().map(|branch| {
            let key = u64::from(ranks[branch.parent as usize]) << 32 | u64::from(ranks[branch.part as usize]);
            (key, run as u32, branch.node)
        }));
    }
    all.par_sort_unstable_by_key(|&(key, ..)| key);
    let mut level = Level::default();
    for (key, run, node) in all {
        if level.keys.last() != Some(&key) {
            level.keys.push(key);
            level.tallies.push(TokenCount::default());
        }
        let len = level.keys.len();
        take_in(&mut level, len, &counted[run as usize], node, &mut ranks[run as usize]);
    }
    level
}

/// Adds a thread's tally to the last of `len` n-grams.
fn take_in(level: &mut Level, len: usize, counted: &Counted, node: u32, ranks: &mut [u32]) {
    let from = counted.seen[node as usize].tally;
    let tally = &mut level.tallies[len - 1];
    tally.count += from.count;
    tally.documents += from.documents;
    ranks[node as usize] = (len - 1) as u32;
}

/// For every level and every n-gram, how many of the n-grams that occurred come before it in alphabetical order, where
/// shorter ones come before longer ones that begin with them. [`NONE`] for those that did not occur, or only within
/// others.
fn walk(levels: &[Level]) -> Vec<Vec<u32>> {
    let occurred = |level: usize, at: usize| u32::from(levels[level].tallies[at].count > 0);
    // How many terms begin with each n-gram, from the longest on.
    let mut begun: Vec<Vec<u32>> = levels
        .iter()
        .enumerate()
        .map(|(l, level)| (0..level.tallies.len()).map(|at| occurred(l, at)).collect())
        .collect();
    for level in (1..levels.len()).rev() {
        let (shorter, longer) = begun.split_at_mut(level);
        for (key, &terms) in levels[level].keys.iter().zip(&longer[0]) {
            shorter[level - 1][(key >> 32) as usize] += terms;
        }
    }
    // Where the terms of each n-gram start, from the shortest on; `begun` becomes the place itself.
    let mut next: Vec<u32> = Vec::new();
    for level in 0..levels.len() {
        let mut start = 0;
        let mut after = Vec::with_capacity(begun[level].len());
        for at in 0..begun[level].len() {
            let terms = begun[level][at];
            if let Some(key) = levels[level].keys.get(at) {
                let parent = &mut next[(key >> 32) as usize];
                start = *parent;
                *parent += terms;
            }
            let own = occurred(level, at);
            begun[level][at] = if own == 1 { start } else { NONE };
            after.push(start + own);
            start += terms;
        }
        next = after;
    }
    begun
}
