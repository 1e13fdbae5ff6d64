//! The ranks of MPI as a group. Nothing else in Kiln knows MPI.
//!
//! Messages begin and are then asked for again and again whether they are done, so that no call of MPI can block: only
//! so can an operation have a time limit. A message that is not done in time is left to MPI for good, with its buffer.
//! A second tag carries short notes from any rank: "here", in a roll call, and "ended" with a reason. Whoever waits also
//! reads these.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use mpi::environment::Universe;
use mpi::request::{Request, StaticScope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Equivalence, MatchedReceiveVec, Source};
use mpi::{Tag, Threading};

use crate::error::{Error, Result};
use crate::group::Group;

/// The tags of messages and of notes.
const DATA: Tag = 0;
const NOTE: Tag = 1;
/// The notes of a roll call; any other note is the reason why a rank ended.
const HERE: &[u8] = b"\0";
/// The most bytes of one message to MPI, whose lengths have 31 bits. A shorter one ends a message of ours.
const PIECE: usize = 1 << 26;
/// How long a roll call waits for answers.
const ROLL_CALL: Duration = Duration::from_secs(5);
/// How long a rank that ends waits until its note is on its way.
const PARTING: Duration = Duration::from_secs(1);
/// How often a rank asks without a pause, and the pause after that.
const EAGER_POLLS: u32 = 2000;
const PAUSE: Duration = Duration::from_micros(100);

pub(crate) struct Mpi {
    world: SimpleCommunicator,
    /// Dropped only by `finish`, since that waits for all ranks.
    universe: ManuallyDrop<Universe>,
    rank: usize,
    size: usize,
    time_limit: Duration,
    /// The ranks that answered the roll call.
    here: RefCell<Vec<bool>>,
    is_called: Cell<bool>,
}

impl Mpi {
    pub(crate) fn start(time_limit: Duration) -> Result<Self> {
        // All calls come from the thread that works with the group.
        let (universe, _) = mpi::initialize_with_threading(Threading::Serialized).ok_or(Error::InUse)?;
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        let mut here = vec![false; size];
        here[rank] = true;
        let universe = ManuallyDrop::new(universe);
        let (here, is_called) = (RefCell::new(here), Cell::new(false));
        Ok(Self { world, universe, rank, size, time_limit, here, is_called })
    }

    /// Ends MPI when all ranks have come here.
    pub(crate) fn finish(self) -> Result<()> {
        self.barrier()?;
        drop(ManuallyDrop::into_inner(self.universe));
        Ok(())
    }

    fn check_peer(&self, peer: usize) -> Result<()> {
        let size = self.size;
        if peer < size && peer != self.rank { Ok(()) } else { Err(Error::NoSuchRank { found: peer, size }) }
    }

    /// Asks `poll` until it returns something.
    fn wait<T>(&self, peer: usize, mut poll: impl FnMut() -> Option<T>) -> Result<T> {
        let began = Instant::now();
        let mut polls = 0;
        loop {
            if let Some(done) = poll() {
                return Ok(done);
            }
            self.read_notes()?;
            if self.is_called.get() || began.elapsed() > self.time_limit {
                return Err(self.roll_call(peer, began.elapsed())?);
            }
            pause(&mut polls);
        }
    }

    /// Waits until a message is sent or received.
    fn complete(&self, peer: usize, request: Request<'static, [u8], StaticScope>) -> Result<()> {
        let mut request = Some(request);
        let done = self.wait(peer, || {
            match request.take()?.test() {
                Ok(_) => return Some(()),
                Err(not_yet) => request = Some(not_yet),
            }
            None
        });
        // MPI still has it; dropping it would panic.
        request.into_iter().for_each(std::mem::forget);
        done
    }

    /// Reads the notes of other ranks.
    fn read_notes(&self) -> Result<()> {
        while let Some(note) = self.world.any_process().immediate_matched_probe_with_tag(NOTE) {
            // Short enough to have arrived with the notice of it.
            let (note, status) = note.matched_receive_vec::<u8>();
            let rank = status.source_rank() as usize;
            if note != HERE {
                return Err(Error::Ended { rank, why: String::from_utf8_lossy(&note).into_owned() });
            }
            self.here.borrow_mut()[rank] = true;
            self.is_called.set(true);
        }
        Ok(())
    }

