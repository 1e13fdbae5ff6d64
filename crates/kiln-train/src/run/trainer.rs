//! The trainer: options, callbacks, and `fit`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use burn::train::Interrupter;
use burn::train::metric::{Adaptor, Metric, Numeric};
use kiln_base::{OptionError, RowWeights};
use kiln_models::RandomKey;
use kiln_models::weights::{self, Weights};
use kiln_predict::ArtifactConfig;
use kiln_predict::device_failure::{Work, device_of};

use crate::callbacks::callback::Callback;
use crate::callbacks::early_stopping::EarlyStopping;
use crate::callbacks::monitor::Monitor;
use crate::callbacks::reduce_lr_on_plateau::ReduceLrOnPlateau;
use crate::callbacks::save_best::SaveBest;
use crate::data::batches::{Batches, check_streams, checked_order, digest_of, one_class, row_weights, shared_rows};
use crate::data::loader::{Loader, LossPlan, Order};
use crate::error::{Error, Result};
use crate::report::file::write_file;
use crate::report::history::History;
use crate::report::progress::ShowProgress;
use crate::run::burn_train::{AddMetric, launch};
use crate::run::checkpoint::{Checkpoint, Frozen, RunIdentity, digest};
use crate::run::ctrl_c::{self, UnderWay};
use crate::run::finished_run::Run;
use crate::run::optimizer::{Optimizer, OptimizerState};
use crate::run::run_folder::{ExistingRun, RunFolder};
use crate::run::trainable::{StepOutput, Trainable};
use crate::run::training_loop::{PaddingOnly, Trained, TrainingLoop, WithinEpochs};

