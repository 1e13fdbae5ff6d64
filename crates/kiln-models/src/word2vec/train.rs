//! Training on all cores or on a device: blocks of the corpus in order, with a learning rate that falls with the words
//! seen.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use kiln_kernels::RandomKey;
use kiln_kernels::word2vec::{DeviceTables, LossSum, Prediction, WindowBatch, WindowSampler, WordTables, Workspace};
use serde::{Deserialize, Serialize};

use super::corpus::{Block, Blocks, Corpus, Token};
use super::vocabulary::Word2VecVocabulary;
use crate::error::{Error, Result};

/// Words whose windows are updated at the same learning rate.
const BATCH: usize = 4_096;
/// The interval between calls of an observer.
const PAUSE: Duration = Duration::from_millis(100);

/// How threads share the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Updates {
    /// All threads update at once, without waiting for each other: fastest; with more than one thread, runs differ a
    /// little.
    #[default]
    Racing,
    /// One thread updates, in the corpus's order, while the others read and draw: the same vectors with any number of
    /// threads, at the speed of one thread's updates.
    Ordered,
}

/// The progress of a training.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Word2VecProgress {
    /// The current epoch, from 0.
    pub epoch: usize,
    /// Words of the corpus seen in this epoch, rare ones included.
    pub words: u64,
    /// Words of the whole corpus, repetitions included.
    pub total_words: u64,
    /// Words per second in this epoch since the call began.
    pub words_per_s: f64,
    /// The learning rate.
    pub alpha: f32,
    /// The mean loss of the epoch so far.
    pub loss: f64,
}

/// What a pass over the corpus needs besides the tables.
pub(crate) struct Pass<'a> {
    pub(crate) vocabulary: &'a Word2VecVocabulary,
    pub(crate) sampler: &'a WindowSampler,
    pub(crate) prediction: Prediction,
    pub(crate) key: RandomKey,
    pub(crate) updates: Updates,
    pub(crate) threads: usize,
    pub(crate) epoch: usize,
    /// The first and the last learning rate, and the number of epochs.
    pub(crate) alpha: (f32, f32),
    pub(crate) epochs: usize,
    pub(crate) total_words: u64,
    /// Words and losses of the epoch before those that this pass counts, and how many ranks read at the same time.
    pub(crate) before: u64,
    pub(crate) before_loss: LossSum,
    pub(crate) ranks: u64,
}

/// The position of a pass between two blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Where the blocks begin that `block` counts: bytes of the corpus, or sentences. Not written if it is 0, so that
    /// older files keep their checksums.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) start: u64,
    pub(crate) block: u64,
    pub(crate) words: u64,
    pub(crate) loss: LossSum,
    /// The size of the blocks that `block` counts; none before the first.
    #[serde(default)]
    pub(crate) block_size: Option<usize>,
}

fn is_zero(start: &u64) -> bool {
    *start == 0
}

/// A block's windows, split where the learning rate changes.
struct Drawn {
    number: u64,
    batches: Vec<(u64, WindowBatch)>,
}

