//! The limits of a GPU's adapter.

use std::fmt;

use burn::backend::CubeDevice;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::tensor::CubeTensor;

/// The iterations after which llvmpipe, the software rasterizer of lavapipe, silently ends all loops of a unit.
/// Adapters do not report it.
pub(crate) const TURNS_IN_SOFTWARE: usize = 65_535;

/// The iterations of a unit in one launch: some tenths of a second on a slow card, since systems end launches that take
/// seconds.
const TURNS_ON_A_CARD: usize = 1 << 22;

/// The number of workgroups assumed to keep a card busy if it does not report its processors.
const GROUPS_UNKNOWN: usize = 64;

/// A limit of the adapter that a kernel exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) what: &'static str,
    pub(crate) needed: usize,
    pub(crate) has: usize,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it needs {} {}, but the adapter has {}", self.needed, self.what, self.has)
    }
}

impl Limit {
    /// An error if more is needed than there is.
    pub(crate) fn keep(what: &'static str, needed: usize, has: usize) -> Result<(), Self> {
        if needed <= has { Ok(()) } else { Err(Self { what, needed, has }) }
    }
}

/// The limits of an adapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adapter {
    /// Bytes of a workgroup's memory.
    pub(crate) shared_memory: usize,
    /// Workgroups of a launch, in the first two dimensions.
    pub(crate) groups: (u32, u32),
    most_units: usize,
    /// The most tensors of a kernel.
    bindings: usize,
    /// Bytes per buffer.
    buffer: u64,
    /// The number of workgroups that keep the card busy.
    busy: usize,
    is_software: bool,
}

impl Adapter {
    /// The device's limits.
    pub(crate) fn new(device: &CubeDevice) -> Self {
        Self::of_client(&device.client())
    }

    /// WebGPU's lowest limits, as CubeCL reports them: of eight buffers it keeps one for itself.
    #[cfg(test)]
    pub(crate) fn least() -> Self {
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

    /// The limits of the tensor's device.
    pub(crate) fn of(tensor: &CubeTensor) -> Self {
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

    /// Whether a buffer can hold 32-bit numbers with these dimensions, and 32 bits can count them.
    pub(crate) fn holds<const N: usize>(&self, dims: [usize; N]) -> bool {
        self.hold(dims).is_ok()
    }

    /// The same as an error with the limit's name. Half of the range of 32 bits is left free, since the last workgroups
    /// of a launch count a little further.
    pub(crate) fn hold<const N: usize>(&self, dims: [usize; N]) -> Result<(), Limit> {
        let has = (self.buffer as usize / size_of::<f32>()).min(u32::MAX as usize / 2);
        Limit::keep("numbers in one buffer", dims.into_iter().fold(1, usize::saturating_mul), has)
    }

    /// Units of a workgroup that has work for `wanted` units.
    pub(crate) fn units(&self, wanted: usize) -> usize {
        wanted.next_multiple_of(32).min(self.most_units)
    }

    /// Rows per workgroup, a power of two: as few as keep the card busy.
    pub(crate) fn rows_a_group(&self, rows: usize, most: usize) -> usize {
        let wanted = (rows / self.busy).clamp(1, most);
        1 << wanted.ilog2()
    }

    /// How many of `wanted` rounds fit one launch, at `turns` iterations of a unit each; an error if not even one fits.
    pub(crate) fn turns(&self, turns: usize, wanted: usize) -> Result<usize, Limit> {
        if !self.is_software {
            return Ok((TURNS_ON_A_CARD / turns).clamp(1, wanted.max(1)));
        }
        Limit::keep("turns of a unit's loops", turns, TURNS_IN_SOFTWARE)?;
        Ok((TURNS_IN_SOFTWARE / turns).min(wanted))
    }

    /// Whether a kernel can have this many tensors.
    pub(crate) fn bind(&self, tensors: usize) -> Result<(), Limit> {
        Limit::keep("tensors in a kernel", tensors, self.bindings)
    }

    /// Workgroups and units for one unit per number.
    pub(crate) fn elementwise(&self, count: usize) -> (CubeCount, CubeDim) {
        let units = self.units(256);
        (self.grid(count.div_ceil(units)), CubeDim::new_1d(units as u32))
    }

    /// At least `groups` workgroups, and few more, in two dimensions: most devices allow 65,535 in one.
    pub(crate) fn grid(&self, groups: usize) -> CubeCount {
        let (columns, rows) = self.grid_of(groups).expect("a buffer's numbers fit the grid");
        CubeCount::Static(columns, rows, 1)
    }

    /// The same; `None` if the device cannot launch so many.
    pub(crate) fn grid_of(&self, groups: usize) -> Option<(u32, u32)> {
        let groups = u32::try_from(groups).ok()?.max(1);
        let rows = groups.div_ceil(self.groups.0);
        (rows <= self.groups.1).then(|| (groups.div_ceil(rows), rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_not_kept_is_named_with_both_numbers() {
        assert_eq!(Limit::keep("bytes of a workgroup's memory", 5, 5), Ok(()));
        let limit = Limit::keep("bytes of a workgroup's memory", 6, 5).unwrap_err();
        assert_eq!(limit.to_string(), "it needs 6 bytes of a workgroup's memory, but the adapter has 5");
    }
}
