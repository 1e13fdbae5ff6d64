//! What the examples share: their options, and the run that their options describe.
//!
//! An example itself shows its data, its model and its result.

/// `println!` that continues when the output is no longer read, as in `| head`: a closed pipe must not end a run.
#[macro_export]
macro_rules! println {
    () => {
        $crate::println!("")
    };
    ($($told:tt)*) => {
        $crate::tell(::std::format_args!($($told)*))
    };
}

pub mod baseline;
pub mod curves;
mod interrupt;
pub mod linear;
pub mod losses;
pub mod page;
pub mod picture;
pub mod plane;
pub mod running_text;
pub mod step_times;
pub mod table;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser};
use kiln::burn::tensor::Device;
use kiln::group::{Group, Launch};
use kiln::models::thousands;
use kiln::models::word2vec::Corpus;
use kiln::prelude::*;
use kiln::text::corpora::Encoding;
use kiln::text::encoders::ImdbIds;
use kiln::text::tokens::Html;
use kiln::text::tokens::{Normalizer, WordSplitter};
use kiln::vectors::Similar;

pub use interrupt::Interrupt;

/// The code in the repository's README compiles. This is here instead of in `kiln`, since no packed crate contains that
/// file.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The same for the pages of the guide.
#[cfg(doctest)]
mod guide {
    macro_rules! pages {
        ($($name:ident: $file:literal;)*) => {
            $(#[doc = include_str!(concat!("../../docs/guide/src/", $file))] struct $name;)*
        };
    }

    pages! {
        FirstModel: "first-model.md";
        YourOwnFile: "your-own-file.md";
        ChoosingAModel: "choosing-a-model.md";
        Scripts: "scripts.md";
        WordVectors: "word-vectors.md";
        LanguageModels: "language-models.md";
        YourOwnModel: "your-own-model.md";
        Serving: "serving.md";
        Devices: "devices.md";
        ManyMachines: "many-machines.md";
        WhenSomethingFails: "when-something-fails.md";
        Keras: "from/keras.md";
        ScikitLearn: "from/scikit-learn.md";
        Gensim: "from/gensim.md";
        FastText: "from/fasttext.md";
        Torchtext: "from/torchtext.md";
        PyTorch: "from/pytorch.md";
    }
}

/// The options of every example that trains.
#[derive(Clone, Debug, Parser)]
pub struct TrainingArgs {
    /// Backend: auto, wgpu, cuda, flex or ndarray. Default: the best GPU found, else the CPU
    #[arg(long, env = "KILN_DEVICE")]
    pub device: Option<String>,
    /// Stop after this epoch
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Rows in a step
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// Parts that each batch is cut into, for the same result with any number of ranks up to this, if each has as many
    /// threads [default: the ranks]
    #[arg(long, value_name = "COUNT")]
    pub micro_batches: Option<usize>,
    /// The initial learning rate
    #[arg(long, allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Seed of weights, shuffling and dropout
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder for the trained model and its history [default: artifacts/NAME]
    #[arg(long, value_name = "DIR")]
    pub artifact: Option<PathBuf>,
    /// Replace the run that the folder holds
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Continue the run that the folder holds, from its last checkpoint
    #[arg(long)]
    pub resume: bool,
    /// Save the state also every STEPS steps, for --resume
    #[arg(long, value_name = "STEPS")]
    pub checkpoint_steps: Option<usize>,
    /// Save the state also every MINUTES minutes, for --resume
    #[arg(long, value_name = "MINUTES")]
    pub checkpoint_minutes: Option<f64>,
    /// Start from the weights of this run, artifact or file. Keep --seed: it decides the split and the vocabulary
    #[arg(long, value_name = "PATH", conflicts_with = "resume")]
    pub from_weights: Option<PathBuf>,
    /// Use a small part of the data and few epochs, to see that everything runs
    #[arg(long)]
    pub fast: bool,
}

/// An example's own defaults for options that are not given.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// The example's name, which names its folder.
    pub name: &'static str,
    /// The last epoch.
    pub epochs: usize,
    /// The last epoch in fast mode.
    pub fast_epochs: usize,
    /// Rows in a step.
    pub batch_size: usize,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Whether a run in the default folder takes seconds and may be replaced without asking.
    pub is_demonstration: bool,
}

