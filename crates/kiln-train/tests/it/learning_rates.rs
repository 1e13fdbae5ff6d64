//! Schedules of the learning rate: the rates of every step against published formulas, and in whole runs.
//!
//! Expected rates come from the closed forms, computed in Python. With t steps made before, of T, and w of warm-up:
//! PyTorch's `CosineAnnealingLR` is `low + (base - low) * (1 + cos(pi * t / T)) / 2`; Hugging Face's
//! `get_linear_schedule_with_warmup` is `base * (T - t) / (T - w)` after the warm-up, and its schedule by cosine is
//! `base * 0.5 * (1 + cos(pi * (t - w) / (T - w)))`. PyTorch's `OneCycleLR` goes from `first = top / div_factor` to
//! `top` until `t = pct_start * T - 1`, and to `first / final_div_factor` until `t = T - 1`; each of the two is
//! `end + (start - end) / 2 * (cos(pi * share) + 1)`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use kiln_models::weights::{Weights, weights_of};
use kiln_train::{
    Callback, Control, EarlyStopping, ExistingRun, LearningRateSchedule, Monitor, Optimizer, Plan, ReduceLrOnPlateau,
    StepLogs, Trainer,
};

use crate::devices;
use crate::small_run::SmallRun;
use crate::training::{cpu, folder, numbers, slope};

/// T = 12, base 0.1, low 0.001.
const COSINE: [f64; 12] = [
    0.1,
    0.09831332840130888,
    0.09336825748732973,
    0.0855017856687341,
    0.07525000000000001,
    0.06331154273257478,
    0.0505,
    0.03768845726742523,
    0.025750000000000012,
    0.0154982143312659,
    0.007631742512670284,
    0.0026866715986911243,
];

/// T = 12, base 0.1, w = 4.
const WARM_COSINE: [f64; 12] = [
    0.025,
    0.05,
    0.07500000000000001,
    0.1,
    0.1,
    0.09619397662556434,
    0.08535533905932738,
    0.0691341716182545,
    0.05,
    0.030865828381745515,
    0.014644660940672627,
    0.0038060233744356634,
];

/// T = 12, base 0.1, low 0.01, w = 4: low + (base - low) * (T - t) / (T - w).
const WARM_LINEAR: [f64; 12] = [
    0.025,
    0.05,
    0.07500000000000001,
    0.1,
    0.09999999999999999,
    0.08875,
    0.0775,
    0.06624999999999999,
    0.055,
    0.043750000000000004,
    0.0325,
    0.021249999999999998,
];

/// T = 12, top 0.1, and PyTorch's defaults: `pct_start` 0.3, `div_factor` 25, `final_div_factor` 1e4.
const ONE_CYCLE: [f64; 12] = [
    0.0040000000000000036,
    0.0349789654219583,
    0.08792851591221287,
    0.09944154354509119,
    0.09330129698414118,
    0.0811745653949763,
    0.06473789976951033,
    0.046263710266697504,
    0.028306099820869922,
    0.01334775301888306,
    0.0034566987425395223,
    4e-07,
];

/// T = 12, top 0.1, `pct_start` 0.5, `div_factor` 10, `final_div_factor` 100.
const EVEN_CYCLE: [f64; 12] = [
    0.009999999999999995,
    0.018594235253127367,
    0.041094235253127366,
    0.06890576474687263,
    0.09140576474687263,
    0.1,
    0.09330796891903273,
    0.07502500000000001,
    0.050050000000000004,
    0.02507500000000001,
    0.006792031080967287,
    0.0001,
];

/// The rates of the steps of a run.
fn rates(mut schedule: LearningRateSchedule, base: f64, epochs: usize, steps: usize) -> Vec<f64> {
    let weights = Weights::new;
    let mut control = Control::new(base, &weights);
    let plan = Plan { first_epoch: 1, epochs, steps, minutes: None };
    schedule.check().unwrap();
    schedule.on_train_begin(&plan, &mut control).unwrap();
    let mut rates = Vec::new();
    for epoch in 1..=epochs {
        for step in 1..=steps {
            rates.push(control.learning_rate());
            let logs = StepLogs { epoch, step, loss: None, accuracy: None };
            schedule.on_step_end(&logs, &mut control).unwrap();
        }
    }
    rates
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-9 * expected, "step {}: {found}, expected {expected}", at + 1);
    }
}

