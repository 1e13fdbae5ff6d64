//! Sums by pair of ids, kept as sorted runs that are merged as they grow.
//!
//! Sums are integers, so the order in which threads add them does not matter. A run holds each pair once, and each run
//! on the stack is more than twice as long as the one above it, so all runs together hold at most twice the number of
//! distinct pairs.

use rayon::prelude::*;

/// A pair of ids in one number, which sorts like (row, column), and its sum.
pub(crate) type PairSum = (u64, u64);

/// The key of a pair.
pub(crate) fn key(row: u32, column: u32) -> u64 {
    u64::from(row) << 32 | u64::from(column)
}

/// The row and the column of a key.
pub(crate) fn unkey(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// Sorts pairs and adds up those with the same key.
pub(crate) fn sorted(mut pairs: Vec<PairSum>) -> Vec<PairSum> {
    pairs.sort_unstable_by_key(|pair| pair.0);
    pairs.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    pairs
}

/// Runs longer than this are merged in parts on several threads.
const PART: usize = 1 << 16;

/// Merges two runs and adds up the sums of equal pairs.
pub(crate) fn merged(a: Vec<PairSum>, b: Vec<PairSum>) -> Vec<PairSum> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if short.is_empty() {
        return long;
    }
    let parts = (long.len() + short.len()).div_ceil(PART);
    if parts == 1 {
        return merged_part(&long, &short);
    }
    // Part p takes the pairs of both runs from the p-th of evenly spaced keys of the longer run up to the next one.
    let cuts: Vec<(usize, usize)> = (0..=parts)
        .map(|part| {
            let at = part * long.len() / parts;
            match long.get(at) {
                None => (long.len(), short.len()),
                Some(_) if part == 0 => (0, 0),
                Some(cut) => (at, short.partition_point(|pair| pair.0 < cut.0)),
            }
        })
        .collect();
    let merged_parts: Vec<Vec<PairSum>> =
        cuts.par_windows(2).map(|cut| merged_part(&long[cut[0].0..cut[1].0], &short[cut[0].1..cut[1].1])).collect();
    drop((long, short));
    let mut run = Vec::with_capacity(merged_parts.iter().map(Vec::len).sum());
    for part in merged_parts {
        run.extend(part);
    }
    run
}

fn merged_part(mut a: &[PairSum], mut b: &[PairSum]) -> Vec<PairSum> {
    let mut run = Vec::with_capacity(a.len() + b.len());
    while let (Some(&(key_a, sum_a)), Some(&(key_b, sum_b))) = (a.first(), b.first()) {
        let sum = if key_a <= key_b { sum_a } else { 0 }.saturating_add(if key_b <= key_a { sum_b } else { 0 });
        run.push((key_a.min(key_b), sum));
        a = &a[usize::from(key_a <= key_b)..];
        b = &b[usize::from(key_b <= key_a)..];
    }
    run.extend(a);
    run.extend(b);
    run
}

/// Runs, each shorter than the one before.
#[derive(Default)]
pub(crate) struct Runs {
    runs: Vec<Vec<PairSum>>,
}

impl Runs {
    /// Adds a run.
    pub(crate) fn push(&mut self, mut run: Vec<PairSum>) {
        while let Some(top) = self.runs.pop_if(|top| top.len() <= 2 * run.len()) {
            run = merged(top, run);
        }
        self.runs.push(run);
    }

    /// Merges all runs into one.
    pub(crate) fn into_run(self) -> Vec<PairSum> {
        self.runs.into_iter().rev().fold(Vec::new(), merged)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Unordered pairs, each key several times.
    fn scrambled(count: u64, salt: u64) -> Vec<PairSum> {
        (0..count).map(|i| ((i + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 46, i % 7 + 1)).collect()
    }

    fn by_map(pairs: impl IntoIterator<Item = PairSum>) -> Vec<PairSum> {
        let mut sums = BTreeMap::new();
        for (key, sum) in pairs {
            *sums.entry(key).or_insert(0) += sum;
        }
        sums.into_iter().collect()
    }

    #[test]
    fn keys_sort_by_row_then_column() {
        assert!(key(0, u32::MAX) < key(1, 0));
        assert_eq!(unkey(key(7, 9)), (7, 9));
    }

    #[test]
    fn merging_in_parts_is_adding_up() {
        // 300,000 and 90,000 pairs over 2^18 keys: long enough for several parts, with many keys in both.
        let (a, b) = (scrambled(300_000, 1), scrambled(90_000, 5));
        let expected = by_map(a.iter().chain(&b).copied());
        assert!(merged(sorted(a.clone()), sorted(b.clone())) == expected);
        assert!(merged(sorted(b), sorted(a)) == expected);
    }

    #[test]
    fn runs_hold_at_most_twice_the_distinct_pairs() {
        let mut runs = Runs::default();
        let mut all = Vec::new();
        for salt in 0..200 {
            let pairs = scrambled(500 + salt % 3 * 400, salt * 700);
            all.extend(pairs.iter().copied());
            runs.push(sorted(pairs));
            let held: usize = runs.runs.iter().map(Vec::len).sum();
            assert!(held <= 2 * by_map(all.iter().copied()).len(), "{held} held after run {salt}");
        }
        assert!(runs.into_run() == by_map(all));
    }
}
