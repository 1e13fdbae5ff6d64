//! Gradient descent and the squared norm in one pass each.

use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::autodiff::DescentOps;
use crate::backend::cpu::lanes::dispatch;
use crate::backend::cpu::shared::assert_holds;
use crate::backend::cpu::slices::Slices;

/// Numbers that one task takes: as many whatever the number of threads, so that sums are always added up in one order.
const PART: usize = 1 << 14;
/// Sums that are added up side by side.
const SIDE_BY_SIDE: usize = 64;

impl<B: Slices> DescentOps for B {
    fn descend(value: FloatTensor<Self>, gradient: FloatTensor<Self>, rate: f32) -> FloatTensor<Self> {
        let [mut value, gradient] = [value, gradient].map(Self::contiguous);
        descend(Self::numbers_mut(&mut value), Self::numbers(&gradient), rate);
        value
    }

    fn squared_norm(tensor: FloatTensor<Self>) -> FloatTensor<Self> {
        let tensor = Self::contiguous(tensor);
        Self::tensor(vec![squared_norm(Self::numbers(&tensor))], Shape::new([1]))
    }
}

fn descend(value: &mut [f32], gradient: &[f32], rate: f32) {
    assert_holds("gradient", gradient, [value.len()]);
    let parts = value.par_chunks_mut(PART).zip(gradient.par_chunks(PART));
    parts.for_each(|(value, gradient)| dispatch(Descend { value, gradient, rate }));
}

struct Descend<'a> {
    value: &'a mut [f32],
    gradient: &'a [f32],
    rate: f32,
}

impl WithSimd for Descend<'_> {
    type Output = ();

    // Plain loops, here and below: compiled with the machine's vectors since they lie in here.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (value, gradient) in self.value.iter_mut().zip(self.gradient) {
            *value -= gradient * self.rate;
        }
    }
}

fn squared_norm(numbers: &[f32]) -> f32 {
    let parts: Vec<f64> = numbers.par_chunks(PART).map(|numbers| dispatch(Squares(numbers))).collect();
    parts.into_iter().sum::<f64>() as f32
}

struct Squares<'a>(&'a [f32]);

impl WithSimd for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f64 {
        let mut sums = [0.0_f32; SIDE_BY_SIDE];
        let (whole, rest) = self.0.as_chunks::<SIDE_BY_SIDE>();
        for numbers in whole {
            for (sum, number) in sums.iter_mut().zip(numbers) {
                *sum += number * number;
            }
        }
        sums.iter_mut().zip(rest).for_each(|(sum, number)| *sum += number * number);
        sums.into_iter().map(f64::from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the gradient must hold [3] numbers, but holds 2")]
    fn a_gradient_of_the_wrong_length_is_refused() {
        descend(&mut [0.0; 3], &[0.0; 2], 1.0);
    }
}
