//! The training loop, as a learning strategy for Burn's `SupervisedTraining`.
//!
//! Burn's own strategy clones the model before each optimizer step, so that nothing updates in
//! place, and saves before early stopping has seen the epoch. This one owns model and optimizer,
//! calls back, and writes one checkpoint after each epoch.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use burn::module::Module;
use burn::train::metric::store::{Aggregate, EventStoreClient, Split};
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent, SupervisedLearningStrategy,
    SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents, TrainingItem, ValidLoader,
};
use kiln_base::OptionError;
use kiln_models::weights::{self, Weights};

use crate::artifact::config::ArtifactConfig;
use crate::callbacks::callback::{Callback, Control, Plan, StepLogs};
use crate::data::loader::StepInput;
use crate::error::{Broken, Error, Result};
use crate::report::history::{EpochLogs, History};
use crate::run::checkpoint::{Checkpoint, Frozen, RunIdentity};
use crate::run::gradient_norms::{GradientSquares, LayerNorms};
use crate::run::meter::{BadStep, Meter, Update};
use crate::run::optimizer::OptimizerState;
use crate::run::run_folder::RunFolder;
use crate::run::trainable::{Fitting, Trainable};

/// All that the loop owns besides the model.
pub(crate) struct Loop {
    pub(crate) folder: RunFolder,
    pub(crate) identity: RunIdentity,
    pub(crate) optimizer: OptimizerState,
    pub(crate) learning_rate: f64,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) callbacks: Vec<Box<dyn Callback>>,
    pub(crate) history: History,
    pub(crate) stopped: Option<String>,
    /// The epoch that the training loader shuffles by.
    pub(crate) shuffle_epoch: Arc<AtomicU64>,
    /// Names of the Burn metrics, which are asked for after each epoch.
    pub(crate) metric_names: Vec<String>,
    /// Whether perplexity stands in the history.
    pub(crate) perplexity: bool,
    /// Whether the norms of gradients stand in the history.
    pub(crate) gradient_norms: bool,
    pub(crate) error: Option<Error>,
    /// Whether the folder holds this run: an old one stays until the first epoch has ended, and is put aside until it is
    /// kept.
    pub(crate) begun: bool,
    pub(crate) artifact: Option<ArtifactConfig>,
}

impl Loop {
    /// Puts this run in the place of an old one.
    fn begin(&mut self) -> Result<()> {
        if !self.begun {
            self.folder.put_aside()?;
            if let Some(artifact) = &self.artifact {
                artifact.save(self.folder.path())?;
            }
            self.begun = true;
        }
        Ok(())
    }
}

/// The strategy: Burn calls it once.
pub(crate) struct Strategy(pub(crate) Arc<Mutex<Loop>>);

type Processor<M> = SupervisedTrainingEventProcessor<Fitting<M>>;

impl<M: Trainable> SupervisedLearningStrategy<Fitting<M>> for Strategy {
    fn fit(
        &self,
        components: TrainingComponents<Fitting<M>>,
        learner: Learner<Fitting<M>>,
        train: TrainLoader<Fitting<M>>,
        valid: ValidLoader<Fitting<M>>,
        _starting_epoch: usize,
    ) -> (Fitting<M>, Processor<M>) {
        let model = learner.model();
        drop(learner); // it held a second handle, under which nothing updates in place
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut run = Running {
            before: state.history.epochs().len(),
            model: Some(model),
            processor: components.event_processor,
            store: components.event_store,
            interrupter: components.interrupter,
            epochs: components.num_epochs,
            train,
            valid,
            largest_gradient: None,
        };
        if let Err(error) = run.run(&mut state) {
            state.error = Some(error);
        }
        let model = run.take_model();
        (model, run.processor)
    }
}

struct Running<M: Trainable> {
    /// Epochs before this process. Burn's metrics count from the first that they see.
    before: usize,
    /// Taken out while a step updates it, so that there is one handle.
    model: Option<Fitting<M>>,
    processor: Processor<M>,
    store: Arc<EventStoreClient>,
    interrupter: Interrupter,
    epochs: usize,
    train: TrainLoader<Fitting<M>>,
    valid: ValidLoader<Fitting<M>>,
    /// That of the last epoch, in words.
    largest_gradient: Option<String>,
}

impl<M: Trainable> Running<M> {
    fn model(&self) -> &Fitting<M> {
        self.model.as_ref().expect("the model is put back after each step")
    }

    fn take_model(&mut self) -> Fitting<M> {
        self.model.take().expect("the model is put back after each step")
    }

