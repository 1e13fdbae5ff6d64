//! Korean film reviews from end to end, read as letters, syllables, subwords or words.
//!
//! ```text
//! cargo run --release --example nsmc -- --data nsmc
//! cargo run --release --example nsmc -- --data nsmc --unit syllables
//! cargo run --release --example nsmc -- --data nsmc --linear
//! cargo run --release --example predict -- --artifact artifacts/nsmc/syllables "정말 재미있는 영화였어요"
//! ```
//!
//! Data: the Naver sentiment movie corpus (<https://github.com/e9t/nsmc>), 150,000 short reviews to train on and 50,000
//! to test on: the folder that holds `ratings_train.txt` and `ratings_test.txt`, or two files of that form. A tenth of
//! the training file is used for validation; the test file is read once, at the end. Units are learned from the
//! training part.
//!
//! | unit | ids | steps | convolution, pool |
//! |---|---|---|---|
//! | `jamo`: the letters that a syllable is written with | 500 | 160 | 5, 4 |
//! | `syllables` | 2,500 | 80 | 3, 2 |
//! | `subwords` of TensorFlow Datasets' encoder | about 8,192 | 40 | 3, none |
//! | `words`, between spaces and punctuation | 20,000 | 20 | 3, none |
//!
//! The model is the same for all: embedding, convolution, max pooling, two bidirectional LSTMs; padding carries the
//! state. Adam; the rate falls on a plateau, and the epoch with the best validation accuracy is kept.
//!
//! `--linear` trains fastText's supervised model instead, on words and n-grams of one to five syllables: a baseline for
//! the others that takes seconds.
//!
//! Time: minutes per epoch on 2 cores. Output: a line for each epoch, a table of the units, two reviews labelled, and
//! `test accuracy` of the unit with the best validation accuracy.

use kiln_examples::println;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use kiln::linear::SupervisedConfig;
use kiln::models::thousands;
use kiln::prelude::*;
use kiln::text::corpora::Nsmc;
use kiln::text::encoders::{CharUnit, SubwordTextEncoder};
use kiln_examples::linear::fit_supervised;
use kiln_examples::losses::folder_for_model;
use kiln_examples::step_times::StepTimes;
use kiln_examples::table::table;
use kiln_examples::{Defaults, TrainingArgs, show_model, show_run};

const DEFAULTS: Defaults = Defaults::new("nsmc", Optimizer::adam()).epochs(4).batch_size(128);
const UNKNOWN: &str = "<unk>";
/// Reviews that the trained model labels, good and bad.
const REVIEWS: [&str; 2] = ["정말 재미있고 감동적인 영화였어요", "시간이 아깝다. 다시는 안 본다"];

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Unit {
    Jamo,
    Syllables,
    Subwords,
    Words,
}