    fn note(&self, to: usize, note: &'static [u8]) -> Request<'static, [u8], StaticScope> {
        self.world.process_at_rank(to as i32).immediate_send_with_tag(StaticScope, note, NOTE)
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        let own = self.rank;
        (0..self.size).filter(move |&rank| rank != own)
    }

    /// Says that this rank is here, and which ranks do not say so.
    fn roll_call(&self, peer: usize, waited: Duration) -> Result<Error> {
        // Nobody waits for these: a rank that is missing never takes them.
        self.others().for_each(|rank| std::mem::forget(self.note(rank, HERE)));
        let (began, mut polls) = (Instant::now(), 0);
        while began.elapsed() < ROLL_CALL && self.here.borrow().contains(&false) {
            self.read_notes()?;
            pause(&mut polls);
        }
        let here = self.here.borrow();
        let missing: Vec<usize> = (0..self.size).filter(|&rank| !here[rank]).collect();
        let (rank, size) = (self.rank, self.size);
        Ok(match missing.is_empty() {
            true => Error::OutOfStep { rank, size, waited, peer },
            false => Error::Missing { rank, size, waited, missing },
        })
    }
}

fn pause(polls: &mut u32) {
    *polls = polls.saturating_add(1);
    if *polls < EAGER_POLLS { std::thread::yield_now() } else { std::thread::sleep(PAUSE) }
}

impl Group for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, bytes: &[u8]) -> Result<()> {
        self.check_peer(to)?;
        let process = self.world.process_at_rank(to as i32);
        let full = bytes.len() / PIECE * PIECE;
        for piece in bytes[..full].chunks(PIECE).chain([&bytes[full..]]) {
            let piece = ManuallyDrop::new(piece.to_vec());
            // SAFETY: the copy is freed only after MPI has sent it; if that fails, it is never freed.
            let text: &'static [u8] = unsafe { std::slice::from_raw_parts(piece.as_ptr(), piece.len()) };
            self.complete(to, process.immediate_send_with_tag(StaticScope, text, DATA))?;
            drop(ManuallyDrop::into_inner(piece));
        }
        Ok(())
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        self.check_peer(from)?;
        let process = self.world.process_at_rank(from as i32);
        let mut bytes = Vec::new();
        loop {
            let (message, status) = self.wait(from, || process.immediate_matched_probe_with_tag(DATA))?;
            let mut piece = ManuallyDrop::new(vec![0; status.count(u8::equivalent_datatype()) as usize]);
            // SAFETY: the buffer is read and freed only after MPI has filled it; if that fails, neither.
            let room: &'static mut [u8] = unsafe { std::slice::from_raw_parts_mut(piece.as_mut_ptr(), piece.len()) };
            self.complete(from, message.immediate_matched_receive_into(StaticScope, room))?;
            let piece = ManuallyDrop::into_inner(piece);
            let is_last = piece.len() < PIECE;
            if bytes.is_empty() {
                bytes = piece
            } else {
                bytes.extend_from_slice(&piece)
            }
            if is_last {
                return Ok(bytes);
            }
        }
    }

    fn abort(&self, why: &str) {
        // Short, so that it is sent without the other rank's help. A panic would hide the error.
        let why: String = why.chars().take(1000).collect();
        let note: &'static [u8] = Box::leak(why.into_bytes().into_boxed_slice());
        let mut sent: Vec<_> = self.others().map(|rank| self.note(rank, note)).collect();
        let (began, mut polls) = (Instant::now(), 0);
        while began.elapsed() < PARTING && !sent.is_empty() {
            sent = sent.into_iter().filter_map(|request| request.test().err()).collect();
            pause(&mut polls);
        }
        sent.into_iter().for_each(std::mem::forget);
    }
}
