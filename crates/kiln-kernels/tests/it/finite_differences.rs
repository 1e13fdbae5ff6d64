//! The twins' gradients compared with finite differences, in 64-bit floats on the CPU.

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_kernels::{Activation, CellKind, Directions, RecurrentOptions, RecurrentWeights, Span, Wanted, reference};

use crate::devices;
use crate::twins::numbers;

const STEP: f64 = 1e-5;

fn leaf(name: &str, count: usize, device: &Device) -> Tensor<1> {
    let values: Vec<f64> = numbers(name, count, 0.7).into_iter().map(f64::from).collect();
    Tensor::from_data(TensorData::new(values, [count]), (device, DType::F64))
}

fn number(tensor: Tensor<1>) -> f64 {
    tensor.into_data().iter::<f64>().next().expect("one number")
}

/// Checks the gradient of `loss` for every number of every leaf.
fn check(what: &str, counts: &[usize], device: &Device, loss: impl Fn(&[Tensor<1>]) -> Tensor<1>) {
    let device = device.clone().autodiff();
    let names: Vec<String> = (0..counts.len()).map(|n| format!("leaf {n}")).collect();
    let leaves: Vec<_> =
        names.iter().zip(counts).map(|(name, &count)| leaf(name, count, &device).require_grad()).collect();
    let gradients = loss(&leaves).backward();
    for (n, &count) in counts.iter().enumerate() {
        let gradient: Vec<f64> = leaves[n].grad(&gradients).expect("a gradient").into_data().iter::<f64>().collect();
        for place in 0..count {
            let beside = |step: f64| {
                let mut moved: Vec<Tensor<1>> = leaves.iter().map(|leaf| leaf.clone().detach()).collect();
                let mut bump = vec![0.0; count];
                bump[place] = step;
                let bump = Tensor::from_data(TensorData::new(bump, [count]), (&device, DType::F64));
                moved[n] = moved[n].clone() + bump;
                number(loss(&moved))
            };
            let slope = (beside(STEP) - beside(-STEP)) / (2.0 * STEP);
            assert!(
                (slope - gradient[place]).abs() < 1e-7 * (1.0 + slope.abs()),
                "{what}, leaf {n}, number {place}: {}, but the difference is {slope}",
                gradient[place]
            );
        }
    }
}

#[test]
fn the_recurrent_twin_agrees_with_finite_differences() {
    for (name, device) in devices::on_the_cpu() {
        if name == "ndarray" {
            continue; // its sigmoid rounds 64-bit floats to 32 bits
        }
        for cell in [
            CellKind::SimpleRnn { activation: Activation::Tanh },
            CellKind::SimpleRnn { activation: Activation::Relu },
            CellKind::Lstm,
            CellKind::Gru { reset_after: true },
            CellKind::Gru { reset_after: false },
        ] {
            let [batch, time, d_input, d_hidden] = [3, 4, 2, 3];
            let width = cell.gates() * d_hidden;
            let spans = vec![Span { start: 0, len: 4 }, Span { start: 1, len: 2 }, Span { start: 0, len: 0 }];
            let options = RecurrentOptions {
                cell,
                directions: Directions::Both,
                spans: Some(spans.into()),
                wanted: Wanted { sequence: true, hidden: true, cell: cell == CellKind::Lstm },
            };
            let counts = [
                batch * time * d_input,
                2 * d_input * width,
                2 * d_hidden * width,
                2 * cell.biases() * width,
                cell.states() * 2 * batch * d_hidden,
            ];
            check(&format!("{name}: {cell:?}"), &counts, &device, |leaves| {
                let weights = RecurrentWeights {
                    kernel: leaves[1].clone().reshape([2, d_input, width]),
                    recurrent_kernel: leaves[2].clone().reshape([2, d_hidden, width]),
                    bias: leaves[3].clone().reshape([2, cell.biases(), width]),
                };
                let initial = leaves[4].clone().reshape([cell.states(), 2, batch, d_hidden]);
                let input = leaves[0].clone().reshape([batch, time, d_input]);
                let output = reference::recurrent(input, weights, Some(initial), options.clone());
                output.powi_scalar(2).sum()
            });
        }
    }
}

#[test]
fn the_convolution_twin_agrees_with_finite_differences() {
    for (name, device) in devices::on_the_cpu() {
        check(&format!("{name}: conv1d"), &[2 * 6 * 3, 4 * 3 * 2, 2], &device, |leaves| {
            let input = leaves[0].clone().reshape([2, 6, 3]);
            let kernel = leaves[1].clone().reshape([4, 3, 2]);
            reference::conv1d(input, kernel, leaves[2].clone(), Activation::Relu).powi_scalar(2).sum()
        });
    }
}
