//! The training loop: epochs of steps, validation, callbacks and checkpoints.
//!
//! The model moves by value from step to step: with a single handle on it, the optimizer updates in place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use burn::data::dataloader::DataLoader;
use burn::train::Interrupter;
use kiln_base::OptionError;
use kiln_models::weights::{self, Weights};
use kiln_models::{Carried, LossOptions, Pass, record_rows};

use crate::callbacks::callback::{Callback, Control, Plan, StepLogs};
use crate::data::loader::{Loader, Part, StepInput};
use crate::error::{Broken, Error, Result};
use crate::group::{Learned, Outcome, Team, part_of};
use crate::report::history::{EpochLogs, History};
use crate::report::metrics::{Metrics, Split};
use crate::run::averaging::Average;
use crate::run::checkpoint::{Checkpoint, Frozen, RunIdentity, Within};
use crate::run::gradients::{GradientSquares, GradientSum, LayerNorms, StepGradients};
use crate::run::meter::{BadStep, Measured, Meter, Update};
use crate::run::optimizer::OptimizerState;
use crate::run::run_folder::RunFolder;
use crate::run::trainable::{StepOutput, Trainable};
use kiln_predict::ArtifactConfig;
use kiln_predict::device_failure::Work;

/// Everything that the loop needs except the model.
pub(crate) struct TrainingLoop<M: Trainable> {
    pub(crate) folder: RunFolder,
    pub(crate) identity: RunIdentity,
    /// The last epoch.
    pub(crate) epochs: usize,
    pub(crate) train: Arc<Loader<M::Batch>>,
    pub(crate) valid: Arc<Loader<M::Batch>>,
    /// The epoch by which the training loader shuffles.
    pub(crate) shuffle_epoch: Arc<AtomicU64>,
    pub(crate) optimizer: OptimizerState,
    /// The mean of the weights, if they are averaged.
    pub(crate) average: Average,
    pub(crate) learning_rate: f64,
    pub(crate) callbacks: Vec<Box<dyn Callback>>,
    pub(crate) interrupter: Interrupter,
    pub(crate) history: History,
    pub(crate) stopped: Option<String>,
    /// Names of the Burn metrics, which are read after each epoch.
    pub(crate) metric_names: Vec<String>,
    /// Whether the history includes perplexity.
    pub(crate) perplexity: bool,
    /// Whether the history includes the norms of gradients.
    pub(crate) gradient_norms: bool,
    /// The largest gradient of the last epoch, as text.
    pub(crate) largest_gradient: Option<String>,
    /// Whether the folder holds this run. An old run stays until the first epoch has ended, and is set aside until that
    /// epoch is saved.
    pub(crate) begun: bool,
    /// Whether the run continues what the folder holds.
    pub(crate) resumed: bool,
    /// How many validation rows are also among the training rows.
    pub(crate) shared_rows: Option<usize>,
    pub(crate) artifact: Option<ArtifactConfig>,
    /// When to save the state within an epoch.
    pub(crate) within_epochs: WithinEpochs,
    /// Where in its next epoch a resumed run continues.
    pub(crate) within: Option<Within>,
    /// Whether the time limit ended the last epoch before its last step, and the state was saved there.
    pub(crate) is_cut: bool,
    /// Whether the classes of the training data are unknown: the data do not report them, and no epoch has checked
    /// them.
    pub(crate) unknown_classes: bool,
    /// The same, for the validation data.
    pub(crate) unknown_valid_classes: bool,
    /// How many times the loss at the start a step's loss may be.
    pub(crate) loss_limit: f64,
    pub(crate) padding_only: Option<PaddingOnly>,
    /// The micro-batches and the group that shares them; `None` if batches are whole.
    pub(crate) team: Option<Team>,
}

/// The training steps whose rows were only padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaddingOnly {
    /// The epoch of the first one; `step` is its step.
    pub(crate) epoch: usize,
    pub(crate) step: usize,
    pub(crate) steps: usize,
}

