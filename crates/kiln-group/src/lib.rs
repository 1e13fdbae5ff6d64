//! A group of workers that share one task: a single process, several threads, or processes on many machines.
//!
//! | what | with |
//! |---|---|
//! | what a worker can do with the others: sum, broadcast, gather, barrier, agree | [`Group`] |
//! | a group of one, which costs nothing | [`One`] |
//! | the group in which `mpirun` started this process, and a group of threads | [`Launch`] |
//! | values of many ranks combined along one fixed tree | [`fold`], [`fold_all`], [`share`] |
//!
//! Workers are called ranks and are numbered from 0. All ranks run the same program and call the same operations in the
//! same order. A sum has the same bits for any number of ranks, because its order is that of a fixed tree.
//!
//! An operation that waits longer than the time limit fails on every waiting rank, and the error names the ranks that
//! are missing. A rank whose work fails tells the others why, and they fail with that reason.
//!
//! ```
//! use kiln_group::{Error, Launch};
//!
//! let sums = Launch::new().threads(3, |group| {
//!     let mut values = [group.rank() as f32, 1.0];
//!     group.sum(&mut values)?;
//!     Ok::<_, Error>(values)
//! });
//! for sum in sums {
//!     assert_eq!(sum?, [3.0, 3.0]);
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! # Features
//!
//! `mpi` (off by default): ranks that `mpirun` started, through the system's MPI. Without it a program that `mpirun`
//! starts ends with an error.

mod error;
mod group;
mod launch;
#[cfg(feature = "mpi")]
mod mpi;
mod one;
mod threads;
mod tree;

pub use error::{Error, Result};
pub use group::Group;
pub use launch::Launch;
pub use one::One;
pub use tree::{fold, fold_all, share};

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
