//! The start of a run: the checks before the first step, and the state of the checkpoint that a run is resumed from.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kiln_base::checksum::sha256;
use kiln_base::{OptionError, RowWeights};
use kiln_group::{Group, One, share};
use kiln_models::{RandomKey, weights};
use kiln_predict::ArtifactConfig;
use kiln_predict::device_failure::device_of;

use super::{Trainer, ctrl_c};
use crate::callbacks::callback::check_all;
use crate::callbacks::save_best::SaveBest;
use crate::data::batches::{Batches, check_streams, checked_order, digest_of, one_class, row_weights, shared_rows};
use crate::data::loader::{Cut, Loader, LossPlan, Order};
use crate::error::{Error, Result};
use crate::group::{Team, weights_digest};
use crate::report::history::History;
use crate::report::progress::ShowProgress;
use crate::run::averaging::Average;
use crate::run::checkpoint::{Checkpoint, Frozen, RunIdentity, digest};
use crate::run::optimizer::OptimizerState;
use crate::run::run_folder::{ExistingRun, RunFolder};
use crate::run::trainable::Trainable;
use crate::run::training_loop::{TIME_LIMIT, TrainingLoop, WithinEpochs};

impl<M: Trainable> Trainer<M> {
    /// Checks everything that can be checked before the first step, and loads the checkpoint of a resumed run.
    pub(super) fn prepare(
        mut self,
        group: &dyn Group,
        model: M,
        train: &(impl Batches<Batch = M::Batch> + Clone + 'static),
        valid: &(impl Batches<Batch = M::Batch> + Clone + 'static),
    ) -> Result<(TrainingLoop<M>, M)> {
        let is_first = group.rank() == 0;
        for (place, monitor) in std::mem::take(&mut self.best) {
            let path = is_first.then(|| self.folder.join(kiln_predict::MODEL));
            self.callbacks.insert(place, Box::new(SaveBest::of_run(monitor, path)));
        }
        self.check(train.rows(), valid.rows())?;
        let cut = self.cut(group)?;
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
            OptionError::unless(is_taken, option, "unset for this model, whose loss has no such option", "a value")?;
        }
        let shared_rows = shared_rows(train, valid);
        if let Some(shared @ 1..) = shared_rows.filter(|_| self.refuse_shared_rows) {
            return Err(Error::SharedRows { shared, rows: valid.rows() });
        }
        for Frozen { path, .. } in &self.frozen {
            weights::check_path(&model, path)?;
        }
        if self.artifact.is_some() {
            // Constants too: training never checks them, and at the end it would be too late.
            check_finite(&model)?;
        }
        let device = device_of(&model)?;
        let optimizer = OptimizerState::new(self.optimizer)?;
        let folder = if is_first {
            let folder = RunFolder::prepare(&self.folder, self.existing_run)?;
            folder.check_writable()?;
            folder
        } else {
            RunFolder::shadow(&self.folder)
        };
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
            gradient_accumulation_steps: self.gradient_accumulation_steps,
            micro_batches: self.micro_batches,
            clip_norm: self.clip_norm,
            averaging: self.averaging,
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
                let told = "their accuracy says nothing about the other classes";
                let _ = writeln!(out, "all {rows} validation rows are of class {class}: {told}");
            }
        }
        let shuffle_epoch = Arc::new(AtomicU64::new(0));
        let order = Order::Training { seed: self.seed, epoch: shuffle_epoch.clone() };
        let mut train = Loader::new(Arc::new(train.clone()), self.batch_size, device.clone().autodiff(), order);
        (train.loss, train.cut) = (loss, cut.clone());
        let valid = Loader::new(Arc::new(valid.clone()), self.batch_size, device, Order::Evaluation);
        let mut training = TrainingLoop {
            folder,
            identity,
            epochs: self.epochs,
            train: Arc::new(train),
            valid: Arc::new(valid),
            shuffle_epoch,
            optimizer,
            average: Average::default(),
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
            is_cut: false,
            unknown_classes: train_limits.highest_class.is_none(),
            unknown_valid_classes: valid_limits.highest_class.is_none(),
            loss_limit: self.loss_limit,
            padding_only: None,
            // In a group of several ranks, the loop gets it where it runs.
            team: (cut.parts > 1 && group.size() == 1).then(|| Team { group: Box::new(One), cut }),
            artifact: self.artifact.map(|artifact| artifact.seed(self.seed)),
        };
        let resumes = self.existing_run == ExistingRun::Resume;
        group.agree("whether the run is resumed (`existing_run`)", if resumes { "yes" } else { "no" })?;
        if resumes {
            model = resume(model, &mut training, group, self.show)?;
            training.artifact = training.artifact.map(|artifact| artifact.made_as_in(training.folder.path()));
        }
        check_same(group, &training, &model)?;
        if self.show {
            // The last one, and added after `resume`: a checkpoint keeps no state of it.
            training.callbacks.push(Box::new(ShowProgress::new(self.perplexity)));
        }
        Ok((training, model))
    }

    /// How batches are cut for the ranks of `group`.
    fn cut(&self, group: &dyn Group) -> Result<Cut> {
        let ranks = group.size();
        let parts = self.micro_batches.unwrap_or(ranks);
        let least = if ranks == 1 { "at least 1".to_owned() } else { format!("at least {ranks}, one for each rank") };
        OptionError::unless(parts >= ranks, "micro_batches", least, parts)?;
        let each = if self.micro_batches.is_some() { "micro-batch" } else { "rank" };
        let least = format!("at least {parts}, a row for each {each}");
        OptionError::unless(self.batch_size >= parts, "batch_size", least, self.batch_size)?;
        let metrics = self.metric_names.join(", ");
        let is_taken = parts == 1 || self.metric_names.is_empty();
        OptionError::unless(
            is_taken,
            "metric",
            "unset with micro-batches, which have no outputs of whole batches",
            metrics,
        )?;
        Ok(Cut { parts, own: share(parts, group) })
    }

    fn check(&self, train: usize, valid: usize) -> Result<()> {
        for (option, value) in [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("gradient_accumulation_steps", self.gradient_accumulation_steps),
        ] {
            OptionError::unless(value > 0, option, "at least 1", value)?;
        }
        let WithinEpochs { steps, minutes, limit, .. } = self.within_epochs;
        for (option, value) in [("max_minutes", limit), ("checkpoint_every_minutes", minutes)] {
            let value = value.unwrap_or(1.0);
            OptionError::unless(value.is_finite() && value > 0.0, option, "a number above 0", value)?;
        }
        OptionError::unless(steps != Some(0), "checkpoint_every_steps", "at least 1", 0)?;
        let is_kept = self.metric_names.is_empty() || !self.within_epochs.is_asked();
        let metrics = self.metric_names.join(", ");
        OptionError::unless(
            is_kept,
            "checkpoint_every_steps",
            "unset with Burn metrics, whose state cannot be saved",
            metrics,
        )?;
        if let Some(path) = &self.from_weights {
            let is_new = self.existing_run != ExistingRun::Resume;
            OptionError::unless(is_new, "from_weights", "unset in a resumed run", path.display())?;
            if self.artifact.as_ref().is_some_and(|artifact| !artifact.has_tokenizer_of(path)) {
                return Err(Error::OtherTokenizer { path: path.clone() });
            }
        }
        let is_part = (0.0..1.0).contains(&self.label_smoothing);
        OptionError::unless(is_part, "label_smoothing", "at least 0 and below 1", self.label_smoothing)?;
        OptionError::unless(self.loss_limit >= 1.0, "loss_limit", "a number of at least 1", self.loss_limit)?;
        let norm = self.clip_norm.unwrap_or(1.0);
        OptionError::unless(norm.is_finite() && norm > 0.0, "clip_norm", "a number above 0", norm)?;
        if let Some(averaging) = self.averaging {
            averaging.check(self.epochs)?;
        }
        if let Some(artifact) = &self.artifact {
            artifact.check()?;
        }
        if self.stops_on_ctrl_c {
            ctrl_c::install()?;
        }
        check_all(&self.callbacks)?;
        for (what, rows) in [("training", train), ("validation", valid)] {
            if rows == 0 {
                return Err(Error::EmptyData { what });
            }
        }
        Ok(())
    }
}

