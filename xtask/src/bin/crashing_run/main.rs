//! A small training run in which the system fails on request. `cargo xtask crashes` starts it again and again.
//!
//! The arguments fix the data, the model and every option, so that two runs with the same arguments leave the same
//! files, byte for byte.

#[cfg(target_os = "linux")]
mod injected;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use kiln::models::{RecurrentClassifierConfig, RecurrentKind};
use kiln::predict::SequenceEncoder;
use kiln::text::corpora::{Document, Documents};
use kiln::text::encoders::WordTokenizer;
use kiln::train::{
    ArtifactConfig, Callback, Control, EarlyStopping, ExistingRun, Monitor, ReduceLrOnPlateau, SequenceDatasets,
    StepLogs, TextPredictor, Trainer,
};

/// Train a small classifier into a folder while the system fails
#[derive(Parser)]
struct Options {
    folder: PathBuf,
    /// Continue from the folder's checkpoint
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace the folder's run
    #[arg(long)]
    overwrite: bool,
    /// Only load what the folder holds, and predict
    #[arg(long)]
    predict: bool,
    /// Epochs
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    /// The seed of weights, row order and dropout
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The seed of the texts
    #[arg(long, default_value_t = 1)]
    texts: u64,
    /// Steps between checkpoints within an epoch
    #[arg(long)]
    every: Option<usize>,
    /// Additional milliseconds per step
    #[arg(long, default_value_t = 0)]
    slow: u64,
    /// Append a byte to this file for each training step
    #[arg(long, value_name = "FILE")]
    count_steps: Option<PathBuf>,
    /// Write the number of changes of the folder to this file
    #[arg(long, value_name = "FILE")]
    count_changes: Option<PathBuf>,
    /// Kill the process just before this change of the folder
    #[arg(long)]
    kill_at: Option<u64>,
    /// Refuse every change from this one on, like a folder that became read-only
    #[arg(long)]
    read_only_from: Option<u64>,
    /// The bytes that fit on the folder's disk
    #[arg(long)]
    disk: Option<u64>,
}

/// Counts the steps and slows them down.
struct Steps {
    count: Option<std::fs::File>,
    slow: Duration,
}

impl Callback for Steps {
    fn name(&self) -> &'static str {
        "steps"
    }

    fn on_step_end(&mut self, _: &StepLogs, _: &mut Control<'_>) -> kiln::train::Result<()> {
        if let Some(file) = &mut self.count {
            std::io::Write::write_all(file, b".")
                .map_err(|error| kiln::train::Error::Callback { name: "steps".into(), message: error.to_string() })?;
        }
        std::thread::sleep(self.slow);
        Ok(())
    }
}

/// Reviews of made-up words, a few of which determine the class.
fn texts(seed: u64) -> Result<Documents> {
    let mut numbers = kiln_base::SplitMix64::new(seed);
    let documents = (0..480).map(|_| {
        let label = numbers.below(2) as u32;
        let mut words: Vec<String> = (0..8).map(|_| format!("word{}", numbers.below(900))).collect();
        words.push(format!("{}{}", ["dull", "fine"][label as usize], numbers.below(4)));
        Document { text: words.join(" "), label }
    });
    Ok(Documents::new(documents.collect(), ["neg", "pos"])?)
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = kiln::choose(Some("flex"))?.device;
    if options.predict {
        let predictor = TextPredictor::load(&options.folder, &device)?;
        println!("{:?}", predictor.predict(&["word1 word2 fine1", "dull2"])?);
        return Ok(());
    }
    let (train, valid) = texts(options.texts)?.split_tail(0.2)?;
    let encode = SequenceEncoder::new(WordTokenizer::builder().fit(train.texts())?, 12)?;
    let config = RecurrentClassifierConfig::new(encode.vocab_size(), 12)
        .kind(RecurrentKind::Gru)
        .d_embedding(56)
        .d_hidden(vec![8])
        .dropout(0.3);
    let model = config.init(&device, options.seed)?;
    let artifact = ArtifactConfig::text(&model, &encode, train.class_names());
    let count = options.count_steps.as_ref().map(|path| std::fs::File::options().append(true).create(true).open(path));
    let steps = Steps { count: count.transpose()?, slow: Duration::from_millis(options.slow) };
    let existing = match (options.resume, options.overwrite) {
        (true, _) => ExistingRun::Resume,
        (_, true) => ExistingRun::Overwrite,
        _ => ExistingRun::Refuse,
    };
    let mut trainer = Trainer::new(&options.folder)
        .epochs(options.epochs)
        .batch_size(8)
        .seed(options.seed)
        .quiet()
        .existing_run(existing)
        .stop_on_ctrl_c()
        .early_stopping(EarlyStopping::on(Monitor::ValidLoss).patience(50).restore_best_weights(true))
        .reduce_lr_on_plateau(ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.5).patience(1).min_delta(0.02))
        .save_best(Monitor::ValidAccuracy)
        .artifact(artifact)
        .callback(steps);
    if let Some(every) = options.every {
        trainer = trainer.checkpoint_every_steps(every);
    }
    let (train, valid) = (encode.dataset(&train)?, encode.dataset(&valid)?);
    #[cfg(target_os = "linux")]
    injected::begin(&options.folder, options.kill_at, options.read_only_from, options.disk)?;
    ensure!(
        cfg!(target_os = "linux")
            || (options.kill_at.is_none() && options.read_only_from.is_none() && options.disk.is_none()),
        "faults are injected on Linux only"
    );
    let run = trainer.fit(model, &train, &valid);
    #[cfg(target_os = "linux")]
    if let Some(path) = options.count_changes {
        let changes = injected::end();
        std::fs::write(path, changes.to_string())?;
    }
    run?;
    Ok(())
}
