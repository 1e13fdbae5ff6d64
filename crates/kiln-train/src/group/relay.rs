//! A group for another thread. Burn runs the training loop as something that may move between threads, which a
//! connection such as MPI's may not: so the loop runs on a separate thread, and the thread that has the group serves it.

use std::sync::mpsc::{Receiver, Sender, channel};

use kiln_group::{Error, Group, Result};

enum Ask {
    Send(usize, Vec<u8>),
    Receive(usize),
}

/// The group, seen from the other thread.
pub(crate) struct Relay {
    rank: usize,
    size: usize,
    asks: Sender<Ask>,
    answers: Receiver<Result<Vec<u8>>>,
}

/// The end on the thread that has the group.
pub(crate) struct Serving<'a> {
    group: &'a dyn Group,
    asks: Receiver<Ask>,
    answers: Sender<Result<Vec<u8>>>,
}

/// Both ends.
pub(crate) fn relay(group: &dyn Group) -> (Relay, Serving<'_>) {
    let ((ask, asks), (answer, answers)) = (channel(), channel());
    let relay = Relay { rank: group.rank(), size: group.size(), asks: ask, answers };
    (relay, Serving { group, asks, answers: answer })
}

impl Serving<'_> {
    /// Does what the other thread asks, until it drops its [`Relay`].
    pub(crate) fn serve(self) {
        while let Ok(ask) = self.asks.recv() {
            let answer = match ask {
                Ask::Send(to, bytes) => self.group.send(to, &bytes).map(|()| Vec::new()),
                Ask::Receive(from) => self.group.receive(from),
            };
            self.answers.send(answer).ok();
        }
    }
}

impl Relay {
    fn ask(&self, ask: Ask) -> Result<Vec<u8>> {
        let gone = || Error::Ended { rank: self.rank, why: "the thread that has the group has ended".to_owned() };
        self.asks.send(ask).map_err(|_| gone())?;
        self.answers.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Group for Relay {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, bytes: &[u8]) -> Result<()> {
        self.ask(Ask::Send(to, bytes.to_vec())).map(drop)
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        self.ask(Ask::Receive(from))
    }

    /// Does nothing: an error of the loop ends the work on the thread that has the group, which then tells the others.
    fn abort(&self, _why: &str) {}
}
