//! The training loop: epochs of steps, validation, callbacks and one checkpoint.
//!
//! The model moves by value from step to step: there is one handle on it, so that the optimizer updates in place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use burn::data::dataloader::DataLoader;
use burn::train::Interrupter;
use kiln_base::OptionError;
use kiln_models::weights::{self, Weights};
use kiln_models::{Carried, LayerStates, Pass, record_rows};

use crate::callbacks::callback::{Callback, Control, Plan, StepLogs};
use crate::data::loader::{Loader, StepInput};
use crate::error::{Broken, Error, Result};
use crate::report::history::{EpochLogs, History};
use crate::report::metrics::{Metrics, Split};
use crate::run::checkpoint::{Checkpoint, Frozen, RunIdentity, Within};
use crate::run::gradients::{GradientSquares, LayerNorms, StepGradients};
use crate::run::meter::{BadStep, Meter, Update};
use crate::run::optimizer::OptimizerState;
use crate::run::run_folder::RunFolder;
use crate::run::trainable::{StepOutput, Trainable};
use kiln_predict::ArtifactConfig;
use kiln_predict::device_failure::Work;

/// All that the loop needs besides the model.
pub(crate) struct TrainingLoop<M: Trainable> {
    pub(crate) folder: RunFolder,
    pub(crate) identity: RunIdentity,
    /// The last epoch.
    pub(crate) epochs: usize,
    pub(crate) train: Arc<Loader<M::Batch>>,
    pub(crate) valid: Arc<Loader<M::Batch>>,
    /// The epoch that the training loader shuffles by.
    pub(crate) shuffle_epoch: Arc<AtomicU64>,
    pub(crate) optimizer: OptimizerState,
    pub(crate) learning_rate: f64,
    pub(crate) callbacks: Vec<Box<dyn Callback>>,
    pub(crate) interrupter: Interrupter,
    pub(crate) history: History,
    pub(crate) stopped: Option<String>,
    /// Names of the Burn metrics, which are asked for after each epoch.
    pub(crate) metric_names: Vec<String>,
    /// Whether perplexity stands in the history.
    pub(crate) perplexity: bool,
    /// Whether the norms of gradients stand in the history.
    pub(crate) gradient_norms: bool,
    /// That of the last epoch, in words.
    pub(crate) largest_gradient: Option<String>,
    /// Whether the folder holds this run: an old one stays until the first epoch has ended, and is put aside until it is
    /// kept.
    pub(crate) begun: bool,
    /// Whether it goes on with what the folder holds.
    pub(crate) resumed: bool,
    /// How many validation rows are also among the training rows.
    pub(crate) shared_rows: Option<usize>,
    pub(crate) artifact: Option<ArtifactConfig>,
    /// When to keep the state within an epoch.
    pub(crate) within_epochs: WithinEpochs,
    /// Where in its next epoch a resumed run goes on.
    pub(crate) within: Option<Within>,
    /// Whether the data do not tell their classes, and no epoch has shown them.
    pub(crate) unknown_classes: bool,
    /// The same of the validation data.
    pub(crate) unknown_valid_classes: bool,
    /// By how much a step's loss may exceed that of the start.
    pub(crate) loss_limit: f64,
    pub(crate) padding_only: Option<PaddingOnly>,
}

/// The training steps whose rows were padding only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaddingOnly {
    /// Of the first.
    pub(crate) epoch: usize,
    pub(crate) step: usize,
    pub(crate) steps: usize,
}

/// When to keep the state within an epoch, and how many earlier ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WithinEpochs {
    /// After so many steps of an epoch.
    pub(crate) steps: Option<usize>,
    /// When so much time has passed since the last one.
    pub(crate) time: Option<Duration>,
    /// How many checkpoints are kept under names of their own.
    pub(crate) kept: usize,
}

impl WithinEpochs {
    pub(crate) fn is_asked(&self) -> bool {
        self.steps.is_some() || self.time.is_some()
    }
}

/// The model, for inference, and its weights.
pub(crate) type Trained<M> = (M, Weights);

impl<M: Trainable> TrainingLoop<M> {
    /// The numbers of the epoch whose weights the run leaves.
    pub(crate) fn scores(&self) -> Vec<(String, f64)> {
        let kept = self.callbacks.iter().rev().find_map(|callback| callback.kept_epoch());
        let epochs = self.history.epochs();
        let logs = epochs.iter().find(|logs| Some(logs.epoch) == kept).or(epochs.last());
        logs.map(|logs| logs.entries()).unwrap_or_default()
    }

