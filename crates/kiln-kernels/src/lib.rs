//! Fused sequence operations for [Burn](https://burn.dev): what a training step of a sequence
//! model spends its time in, each as one kernel instead of hundreds of tensor operations.
//!
//! | operation | replaces |
//! |---|---|
//! | [`recurrent`] | SimpleRNN, LSTM and GRU over a sequence, one direction or both |
//! | [`conv1d`] | convolution over time with bias and relu |
//! | [`embedding`] | table lookup and the table's gradient |
//! | [`dropout`] | a counter-based mask, made on the way |
//! | [`max_pool1d`] | max pooling over time |
//! | [`row_gradient`], [`put_rows`] | the gradient of a large table's touched rows, and their update |
//! | [`adam_step`] | one step of Adam, in place |
//! | [`WordTables::update`](word2vec::WordTables::update) | word2vec's step over windows of words, in place |
//! | [`DeviceTables::update`](word2vec::DeviceTables::update) | the same on a GPU, a launch for all windows of a batch |
//!
//! Each works on every device and with autodiff. Where there is no kernel for a device, an element
//! type or an option, it goes through its twin in [`mod@reference`], plain Burn operations with the
//! same results; each function's docs list the conditions, and [`with_twins`] asks for it.
//!
//! The kernels of the CPU serve both backends, Flex and NdArray: one core on slices, with the widest
//! vectors that the machine has, chosen as the program runs, and all cores. Those of GPUs are written
//! once, in CubeCL, for all its runtimes: Vulkan, Metal, DirectX 12 and WebGPU through wgpu, and CUDA.
//! They have only been run on Vulkan, by a software adapter, and there also within the limits of WebGPU's
//! least adapters.

// burn-ndarray is deprecated as a whole.
#![cfg_attr(feature = "ndarray", allow(deprecated))]

mod activation;
mod adam;
mod backend;
mod conv;
mod dropout;
mod embedding;
mod pooling;
mod random;
mod recurrent;
pub mod reference;
pub mod word2vec;

pub use activation::Activation;
pub use adam::{AdamStep, adam_step};
pub use backend::allocator::keep_freed_memory;
pub use backend::choice::with_twins;
#[doc(hidden)]
pub use backend::cpu::product::peak as product_peak;
pub use backend::memory::{DeviceMemory, device_memory, gpu_name};
pub use conv::conv1d;
pub use dropout::dropout;
pub use embedding::{RowGradient, embedding, put_rows, row_gradient};
pub use kiln_base::{Span, SplitMix64};
pub use pooling::max_pool1d;
pub use random::RandomKey;
pub use recurrent::{CellKind, Direction, Directions, RecurrentOptions, RecurrentWeights, Wanted, recurrent};
