//! Learning rates that follow the progress of a run: linear and cosine decay, one cycle, and a warm-up.

use std::f64::consts::PI;
use std::time::Instant;

use kiln_base::OptionError;
use kiln_models::weights::Weights;
use serde::{Deserialize, Serialize};

use crate::callbacks::callback::{Callback, CallbackState, Control, Plan, StepLogs};
use crate::error::Result;

kiln_base::options! {
    /// Sets the learning rate of every step by the progress of the run.
    ///
    /// | shape | rate | known as |
    /// |---|---|---|
    /// | [`constant`](Self::constant) | the optimizer's | Hugging Face's `get_constant_schedule_with_warmup` |
    /// | [`linear`](Self::linear) | falls in a straight line | Hugging Face's `get_linear_schedule_with_warmup` |
    /// | [`cosine`](Self::cosine) | falls in half a cosine | PyTorch's `CosineAnnealingLR`, Keras's `CosineDecay` |
    /// | [`one_cycle`](Self::one_cycle) | rises to a peak, then falls far below the rate of the start | PyTorch's `OneCycleLR` |
    ///
    /// The run has T steps: the number of epochs times the batches of an epoch. After a warm-up of W steps, the step
    /// with number s, counted from 1, has the progress (s - 1 - W) / (T - W): the first step after the warm-up has the
    /// full rate, and the last step of the run does not quite reach the lowest rate, as in the libraries above; with
    /// `one_cycle` it does. One difference from Hugging Face: there a warm-up begins with a step at rate 0, here with a
    /// step at 1 / W of the full rate. Where gradients are accumulated over several batches
    /// ([`Trainer::gradient_accumulation_steps`](crate::Trainer::gradient_accumulation_steps)), all of them count.
    ///
    /// A resumed run goes on with the same rates. If its number of epochs is another one, the shape spans the new
    /// total.
    ///
    /// [`Trainer::fit`](crate::Trainer::fit) refuses a schedule together with another one or with
    /// [`ReduceLrOnPlateau`](crate::ReduceLrOnPlateau). If a callback of yours sets the rate too, the one that was
    /// added last decides.
    ///
    /// # With a time limit
    ///
    /// With [`Trainer::max_minutes`](crate::Trainer::max_minutes), the progress is the larger of two: the share of the
    /// steps, and the share of the time that the process has used. So the rate reaches its end when the time is up,
    /// however many epochs were requested. A warm-up still counts steps. The rates then depend on the speed of the
    /// machine, and no two runs are the same.
    ///
    /// A resumed run with a time limit goes on from the progress p in the checkpoint, and uses its time for the rest:
    /// after the share t of its time, the progress is p + (1 - p) t. If the limit had ended the run before, nothing is
    /// left, and the rate stays at its end. Resume such a run without a limit: the progress is then the share of the
    /// steps, and the rate rises again.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use kiln_models::{RecurrentKind, RecurrentRegressorConfig};
    /// use kiln_train::{ExistingRun, LearningRateSchedule, Optimizer, SeriesDataset, Trainer};
    ///
    /// // Learn the sum of three numbers: 24 rows for training, so an epoch has 3 steps.
    /// let values: Vec<f32> = (0..96).map(|i| (i * 37 % 11) as f32 / 11.0).collect();
    /// let sums = values.chunks(3).map(|row| row.iter().sum()).collect();
    /// let (train, valid) = SeriesDataset::new(values, [3, 1], sums, 1)?.split_at(24)?;
    ///
    /// let device = burn::tensor::Device::flex();
    /// let config = RecurrentRegressorConfig::new(1, 3).kind(RecurrentKind::SimpleRnn).d_hidden(vec![4]);
    /// let folder = std::env::temp_dir().join("kiln-doc-learning-rate-schedule");
    /// let run = Trainer::new(&folder)
    ///     .epochs(2)
    ///     .batch_size(8)
    ///     .optimizer(Optimizer::adam().learning_rate(0.01))
    ///     .callback(LearningRateSchedule::cosine().warm_up(2))
    ///     .existing_run(ExistingRun::Overwrite)
    ///     .quiet()
    ///     .fit(config.init(&device, 0)?, &train, &valid)?;
    /// // The history has the rate of each epoch's first step: step 1 of the warm-up, and step 4 of 6.
    /// let rates = run.history().values("learning_rate");
    /// assert_eq!(rates[0], 0.005);
    /// assert!((rates[1] - 0.008536).abs() < 1e-6);
    /// # std::fs::remove_dir_all(folder).ok();
    /// # }
    /// # Ok::<(), kiln_train::Error>(())
    /// ```
    ///
    /// # References
    ///
    /// Loshchilov and Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts (half a cosine); Smith and
    /// Topin 2018, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates (one cycle).
    #[derive(Clone, Debug)]
    pub struct LearningRateSchedule [
        /// A shape with its defaults.
        fn of
    ] {
        required shape: Shape,
        /// W, the steps of the warm-up, in which the rate rises in a straight line: step s, counted from 1, has the
        /// share s / W of the optimizer's rate. At most the steps of the run. Not for `one_cycle`, which has its own.
        /// Default: 0.
        warm_up: usize = 0,
        /// The lowest learning rate, which `linear` and `cosine` fall to: from 0 to the optimizer's rate. Default: 0.
        some min_lr: f64,
        /// The share of the steps in which `one_cycle` rises: above 0 and below 1. Default: 0.3.
        some pct_start: f64,
        /// `one_cycle` starts at `max_lr / div_factor`: a number above 0. Default: 25.
        some div_factor: f64,
        /// `one_cycle` ends at the rate of its start divided by this: a number above 0. Default: 10,000.
        some final_div_factor: f64,
        bare state: State = State::default(),
        bare under_way: Option<UnderWay> = None,
    }
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Constant,
    Linear,
    Cosine,
    OneCycle { max_lr: f64 },
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The optimizer's rate when the run began.
    base: Option<f64>,
    /// The steps made.
    steps: usize,
    /// The progress by time: 0 without a time limit.
    time: f64,
}

