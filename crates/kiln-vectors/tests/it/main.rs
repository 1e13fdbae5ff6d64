//! The integration tests of kiln-vectors, in one binary so that linking stays short. Each module begins with what it
//! claims. gensim's answers are in `tests/fixtures`, next to the script that made them.

mod bad_files;
#[cfg(feature = "counts")]
mod counts;
mod damage;
#[path = "../../../kiln-base/tests/it/damage.rs"]
mod damaged_copies;
mod data;
mod embedding;
mod errors;
mod evaluation;
mod files;
mod fixtures;
mod gensim_queries;
#[path = "../../../kiln-base/tests/it/odd_files.rs"]
mod odd_files;
mod odd_vectors;
mod round_trips;
mod search;
#[path = "../../../kiln-text/tests/it/skips.rs"]
mod skips;
