//! Context of a forward pass: training or inference, the valid spans, states carried between batches, and records of
//! what the layers did (rows looked up, layers called).

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
