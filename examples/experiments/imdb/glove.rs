//! Compares pretrained word vectors with vectors learned from scratch when there are only 200 reviews to learn from.
//!
//! ```text
//! cargo run --release --example imdb-glove -- --data aclImdb_v1.tar.gz --vectors glove.6B.100d.txt
//! cargo run --release --example imdb-glove -- --data aclImdb_v1.tar.gz
//! ```
//!
//! Data: the Large Movie Review Dataset, downloaded on first use (84 MB) or given by `--data`; and vectors of 100
//! numbers in any format that Kiln reads, such as GloVe's. Without `--vectors`, word2vec learns them from the 50,000
//! reviews without a label and saves them in the run's folder as `vectors.safetensors`, which the next run uses.
//!
//! The experiment is that of "Deep Learning with Python", section 6.1.3 (Chollet, 2018): the 10,000 most frequent words
//! of the training reviews, the last 100 words of each, an embedding of 100, a hidden layer of 32, RMSprop, 10 epochs;
//! 200 reviews train and 10,000 validate, all from the training set. Unlike there, both sets have as many positive as
//! negative reviews. The pretrained vectors are frozen; the others are trained with the model.
//!
//! Time: seconds on 2 cores, and a minute to learn vectors. Output: 1,320,065 parameters, a line for each epoch, the
//! validation accuracy of both models (with learned vectors and seed 0: 0.5610 pretrained, 0.5246 from scratch; the
//! book's model with GloVe's vectors has a test accuracy of 0.56), and `accuracy.svg` and `accuracy.png` with both
//! curves.

use kiln_examples::println;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use kiln::models::thousands;
use kiln::models::word2vec::{Corpus, Updates, Word2Vec, Word2VecConfig, Word2VecProgress};
use kiln::prelude::*;
use kiln::text::tokens::text_to_words;
use kiln::vectors::{Format, Missing, WordVectors};
use kiln_examples::curves::{Curve, Curves};
use kiln_examples::{Defaults, ImdbTraining, show_model, show_run};

/// Compare pretrained word vectors with vectors learned from scratch
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    common: ImdbTraining,
    /// Pretrained vectors of 100 numbers [default: learned from the reviews without a label]
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Reviews to train on
    #[arg(long, default_value_t = 200)]
    samples: usize,
    /// Reviews to validate on
    #[arg(long, default_value_t = 10_000)]
    validation: usize,
}

const DEFAULTS: Defaults = Defaults::new("imdb-glove", Optimizer::rms_prop()).epochs(10).fast_epochs(2).batch_size(32);
/// The number of frequent words that get an id.
const WORDS: usize = 10_000;
/// The number of words of a review that are read.
const LENGTH: usize = 100;
/// Numbers in a vector.
const WIDTH: usize = 100;
/// Units of the hidden layer.
const HIDDEN: usize = 32;

/// `first` documents and `second` other ones, half of each from one class and half from the other.
fn balanced(documents: &Documents, first: usize, second: usize) -> Result<(Documents, Documents)> {
    ensure!(
        first.is_multiple_of(2) && second.is_multiple_of(2),
        "--samples {first} and --validation {second} must be even: half of the reviews are of each class"
    );
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for label in 0..2 {
        let of_class: Vec<&Document> = documents.iter().filter(|document| document.label == label).collect();
        let (first, second) = (first / 2, second / 2);
        ensure!(first > 0 && second > 0, "--samples and --validation must each be 2 or more");
        ensure!(
            first + second <= of_class.len(),
            "{} reviews of a class to train on and {} to validate on are needed, but there are only {}",
            thousands(first),
            thousands(second),
            thousands(of_class.len())
        );
        head.extend(of_class[..first].iter().copied().cloned());
        tail.extend(of_class[first..first + second].iter().copied().cloned());
    }
    let names = documents.class_names();
    Ok((Documents::new(head, names)?, Documents::new(tail, names)?))
}

/// Reads vectors and checks that they have the model's width.
fn load(path: &Path) -> Result<WordVectors> {
    let vectors = WordVectors::load(path)?;
    let width = vectors.d();
    ensure!(width == WIDTH, "{}: its vectors should have {WIDTH} numbers, found {width}", path.display());
    println!("{} vectors from {}", thousands(vectors.len()), path.display());
    Ok(vectors)
}