    fn run(&mut self, state: &mut Loop) -> Result<()> {
        let first = state.history.epochs().len() + 1;
        let plan = Plan {
            first_epoch: first,
            epochs: self.epochs,
            steps: self.train.num_items().div_ceil(state.identity.batch_size),
        };
        if state.stopped.is_none() {
            self.call(state, |callback, control| callback.on_train_begin(&plan, control))?;
            for epoch in first..=self.epochs {
                self.epoch(state, epoch)?;
                if state.stopped.is_some() {
                    break;
                }
            }
        }
        self.call(state, |callback, control| callback.on_train_end(control))?;
        Ok(())
    }

    fn epoch(&mut self, state: &mut Loop, epoch: usize) -> Result<()> {
        state.shuffle_epoch.store(epoch as u64 - 1, Ordering::Relaxed);
        self.freeze(state, epoch);
        let learning_rate = state.learning_rate;
        let training = self.train_epoch(state, epoch)?;
        let validation = self.validate(state, epoch)?;
        self.processor.flush().map_err(Error::Metric)?;
        self.check_kept(state, epoch, &training, &validation)?;
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
        for name in &state.metric_names {
            for (prefix, split) in [("", Split::Train), ("val_", Split::Valid)] {
                if let Some(value) = self.store.find_metric(name, epoch - self.before, Aggregate::Mean, &split) {
                    logs.metrics.insert(format!("{prefix}{name}"), value);
                }
            }
        }
        if state.perplexity {
            logs.metrics.insert("perplexity".to_owned(), loss.exp());
            logs.metrics.insert("val_perplexity".to_owned(), val_loss.exp());
        }
        if state.gradient_norms {
            logs.metrics.extend(training.norms().entries());
        }
        state.begin()?;
        state.history.push(logs.clone());
        self.call(state, |callback, control| callback.on_epoch_end(&logs, control))?;
        state.folder.save_history(&state.history)?;
        self.checkpoint(state)
    }

    /// Freezes what is frozen in this epoch and frees what was before.
    fn freeze(&mut self, state: &Loop, epoch: usize) {
        let RunIdentity { frozen, never_trained, .. } = &state.identity;
        if frozen.is_empty() {
            return;
        }
        let is_frozen = |name: &str| {
            let now = |rule: &Frozen| epoch <= rule.epochs && weights::is_under(name, &rule.path);
            frozen.iter().any(now) || never_trained.iter().any(|path| path == name)
        };
        let Fitting { model } = self.take_model();
        self.model = Some(Fitting { model: weights::map_trainable(model, |name| Some(!is_frozen(name))) });
    }

    fn train_epoch(&mut self, state: &mut Loop, epoch: usize) -> Result<Meter> {
        let train = self.train.clone();
        self.tell_train(LearnerEvent::StartSplit { epoch_number: epoch - self.before, total_items: train.num_items() });
        let model = self.model();
        let mut meter = Meter::with_norms(LayerNorms::new(&model.model, self.largest_gradient.clone()));
        let mut iterator = train.iter();
        let mut step = 0;
        while let Some(item) = iterator.next() {
            let item: StepInput<M::Batch> = item.map_err(Error::Dataset)?;
            step += 1;
            let rows = item.rows;
            let model = self.take_model();
            let (output, gradients) = model.learn(item);
            let squares = GradientSquares::of(&model, &gradients);
            let scale = state.clip_norm.and_then(|limit| Some(squares.as_ref()?.clip_scale(limit)));
            let rate = state.learning_rate;
            let added = meter.add(&output, rows, Some(Update { squares, learning_rate: rate }));
            let measured = (!state.metric_names.is_empty()).then_some(output);
            self.model = Some(state.optimizer.scaled_step(model, gradients, rate, scale));
            added?;
            check_finite(state, epoch, &meter)?;
            if let Some(item) = measured {
                let item = TrainingItem::new(item, iterator.progress(), Some(step), Some(rate.into()));
                self.tell_train(LearnerEvent::ProcessedItem(item));
            }
            let logs = StepLogs { epoch, step, loss: meter.loss(), accuracy: meter.accuracy() };
            self.call(state, |callback, control| callback.on_step_end(&logs, control))?;
            self.check_interrupted(state, epoch)?;
            if state.stopped.is_some() {
                break;
            }
        }
        meter.read()?;
        check_finite(state, epoch, &meter)?;
        self.tell_train(LearnerEvent::EndSplit(epoch - self.before));
        Ok(meter)
    }

    fn validate(&mut self, state: &Loop, epoch: usize) -> Result<Meter> {
        let valid = self.valid.clone();
        let model = self.model().valid();
        let total_items = valid.num_items();
        self.tell_valid(LearnerEvent::StartSplit { epoch_number: epoch - self.before, total_items });
        let mut meter = Meter::default();
        let mut iterator = valid.iter();
        let mut step = 0;
        while let Some(item) = iterator.next() {
            let item: StepInput<M::Batch> = item.map_err(Error::Dataset)?;
            step += 1;
            let rows = item.rows;
            let output = InferenceStep::step(&model, item);
            meter.add(&output, rows, None)?;
            if !state.metric_names.is_empty() {
                let item = TrainingItem::new(output, iterator.progress(), Some(step), None);
                self.tell_valid(LearnerEvent::ProcessedItem(item));
            }
            self.check_interrupted(state, epoch)?;
        }
        meter.read()?;
        self.tell_valid(LearnerEvent::EndSplit(epoch - self.before));
        Ok(meter)
    }

