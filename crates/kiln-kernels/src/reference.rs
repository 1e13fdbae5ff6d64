//! The twins of the fused operations in plain Burn operations. Tests compare the kernels with them, and they serve
//! every device, element type and option without a kernel.
//!
//! They have the arguments and results of the fused functions, on any backend.

pub use crate::conv::twin::conv1d;
pub use crate::dropout::twin::dropout;
pub use crate::embedding::twin::{embedding, put_rows, table_gradient};
pub use crate::mean_nll::twin::mean_nll;
pub use crate::optimizers::adam::twin::adam_step;
pub use crate::optimizers::descent::twin::{sgd_step, squared_norm};
pub use crate::pooling::twin::max_pool1d;
pub use crate::recurrent::twin::recurrent;
pub use crate::word2vec::twin::word_update;