impl Pass<'_> {
    /// Words of the epoch, where this pass has read `words`.
    fn seen(&self, words: u64) -> u64 {
        (self.before + self.ranks * words).min(self.total_words)
    }

    fn rate(&self, words: u64) -> f32 {
        let part = (self.epoch as f64 + self.seen(words) as f64 / self.total_words.max(1) as f64) / self.epochs as f64;
        let (first, last) = self.alpha;
        (first - (first - last) * part as f32).max(last)
    }

    /// Calls `act` with the windows of about [`BATCH`] words and the number of words read for them.
    fn draw(&self, block: &Block, memory: &mut Memory, mut act: impl FnMut(u64, &mut WindowBatch, &mut Workspace)) {
        let Memory { sentence, batch, workspace } = memory;
        let mut random = self.key.index(self.epoch as u64).index(block.number).generator();
        let mut words = 0;
        block.tokens(|token| match token {
            Token::Word(word) => {
                words += 1;
                sentence.extend(self.vocabulary.index(word));
            }
            Token::End => {
                self.sampler.draw(sentence, &mut random, batch);
                sentence.clear();
                if batch.ids.len() >= BATCH {
                    act(words, batch, workspace);
                    batch.clear();
                    words = 0;
                }
            }
        });
        act(words, batch, workspace);
        batch.clear();
    }

    /// Trains from `place` to the end of the corpus, or until the observer breaks off; returns whether the pass is
    /// finished. `place` is then the position reached, also after an error. The steps are made by `device`, if given,
    /// otherwise by the CPU.
    pub(crate) fn run(
        &self,
        tables: &mut WordTables,
        corpus: &Corpus,
        device: Option<&Device>,
        place: &mut Place,
        observe: &mut dyn FnMut(&Word2VecProgress) -> ControlFlow<()>,
    ) -> Result<bool> {
        let blocks = self.blocks_from(corpus, place)?;
        self.blocks(tables, blocks, device, place, &mut Watch::new(place.words, observe))
    }

    /// The blocks after `place`.
    pub(crate) fn blocks_from(&self, corpus: &Corpus, place: &mut Place) -> Result<Blocks> {
        let mut blocks = match place.start {
            0 => corpus.blocks(place.block_size),
            start => corpus.part(start..u64::MAX)?.blocks(place.block_size),
        };
        place.block_size = Some(blocks.size());
        for _ in 0..place.block {
            if blocks.next()?.is_none() {
                return Err(Error::CorpusChanged { expected: self.total_words, found: corpus.raw_words()? });
            }
        }
        Ok(blocks)
    }

    /// Trains on blocks.
    pub(crate) fn blocks(
        &self,
        tables: &mut WordTables,
        blocks: Blocks,
        device: Option<&Device>,
        place: &mut Place,
        watch: &mut Watch<'_>,
    ) -> Result<bool> {
        match (device, self.updates, self.threads) {
            (Some(device), ..) => {
                let before = *place;
                let mut steps = OnDevice::new(tables, device, self.prediction);
                let outcome = self.ordered(&mut steps, blocks, place, watch);
                match steps.tables.to_tables() {
                    Ok(trained) => *tables = trained,
                    Err(error) => {
                        // The device's progress is lost.
                        *place = before;
                        return Err(Error::Device(error));
                    }
                }
                outcome
            }
            (None, _, 1) => self.alone(tables, blocks, place, watch),
            (None, Updates::Ordered, _) => {
                let mut steps = InMemory::new(tables, self.prediction);
                self.ordered(&mut steps, blocks, place, watch)
            }
            (None, Updates::Racing, _) => self.racing(tables, blocks, place, watch),
        }
    }

    fn alone(
        &self,
        tables: &mut WordTables,
        mut blocks: Blocks,
        place: &mut Place,
        watch: &mut Watch<'_>,
    ) -> Result<bool> {
        let mut memory = Memory::default();
        while let Some(block) = blocks.next()? {
            self.draw(&block, &mut memory, |words, batch, workspace| {
                place.loss.add(tables.update(batch, self.prediction, self.rate(place.words), workspace));
                place.words += words;
            });
            place.block += 1;
            if watch.now(self, place.words, place.loss).is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One thread makes the steps, in the corpus's order; the others draw.
    fn ordered(&self, steps: &mut dyn Steps, blocks: Blocks, place: &mut Place, watch: &mut Watch<'_>) -> Result<bool> {
        let outcome = self.ordered_blocks(steps, blocks, place, watch);
        let settled = steps.settle(&mut place.loss);
        let is_over = outcome?;
        settled.map(|()| is_over)
    }

    fn ordered_blocks(
        &self,
        steps: &mut dyn Steps,
        blocks: Blocks,
        place: &mut Place,
        watch: &mut Watch<'_>,
    ) -> Result<bool> {
        let blocks = Mutex::new(blocks);
        let drawing = self.threads.max(2) - 1;
        // One permit per block that is drawn and not yet used, so that drawing does not run far ahead.
        let (permit, permits) = channel();
        let permits = Mutex::new(permits);
        let (sender, drawn) = channel();
        for _ in 0..2 * (drawing + 1) {
            permit.send(()).ok();
        }
        std::thread::scope(|scope| {
            // Dropped at the end of this scope, before the threads are joined, so that none waits for a permit.
            let permit = permit;
            for _ in 0..drawing {
                let sender = sender.clone();
                scope.spawn(|| self.draw_ahead(&blocks, &permits, sender));
            }
            drop(sender);
            let mut early: BTreeMap<u64, Drawn> = BTreeMap::new();
            for drawn in drawn {
                let drawn: Drawn = drawn?;
                early.insert(drawn.number, drawn);
                while let Some(drawn) = early.remove(&place.block) {
                    for (words, batch) in &drawn.batches {
                        steps.step(batch, self.rate(place.words), &mut place.loss);
                        place.words += words;
                    }
                    place.block += 1;
                    if watch.is_due() {
                        steps.settle(&mut place.loss)?;
                        if watch.now(self, place.words, place.loss).is_break() {
                            return Ok(false);
                        }
                    }
                    permit.send(()).ok();
                }
            }
            Ok(true)
        })
    }

    /// Draws blocks until there are no more, or the receiver is gone.
    fn draw_ahead(&self, blocks: &Mutex<Blocks>, permits: &Mutex<Receiver<()>>, sender: Sender<Result<Drawn>>) {
        let mut memory = Memory::default();
        loop {
            if permits.lock().unwrap_or_else(PoisonError::into_inner).recv().is_err() {
                return;
            }
            let block = match blocks.lock().unwrap_or_else(PoisonError::into_inner).next() {
                Ok(Some(block)) => block,
                Ok(None) => return,
                Err(error) => {
                    sender.send(Err(error)).ok();
                    return;
                }
            };
            let mut batches = Vec::new();
            self.draw(&block, &mut memory, |words, batch, _| batches.push((words, std::mem::take(batch))));
            if sender.send(Ok(Drawn { number: block.number, batches })).is_err() {
                return;
            }
        }
    }

    fn racing(&self, tables: &WordTables, blocks: Blocks, place: &mut Place, watch: &mut Watch<'_>) -> Result<bool> {
        let blocks = Mutex::new(blocks);
        let words = AtomicU64::new(place.words);
        let loss = Mutex::new(place.loss);
        let (stop, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        let taken = AtomicU64::new(place.block);
        let work = || -> Result<()> {
            let mut memory = Memory::default();
            while !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed) {
                let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(block) = next.inspect_err(|_| failed.store(true, Ordering::Relaxed))? else { break };
                taken.fetch_add(1, Ordering::Relaxed);
                let mut sum = LossSum::default();
                self.draw(&block, &mut memory, |ran, batch, workspace| {
                    let rate = self.rate(words.load(Ordering::Relaxed));
                    sum.add(tables.update_racing(batch, self.prediction, rate, workspace));
                    words.fetch_add(ran, Ordering::Relaxed);
                });
                loss.lock().unwrap_or_else(PoisonError::into_inner).add(sum);
            }
            Ok(())
        };
        let so_far = || *loss.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                std::thread::park_timeout(Duration::from_millis(2));
                if watch.now(self, words.load(Ordering::Relaxed), so_far()).is_break() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        place.block = taken.load(Ordering::Relaxed);
        place.words = words.load(Ordering::Relaxed);
        place.loss = so_far();
        // A short pass may be over before this thread runs.
        if watch.last.is_none() && watch.now(self, place.words, place.loss).is_break() {
            stop.store(true, Ordering::Relaxed);
        }
        for worker in finished {
            worker.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(!stop.load(Ordering::Relaxed))
    }
}

/// Makes the steps of windows that are drawn in order.
trait Steps {
    /// Makes a step. Its loss is added now, or in `settle`.
    fn step(&mut self, batch: &WindowBatch, rate: f32, loss: &mut LossSum);

    /// Adds the pending losses, in the steps' order.
    ///
    /// # Errors
    ///
    /// The device cannot be read.
    fn settle(&mut self, loss: &mut LossSum) -> Result<()>;
}

/// The CPU.
struct InMemory<'a> {
    tables: &'a mut WordTables,
    prediction: Prediction,
    workspace: Workspace,
}

impl<'a> InMemory<'a> {
    fn new(tables: &'a mut WordTables, prediction: Prediction) -> Self {
        Self { tables, prediction, workspace: Workspace::default() }
    }
}

impl Steps for InMemory<'_> {
    fn step(&mut self, batch: &WindowBatch, rate: f32, loss: &mut LossSum) {
        loss.add(self.tables.update(batch, self.prediction, rate, &mut self.workspace));
    }

    fn settle(&mut self, _: &mut LossSum) -> Result<()> {
        Ok(())
    }
}

