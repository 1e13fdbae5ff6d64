//! How fast the vectorizers are: the tasks that are also scikit-learn's, each on all threads.
//!
//!     cargo run --release -p kiln-text --example vectorizer_speed -- FOLDER [TASK]
//!
//! FOLDER holds `*.txt` files, one document each, at any depth: IMDB's `aclImdb/train` takes a few seconds. Prints a line
//! of JSON for each task, or for the one named, the best of five runs; reading the files is not in the time.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kiln_text::{CountVectorizer, HashingVectorizer, TfidfVectorizer};

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension() == Some(OsStr::new("txt")) {
            files.push(path);
        }
    }
    Ok(())
}

fn timed(task: &str, texts: &[String], run: impl Fn() -> kiln_text::Result<usize>) -> kiln_text::Result<()> {
    if std::env::args().nth(2).is_some_and(|only| only != task) {
        return Ok(());
    }
    let (mut best, mut stored) = (f64::INFINITY, 0);
    for _ in 0..5 {
        let started = Instant::now();
        stored = run()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    let mb = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    println!(
        "{{\"peer\": \"kiln\", \"task\": \"{task}\", \"documents\": {}, \"mb\": {mb:.1}, \"seconds\": {best:.3}, \
         \"mb_per_s\": {:.1}, \"stored\": {stored}}}",
        texts.len(),
        mb / best
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: vectorizer_speed FOLDER [TASK]")?;
    let mut files = Vec::new();
    find(Path::new(&folder), &mut files)?;
    files.sort();
    let texts: Vec<String> = files.iter().map(fs::read_to_string).collect::<Result<_, _>>()?;

    let count = || CountVectorizer::builder().max_features(10_000);
    timed("count", &texts, || Ok(count().fit_transform(&texts)?.1.nnz()))?;
    timed("count_bigram", &texts, || Ok(count().ngram_range(1, 2).fit_transform(&texts)?.1.nnz()))?;
    let hashing = HashingVectorizer::builder().n_features(1 << 18).build()?;
    timed("hashing", &texts, || Ok(hashing.transform(&texts).nnz()))?;
    let tfidf = || TfidfVectorizer::builder().max_features(10_000);
    timed("tfidf", &texts, || Ok(tfidf().fit_transform(&texts)?.1.nnz()))?;
    Ok(())
}