#[test]
fn the_rates_of_every_shape_are_those_of_the_published_formulas() {
    assert_close(&rates(LearningRateSchedule::cosine().min_lr(0.001), 0.1, 3, 4), &COSINE);
    assert_close(&rates(LearningRateSchedule::cosine().warm_up(4), 0.1, 2, 6), &WARM_COSINE);
    assert_close(&rates(LearningRateSchedule::linear().min_lr(0.01).warm_up(4), 0.1, 1, 12), &WARM_LINEAR);
    let straight: Vec<f64> = (0..12).map(|step| 0.1 * f64::from(12 - step) / 12.0).collect();
    assert_close(&rates(LearningRateSchedule::linear(), 0.1, 4, 3), &straight);
    assert_close(&rates(LearningRateSchedule::constant(), 0.1, 2, 2), &[0.1; 4]);
    assert_close(&rates(LearningRateSchedule::constant().warm_up(2), 0.1, 2, 2), &[0.05, 0.1, 0.1, 0.1]);
    // A warm-up may be as long as the run.
    assert_close(&rates(LearningRateSchedule::cosine().warm_up(4), 0.1, 2, 2), &[0.025, 0.05, 0.075, 0.1]);
}

#[test]
fn one_cycle_follows_pytorchs_formula_whatever_the_optimizers_rate() {
    for base in [0.1, 3.0] {
        assert_close(&rates(LearningRateSchedule::one_cycle(0.1), base, 3, 4), &ONE_CYCLE);
        let even = LearningRateSchedule::one_cycle(0.1).pct_start(0.5).div_factor(10.0).final_div_factor(100.0);
        assert_close(&rates(even, base, 3, 4), &EVEN_CYCLE);
    }
    // As in PyTorch, a rise shorter than a step is skipped.
    let short = [0.09944154354509119, 0.046263710266697504, 4e-07];
    assert_close(&rates(LearningRateSchedule::one_cycle(0.1), 0.1, 3, 1), &short);
    // A rise that ends with the first step, where PyTorch divides by zero.
    let quarter = rates(LearningRateSchedule::one_cycle(0.1).pct_start(0.25), 0.1, 1, 4);
    assert_close(&quarter[..1], &[0.1]);
}

/// Remembers the rate of each step, and the one that the step after the last would have.
struct Rates(Arc<Mutex<Vec<f64>>>);

impl Callback for Rates {
    fn name(&self) -> &'static str {
        "rates"
    }

    fn on_train_begin(&mut self, _: &Plan, control: &mut Control<'_>) -> kiln_train::Result<()> {
        self.0.lock().unwrap().push(control.learning_rate());
        Ok(())
    }

    fn on_step_end(&mut self, _: &StepLogs, control: &mut Control<'_>) -> kiln_train::Result<()> {
        self.0.lock().unwrap().push(control.learning_rate());
        Ok(())
    }
}

#[test]
fn the_rates_of_a_real_run_reach_its_weights_and_its_history() {
    for (backend, device) in devices::all() {
        let folder = folder();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let run = Trainer::new(folder.path())
            .epochs(3)
            .batch_size(2)
            .quiet()
            .optimizer(Optimizer::sgd().learning_rate(0.1))
            .callback(LearningRateSchedule::cosine().min_lr(0.001))
            .callback(Rates(seen.clone()))
            .fit(slope(&device), &numbers(1.0, 8), &numbers(0.0, 3))
            .unwrap();
        assert_close(&seen.lock().unwrap()[..12], &COSINE);
        assert_close(&run.history().values("learning_rate"), &[COSINE[0], COSINE[4], COSINE[8]]);
        // Each step has gradient 1.
        let moved = -COSINE.iter().sum::<f64>() as f32;
        let weight = weights_of(run.model())["weight"].values[0];
        assert!((weight - moved).abs() < 1e-5, "{backend}: {weight}, by the rates {moved}");
    }
}

#[test]
fn a_run_that_gets_more_epochs_follows_the_new_total() {
    let folder = folder();
    let fit = |epochs, existing| {
        let trainer = Trainer::new(folder.path()).epochs(epochs).batch_size(4).quiet().existing_run(existing);
        let trainer = trainer.optimizer(Optimizer::sgd().learning_rate(0.4)).callback(LearningRateSchedule::linear());
        trainer.fit(slope(&cpu()), &numbers(1.0, 8), &numbers(0.0, 3)).unwrap().history().values("learning_rate")
    };
    assert_eq!(fit(2, ExistingRun::Refuse), [0.4, 0.2]);
    assert_eq!(fit(4, ExistingRun::Resume), [0.4, 0.2, 0.2, 0.1]);
}

