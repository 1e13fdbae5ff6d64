//! [`Best`]: the rows with the highest scores so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A row and its score. The lesser one is better: higher score first, ties by lower row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) score: f32,
    pub(crate) row: u32,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Ranked {}

/// At most `most` rows: the best of all that were offered, in any order.
pub(crate) struct Best {
    most: usize,
    /// The worst of them is on top.
    heap: BinaryHeap<Ranked>,
}

impl Best {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new() }
    }

    /// A row with a lower score would not be kept; one with exactly this score might be.
    #[inline(always)]
    pub(crate) fn threshold(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.most => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Keeps a row if it is among the best.
    pub(crate) fn offer(&mut self, ranked: Ranked) {
        if self.heap.len() < self.most {
            self.heap.push(ranked);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    /// The best of both.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for ranked in other.heap {
            self.offer(ranked);
        }
        self
    }

    /// The rows, best first.
    pub(crate) fn into_sorted(self) -> Vec<Ranked> {
        self.heap.into_sorted_vec()
    }
}
