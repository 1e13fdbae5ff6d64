//! What layers tell of a forward pass to whoever records it on this thread.

use std::cell::RefCell;
use std::thread::LocalKey;

/// What is told; `None` where nobody records.
pub(crate) type Tape<T> = RefCell<Option<Vec<T>>>;

/// Runs a forward pass and gives what it told.
pub(crate) fn record<T, R>(tape: &'static LocalKey<Tape<T>>, forward: impl FnOnce() -> R) -> (R, Vec<T>) {
    /// Puts back what was recorded around this, also when the pass panics.
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

/// Adds to what is recorded, if anything is.
pub(crate) fn tell<T>(tape: &'static LocalKey<Tape<T>>, add: impl FnOnce(&mut Vec<T>)) {
    tape.with_borrow_mut(|tape| tape.as_mut().map(add));
}
