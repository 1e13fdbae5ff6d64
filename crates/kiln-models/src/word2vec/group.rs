//! A pass over the corpus by the ranks of a group: each trains a replica of the tables on its own part, and the replicas
//! are averaged again and again, the rows of frequent words most often.

use std::cell::Cell;
use std::ops::ControlFlow;

use kiln_group::{Group, fold_all};
use kiln_kernels::word2vec::{LossSum, WordTables};

use super::corpus::Corpus;
use super::train::{Pass, Place, Watch, Word2VecProgress};
use crate::error::{Error, Result};

/// The fewest rows that are averaged.
const FEWEST: usize = 256;
/// The learning rate rises with the number of ranks to this power, since a mean moves less far than one replica that
/// reads everything. Found on IMDB's reviews, where lower powers learn less with 4 ranks and 1 scores lower.
const POWER: f32 = 0.75;

/// The most numbers of a table in one message.
const MESSAGE: usize = 1 << 23;

/// What a rank has done in a round.
#[derive(Clone, Copy, Default)]
struct Round {
    words: u64,
    loss: LossSum,
    /// Whether it is to stop.
    stop: bool,
}

impl Round {
    fn pack(&self) -> Vec<u8> {
        let Self { words, loss, stop } = *self;
        [words, loss.sum.to_bits(), loss.count, u64::from(stop)].into_iter().flat_map(u64::to_le_bytes).collect()
    }

    fn unpack(bytes: Vec<u8>) -> Result<Self> {
        let other = kiln_group::Error::Length { expected: 32, found: bytes.len() };
        let (numbers, []) = bytes.as_chunks() else { return Err(other.into()) };
        let &[words, sum, count, stop] = numbers else { return Err(other.into()) };
        let [words, sum, count, stop] = [words, sum, count, stop].map(u64::from_le_bytes);
        Ok(Self { words, loss: LossSum { sum: f64::from_bits(sum), count }, stop: stop > 0 })
    }

    fn add(&mut self, more: Self) -> Result<()> {
        self.words += more.words;
        self.loss.add(more.loss);
        self.stop |= more.stop;
        Ok(())
    }
}

/// Replaces the first rows of each table by their means over all ranks.
fn average(group: &dyn Group, tables: &mut WordTables, rows: usize) -> Result<()> {
    let share = 1.0 / group.size() as f32;
    let at_a_time = (MESSAGE / tables.width()).max(1);
    for start in (0..rows).step_by(at_a_time) {
        let mut values = tables.some_rows(start..rows.min(start + at_a_time));
        group.sum(&mut values)?;
        values.iter_mut().for_each(|value| *value *= share);
        tables.set_rows(start, &values);
    }
    Ok(())
}

impl Pass<'_> {
    /// [`Pass::run`] by all ranks of a group. `sync_words` is about how many words a rank reads between two averages.
    /// `place` and the tables are then the same on all ranks.
    pub(crate) fn run_over(
        &mut self,
        group: &dyn Group,
        tables: &mut WordTables,
        corpus: &Corpus,
        place: &mut Place,
        sync_words: u64,
        observe: &mut dyn FnMut(&Word2VecProgress) -> ControlFlow<()>,
    ) -> Result<bool> {
        corpus.check_can_be_cut()?;
        if place.block > 0 {
            // One process began this epoch.
            let from = place.start;
            *place = Place { start: from + self.blocks_from(corpus, place)?.place(), block: 0, ..*place };
        }
        place.block_size = None;
        let (rank, ranks, length) = (group.rank() as u64, group.size() as u64, corpus.length()?);
        let rounds = self.total_words.saturating_sub(place.words).div_ceil(sync_words.saturating_mul(ranks)).max(1);
        // Equal parts, also in a short corpus.
        let piece = length.saturating_sub(place.start).div_ceil(rounds.saturating_mul(ranks)).max(1);
        // A rank that is to stop first finishes its part of the round.
        let stop = Cell::new(false);
        let mut observe = |progress: &Word2VecProgress| {
            stop.set(stop.get() || observe(progress).is_break());
            ControlFlow::Continue(())
        };
        let mut watch = Watch::new(place.words, &mut observe);
        let key = self.key;
        self.ranks = ranks;
        self.alpha.0 *= (ranks as f32).powf(POWER);
        let mut round = 0_u64;
        loop {
            round += 1;
            let begins = |rank: u64| place.start.saturating_add(piece.saturating_mul(rank)).min(length);
            let (start, next) = (begins(rank), begins(ranks));
            (self.before, self.before_loss) = (place.words, place.loss);
            self.key = key.child("part").index(start);
            let mut own = Place::default();
            let blocks = corpus.part(start..begins(rank + 1))?.blocks(None);
            self.blocks(tables, blocks, None, &mut own, &mut watch)?;
            let mut own = Some(Round { words: own.words, loss: own.loss, stop: stop.get() });
            let next_own = |_| Ok::<_, Error>(own.take().unwrap_or_default());
            let all = fold_all(group, ranks as usize, next_own, Round::pack, Round::unpack, Round::add)?;
            let all = all.unwrap_or_default();
            (place.start, place.words) = (next, place.words + all.words);
            place.loss.add(all.loss);
            let is_over = next == length;
            let rows = match is_over || all.stop {
                true => tables.rows(),
                false => FEWEST.saturating_mul(1 << round.trailing_zeros().min(32)).min(tables.rows()),
            };
            average(group, tables, rows)?;
            if is_over || all.stop {
                return Ok(is_over);
            }
        }
    }
}