/// The start of the reason if a run ended because its time was up.
pub(crate) const TIME_LIMIT: &str = "the time limit";

/// When to save the state within an epoch, how many checkpoints to keep, and when to end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WithinEpochs {
    /// After this many steps of an epoch.
    pub(crate) steps: Option<usize>,
    /// When this many minutes have passed since the last checkpoint.
    pub(crate) minutes: Option<f64>,
    /// The minutes after which training ends.
    pub(crate) limit: Option<f64>,
    /// How many checkpoints are also kept under numbered names.
    pub(crate) kept: usize,
}

impl WithinEpochs {
    pub(crate) fn is_asked(&self) -> bool {
        self.steps.is_some() || self.minutes.is_some()
    }
}

pub(crate) fn has_passed(since: Instant, minutes: f64) -> bool {
    since.elapsed().as_secs_f64() >= minutes * 60.0
}

/// The model, for inference, and its weights.
pub(crate) type Trained<M> = (M, Weights);

impl<M: Trainable> TrainingLoop<M> {
    /// The values of the epoch whose weights the run keeps.
    pub(crate) fn scores(&self) -> Vec<(String, f64)> {
        let kept = self.callbacks.iter().rev().find_map(|callback| callback.kept_epoch());
        let epochs = self.history.epochs();
        let logs = epochs.iter().find(|logs| Some(logs.epoch) == kept).or(epochs.last());
        logs.map(|logs| logs.entries()).unwrap_or_default()
    }

    /// Trains `model`. A device that fails with a panic ends the loop like any error, so that its history is not lost.
    pub(crate) fn run(&mut self, model: M, metrics: &mut Metrics) -> Result<Trained<M>> {
        Work::of(&model, self.identity.batch_size)?.run(|| self.train(model, metrics))
    }

    fn train(&mut self, mut model: M, metrics: &mut Metrics) -> Result<Trained<M>> {
        let (first, began) = (self.history.epochs().len() + 1, Instant::now());
        let (steps, minutes) = (self.train.steps(), self.within_epochs.limit);
        let plan = Plan { first_epoch: first, epochs: self.epochs, steps, minutes };
        if self.stopped.is_none() {
            model = self.call(model, None, |callback, control| callback.on_train_begin(&plan, control))?;
            for epoch in first..=self.epochs {
                model = self.epoch(model, metrics, epoch, began)?;
                if self.stopped.is_some() {
                    break;
                }
            }
        }
        let model = self.average.of(&model).unwrap_or(model);
        let model = self.call(model, None, |callback, control| callback.on_train_end(control))?.valid();
        let weights = weights::weights_of(&model);
        Ok((model, weights))
    }

    fn epoch(&mut self, model: M, metrics: &mut Metrics, epoch: usize, began: Instant) -> Result<M> {
        self.shuffle_epoch.store(epoch as u64 - 1, Ordering::Relaxed);
        let model = self.freeze(model, epoch);
        let within = self.within.take();
        let (model, training, learning_rate) = self.train_epoch(model, metrics, (epoch, began), within)?;
        let averaging = self.identity.averaging;
        if averaging.is_some_and(|averaging| averaging.takes_epoch(epoch)) {
            self.average.add(&model, &self.identity.never_trained);
        }
        let averaged = self.average.of(&model);
        let validation = self.validate(averaged.as_ref().unwrap_or(&model), metrics, epoch)?;
        metrics.flush()?;
        self.check_kept([Some(&model), averaged.as_ref()], epoch, &training, &validation)?;
        self.check_same(&model, epoch)?;
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
        if averaging.is_some() {
            logs.metrics.insert("averaged".to_owned(), self.average.count() as f64);
        }
        self.begin()?;
        self.history.push(logs.clone());
        let model = self.call(model, averaged.as_ref(), |callback, control| callback.on_epoch_end(&logs, control))?;
        self.folder.save_history(&self.history)?;
        // An epoch that the time limit cut short has its checkpoint already: a resumed run continues within it.
        if !self.is_cut {
            self.checkpoint(&model, None)?;
            self.folder.kept_step(None);
        }
        Ok(model)
    }