/// Declares setters: name, argument, and the field with its value.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($($value:ident: $type:ty)?) => $($field:ident).+ = $set:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $($value: $type)?) -> Self {
            self.$($field).+ = $set;
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
    metrics: Vec<AddMetric<M>>,
    metric_names: Vec<String>,
    existing_run: ExistingRun,
    within_epochs: WithinEpochs,
    from_weights: Option<PathBuf>,
    refuse_shared_rows: bool,
    loss_limit: f64,
    row_weights: RowWeights,
    label_smoothing: f64,
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
            metric_names: Vec::new(),
            existing_run: ExistingRun::Refuse,
            within_epochs: WithinEpochs::default(),
            from_weights: None,
            refuse_shared_rows: false,
            loss_limit: 10_000.0,
            row_weights: RowWeights::Equal,
            label_smoothing: 0.0,
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
        /// Writes the checkpoint after every `steps` steps of an epoch too, so that a run that is ended goes on from there: to the
        /// same bits where the same run gives the same bits. Ctrl-C then keeps the step it ends after. Not with Burn's metrics,
        /// whose state cannot be kept. Default: at the end of each epoch.
        checkpoint_every_steps(steps: usize) => within_epochs.steps = Some(steps);
        /// The same when so many minutes have passed since the last checkpoint.
        checkpoint_every_minutes(minutes: f64) => within_epochs.time = Some(Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::ZERO));
        /// Keeps the last `count` checkpoints as `checkpoint-EPOCH-STEP.kiln` too; [`Trainer::from_weights`] takes them, and
        /// copied over `checkpoint.kiln` one of them is what a run is resumed from. Default: none.
        keep_checkpoints(count: usize) => within_epochs.kept = count;
        /// Refuses validation rows whose input, after encoding, equals that of a training row (two empty texts are equal). Default:
        /// they are counted and reported ([`Run::shared_rows`]).
        refuse_shared_rows() => refuse_shared_rows = true;
        /// Ends the run at a training step whose loss is more than `times` the loss of the first epoch, or of the first step while
        /// that epoch is under way; one below 1 counts as 1. Default: 10,000 times. `f64::INFINITY` lets any number pass.
        loss_limit(times: f64) => loss_limit = times;
        /// How much each row counts in the loss of training: by its class, balanced or given, or row by row. The mean is over rows,
        /// whatever their weights, as Keras's `class_weight` and `sample_weight` have it; validation counts all rows alike. Not
        /// for language models. Default: all alike.
        row_weights(weights: RowWeights) => row_weights = weights;
        /// The part of a row's class, from 0 to below 1, that goes to all classes alike in the loss of training: Keras's
        /// `label_smoothing`. Not for language models. Default: 0.
        label_smoothing(part: f64) => label_smoothing = part;
        /// Lets another handle stop the run.
        interrupter(interrupter: Interrupter) => interrupter = interrupter;
        /// Stops the run in good order at the first Ctrl-C, SIGTERM or SIGHUP; the second, or one while nothing is trained, ends the process
        /// at once. Several trainers of a process may ask for it.
        stop_on_ctrl_c() => stops_on_ctrl_c = true;
        /// Shows nothing on the standard output.
        quiet() => show = false;
    }

    /// Starts from existing weights, matched by name and shape, in place of the given model's: those of the folder of a run or an
    /// artifact (the best ones, where they were kept), or of a `model.safetensors` or `checkpoint.kiln` file. Everything else of
    /// this run is new: optimizer, learning rate, epochs, seed. Not for a run that is resumed, which has weights.
    ///
    /// Encode the texts with the tokenizer of the old run, its `tokenizer.json`: one that is fitted again may give the words other
    /// ids. A folder with another tokenizer than this run's artifact has is refused.
    #[must_use]
    pub fn from_weights(mut self, path: impl AsRef<Path>) -> Self {
        self.from_weights = Some(path.as_ref().to_owned());
        self
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
        let path = self.folder.join(kiln_predict::MODEL);
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
        self.metric_names.push(metric.name().to_string());
        self.metrics.push(Box::new(move |burn| burn.metric_train_numeric(metric.clone()).metric_valid_numeric(metric)));
        self
    }

    /// Writes what a later process needs next to the weights to predict (`config.json`,
    /// `tokenizer.json`) when the first epoch ends, and at the end with the weights' checksum; until then an old run in the folder stands.
    #[must_use]
    pub fn artifact(mut self, artifact: ArtifactConfig) -> Self {
        self.artifact = Some(artifact);
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
    /// An option is outside its range, a data set is empty, all of ten training rows or more are of one class, there are no weights to
    /// start from or they are another model's, the folder holds a run and is neither
    /// to be overwritten nor resumed, a checkpoint is damaged or of a run with other options, a
    /// file cannot be written, a callback fails, a loss or a trained weight is not finite, the device fails or has no
    /// memory for a step, the process has another handler of a Ctrl-C that is to stop the run, or it is stopped from outside. What ended before stands in the folder.
    pub fn fit<D, V>(mut self, model: M, train: &D, valid: &V) -> Result<Run<M>>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
        V: Batches<Batch = M::Batch> + Clone + 'static,
    {
        let metrics = std::mem::take(&mut self.metrics);
        let (show, stopping) = (self.show, self.stops_on_ctrl_c.then(|| self.interrupter.clone()));
        let (training, model) = self.prepare(model, train, valid)?;

        let work = Work::of(&model, training.identity.batch_size)?;
        let under_way = stopping.as_ref().map(UnderWay::new);
        let (training, trained) = launch(training, model, metrics, &work);
        drop(under_way);

        let run = finish(training, trained)?;
        if let Some(PaddingOnly { epoch, step, steps }) = run.padding_only.filter(|_| show) {
            let found =
                format!("{steps} training steps had rows of padding only, the first in step {step} of epoch {epoch}");
            let _ = writeln!(
                std::io::stdout(),
                "{found}: their texts are empty, or the tokenizer knows none of their words"
            );
        }
        Ok(run)
    }

    /// Checks everything that can be checked before the first step, and takes up a checkpoint.
    fn prepare(
        self,
        model: M,
        train: &(impl Batches<Batch = M::Batch> + Clone + 'static),
        valid: &(impl Batches<Batch = M::Batch> + Clone + 'static),
    ) -> Result<(TrainingLoop<M>, M)> {
        self.check(train.rows(), valid.rows())?;
        check_streams(train, self.batch_size)?;
        check_streams(valid, self.batch_size)?;
        checked_order(valid, self.batch_size, None)?;
        let order = checked_order(train, self.batch_size, Some(RandomKey::new(self.seed)))?;
        let train_limits = train.limits();
        model.check(&train_limits)?;
        let valid_limits = valid.limits();
        model.check(&valid_limits)?;
        if let Some(class) = one_class(train) {
            return Err(Error::OneClass { rows: train.rows(), class });
        }
        let loss = LossPlan {
            weights: row_weights(train, &self.row_weights)?.map(Into::into),
            label_smoothing: self.label_smoothing as f32,
        };
        let (has_weights, is_smoothed) = (loss.weights.is_some(), self.label_smoothing > 0.0);
        let is_plain = !has_weights && !is_smoothed;
        for (option, is_taken) in [
            ("row_weights", !has_weights || model.takes_row_weights()),
            ("label_smoothing", !is_smoothed || model.takes_label_smoothing()),
        ] {
            OptionError::unless(is_taken, option, "none for this model, whose loss has no such option", "some")?;
        }
        let shared_rows = shared_rows(train, valid);
        if let Some(shared @ 1..) = shared_rows.filter(|_| self.refuse_shared_rows) {
            return Err(Error::SharedRows { shared, rows: valid.rows() });
        }
        for Frozen { path, .. } in &self.frozen {
            weights::check_path(&model, path)?;
        }
        if self.artifact.is_some() {
            // Constants too, which training does not look at: at the end it would be too late.
            check_finite(&model)?;
        }
        let device = device_of(&model)?;
        let optimizer = OptimizerState::new(self.optimizer)?;
        let folder = RunFolder::prepare(&self.folder, self.existing_run)?;
        folder.check_writable()?;
        let mut model = match self.from_weights {
            Some(path) => weights::with_weights(model, Checkpoint::weights_in(&path)?)
                .map_err(|source| Error::FromWeights { path, source })?,
            None => model,
        }
        .train();
        let identity = RunIdentity {
            seed: self.seed,
            batch_size: self.batch_size,
            training_rows: train.rows(),
            validation_rows: valid.rows(),
            optimizer: self.optimizer,
            clip_norm: self.clip_norm,
            callbacks: self.callbacks.iter().map(|callback| callback.name().to_owned()).collect(),
            artifact: self.artifact.as_ref().map(ArtifactConfig::identity),
            frozen: self.frozen,
            never_trained: weights::frozen_paths(&model),
            order: Some(digest(&order)),
            loss: (!is_plain).then(|| format!("{}, smoothing {}", described(&self.row_weights), self.label_smoothing)),
            data: train.digest().zip(valid.digest()).map(|([a, b], [c, d])| [a, b, c, d].map(|n| format!("{n:016x}"))),
        };

        if self.show {
            let (mut out, rows) = (std::io::stdout(), valid.rows());
            if let Some(shared @ 1..) = shared_rows {
                let _ = writeln!(out, "{shared} of the {rows} validation rows are also among the training rows");
            }
            if let Some(class) = one_class(valid) {
                let told = "their accuracy says nothing of the other classes";
                let _ = writeln!(out, "all {rows} validation rows are of class {class}: {told}");
            }
        }
        let shuffle_epoch = Arc::new(AtomicU64::new(0));
        let order = Order::Training { seed: self.seed, epoch: shuffle_epoch.clone() };
        let mut train = Loader::new(Arc::new(train.clone()), self.batch_size, device.clone().autodiff(), order);
        train.loss = loss;
        let valid = Loader::new(Arc::new(valid.clone()), self.batch_size, device, Order::Evaluation);
        let mut training = TrainingLoop {
            folder,
            identity,
            epochs: self.epochs,
            train: Arc::new(train),
            valid: Arc::new(valid),
            shuffle_epoch,
            optimizer,
            learning_rate: self.optimizer.rate(),
            callbacks: self.callbacks,
            interrupter: self.interrupter,
            history: History::default(),
            stopped: None,
            metric_names: self.metric_names,
            perplexity: self.perplexity,
            gradient_norms: self.gradient_norms,
            largest_gradient: None,
            begun: false,
            resumed: self.existing_run == ExistingRun::Resume,
            shared_rows,
            within_epochs: self.within_epochs,
            within: None,
            unknown_classes: train_limits.highest_class.is_none(),
            unknown_valid_classes: valid_limits.highest_class.is_none(),
            loss_limit: self.loss_limit,
            padding_only: None,
            artifact: self.artifact.map(|artifact| artifact.seed(self.seed)),
        };
        if self.existing_run == ExistingRun::Resume {
            model = resume(model, &mut training, self.show)?;
            training.artifact = training.artifact.map(|artifact| artifact.made_as_in(training.folder.path()));
        }
        if self.show {
            // The last one, and after `resume`: a checkpoint keeps no state of it.
            training.callbacks.push(Box::new(ShowProgress::new(self.perplexity)));
        }
        Ok((training, model))
    }

    fn check(&self, train: usize, valid: usize) -> Result<()> {
        for (option, value) in [("number of epochs", self.epochs), ("batch size", self.batch_size)] {
            OptionError::unless(value > 0, option, "at least 1", value)?;
        }
        let WithinEpochs { steps, time, .. } = self.within_epochs;
        OptionError::unless(steps != Some(0), "checkpoint_every_steps", "at least 1", 0)?;
        OptionError::unless(time != Some(Duration::ZERO), "checkpoint_every_minutes", "a number above 0", "another")?;
        let is_kept = self.metric_names.is_empty() || !self.within_epochs.is_asked();
        let metrics = self.metric_names.join(", ");
        OptionError::unless(
            is_kept,
            "checkpoint_every_steps",
            "none with metrics of Burn's, which have no state",
            metrics,
        )?;
        if let Some(path) = &self.from_weights {
            let is_new = self.existing_run != ExistingRun::Resume;
            OptionError::unless(is_new, "from_weights", "none in a run that is resumed", path.display())?;
            if self.artifact.as_ref().is_some_and(|artifact| !artifact.has_tokenizer_of(path)) {
                return Err(Error::OtherTokenizer { path: path.clone() });
            }
        }
        let is_part = (0.0..1.0).contains(&self.label_smoothing);
        OptionError::unless(is_part, "label_smoothing", "from 0 to below 1", self.label_smoothing)?;
        OptionError::unless(self.loss_limit >= 1.0, "loss_limit", "a number of at least 1", self.loss_limit)?;
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

/// Weights in a few words, for the comparison with those that a run was begun with.
fn described(weights: &RowWeights) -> String {
    match weights {
        RowWeights::Rows(weights) => format!("rows {:016x}", digest_of(weights.iter().map(|weight| weight.to_bits()))),
        others => format!("{others:?}"),
    }
}

/// An artifact holds only numbers.
fn check_finite<M: Trainable>(model: &M) -> Result<()> {
    for (name, weight) in weights::weights_of(model) {
        if let Some(value) = weight.values.iter().find(|value| !value.is_finite()) {
            let found = format!("{value} in '{name}'");
            return Err(Error::Data {
                what: "the weights of a model with an artifact",
                expected: "finite numbers".into(),
                found,
            });
        }
    }
    Ok(())
}

/// Puts the checkpoint's state into `model` and `training`.
fn resume<M: Trainable>(model: M, training: &mut TrainingLoop<M>, show: bool) -> Result<M> {
    let path = training.folder.checkpoint();
    let checkpoint = Checkpoint::load(&path)?;
    training.identity.check_same(&checkpoint.identity, &path)?;
    let (epoch, asked) = (checkpoint.epoch(), training.epochs);
    let model = weights::with_weights(model, checkpoint.model)?;
    training.optimizer.restore(&model, checkpoint.optimizer, checkpoint.optimizer_steps)?;
    for (callback, kept) in training.callbacks.iter_mut().zip(checkpoint.callbacks) {
        callback.restore(kept)?;
    }
    training.learning_rate = checkpoint.learning_rate;
    training.history = checkpoint.history;
    training.stopped = checkpoint.stopped;
    training.within = checkpoint.within;
    training.folder.kept_step(training.within.as_ref().map(|within| within.step));
    let had_ended = training.stopped.clone();
    if let Some(reason) = &had_ended
        && training.callbacks.iter().any(|callback| callback.goes_on(reason))
    {
        training.stopped = None;
    }
    if show {
        let mut out = std::io::stdout();
        let place = match &training.within {
            Some(within) => format!("in epoch {}, after its step {}", epoch + 1, within.step),
            None => format!("after epoch {epoch}, step {}", epoch * training.train.steps()),
        };
        let _ = writeln!(out, "resumed from {} {place}", path.display());
        if epoch >= asked {
            let _ = writeln!(out, "nothing to train: the run has {epoch} epochs, and {asked} are asked for");
        } else if let Some(reason) = had_ended {
            let told = match training.stopped.is_some() {
                true => {
                    "nothing to train: a callback had ended the run, and still does; of early stopping, a higher patience goes on"
                }
                false => "the run had ended, and goes on by the options as they are now",
            };
            let _ = writeln!(out, "{told} ({reason})");
        }
    }
    Ok(model)
}

/// Leaves the folder with the returned model and the curves, or after an error with what is kept.
fn finish<M: Trainable>(training: TrainingLoop<M>, trained: Result<Trained<M>>) -> Result<Run<M>> {
    let scores = training.scores();
    let TrainingLoop { folder, history, stopped, identity, artifact, shared_rows, padding_only, .. } = training;
    let (model, weights) = trained.map_err(|error| {
        // Whatever fails here, the run's own error matters more.
        let kept = keep(&folder, &history);
        folder.settle().ok();
        folder.told(error, kept + 1)
    })?;
    let written = folder.save_curves(&history).and_then(|()| match artifact {
        Some(artifact) => Ok(artifact.scores(scores).save(folder.path(), &weights)?),
        None => save_model(&folder, &weights),
    });
    written.map_err(|error| folder.told(error, history.epochs().len() + 1))?;
    let (folder, batch_size) = (folder.path().to_owned(), identity.batch_size);
    Ok(Run { model, history, stopped, shared_rows, padding_only, folder, batch_size })
}

/// Puts the folder of a run that ended with an error in order, and gives the epochs it keeps.
fn keep(folder: &RunFolder, history: &History) -> usize {
    match history.epochs().len() {
        0 => 0,
        epochs if folder.checkpoint().exists() => {
            folder.save_curves(history).ok();
            // The device may have failed before the last epoch's checkpoint was written.
            let Ok(last) = Checkpoint::load(&folder.checkpoint()) else { return epochs - 1 };
            // The last whole epoch's weights are the artifact's, where no callback kept better ones.
            if !folder.model().exists() {
                save_model(folder, &last.model).ok();
            }
            last.epoch()
        }
        // The first epoch's was not: what stands there is nothing to go on from, and in the next run's way.
        _ => {
            folder.clear().ok();
            0
        }
    }
}

fn save_model(folder: &RunFolder, weights: &Weights) -> Result<()> {
    write_file(&folder.model(), &weights::to_safetensors(weights, weights::Precision::Full, None)?)
}
