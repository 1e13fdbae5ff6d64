//! What every kernel needs of a GPU: its limits, contiguous tensors, products.

use std::any::Any;
use std::fmt;

use burn::backend::{CubeDevice, DType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::numeric::{empty_device_contiguous_dtype, zeros_client};
use burn_cubecl::tensor::CubeTensor;

/// The turns after which llvmpipe, the software rasterizer behind lavapipe, leaves all loops of a
/// unit, silently. Adapters do not report it.
pub(super) const TURNS_IN_SOFTWARE: usize = 65_535;

/// The turns of a unit in one launch: some tenths of a second on a slow card, since systems end what
/// takes seconds.
const TURNS_ON_A_CARD: usize = 1 << 22;

/// Workgroups that are taken to keep a card busy where it does not say how many processors it has.
const GROUPS_UNKNOWN: usize = 64;

/// Numbers between the places where a part of a buffer may begin: no adapter asks for more than 256
/// bytes.
pub(super) const ALIGNED: usize = 64;

/// A limit of the adapter that a kernel does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(super) what: &'static str,
    pub(super) needed: usize,
    pub(super) has: usize,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it needs {} {}, and the adapter has {}", self.needed, self.what, self.has)
    }
}

impl Limit {
    /// An error if more is needed than there is.
    pub(super) fn keep(what: &'static str, needed: usize, has: usize) -> Result<(), Self> {
        if needed <= has { Ok(()) } else { Err(Self { what, needed, has }) }
    }
}

/// The limits of an adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adapter {
    /// Bytes of a workgroup's memory.
    pub(super) shared_memory: usize,
    /// Workgroups of a launch, in the first two dimensions.
    pub(super) groups: (u32, u32),
    most_units: usize,
    /// Tensors that a kernel may take.
    bindings: usize,
    /// Bytes of a buffer.
    buffer: u64,
    /// Workgroups that keep the card busy.
    busy: usize,
    is_software: bool,
}

impl Adapter {
    /// The device's limits.
    pub(crate) fn new(device: &CubeDevice) -> Self {
        Self::of_client(&device.client())
    }

    /// WebGPU's least limits, as CubeCL tells them: it keeps one of eight buffers for itself.
    #[cfg(test)]
    pub(super) fn least() -> Self {
        Self {
            shared_memory: 16_384,
            groups: (65_535, 65_535),
            most_units: 256,
            bindings: 7,
            buffer: 128 << 20,
            busy: GROUPS_UNKNOWN,
            is_software: false,
        }
    }

    /// The limits of the device that the tensor is on.
    pub(super) fn of(tensor: &CubeTensor) -> Self {
        Self::of_client(&tensor.client)
    }

    fn of_client(client: &Client) -> Self {
        let properties = client.properties();
        let hardware = &properties.hardware;
        Self {
            shared_memory: hardware.max_shared_memory_size,
            groups: (hardware.max_cube_count.0, hardware.max_cube_count.1),
            bindings: hardware.max_bindings as usize,
            most_units: hardware.max_units_per_cube.min(hardware.max_cube_dim.0) as usize,
            buffer: properties.memory.max_page_size,
            busy: hardware.num_streaming_multiprocessors.map_or(GROUPS_UNKNOWN, |count| 2 * count as usize),
            is_software: properties.identity.physical.is_none(),
        }
    }

    /// Whether a buffer holds so many 32-bit numbers, and 32 bits count them.
    pub(crate) fn holds(&self, numbers: usize) -> bool {
        self.hold(numbers).is_ok()
    }

    /// The same, with the limit's name. Half of what 32 bits count is spare: the last workgroups of a
    /// launch count on a little.
    pub(super) fn hold(&self, numbers: usize) -> Result<(), Limit> {
        let has = (self.buffer as usize / size_of::<f32>()).min(u32::MAX as usize / 2);
        Limit::keep("numbers in one buffer", numbers, has)
    }

    /// Units of a workgroup that has work for `wanted`.
    pub(super) fn units(&self, wanted: usize) -> usize {
        wanted.next_multiple_of(32).min(self.most_units)
    }

    /// Rows that a workgroup carries, a power of two: as few as keep the card busy.
    pub(super) fn rows_a_group(&self, rows: usize, most: usize) -> usize {
        let wanted = (rows / self.busy).clamp(1, most);
        1 << wanted.ilog2()
    }

