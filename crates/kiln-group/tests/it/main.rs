//! Groups of threads, and with the feature `mpi` groups of processes.

mod faults;
mod launch;
mod operations;
