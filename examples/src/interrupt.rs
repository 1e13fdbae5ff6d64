//! Ctrl-C as a flag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Whether Ctrl-C was pressed.
#[derive(Clone, Debug)]
pub struct Interrupt {
    pressed: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
}

impl Interrupt {
    /// Handles Ctrl-C; a second one ends the program at once.
    ///
    /// # Errors
    ///
    /// Ctrl-C is already handled elsewhere.
    pub fn on_ctrl_c() -> Result<Self> {
        let interrupt = Self { pressed: Arc::default(), released: Arc::default() };
        let handled = interrupt.clone();
        ctrlc::set_handler(move || {
            if handled.pressed.swap(true, Ordering::Relaxed) || handled.released.load(Ordering::Relaxed) {
                std::process::exit(130);
            }
        })
        .context("cannot handle Ctrl-C")?;
        Ok(interrupt)
    }

    /// Whether it was pressed.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    /// From now on the first Ctrl-C ends the program.
    pub fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }
}