    /// Trains `model`. A device that fails by a panic ends the loop like any error, so that its history is not lost.
    pub(crate) fn run(&mut self, model: M, metrics: &mut Metrics) -> Result<Trained<M>> {
        Work::of(&model, self.identity.batch_size)?.run(|| self.train(model, metrics))
    }

    fn train(&mut self, mut model: M, metrics: &mut Metrics) -> Result<Trained<M>> {
        let first = self.history.epochs().len() + 1;
        let plan = Plan { first_epoch: first, epochs: self.epochs, steps: self.train.steps() };
        if self.stopped.is_none() {
            model = self.call(model, |callback, control| callback.on_train_begin(&plan, control))?;
            for epoch in first..=self.epochs {
                model = self.epoch(model, metrics, epoch)?;
                if self.stopped.is_some() {
                    break;
                }
            }
        }
        let model = self.call(model, |callback, control| callback.on_train_end(control))?.valid();
        let weights = weights::weights_of(&model);
        Ok((model, weights))
    }

    fn epoch(&mut self, model: M, metrics: &mut Metrics, epoch: usize) -> Result<M> {
        self.shuffle_epoch.store(epoch as u64 - 1, Ordering::Relaxed);
        let model = self.freeze(model, epoch);
        let within = self.within.take();
        let learning_rate = within.as_ref().map_or(self.learning_rate, |within| f64::from_bits(within.learning_rate));
        let (model, training) = self.train_epoch(model, metrics, epoch, within)?;
        let validation = self.validate(&model, metrics, epoch)?;
        metrics.flush()?;
        self.check_kept(&model, epoch, &training, &validation)?;
        self.largest_gradient = training.norms().describe_epoch(epoch);

        let (loss, val_loss) = (training.loss().unwrap_or(f64::NAN), validation.loss().unwrap_or(f64::NAN));
        let mut logs = EpochLogs {
            epoch,
            loss,
            accuracy: training.accuracy(),
            val_loss,
            val_accuracy: validation.accuracy(),
            learning_rate,
            ..EpochLogs::default()
        };
        for name in &self.metric_names {
            for (prefix, split) in [("", Split::Train), ("val_", Split::Valid)] {
                if let Some(value) = metrics.mean(name, &split) {
                    logs.metrics.insert(format!("{prefix}{name}"), value);
                }
            }
        }
        if self.perplexity {
            logs.metrics.insert("perplexity".to_owned(), loss.exp());
            logs.metrics.insert("val_perplexity".to_owned(), val_loss.exp());
        }
        if self.gradient_norms {
            logs.metrics.extend(training.norms().entries());
        }
        self.begin()?;
        self.history.push(logs.clone());
        let model = self.call(model, |callback, control| callback.on_epoch_end(&logs, control))?;
        self.folder.save_history(&self.history)?;
        self.checkpoint(&model, None)?;
        self.folder.kept_step(None);
        Ok(model)
    }

    /// Freezes what is frozen in this epoch and frees what was before.
    fn freeze(&self, model: M, epoch: usize) -> M {
        let RunIdentity { frozen, never_trained, .. } = &self.identity;
        if frozen.is_empty() {
            return model;
        }
        let is_frozen = |name: &str| {
            let now = |rule: &Frozen| epoch <= rule.epochs && weights::is_under(name, &rule.path);
            frozen.iter().any(now) || never_trained.iter().any(|path| path == name)
        };
        weights::map_trainable(model, |name| Some(!is_frozen(name)))
    }