    /// Freezes the parameters that are frozen in this epoch, and unfreezes the others.
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

    /// Makes the steps of an epoch. Also returns what they measured, and the learning rate of the first.
    fn train_epoch(
        &mut self,
        mut model: M,
        metrics: &mut Metrics,
        (epoch, began): (usize, Instant),
        within: Option<Within>,
    ) -> Result<(M, Meter, f64)> {
        let train = self.train.clone();
        metrics.start(Split::Train, train.num_items());
        let mut meter = Meter::with_norms(LayerNorms::new(&model, self.largest_gradient.clone()));
        let begun_with = self.history.epochs().first().map(|logs| logs.loss);
        meter.limit_loss(self.loss_limit, begun_with);
        let (mut step, rate_at_start) = (0, self.learning_rate);
        if let Some(Within { step: made, meter: state, carried, .. }) = &within {
            let other = || Error::damaged(&self.folder.checkpoint(), "its epoch state belongs to another model");
            meter = meter.restored(state).ok_or_else(other)?;
            let state_of = |place| {
                let states = Carried::default();
                if let Some(carried) = part_of(&train.cut, place, carried, &train.device) {
                    states.leave(carried);
                }
                states
            };
            train.go_on_after(*made, train.cut.own.clone().map(state_of).collect());
            step = *made;
        }
        let mut rate_at_start = within.map_or(rate_at_start, |within| f64::from_bits(within.learning_rate));
        let (mut kept_at, mut sum, mut factors) = (Instant::now(), GradientSum::default(), 0.0);
        let losses = self.history.values("val_loss");
        let averages_steps = self.identity.averaging.is_some_and(|averaging| averaging.takes_steps(&losses));
        let mut iterator = train.iter();
        while let Some(item) = iterator.next() {
            let StepInput { parts, rows, rate_factor } = item.map_err(Error::Dataset)?;
            step += 1;
            let parts = parts.into_iter().map(|part| match part.loss.is_plain() {
                true => part,
                false => Part { batch: M::with_loss(part.batch, part.loss), loss: LossOptions::default(), ..part },
            });
            let parts: Vec<_> = parts.collect();
            for Part { batch, .. } in parts.iter().filter(|_| self.unknown_classes) {
                self.check_batch(&model, batch, epoch, step)?;
            }
            let is_last = step >= train.steps();
            let Learned { measured, gradients, output, has_words, agreed } =
                self.learn(&model, parts, rows, began, kept_at)?;
            if !has_words {
                self.padding_only.get_or_insert(PaddingOnly { epoch, step, steps: 0 }).steps += 1;
            }
            if let Some(agreed) = &agreed {
                self.learning_rate = f64::from_bits(agreed.learning_rate);
                rate_at_start = if step == 1 { self.learning_rate } else { rate_at_start };
            }
            // Its place among the batches that share an optimizer step, and so the mean of their factors.
            let place = (step - 1) % self.identity.gradient_accumulation_steps + 1;
            let is_complete = is_last || place == self.identity.gradient_accumulation_steps;
            factors = if place == 1 { rate_factor } else { factors + rate_factor };
            let rate = self.learning_rate * (factors / place as f64);
            let gradients = sum.add(&model, gradients, is_complete);
            let squares = gradients.as_ref().and_then(|gradients| GradientSquares::of(&model, gradients));
            let scale = self.identity.clip_norm.and_then(|limit| Some(squares.as_ref()?.clip_scale(limit)));
            meter.add(measured, Some(Update { squares, learning_rate: rate }))?;
            // Without metrics the output is dropped now, and with it the graph's handles on the parameters.
            let output = output.filter(|_| !self.metric_names.is_empty());
            if let Some(gradients) = gradients {
                model = self.optimizer.scaled_step(model, gradients, rate, scale);
                if averages_steps {
                    self.average.add(&model, &self.identity.never_trained);
                }
            }
            self.check_finite(epoch, &meter)?;
            if let Some(output) = output {
                metrics.add(Split::Train, output, iterator.progress(), step, Some(rate));
            }
            let logs = StepLogs { epoch, step, loss: meter.loss(), accuracy: meter.accuracy() };
            model = self.call(model, None, |callback, control| callback.on_step_end(&logs, control))?;
            // A checkpoint holds no gradients, so nothing is kept or ends before they are applied.
            if !is_complete {
                continue;
            }
            let signals = agreed.unwrap_or_else(|| self.signals(began, kept_at));
            let limit = self.within_epochs.limit.filter(|_| signals.end);
            // A run that a callback has ended in this step does not continue within the epoch.
            let is_limited = self.stopped.is_none() && (!is_last || epoch < self.epochs);
            if let Some(minutes) = limit.filter(|_| is_limited) {
                self.stopped = Some(format!("{TIME_LIMIT} of {minutes} minutes was reached"));
                self.is_cut = !is_last && self.metric_names.is_empty();
            }
            let asked = &self.within_epochs;
            let is_due = asked.steps.is_some_and(|steps| step / steps > (step - place) / steps)
                || signals.checkpoint
                || (asked.is_asked() && signals.stop && self.interrupter.error().is_none());
            // The end of the epoch writes its own checkpoint.
            if self.is_cut || (is_due && !is_last && self.stopped.is_none()) {
                let carried = self.carried_states()?;
                let state = meter.state()?;
                self.check_finite(epoch, &meter)?;
                self.begin()?;
                let within = Within { step, learning_rate: rate_at_start.to_bits(), meter: state, carried };
                self.checkpoint(&model, Some(within))?;
                self.folder.kept_step(Some(step));
                kept_at = Instant::now();
            }
            self.check_interrupted(epoch, signals.stop)?;
            if self.stopped.is_some() {
                break;
            }
        }
        meter.read()?;
        self.check_finite(epoch, &meter)?;
        // Every epoch has the same rows.
        self.unknown_classes = false;
        metrics.end(Split::Train);
        Ok((model, meter, rate_at_start))
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
        let (share, mut own) = (self.share_of_validation(), Vec::new());
        let valid: Arc<dyn DataLoader<StepInput<M::Batch>>> = match &share {
            Some(rows) => self.valid.slice(rows.start, rows.end),
            None => self.valid.clone(),
        };
        let mut iterator = valid.iter();
        let mut step = share.as_ref().map_or(0, |rows| rows.start / self.valid.batch_size);
        while let Some(item) = iterator.next() {
            for Part { batch, pass, rows, .. } in item.map_err(Error::Dataset)?.parts {
                step += 1;
                if self.unknown_valid_classes {
                    self.check_batch(&model, &batch, epoch, step)?;
                }
                let output = model.step(batch, &pass);
                let measured = Measured::of(&output, rows);
                match &self.team {
                    Some(_) => own.push(Outcome::of(measured)?),
                    None => meter.add(measured, None)?,
                }
                if !self.metric_names.is_empty() {
                    metrics.add(Split::Valid, output, iterator.progress(), step, None);
                }
            }
            match (self.interrupter.should_stop(), &self.team) {
                // The others learn it with the outcomes.
                (true, Some(_)) => break,
                (stop, _) => self.check_interrupted(epoch, stop)?,
            }
        }
        if let Some(team) = &self.team {
            // Streams are measured by every rank; the numbers of rank 0 count.
            let own = if share.is_some() || team.group.rank() == 0 { own } else { Vec::new() };
            let (stop, outcomes) = team.outcomes(self.interrupter.should_stop(), own)?;
            self.check_interrupted(epoch, stop)?;
            for outcome in outcomes {
                meter.add(outcome.measured(&self.valid.device), None)?;
            }
        }
        meter.read()?;
        self.unknown_valid_classes = false;
        metrics.end(Split::Valid);
        Ok(meter)
    }

