//! Counts the words of files and writes a vocabulary, with one process or with many.
//!
//! ```text
//! cargo run --release -p kiln-text --example count-words -- corpus.txt --output vocabulary.json
//!
//! cargo build --release -p kiln-text --features kiln-group/mpi --example count-words
//! mpirun -n 4 target/release/examples/count-words corpus.txt --output vocabulary.json
//! ```
//!
//! Open MPI binds a rank to one core: start a rank for each core, or one for each machine with `--bind-to none`.
//!
//! Data: files with one document per line, plain or gzip; plain files are divided at line ends, so that each rank reads
//! as many bytes. All ranks need the same files under the same names. Output: the vocabulary, which is the same to the
//! byte with any number of ranks, and a line with the totals. Time: 100 MB of English take seconds on a core.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use kiln_base::FileError;
use kiln_group::{Group, Launch};
use kiln_text::corpora::LineCorpus;
use kiln_text::io::Saved;
use kiln_text::vocabulary::{Frequency, TokenCounts, Vocabulary, whitespace_tokens};

#[derive(Debug, Parser)]
struct Options {
    /// Files with one document per line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the vocabulary is written
    #[arg(long)]
    output: PathBuf,
    /// Keeps at most this many words
    #[arg(long, default_value_t = 1_000_000)]
    size: usize,
    /// Drops words that occur less often
    #[arg(long, default_value_t = 1)]
    least: u64,
    /// How many seconds the first rank to be done waits for the last one
    #[arg(long, default_value_t = 3600)]
    time_limit: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    Launch::new().time_limit(Duration::from_secs(options.time_limit)).run(|group| count(&options, group))
}

fn count(options: &Options, group: &dyn Group) -> Result<()> {
    let began = Instant::now();
    group.agree("the options", &format!("{options:?}"))?;
    let size = |path: &PathBuf| Ok(std::fs::metadata(path).map_err(FileError::new("read", path))?.len());
    let bytes = options.files.iter().map(size).sum::<Result<u64>>()?;
    group.agree("the size of all files", &format!("{bytes} bytes"))?;

    let shard = LineCorpus::new(&options.files).shard(group.rank(), group.size());
    let counts = TokenCounts::count_texts(shard.documents()?.texts(), whitespace_tokens)?;
    // Only rank 0 gets the counts of all.
    let Some(counts) = counts.over(group)? else { return Ok(()) };

    let builder = Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>");
    let builder = builder.min_frequency(Frequency::Count(options.least)).max_size(options.size);
    let vocabulary = builder.build(&counts)?;
    vocabulary.save(&options.output)?;
    let (documents, tokens, different) = (counts.documents(), counts.tokens(), counts.iter().len());
    println!("{documents} documents, {tokens} words, {different} of them different, on {} ranks", group.size());
    println!("{} in {}, {:.1} s", vocabulary.len(), options.output.display(), began.elapsed().as_secs_f64());
    Ok(())
}
