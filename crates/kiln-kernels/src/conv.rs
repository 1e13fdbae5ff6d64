//! Convolution over time.

mod autodiff;
#[cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(dead_code))]
mod cpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
pub(crate) mod twin;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use self::autodiff::{ConvInputs, ConvOps};
use crate::backend::activation::Activation;
use crate::backend::choice::{Kernels, assert_same_device, is_fused};

/// Convolution over time with stride 1, without padding, with bias and activation.
///
/// # Shapes
///
/// - input: `[batch, time, d_input]`
/// - kernel: `[window, d_input, filters]`, bias: `[filters]`
/// - output: `[batch, time + 1 - window, filters]`
///
/// # Fast path
///
/// If all tensors are 32-bit floats: one kernel on the CPU backends; on a GPU, a product and a launch forward, and two
/// products and four small launches backward, if `[batch, time, window * filters]` fits one buffer of the device.
/// Linear and relu are fused, other activations run after it. Anything else goes through
/// [`reference::conv1d`](crate::reference::conv1d()). On the CPU, the last bits of the gradients depend on the number
/// of threads, but not on their timing.
///
/// # Panics
///
/// If the shapes do not match, a size of the kernel is 0, the window is longer than the sequence, or the tensors are on
/// different devices.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use kiln_kernels::{Activation, conv1d};
///
/// let device = Device::flex();
/// let input = Tensor::<3>::ones([1, 4, 2], &device);
/// let output = conv1d(input, Tensor::ones([3, 2, 1], &device), Tensor::zeros([1], &device), Activation::Relu);
/// assert_eq!(output.to_data().to_vec::<f32>().unwrap(), [6.0, 6.0]);
/// # }
/// ```
pub fn conv1d(input: Tensor<3>, kernel: Tensor<3>, bias: Tensor<1>, activation: Activation) -> Tensor<3> {
    let ([_, time, d_input], [window, kernel_input, filters]) = (input.dims(), kernel.dims());
    assert_eq!(kernel_input, d_input, "the kernel must have {d_input} input channels, but has {kernel_input}");
    assert_eq!(bias.dims(), [filters], "the bias must have shape {:?}, but has {:?}", [filters], bias.dims());
    assert!(d_input > 0 && filters > 0 && window > 0, "a convolution needs channels, filters and a window above 0");
    assert!(window <= time, "a convolution of window {window} needs rows of at least {window} steps, found {time}");
    assert_same_device("kernel", &kernel.device(), &input.device());
    assert_same_device("bias", &bias.device(), &input.device());
    if !(has_kernels(&input, &kernel) && is_fused(&bias)) {
        return twin::conv1d(input, kernel, bias, activation);
    }
    let relu = activation == Activation::Relu;
    let inputs =
        ConvInputs { input: input.into_dispatch(), kernel: kernel.into_dispatch(), bias: bias.into_dispatch() };
    let output = Tensor::from_dispatch(<Dispatch as ConvOps>::conv1d(inputs, relu));
    if relu { output } else { activation.apply(output) }
}

/// Whether there are kernels for the convolution of `input` with `kernel`.
fn has_kernels(input: &Tensor<3>, kernel: &Tensor<3>) -> bool {
    let Some(_kernels) = Kernels::of_all(&[input, kernel]) else { return false };
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    {
        let [window, _, filters] = kernel.dims();
        if !_kernels.fit(|adapter| gpu::is_fused(adapter, input.dims(), window, filters)) {
            return false;
        }
    }
    true
}
