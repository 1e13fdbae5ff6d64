//! Words and their vectors in training: train, continue, save and load.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use kiln_base::checksum::sha256;
use kiln_base::{BadParts, FileError, Interner, OptionError, write_whole};
use kiln_group::{Group, One};
use kiln_kernels::RandomKey;
use kiln_kernels::word2vec::{LossSum, Prediction, WindowSampler, WordTables};
use kiln_vectors::WordVectors;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::config::{Architecture, Context, Word2VecConfig};
use super::corpus::Corpus;
use super::train::{Pass, Place, Updates, Word2VecProgress};
use super::vocabulary::Word2VecVocabulary;
use crate::error::{Error, Result, at_least_one};

/// The format's name in a saved model.
const FORMAT: &str = "kiln-word2vec";
const VERSION: u32 = 1;
/// The tensors of a file.
const TENSORS: [&str; 5] = ["input", "output", "words", "word_ends", "counts"];

/// word2vec: words, their vectors, and the progress of their training.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
///
/// use kiln_models::word2vec::{Corpus, Word2Vec, Word2VecConfig};
///
/// let corpus = Corpus::sentences([["you", "say", "goodbye"], ["i", "say", "hello"]]);
/// let config = Word2VecConfig::new().min_count(1).sample(0.0).vector_size(8).epochs(2);
/// let mut model = Word2Vec::new(&config, &corpus)?;
/// model.train(&corpus, |_| ControlFlow::Continue(()))?;
/// assert_eq!(model.vectors()?.vector("hello")?.len(), 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Mikolov, Chen, Corrado, Dean, "Efficient Estimation of Word Representations in Vector Space", 2013; Mikolov et al.,
/// "Distributed Representations of Words and Phrases and their Compositionality", 2013. It follows gensim 4.4 and
/// word2vec.c; [`Word2VecConfig`] lists the differences.
#[derive(Debug)]
pub struct Word2Vec {
    config: Word2VecConfig,
    vocabulary: Word2VecVocabulary,
    tables: WordTables,
    state: State,
}

/// The progress of the training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// Finished epochs.
    epoch: usize,
    /// Words of the corpus in training, repetitions included.
    total_words: u64,
    place: Place,
    /// The mean loss of each finished epoch.
    losses: Vec<f64>,
    /// How many times words were added.
    grown: u64,
}

/// The part of a saved model that is not tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    config: Word2VecConfig,
    state: State,
    /// The SHA-256 of the header without this key and of the tensors in the order of [`TENSORS`]. `None` in files of
    /// the first builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Header {
    /// The header's JSON, with the checksum of it and of `tensors`.
    fn sealed(mut self, tensors: Vec<&[u8]>) -> Result<String> {
        self.sha256 = None;
        let text = serde_json::to_string(&self)?;
        self.sha256 = Some(sha256([&[text.as_bytes()], &tensors[..]].concat()));
        Ok(serde_json::to_string(&self)?)
    }
}

impl Word2Vec {
    /// Counts the corpus's words and draws a random vector for each.
    ///
    /// # Errors
    ///
    /// An option is out of range, a file cannot be read, or fewer than two words occur `min_count` times.
    pub fn new(config: &Word2VecConfig, corpus: &Corpus) -> Result<Self> {
        Self::new_over(&One, config, corpus)
    }

    /// [`Word2Vec::new`] in a group, each rank of which counts a part of the corpus. All ranks get the same words and
    /// vectors, those that one process gets. Each rank must be able to read all files, and reads about its share.
    ///
    /// # Errors
    ///
    /// As [`Word2Vec::new`]; a file cannot be cut ([`Error::CannotCut`]); the ranks have other options or
    /// files of other sizes; and those of the group's operations.
    pub fn new_over(group: &dyn Group, config: &Word2VecConfig, corpus: &Corpus) -> Result<Self> {
        config.check()?;
        agree(group, config, corpus)?;
        let vocabulary = corpus.vocabulary_over(group, config.min_count)?;
        let key = RandomKey::new(config.seed).child("word2vec");
        let tables = WordTables::random(vocabulary.len(), config.vector_size, key.child("vectors"));
        let state = State { total_words: vocabulary.raw_words(), ..State::default() };
        Ok(Self { config: config.clone(), vocabulary, tables, state })
    }