/// What this process knows of its run.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    plan: Plan,
    base: f64,
    began: Instant,
    /// The progress when this process began.
    progress: f64,
}

impl LearningRateSchedule {
    pub(crate) const NAME: &'static str = "learning_rate_schedule";

    /// The optimizer's rate. Only useful with [`LearningRateSchedule::warm_up`].
    #[must_use]
    pub fn constant() -> Self {
        Self::of(Shape::Constant)
    }

    /// From the optimizer's rate to `min_lr` in a straight line.
    #[must_use]
    pub fn linear() -> Self {
        Self::of(Shape::Linear)
    }

    /// From the optimizer's rate to `min_lr` in half a cosine, without restarts.
    #[must_use]
    pub fn cosine() -> Self {
        Self::of(Shape::Cosine)
    }

    /// From `max_lr / div_factor` to `max_lr` in half a cosine, in the share `pct_start` of the steps; then down to
    /// `max_lr / div_factor / final_div_factor` in another half. PyTorch's `OneCycleLR` with `anneal_strategy="cos"`,
    /// in two phases. The momentum stays as it is: `cycle_momentum=False`. The optimizer's own rate is not used.
    #[must_use]
    pub fn one_cycle(max_lr: f64) -> Self {
        Self::of(Shape::OneCycle { max_lr })
    }

    /// `pct_start`, `div_factor` and `final_div_factor`.
    fn cycle(&self) -> [f64; 3] {
        [self.pct_start.unwrap_or(0.3), self.div_factor.unwrap_or(25.0), self.final_div_factor.unwrap_or(1e4)]
    }

    /// The progress after `made` of `total` steps, by steps.
    fn progress(&self, made: usize, total: usize) -> f64 {
        if made <= self.warm_up {
            return 0.0;
        }
        ((made - self.warm_up) as f64 / total.saturating_sub(self.warm_up) as f64).min(1.0)
    }