impl Defaults {
    /// 10 epochs, 1 in fast mode, of batches of 32 rows.
    #[must_use]
    pub const fn new(name: &'static str, optimizer: Optimizer) -> Self {
        Self { name, epochs: 10, fast_epochs: 1, batch_size: 32, optimizer, is_demonstration: false }
    }

    /// Marks a run that takes seconds: a later one in the default folder replaces it.
    #[must_use]
    pub const fn demonstration(self) -> Self {
        Self { is_demonstration: true, ..self }
    }

    /// The last epoch.
    #[must_use]
    pub const fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The last epoch in fast mode.
    #[must_use]
    pub const fn fast_epochs(self, fast_epochs: usize) -> Self {
        Self { fast_epochs, ..self }
    }

    /// Rows in a step.
    #[must_use]
    pub const fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }
}

/// Parses the options of an example that has no others than `T`. `about` opens its help; options that cannot be parsed
/// end the program.
#[must_use]
pub fn options<T: Parser>(about: &'static str) -> T {
    let matches = T::command().about(about).get_matches();
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

impl TrainingArgs {
    /// The requested device.
    ///
    /// # Errors
    ///
    /// The device cannot be used.
    pub fn device(&self) -> Result<Device> {
        Ok(kiln::device_named(self.device.as_deref())?)
    }

    /// The folder of the run.
    #[must_use]
    pub fn folder(&self, defaults: &Defaults) -> PathBuf {
        self.artifact.clone().unwrap_or_else(|| PathBuf::from("artifacts").join(defaults.name))
    }

    /// A trainer with these options, which Ctrl-C stops cleanly.
    pub fn trainer<M: Trainable>(&self, defaults: &Defaults) -> Trainer<M> {
        let epochs = if self.fast { defaults.fast_epochs } else { defaults.epochs };
        let optimizer = match self.learning_rate {
            Some(rate) => defaults.optimizer.learning_rate(rate),
            None => defaults.optimizer,
        };
        let is_replaced = defaults.is_demonstration
            && self.artifact.is_none()
            && self.folder(defaults).join("checkpoint.kiln").exists();
        let existing = match (self.overwrite, self.resume) {
            (true, _) => ExistingRun::Overwrite,
            (_, true) => ExistingRun::Resume,
            _ if is_replaced => {
                let folder = self.folder(defaults);
                println!("{} holds an earlier run of this demonstration, which is replaced", folder.display());
                ExistingRun::Overwrite
            }
            _ => ExistingRun::Refuse,
        };
        let trainer = Trainer::new(self.folder(defaults))
            .epochs(self.epochs.unwrap_or(epochs))
            .batch_size(self.batch_size.unwrap_or(defaults.batch_size))
            .optimizer(optimizer)
            .seed(self.seed)
            .existing_run(existing);
        let trainer = match &self.from_weights {
            Some(path) => trainer.from_weights(path),
            None => trainer,
        };
        let trainer = match self.micro_batches {
            Some(count) => trainer.micro_batches(count),
            None => trainer,
        };
        let trainer = match self.checkpoint_steps {
            Some(steps) => trainer.checkpoint_every_steps(steps),
            None => trainer,
        };
        let trainer = match self.checkpoint_minutes {
            Some(minutes) => trainer.checkpoint_every_minutes(minutes),
            None => trainer,
        };
        trainer.stop_on_ctrl_c()
    }

    /// These options for several runs, each in a folder with its name inside this one.
    ///
    /// With `--resume`, runs that have a checkpoint continue, and the others begin.
    ///
    /// # Errors
    ///
    /// One of the folders holds a run that is to be neither overwritten nor resumed, or none holds a run to resume.
    /// This is checked here, before the first of several long runs.
    pub fn parts(&self, defaults: &Defaults, names: &[&str]) -> Result<Vec<Self>> {
        let parent = self.folder(defaults);
        let has_begun = |name: &str| parent.join(name).join("checkpoint.kiln").exists();
        let begun: Vec<&str> = names.iter().copied().filter(|name| has_begun(name)).collect();
        ensure!(
            begun.is_empty() || self.overwrite || self.resume,
            "{} already holds a run of {}: use --overwrite, --resume or another --artifact",
            parent.display(),
            begun.join(", ")
        );
        ensure!(
            !(begun.is_empty() && self.resume),
            "{} holds no run of {} to resume: remove --resume",
            parent.display(),
            names.join(", ")
        );
        let part = |name: &&str| {
            let resume = self.resume && has_begun(name);
            // If the weights are a folder of runs, each part starts from the run with its name.
            let from_weights = self.from_weights.as_ref().map(|path| match path.join(name).is_dir() {
                true => path.join(name),
                false => path.clone(),
            });
            Self { artifact: Some(parent.join(name)), resume, from_weights, ..self.clone() }
        };
        Ok(names.iter().map(part).collect())
    }
}

/// Prints a model's table of layers and, on a separate line, its number of parameters.
pub fn show_model<M: Model>(model: &M) {
    let summary = model.summary();
    println!("{summary}");
    println!("{} parameters", thousands(summary.total()));
}

/// Prints how a run ended and what its folder holds.
pub fn show_run<M: Trainable>(run: &kiln::train::Run<M>) {
    if let Some(reason) = run.stopped() {
        println!("stopped: {reason}");
    }
    println!("model, history and curves: {}", run.folder().display());
}

/// The options of the examples on film reviews.
#[derive(Args, Clone, Debug)]
pub struct ImdbArgs {
    /// The reviews: the folder or the .tar.gz. Default: the user's cache, downloaded on first use
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Encoding of the files: utf-8, utf-8-lossy (replaces invalid bytes by U+FFFD), latin-1 …
    #[arg(long, value_name = "NAME", default_value = "utf-8")]
    encoding: Encoding,
}

impl ImdbArgs {
    /// The reviews of the Large Movie Review Dataset.
    ///
    /// # Errors
    ///
    /// The reviews cannot be opened; the message says what to do.
    pub fn open(&self) -> Result<Imdb> {
        let imdb = match &self.data {
            Some(path) => Imdb::open(path)?,
            None => Imdb::cached_or_download()?,
        };
        Ok(imdb.encoding(self.encoding))
    }
}

/// The options of the examples that train on film reviews.
#[derive(Clone, Debug, Parser)]
pub struct ImdbTraining {
    /// The options for training.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// The options for the data.
    #[command(flatten)]
    pub imdb: ImdbArgs,
}

/// The options of the examples on plain text.
#[derive(Args, Clone, Debug)]
pub struct CorpusArgs {
    /// Text with one sentence a line
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// Words whose neighbours are shown
    #[arg(long, value_delimiter = ',', default_value = "you,year,car,toyota")]
    pub words: Vec<String>,
    /// Write the vectors: text for .txt, binary for .bin, or .safetensors
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl CorpusArgs {
    /// The text of the file; without a file, the reviews generated from `seed`.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn text(&self, seed: u64) -> Result<String> {
        match &self.corpus {
            Some(path) => read_text(path),
            None => review_text(seed),
        }
    }
}

/// The text of a file, plain or gzip, without a byte order mark.
///
/// # Errors
///
/// The file cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    kiln::Input::open(path)?
        .into_reader()
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

/// Whether this process prints.
static PRINTS: AtomicBool = AtomicBool::new(true);

/// Writes a line to standard output, if it is still read and no other rank of a group prints.
pub fn tell(line: std::fmt::Arguments<'_>) {
    if PRINTS.load(Ordering::Relaxed) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// How long a rank waits for the slowest one, which may read its data from a slower disk.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// Runs an example in the group in which `mpirun` started this process (the feature `mpi`); without `mpirun`, in a group
/// of one. Only rank 0 prints.
///
/// # Errors
///
/// Those of `example`; a rank fails, or is missing for longer than 10 minutes.
pub fn in_group(example: impl FnOnce(&dyn Group) -> Result<()>) -> Result<()> {
    Launch::new().time_limit(TIME_LIMIT).run(|group| {
        PRINTS.store(group.rank() == 0, Ordering::Relaxed);
        example(group)
    })
}

/// The distinct words of a text in order of first appearance, and the text as their indices. `<eos>` ends each line.
#[must_use]
pub fn numbered(text: &str) -> (Vec<&str>, Vec<u32>) {
    let (mut words, mut index) = (Vec::new(), HashMap::new());
    let tokens = text.lines().flat_map(|line| line.split_whitespace().chain(["<eos>"]));
    let number = |word| {
        *index.entry(word).or_insert_with(|| {
            words.push(word);
            words.len() as u32 - 1
        })
    };
    let ids = tokens.map(number).collect();
    (words, ids)
}

/// The ids of `keras.datasets.imdb`, with which the tutorials' figures were computed: from all training reviews, in
/// their original order.
///
/// # Errors
///
/// There are no reviews.
pub fn imdb_ids(train: &Documents, words: usize, length: usize) -> Result<SequenceEncoder> {
    let tokenizer = WordTokenizer::builder().fit(train.texts())?;
    Ok(SequenceEncoder::new(ImdbIds::new(tokenizer, words)?, length)?)
}

/// The generated training reviews as a text: in lower case, one a line, full stops as words.
///
/// # Errors
///
/// The reviews cannot be generated.
pub fn review_text(seed: u64) -> Result<String> {
    let reviews = Reviews::generate(seed).into_documents()?;
    let texts: Vec<String> = reviews.train.texts().map(|text| text.to_lowercase().replace('.', " .")).collect();
    Ok(texts.join("\n"))
}

/// The same as sentences of words, without punctuation.
///
/// # Errors
///
/// Same as [`review_text`].
pub fn review_corpus(seed: u64) -> Result<Corpus> {
    let text = review_text(seed)?;
    Ok(Corpus::sentences(text.lines().map(|line| {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<Vec<_>>()
    })))
}

/// Words with their similarities, in one line.
#[must_use]
pub fn similar_words(near: &[Similar<'_>]) -> String {
    near.iter().map(|near| format!("{} {:.3}", near.word, near.similarity)).collect::<Vec<_>>().join(", ")
}

/// Words of a review in lower case, punctuation marks as separate words, without HTML line breaks.
///
/// # Errors
///
/// Never: the pattern is a constant.
pub fn review_words() -> Result<Analyzer> {
    let normalizer = Normalizer::new().html(Html::Breaks).lower(true);
    Ok(Analyzer::default().normalizer(normalizer).words(WordSplitter::matches(r"\w+(?:'\w+)?|[^\w\s]")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults = Defaults::new("none", SGD);
    const SGD: Optimizer = Optimizer::sgd().learning_rate(0.1);

    #[test]
    fn runs_that_have_begun_go_on_and_others_begin() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = folder.path().display().to_string();
        let parts = |option: &[&str]| {
            let options = ["none", "--artifact", &artifact].into_iter().chain(option.iter().copied());
            TrainingArgs::parse_from(options).parts(&DEFAULTS, &["first", "second"])
        };
        let message = |option: &[&str]| parts(option).unwrap_err().to_string();
        assert!(message(&["--resume"]).contains("no run of first, second"));
        assert_eq!(parts(&[]).unwrap()[1].artifact.as_deref(), Some(folder.path().join("second").as_path()));

        std::fs::create_dir(folder.path().join("second")).unwrap();
        std::fs::write(folder.path().join("second/checkpoint.kiln"), "").unwrap();
        assert!(message(&[]).contains("a run of second: use --overwrite"));
        let resumed: Vec<bool> = parts(&["--resume"]).unwrap().iter().map(|part| part.resume).collect();
        assert_eq!(resumed, [false, true]);
        assert!(parts(&["--overwrite"]).unwrap().iter().all(|part| part.overwrite && !part.resume));
    }
}
