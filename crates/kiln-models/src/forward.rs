//! What goes through a forward pass next to the batch: its kind, the valid spans, the states of running text, and
//! the rows that sparse embeddings look up.

pub(crate) mod carried;
pub(crate) mod pass;
pub(crate) mod row_tape;
pub(crate) mod spans;

pub use carried::{Carried, LayerStates};
pub use pass::Pass;
pub use row_tape::{LookedUp, record_rows};
pub use spans::Spans;
