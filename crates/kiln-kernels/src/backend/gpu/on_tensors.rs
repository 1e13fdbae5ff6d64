//! Runs a kernel's host code on tensors: at once, or if the build of Burn fuses operations, when the queued operations
//! are computed.
//!
//! The features of `burn` decide which of the two a build does. Any other crate of the build can set them, so both are
//! always compiled.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, DType};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use burn_fusion::custom::{CustomOpIr, HandleContainer, OperationFn, OperationIr, StreamId, TensorIr};
use burn_fusion::{Fusion, FusionBackend, FusionRuntime, FusionTensor};

use super::tensors::same;

/// An output of a kernel: shape and element type, known before the kernel runs.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    shape: Shape,
    dtype: DType,
}

impl Output {
    /// 32-bit floats.
    pub(crate) fn floats(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), dtype: DType::F32 }
    }

    /// 32-bit counts.
    pub(crate) fn counts(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), dtype: DType::U32 }
    }
}

/// The only tensor of an array.
pub(crate) fn only<T>([tensor]: [T; 1]) -> T {
    tensor
}

/// A backend with CubeCL's tensors, at once or later. Integer tensors have the same type as float tensors.
pub(crate) trait OnTensors: Backend {
    /// The tensors that `act` makes from `inputs`, described by `outputs`.
    fn on_tensors<const M: usize, const N: usize>(
        name: &'static str,
        inputs: [FloatTensor<Self>; M],
        outputs: [Output; N],
        act: impl Fn([CubeTensor; M]) -> [CubeTensor; N] + Send + Sync + 'static,
    ) -> [FloatTensor<Self>; N];
}

impl OnTensors for CubeBackend {
    fn on_tensors<const M: usize, const N: usize>(
        _name: &'static str,
        inputs: [FloatTensor<Self>; M],
        _outputs: [Output; N],
        act: impl Fn([CubeTensor; M]) -> [CubeTensor; N] + Send + Sync + 'static,
    ) -> [FloatTensor<Self>; N] {
        act(inputs)
    }
}

type Handles<B> = HandleContainer<<<B as FusionBackend>::FusionRuntime as FusionRuntime>::FusionHandle>;

impl<B: FusionBackend> OnTensors for Fusion<B> {
    fn on_tensors<const M: usize, const N: usize>(
        name: &'static str,
        inputs: [FloatTensor<Self>; M],
        outputs: [Output; N],
        act: impl Fn([CubeTensor; M]) -> [CubeTensor; N] + Send + Sync + 'static,
    ) -> [FloatTensor<Self>; N] {
        let client = inputs.first().expect("every kernel has an input").client.clone();
        let inputs = inputs.map(FusionTensor::into_ir);
        let outputs =
            outputs.map(|Output { shape, dtype }| TensorIr::uninit(client.create_empty_handle(), shape, dtype));
        let description =
            CustomOpIr { id: name.into(), inputs: inputs.to_vec(), outputs: outputs.to_vec(), scalars: Vec::new() };
        let operation = OperationFn(move |handles: &mut Handles<B>| {
            let tensors = inputs.each_ref().map(|input| {
                if input.dtype.is_float() {
                    same(handles.get_float_tensor::<B>(input))
                } else {
                    same(handles.get_int_tensor::<B>(input))
                }
            });
            for (output, tensor) in outputs.iter().zip(act(tensors)) {
                if output.dtype.is_float() {
                    handles.register_float_tensor::<B>(&output.id, same(tensor));
                } else {
                    handles.register_int_tensor::<B>(&output.id, same(tensor));
                }
            }
            Ok(())
        });
        let made = client.register(StreamId::current(), OperationIr::Custom(description), operation);
        made.try_into().unwrap_or_else(|_| unreachable!("as many tensors as outputs"))
    }
}
