//! Initial values of parameters: Keras's initialisers, drawn on the host from a key.
//!
//! Since the host draws them, a model is the same on every device. Truncated normals are not included.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Shape, Tensor, TensorData};

use kiln_base::OptionError;
use kiln_kernels::RandomKey;

use crate::error::Result;

/// The initial values of a parameter. The names and formulas are Keras's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initializer {
    /// All zeros.
    Zeros,
    /// Uniform within ±`limit`. Keras's embeddings use 0.05.
    Uniform {
        /// The largest magnitude.
        limit: f64,
    },
    /// Normal around 0. Keras's name: `RandomNormal`.
    Normal {
        /// The standard deviation.
        stddev: f64,
    },
    /// Uniform within ±sqrt(6 / (`fan_in` + `fan_out`)) (Glorot and Bengio 2010). For a recurrent layer, over the whole
    /// fused kernel, as in Keras.
    GlorotUniform {
        /// Inputs that reach one output.
        fan_in: usize,
        /// Outputs that one input reaches.
        fan_out: usize,
    },
    /// Orthonormal rows (or columns, if there are fewer of them), from the QR decomposition of a normal matrix (Saxe,
    /// McClelland, Ganguli 2014).
    Orthogonal,
    /// Ones in the second of four equal blocks, otherwise zeros: an LSTM's bias with Keras's `unit_forget_bias`.
    ForgetGateOnes,
}

impl Initializer {
    pub(crate) fn check(self) -> Result<()> {
        let (option, size) = match self {
            Self::Uniform { limit } => ("limit of Initializer::Uniform", limit),
            Self::Normal { stddev } => ("stddev of Initializer::Normal", stddev),
            _ => return Ok(()),
        };
        OptionError::unless(size.is_finite() && size >= 0.0, option, "a number of at least 0", size)?;
        Ok(())
    }

    /// The values of a parameter of `shape`, row by row.
    #[must_use]
    pub fn values(self, shape: &[usize], key: RandomKey) -> Vec<f32> {
        let count = shape.iter().product();
        match self {
            Self::Zeros => vec![0.0; count],
            Self::Uniform { limit } => uniform(count, limit, key),
            Self::Normal { stddev } => key.normal(count).into_iter().map(|z| (z * stddev) as f32).collect(),
            Self::GlorotUniform { fan_in, fan_out } => uniform(count, (6.0 / (fan_in + fan_out) as f64).sqrt(), key),
            Self::Orthogonal => orthogonal(shape[0], count / shape[0], key),
            Self::ForgetGateOnes => (0..count).map(|i| f32::from(u8::from(i * 4 / count == 1))).collect(),
        }
    }

    /// A trainable parameter of `shape` on `device`. It is drawn from `key` when its values are first needed, so a
    /// parameter that is replaced by loaded weights is never drawn.
    #[must_use]
    pub fn param<const D: usize>(self, shape: [usize; D], key: RandomKey, device: &Device) -> Param<Tensor<D>> {
        let draw = move |device: &Device, is_trained: bool| {
            let data = TensorData::new(self.values(&shape, key), shape);
            device
                .memory_persistent_allocations(data, |data| Tensor::from_data(data, device))
                .set_require_grad(is_trained)
        };
        Param::uninitialized(ParamId::new(), draw, device.clone(), true, Shape::from(shape))
    }
}

fn uniform(count: usize, limit: f64, key: RandomKey) -> Vec<f32> {
    let limit = limit as f32;
    key.uniform(count).into_iter().map(|u| (2.0 * u - 1.0) * limit).collect()
}

/// A `rows` x `columns` matrix whose rows (or columns, if there are fewer of them) are orthonormal. Gram-Schmidt, done
/// twice for accuracy; the result equals Q * sign(diag R) of the QR decomposition.
fn orthogonal(rows: usize, columns: usize, key: RandomKey) -> Vec<f32> {
    let (vectors, length) = (rows.min(columns), rows.max(columns));
    let drawn = key.normal(vectors * length);
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(vectors);
    for vector in drawn.chunks(length) {
        let mut vector = vector.to_vec();
        for _ in 0..2 {
            for other in &basis {
                let overlap: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                for (value, other) in vector.iter_mut().zip(other) {
                    *value -= overlap * other;
                }
            }
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        basis.push(vector.into_iter().map(|x| x / norm).collect());
    }
    (0..rows * columns)
        .map(|i| {
            let (row, column) = (i / columns, i % columns);
            let value = if rows <= columns { basis[row][column] } else { basis[column][row] };
            value as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonal_rows_are_orthonormal_over_the_whole_width() {
        for (rows, columns) in [(6, 24), (24, 6), (5, 5)] {
            let matrix = orthogonal(rows, columns, RandomKey::new(1));
            let vectors = rows.min(columns);
            let entry = |v: usize, i: usize| {
                f64::from(if rows <= columns { matrix[v * columns + i] } else { matrix[i * columns + v] })
            };
            for a in 0..vectors {
                for b in 0..vectors {
                    let product: f64 = (0..rows.max(columns)).map(|i| entry(a, i) * entry(b, i)).sum();
                    let expected = f64::from(u8::from(a == b));
                    assert!((product - expected).abs() < 1e-6, "{rows}x{columns} {a} {b}");
                }
            }
        }
    }

    #[test]
    fn uniform_fills_its_range_and_stays_inside() {
        let values = Initializer::GlorotUniform { fan_in: 4, fan_out: 12 }.values(&[100, 100], RandomKey::new(2));
        // sqrt(6 / 16)
        let limit = 0.612_372_4_f32;
        let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(largest <= limit && largest > 0.99 * limit, "{largest}");
    }

    #[test]
    fn normal_values_have_their_deviation() {
        let values = Initializer::Normal { stddev: 0.1 }.values(&[100, 100], RandomKey::new(3));
        let mean = values.iter().sum::<f32>() / 1e4;
        let square = values.iter().map(|v| v * v).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.004 && (square.sqrt() - 0.1).abs() < 0.003, "{mean} {square}");
    }

    #[test]
    fn the_forget_gate_alone_starts_at_one() {
        let bias = Initializer::ForgetGateOnes.values(&[12], RandomKey::new(0));
        assert_eq!(bias, [0., 0., 0., 1., 1., 1., 0., 0., 0., 0., 0., 0.]);
    }
}