/// Train a classifier of Korean film reviews
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    training: TrainingArgs,
    /// The folder with ratings_train.txt and ratings_test.txt of https://github.com/e9t/nsmc
    #[arg(long, value_name = "FOLDER", required_unless_present_all = ["train", "test"], conflicts_with_all = ["train", "test"])]
    data: Option<PathBuf>,
    /// A training file of that form, instead of a folder
    #[arg(long, value_name = "FILE", requires = "test")]
    train: Option<PathBuf>,
    /// A test file of that form
    #[arg(long, value_name = "FILE", requires = "train")]
    test: Option<PathBuf>,
    /// What a step of the model reads [default: each of them in turn]
    #[arg(long, value_enum)]
    unit: Option<Unit>,
    /// Train only a linear model of syllable n-grams
    #[arg(long, conflicts_with_all = ["unit", "resume", "batch_size"])]
    linear: bool,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Jamo => "jamo",
            Self::Syllables => "syllables",
            Self::Subwords => "subwords",
            Self::Words => "words",
        }
    }

    /// Steps of a row.
    fn length(self) -> usize {
        match self {
            Self::Jamo => 160,
            Self::Syllables => 80,
            Self::Subwords => 40,
            Self::Words => 20,
        }
    }

    /// An encoder learned from `documents`.
    fn encoder(self, documents: &Documents) -> Result<SequenceEncoder> {
        let texts = documents.texts();
        let characters = |unit, count| CharTokenizer::builder().unit(unit).num_chars(count).oov_token(UNKNOWN);
        let length = self.length();
        Ok(match self {
            Self::Jamo => SequenceEncoder::new(characters(CharUnit::Jamo, 500).fit(texts)?, length)?,
            Self::Syllables => SequenceEncoder::new(characters(CharUnit::Scalar, 2_500).fit(texts)?, length)?,
            Self::Subwords => SequenceEncoder::new(SubwordTextEncoder::builder(1 << 13).fit(texts)?, length)?,
            Self::Words => {
                let words = WordTokenizer::builder().num_words(20_000).oov_token(UNKNOWN);
                SequenceEncoder::new(words.fit(texts)?, length)?
            }
        })
    }

    fn config(self, vocab: usize) -> ConvBiLstmConfig {
        let (window, pool) = match self {
            Self::Jamo => (5, 4),
            Self::Syllables => (3, 2),
            Self::Subwords | Self::Words => (3, 1),
        };
        ConvBiLstmConfig::new(vocab, self.length())
            .d_embedding(128)
            .dropout(0.3)
            .filters(128)
            .kernel_size(window)
            .pool_size(pool)
            .d_hidden([64, 64])
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let training = &options.training;
    let units = match options.unit {
        Some(unit) => vec![unit],
        None => Unit::value_variants().to_vec(),
    };
    let names: Vec<&str> = units.iter().map(|unit| unit.name()).collect();
    let parts = if options.linear { Vec::new() } else { training.parts(&DEFAULTS, &names)? };

    let nsmc = match (&options.data, &options.train, &options.test) {
        (Some(folder), ..) => Nsmc::open(folder),
        (None, Some(train), Some(test)) => Nsmc::of_files(train, test),
        _ => bail!("use --data FOLDER, or both --train FILE and --test FILE"),
    };
    // Checks now that the test file can be read, which is needed only at the end.
    let place =
        options.test.as_ref().or(options.data.as_ref()).map(|path| path.display().to_string()).unwrap_or_default();
    let has_reviews = nsmc.test()?.next().transpose()?.is_some();
    ensure!(has_reviews, "{place}: the test file should have a line for each review after its header, found none");
    let mut train = nsmc
        .train()
        .and_then(|mut train| train.collect_documents())
        .context("the training reviews cannot be read")?
        .shuffled(training.seed);
    if training.fast {
        train = train.take(2_000);
    }
    let (fit, valid) = train.split_tail(0.1)?;
    println!("{} reviews to train on, {} to validate on", thousands(fit.len()), thousands(valid.len()));

    if options.linear {
        if let Some(device) = &training.device {
            eprintln!("the linear model is trained on the CPU; --device {device} is for the others");
        }
        return linear(&options, &nsmc, &fit, &valid);
    }
    let device = training.device()?;
    let mut trained = Vec::new();
    for (unit, training) in units.iter().zip(&parts) {
        let encode = unit.encoder(&fit)?;
        let config = unit.config(encode.vocab_size());
        let model = config.init(&device, training.seed)?;
        let parameters = model.summary().total();
        println!("{}:", unit.name());
        show_model(&model);
        let times = StepTimes::default();
        let run = training
            .trainer(&DEFAULTS)
            .clip_norm(1.0)
            .callback(times.clone())
            .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.2).patience(1))
            .early_stopping(EarlyStopping::on(Monitor::ValidAccuracy).patience(2))
            .save_best(Monitor::ValidAccuracy)
            .artifact(ArtifactConfig::text(&model, &encode, fit.class_names()).data("NSMC"))
            .fit(model, &encode.dataset(&fit)?, &encode.dataset(&valid)?)?;
        show_run(&run);
        let validation = run.history().values("val_accuracy").into_iter().fold(f64::NAN, f64::max);
        trained.push((unit, encode, parameters, times.mean_ms(), validation, run));
    }

    let mut test =
        nsmc.test().and_then(|mut test| test.collect_documents()).context("the test reviews cannot be read")?;
    if training.fast {
        test = test.shuffled(0).take(500);
    }
    println!("{} reviews to test on", thousands(test.len()));
    let mut rows = Vec::new();
    // Validation and test accuracy of the unit with the best validation accuracy, and its place.
    let mut best = (f64::NEG_INFINITY, f64::NAN, 0);
    for (place, (unit, encode, parameters, step, validation, run)) in trained.iter().enumerate() {
        let accuracy = run.evaluate(&encode.dataset(&test)?)?.accuracy.unwrap_or(f64::NAN);
        rows.push(vec![
            unit.name().to_owned(),
            thousands(encode.vocab_size()),
            encode.shape().max_len.to_string(),
            thousands(*parameters),
            format!("{step:.1}"),
            format!("{validation:.4}"),
            format!("{accuracy:.4}"),
        ]);
        if *validation > best.0 {
            best = (*validation, accuracy, place);
        }
    }
    let heads = ["unit", "ids", "steps", "parameters", "ms a step", "validation", "test"];
    println!("{}", table(&heads, &rows));

    let (_, accuracy, place) = best;
    let (unit, .., run) = &trained[place];
    let predictions = TextPredictor::load(run.folder(), &device)?.predict(&REVIEWS)?;
    for (review, prediction) in REVIEWS.iter().zip(predictions) {
        println!("{} ({:.3}): {review}", prediction.class_name, prediction.probability);
    }
    println!("test accuracy {accuracy:.4} ({})", unit.name());
    Ok(())
}

/// fastText's supervised model of words and their syllable n-grams.
fn linear(options: &Options, nsmc: &Nsmc, fit: &Documents, valid: &Documents) -> Result<()> {
    let training = &options.training;
    let folder = training.folder(&DEFAULTS).join("linear");
    folder_for_model(&folder, "model.bin", training.overwrite)?;
    let lines = |documents: &Documents| -> Vec<String> {
        let names = documents.class_names();
        documents.iter().map(|row| format!("__label__{} {}", names[row.label as usize], row.text)).collect()
    };
    let config = SupervisedConfig::new()
        .d(20)
        .learning_rate(training.learning_rate.map_or(0.3, |rate| rate as f32))
        .epochs(training.epochs.unwrap_or(5))
        .word_ngrams(2)
        .min_n(1)
        .max_n(5)
        .buckets(if training.fast { 10_000 } else { 1_000_000 })
        .seed(u32::try_from(training.seed).context("a seed of the linear model has 32 bits")?);
    let model = fit_supervised(&config, &lines(fit), &folder)?;
    println!("validation accuracy {:.4}", model.test(&lines(valid), 1).precision());
    let mut test =
        nsmc.test().and_then(|mut test| test.collect_documents()).context("the test reviews cannot be read")?;
    if training.fast {
        test = test.shuffled(0).take(500);
    }
    println!("test accuracy {:.4} (runs of syllables, linear)", model.test(&lines(&test), 1).precision());
    Ok(())
}
