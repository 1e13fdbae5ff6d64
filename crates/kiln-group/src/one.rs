//! [`One`]: the group of one process, whose operations do nothing.

use crate::error::{Error, Result};
use crate::group::Group;

/// The group of one: rank 0 of 1. Its sums, broadcasts and barriers return at once.
///
/// ```
/// use kiln_group::{Group, One};
///
/// let mut values = [1.0, 2.0];
/// One.sum(&mut values)?;
/// assert_eq!((values, One.rank(), One.size()), ([1.0, 2.0], 0, 1));
/// # Ok::<(), kiln_group::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct One;

impl Group for One {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, to: usize, _bytes: &[u8]) -> Result<()> {
        Err(Error::NoSuchRank { found: to, size: 1 })
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        Err(Error::NoSuchRank { found: from, size: 1 })
    }

    fn abort(&self, _why: &str) {}
}
