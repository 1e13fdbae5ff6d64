//! Language models on the Penn Treebank, as a textbook has them: SimpleRNN, LSTM, and a better LSTM.
//!
//! ```text
//! cargo run --release --example language-model -- --data ptb
//! cargo run --release --example language-model -- --data ptb --model better
//! cargo run --release --example language-model -- --data ptb --model lstm --characters
//! ```
//!
//! Data: the folder that holds `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`; without `--data` the generated
//! reviews that come with Kiln. Text is read in windows that go on where the last one ended; the settings are those of
//! "Deep Learning from Scratch 2", chapters 5 and 6 (Saitoh, 2018):
//!
//! | model | layers | text | training |
//! |---|---|---|---|
//! | `simple-rnn` | embedding 100, SimpleRNN 100 | the first 1,000 words | windows of 5, batches of 10, gradient descent 0.1, 100 epochs |
//! | `lstm`, `gru` | embedding 100, LSTM or GRU 100 | all | windows of 35, batches of 20, gradient descent 20, norms up to 0.25, 4 epochs |
//! | `better` | embedding 650, two LSTMs of 650, dropout 0.5, tied weights | all | the same, the rate quartered when validation does not improve, 40 epochs |
//!
//! Other than there, a stream's last window is read too, each epoch begins at the text's begin, and the initial values of
//! all but `simple-rnn` are Keras's; the test text is read in 10 streams, as there.
//!
//! Output: a line an epoch with the perplexity, the test perplexity at the end (about 134 of `lstm`; of `simple-rnn` the
//! training text's, about 6), and a folder from which `--example generate` writes text. Time on 2 cores: seconds
//! (`simple-rnn`), minutes (`lstm`), most of a day (`better`).

use kiln_examples::println;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use kiln::models::thousands;
use kiln::models::weights::initialized;
use kiln::models::{Initializer, LanguageModelConfig, OutputLayer, RandomKey};
use kiln::prelude::*;
use kiln::text::corpora::PennTreebank;
use kiln::text::vocabulary::Vocabulary;
use kiln::train::evaluate;
use kiln::train::{TextWindows, TokenUnit};
use kiln_examples::{Defaults, TrainingArgs, review_text, show_model, show_run};

/// Streams in which the test text is read, the textbook's.
const TEST_STREAMS: usize = 10;
const UNKNOWN: &str = "<unk>";

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Architecture {
    SimpleRnn,
    Lstm,
    Gru,
    Better,
}

/// Train a language model
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    training: TrainingArgs,
    /// The folder with the Penn Treebank's three files [default: the generated reviews]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The model and its settings
    #[arg(long, value_enum, default_value = "lstm")]
    model: Architecture,
    /// Predict characters, not words
    #[arg(long)]
    characters: bool,
    /// Tokens of a window
    #[arg(long)]
    window: Option<usize>,
    /// Width of the embedding
    #[arg(long)]
    embedding: Option<usize>,
    /// Width of each recurrent layer
    #[arg(long)]
    hidden: Option<usize>,
    /// Dropout on the embeddings, between layers and before the output
    #[arg(long)]
    dropout: Option<f64>,
    /// An adaptive softmax whose clusters begin at these ids, such as 2000,6000
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    adaptive: Option<Vec<usize>>,
    /// The largest norm of all gradients together
    #[arg(long)]
    clip: Option<f64>,
    /// Show the mean norm of each layer's gradients, and keep them in the history
    #[arg(long)]
    gradient_norms: bool,
}

/// What a model is trained with where the options say nothing else.
struct Settings {
    defaults: Defaults,
    config: LanguageModelConfig,
    window: usize,
    clip: Option<f64>,
    /// Words of the text that are read at most.
    words: Option<usize>,
    /// Whether the rate is quartered when validation does not improve, and the best weights kept.
    schedule: bool,
}