    fn train_epoch(
        &mut self,
        mut model: M,
        metrics: &mut Metrics,
        epoch: usize,
        within: Option<Within>,
    ) -> Result<(M, Meter)> {
        let train = self.train.clone();
        metrics.start(Split::Train, train.num_items());
        let mut meter = Meter::with_norms(LayerNorms::new(&model, self.largest_gradient.clone()));
        let begun_with = self.history.epochs().first().map(|logs| logs.loss);
        meter.limit_loss(self.loss_limit, begun_with);
        let (mut step, rate_at_start) = (0, self.learning_rate);
        if let Some(Within { step: made, meter: state, carried, .. }) = &within {
            let other = || Error::damaged(&self.folder.checkpoint(), "its place in the epoch is another model's");
            meter = meter.restored(state).ok_or_else(other)?;
            let states = Carried::default();
            if let Some(carried) = LayerStates::of_weights(carried, &train.device) {
                states.leave(carried);
            }
            train.go_on_after(*made, states);
            step = *made;
        }
        let rate_at_start = within.map_or(rate_at_start, |within| f64::from_bits(within.learning_rate));
        let mut kept_at = Instant::now();
        let mut iterator = train.iter();
        while let Some(item) = iterator.next() {
            let StepInput { batch, pass, rows, loss } = item.map_err(Error::Dataset)?;
            step += 1;
            let batch = if loss.is_plain() { batch } else { M::with_loss(batch, loss) };
            if self.unknown_classes {
                self.check_batch(&model, &batch, epoch, step)?;
            }
            if model.is_padding_only(&batch) {
                self.padding_only.get_or_insert(PaddingOnly { epoch, step, steps: 0 }).steps += 1;
            }
            let rate = self.learning_rate;
            let (output, gradients) = learn(&model, batch, &pass);
            let squares = GradientSquares::of(&model, &gradients);
            let scale = self.identity.clip_norm.and_then(|limit| Some(squares.as_ref()?.clip_scale(limit)));
            meter.add(&output, rows, Some(Update { squares, learning_rate: rate }))?;
            // What nobody measures goes now, and with it the graph's handles on the parameters.
            let measured = (!self.metric_names.is_empty()).then_some(output);
            model = self.optimizer.scaled_step(model, gradients, rate, scale);
            self.check_finite(epoch, &meter)?;
            if let Some(output) = measured {
                metrics.add(Split::Train, output, iterator.progress(), step, Some(rate));
            }
            let logs = StepLogs { epoch, step, loss: meter.loss(), accuracy: meter.accuracy() };
            model = self.call(model, |callback, control| callback.on_step_end(&logs, control))?;
            let asked = &self.within_epochs;
            let is_due = asked.steps.is_some_and(|steps| step % steps == 0)
                || asked.time.is_some_and(|time| kept_at.elapsed() >= time)
                || (asked.is_asked() && self.interrupter.should_stop() && self.interrupter.error().is_none());
            // The end of the epoch has a checkpoint of its own.
            if is_due && step < train.steps() && self.stopped.is_none() {
                let carried = train.carried().peek().map(|states| states.to_weights()).transpose();
                let carried = carried.map_err(kiln_predict::Error::Device)?.unwrap_or_default();
                let state = meter.state()?;
                self.check_finite(epoch, &meter)?;
                self.begin()?;
                let within = Within { step, learning_rate: rate_at_start.to_bits(), meter: state, carried };
                self.checkpoint(&model, Some(within))?;
                self.folder.kept_step(Some(step));
                kept_at = Instant::now();
            }
            self.check_interrupted(epoch)?;
            if self.stopped.is_some() {
                break;
            }
        }
        meter.read()?;
        self.check_finite(epoch, &meter)?;
        // Each epoch has the same rows.
        self.unknown_classes = false;
        metrics.end(Split::Train);
        Ok((model, meter))
    }

    /// # Errors
    ///
    /// The batch has a class that the model does not have.
    fn check_batch(&self, model: &M, batch: &M::Batch, epoch: usize, step: usize) -> Result<()> {
        model.check_batch(batch).map_err(|source| match source {
            source @ Error::Data { .. } => {
                Error::Step { epoch, step, source: Box::new(source), kept: self.folder.keeps(epoch) }
            }
            of_device => of_device,
        })
    }

    fn validate(&mut self, model: &M, metrics: &mut Metrics, epoch: usize) -> Result<Meter> {
        let model = model.valid();
        metrics.start(Split::Valid, self.valid.num_items());
        let mut meter = Meter::default();
        let mut iterator = self.valid.iter();
        let mut step = 0;
        while let Some(item) = iterator.next() {
            let StepInput { batch, pass, rows, .. } = item.map_err(Error::Dataset)?;
            step += 1;
            if self.unknown_valid_classes {
                self.check_batch(&model, &batch, epoch, step)?;
            }
            let output = model.step(batch, &pass);
            meter.add(&output, rows, None)?;
            if !self.metric_names.is_empty() {
                metrics.add(Split::Valid, output, iterator.progress(), step, None);
            }
            self.check_interrupted(epoch)?;
        }
        meter.read()?;
        self.unknown_valid_classes = false;
        metrics.end(Split::Valid);
        Ok(meter)
    }