/// A short description of the weights, to compare with those that a run was started with.
fn described(weights: &RowWeights) -> String {
    match weights {
        RowWeights::Rows(weights) => format!("rows {:016x}", digest_of(weights.iter().map(|weight| weight.to_bits()))),
        others => format!("{others:?}"),
    }
}

/// Checks that all weights are finite, as an artifact requires.
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

/// Fails unless all ranks make the same run.
fn check_same<M: Trainable>(group: &dyn Group, training: &TrainingLoop<M>, model: &M) -> Result<()> {
    if group.size() == 1 {
        return Ok(());
    }
    for (what, value) in training.identity.fields() {
        // A message shows the start of a value.
        let value = if value.len() > 200 { sha256([value.as_bytes()]) } else { value };
        group.agree(what, &value)?;
    }
    let WithinEpochs { steps, minutes, limit, kept } = training.within_epochs;
    group.agree("epochs", &training.epochs.to_string())?;
    group.agree("loss_limit", &training.loss_limit.to_string())?;
    group.agree("what is kept, and when the run ends", &format!("{steps:?}, {minutes:?}, {limit:?}, {kept}"))?;
    group.agree("what is recorded", &format!("{}, {}", training.perplexity, training.gradient_norms))?;
    Ok(group.agree("the model's weights at the start", &weights_digest(&weights::weights_of(model)))?)
}

/// Restores the state of the checkpoint into `model` and `training`. Rank 0 reads it for all.
fn resume<M: Trainable>(model: M, training: &mut TrainingLoop<M>, group: &dyn Group, show: bool) -> Result<M> {
    let path = training.folder.checkpoint();
    let file = if group.rank() == 0 { Checkpoint::read(&path)? } else { Vec::new() };
    let checkpoint = Checkpoint::of_bytes(&group.broadcast(0, file)?, &path)?;
    training.identity.check_same(&checkpoint.identity, &path)?;
    let (epoch, asked) = (checkpoint.epoch(), training.epochs);
    let model = weights::with_weights(model, checkpoint.model)?;
    training.optimizer.restore(&model, checkpoint.optimizer, checkpoint.optimizer_steps)?;
    training.average.restore(&model, checkpoint.average, checkpoint.averaged)?;
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
        && (reason.starts_with(TIME_LIMIT) || training.callbacks.iter().any(|callback| callback.goes_on(reason)))
    {
        training.stopped = None;
    }
    if show {
        let mut out = std::io::stdout();
        let place = match &training.within {
            Some(within) => format!("in epoch {}, after step {}", epoch + 1, within.step),
            None => format!("after epoch {epoch}, step {}", epoch * training.train.steps()),
        };
        let _ = writeln!(out, "resumed from {} {place}", path.display());
        if epoch >= asked {
            let _ = writeln!(out, "nothing to train: the run has {epoch} epochs, and {asked} were requested");
        } else if let Some(reason) = had_ended {
            let told = match training.stopped.is_some() {
                true => "nothing to train: the run had ended, and would end again at once",
                false => "the run had ended, and continues with the current options",
            };
            let _ = writeln!(out, "{told} ({reason})");
        }
    }
    Ok(model)
}
