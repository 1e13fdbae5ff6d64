//! Records of what layers do in a forward pass, one per thread.

use std::cell::RefCell;
use std::thread::LocalKey;

/// The records; `None` if nothing is being recorded.
pub(crate) type Tape<T> = RefCell<Option<Vec<T>>>;

/// Runs a forward pass and returns what was recorded.
pub(crate) fn record<T, R>(tape: &'static LocalKey<Tape<T>>, forward: impl FnOnce() -> R) -> (R, Vec<T>) {
    /// Restores the records of an outer recording, also if the pass panics.
    struct Restore<T: 'static>(&'static LocalKey<Tape<T>>, Option<Vec<T>>);
    impl<T> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1.take());
        }
    }
    let _restore = Restore(tape, tape.replace(Some(Vec::new())));
    let result = forward();
    (result, tape.take().unwrap_or_default())
}

/// Adds to the record, if anything is being recorded.
pub(crate) fn tell<T>(tape: &'static LocalKey<Tape<T>>, add: impl FnOnce(&mut Vec<T>)) {
    tape.with_borrow_mut(|tape| tape.as_mut().map(add));
}
