//! The two tables of word2vec on a device.

use burn::tensor::{DType, Device, Tensor, TensorData, TensorReadError};

use super::batch::{Prediction, WindowBatch};
use super::tables::WordTables;
use super::twin;

/// The two tables on a device, each `[vocab, d_embedding]` of 32-bit floats.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
/// use kiln_kernels::word2vec::{DeviceTables, Prediction, Window, WindowBatch, WordTables};
///
/// let tables = WordTables::new(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &[0.0; 6], 2);
/// let mut tables = DeviceTables::new(&tables, &Device::flex());
/// let batch = WindowBatch {
///     ids: vec![0, 1],
///     windows: vec![Window { centre: 0, start: 0, end: 2 }],
///     negatives: vec![2],
/// };
/// let loss = tables.update(&batch, Prediction::CbowMean, 0.5);
/// assert!((loss.into_scalar::<f32>() - 2.0 * 2f32.ln()).abs() < 1e-6);
/// let output = tables.to_tables()?.output();
/// assert!((output[0] - 0.5 * 0.5 * 0.3).abs() < 1e-6);
/// # }
/// # Ok::<(), burn::tensor::TensorReadError>(())
/// ```
#[derive(Debug)]
pub struct DeviceTables {
    input: Tensor<2>,
    output: Tensor<2>,
}

impl DeviceTables {
    /// Copies the tables to the device.
    pub fn new(tables: &WordTables, device: &Device) -> Self {
        // Nothing is recorded for a backward pass.
        let device = device.clone().inner();
        let shape = [tables.rows(), tables.width()];
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), (&device, DType::F32));
        Self { input: tensor(tables.input()), output: tensor(tables.output()) }
    }

    /// The number of rows of each table.
    pub fn rows(&self) -> usize {
        self.input.dims()[0]
    }

    /// Numbers per row.
    pub fn width(&self) -> usize {
        self.input.dims()[1]
    }

    /// One step of stochastic gradient descent per window, as described at [`WordTables::update`](WordTables::update).
    /// Returns the loss before it, summed over the batch's [predictions](WindowBatch::predictions), without waiting for
    /// the device.
    ///
    /// # Shapes
    ///
    /// - loss: `[1]`
    ///
    /// # Fast path
    ///
    /// On a GPU, one launch updates all windows of the batch in place, one workgroup per window. Windows do not wait
    /// for each other: if two add to a number at the same time, one of the additions may be lost, and a window may read
    /// a row that another one has partly changed. So results vary from run to run, as those of
    /// [`WordTables::update_racing`] do. For windows that share no word, the result equals that of
    /// [`WordTables::update`] up to rounding.
    ///
    /// [`reference::word_update`](crate::reference::word_update) is used if there is no such kernel:
    /// - on the CPU backends, where [`WordTables`] is faster, and in a build of Burn with `fusion`;
    /// - if the memory of the device's workgroups is too small: CBOW takes the numbers of a row and about 1,100 more;
    ///   skip-gram takes one for each pair of a context word and a target, rounded up to a power of two, and 33 for
    ///   each target, of at least 32;
    /// - if a table or the batch has more numbers than 32 bits count;
    /// - on a software adapter, where a unit's loops have at most 65,535 iterations in all: about 700 such pairs in
    ///   rows of 1,000 numbers.
    ///
    /// # Panics
    ///
    /// As [`WordTables::update`].
    pub fn update(&mut self, batch: &WindowBatch, prediction: Prediction, rate: f32) -> Tensor<1> {
        batch.check(self.rows());
        if batch.windows.is_empty() {
            return Tensor::zeros([1], (&self.input.device(), DType::F32));
        }
        #[cfg(any(feature = "wgpu", feature = "cuda"))]
        if let Some(loss) = self.update_by_kernel(batch, prediction, rate) {
            return loss;
        }
        let (input, output) = (self.input.extract(), self.output.extract());
        let (input, output, loss) = twin::word_update(input, output, batch, prediction, rate);
        (self.input, self.output) = (input, output);
        loss
    }

    /// The update by a kernel, if there is one for it.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn update_by_kernel(&mut self, batch: &WindowBatch, prediction: Prediction, rate: f32) -> Option<Tensor<1>> {
        use burn::backend::{Dispatch, DispatchDevice};

        use super::gpu::{Launch, WordOps};
        use crate::backend::choice::wants_twins;

        if wants_twins() {
            return None;
        }
        let device = self.input.device();
        let launch = match device.as_dispatch() {
            DispatchDevice::Cube(device) => Launch::plan(device, self.input.dims(), batch, prediction, rate)?,
            #[allow(unreachable_patterns)] // a build may have no other backend
            _ => return None,
        };
        let (input, output) = (self.input.extract().into_dispatch(), self.output.extract().into_dispatch());
        let (input, output, losses) = <Dispatch as WordOps>::update_words(input, output, launch);
        (self.input, self.output) = (Tensor::from_dispatch(input), Tensor::from_dispatch(output));
        Some(Tensor::<1>::from_dispatch(losses).sum())
    }

    /// Waits for the device and copies the tables back.
    ///
    /// # Errors
    ///
    /// The device failed, or had no memory for the tables.
    pub fn to_tables(&self) -> Result<WordTables, TensorReadError> {
        let values = |tensor: &Tensor<2>| tensor.clone().try_into_vec_as::<f32>();
        Ok(WordTables::new(&values(&self.input)?, &values(&self.output)?, self.width()))
    }
}