/// A device; the host waits for it only when losses are settled.
struct OnDevice {
    tables: DeviceTables,
    prediction: Prediction,
    /// The summed loss of each step, and its number of terms.
    losses: Vec<Tensor<1>>,
    counts: Vec<u64>,
}

impl OnDevice {
    fn new(tables: &WordTables, device: &Device, prediction: Prediction) -> Self {
        let tables = DeviceTables::new(tables, device);
        Self { tables, prediction, losses: Vec::new(), counts: Vec::new() }
    }
}

impl Steps for OnDevice {
    fn step(&mut self, batch: &WindowBatch, rate: f32, _: &mut LossSum) {
        self.losses.push(self.tables.update(batch, self.prediction, rate));
        self.counts.push(batch.predictions(self.prediction));
    }

    fn settle(&mut self, loss: &mut LossSum) -> Result<()> {
        if !self.losses.is_empty() {
            let sums = Tensor::cat(std::mem::take(&mut self.losses), 0);
            let sums = sums.try_into_vec_as::<f32>().map_err(Error::Device)?;
            for (sum, count) in sums.into_iter().zip(self.counts.drain(..)) {
                loss.add(LossSum { sum: f64::from(sum), count });
            }
        }
        Ok(())
    }
}

/// Buffers of one thread.
#[derive(Default)]
struct Memory {
    sentence: Vec<u32>,
    batch: WindowBatch,
    workspace: Workspace,
}

