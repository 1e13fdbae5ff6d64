//! The trainer: options, callbacks, and `fit`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use burn::optim::SgdConfig;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{Adaptor, Metric, Numeric};
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use kiln_base::OptionError;
use kiln_models::{RandomKey, weights};

use crate::artifact::config::ArtifactConfig;
use crate::callbacks::callback::Callback;
use crate::callbacks::early_stopping::EarlyStopping;
use crate::callbacks::monitor::Monitor;
use crate::callbacks::reduce_lr_on_plateau::ReduceLrOnPlateau;
use crate::callbacks::save_best::SaveBest;
use crate::data::batches::{Batches, check_streams, checked_order};
use crate::data::loader::{Loader, Order};
use crate::error::{Error, Result};
use crate::report::history::History;
use crate::report::progress::ShowProgress;
use crate::report::silent::Silent;
use crate::run::checkpoint::{Checkpoint, Frozen, RunIdentity, digest};
use crate::run::ctrl_c::{self, UnderWay};
use crate::run::device_failure::{Work, device_of};
use crate::run::evaluate::{Evaluation, evaluate};
use crate::run::optimizer::{Optimizer, OptimizerState};
use crate::run::run_folder::{ExistingRun, RunFolder};
use crate::run::strategy::{Loop, Strategy};
use crate::run::trainable::{Fitting, StepOutput, Trainable};

type AddMetric<M> = Box<dyn FnOnce(SupervisedTraining<Fitting<M>>) -> SupervisedTraining<Fitting<M>>>;

/// Declares setters: name, argument, and the field with its value.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($($value:ident: $type:ty)?) => $field:ident = $set:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $($value: $type)?) -> Self {
            self.$field = $set;
            self
        }
    )*};
}

/// Trains a model into a folder.
///
/// After each epoch the folder holds a checkpoint (`checkpoint.kiln`), the history
/// (`history.json`, `history.csv`) and, with [`Trainer::save_best`], the best weights
/// (`model.safetensors`); at the end also the returned model's weights and the curves
/// (`curves.svg`, `curves.png`). The same seed, device and build give the
/// same model: to the bit on the CPU, with the same number of threads and vectors of the same width.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use kiln_models::{Head, RecurrentKind, RecurrentRegressorConfig};
/// use kiln_train::{ExistingRun, SeriesDataset, Trainer};
///
/// // Whether the sum of three numbers is found.
/// let values: Vec<f32> = (0..96).map(|i| (i * 37 % 11) as f32 / 11.0).collect();
/// let sums = values.chunks(3).map(|row| row.iter().sum()).collect();
/// let data = SeriesDataset::new(values, [3, 1], sums, 1)?;
/// let (train, valid) = data.split_at(24)?;
///
/// let device = burn::tensor::Device::flex();
/// let model = RecurrentRegressorConfig::new(1, 3)
///     .kind(RecurrentKind::SimpleRnn)
///     .d_hidden(vec![4])
///     .init(&device, 0)?;
/// let folder = std::env::temp_dir().join("kiln-doc-trainer");
/// let run = Trainer::new(&folder)
///     .epochs(2)
///     .batch_size(8)
///     .existing_run(ExistingRun::Overwrite)
///     .quiet()
///     .fit(model, &train, &valid)?;
/// assert_eq!(run.history().epochs().len(), 2);
/// # std::fs::remove_dir_all(folder).ok();
/// # }
/// # Ok::<(), kiln_train::Error>(())
/// ```
pub struct Trainer<M: Trainable> {
    folder: PathBuf,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    optimizer: Optimizer,
    clip_norm: Option<f64>,
    frozen: Vec<Frozen>,
    callbacks: Vec<Box<dyn Callback>>,
    metrics: Vec<(String, AddMetric<M>)>,
    existing_run: ExistingRun,
    artifact: Option<ArtifactConfig>,
    perplexity: bool,
    gradient_norms: bool,
    interrupter: Interrupter,
    stops_on_ctrl_c: bool,
    show: bool,
}

