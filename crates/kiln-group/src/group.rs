//! [`Group`]: the one seam between Kiln and whatever connects its workers. A connection implements five methods; the
//! operations are built on them, and a connection that can do one better implements that one too.

use crate::error::{Error, Result};
use crate::tree::{fold, fold_all, share};

/// A group of workers, seen from one of them, its rank.
///
/// Each time an operation waits for another rank, it waits at most for the time limit of the [`Launch`](crate::Launch).
/// All ranks must call the same operations in the same order. After an error the group cannot be used again.
///
/// # Errors
///
/// Every operation fails with [`Error::Missing`] if ranks did not come in time, with [`Error::Ended`] if the work of a
/// rank failed, and with [`Error::OutOfStep`] if all ranks wait for each other.
pub trait Group {
    /// The number of this worker, from 0.
    fn rank(&self) -> usize;

    /// How many workers there are.
    fn size(&self) -> usize;

    /// Sends a message to another rank. May wait until it is received.
    ///
    /// # Errors
    ///
    /// Those of all operations, and [`Error::NoSuchRank`].
    fn send(&self, to: usize, bytes: &[u8]) -> Result<()>;

    /// The next message from another rank, in the order sent.
    ///
    /// # Errors
    ///
    /// Those of all operations, and [`Error::NoSuchRank`].
    fn receive(&self, from: usize) -> Result<Vec<u8>>;

    /// Tells the other ranks that this one ends, so that their operations fail with [`Error::Ended`] and this reason.
    /// [`Launch`](crate::Launch) calls it if the work of a rank returns an error.
    fn abort(&self, why: &str);

    /// Replaces the values by their sums over all ranks, added along the fixed tree of [`fold`]. All ranks get the same
    /// bits. The values are numbers in 4 bytes; all ranks must give the same number of them.
    ///
    /// # Errors
    ///
    /// Those of all operations, and [`Error::Length`].
    fn sum(&self, values: &mut [f32]) -> Result<()> {
        if self.size() > 1 {
            let total = self.sum_leaves(self.size(), vec![values.to_vec()])?;
            // Another length is what another operation of rank 0 sent.
            if total.len() != values.len() {
                return Err(Error::Length { expected: 4 * values.len(), found: 4 * total.len() });
            }
            values.copy_from_slice(&total);
        }
        Ok(())
    }

    /// The sum of `leaves` buffers, of which each rank holds its [`share`] in order. They are added along one binary
    /// tree over all leaves, so that any number of ranks gives the same bits, on every rank.
    ///
    /// ```
    /// use kiln_group::{Error, Group, Launch, One, share};
    ///
    /// let leaves: Vec<Vec<f32>> = (0..6).map(|leaf| vec![0.1 * leaf as f32, 1e8]).collect();
    /// let expected = One.sum_leaves(6, leaves.clone())?;
    /// for sum in Launch::new().threads(4, |group| group.sum_leaves(6, leaves[share(6, group)].to_vec())) {
    ///     assert_eq!(sum?, expected);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of all operations, [`Error::Leaves`] for a rank that holds other leaves than its share, and
    /// [`Error::Length`].
    fn sum_leaves(&self, leaves: usize, own: Vec<Vec<f32>>) -> Result<Vec<f32>> {
        let (rank, size) = (self.rank(), self.size());
        let expected = share(leaves, self).len();
        if own.len() != expected || leaves == 0 {
            return Err(Error::Leaves { rank, size, leaves, expected, found: own.len() });
        }
        let mut own = own.into_iter();
        let add = |sum: &mut Vec<f32>, more: Vec<f32>| {
            if sum.len() != more.len() {
                return Err(Error::Length { expected: 4 * sum.len(), found: 4 * more.len() });
            }
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            Ok(())
        };
        let next = |_| Ok(own.next().unwrap_or_default());
        Ok(fold_all(self, leaves, next, |sum| bytes_of(sum), |bytes| Ok(floats(&bytes)), add)?.unwrap_or_default())
    }

    /// The bytes that rank `from` gives, on every rank; what the others give is ignored. They reach all ranks in as
    /// many rounds as `size` has binary digits.
    ///
    /// # Errors
    ///
    /// Those of all operations, and [`Error::NoSuchRank`].
    fn broadcast(&self, from: usize, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let size = self.size();
        if from >= size {
            return Err(Error::NoSuchRank { found: from, size });
        }
        // Counted from `from`, a rank gets the bytes from the one without its lowest 1 in binary, and hands them on to
        // those that have one more 1 below that.
        let place = (self.rank() + size - from) % size;
        let rank_of = |place: usize| (place + from) % size;
        let lowest = if place == 0 { size.next_power_of_two() } else { place & place.wrapping_neg() };
        let bytes = if place == 0 { bytes } else { self.receive(rank_of(place - lowest))? };
        let mut step = lowest / 2;
        while step > 0 {
            if place + step < size {
                self.send(rank_of(place + step), &bytes)?;
            }
            step /= 2;
        }
        Ok(bytes)
    }

    /// The bytes of all ranks in their order, on rank 0; nothing on the others.
    ///
    /// # Errors
    ///
    /// Those of all operations.
    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        if self.rank() > 0 {
            self.send(0, bytes)?;
            return Ok(Vec::new());
        }
        std::iter::once(Ok(bytes.to_vec())).chain((1..self.size()).map(|rank| self.receive(rank))).collect()
    }

    /// Returns when all ranks have called it.
    ///
    /// # Errors
    ///
    /// Those of all operations.
    fn barrier(&self) -> Result<()> {
        fold(self, self.size(), |_| Ok(()), |()| Vec::new(), |_| Ok(()), |_, ()| Ok::<(), Error>(()))?;
        self.broadcast(0, Vec::new()).map(drop)
    }

    /// Checks that `value` is the same on all ranks: a seed, an option, a checksum of the data. `what` names it in the
    /// error.
    ///
    /// ```
    /// use kiln_group::Launch;
    ///
    /// let told = Launch::new().threads(3, |group| group.agree("the seed", if group.rank() == 2 { "8" } else { "7" }));
    /// for told in told {
    ///     let told = told.unwrap_err().to_string();
    ///     assert!(told.contains("the seed should be the same on all ranks, found \"7\" on ranks 0, 1 and \"8\" on rank 2"));
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of all operations, and [`Error::Differs`] on every rank, with the ranks that have each value.
    fn agree(&self, what: &str, value: &str) -> Result<()> {
        let mut found: Vec<(String, Vec<usize>)> = Vec::new();
        for rank in 0..self.size() {
            let value = self.broadcast(rank, value.as_bytes().to_vec())?;
            let value = String::from_utf8_lossy(&value).into_owned();
            match found.iter_mut().find(|(known, _)| *known == value) {
                Some((_, ranks)) => ranks.push(rank),
                None => found.push((value, vec![rank])),
            }
        }
        if found.len() < 2 { Ok(()) } else { Err(Error::Differs { what: what.to_owned(), found }) }
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Bytes after the last whole number are dropped.
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