/// Vectors of the words in the reviews without a label, learned by CBOW, or those that `path` already holds.
fn learned(imdb: &Imdb, path: &Path, fast: bool) -> Result<WordVectors> {
    if path.exists() {
        return load(path);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let sentences = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = BufWriter::new(sentences.as_file());
    let reviews = imdb.unsup_documents()?.take(if fast { 500 } else { usize::MAX });
    for review in reviews {
        writeln!(out, "{}", text_to_words(&review?.text).join(" "))?;
    }
    out.flush()?;
    drop(out);

    // In a fixed order, so that the vectors are the same on every machine.
    let config = Word2VecConfig::new().vector_size(WIDTH).epochs(if fast { 1 } else { 5 }).updates(Updates::Ordered);
    let corpus = Corpus::files([sentences.path()])?;
    let mut model = Word2Vec::new(&config, &corpus)?;
    let words = model.vocabulary().raw_words();
    println!(
        "learning vectors from {} words, {} of them different",
        thousands(words as usize),
        thousands(model.vocabulary().len())
    );
    let bar = ProgressBar::new(config.epochs as u64 * words)
        .with_style(ProgressStyle::with_template("vectors {wide_bar} {percent}% {msg} {elapsed}<{eta}")?);
    model.train(&corpus, |progress: &Word2VecProgress| {
        bar.set_message(format!("{:.2} M words/s, loss {:.3}", progress.words_per_s / 1e6, progress.loss));
        bar.set_position(progress.epoch as u64 * words + progress.words);
        ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();
    let vectors = model.vectors()?;
    vectors.save(path, Format::Safetensors)?;
    println!("vectors: {}", path.display());
    Ok(vectors)
}

fn main() -> Result<()> {
    let options = Options::parse();
    let ImdbTraining { training, imdb } = &options.common;
    let names = ["pretrained", "scratch"];
    let runs = training.parts(&DEFAULTS, &names)?;
    let device = training.device()?;
    let given = options.vectors.as_deref().map(load).transpose()?;

    let imdb = imdb.open()?;
    let train = imdb.train()?;
    let tokenizer = WordTokenizer::builder().num_words(WORDS).fit(train.texts())?;
    let validation = if training.fast { options.validation.min(500) } else { options.validation };
    let (fit, valid) = balanced(&train.shuffled(training.seed), options.samples, validation)?;
    println!("{} reviews to train on, {} to validate on", thousands(fit.len()), thousands(valid.len()));

    let folder = training.folder(&DEFAULTS);
    let vectors = match given {
        Some(vectors) => vectors,
        None => {
            let name = if training.fast { "vectors-fast.safetensors" } else { "vectors.safetensors" };
            learned(&imdb, &folder.join(name), training.fast)?
        }
    };
    let ids = 0..tokenizer.vocab_size() as u32; // 0 is the padding, not a word
    let words: Vec<&str> = ids.map(|id| tokenizer.index_word(id).unwrap_or("")).collect();
    let matrix = vectors.embedding_matrix(&words, Missing::Zero);
    println!("{} of {} words have a vector", thousands(matrix.found), thousands(words.len() - 1));
    ensure!(matrix.found > 0, "none of the reviews' words, such as {:?}, has a vector", words[1]);

    let encode = SequenceEncoder::new(tokenizer, LENGTH)?;
    let config = EmbeddingFlattenConfig::new(encode.vocab_size(), LENGTH).d_embedding(WIDTH).d_dense(HIDDEN);
    let (fit_rows, valid_rows) = (encode.dataset(&fit)?, encode.dataset(&valid)?);
    let mut results = Vec::new();
    for (name, training) in names.into_iter().zip(&runs) {
        let mut model = config.init(&device, training.seed)?;
        if name == "pretrained" {
            model.embedding = model.embedding.with_vectors(&matrix)?.trainable(false);
        }
        println!("{name}:");
        show_model(&model);
        let run = training
            .trainer(&DEFAULTS)
            .save_best(Monitor::ValidAccuracy)
            .artifact(ArtifactConfig::text(&model, &encode, train.class_names()).data("IMDB"))
            .fit(model, &fit_rows, &valid_rows)?;
        show_run(&run);
        results.push(run);
    }

    let picture = Curves {
        title: format!("Validation accuracy with {} reviews to train on", fit.len()),
        x: "epoch".to_owned(),
        y: "validation accuracy".to_owned(),
        is_logarithmic: false,
        curves: names
            .iter()
            .zip(&results)
            .map(|(name, run)| Curve::of_history(name, run.history(), "val_accuracy"))
            .collect(),
    };
    picture.save_both(&folder, "accuracy")?;

    let mut best = Vec::new();
    for (name, run) in names.iter().zip(&results) {
        let accuracies = run.history().values("val_accuracy");
        let last = accuracies.last().copied().unwrap_or(f64::NAN);
        let highest = accuracies.iter().copied().fold(f64::NAN, f64::max);
        println!("{name}: validation accuracy {last:.4} (best {highest:.4})");
        best.push(highest);
    }
    let gain = best[0] - best[1];
    println!("pretrained vectors gain {gain:+.4} at the best epochs");
    Ok(())
}
