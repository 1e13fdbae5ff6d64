//! What goes through a forward pass next to the batch: its kind, the valid spans, the states of running text, and
//! what layers tell of it: the rows that sparse embeddings look up, and that they were called.

pub(crate) mod carried;
pub(crate) mod layer_tape;
pub(crate) mod pass;
pub(crate) mod row_tape;
pub(crate) mod spans;
mod tape;

pub use carried::{Carried, LayerStates};
pub use pass::Pass;
pub use row_tape::{LookedUp, record_rows};
pub use spans::Spans;
