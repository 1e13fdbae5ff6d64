//! Adam in one pass over a parameter and its moments.

use burn::backend::tensor::FloatTensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::AdamStep;
use super::autodiff::{AdamOps, Moments};
use crate::backend::cpu::lanes::dispatch;
use crate::backend::cpu::shared::assert_holds;
use crate::backend::cpu::slices::Slices;

/// How many numbers one task updates.
const PART: usize = 1 << 14;

impl<B: Slices> AdamOps for B {
    fn adam(moments: Moments<Self>, gradient: FloatTensor<Self>, scale: f32, step: AdamStep) -> Moments<Self> {
        let Moments { value, mean, square } = moments;
        let [mut value, mut mean, mut square, gradient] = [value, mean, square, gradient].map(Self::contiguous);
        update(
            Self::numbers_mut(&mut value),
            Self::numbers_mut(&mut mean),
            Self::numbers_mut(&mut square),
            (Self::numbers(&gradient), scale),
            step,
        );
        Moments { value, mean, square }
    }
}

/// Updates value and moments in place. The gradient comes with its scale.
fn update(value: &mut [f32], mean: &mut [f32], square: &mut [f32], (gradient, scale): (&[f32], f32), step: AdamStep) {
    for (what, numbers) in [("mean", &*mean), ("square", &*square), ("gradient", gradient)] {
        assert_holds(what, numbers, [value.len()]);
    }
    let moments = mean.par_chunks_mut(PART).zip(square.par_chunks_mut(PART));
    value.par_chunks_mut(PART).zip(moments).zip(gradient.par_chunks(PART)).for_each(
        |((value, (mean, square)), gradient)| {
            dispatch(Update { value, mean, square, gradient, scale, step });
        },
    );
}

struct Update<'a> {
    value: &'a mut [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
    gradient: &'a [f32],
    scale: f32,
    step: AdamStep,
}

impl WithSimd for Update<'_> {
    type Output = ();

    // Plain loops: inside this function they are compiled for the machine's vectors.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let AdamStep { beta_1, beta_2, epsilon, rate } = self.step;
        let (rest_1, rest_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
        let (beta_1, beta_2, epsilon, rate) = (beta_1 as f32, beta_2 as f32, epsilon as f32, rate as f32);
        let moments = self.mean.iter_mut().zip(self.square.iter_mut());
        for ((value, (mean, square)), gradient) in self.value.iter_mut().zip(moments).zip(self.gradient) {
            let gradient = gradient * self.scale;
            *mean = *mean * beta_1 + gradient * rest_1;
            *square = *square * beta_2 + gradient * gradient * rest_2;
            *value -= *mean * rate / (square.sqrt() + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the square must hold [3] numbers, but holds 2")]
    fn moments_of_the_wrong_length_are_refused() {
        let step = AdamStep { beta_1: 0.9, beta_2: 0.9, epsilon: 1e-7, rate: 1.0 };
        update(&mut [0.0; 3], &mut [0.0; 3], &mut [0.0; 2], (&[0.0; 3], 1.0), step);
    }
}
