//! States that a model carries from one batch to the next when the batches of a pass are consecutive text.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor, TensorData, TensorReadError};

use crate::layers::RecurrentState;
use crate::weights::{Weight, Weights};

/// The states of a stack of recurrent layers, lowest first.
#[derive(Clone, Debug)]
pub struct LayerStates(pub Vec<RecurrentState>);

impl LayerStates {
    /// The states by name, such as `0.hidden` and `0.cell` for the lowest layer.
    ///
    /// # Errors
    ///
    /// The device cannot be read.
    pub fn to_weights(&self) -> Result<Weights, TensorReadError> {
        let mut all = Weights::new();
        for (layer, state) in self.0.iter().enumerate() {
            let parts = [("hidden", Some(&state.hidden)), ("cell", state.cell.as_ref())];
            for (part, tensor) in parts.into_iter().filter_map(|(part, tensor)| Some((part, tensor?))) {
                let values = tensor.clone().try_into_vec_as::<f32>()?;
                all.insert(format!("{layer}.{part}"), Weight { shape: tensor.dims().to_vec(), values });
            }
        }
        Ok(all)
    }

    /// The states that [`to_weights`](Self::to_weights) returned; `None` if there are none.
    pub fn of_weights(weights: &Weights, device: &Device) -> Option<Self> {
        let tensor = |name: String| {
            let Weight { shape, values } = weights.get(&name)?;
            let shape: [usize; 2] = shape.as_slice().try_into().ok()?;
            Some(Tensor::from_data(TensorData::new(values.clone(), shape), device))
        };
        let state = |layer: usize| {
            Some(RecurrentState { hidden: tensor(format!("{layer}.hidden"))?, cell: tensor(format!("{layer}.cell")) })
        };
        let states: Vec<RecurrentState> = (0..).map_while(state).collect();
        (!states.is_empty()).then_some(Self(states))
    }

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

/// Holds the states between two consecutive batches of a pass over the data. Copies share the states: whoever makes the
/// batches puts a copy into each batch of a pass.
///
/// A new one is empty: the next batch starts from zero states.
#[derive(Clone, Default)]
pub struct Carried(Arc<Mutex<Option<LayerStates>>>);

impl Carried {
    /// The states left by the batch before, without removing them.
    pub fn peek(&self) -> Option<LayerStates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the states left by the batch before.
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
