//! Tasks that run at the same time and wait for each other between steps.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How often a thread looks again before it lets others run.
const LOOKS: usize = 1 << 12;

/// The place where the tasks of a group wait for each other.
pub(crate) struct Meeting {
    members: usize,
    arrived: AtomicUsize,
    turn: AtomicUsize,
    is_broken: AtomicBool,
}

impl Meeting {
    pub(crate) fn of(members: usize) -> Self {
        Self { members, arrived: AtomicUsize::new(0), turn: AtomicUsize::new(0), is_broken: AtomicBool::new(false) }
    }

    /// Returns when all tasks of the group have called it as often as this one. What each wrote before, all can read.
    ///
    /// # Panics
    ///
    /// If another task has panicked.
    #[inline(always)]
    pub(crate) fn wait(&self) {
        if self.members > 1 {
            self.wait_for_others();
        }
    }

    fn wait_for_others(&self) {
        let turn = self.turn.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.members {
            self.arrived.store(0, Ordering::Relaxed);
            self.turn.store(turn.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut looks = 0;
        while self.turn.load(Ordering::Acquire) == turn {
            assert!(!self.is_broken.load(Ordering::Acquire), "another thread of this operation has panicked");
            looks += 1;
            if looks < LOOKS { std::hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

/// Breaks the meeting if its task panics, so that the others do not wait for ever.
struct Breaks<'a>(&'a Meeting);

impl Drop for Breaks<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.is_broken.store(true, Ordering::Release);
        }
    }
}

/// Runs a task for each number below `members`, each on its own thread, and returns the results in order.
pub(crate) fn together<R: Send>(members: usize, act: impl Fn(usize, &Meeting) -> R + Sync) -> Vec<R> {
    let meeting = Meeting::of(members);
    let member = |member: usize| {
        let _breaks = Breaks(&meeting);
        act(member, &meeting)
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..members).map(|n| scope.spawn(move || member(n))).collect();
        let first = member(0);
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(first).chain(others).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_wrote_before_a_meeting_is_read_after_it() {
        let written: Vec<AtomicUsize> = (0..3).map(|_| AtomicUsize::new(0)).collect();
        let sums = together(3, |member, meeting| {
            let mut sum = 0;
            for turn in 1..=1_000 {
                written[member].store(turn * (member + 1), Ordering::Relaxed);
                meeting.wait();
                sum += written.iter().map(|number| number.load(Ordering::Relaxed)).sum::<usize>();
                meeting.wait();
            }
            sum
        });
        assert_eq!(sums, [6 * 500_500; 3]);
    }

    #[test]
    #[should_panic(expected = "panicked")]
    fn a_panic_ends_the_others() {
        together(2, |member, meeting| {
            assert!(member == 0, "the second has panicked");
            meeting.wait();
        });
    }
}
