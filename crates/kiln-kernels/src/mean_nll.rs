//! The mean negative log-likelihood of classes after a dense layer.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

use self::autodiff::{Nll, NllInputs, NllOps};
use crate::backend::choice::{Kernels, assert_same_device};

/// How the kernel of the dense layer lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelLayout {
    /// `[d_input, classes]`, as a dense layer has it.
    InputByClass,
    /// `[classes, d_input]`, a row for each class, as the table of an embedding has it.
    ClassByInput,
}

/// The mean of -log softmax(input * kernel + bias) at the rows' classes, and these log-probabilities.
///
/// The mean has a gradient by input, kernel and bias; the log-probabilities have none, and there are no gradients of
/// gradients. The scores of thousands of classes are the largest tensors of a step: here they exist once, and the gradient
/// is computed in their place.
///
/// # Shapes
///
/// - input: `[rows, d_input]`
/// - kernel: as `layout` says
/// - bias: `[classes]`
/// - classes: `[rows]`, each from 0 to `classes - 1`
/// - mean: `[1]`; log-probabilities: `[rows, 1]`
///
/// # Fast path
///
/// On the CPU backends one pass over the scores between Burn's products of matrices, on GPUs one launch, with 32-bit
/// floats. Anything else goes through [`reference::mean_nll`](crate::reference::mean_nll()).
///
/// # Panics
///
/// If the shapes or the devices differ, or there are no rows; on the CPU also if a class is outside the range.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Int, Tensor};
/// use kiln_kernels::{KernelLayout, mean_nll};
///
/// let device = Device::flex();
/// let input = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
/// let kernel = Tensor::<2>::from_floats([[0.0, 3.0_f32.ln()], [5.0, 5.0]], &device);
/// let bias = Tensor::<1>::zeros([2], &device);
/// let class = Tensor::<1, Int>::from_ints([1], &device);
/// let (mean, _) = mean_nll(input, kernel, bias, class, KernelLayout::InputByClass);
/// assert!((mean.into_scalar::<f32>() + 0.75_f32.ln()).abs() < 1e-6);
/// # }
/// ```
pub fn mean_nll(
    input: Tensor<2>,
    kernel: Tensor<2>,
    bias: Tensor<1>,
    classes: Tensor<1, Int>,
    layout: KernelLayout,
) -> (Tensor<1>, Tensor<2>) {
    let [rows, d_input] = input.dims();
    let [count] = bias.dims();
    let expected = match layout {
        KernelLayout::InputByClass => [d_input, count],
        KernelLayout::ClassByInput => [count, d_input],
    };
    assert_eq!(kernel.dims(), expected, "the kernel must be {expected:?}, but is {:?}", kernel.dims());
    assert_eq!(classes.dims(), [rows], "{rows} rows need as many classes, but there are {:?}", classes.dims());
    assert!(rows > 0, "a mean needs at least one row, found 0");
    assert_same_device("kernel", &kernel.device(), &input.device());
    assert_same_device("bias", &bias.device(), &input.device());
    assert_same_device("classes", &classes.device(), &input.device());
    if !is_fused(&input, &kernel, &bias) {
        return twin::mean_nll(input, kernel, bias, classes, layout);
    }
    let inputs = NllInputs { input: input.into_dispatch(), kernel: kernel.into_dispatch(), bias: bias.into_dispatch() };
    let Nll { mean, log_probs } = <Dispatch as NllOps>::mean_nll(inputs, classes.into_dispatch(), layout);
    (Tensor::from_dispatch(mean), Tensor::from_dispatch(log_probs))
}

fn is_fused(input: &Tensor<2>, kernel: &Tensor<2>, bias: &Tensor<1>) -> bool {
    let (Some(_kernels), Some(_)) = (Kernels::of_all(&[input, kernel]), Kernels::of(bias)) else {
        return false;
    };
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    {
        let ([rows, _], [classes]) = (input.dims(), bias.dims());
        _kernels.fit(|adapter| gpu::is_fused(adapter, rows, classes))
    }
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    true
}