#[test]
fn a_time_limit_brings_the_rate_to_its_end_and_without_it_the_steps_count_again() {
    let small = SmallRun::new();
    let fit = |folder: &Path, minutes: Option<f64>, existing| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let trainer = Trainer::new(folder).epochs(2).batch_size(8).seed(11).quiet().existing_run(existing);
        let trainer = trainer.optimizer(Optimizer::adam().learning_rate(0.01));
        let trainer = trainer.callback(LearningRateSchedule::linear().min_lr(0.001)).callback(Rates(seen.clone()));
        let trainer = match minutes {
            Some(minutes) => trainer.max_minutes(minutes),
            None => trainer,
        };
        let run = trainer.fit(small.model(&cpu()), &small.train, &small.valid).unwrap();
        let seen = seen.lock().unwrap().clone();
        (run, seen)
    };
    let (whole, rates) = fit(folder().path(), None, ExistingRun::Refuse);
    // 31 rows in batches of 8.
    assert_eq!(rates.len(), 9);

    let folder = folder();
    let (cut, seen) = fit(folder.path(), Some(1e-9), ExistingRun::Refuse);
    assert!(cut.stopped().is_some());
    assert_close(&seen, &[0.01, 0.001]);
    let (resumed, seen) = fit(folder.path(), None, ExistingRun::Resume);
    assert_eq!(seen, rates[1..]);
    assert_eq!(weights_of(resumed.model()), weights_of(whole.model()));
}

#[test]
fn options_of_a_schedule_that_are_out_of_range_are_refused_by_name() {
    let told = |schedule: LearningRateSchedule| schedule.check().unwrap_err().to_string();
    let one_cycle = || LearningRateSchedule::one_cycle(0.1);
    for value in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(told(LearningRateSchedule::one_cycle(value)).contains("max_lr"), "{value}");
        assert!(told(one_cycle().div_factor(value)).contains("option div_factor"), "{value}");
        assert!(told(one_cycle().final_div_factor(value)).contains("option final_div_factor"), "{value}");
    }
    for value in [0.0, 1.0, -0.3, 30.0, f64::NAN] {
        assert!(told(one_cycle().pct_start(value)).contains("pct_start"), "{value}");
    }
    for value in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(told(LearningRateSchedule::linear().min_lr(value)).contains("min_lr"), "{value}");
        assert!(told(LearningRateSchedule::cosine().min_lr(value)).contains("min_lr"), "{value}");
    }
    // Options of other shapes.
    assert!(told(one_cycle().warm_up(1)).contains("warm_up"));
    assert!(told(one_cycle().min_lr(0.0)).contains("min_lr"));
    assert!(told(LearningRateSchedule::constant().min_lr(0.0)).contains("min_lr"));
    assert!(told(LearningRateSchedule::cosine().pct_start(0.3)).contains("pct_start"));
    assert!(told(LearningRateSchedule::linear().div_factor(25.0)).contains("option div_factor"));
    assert!(told(LearningRateSchedule::constant().final_div_factor(1e4)).contains("option final_div_factor"));
}

#[test]
fn a_schedule_that_does_not_fit_the_run_is_refused() {
    let weights = Weights::new;
    let told = |mut schedule: LearningRateSchedule| {
        let plan = Plan { first_epoch: 1, epochs: 3, steps: 4, minutes: None };
        schedule.on_train_begin(&plan, &mut Control::new(0.1, &weights)).unwrap_err().to_string()
    };
    let error = told(LearningRateSchedule::cosine().warm_up(13));
    assert!(error.contains("warm_up") && error.contains("at most 12") && error.contains("found 13"), "{error}");
    let error = told(LearningRateSchedule::linear().min_lr(0.2));
    assert!(error.contains("min_lr") && error.contains("at most 0.1") && error.contains("found 0.2"), "{error}");
}

#[test]
fn two_schedules_of_the_learning_rate_are_refused() {
    let small = SmallRun::new();
    let parent = folder();
    let path = parent.path().join("run");
    let fit = |with: &dyn Fn(Trainer<_>) -> Trainer<_>| {
        let trainer = with(Trainer::new(&path).quiet().existing_run(ExistingRun::Overwrite));
        trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(drop)
    };
    let plateau = || ReduceLrOnPlateau::on(Monitor::ValidLoss);
    let schedule = LearningRateSchedule::linear;
    let error = fit(&|trainer| trainer.reduce_lr_on_plateau(plateau()).callback(schedule())).unwrap_err().to_string();
    assert!(error.contains("reduce_lr_on_plateau and learning_rate_schedule"), "{error}");
    let error = fit(&|trainer| trainer.callback(schedule()).callback(schedule())).unwrap_err().to_string();
    assert!(error.contains("learning_rate_schedule and learning_rate_schedule"), "{error}");
    let error = fit(&|trainer| trainer.callback(schedule().min_lr(-1.0))).unwrap_err().to_string();
    assert!(error.contains("min_lr"), "{error}");
    assert!(!path.exists(), "nothing was written");

    let stopping = || EarlyStopping::on(Monitor::ValidLoss).patience(3);
    fit(&|trainer| trainer.early_stopping(stopping()).callback(schedule())).unwrap();
    fit(&|trainer| trainer.reduce_lr_on_plateau(plateau()).reduce_lr_on_plateau(plateau())).unwrap();
}
