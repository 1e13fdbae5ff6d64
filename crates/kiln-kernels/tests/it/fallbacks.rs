//! Calls without a kernel go through the twin, with right results and without panics.

use burn::tensor::{DType, Device, Tensor};
use kiln_kernels::{
    Activation, AdamStep, CellKind, Directions, RandomKey, RecurrentOptions, RecurrentWeights, Wanted, adam_step,
    conv1d, dropout, embedding, max_pool1d, recurrent, reference,
};

use crate::devices;
use crate::twins::{assert_close, tensor, values};

fn options(cell: CellKind) -> RecurrentOptions {
    RecurrentOptions { cell, directions: Directions::Forward, spans: None, wanted: Wanted::SEQUENCE }
}

fn weights(cell: CellKind, device: &Device) -> RecurrentWeights {
    let width = cell.gates() * 5;
    RecurrentWeights {
        kernel: tensor("kernel", [1, 3, width], 0.5, device),
        recurrent_kernel: tensor("recurrent kernel", [1, 5, width], 0.5, device),
        bias: tensor("bias", [1, cell.biases(), width], 0.5, device),
    }
}

/// The same call with and without a kernel's conditions, in 64-bit floats.
#[test]
fn other_floats_than_32_bit_are_computed_in_their_own_type() {
    for (name, device) in devices::on_the_cpu() {
        let cell = CellKind::Lstm;
        let RecurrentWeights { kernel, recurrent_kernel, bias } = weights(cell, &device);
        let wide = RecurrentWeights {
            kernel: kernel.cast(DType::F64),
            recurrent_kernel: recurrent_kernel.cast(DType::F64),
            bias: bias.cast(DType::F64),
        };
        let input = tensor("input", [4, 6, 3], 1.0, &device);
        let output = recurrent(input.clone().cast(DType::F64), wide, None, options(cell));
        assert_eq!(output.dtype(), DType::F64, "{name}");
        let narrow = recurrent(input, weights(cell, &device), None, options(cell));
        assert_close(name, &values(narrow), &values(output));

        let series = tensor("series", [2, 7, 3], 1.0, &device).cast(DType::F64);
        let kernel = tensor("window", [2, 3, 4], 1.0, &device).cast(DType::F64);
        let bias = tensor("conv bias", [4], 1.0, &device).cast(DType::F64);
        assert_eq!(conv1d(series.clone(), kernel, bias, Activation::Relu).dtype(), DType::F64, "{name}");
        assert_eq!(max_pool1d(series.clone(), 2).dtype(), DType::F64, "{name}");
        assert_eq!(dropout(series, RandomKey::new(1), 0.5).dtype(), DType::F64, "{name}");
        let table = tensor("table", [6, 2], 1.0, &device).cast(DType::F64);
        assert_eq!(embedding(table, Tensor::from_ints([[5, 0]], &device)).dtype(), DType::F64, "{name}");
        let wide = || tensor("wide", [5], 1.0, &device).cast(DType::F64);
        let step = AdamStep { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, rate: 1e-2 };
        let (value, _, _) = adam_step(wide(), wide(), wide().abs(), wide(), None, step);
        assert_eq!(value.dtype(), DType::F64, "{name}");
    }
}

#[test]
fn cells_without_a_kernel_go_through_the_twin() {
    for (name, device) in devices::all() {
        for cell in [
            CellKind::SimpleRnn { activation: Activation::Sigmoid },
            CellKind::SimpleRnn { activation: Activation::Linear },
        ] {
            let input = tensor("input", [4, 6, 3], 1.0, &device);
            let got = recurrent(input.clone(), weights(cell, &device), None, options(cell));
            let expected = reference::recurrent(input, weights(cell, &device), None, options(cell));
            assert_eq!(values(got), values(expected), "{name}: {cell:?}");
        }
    }
}

#[test]
fn activations_that_the_convolution_does_not_fuse_follow_it() {
    for (name, device) in devices::all() {
        let (kernel, bias) = (tensor("window", [2, 3, 4], 1.0, &device), tensor("conv bias", [4], 1.0, &device));
        for activation in [Activation::Tanh, Activation::Sigmoid] {
            let input = tensor("series", [2, 7, 3], 1.0, &device);
            let got = conv1d(input.clone(), kernel.clone(), bias.clone(), activation);
            let expected = reference::conv1d(input, kernel.clone(), bias.clone(), activation);
            assert_close(name, &values(got), &values(expected));
        }
    }
}