/// Calls the observer at intervals.
pub(crate) struct Watch<'a> {
    began: Instant,
    /// Words of the epoch before the first block.
    first: u64,
    observe: &'a mut dyn FnMut(&Word2VecProgress) -> ControlFlow<()>,
    last: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// `first`: words of the epoch before the first block.
    pub(crate) fn new(first: u64, observe: &'a mut dyn FnMut(&Word2VecProgress) -> ControlFlow<()>) -> Self {
        Self { began: Instant::now(), first, observe, last: None }
    }

    /// Whether the observer is due to be called.
    fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= PAUSE)
    }

    fn now(&mut self, pass: &Pass, words: u64, loss: LossSum) -> ControlFlow<()> {
        let seen = pass.seen(words);
        let mut sum = pass.before_loss;
        sum.add(loss);
        if seen == self.first || !self.is_due() {
            return ControlFlow::Continue(());
        }
        let now = Instant::now();
        self.last = Some(now);
        let seconds = (now - self.began).as_secs_f64();
        (self.observe)(&Word2VecProgress {
            epoch: pass.epoch,
            words: seen,
            total_words: pass.total_words,
            words_per_s: seen.saturating_sub(self.first) as f64 / seconds.max(1e-9),
            alpha: pass.rate(words),
            loss: sum.mean(),
        })
    }
}
