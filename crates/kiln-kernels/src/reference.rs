//! The twins of the fused operations in plain Burn operations: what they are held against, and
//! the way of every device, element type and option that has no kernel.
//!
//! They take what the fused functions take and give the same results, on any backend.

pub use crate::adam::twin::adam_step;
pub use crate::conv::twin::conv1d;
pub use crate::dropout::twin::dropout;
pub use crate::embedding::twin::{embedding, put_rows, table_gradient};
pub use crate::pooling::twin::max_pool1d;
pub use crate::recurrent::twin::recurrent;
pub use crate::word2vec::twin::word_update;
