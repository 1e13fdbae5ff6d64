//! [`Error`]: the one error type of this crate.

use std::time::Duration;

use kiln_base::{FileError, OptionError};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in a group of workers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read: the program itself, whose checksum all ranks compare.
    #[error(transparent)]
    File(#[from] FileError),

    /// An option has an invalid value.
    #[error(transparent)]
    Option(#[from] OptionError),

    /// Ranks did not come to an operation in time.
    #[error(
        "rank {rank} of {size} waited {waited:.1?} for the others, and {} did not answer the roll call: a process that \
         ended, hangs, or works longer than the time limit; look at its machine, or raise `time_limit`",
        named(.missing)
    )]
    Missing {
        /// The rank that waited.
        rank: usize,
        /// How many ranks there are.
        size: usize,
        /// How long it waited.
        waited: Duration,
        /// The ranks that are missing.
        missing: Vec<usize>,
    },

    /// All ranks wait for each other.
    #[error(
        "all {size} ranks answered the roll call, but rank {rank} waited {waited:.1?} for {}: every rank should call the \
         same operations in the same order",
        named(&[*.peer])
    )]
    OutOfStep {
        /// The rank that waited.
        rank: usize,
        /// How many ranks there are.
        size: usize,
        /// How long it waited.
        waited: Duration,
        /// The rank that it waited for.
        peer: usize,
    },

    /// The work of another rank failed.
    #[error("{} ended the group: {why}", named(&[*.rank]))]
    Ended {
        /// The rank that ended it.
        rank: usize,
        /// Its reason.
        why: String,
    },

    /// Ranks were started differently.
    #[error(
        "{what} should be the same on all ranks, found {}: start every rank with the same program, options and data",
        .found.iter().map(|(value, ranks)| format!("{} on {}", shown(value), named(ranks))).collect::<Vec<_>>().join(" and ")
    )]
    Differs {
        /// What should be the same.
        what: String,
        /// Each value, with the ranks that have it.
        found: Vec<(String, Vec<usize>)>,
    },

    /// Ranks add buffers of different lengths.
    #[error(
        "buffers to add should have the same length on all ranks, found {found} bytes where this rank has {expected}: \
         every rank should call the same operations in the same order"
    )]
    Length {
        /// The bytes on this rank.
        expected: usize,
        /// The bytes that came.
        found: usize,
    },

    /// A rank holds other leaves than its share.
    #[error(
        "rank {rank} of {size} should hold {expected} of the {leaves} leaves, found {found}: `share` says which; there \
         must be at least one leaf"
    )]
    Leaves {
        /// The rank.
        rank: usize,
        /// How many ranks there are.
        size: usize,
        /// The leaves of all ranks.
        leaves: usize,
        /// How many are its share.
        expected: usize,
        /// How many it has.
        found: usize,
    },

    /// There is no such rank to send to.
    #[error("a rank to send to or receive from should be one of the other ranks of {size}, found {found}")]
    NoSuchRank {
        /// The rank given.
        found: usize,
        /// How many ranks there are.
        size: usize,
    },

    /// An MPI launcher started a program that cannot use MPI.
    #[error(
        "this process is one of several that mpirun started ({variable} is set), but the program is built without MPI: \
         build it with the feature `mpi` of kiln-group, or start it without mpirun"
    )]
    NotBuilt {
        /// The environment variable of the launcher.
        variable: &'static str,
    },

    /// MPI was started before.
    #[error("MPI is already in use in this process: call `Launch::run` once, and start MPI nowhere else")]
    InUse,
}

/// The beginning of a value, in quotes.
fn shown(value: &str) -> String {
    const MOST: usize = 300;
    let start: String = value.chars().take(MOST).collect();
    if start.len() < value.len() { format!("{start:?}...") } else { format!("{start:?}") }
}

/// `rank 3`, or `ranks 1, 3`.
fn named(ranks: &[usize]) -> String {
    let list = ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    if ranks.len() == 1 { format!("rank {list}") } else { format!("ranks {list}") }
}
