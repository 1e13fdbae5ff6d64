//! A kernel: one loop instead of several operations, and its twin in plain operations for cases where the kernel does
//! not apply.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Tensor, TensorData};

/// `values * sigmoid(gates)`: in one loop if no gradient is needed, otherwise by the twin.
///
/// # Shapes
///
/// - values, gates, output: `[batch, d]`
pub fn gated(values: Tensor<2>, gates: Tensor<2>) -> Tensor<2> {
    if values.is_autodiff() {
        return twin(values, gates);
    }
    let (shape, device) = (values.dims(), values.device());
    let read = |tensor: Tensor<2>| tensor.into_data().try_into_vec_as::<f32>();
    match (read(values.clone()), read(gates.clone())) {
        (Ok(mut products), Ok(read)) => {
            products.iter_mut().zip(read).for_each(|(product, gate)| *product /= 1.0 + (-gate).exp());
            Tensor::from_data(TensorData::new(products, shape), &device)
        }
        _ => twin(values, gates),
    }
}

/// The same in plain operations, on every device and with gradients.
fn twin(values: Tensor<2>, gates: Tensor<2>) -> Tensor<2> {
    values * sigmoid(gates)
}