impl Architecture {
    fn settings(self, vocab: usize) -> Settings {
        let rate = |rate| Optimizer::sgd().learning_rate(rate);
        let defaults = |name, epochs| Defaults::new(name, rate(20.0)).epochs(epochs).fast_epochs(2).batch_size(20);
        let config = LanguageModelConfig::new(vocab);
        let lstm = Settings {
            defaults: defaults("language-model-lstm", 4),
            config: config.clone(),
            window: 35,
            clip: Some(0.25),
            words: None,
            schedule: false,
        };
        match self {
            Self::Lstm => lstm,
            Self::Gru => Settings {
                defaults: defaults("language-model-gru", 4),
                config: config.kind(RecurrentKind::Gru),
                ..lstm
            },
            Self::SimpleRnn => Settings {
                defaults: Defaults {
                    batch_size: 10,
                    optimizer: rate(0.1),
                    ..defaults("language-model-simple-rnn", 100)
                },
                config: config.kind(RecurrentKind::SimpleRnn),
                window: 5,
                clip: None,
                words: Some(1_000),
                schedule: false,
            },
            Self::Better => Settings {
                defaults: defaults("language-model-better", 40),
                config: config.d_embedding(650).d_hidden(vec![650, 650]).dropout(0.5).output(OutputLayer::Tied),
                schedule: true,
                ..lstm
            },
        }
    }
}

/// The three texts, a line an entry.
struct Texts {
    train: Vec<String>,
    valid: Vec<String>,
    test: Vec<String>,
}

impl Texts {
    fn open(options: &Options) -> Result<Self> {
        let mut texts = match &options.data {
            Some(folder) => {
                let treebank = PennTreebank::open(folder);
                Self {
                    train: treebank.train()?.texts().collect::<Result<_, _>>()?,
                    valid: treebank.valid()?.texts().collect::<Result<_, _>>()?,
                    test: treebank.test()?.texts().collect::<Result<_, _>>()?,
                }
            }
            None => {
                let text = review_text(options.training.seed)?;
                let line = |line: &str| format!("{line} {}", PennTreebank::EOS);
                let mut train: Vec<String> = text.lines().map(line).collect();
                let tenth = train.len() / 10;
                let test = train.split_off(train.len() - tenth);
                let valid = train.split_off(train.len() - tenth);
                Self { train, valid, test }
            }
        };
        if options.training.fast {
            texts.train.truncate(600);
            texts.valid.truncate(60);
            texts.test.truncate(60);
        }
        if options.characters {
            let end = |line: &mut String| {
                let words = line.trim_end_matches(PennTreebank::EOS).trim_end().len();
                line.truncate(words);
                line.push('\n');
            };
            [&mut texts.train, &mut texts.valid, &mut texts.test].into_iter().flatten().for_each(end);
        }
        Ok(texts)
    }
}

/// The first `words` words of the lines.
fn first_words(lines: &[String], words: usize) -> Vec<String> {
    let text: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).take(words).collect();
    vec![text.join(" ")]
}

/// The tokens of the lines as numbers; one that the vocabulary lacks is its unknown token.
fn number(lines: &[String], vocabulary: &Vocabulary, unit: TokenUnit, what: &str) -> Result<Vec<u32>> {
    let unknown = vocabulary.unknown_token().and_then(|token| vocabulary.id(token));
    let (mut ids, mut missing) = (Vec::new(), Vec::new());
    for line in lines {
        unit.each(line, &mut |token| match vocabulary.id(token).or(unknown) {
            Some(id) => ids.push(id),
            None => missing.push(token.to_owned()),
        });
    }
    let count = missing.len();
    ensure!(count == 0, "the {what} text holds {count} tokens that the training text lacks, such as {:?}", missing[0]);
    Ok(ids)
}

