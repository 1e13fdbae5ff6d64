//! [`fold`] and [`fold_all`]: values of many ranks combined along one fixed binary tree. [`share`]: which of them a rank
//! holds.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::group::Group;

/// The part of `leaves` items that this rank holds: contiguous, in the order of the ranks, with sizes that differ by at
/// most 1. With fewer items than ranks, some ranks hold none; rank 0 holds item 0.
///
/// ```
/// use kiln_group::{Launch, share};
///
/// let shares = Launch::new().threads(3, |group| Ok::<_, kiln_group::Error>(share(8, group)));
/// assert_eq!(shares.into_iter().collect::<Result<Vec<_>, _>>()?, [0..3, 3..6, 6..8]);
/// # Ok::<(), kiln_group::Error>(())
/// ```
pub fn share<G: Group + ?Sized>(leaves: usize, group: &G) -> Range<usize> {
    let first = |rank: usize| (leaves as u128 * rank as u128).div_ceil(group.size() as u128) as usize;
    first(group.rank())..first(group.rank() + 1)
}

/// Combines `leaves` items, numbered from 0, of which each rank has its [`share`]. Rank 0 gets the result, the others
/// `None`.
///
/// The items are the leaves of a binary tree: a node over several leaves combines its first half, rounded up, with the
/// rest. The tree depends only on the number of leaves, so any number of ranks combines the same pairs. A node is
/// computed by the rank that holds its first leaf; the result of its second half is sent there if another rank has it.
///
/// `leaf` makes an item and is called in ascending order, `pack` and `unpack` turn items into messages and back, and
/// `add` puts the second half into the first.
///
/// ```
/// use kiln_group::{Error, Launch, fold};
///
/// let texts = Launch::new().threads(3, |group| {
///     let add = |all: &mut String, more: String| {
///         *all = format!("({all} {more})");
///         Ok(())
///     };
///     let unpack = |bytes: Vec<u8>| Ok(String::from_utf8_lossy(&bytes).into_owned());
///     fold(group, 5, |leaf| Ok::<_, Error>(leaf.to_string()), |text| text.clone().into_bytes(), unpack, add)
/// });
/// let texts = texts.into_iter().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(texts, [Some("(((0 1) 2) (3 4))".to_owned()), None, None]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// Those of [`Group`]'s operations and of the functions given.
pub fn fold<T, E: From<Error>, G: Group + ?Sized>(
    group: &G,
    leaves: usize,
    mut leaf: impl FnMut(usize) -> Result<T, E>,
    pack: impl Fn(&T) -> Vec<u8>,
    unpack: impl Fn(Vec<u8>) -> Result<T, E>,
    mut add: impl FnMut(&mut T, T) -> Result<(), E>,
) -> Result<Option<T>, E> {
    let own = share(leaves, group);
    let mut tree = Tree { group, leaves, own, leaf: &mut leaf, pack: &pack, unpack: &unpack, add: &mut add };
    if leaves == 0 { Ok(None) } else { tree.node(0..leaves) }
}

/// [`fold`], with the result on every rank.
///
/// ```
/// use kiln_group::{Error, Launch, fold_all};
///
/// let longest = Launch::new().threads(3, |group| {
///     let own = |rank| Ok::<_, Error>("ranks"[..=rank].to_owned());
///     let unpack = |bytes: Vec<u8>| Ok(String::from_utf8_lossy(&bytes).into_owned());
///     let add = |all: &mut String, more: String| {
///         if more > *all {
///             *all = more;
///         }
///         Ok(())
///     };
///     fold_all(group, 3, own, |text| text.clone().into_bytes(), unpack, add)
/// });
/// assert!(longest.into_iter().all(|text| text.is_ok_and(|text| text.as_deref() == Some("ran"))));
/// ```
///
/// # Errors
///
/// As [`fold`].
pub fn fold_all<T, E: From<Error>, G: Group + ?Sized>(
    group: &G,
    leaves: usize,
    leaf: impl FnMut(usize) -> Result<T, E>,
    pack: impl Fn(&T) -> Vec<u8>,
    unpack: impl Fn(Vec<u8>) -> Result<T, E>,
    add: impl FnMut(&mut T, T) -> Result<(), E>,
) -> Result<Option<T>, E> {
    let all = fold(group, leaves, leaf, &pack, &unpack, add)?;
    if leaves == 0 || group.size() == 1 {
        return Ok(all);
    }
    let bytes = group.broadcast(0, all.as_ref().map(pack).unwrap_or_default())?;
    all.map_or_else(|| unpack(bytes), Ok).map(Some)
}

struct Tree<'a, T, E, G: ?Sized> {
    group: &'a G,
    leaves: usize,
    own: Range<usize>,
    leaf: &'a mut dyn FnMut(usize) -> Result<T, E>,
    pack: &'a dyn Fn(&T) -> Vec<u8>,
    unpack: &'a dyn Fn(Vec<u8>) -> Result<T, E>,
    add: &'a mut dyn FnMut(&mut T, T) -> Result<(), E>,
}

impl<T, E: From<Error>, G: Group + ?Sized> Tree<'_, T, E, G> {
    fn rank_of(&self, leaf: usize) -> usize {
        (leaf as u128 * self.group.size() as u128 / self.leaves as u128) as usize
    }

    /// Does this rank's part in a node, and returns the node's value on the rank that holds its first leaf.
    fn node(&mut self, leaves: Range<usize>) -> Result<Option<T>, E> {
        if self.own.end <= leaves.start || leaves.end <= self.own.start {
            return Ok(None);
        }
        if leaves.len() == 1 {
            return (self.leaf)(leaves.start).map(Some);
        }
        let middle = leaves.start + leaves.len().div_ceil(2);
        let mut first = self.node(leaves.start..middle)?;
        let second = self.node(middle..leaves.end)?;
        match (&mut first, second) {
            (Some(first), Some(second)) => (self.add)(first, second)?,
            (Some(first), None) => {
                let second = (self.unpack)(self.group.receive(self.rank_of(middle))?)?;
                (self.add)(first, second)?;
            }
            (None, Some(second)) => self.group.send(self.rank_of(leaves.start), &(self.pack)(&second))?,
            (None, None) => {}
        }
        Ok(first)
    }
}