impl<M: Trainable> Trainer<M> {
    /// A trainer into `folder`: 1 epoch, batches of 32, seed 0, Adam with Keras's defaults, no
    /// clipping, no callbacks; a folder that already holds a run is refused.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
            epochs: 1,
            batch_size: 32,
            seed: 0,
            optimizer: Optimizer::adam(),
            clip_norm: None,
            frozen: Vec::new(),
            callbacks: Vec::new(),
            metrics: Vec::new(),
            existing_run: ExistingRun::Refuse,
            artifact: None,
            perplexity: false,
            gradient_norms: false,
            interrupter: Interrupter::new(),
            stops_on_ctrl_c: false,
            show: true,
        }
    }

    setters! {
        /// The last epoch.
        epochs(epochs: usize) => epochs = epochs;
        /// Rows in a step, in training and validation.
        batch_size(rows: usize) => batch_size = rows;
        /// The seed of shuffling and dropout. The model's weights have theirs from its `init`.
        seed(seed: u64) => seed = seed;
        /// The optimizer and its options.
        optimizer(optimizer: Optimizer) => optimizer = optimizer;
        /// Scales gradients down so that their norm over all parameters is at most `norm`: PyTorch's
        /// `clip_grad_norm_`.
        clip_norm(norm: f64) => clip_norm = Some(norm);
        /// Adds perplexity, e to the mean loss, to the history as `perplexity` and `val_perplexity`: for a model whose loss
        /// is the negative log-likelihood of a token, as a language model's is.
        perplexity() => perplexity = true;
        /// Adds the norms of gradients before clipping to the history: the epoch's mean and highest over all parameters as
        /// `gradient_norm` and `gradient_norm_max`, and the mean of each layer, such as `gradient_norm.embedding`.
        gradient_norms() => gradient_norms = true;
        /// What to do when the folder already holds a run. Default: refuse.
        existing_run(existing: ExistingRun) => existing_run = existing;
        /// Lets another handle stop the run.
        interrupter(interrupter: Interrupter) => interrupter = interrupter;
        /// Stops the run in good order at the first Ctrl-C; the second, or one while nothing is trained, ends the process
        /// at once. Several trainers of a process may ask for it.
        stop_on_ctrl_c() => stops_on_ctrl_c = true;
        /// Shows nothing on the standard output.
        quiet() => show = false;
    }

    /// Leaves the parameters under `path`, such as `embedding`, as they are in the first `epochs`
    /// epochs, and trains them from then on: for ready word vectors, which a fresh network's first
    /// gradients would spoil. What is not trainable at all stays so.
    #[must_use]
    pub fn frozen(mut self, path: impl Into<String>, epochs: usize) -> Self {
        self.frozen.push(Frozen { path: path.into(), epochs });
        self
    }

    /// Adds a callback.
    #[must_use]
    pub fn callback(mut self, callback: impl Callback + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds early stopping.
    #[must_use]
    pub fn early_stopping(self, callback: EarlyStopping) -> Self {
        self.callback(callback)
    }

    /// Adds a schedule that lowers the learning rate on a plateau.
    #[must_use]
    pub fn reduce_lr_on_plateau(self, callback: ReduceLrOnPlateau) -> Self {
        self.callback(callback)
    }

    /// Keeps the best weights: the folder's `model.safetensors` is always the best so far, and
    /// [`Trainer::fit`] returns it.
    #[must_use]
    pub fn save_best(self, monitor: Monitor) -> Self {
        let path = self.folder.join(crate::run::run_folder::MODEL);
        self.callback(SaveBest::on(monitor, path))
    }

    /// Adds a numeric Burn metric over training and validation; it stands in the history under
    /// its own name and, for the validation, with `val_` in front.
    #[must_use]
    pub fn metric<Me>(mut self, metric: Me) -> Self
    where
        Me: Metric + Numeric + 'static,
        StepOutput: Adaptor<Me::Input>,
    {
        let name = metric.name().to_string();
        let add: AddMetric<M> =
            Box::new(move |training| training.metric_train_numeric(metric.clone()).metric_valid_numeric(metric));
        self.metrics.push((name, add));
        self
    }

    /// Writes what a later process needs next to the weights to predict (`config.json`,
    /// `tokenizer.json`) when the first epoch ends; until then an old run in the folder stands.
    #[must_use]
    pub fn artifact(mut self, artifact: impl Into<ArtifactConfig>) -> Self {
        self.artifact = Some(artifact.into());
        self
    }

    /// A handle that stops the run after the current step.
    pub fn stop_handle(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Trains `model` on `train`, and measures it on `valid` after each epoch.
    ///
    /// # Errors
    ///
    /// An option is outside its range, a data set is empty, the folder holds a run and is neither
    /// to be overwritten nor resumed, a checkpoint is damaged or of a run with other options, a
    /// file cannot be written, a callback fails, a loss or a trained weight is not finite, the device fails or has no
    /// memory for a step, the process has another handler of a Ctrl-C that is to stop the run, or it is stopped from outside. What ended before stands in the folder.
    pub fn fit<D, V>(self, model: M, train: &D, valid: &V) -> Result<Run<M>>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
        V: Batches<Batch = M::Batch> + Clone + 'static,
    {
        self.check(train.rows(), valid.rows())?;
        check_streams(train, self.batch_size)?;
        check_streams(valid, self.batch_size)?;
        checked_order(valid, self.batch_size, None)?;
        let order = checked_order(train, self.batch_size, Some(RandomKey::new(self.seed)))?;
        model.check(&train.limits())?;
        model.check(&valid.limits())?;
        for Frozen { path, .. } in &self.frozen {
            weights::check_path(&model, path)?;
        }
        let device = device_of(&model)?;
        let optimizer = OptimizerState::new(self.optimizer)?;
        let folder = RunFolder::prepare(&self.folder, self.existing_run)?;
        folder.check_writable()?;
        let mut model = model.train();
        let identity = RunIdentity {
            seed: self.seed,
            batch_size: self.batch_size,
            training_rows: train.rows(),
            validation_rows: valid.rows(),
            optimizer: self.optimizer,
            clip_norm: self.clip_norm,
            callbacks: self.callbacks.iter().map(|callback| callback.name().to_owned()).collect(),
            artifact: self.artifact.as_ref().map(ArtifactConfig::to_json),
            frozen: self.frozen,
            never_trained: weights::frozen_paths(&model),
            order: Some(digest(&order)),
        };

        let shuffle_epoch = Arc::new(AtomicU64::new(0));
        let mut state = Loop {
            folder: folder.clone(),
            identity,
            optimizer,
            learning_rate: self.optimizer.rate(),
            clip_norm: self.clip_norm,
            callbacks: self.callbacks,
            history: History::default(),
            stopped: None,
            shuffle_epoch: shuffle_epoch.clone(),
            metric_names: self.metrics.iter().map(|(name, _)| name.clone()).collect(),
            perplexity: self.perplexity,
            gradient_norms: self.gradient_norms,
            error: None,
            begun: self.existing_run == ExistingRun::Resume,
            artifact: self.artifact,
        };
        if self.existing_run == ExistingRun::Resume {
            model = resume(model, &mut state, train.rows().div_ceil(self.batch_size), self.show)?;
            let behind = state.history.epochs().len();
            if self.show && behind >= self.epochs {
                let asked = self.epochs;
                let _ = writeln!(
                    std::io::stdout(),
                    "nothing to train: the run has {behind} epochs, and {asked} are asked for"
                );
            }
        }
        if self.show {
            // The last one, and after `resume`: a checkpoint keeps no state of it.
            state.callbacks.push(Box::new(ShowProgress::new(self.perplexity)));
        }
        let order = Order::Training { seed: self.seed, epoch: shuffle_epoch };
        let train_loader = Loader::new(Arc::new(train.clone()), self.batch_size, device.clone().autodiff(), order);
        let valid_loader = Loader::new(Arc::new(valid.clone()), self.batch_size, device, Order::Evaluation);
        let state = Arc::new(Mutex::new(state));
        let mut training = SupervisedTraining::new(folder.path(), Arc::new(train_loader), Arc::new(valid_loader))
            .num_epochs(self.epochs)
            .with_application_logger(None)
            .with_interrupter(self.interrupter.clone())
            .renderer(Box::new(Silent))
            .with_metric_logger(InMemoryMetricLogger::default())
            .with_training_strategy(TrainingStrategy::Custom(Arc::new(Strategy(state.clone()))));
        for (_, add) in self.metrics {
            training = add(training);
        }
        // The strategy brings its own optimizer and schedule; Burn's type asks for some.
        let work = Work::of(&model, self.batch_size)?;
        let under_way = self.stops_on_ctrl_c.then(|| UnderWay::new(&self.interrupter));
        let trained = work.run(|| {
            let result = training.launch(Learner::new(Fitting { model }, SgdConfig::new().init(), 0.0));
            let error = state.lock().unwrap_or_else(PoisonError::into_inner).error.take();
            if let Some(error) = error.or(result.error.map(Error::Training)) {
                return Err(error);
            }
            let model = result.model.model;
            let weights = weights::weights_of(&model);
            Ok((model, weights))
        });

        drop(under_way);
        // A device that fails may do so by a panic.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let history = std::mem::take(&mut state.history);
        let (model, weights) = match trained {
            Ok(trained) => trained,
            Err(error) => {
                // Whatever fails here, the run's own error matters more.
                let kept = match history.epochs().len() {
                    0 => 0,
                    epochs if folder.checkpoint().exists() => {
                        folder.save_curves(&history).ok();
                        keep_last_epoch(&folder).ok();
                        // The device may have failed before the last epoch's checkpoint was written.
                        Checkpoint::load(&folder.checkpoint()).map_or(epochs - 1, |checkpoint| checkpoint.epoch())
                    }
                    // The first epoch's was not: what stands there is nothing to go on from, and in the next run's way.
                    _ => {
                        folder.clear().ok();
                        0
                    }
                };
                folder.settle().ok();
                return Err(folder.told(error, kept + 1));
            }
        };
        crate::report::file::write_file(&folder.model(), &weights::to_safetensors(&weights, None)?)?;
        folder.save_curves(&history)?;
        Ok(Run {
            model,
            history,
            stopped: state.stopped.take(),
            folder: folder.path().to_owned(),
            batch_size: self.batch_size,
        })
    }

    fn check(&self, train: usize, valid: usize) -> Result<()> {
        for (option, value) in [("number of epochs", self.epochs), ("batch size", self.batch_size)] {
            OptionError::unless(value > 0, option, "at least 1", value)?;
        }
        let norm = self.clip_norm.unwrap_or(1.0);
        OptionError::unless(norm.is_finite() && norm > 0.0, "clipping norm", "a number above 0", norm)?;
        if let Some(artifact) = &self.artifact {
            artifact.check()?;
        }
        if self.stops_on_ctrl_c {
            ctrl_c::install()?;
        }
        for callback in &self.callbacks {
            callback.check()?;
        }
        for (what, rows) in [("training", train), ("validation", valid)] {
            if rows == 0 {
                return Err(Error::EmptyData { what });
            }
        }
        Ok(())
    }
}

/// Makes the last whole epoch's weights the artifact's, where no callback kept better ones.
fn keep_last_epoch(folder: &RunFolder) -> Result<()> {
    if folder.model().exists() {
        return Ok(());
    }
    let last = Checkpoint::load(&folder.checkpoint())?;
    crate::report::file::write_file(&folder.model(), &weights::to_safetensors(&last.model, None)?)
}

/// Puts the checkpoint's state into `model` and `state`.
fn resume<M: Trainable>(model: M, state: &mut Loop, steps: usize, show: bool) -> Result<M> {
    let path = state.folder.checkpoint();
    let checkpoint = Checkpoint::load(&path)?;
    state.identity.check_same(&checkpoint.identity, &path)?;
    let epoch = checkpoint.epoch();
    let device = device_of(&model)?.inner();
    let model = weights::with_weights(model, checkpoint.model)?;
    // As in `Fitting`, which the optimizer steps.
    let paths: Vec<String> = weights::shapes_of(&model).into_iter().map(|(path, _)| format!("model.{path}")).collect();
    let (moments, steps_made) = (checkpoint.optimizer, checkpoint.optimizer_steps);
    state.optimizer = OptimizerState::from_parts(state.identity.optimizer, moments, steps_made, &paths, &device);
    for (callback, kept) in state.callbacks.iter_mut().zip(checkpoint.callbacks) {
        callback.restore(kept)?;
    }
    state.learning_rate = checkpoint.learning_rate;
    state.history = checkpoint.history;
    state.stopped = checkpoint.stopped;
    if show {
        let _ =
            writeln!(std::io::stdout(), "resumed from {} after epoch {epoch}, step {}", path.display(), epoch * steps);
    }
    Ok(model)
}

/// A finished run.
#[derive(Debug)]
pub struct Run<M> {
    model: M,
    history: History,
    stopped: Option<String>,
    folder: PathBuf,
    batch_size: usize,
}

impl<M: Trainable> Run<M> {
    /// The model: the best one where a callback kept it, else the last.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model by value.
    #[must_use]
    pub fn into_model(self) -> M {
        self.model
    }

    /// What happened in each epoch.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Why the run ended before its last epoch, if a callback ended it.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Measures the model on another data set.
    ///
    /// # Errors
    ///
    /// As [`evaluate`].
    pub fn evaluate<D>(&self, data: &D) -> Result<Evaluation>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
    {
        evaluate(&self.model, data, self.batch_size)
    }
}