    /// Sets the rate of the step that follows the first `made`, when this process has trained for `minutes`.
    fn set(&mut self, made: usize, minutes: f64, control: &mut Control<'_>) {
        let Some(UnderWay { plan, base, progress, .. }) = self.under_way else { return };
        let total = steps_of(&plan);
        self.state.steps = made;
        self.state.time = plan.minutes.map_or(0.0, |limit| (progress + (1.0 - progress) * minutes / limit).min(1.0));
        let progress = self.progress(made, total).max(self.state.time);
        let lowest = self.min_lr.unwrap_or(0.0);
        let rate = match self.shape {
            Shape::Constant => base,
            Shape::Linear => lowest + (base - lowest) * (1.0 - progress),
            Shape::Cosine => annealed(base, lowest, progress),
            Shape::OneCycle { max_lr } => self.in_cycle(max_lr, total as f64, progress),
        };
        control.set_learning_rate(match made < self.warm_up {
            true => rate * (made + 1) as f64 / self.warm_up as f64,
            false => rate,
        });
    }

    /// The rate of `one_cycle`. Steps count from 0, so the last one is `total - 1`.
    fn in_cycle(&self, max_lr: f64, total: f64, progress: f64) -> f64 {
        let [pct_start, div_factor, final_div_factor] = self.cycle();
        let first = max_lr / div_factor;
        let (step, peak) = (progress * total, pct_start * total - 1.0);
        if step < peak {
            annealed(first, max_lr, step / peak)
        } else {
            annealed(max_lr, first / final_div_factor, ((step - peak) / (total - 1.0 - peak)).min(1.0))
        }
    }
}

/// The steps of a run. The number of epochs may be as good as infinite if there is a time limit.
fn steps_of(plan: &Plan) -> usize {
    plan.epochs.saturating_mul(plan.steps)
}

/// From one rate to another in half a cosine.
fn annealed(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * progress).cos()) / 2.0
}

impl Callback for LearningRateSchedule {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn check(&self) -> Result<()> {
        let lowest = self.min_lr.unwrap_or(0.0);
        let has_lowest = matches!(self.shape, Shape::Linear | Shape::Cosine) || self.min_lr.is_none();
        OptionError::unless(has_lowest, "min_lr of the schedule", "unset: only linear and cosine have it", lowest)?;
        let is_rate = lowest.is_finite() && lowest >= 0.0;
        OptionError::unless(is_rate, "min_lr of the schedule", "a number of at least 0", lowest)?;
        let [pct_start, div_factor, final_div_factor] = self.cycle();
        let Shape::OneCycle { max_lr } = self.shape else {
            for (option, value) in [
                ("pct_start of the schedule", self.pct_start),
                ("div_factor of the schedule", self.div_factor),
                ("final_div_factor of the schedule", self.final_div_factor),
            ] {
                let found = value.unwrap_or_default();
                OptionError::unless(value.is_none(), option, "unset: only one_cycle has it", found)?;
            }
            return Ok(());
        };
        let expected = "unset: one_cycle has its own, in pct_start";
        OptionError::unless(self.warm_up == 0, "warm_up of the schedule", expected, self.warm_up)?;
        let is_share = pct_start > 0.0 && pct_start < 1.0;
        OptionError::unless(is_share, "pct_start of the schedule", "above 0 and below 1", pct_start)?;
        for (option, value) in [
            ("max_lr of the schedule", max_lr),
            ("div_factor of the schedule", div_factor),
            ("final_div_factor of the schedule", final_div_factor),
        ] {
            OptionError::unless(value.is_finite() && value > 0.0, option, "a number above 0", value)?;
        }
        Ok(())
    }

    fn on_train_begin(&mut self, plan: &Plan, control: &mut Control<'_>) -> Result<()> {
        let Plan { first_epoch, epochs, steps, .. } = *plan;
        let total = steps_of(plan);
        let expected = format!("at most {total}, the steps of the run ({epochs} epochs of {steps})");
        OptionError::unless(self.warm_up <= total, "warm_up of the schedule", expected, self.warm_up)?;
        let base = *self.state.base.get_or_insert(control.learning_rate());
        let lowest = self.min_lr.unwrap_or(0.0);
        let expected = format!("at most {base}, the optimizer's learning rate");
        OptionError::unless(lowest <= base, "min_lr of the schedule", expected, lowest)?;
        // Steps of an epoch that was cut short are not made up for, unless the run goes on within it.
        let made = self.state.steps.max(first_epoch.saturating_sub(1) * steps);
        let progress = self.state.time.max(self.progress(made, total));
        self.under_way = Some(UnderWay { plan: *plan, base, began: Instant::now(), progress });
        self.set(made, 0.0, control);
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepLogs, control: &mut Control<'_>) -> Result<()> {
        if let Some(UnderWay { plan, began, .. }) = self.under_way {
            let made = step.epoch.saturating_sub(1) * plan.steps + step.step;
            self.set(made, began.elapsed().as_secs_f64() / 60.0, control);
        }
        Ok(())
    }