#[test]
fn pools_beyond_256_steps_go_through_the_twin() {
    for (name, device) in devices::all() {
        let input = tensor("long", [2, 600, 3], 1.0, &device);
        let got = max_pool1d(input.clone(), 300);
        assert_eq!(values(got), values(reference::max_pool1d(input, 300)), "{name}");
    }
}

/// Views in any memory order have the same results as their copies.
#[test]
fn tensors_need_not_be_contiguous() {
    for (name, device) in devices::all() {
        let cell = CellKind::Gru { reset_after: true };
        let turned = tensor::<3>("turned", [6, 4, 3], 1.0, &device).swap_dims(0, 1);
        let copied = Tensor::from_data(turned.to_data(), &device);
        let run = |input| values(recurrent(input, weights(cell, &device), None, options(cell)));
        assert_eq!(run(turned.clone()), run(copied.clone()), "{name}");
        let part = tensor::<3>("part", [4, 9, 3], 1.0, &device).narrow(1, 2, 6);
        let copied_part = Tensor::from_data(part.to_data(), &device);
        assert_eq!(run(part.clone()), run(copied_part.clone()), "{name}");
        assert_eq!(values(max_pool1d(part.clone(), 2)), values(max_pool1d(copied_part.clone(), 2)), "{name}");
        let key = RandomKey::new(2);
        assert_eq!(values(dropout(part.clone(), key, 0.4)), values(dropout(copied_part.clone(), key, 0.4)), "{name}");
        let (kernel, bias) = (tensor("window", [2, 3, 4], 1.0, &device), tensor("conv bias", [4], 1.0, &device));
        let conv = |input| values(conv1d(input, kernel.clone(), bias.clone(), Activation::Relu));
        assert_eq!(conv(turned), conv(copied), "{name}");
        assert_eq!(conv(part), conv(copied_part), "{name}");
    }
}

/// NaN and infinity under padding reach no output; at a valid step they do.
#[test]
fn numbers_that_are_none_stay_where_they_are() {
    for (name, device) in devices::all() {
        for cell in [CellKind::Lstm, CellKind::Gru { reset_after: true }, CellKind::Gru { reset_after: false }] {
            let mut input = vec![0.25_f32; 2 * 3 * 3];
            input[..3].fill(f32::NAN); // row 0, step 0
            let input = Tensor::<1>::from_floats(input.as_slice(), &device).reshape([2, 3, 3]);
            let spans: Vec<_> = [(1, 2), (0, 3)].map(|(start, len)| kiln_kernels::Span { start, len }).to_vec();
            let spanned = RecurrentOptions { spans: Some(spans.into()), ..options(cell) };
            let padded = values(recurrent(input.clone(), weights(cell, &device), None, spanned));
            assert!(padded.iter().all(|value| value.is_finite()), "{name}: {cell:?}: {padded:?}");
            let seen = values(recurrent(input, weights(cell, &device), None, options(cell)));
            assert!(seen[..15].iter().all(|value| value.is_nan()), "{name}: {cell:?}: {seen:?}");
            assert!(seen[15..].iter().all(|value| value.is_finite()), "{name}: {cell:?}: {seen:?}");
        }
    }
}

/// Numbers under padding reach no gradient either.
#[test]
fn gradients_do_not_see_what_lies_under_padding() {
    for (name, device) in devices::all() {
        let device = device.autodiff();
        let mut input = vec![0.25_f32; 2 * 3 * 3];
        input[..3].fill(f32::NAN); // row 0, step 0
        let input = Tensor::<1>::from_floats(input.as_slice(), &device).reshape([2, 3, 3]);
        for call in [recurrent, reference::recurrent] {
            for cell in [CellKind::Lstm, CellKind::Gru { reset_after: true }, CellKind::Gru { reset_after: false }] {
                let spans: Vec<_> = [(1, 2), (0, 3)].map(|(start, len)| kiln_kernels::Span { start, len }).to_vec();
                let options = RecurrentOptions { spans: Some(spans.into()), ..options(cell) };
                let mut weights = weights(cell, &device);
                weights.kernel = weights.kernel.require_grad();
                weights.recurrent_kernel = weights.recurrent_kernel.require_grad();
                let leaves = [weights.kernel.clone(), weights.recurrent_kernel.clone()];
                // Memory that may be reused by a kernel next.
                drop(values(tensor::<1>("none", [4_096], 1.0, &device) * f32::NAN));
                let gradients = call(input.clone(), weights, None, options).sum().backward();
                for leaf in leaves {
                    let gradient = values(leaf.grad(&gradients).expect("a leaf has a gradient"));
                    assert!(gradient.iter().all(|value| value.is_finite()), "{name}: {cell:?}: {gradient:?}");
                }
            }
        }
    }
}
