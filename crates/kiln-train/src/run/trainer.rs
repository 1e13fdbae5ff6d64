//! The trainer: options, callbacks, and `fit`.

mod ctrl_c;
mod start;

use std::io::Write;
use std::path::{Path, PathBuf};

use burn::train::Interrupter;
use burn::train::metric::{Adaptor, Metric, Numeric};
use kiln_base::RowWeights;
use kiln_group::{Group, One};
use kiln_models::weights::{self, Weights};
use kiln_predict::ArtifactConfig;
use kiln_predict::device_failure::Work;

use self::ctrl_c::UnderWay;
use crate::callbacks::callback::Callback;
use crate::callbacks::early_stopping::EarlyStopping;
use crate::callbacks::monitor::Monitor;
use crate::callbacks::reduce_lr_on_plateau::ReduceLrOnPlateau;
use crate::data::batches::Batches;
use crate::error::Result;
use crate::group::{Team, relay};
use crate::report::file::write_file;
use crate::report::history::History;
use crate::run::averaging::WeightAveraging;
use crate::run::burn_train::{AddMetric, launch};
use crate::run::checkpoint::{Checkpoint, Frozen};
use crate::run::finished_run::Run;
use crate::run::optimizer::Optimizer;
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

/// Trains a model and keeps the run in a folder.
///
/// After each epoch, the folder holds a checkpoint (`checkpoint.kiln`), the history (`history.json`, `history.csv`)
/// and, with [`Trainer::save_best`], the best weights (`model.safetensors`). At the end, it also holds the weights of
/// the returned model and the curves (`curves.svg`, `curves.png`).
///
/// The same seed, data, device, build and number of threads produce the same bits, on the CPU and on wgpu. On another
/// device or processor, or with the feature `autotune`, results are close, not equal.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use kiln_models::{Head, RecurrentKind, RecurrentRegressorConfig};
/// use kiln_train::{ExistingRun, SeriesDataset, Trainer};
///
/// // Learn the sum of three numbers.
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
    gradient_accumulation_steps: usize,
    micro_batches: Option<usize>,
    clip_norm: Option<f64>,
    averaging: Option<WeightAveraging>,
    frozen: Vec<Frozen>,
    callbacks: Vec<Box<dyn Callback>>,
    /// The metrics whose best weights are kept, each with its place among the callbacks.
    best: Vec<(usize, Monitor)>,
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
    /// A trainer that writes to `folder`. Defaults: 1 epoch, batches of 32, seed 0, Adam with Keras's defaults, no
    /// clipping, no callbacks; a folder that already holds a run is refused.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
            epochs: 1,
            batch_size: 32,
            seed: 0,
            optimizer: Optimizer::adam(),
            gradient_accumulation_steps: 1,
            micro_batches: None,
            clip_norm: None,
            averaging: None,
            frozen: Vec::new(),
            callbacks: Vec::new(),
            best: Vec::new(),
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
        /// The total number of epochs, including those before a run was resumed.
        epochs(epochs: usize) => epochs = epochs;
        /// The number of rows per step, in training and validation. In a group, that of all ranks together.
        batch_size(rows: usize) => batch_size = rows;
        /// The seed of shuffling and dropout. The model's weights are seeded by its `init`.
        seed(seed: u64) => seed = seed;
        /// The optimizer and its options.
        optimizer(optimizer: Optimizer) => optimizer = optimizer;
        /// The number of batches that share an optimizer step: their gradients are averaged, and the mean is clipped
        /// and applied once, so that `steps * batch_size` rows count like one batch and take the memory of
        /// `batch_size`. Keras's `gradient_accumulation_steps`, Lightning's `accumulate_grad_batches`. Default: 1.
        ///
        /// The batches of a group weigh the same. The last group of an epoch may have fewer batches; its mean is over
        /// those. Each batch has its own dropout, and callbacks are called after each. A step has the learning rate of
        /// its last batch. A stopped run ends after a whole group; checkpoints within an epoch are written only then.
        gradient_accumulation_steps(steps: usize) => gradient_accumulation_steps = steps;
        /// Cuts each batch into this many micro-batches of consecutive rows, at least one for each rank and at most one
        /// for each row. Their gradients are added on the host along a fixed tree, so that a group
        /// ([`Trainer::fit_over`]) of any number of ranks trains to the same bits, if every rank has as many threads. A
        /// rank computes its micro-batches one after the other. Each has its own dropout. Not with Burn metrics.
        /// Default: one for each rank; another number of ranks then gives other bits.
        micro_batches(count: usize) => micro_batches = Some(count);
        /// Scales gradients down so that their norm over all parameters is at most `norm`, like PyTorch's
        /// `clip_grad_norm_`.
        clip_norm(norm: f64) => clip_norm = Some(norm);
        /// Averages the weights of several epochs or steps; the run is validated with the mean, and returns it.
        /// Default: no averaging.
        weight_averaging(averaging: WeightAveraging) => averaging = Some(averaging);
        /// Adds perplexity, e to the power of the mean loss, to the history as `perplexity` and `val_perplexity`. For a
        /// model whose loss is the negative log-likelihood of a token, such as a language model.
        perplexity() => perplexity = true;
        /// Adds gradient norms before clipping to the history: the epoch's mean and maximum over all parameters as
        /// `gradient_norm` and `gradient_norm_max`, and the mean of each layer, such as `gradient_norm.embedding`.
        gradient_norms() => gradient_norms = true;
        /// What to do if the folder already holds a run. Default: refuse to start.
        existing_run(existing: ExistingRun) => existing_run = existing;
        /// Also writes the checkpoint after every `steps` steps within an epoch, so that an interrupted run continues
        /// from there: to the same bits, if repeated runs give the same bits. Ctrl-C then keeps everything up to the
        /// last step. Not available with Burn's metrics, whose state cannot be saved. Default: only at the end of each
        /// epoch.
        checkpoint_every_steps(steps: usize) => within_epochs.steps = Some(steps);
        /// Like [`Trainer::checkpoint_every_steps`], but when `minutes` minutes have passed since the last checkpoint.
        checkpoint_every_minutes(minutes: f64) => within_epochs.minutes = Some(minutes);
        /// Ends training after the first step at which this process has trained for `minutes` minutes. If that is
        /// within an epoch, the epoch is validated, and its model kept, like a whole one. A resumed run continues from
        /// that step; with Burn's metrics, whose state cannot be saved, it continues with the next epoch. How far a run
        /// gets depends on the machine. Default: no limit.
        max_minutes(minutes: f64) => within_epochs.limit = Some(minutes);
        /// Also keeps the last `count` checkpoints as `checkpoint-EPOCH-STEP.kiln`. [`Trainer::from_weights`] reads
        /// them; to resume from one, copy it over `checkpoint.kiln`. Default: none.
        keep_checkpoints(count: usize) => within_epochs.kept = count;
        /// Refuses validation rows whose input, after encoding, equals that of a training row (two empty texts are
        /// equal). Default: they are counted and reported ([`Run::shared_rows`]).
        refuse_shared_rows() => refuse_shared_rows = true;
        /// Ends the run with an error if the loss of a training step is more than `times` times the loss of the first
        /// epoch or, during that epoch, of its first step. If that loss is below 1, it counts as 1. Default: 10,000.
        /// `f64::INFINITY` allows any finite loss.
        loss_limit(times: f64) => loss_limit = times;
        /// The weight of each row in the training loss: by its class, balanced or given, or row by row. As with Keras's
        /// `class_weight` and `sample_weight`, the mean is over the number of rows, not over the sum of their weights.
        /// Validation weighs all rows equally. Not for language models. Default: equal weights.
        row_weights(weights: RowWeights) => row_weights = weights;
        /// The share of a row's target, from 0 to below 1, that is spread evenly over all classes in the training loss:
        /// Keras's `label_smoothing`. Only for classifiers of rows. Default: 0.
        label_smoothing(part: f64) => label_smoothing = part;
        /// Sets the handle with which other code stops the run.
        interrupter(interrupter: Interrupter) => interrupter = interrupter;
        /// Stops the run cleanly at the first Ctrl-C, SIGTERM or SIGHUP, with an error that says what was kept. A
        /// second one, or one while no run is training, ends the process at once. Several trainers in a process may use
        /// this.
        stop_on_ctrl_c() => stops_on_ctrl_c = true;
        /// Prints nothing to standard output.
        quiet() => show = false;
    }

    /// Starts from existing weights, matched by name and shape, instead of those of the given model. `path` is the
    /// folder of a run or an artifact (the best weights are read, if they were kept), or a `model.safetensors` or
    /// `checkpoint.kiln` file, which is read without its averaged weights. Everything else is new: optimizer, learning
    /// rate, epochs, seed. Not for a resumed run, which has its own weights.
    ///
    /// Encode the texts with the tokenizer of the old run, its `tokenizer.json`: a newly fitted one may give other ids
    /// to the words. A folder whose tokenizer is not that of this run's artifact is refused.
    #[must_use]
    pub fn from_weights(mut self, path: impl AsRef<Path>) -> Self {
        self.from_weights = Some(path.as_ref().to_owned());
        self
    }

    /// Freezes the parameters under `path`, such as `embedding`, in the first `epochs` epochs and trains them
    /// afterwards. For pretrained word vectors, which the first gradients of an untrained network would spoil.
    /// Parameters that are not trainable stay so.
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

    /// Keeps the best weights: the folder's `model.safetensors` always holds the best so far, and [`Trainer::fit`]
    /// returns the best model.
    #[must_use]
    pub fn save_best(mut self, monitor: Monitor) -> Self {
        self.best.push((self.callbacks.len() + self.best.len(), monitor));
        self
    }

    /// Adds a numeric Burn metric over training and validation. The history lists it under its name, with the prefix
    /// `val_` for validation.
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

    /// Writes `config.json` and `tokenizer.json`, which a later process needs to predict, next to the weights: when the
    /// first epoch ends, and again at the end with the weights' checksum. Until the first epoch ends, an old run in the
    /// folder stays.
    #[must_use]
    pub fn artifact(mut self, artifact: ArtifactConfig) -> Self {
        self.artifact = Some(artifact);
        self
    }

    /// A handle that stops the run after the current step; with micro-batches, after the next one.
    pub fn stop_handle(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Trains `model` on `train`, and measures it on `valid` after each epoch.
    ///
    /// # Errors
    ///
    /// Before the first step: an option is out of range; a data set is empty or does not fit the model; there are ten
    /// or more training rows, all of one class; there are no weights to start from, or they belong to another model;
    /// the folder holds a run that is to be neither overwritten nor resumed; a checkpoint is damaged, or from a run
    /// with other options; with `stop_on_ctrl_c`, the process already has another handler of Ctrl-C.
    ///
    /// Later: a file cannot be written; a callback fails; a loss or a trained weight is not finite, or a loss exploded;
    /// the device fails, or has no memory for a step; the run is stopped from outside. The folder keeps what the last
    /// checkpoint holds.
    pub fn fit<D, V>(self, model: M, train: &D, valid: &V) -> Result<Run<M>>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
        V: Batches<Batch = M::Batch> + Clone + 'static,
    {
        self.fit_over(&One, model, train, valid)
    }

    /// [`Trainer::fit`] in a group: every rank calls it with the same options, model and data. Each has a replica of the
    /// model and learns from its part of every batch; the sum of the gradients is the same everywhere, and so is
    /// everything that follows from it. Rows that are not streams are also validated in parts.
    ///
    /// Rank 0 writes the folder and shows progress. The others need not see the folder, even when a run is resumed. A
    /// resumed run may have another number of ranks. If one rank is stopped or its time is up, all end after the same
    /// step.
    ///
    /// The replicas stay equal if all ranks run on the same kind of processor with as many threads, which is checked
    /// after each epoch. A callback is called on every rank. It should decide by what it is told, not by a clock, and
    /// not write to a place that ranks share, as a [`SaveBest`](crate::SaveBest) with a path of yours would.
    ///
    /// At the start the ranks compare their options, data and weights, but not the options of callbacks, and not data
    /// without digests ([`Batches::digest`]).
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::Device;
    /// use kiln_group::Launch;
    /// use kiln_models::{RecurrentRegressorConfig, weights::weights_of};
    /// use kiln_train::{Error, SeriesDataset, Trainer};
    ///
    /// let values: Vec<f32> = (0..96).map(|i| (i * 37 % 11) as f32 / 11.0).collect();
    /// let sums = values.chunks(3).map(|row| row.iter().sum()).collect();
    /// let (train, valid) = SeriesDataset::new(values, [3, 1], sums, 1)?.split_at(24)?;
    ///
    /// // Under `mpirun`, `Launch::new().run` takes the place of `threads`.
    /// let fit = |ranks: usize| {
    ///     let folder = tempfile::tempdir().expect("a folder");
    ///     let runs = Launch::new().threads(ranks, |group| {
    ///         let model = RecurrentRegressorConfig::new(1, 3).d_hidden(vec![4]).init(&Device::flex(), 0)?;
    ///         let trainer = Trainer::new(folder.path()).batch_size(8).micro_batches(4).quiet();
    ///         let run = trainer.fit_over(group, model, &train, &valid)?;
    ///         Ok::<_, Error>(weights_of(run.model()))
    ///     });
    ///     runs.into_iter().collect::<Result<Vec<_>, _>>()
    /// };
    /// assert_eq!(fit(2)?[0], fit(1)?[0]);
    /// # }
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Trainer::fit`]; [`Error::Group`](crate::Error::Group) if ranks have other options, model or data;
    /// [`Error::InGroup`](crate::Error::InGroup) if, in training, a rank fails or is missing or the replicas become
    /// different. Burn metrics, and fewer rows in a batch or fewer
    /// micro-batches than ranks, are refused.
    pub fn fit_over<D, V>(mut self, group: &dyn Group, model: M, train: &D, valid: &V) -> Result<Run<M>>
    where
        D: Batches<Batch = M::Batch> + Clone + 'static,
        V: Batches<Batch = M::Batch> + Clone + 'static,
    {
        let metrics = std::mem::take(&mut self.metrics);
        let stopping = self.stops_on_ctrl_c.then(|| self.interrupter.clone());
        self.show &= group.rank() == 0;
        let show = self.show;
        let (training, model) = self.prepare(group, model, train, valid)?;

        let work = Work::of(&model, training.identity.batch_size)?;
        let under_way = stopping.as_ref().map(UnderWay::new);
        let (training, trained) = match group.size() {
            1 => launch(training, model, metrics, &work),
            _ => launch_served(training, model, group, &work),
        };
        drop(under_way);

        let run = finish(training, trained)?;
        // From here on the folder is complete.
        group.barrier()?;
        if let Some(PaddingOnly { epoch, step, steps }) = run.padding_only.filter(|_| show) {
            let found =
                format!("{steps} training steps had only rows of padding, the first in step {step} of epoch {epoch}");
            let _ = writeln!(
                std::io::stdout(),
                "{found}: their texts are empty, or the tokenizer knows none of their words"
            );
        }
        Ok(run)
    }
}

/// Runs the loop on a separate thread, and serves it with the group on this one.
fn launch_served<M: Trainable>(
    mut training: TrainingLoop<M>,
    model: M,
    group: &dyn Group,
    work: &Work,
) -> (TrainingLoop<M>, Result<Trained<M>>) {
    let (relay, serving) = relay(group);
    training.team = Some(Team { group: Box::new(relay), cut: training.train.cut.clone() });
    std::thread::scope(|scope| {
        let running = scope.spawn(move || {
            let (mut training, trained) = launch(training, model, Vec::new(), work);
            // Ends the service.
            training.team = None;
            (training, trained)
        });
        serving.serve();
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Writes the returned model and the curves to the folder. After an error, keeps what can be kept.
fn finish<M: Trainable>(training: TrainingLoop<M>, trained: Result<Trained<M>>) -> Result<Run<M>> {
    let scores = training.scores();
    let TrainingLoop { folder, history, stopped, identity, artifact, shared_rows, padding_only, begun, .. } = training;
    let (model, weights) = trained.map_err(|error| {
        // Whatever fails here, the run's own error matters more.
        let kept = keep(&folder, &history);
        folder.settle().ok();
        folder.told(error, kept + 1)
    })?;
    let written = folder.write(|| {
        folder.save_curves(&history)?;
        match artifact {
            Some(artifact) => Ok(artifact.scores(scores).save(folder.path(), &weights)?),
            None => save_model(&folder, &weights),
        }
    });
    written.map_err(|error| folder.told(error, history.epochs().len() + 1))?;
    let (folder, batch_size) = (folder.path().to_owned(), identity.batch_size);
    Ok(Run { model, history, stopped, has_trained: begun, shared_rows, padding_only, folder, batch_size })
}

/// Cleans up the folder of a run that ended with an error, and returns the number of epochs that it keeps.
fn keep(folder: &RunFolder, history: &History) -> usize {
    match history.epochs().len() {
        epochs if folder.is_shadow() => epochs,
        0 => 0,
        epochs if folder.checkpoint().exists() => {
            folder.save_curves(history).ok();
            // The device may have failed before the last epoch's checkpoint was written.
            let Ok(last) = Checkpoint::load(&folder.checkpoint()) else { return epochs - 1 };
            let kept = last.epoch();
            // The artifact gets the weights of the last whole epoch, unless a callback kept better ones.
            if !folder.model().exists() {
                save_model(folder, &last.into_returned()).ok();
            }
            kept
        }
        // The first epoch has no checkpoint: its files cannot be resumed from, and would be in the way of the next run.
        _ => {
            folder.clear().ok();
            0
        }
    }
}

fn save_model(folder: &RunFolder, weights: &Weights) -> Result<()> {
    write_file(&folder.model(), &weights::to_safetensors(weights, weights::Precision::Full, None)?)
}
