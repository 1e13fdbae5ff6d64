//! Within the limits of WebGPU's least adapters, the kernels run and are right. A unit test in `recurrent/gpu/plan.rs`
//! checks that they are chosen there.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_kernels::{
    AdamStep, CellKind, Directions, RandomKey, Span, Wanted, adam_step, dropout, embedding, max_pool1d,
};

use crate::device_tables::check_few_windows;
use crate::own_device::own_device;
use crate::skips;
use crate::twins::{CELLS, Case, check_conv, tensor, values};

/// A device with WebGPU's lowest limits, of those that the kernels meet, except for the number of buffers that a kernel
/// may bind.
fn least(buffers: u32) -> Option<Device> {
    let device = own_device(|limits| {
        limits.max_storage_buffers_per_shader_stage = buffers;
        limits.max_compute_workgroup_storage_size = 16_384;
        limits.max_storage_buffer_binding_size = 128 << 20;
        limits.max_buffer_size = 256 << 20;
    });
    if device.is_none() {
        skips::no_adapter();
    }
    device.map(|(device, _)| device)
}

fn check_recurrent(device: &Device, name: &str, cell: CellKind, d_hidden: usize) {
    let spans = Some(vec![Span { start: 0, len: 3 }, Span { start: 1, len: 2 }, Span { start: 2, len: 0 }]);
    let wanted = Wanted { sequence: true, hidden: true, cell: cell == CellKind::Lstm };
    Case { cell, directions: Directions::Both, sizes: [3, 3, 5, d_hidden], spans, wanted }.check(device, name);
}

/// WebGPU's least adapters bind eight buffers.
#[test]
fn recurrent_layers_equal_their_twin_on_the_least_adapter() {
    let Some(device) = least(8) else { return };
    for cell in CELLS {
        // Weights in registers, weights read in every step, and one product per step.
        for d_hidden in [33, 130, 258] {
            check_recurrent(&device, "the least adapter", cell, d_hidden);
        }
    }
}

#[test]
fn recurrent_layers_go_through_their_twin_where_they_bind_too_many_buffers() {
    let Some(device) = least(7) else { return };
    check_recurrent(&device, "an adapter of seven buffers", CellKind::Lstm, 33);
}

#[test]
fn the_other_kernels_run_on_the_least_adapter() {
    let Some(device) = least(8) else { return };
    check_conv(&device, "the least adapter", [5, 6, 3], 2, 2, true);
    check_few_windows(&device, "the least adapter");
    let input = tensor::<3>("input", [3, 8, 5], 1.0, &device);
    let pooled = values(max_pool1d(input.clone(), 2));
    assert_eq!(pooled.len(), 3 * 4 * 5);
    assert!(values(input.clone()).contains(&pooled[0]));
    let dropped = values(dropout(input, RandomKey::new(1), 0.5));
    assert!(dropped.contains(&0.0) && dropped.iter().any(|&number| number != 0.0));

    let tracked = device.clone().autodiff();
    let table = tensor::<2>("table", [7, 4], 1.0, &tracked).require_grad();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(vec![3_i32; 600], [1, 600]), &tracked);
    let gradients = embedding(table.clone(), ids).sum().backward();
    let expected: Vec<f32> = (0..7).flat_map(|row| [if row == 3 { 600.0 } else { 0.0 }; 4]).collect();
    assert_eq!(values(table.grad(&gradients).expect("a leaf has a gradient")), expected);

    let vector = || tensor::<1>("vector", [9], 1.0, &device);
    let step = AdamStep { beta_1: 0.9, beta_2: 0.9, epsilon: 1e-7, rate: 0.1 };
    let (value, _, _) = adam_step(vector(), vector(), vector().abs(), vector(), None, step);
    assert_ne!(values(value), values(vector()));
}