    /// # Errors
    ///
    /// A trained weight of one of the models or the validation loss is not finite. The last step may cause that without
    /// an effect on a training loss.
    fn check_kept(&self, models: [Option<&M>; 2], epoch: usize, training: &Meter, validation: &Meter) -> Result<()> {
        let is_trained = |name: &String| !self.identity.never_trained.contains(name);
        let weights = models.into_iter().flatten().flat_map(weights::weights_of);
        let mut trained = weights.filter(|(name, _)| is_trained(name));
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
    /// The user stopped the run, or an error in Burn's machinery did.
    fn check_interrupted(&self, epoch: usize, stop: bool) -> Result<()> {
        if !stop {
            return Ok(());
        }
        Err(match self.interrupter.error() {
            Some(error) => Error::Training(error),
            None => Error::Interrupted {
                reason: self.interrupter.get_message().unwrap_or_else(|| match self.interrupter.should_stop() {
                    true => "stopped".to_owned(),
                    false => "another rank was stopped".to_owned(),
                }),
                epoch,
                kept: self.folder.kept(epoch),
            },
        })
    }

    /// Calls every callback in turn and does what they request. They read the weights of `averaged`, if it is given.
    fn call(
        &mut self,
        model: M,
        averaged: Option<&M>,
        mut act: impl FnMut(&mut dyn Callback, &mut Control<'_>) -> Result<()>,
    ) -> Result<M> {
        let weights = || weights::weights_of(averaged.unwrap_or(&model));
        let mut control = Control::new(self.learning_rate, &weights);
        control.stop = self.stopped.take();
        for callback in &mut self.callbacks {
            act(callback.as_mut(), &mut control)?;
        }
        let Control { learning_rate, stop, replaced, .. } = control;
        let is_rate = learning_rate.is_finite() && learning_rate >= 0.0;
        OptionError::unless(is_rate, "learning_rate (set by a callback)", "a number of at least 0", learning_rate)?;
        self.learning_rate = learning_rate;
        self.stopped = stop;
        Ok(match replaced {
            Some(replaced) => weights::with_weights(model, replaced)?,
            None => model,
        })
    }

    /// Replaces an old run in the folder with this one. The artifact's description is written again, for a resumed run
    /// too: even if it was changed in the meantime, the weights that follow are those of the run as it was started.
    fn begin(&mut self) -> Result<()> {
        if !self.begun {
            if !self.resumed {
                self.folder.put_aside()?;
            }
            if let Some(artifact) = &self.artifact {
                self.folder.write(|| Ok(artifact.save_without_weights(self.folder.path())?))?;
            }
            self.begun = true;
        }
        Ok(())
    }

    fn checkpoint(&self, model: &M, within: Option<Within>) -> Result<()> {
        if self.folder.is_shadow() {
            return Ok(());
        }
        let place =
            (self.history.epochs().len() + usize::from(within.is_some()), within.as_ref().map(|within| within.step));
        let (optimizer, optimizer_steps) = self.optimizer.to_parts();
        let checkpoint = Checkpoint {
            identity: self.identity.clone(),
            history: self.history.clone(),
            learning_rate: self.learning_rate,
            stopped: self.stopped.clone(),
            model: weights::weights_of(model),
            average: self.average.to_weights(),
            averaged: self.average.count(),
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

/// A step's output and the gradients of its loss and penalty; for a sparse embedding, these are gradients of single
/// rows.
pub(crate) fn learn<M: Trainable>(model: &M, batch: M::Batch, pass: &Pass) -> (StepOutput, StepGradients) {
    let (output, looked_up) = record_rows(|| model.step(batch, pass));
    let gradients = match &output.penalty {
        Some(penalty) => (output.loss.clone() + penalty.clone()).backward(),
        None => output.loss.backward(),
    };
    (output, StepGradients::new(model, gradients, looked_up))
}