    fn state(&self) -> CallbackState {
        CallbackState::of(self.state, Weights::new())
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.state, _) = state.read(self.name())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schedule whose process begins to train, by the optimizer's rate 0.4 and for at most 1000 steps.
    fn begun(mut schedule: LearningRateSchedule, state: Option<CallbackState>, minutes: Option<f64>) -> Scheduled {
        let weights = Weights::new;
        let mut control = Control::new(0.4, &weights);
        if let Some(state) = state {
            schedule.restore(state).unwrap();
        }
        schedule.on_train_begin(&Plan { first_epoch: 1, epochs: 10, steps: 100, minutes }, &mut control).unwrap();
        Scheduled { first: control.learning_rate(), schedule }
    }

    struct Scheduled {
        schedule: LearningRateSchedule,
        /// The rate of the first step of the process.
        first: f64,
    }

    impl Scheduled {
        /// The rate after so many steps and minutes.
        fn at(&mut self, made: usize, minutes: f64) -> f64 {
            let weights = Weights::new;
            let mut control = Control::new(0.4, &weights);
            self.schedule.set(made, minutes, &mut control);
            control.learning_rate()
        }
    }

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn with_a_time_limit_the_larger_share_of_steps_and_of_time_counts() {
        let mut linear = begun(LearningRateSchedule::linear(), None, Some(10.0));
        assert_close(linear.first, 0.4);
        assert_close(linear.at(1, 5.0), 0.2);
        assert_close(linear.at(2, 9.0), 0.04);
        assert_close(linear.at(950, 9.0), 0.02);
        // The last step may end after the limit.
        assert_close(linear.at(3, 11.0), 0.0);
        // Without a limit only steps count.
        assert_close(begun(LearningRateSchedule::linear(), None, None).at(250, 9.0), 0.3);

        let mut cycle = begun(LearningRateSchedule::one_cycle(0.4), None, Some(10.0));
        assert_close(cycle.first, 0.4 / 25.0);
        // The peak is at step 299 of 1000, counted from 0.
        assert_close(cycle.at(1, 2.99), 0.4);
        assert_close(cycle.at(2, 10.0), 0.4 / 25.0 / 1e4);
    }

    #[test]
    fn a_resumed_run_uses_its_time_for_the_rest_of_the_schedule() {
        let mut before = begun(LearningRateSchedule::linear(), None, Some(10.0));
        let rate = before.at(1, 4.0);
        assert_close(rate, 0.24);
        let state = || Some(before.schedule.state());
        let mut resumed = begun(LearningRateSchedule::linear(), state(), Some(20.0));
        assert_close(resumed.first, rate);
        assert_close(resumed.at(2, 10.0), 0.12);
        assert_close(resumed.at(3, 20.0), 0.0);
        // Without a limit the rate goes back to what the steps say.
        assert_close(begun(LearningRateSchedule::linear(), state(), None).first, 0.4 * 0.999);

        // A run that had no limit goes on from the share of its steps.
        let mut before = begun(LearningRateSchedule::linear(), None, None);
        let rate = before.at(500, 4.0);
        let mut resumed = begun(LearningRateSchedule::linear(), Some(before.schedule.state()), Some(10.0));
        assert_close(resumed.first, rate);
        assert_close(resumed.at(501, 5.0), 0.1);
    }

    #[test]
    fn a_warm_up_counts_steps_also_with_a_time_limit() {
        let mut linear = begun(LearningRateSchedule::linear().warm_up(10), None, Some(10.0));
        assert_close(linear.first, 0.04);
        assert_close(linear.at(4, 0.0), 0.2);
        assert_close(linear.at(4, 5.0), 0.1);
        assert_close(linear.at(10, 5.0), 0.2);
    }
}
