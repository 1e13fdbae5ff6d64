//! Vectors from counts.

use kiln_vectors::Error;

mod cooccurrence;
mod count_vectors;
mod pca;
mod penn_treebank;
mod ppmi;
mod properties;
mod svd;

/// The small corpus of Saito's textbook, chapter 2: "you say goodbye and i say hello ." by first appearance: you 0, say
/// 1, goodbye 2, and 3, i 4, hello 5, . 6.
const HELLO: [u32; 8] = [0, 1, 2, 3, 4, 1, 5, 6];

/// Runs `body` on a pool of `threads` threads.
fn on_threads<T: Send>(threads: usize, body: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(body)
}

/// A number below `bound` for each `i`, which looks random and is the same every time.
fn scrambled(i: u64, bound: u64) -> u64 {
    let bits = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((bits ^ bits >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 24) % bound
}

/// Asserts that an option is refused, and which value was found.
#[track_caller]
fn assert_option<T>(result: Result<T, Error>, option: &str, found: impl ToString) {
    match result {
        Err(Error::Option(error)) => assert_eq!((error.option, error.found), (option, found.to_string())),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{option} was taken"),
    }
}