    /// # Errors
    ///
    /// What the epoch would leave is broken: its last step may do that, whose effect no training loss shows.
    fn check_kept(&self, model: &M, epoch: usize, training: &Meter, validation: &Meter) -> Result<()> {
        let is_trained = |name: &String| !self.identity.never_trained.contains(name);
        let mut trained = weights::weights_of(model).into_iter().filter(|(name, _)| is_trained(name));
        let bad = trained.find_map(|(name, weight)| {
            let value = weight.values.into_iter().find(|value| !value.is_finite())?;
            Some((Broken::Weight(name), f64::from(value)))
        });
        let validation = || Some((Broken::ValidLoss, validation.bad_step()?.loss));
        bad.or_else(validation).map_or(Ok(()), |(what, value)| {
            let bad = BadStep { step: training.steps(), loss: value, learning_rate: training.learning_rate() };
            Err(self.not_finite(epoch, training, what, bad))
        })
    }

    /// # Errors
    ///
    /// The loss of a step was not finite, or exploded.
    fn check_finite(&self, epoch: usize, meter: &Meter) -> Result<()> {
        let bad = meter.bad_step();
        bad.map_or(Ok(()), |bad| {
            let what = if bad.loss.is_finite() { Broken::Exploded } else { Broken::TrainLoss };
            Err(self.not_finite(epoch, meter, what, bad))
        })
    }

    fn not_finite(&self, epoch: usize, training: &Meter, what: Broken, bad: BadStep) -> Error {
        let BadStep { step, loss: value, learning_rate } = bad;
        let (gradient, kept) = (training.norms().describe(), self.folder.keeps(epoch));
        Error::NotFinite { what, value, step, epoch, learning_rate, gradient, kept }
    }

    /// # Errors
    ///
    /// The user, or an error in Burn's machinery, stopped the run.
    fn check_interrupted(&self, epoch: usize) -> Result<()> {
        if !self.interrupter.should_stop() {
            return Ok(());
        }
        Err(match self.interrupter.error() {
            Some(error) => Error::Training(error),
            None => Error::Interrupted {
                reason: self.interrupter.get_message().unwrap_or_else(|| "stopped".to_owned()),
                epoch,
                kept: self.folder.kept(epoch),
            },
        })
    }

    /// Calls every callback in turn and does what they ask for.
    fn call(&mut self, model: M, mut act: impl FnMut(&mut dyn Callback, &mut Control<'_>) -> Result<()>) -> Result<M> {
        let weights = || weights::weights_of(&model);
        let mut control = Control::new(self.learning_rate, &weights);
        control.stop = self.stopped.take();
        for callback in &mut self.callbacks {
            act(callback.as_mut(), &mut control)?;
        }
        let Control { learning_rate, stop, replaced, .. } = control;
        let is_rate = learning_rate.is_finite() && learning_rate >= 0.0;
        OptionError::unless(is_rate, "learning rate set by a callback", "a number of at least 0", learning_rate)?;
        self.learning_rate = learning_rate;
        self.stopped = stop;
        Ok(match replaced {
            Some(replaced) => weights::with_weights(model, replaced)?,
            None => model,
        })
    }

    /// Puts this run in the place of an old one. What says how to predict is written anew, of a resumed run too: whatever
    /// became of it, the weights that follow are those of what the run was begun with.
    fn begin(&mut self) -> Result<()> {
        if !self.begun {
            if !self.resumed {
                self.folder.put_aside()?;
            }
            if let Some(artifact) = &self.artifact {
                artifact.save_without_weights(self.folder.path())?;
            }
            self.begun = true;
        }
        Ok(())
    }

    fn checkpoint(&self, model: &M, within: Option<Within>) -> Result<()> {
        let place =
            (self.history.epochs().len() + usize::from(within.is_some()), within.as_ref().map(|within| within.step));
        let (optimizer, optimizer_steps) = self.optimizer.to_parts();
        let checkpoint = Checkpoint {
            identity: self.identity.clone(),
            history: self.history.clone(),
            learning_rate: self.learning_rate,
            stopped: self.stopped.clone(),
            model: weights::weights_of(model),
            optimizer,
            optimizer_steps,
            callbacks: self.callbacks.iter().map(|callback| callback.state()).collect(),
            within,
        };
        checkpoint.save(&self.folder.checkpoint())?;
        self.folder.settle()?;
        Ok(self.folder.retain(place, self.within_epochs.kept)?)
    }
}

/// A step's output and gradients, of single rows where an embedding is sparse.
fn learn<M: Trainable>(model: &M, batch: M::Batch, pass: &Pass) -> (StepOutput, StepGradients) {
    let (output, looked_up) = record_rows(|| model.step(batch, pass));
    let gradients = output.loss.backward();
    (output, StepGradients::new(model, gradients, looked_up))
}
