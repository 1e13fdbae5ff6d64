//! Threads of one process as the ranks of a group, connected by channels.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::group::Group;

/// How long a rank waits before it looks whether another one has ended the group.
const GLANCE: Duration = Duration::from_millis(20);

/// What all threads see.
struct Shared {
    /// For each rank, whether it is waiting for another one: the answers to a roll call.
    waiting: Vec<AtomicBool>,
    /// The rank that ended the group, and its reason.
    ended: Mutex<Option<(usize, String)>>,
}

struct Worker<'a> {
    rank: usize,
    time_limit: Duration,
    shared: &'a Shared,
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Receiver<Vec<u8>>>,
}

/// Runs `work` on threads, and returns its results in the order of the ranks.
pub(crate) fn run<T: Send, E: From<Error> + Display + Send>(
    size: usize,
    time_limit: Duration,
    work: impl Fn(&dyn Group) -> Result<T, E> + Sync,
) -> Vec<Result<T, E>> {
    let shared = Shared { waiting: (0..size).map(|_| AtomicBool::new(false)).collect(), ended: Mutex::default() };
    // One channel for each pair: row by sender, then turned so that each rank gets its column of receivers.
    let mut to: Vec<Vec<Sender<Vec<u8>>>> = (0..size).map(|_| Vec::new()).collect();
    let mut from: Vec<Vec<Receiver<Vec<u8>>>> = (0..size).map(|_| Vec::new()).collect();
    for senders in &mut to {
        for receivers in &mut from {
            let (sender, receiver) = channel();
            senders.push(sender);
            receivers.push(receiver);
        }
    }
    let (shared, work) = (&shared, &work);
    std::thread::scope(|scope| {
        let workers = to.into_iter().zip(from).enumerate();
        let threads: Vec<_> = workers
            .map(|(rank, (to, from))| {
                scope.spawn(move || {
                    let worker = Worker { rank, time_limit, shared, to, from };
                    work(&worker).inspect_err(|error| worker.abort(&format!("{error:#}")))
                })
            })
            .collect();
        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        ended.into_iter().map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

impl Worker<'_> {
    fn check_peer(&self, peer: usize) -> Result<()> {
        let size = self.to.len();
        if peer < size && peer != self.rank { Ok(()) } else { Err(Error::NoSuchRank { found: peer, size }) }
    }

    fn check_ended(&self) -> Result<()> {
        match &*self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((rank, why)) => Err(Error::Ended { rank: *rank, why: why.clone() }),
            None => Ok(()),
        }
    }

    fn wait(&self, from: usize) -> Result<Vec<u8>> {
        let began = Instant::now();
        let (rank, size) = (self.rank, self.to.len());
        loop {
            let missing = match self.from[from].recv_timeout(GLANCE.min(self.time_limit)) {
                Ok(bytes) => return Ok(bytes),
                // It returned, or it panicked.
                Err(RecvTimeoutError::Disconnected) => vec![from],
                Err(RecvTimeoutError::Timeout) => {
                    self.check_ended()?;
                    if began.elapsed() < self.time_limit {
                        continue;
                    }
                    let waits = |rank: &usize| self.shared.waiting[*rank].load(Ordering::SeqCst);
                    (0..size).filter(|rank| !waits(rank)).collect()
                }
            };
            self.check_ended()?;
            let waited = began.elapsed();
            return Err(match missing.is_empty() {
                true => Error::OutOfStep { rank, size, waited, peer: from },
                false => Error::Missing { rank, size, waited, missing },
            });
        }
    }
}

impl Group for Worker<'_> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, bytes: &[u8]) -> Result<()> {
        self.check_peer(to)?;
        self.check_ended()?;
        // To a rank that has returned, a message is lost; whoever waits for that rank sees it.
        let _ = self.to[to].send(bytes.to_vec());
        Ok(())
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        self.check_peer(from)?;
        let waiting = &self.shared.waiting[self.rank];
        waiting.store(true, Ordering::SeqCst);
        // A rank that fails stays among those that came.
        let received = self.wait(from)?;
        waiting.store(false, Ordering::SeqCst);
        Ok(received)
    }

    fn abort(&self, why: &str) {
        let mut ended = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.get_or_insert_with(|| (self.rank, why.to_owned()));
    }
}
