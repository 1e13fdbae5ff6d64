//! Running a kernel's host code on the tensors themselves: at once, or in a build of Burn that fuses
//! operations, when what was asked for before is computed.
//!
//! Which of the two a build does is decided by the features of `burn`, which any other crate of it may
//! turn on, so both are always here.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, DType};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use burn_fusion::custom::{CustomOpIr, HandleContainer, OperationFn, OperationIr, StreamId, TensorIr};
use burn_fusion::{Fusion, FusionBackend, FusionRuntime, FusionTensor};

use super::tensors::same;

/// What a kernel gives: shape and element type, known before it runs.
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

/// One tensor out of one.
pub(crate) fn only<T>([tensor]: [T; 1]) -> T {
    tensor
}

/// A backend whose tensors are those of CubeCL, now or later. Tensors of integers are of the same type
/// as those of floats.
pub(crate) trait OnTensors: Backend {
    /// The tensors that `act` makes of `inputs`, which are as `outputs` says.
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
