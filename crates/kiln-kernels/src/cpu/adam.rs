//! Adam in one pass over a parameter and its moments.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::dispatch;
use crate::adam::AdamStep;

/// Numbers that one task updates.
const PART: usize = 1 << 14;

/// Updates value and moments in place.
pub(crate) fn step(value: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32], step: AdamStep) {
    let moments = mean.par_chunks_mut(PART).zip(square.par_chunks_mut(PART));
    value
        .par_chunks_mut(PART)
        .zip(moments)
        .zip(gradient.par_chunks(PART))
        .for_each(|((value, (mean, square)), gradient)| dispatch(Update { value, mean, square, gradient, step }));
}

struct Update<'a> {
    value: &'a mut [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
    gradient: &'a [f32],
    step: AdamStep,
}

impl WithSimd for Update<'_> {
    type Output = ();

    // Plain loops: compiled with the machine's vectors since they lie in here.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let AdamStep { beta_1, beta_2, epsilon, rate } = self.step;
        let (rest_1, rest_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
        let (beta_1, beta_2, epsilon, rate) = (beta_1 as f32, beta_2 as f32, epsilon as f32, rate as f32);
        let moments = self.mean.iter_mut().zip(self.square.iter_mut());
        for ((value, (mean, square)), &gradient) in self.value.iter_mut().zip(moments).zip(self.gradient) {
            *mean = *mean * beta_1 + gradient * rest_1;
            *square = *square * beta_2 + gradient * gradient * rest_2;
            *value -= *mean * rate / (square.sqrt() + epsilon);
        }
    }
}
