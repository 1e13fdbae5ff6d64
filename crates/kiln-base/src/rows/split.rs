//! Splitting rows into parts: stratified by class, by a hash of their contents, or into folds.
//!
//! A part is an ascending list of row numbers. Shares are fractions of all rows, above 0, and add up to 1. The same
//! seed gives the same parts on every machine.

use crate::error::OptionError;
use crate::random::SplitMix64;

/// How far shares may be from adding up to 1.
const SLACK: f64 = 1e-6;

/// Parts in which each class has nearly the same share as in all rows. Rows are drawn by the seed. The first row drawn
/// of each class goes to the first part, so that it can be learned there.
///
/// ```
/// use kiln_base::split::stratified;
///
/// let classes: Vec<u32> = (0..100).map(|row| u32::from(row % 10 == 0)).collect();
/// let parts = stratified(&classes, &[0.8, 0.1, 0.1], 7)?;
/// assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [80, 10, 10]);
/// let rare = |part: &Vec<usize>| part.iter().filter(|&&row| classes[row] == 1).count();
/// assert_eq!(parts.iter().map(rare).collect::<Vec<_>>(), [8, 1, 1]);
/// # Ok::<(), kiln_base::OptionError>(())
/// ```
///
/// # Errors
///
/// A share is not above 0, or the shares do not add up to 1.
pub fn stratified(classes: &[u32], shares: &[f64], seed: u64) -> Result<Vec<Vec<usize>>, OptionError> {
    check(shares)?;
    let mut parts = vec![Vec::new(); shares.len()];
    // What each part still lacks of its share, summed over the classes so far, so that the sizes of the parts are right
    // too.
    let mut owed = vec![0.0; shares.len()];
    for rows in by_class(classes, seed) {
        let count = rows.len() as f64;
        owed.iter_mut().zip(shares).for_each(|(owed, share)| *owed += share * count);
        let mut rows = rows.into_iter();
        parts[0].extend(rows.next());
        owed[0] -= 1.0;
        let mut counts: Vec<usize> = owed.iter().map(|owed| owed.max(0.0).floor() as usize).collect();
        let mut left = rows.len().saturating_sub(counts.iter().sum());
        // The remaining rows go to the part that lacks most.
        while left > 0 {
            let rest = |part: &usize| owed[*part] - counts[*part] as f64;
            let most =
                (0..shares.len()).reduce(|most, part| if rest(&part) > rest(&most) + SLACK { part } else { most });
            counts[most.unwrap_or(0)] += 1;
            left -= 1;
        }
        for (part, count) in counts.into_iter().enumerate() {
            let before = parts[part].len();
            parts[part].extend(rows.by_ref().take(count));
            owed[part] -= (parts[part].len() - before) as f64;
        }
    }
    parts.iter_mut().for_each(|part| part.sort_unstable());
    Ok(parts)
}

/// Parts by a hash of each row's contents: equal rows are always in the same part, including texts that are added
/// later. The sizes of the parts are close to their shares.
///
/// ```
/// use kiln_base::split::by_hash;
///
/// let texts = ["a", "b", "a", "c", "b", "d"];
/// let parts = by_hash(texts, &[0.5, 0.5], 1)?;
/// let part_of = |row| usize::from(parts[1].contains(&row));
/// assert_eq!((part_of(0), part_of(1)), (part_of(2), part_of(4)));
/// # Ok::<(), kiln_base::OptionError>(())
/// ```
///
/// # Errors
///
/// A share is not above 0, or the shares do not add up to 1.
pub fn by_hash(
    rows: impl IntoIterator<Item = impl AsRef<[u8]>>,
    shares: &[f64],
    seed: u64,
) -> Result<Vec<Vec<usize>>, OptionError> {
    check(shares)?;
    let mut parts = vec![Vec::new(); shares.len()];
    for (row, bytes) in rows.into_iter().enumerate() {
        let bytes = bytes.as_ref();
        let folded = bytes.chunks(8).fold(SplitMix64::nth(seed, bytes.len() as u64), |hash, chunk| {
            let number = chunk.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
            SplitMix64::nth(hash ^ number, 1)
        });
        let mut place = SplitMix64::new(folded).unit();
        let part = shares.iter().position(|share| {
            place -= share;
            place < 0.0
        });
        parts[part.unwrap_or(shares.len() - 1)].push(row);
    }
    Ok(parts)
}

/// The rows of each of `count` folds, stratified by class. Each fold is the test set for a model trained on the others.
///
/// # Errors
///
/// There are fewer than two folds, or more folds than rows.
pub fn folds(classes: &[u32], count: usize, seed: u64) -> Result<Vec<Vec<usize>>, OptionError> {
    let expected = format!("2 to {} folds, one row or more in each", classes.len());
    OptionError::unless((2..=classes.len()).contains(&count), "count", expected, count)?;
    let mut folds = vec![Vec::new(); count];
    by_class(classes, seed).into_iter().flatten().enumerate().for_each(|(at, row)| folds[at % count].push(row));
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    Ok(folds)
}

/// The rows of each class, in an order drawn by the seed.
fn by_class(classes: &[u32], seed: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    SplitMix64::new(seed).shuffle(&mut order);
    order.sort_by_key(|&row| classes[row]);
    order.chunk_by(|&a, &b| classes[a] == classes[b]).map(<[usize]>::to_vec).collect()
}

fn check(shares: &[f64]) -> Result<(), OptionError> {
    let sum: f64 = shares.iter().sum();
    let are_shares = shares.iter().all(|&share| share > 0.0) && (sum - 1.0).abs() < SLACK;
    OptionError::unless(are_shares, "shares", "above 0, adding up to 1", format!("{shares:?}"))
}