/// The textbook's initial values: normal, of the embedding with a deviation of 0.01, of the other weights with one over
/// the root of their inputs, and biases of 0.
fn textbook(path: &str, shape: &[usize]) -> Initializer {
    match (path, shape) {
        ("embedding.table", _) => Initializer::Normal { stddev: 0.01 },
        (_, &[fan_in, _]) => Initializer::Normal { stddev: (fan_in as f64).sqrt().recip() },
        _ => Initializer::Zeros,
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let training = &options.training;
    let device = training.device()?;
    let unit = if options.characters { TokenUnit::Characters } else { TokenUnit::Words };

    let mut texts = Texts::open(&options)?;
    let limit = options.model.settings(1).words.filter(|_| !options.characters);
    if let Some(words) = limit {
        texts.train = first_words(&texts.train, words);
    }
    let mut builder = Vocabulary::builder();
    if texts.train.iter().any(|line| unit == TokenUnit::Words && line.split(' ').any(|word| word == UNKNOWN)) {
        builder = builder.special_tokens([UNKNOWN]).unknown_token(UNKNOWN);
    }
    // What the generated texts hold is known beforehand; of a text from files the model knows what it is trained on.
    let others = [&texts.valid, &texts.test].into_iter().filter(|_| options.data.is_none() && limit.is_none());
    let known = texts.train.iter().chain(others.flatten());
    let vocabulary = builder.fit(known, |text, take| unit.each(text, take))?;
    let Settings { defaults, mut config, window, clip, schedule, .. } = options.model.settings(vocabulary.len());
    let window = options.window.unwrap_or(window);
    let batch_size = training.batch_size.unwrap_or(defaults.batch_size);

    let train = number(&texts.train, &vocabulary, unit, "training")?;
    println!("{} tokens, {} of them different", thousands(train.len()), thousands(vocabulary.len()));
    let train = TextWindows::new(train, batch_size, window)?;
    let (valid, test) = if limit.is_some() {
        (train.clone(), None) // a text so short is learnt by heart; there is nothing to compare with
    } else {
        let valid = number(&texts.valid, &vocabulary, unit, "validation")?;
        let test = number(&texts.test, &vocabulary, unit, "test")?;
        (TextWindows::new(valid, batch_size, window)?, Some(TextWindows::new(test, TEST_STREAMS, window)?))
    };

    let narrow = |width: usize| if training.fast { width.min(64) } else { width };
    config.d_embedding = options.embedding.unwrap_or(narrow(config.d_embedding));
    config.d_hidden.iter_mut().for_each(|width| *width = options.hidden.unwrap_or(narrow(*width)));
    config.dropout = options.dropout.unwrap_or(config.dropout);
    if let Some(cutoffs) = &options.adaptive {
        config.output = OutputLayer::Adaptive { cutoffs: cutoffs.clone(), div_value: 4.0 };
    }
    let mut model = config.init(&device, training.seed)?;
    if options.model == Architecture::SimpleRnn {
        model = initialized(model, RandomKey::new(training.seed), |path, shape| Some(textbook(path, shape)))?;
    }
    show_model(&model);

    let mut trainer =
        training.trainer(&defaults).perplexity().artifact(ArtifactConfig::language_model(&model, &vocabulary, unit));
    if let Some(clip) = options.clip.or(clip) {
        trainer = trainer.clip_norm(clip);
    }
    if options.gradient_norms {
        trainer = trainer.gradient_norms();
    }
    if schedule {
        let plateau = ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.25).patience(1).min_delta(0.0);
        trainer = trainer.reduce_lr_on_plateau(plateau).save_best(Monitor::ValidLoss);
    }
    let run = trainer.fit(model, &train, &valid)?;
    show_run(&run);
    if options.gradient_norms {
        let last = run.history().epochs().last().map(|logs| logs.entries()).unwrap_or_default();
        for (name, norm) in last.iter().filter(|(name, _)| name.starts_with("gradient_norm")) {
            println!("{name} {norm:.4}");
        }
    }

    let (what, evaluation) = match &test {
        Some(test) => ("test", evaluate(run.model(), test, TEST_STREAMS)?),
        None => ("training", evaluate(run.model(), &train, batch_size)?),
    };
    if options.characters {
        println!("{what} bits a character {:.4}", evaluation.loss / std::f64::consts::LN_2);
    }
    println!("{what} perplexity {:.2}", evaluation.perplexity());
    Ok(())
}