    /// How many of `wanted` rounds a launch may take that cost a unit `turns` turns each; an error
    /// where not even one fits.
    pub(super) fn turns(&self, turns: usize, wanted: usize) -> Result<usize, Limit> {
        if !self.is_software {
            return Ok((TURNS_ON_A_CARD / turns).clamp(1, wanted.max(1)));
        }
        Limit::keep("turns of a unit's loops", turns, TURNS_IN_SOFTWARE)?;
        Ok((TURNS_IN_SOFTWARE / turns).min(wanted))
    }

    /// Whether a kernel may take so many tensors.
    pub(super) fn bind(&self, tensors: usize) -> Result<(), Limit> {
        Limit::keep("tensors in a kernel", tensors, self.bindings)
    }

    /// Workgroups and units for a unit a number.
    pub(super) fn elementwise(&self, count: usize) -> (CubeCount, CubeDim) {
        let units = self.units(256);
        (self.grid(count.div_ceil(units)), CubeDim::new_1d(units as u32))
    }

    /// At least `groups` workgroups, and few more, in two dimensions: one holds 65,535 on most devices.
    pub(super) fn grid(&self, groups: usize) -> CubeCount {
        let (columns, rows) = self.grid_of(groups).expect("a buffer's numbers fit the grid");
        CubeCount::Static(columns, rows, 1)
    }

    /// The same; none where the device has no room for them.
    pub(super) fn grid_of(&self, groups: usize) -> Option<(u32, u32)> {
        let groups = u32::try_from(groups).ok()?.max(1);
        let rows = groups.div_ceil(self.groups.0);
        (rows <= self.groups.1).then(|| (groups.div_ceil(rows), rows))
    }
}

/// `value`, of whose type the compiler knows less than we do.
pub(super) fn same<A: Any, B: Any>(value: A) -> B {
    let value: Box<dyn Any> = Box::new(value);
    *value.downcast().expect("both are the tensors of one backend")
}

/// The tensor with its numbers in order and nothing between them.
pub(super) fn contiguous(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(tensor)
}

/// A contiguous tensor that nothing else holds.
pub(super) fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    // A copy may have its rows padded, as CUDA has them.
    if tensor.can_mut() { tensor } else { into_contiguous(tensor.copy()) }
}

/// Zeros beside `like`, in order and nothing between them.
pub(super) fn zeros(like: &CubeTensor, shape: Shape) -> CubeTensor {
    // One dimension is never padded.
    let numbers = Shape::new([shape.num_elements()]);
    let numbers = zeros_client(like.client.clone(), like.device.clone(), numbers, DType::F32);
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, numbers.handle, DType::F32)
}

/// A tensor of 32-bit floats beside `like`, of which nothing is written yet.
pub(super) fn empty<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::new(shape), DType::F32)
}

/// Numbers of the host's beside `like`.
pub(super) fn upload(numbers: &[u32], like: &CubeTensor) -> CubeTensor {
    let handle = like.client.create_from_slice(u32::as_bytes(numbers));
    let (client, device) = (like.client.clone(), like.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::new([numbers.len()]), handle, DType::U32)
}

/// A contiguous tensor in another shape.
pub(super) fn reshaped<const D: usize>(tensor: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    debug_assert_eq!(tensor.shape().num_elements(), shape.iter().product::<usize>());
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::new(shape), tensor.handle.clone(), tensor.dtype)
}

/// The tensor's numbers from `from` on, a multiple of [`ALIGNED`], as a tensor of their own.
pub(super) fn part<const D: usize>(tensor: &CubeTensor, from: usize, shape: [usize; D]) -> CubeTensor {
    debug_assert!(from.is_multiple_of(ALIGNED));
    let behind = tensor.shape().num_elements() - from - shape.iter().product::<usize>();
    let bytes = |numbers: usize| (numbers * size_of::<f32>()) as u64;
    let handle = tensor.handle.clone().offset_start(bytes(from)).offset_end(bytes(behind));
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::new(shape), handle, tensor.dtype)
}

/// A batch of matrix products into a contiguous tensor of `shape`.
pub(super) fn product<const D: usize>(lhs: CubeTensor, rhs: CubeTensor, shape: [usize; D]) -> CubeTensor {
    let out = empty(&lhs, shape);
    matmul(lhs, rhs, Some(out), MatmulStrategy::default(), DType::F32).expect("Burn has a kernel for every product")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_not_kept_is_named_with_both_numbers() {
        assert_eq!(Limit::keep("bytes of a workgroup's memory", 5, 5), Ok(()));
        let limit = Limit::keep("bytes of a workgroup's memory", 6, 5).unwrap_err();
        assert_eq!(limit.to_string(), "it needs 6 bytes of a workgroup's memory, and the adapter has 5");
    }
}
