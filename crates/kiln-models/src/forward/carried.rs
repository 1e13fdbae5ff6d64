//! What a model hands from one batch to the next, where the batches of a pass follow one another.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::layers::RecurrentState;

/// The states of a stack of recurrent layers, the lowest first.
#[derive(Clone, Debug)]
pub struct LayerStates(pub Vec<RecurrentState>);

impl LayerStates {
    /// The same numbers without their history: gradients end here.
    #[must_use]
    pub fn detached(self) -> Self {
        let detached = |state: RecurrentState| RecurrentState {
            hidden: state.hidden.detach(),
            cell: state.cell.map(|cell| cell.detach()),
        };
        Self(self.0.into_iter().map(detached).collect())
    }
}

/// A place for the states between two batches of one pass over the data. Copies share the place: who makes the
/// batches puts one into each batch of a pass.
///
/// A new one is empty, which is the state that everything starts from.
#[derive(Clone, Default)]
pub struct Carried(Arc<Mutex<Option<LayerStates>>>);

impl Carried {
    /// Takes what the batch before left.
    pub fn take(&self) -> Option<LayerStates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Leaves states for the next batch, without their history.
    pub fn leave(&self, states: LayerStates) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(states.detached());
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}
