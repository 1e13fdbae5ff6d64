//! Times the same steps inside `kiln-train`'s trainer: with batches cut from a data set, callbacks, metrics and the
//! progress display.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use kiln::burn::tensor::Device;
use kiln::models::RandomKey;
use kiln::prelude::*;
use kiln::text::rows::{Padded, Span};
use kiln::train::StepLogs;
use kiln::train::{TextWindows, TokenDataset};

use crate::median;
use crate::tasks::Task;

const STEPS: usize = 40;
const EPOCHS: usize = 2;
/// Warm-up steps.
const WARM_UP: usize = 5;

/// When each step ended.
struct Stamps(Arc<Mutex<Vec<Instant>>>);

impl Callback for Stamps {
    fn name(&self) -> &'static str {
        "stamps"
    }

    fn on_step_end(&mut self, _step: &StepLogs, _control: &mut Control<'_>) -> kiln::train::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        Ok(())
    }
}

/// The median time from the end of a step to the end of the next, in seconds.
fn fit<M: Trainable, D>(model: M, task: Task, train: &D, valid: &D) -> Result<f64>
where
    D: Batches<Batch = M::Batch> + Clone + 'static,
{
    let stamps = Arc::new(Mutex::new(Vec::new()));
    let folder = std::env::temp_dir().join(format!("kiln-bench-{}", std::process::id()));
    let (optimizer, clip_norm) = task.optimizer();
    let mut trainer = Trainer::new(&folder)
        .epochs(EPOCHS)
        .batch_size(task.batch())
        .optimizer(optimizer)
        .existing_run(ExistingRun::Overwrite)
        .callback(Stamps(stamps.clone()));
    if let Some(norm) = clip_norm {
        trainer = trainer.clip_norm(norm);
    }
    let run = trainer.fit(model, train, valid);
    std::fs::remove_dir_all(&folder).ok();
    run?;
    let stamps = stamps.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = stamps.windows(2).skip(WARM_UP).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    Ok(median(seconds))
}

/// A step's median time inside the trainer, in seconds; `None` for the model that is not in a crate of Kiln.
pub(crate) fn step(task: Task, device: &Device) -> Result<Option<f64>> {
    let (rows, steps) = (task.batch() * STEPS, task.steps());
    match task {
        Task::ConvBiLstm => {
            let vocab = 10_000;
            let model = ConvBiLstmConfig::new(vocab, steps).init(device, 0)?;
            let data = |rows: usize| {
                let ids = RandomKey::new(1).child("ids").uniform(rows * steps);
                let values = ids.iter().map(|x| (x * vocab as f32) as u32).collect();
                let spans = vec![Span { start: 0, len: steps }; rows];
                let classes = (0..rows).map(|row| (row % 2) as u32).collect();
                TokenDataset::new(Padded { values, rows, len: steps, spans }, classes, vocab)
            };
            fit(model, task, &data(rows)?, &data(task.batch())?).map(Some)
        }
        Task::Classifier(_) => Ok(None),
        Task::Product | Task::Wide(..) => {
            let config = task.regressor();
            let data = |rows: usize| {
                let values = RandomKey::new(1).child("series").uniform(rows * steps * config.d_input);
                let targets = RandomKey::new(1).child("targets").uniform(rows);
                SeriesDataset::new(values, [steps, config.d_input], targets, 1)
            };
            fit(config.init(device, 0)?, task, &data(rows)?, &data(task.batch())?).map(Some)
        }
        Task::Language => {
            let config = Task::language();
            let data = |windows: usize| {
                let tokens = task.batch() * steps * windows + 1;
                let ids = RandomKey::new(1).child("ids").uniform(tokens);
                let ids = ids.iter().map(|x| (x * config.vocab_size as f32) as u32).collect();
                TextWindows::new(ids, task.batch(), steps)
            };
            fit(config.init(device, 0)?, task, &data(STEPS)?, &data(1)?).map(Some)
        }
    }
}
