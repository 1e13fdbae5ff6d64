//! Ctrl-C and the signals that ask a process to end: one handler, which stops the current runs of all trainers in the
//! process.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::train::Interrupter;

use crate::error::Result;

/// The state of the handler; a process can have only one.
struct Handled {
    installed: bool,
    /// The current runs that Ctrl-C stops, each with its number.
    runs: Vec<(u64, Interrupter)>,
    next: u64,
}

static HANDLED: Mutex<Handled> = Mutex::new(Handled { installed: false, runs: Vec::new(), next: 0 });

fn handled() -> MutexGuard<'static, Handled> {
    HANDLED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs the handler, unless it is installed already.
///
/// # Errors
///
/// The process has another handler of the signal.
pub(crate) fn install() -> Result<()> {
    let mut state = handled();
    if !state.installed {
        ctrlc::set_handler(pressed)?;
        state.installed = true;
    }
    Ok(())
}

/// Stops every current run; ends the process if none is left to stop.
fn pressed() {
    let state = handled();
    let mut going_on = state.runs.iter().filter(|(_, run)| !run.should_stop()).peekable();
    if going_on.peek().is_none() {
        std::process::exit(130);
    }
    let _ = writeln!(std::io::stderr(), "stopping after this step; a second signal ends the process at once");
    going_on.for_each(|(_, run)| run.stop(Some("stopped by Ctrl-C or another termination signal")));
}

/// A run that Ctrl-C stops, until this value is dropped.
pub(crate) struct UnderWay(u64);

impl UnderWay {
    pub(crate) fn new(interrupter: &Interrupter) -> Self {
        let mut state = handled();
        let number = state.next;
        state.next += 1;
        state.runs.push((number, interrupter.clone()));
        Self(number)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        handled().runs.retain(|(number, _)| *number != self.0);
    }
}