    /// # Errors
    ///
    /// What the epoch would leave is broken: its last step may do that, whose effect no training loss shows.
    fn check_kept(&self, state: &Loop, epoch: usize, training: &Meter, validation: &Meter) -> Result<()> {
        let model = self.model();
        let is_trained = |name: &String| !state.identity.never_trained.contains(name);
        let mut trained = weights::weights_of(&model.model).into_iter().filter(|(name, _)| is_trained(name));
        let bad = trained.find_map(|(name, weight)| {
            let value = weight.values.into_iter().find(|value| !value.is_finite())?;
            Some((Broken::Weight(name), f64::from(value)))
        });
        let validation = || Some((Broken::ValidLoss, validation.not_finite()?.loss));
        bad.or_else(validation).map_or(Ok(()), |(what, value)| {
            let bad = BadStep { step: training.steps(), loss: value, learning_rate: training.learning_rate() };
            Err(not_finite(state, epoch, training, what, bad))
        })
    }

    fn tell_train(&mut self, event: LearnerEvent<crate::run::trainable::StepOutput>) {
        self.interrupter.fail_on_error(self.processor.process_train(event));
    }

    fn tell_valid(&mut self, event: LearnerEvent<crate::run::trainable::StepOutput>) {
        self.interrupter.fail_on_error(self.processor.process_valid(event));
    }

    /// # Errors
    ///
    /// The user, or an error in Burn's machinery, stopped the run.
    fn check_interrupted(&self, state: &Loop, epoch: usize) -> Result<()> {
        if !self.interrupter.should_stop() {
            return Ok(());
        }
        Err(match self.interrupter.error() {
            Some(error) => Error::Training(error),
            None => Error::Interrupted {
                reason: self.interrupter.get_message().unwrap_or_else(|| "stopped".to_owned()),
                epoch,
                kept: state.folder.kept(epoch),
            },
        })
    }

    /// Calls every callback in turn and does what they ask for.
    fn call(
        &mut self,
        state: &mut Loop,
        mut act: impl FnMut(&mut dyn Callback, &mut Control<'_>) -> Result<()>,
    ) -> Result<()> {
        let model = self.model();
        let weights = || weights::weights_of(&model.model);
        let mut control = Control::new(state.learning_rate, &weights);
        control.stop = state.stopped.take();
        for callback in &mut state.callbacks {
            act(callback.as_mut(), &mut control)?;
        }
        let Control { learning_rate, stop, replaced, .. } = control;
        let is_rate = learning_rate.is_finite() && learning_rate >= 0.0;
        OptionError::unless(is_rate, "learning rate set by a callback", "a number of at least 0", learning_rate)?;
        state.learning_rate = learning_rate;
        state.stopped = stop;
        if let Some(replaced) = replaced {
            self.replace(replaced)?;
        }
        Ok(())
    }

    fn replace(&mut self, replaced: Weights) -> Result<()> {
        let model = self.take_model();
        // Kept until the new weights are known to fit.
        self.model = Some(model.clone());
        self.model = Some(Fitting { model: weights::with_weights(model.model, replaced)? });
        Ok(())
    }

    fn checkpoint(&self, state: &Loop) -> Result<()> {
        let model = self.model();
        let (optimizer, optimizer_steps) = state.optimizer.to_parts();
        let checkpoint = Checkpoint {
            identity: state.identity.clone(),
            history: state.history.clone(),
            learning_rate: state.learning_rate,
            stopped: state.stopped.clone(),
            model: weights::weights_of(&model.model),
            optimizer,
            optimizer_steps,
            callbacks: state.callbacks.iter().map(|callback| callback.state()).collect(),
        };
        let path: PathBuf = state.folder.checkpoint();
        checkpoint.save(&path)?;
        Ok(state.folder.settle()?)
    }
}

/// # Errors
///
/// The loss of a step was not finite.
fn check_finite(state: &Loop, epoch: usize, meter: &Meter) -> Result<()> {
    let Some(bad) = meter.not_finite() else {
        return Ok(());
    };
    Err(not_finite(state, epoch, meter, Broken::TrainLoss, bad))
}

fn not_finite(state: &Loop, epoch: usize, training: &Meter, what: Broken, bad: BadStep) -> Error {
    let BadStep { step, loss: value, learning_rate } = bad;
    let (gradient, kept) = (training.norms().describe(), state.folder.keeps(epoch));
    Error::NotFinite { what, value, step, epoch, learning_rate, gradient, kept }
}