    /// Trains to the last epoch and returns whether the training is finished. It calls `observe` with the progress
    /// after blocks of up to a megabyte, at most ten times per second. After the last epoch it does nothing: see
    /// [`Word2Vec::set_epochs`] and [`Word2Vec::add_corpus`].
    ///
    /// If `observe` breaks off, the training stops after the blocks in progress. The next call continues there, also in
    /// another process if the model was saved and the corpus is the same.
    ///
    /// # Errors
    ///
    /// A file of the corpus cannot be read; the corpus differs from the one that was counted; an epoch had nothing to
    /// train on, since a small corpus was subsampled; or the vectors diverged, since the learning rate is too high.
    pub fn train(
        &mut self,
        corpus: &Corpus,
        mut observe: impl FnMut(&Word2VecProgress) -> ControlFlow<()>,
    ) -> Result<bool> {
        while self.state.epoch < self.config.epochs {
            if !self.train_epoch(corpus, None, &mut observe)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// [`Word2Vec::train`] to the end of the current epoch, to save in between.
    ///
    /// With a `device`, the device makes the steps, one launch for the windows of some thousand words, while the CPU
    /// reads and draws. The windows of a launch are updated in parallel. A device without a kernel for this, such as
    /// the CPU backends, sums the gradients of all windows of a batch instead, which needs a learning rate of a tenth
    /// or less; [`DeviceTables::update`](kiln_kernels::word2vec::DeviceTables::update) lists the conditions.
    ///
    /// # Errors
    ///
    /// As [`Word2Vec::train`], and with a device, if the option is [`Updates::Ordered`], which no device supports. If
    /// the device fails or cannot hold the tables, the model is unchanged.
    pub fn train_epoch(
        &mut self,
        corpus: &Corpus,
        device: Option<&Device>,
        mut observe: impl FnMut(&Word2VecProgress) -> ControlFlow<()>,
    ) -> Result<bool> {
        if device.is_some() && self.config.updates == Updates::Ordered {
            let expected = "`Updates::Racing` on a device, which updates windows in parallel";
            return Err(OptionError::new("updates", expected, "`Updates::Ordered`").into());
        }
        self.epoch(|pass, tables, place| pass.run(tables, corpus, device, place, &mut observe))
    }

    /// [`Word2Vec::train_epoch`] in a group, on the CPU. Each rank trains its own copy of the vectors on its part of the
    /// corpus. After every [`Word2VecConfig::sync_words`] words, vectors are replaced by their means over all ranks:
    /// those of the first 256 words of the vocabulary every time, the next 256 every second time, the next 512 every
    /// fourth time and so on, and all of them at the end of the epoch. (Ji et al., "Parallelizing Word2Vec in Shared and
    /// Distributed Memory", 2016, average replicas in this rhythm.) The learning rate begins at `alpha` times the number
    /// of ranks to the power of 0.75. All ranks end with the same vectors, but another number of ranks gives others. In
    /// a group of one it is [`Word2Vec::train_epoch`].
    ///
    /// `observe` gets estimates of what all ranks have done. If it breaks off on one rank, all ranks stop at the next
    /// average. Any number of ranks can then continue. One rank should save the training.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("corpus.txt");
    /// # std::fs::write(&path, "you say goodbye and i say hello\n".repeat(40)).unwrap();
    /// use std::ops::ControlFlow;
    ///
    /// use kiln_group::Launch;
    /// use kiln_models::word2vec::{Corpus, Word2Vec, Word2VecConfig};
    ///
    /// // `run` in place of `threads(2, ..)` is the same for the ranks that mpirun starts.
    /// let vectors = Launch::new().threads(2, |group| {
    ///     let corpus = Corpus::files([&path])?;
    ///     let config = Word2VecConfig::new().min_count(1).sample(0.0).epochs(1).workers(1);
    ///     let mut model = Word2Vec::new_over(group, &config, &corpus)?;
    ///     model.train_epoch_over(group, &corpus, |_| ControlFlow::Continue(()))?;
    ///     model.vectors()
    /// });
    /// let vectors = vectors.into_iter().collect::<kiln_models::Result<Vec<_>>>()?;
    /// assert_eq!(vectors[0].vector("hello")?, vectors[1].vector("hello")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Word2Vec::train`]; a file cannot be cut ([`Error::CannotCut`]); the ranks have other options, files of other
    /// sizes or other progress; and those of the group's operations.
    pub fn train_epoch_over(
        &mut self,
        group: &dyn Group,
        corpus: &Corpus,
        mut observe: impl FnMut(&Word2VecProgress) -> ControlFlow<()>,
    ) -> Result<bool> {
        if group.size() == 1 {
            return self.train_epoch(corpus, None, observe);
        }
        agree(group, &self.config, corpus)?;
        group.agree("the progress of the training", &serde_json::to_string(&self.state)?)?;
        let sync_words = self.config.sync_words;
        self.epoch(|mut pass, tables, place| pass.run_over(group, tables, corpus, place, sync_words, &mut observe))
    }

    /// Calls `run` with the current epoch, and notes its end.
    fn epoch(&mut self, run: impl FnOnce(Pass<'_>, &mut WordTables, &mut Place) -> Result<bool>) -> Result<bool> {
        self.check_finite()?;
        if self.state.epoch >= self.config.epochs {
            return Ok(true);
        }
        let Word2VecConfig { window, shrink_windows, negative, sample, ns_exponent, .. } = self.config;
        let counts = self.vocabulary.counts();
        let mut sampler = WindowSampler::new(counts, window, shrink_windows, negative, sample, ns_exponent);
        sampler.halves = self.config.architecture == Architecture::SkipGram;
        let workers = match self.config.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        };
        let pass = Pass {
            vocabulary: &self.vocabulary,
            sampler: &sampler,
            prediction: self.prediction(),
            key: RandomKey::new(self.config.seed).child("word2vec").child("windows").index(self.state.grown),
            updates: self.config.updates,
            threads: workers,
            epoch: self.state.epoch,
            alpha: (self.config.first_alpha() as f32, self.config.min_alpha as f32),
            epochs: self.config.epochs,
            total_words: self.state.total_words,
            before: 0,
            before_loss: LossSum::default(),
            ranks: 1,
        };
        let outcome = run(pass, &mut self.tables, &mut self.state.place);
        self.check_finite()?;
        let place = self.state.place;
        if !outcome? {
            return Ok(false);
        }
        if place.words != self.state.total_words {
            return Err(Error::CorpusChanged { expected: self.state.total_words, found: place.words });
        }
        if place.loss.count == 0 {
            return Err(Error::NothingTrained { words: self.state.total_words, sample: self.config.sample });
        }
        self.state.losses.push(place.loss.mean());
        self.state.place = Place::default();
        self.state.epoch += 1;
        Ok(true)
    }

    /// # Errors
    ///
    /// The vectors diverged.
    fn check_finite(&self) -> Result<()> {
        if self.state.place.loss.sum.is_finite() {
            return Ok(());
        }
        Err(Error::Diverged { epoch: self.state.epoch + 1, alpha: self.config.first_alpha() })
    }

    /// Changes the number of epochs; with more of them, a finished training continues. The learning rate then falls
    /// over all epochs, so it rises again at first.
    ///
    /// # Errors
    ///
    /// The number is 0.
    pub fn set_epochs(&mut self, epochs: usize) -> Result<()> {
        self.config.epochs = at_least_one("epochs", epochs)?;
        Ok(())
    }

    /// Changes the number of training threads; 0 means all cores.
    ///
    /// # Errors
    ///
    /// The number is above 1,024.
    pub fn set_workers(&mut self, workers: usize) -> Result<()> {
        let config = self.config.clone().workers(workers);
        config.check()?;
        self.config = config;
        Ok(())
    }

    /// Changes [`Word2VecConfig::sync_words`].
    ///
    /// # Errors
    ///
    /// The number is 0.
    pub fn set_sync_words(&mut self, words: u64) -> Result<()> {
        let config = self.config.clone().sync_words(words);
        config.check()?;
        self.config = config;
        Ok(())
    }

    fn prediction(&self) -> Prediction {
        match (self.config.architecture, self.config.context) {
            (Architecture::SkipGram, _) => Prediction::SkipGram,
            (Architecture::Cbow, Context::Mean) => Prediction::CbowMean,
            (Architecture::Cbow, Context::Sum) => Prediction::CbowSum,
        }
    }

    /// Adds the words of a new corpus for the next training: counts add up, words that occur `min_count` times in it
    /// are new, and the epochs start again with the learning rate at `alpha`.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or the corpus holds no word that has or gets a vector.
    pub fn add_corpus(&mut self, corpus: &Corpus) -> Result<()> {
        self.vocabulary.extend(corpus, self.config.min_count)?;
        let key = RandomKey::new(self.config.seed).child("word2vec");
        self.tables.grow(self.vocabulary.len(), key.child("vectors"));
        let (total_words, grown) = (self.vocabulary.raw_words(), self.state.grown + 1);
        self.state = State { total_words, grown, ..State::default() };
        Ok(())
    }

    /// The number of finished epochs.
    pub fn epochs_done(&self) -> usize {
        self.state.epoch
    }

    /// The mean loss of each finished epoch, per window in CBOW and per pair in skip-gram: -ln sigmoid(right score) -
    /// sum of ln sigmoid(-wrong score).
    pub fn losses(&self) -> &[f64] {
        &self.state.losses
    }

    /// The words and their counts.
    pub fn vocabulary(&self) -> &Word2VecVocabulary {
        &self.vocabulary
    }

    /// The options.
    pub fn config(&self) -> &Word2VecConfig {
        &self.config
    }

    /// The two tables.
    pub fn tables(&self) -> &WordTables {
        &self.tables
    }

    /// A copy of the words' vectors, with the words' counts.
    ///
    /// # Errors
    ///
    /// A vector holds NaN or infinity, since the learning rate was too high.
    pub fn vectors(&self) -> Result<WordVectors> {
        let words = self.vocabulary.words();
        let vectors = WordVectors::new(words, self.tables.input(), self.config.vector_size)?;
        Ok(vectors.with_counts(self.vocabulary.counts().to_vec())?)
    }

    /// Saves everything that the training needs to continue; the file is written whole or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the training has diverged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check_finite()?;
        let path = path.as_ref();
        let rows = self.vocabulary.len();
        let shape = vec![rows, self.config.vector_size];
        let floats = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let integers = |values: &mut dyn Iterator<Item = u64>| values.flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
        let (text, ends) = self.vocabulary.parts();
        let tensors = [
            ("input", Dtype::F32, shape.clone(), floats(self.tables.input())),
            ("output", Dtype::F32, shape, floats(self.tables.output())),
            ("words", Dtype::U8, vec![text.len()], text.as_bytes().to_vec()),
            ("word_ends", Dtype::U64, vec![rows], integers(&mut ends.iter().map(|&end| end as u64))),
            ("counts", Dtype::U64, vec![rows], integers(&mut self.vocabulary.counts().iter().copied())),
        ];
        let views = (tensors.iter())
            .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        // One entry: the order of several would vary from file to file.
        let header = Header { version: VERSION, config: self.config.clone(), state: self.state.clone(), sha256: None };
        let header = header.sealed(tensors.iter().map(|(.., bytes)| bytes.as_slice()).collect())?;
        let metadata = HashMap::from([(FORMAT.to_owned(), header)]);
        Ok(write_whole(path, &safetensors::serialize(views, Some(metadata))?)?)
    }

    /// Loads what [`Word2Vec::save`] saved.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is cut short, or is not a saved training.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_over(&One, path)
    }

    /// [`Word2Vec::load`] in a group: rank 0 reads the file and sends it to the others.
    ///
    /// # Errors
    ///
    /// As [`Word2Vec::load`], and those of the group's operations.
    pub fn load_over(group: &dyn Group, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let own = match group.rank() {
            0 => std::fs::read(path).map_err(FileError::new("read", path))?,
            _ => Vec::new(),
        };
        Self::from_bytes(&group.broadcast(0, own)?).map_err(|error| error.in_file(path))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let header = header.metadata().as_ref().and_then(|all| all.get(FORMAT));
        let header = header.ok_or(Error::NoWord2Vec { lacks: "the metadata 'kiln-word2vec'" })?;
        let read: Header = serde_json::from_str(header)?;
        if read.version != VERSION {
            return Err(Error::NoWord2Vec { lacks: "version 1" });
        }
        let file = SafeTensors::deserialize(bytes)?;
        let (config, state) = (read.config.clone(), read.state.clone());
        config.check()?;
        let tensor = |name: &'static str, dtype: Dtype| {
            let tensor = file.tensor(name)?;
            if tensor.dtype() == dtype { Ok(tensor) } else { Err(Error::NoWord2Vec { lacks: name }) }
        };
        let integers = |name: &'static str| -> Result<Vec<u64>> {
            let tensor = tensor(name, Dtype::U64)?;
            Ok(tensor.data().as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
        };
        let (counts, ends) = (integers("counts")?, integers("word_ends")?);
        let text = tensor("words", Dtype::U8)?;
        let text = std::str::from_utf8(text.data()).map_err(|_| Error::NoWord2Vec { lacks: "words in UTF-8" })?;
        let ends = ends.into_iter().map(|end| end as usize).collect();
        let words = Interner::from_parts(text.to_owned(), ends).map_err(|bad| match bad {
            BadParts::End { .. } => Error::NoWord2Vec { lacks: "words that end in order" },
            BadParts::Duplicate { .. } => Error::NoWord2Vec { lacks: "a count of each word, all words different" },
        })?;
        let floats = |name: &'static str| -> Result<Vec<f32>> {
            let tensor = tensor(name, Dtype::F32)?;
            let expected = vec![words.len(), config.vector_size];
            if tensor.shape() != expected {
                let found = tensor.shape().to_vec();
                return Err(Error::WeightShape { name: name.to_owned(), expected, found });
            }
            Ok(tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let tables = WordTables::new(&floats("input")?, &floats("output")?, config.vector_size);
        let vocabulary = Word2VecVocabulary::from_parts(words, counts, state.total_words)
            .ok_or(Error::NoWord2Vec { lacks: "a count of each word, all words different" })?;
        if state.losses.len() != state.epoch || state.place.words > state.total_words {
            return Err(Error::NoWord2Vec { lacks: "a valid position in the training" });
        }
        // Last, since the checks above have more precise errors.
        if read.sha256.is_some() {
            let tensors = TENSORS.iter().map(|name| Ok(file.tensor(name)?.data())).collect::<Result<Vec<_>>>()?;
            if read.sealed(tensors)? != *header {
                return Err(Error::NoWord2Vec { lacks: "a correct checksum: the file is damaged" });
            }
        }
        Ok(Self { config, vocabulary, tables, state })
    }
}

/// # Errors
///
/// The ranks have other options or another corpus.
fn agree(group: &dyn Group, config: &Word2VecConfig, corpus: &Corpus) -> Result<()> {
    if group.size() > 1 {
        // Threads are each machine's own.
        let config = config.clone().workers(0);
        group.agree("the options", &serde_json::to_string(&config)?)?;
        group.agree("the corpus", &corpus.outline()?)?;
    }
    Ok(())
}
