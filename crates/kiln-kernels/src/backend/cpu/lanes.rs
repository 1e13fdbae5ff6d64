//! Vectors of 32-bit floats in the machine's width: loads and stores at slice positions, and the sigmoid and tanh of
//! recurrent cells.

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

/// The widest vector of any instruction set, in floats.
pub(crate) const MOST_LANES: usize = 64;

/// Runs `op` with the best instruction set of this machine. Everything that it calls must be `#[inline(always)]`, or it
/// is compiled for the baseline instruction set.
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    Arch::new().dispatch(op)
}

/// Floats in a vector of this machine.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(Lanes)
}

/// The vector at `at`.
#[inline(always)]
pub(crate) fn load<S: Simd>(slice: &[f32], at: usize) -> S::f32s {
    let part = &slice[at..at + S::F32_LANES];
    // SAFETY: `part` holds as many floats as the vector, which is plain data.
    unsafe { part.as_ptr().cast::<S::f32s>().read_unaligned() }
}

/// Writes `value` to `at`.
#[inline(always)]
pub(crate) fn store<S: Simd>(slice: &mut [f32], at: usize, value: S::f32s) {
    let part = &mut slice[at..at + S::F32_LANES];
    // SAFETY: `part` holds as many floats as the vector, which is plain data.
    unsafe { part.as_mut_ptr().cast::<S::f32s>().write_unaligned(value) }
}

/// The first `count` floats at `at`, zeros after them.
#[inline(always)]
pub(crate) fn load_part<S: Simd>(slice: &[f32], at: usize, count: usize) -> S::f32s {
    if count >= S::F32_LANES {
        return load::<S>(slice, at);
    }
    let mut whole = [0.0; MOST_LANES];
    whole[..count].copy_from_slice(&slice[at..at + count]);
    load::<S>(&whole, 0)
}

/// Fills `to` with the first floats of `value`.
#[inline(always)]
pub(crate) fn write_part<S: Simd>(to: &mut [MaybeUninit<f32>], value: S::f32s) {
    if to.len() == S::F32_LANES {
        // SAFETY: `to` holds as many floats as the vector, which is plain data.
        return unsafe { to.as_mut_ptr().cast::<S::f32s>().write_unaligned(value) };
    }
    let mut whole = [0.0; MOST_LANES];
    store::<S>(&mut whole, 0, value);
    to.write_copy_of_slice(&whole[..to.len()]);
}

/// Beyond this, tanh is 1 in 32-bit floats.
const SATURATED: f32 = 9.0;
/// tanh(x) = x P(x^2) / Q(x^2) on [-9, 9], with a relative error of 2.1e-8 before rounding: a minimax fit of degree 4
/// over 4 by reweighted least squares.
const P: [f32; 5] = [1.0, 0.133_810_2, 0.003_495_583, 2.060_9e-5, 1.335_455_2e-8];
const Q: [f32; 5] = [1.0, 0.467_143_37, 0.025_876_963, 0.000_328_562_66, 7.776_513e-7];

/// x P(x^2) / Q(x^2), with |x| clamped to `bound`.
struct Rational {
    p: [f32; 5],
    q: [f32; 5],
    bound: f32,
}

const TANH: Rational = Rational { p: P, q: Q, bound: SATURATED };
/// sigmoid(x) - 1/2 = tanh(x / 2) / 2
const SIGMOID: Rational = {
    let (mut p, mut q, mut scale) = (P, Q, 1.0);
    let mut n = 0;
    while n < 5 {
        p[n] *= scale * 0.25;
        q[n] *= scale;
        scale *= 0.25;
        n += 1;
    }
    Rational { p, q, bound: 2.0 * SATURATED }
};

/// Numerator and denominator; the denominator is between 1 and 417.
#[inline(always)]
fn parts<S: Simd>(simd: S, x: S::f32s, of: &Rational) -> (S::f32s, S::f32s) {
    let (low, high) = (simd.splat_f32s(-of.bound), simd.splat_f32s(of.bound));
    let x = if S::IS_SCALAR {
        // Comparisons, since the scalar minimum would turn NaN into a number.
        let x = simd.select_f32s(simd.less_than_f32s(x, low), low, x);
        simd.select_f32s(simd.less_than_f32s(high, x), high, x)
    } else {
        // If one operand is NaN, these return the second one, or NaN.
        simd.min_f32s(high, simd.max_f32s(low, x))
    };
    let square = simd.mul_f32s(x, x);
    let mut numerator = simd.splat_f32s(of.p[4]);
    let mut denominator = simd.splat_f32s(of.q[4]);
    for n in (0..4).rev() {
        numerator = simd.mul_add_e_f32s(numerator, square, simd.splat_f32s(of.p[n]));
        denominator = simd.mul_add_e_f32s(denominator, square, simd.splat_f32s(of.q[n]));
    }
    (simd.mul_f32s(numerator, x), denominator)
}

/// The sigmoids of `x`, except for tanh at index `is_tanh`, each within 4e-7. They share one division.
#[inline(always)]
pub(crate) fn sigmoids_and_tanh<S: Simd, const N: usize>(simd: S, x: [S::f32s; N], is_tanh: usize) -> [S::f32s; N] {
    // Loops, here and elsewhere: `array::map` is not always inlined.
    let mut quotients = [(x[0], x[0]); N];
    for n in 0..N {
        quotients[n] = parts(simd, x[n], if n == is_tanh { &TANH } else { &SIGMOID });
    }
    // before[n] is the product of the denominators up to n.
    let mut before = [quotients[0].1; N];
    for n in 1..N {
        before[n] = simd.mul_f32s(before[n - 1], quotients[n].1);
    }
    let mut rest = simd.div_f32s(simd.splat_f32s(1.0), before[N - 1]);
    let mut out = x;
    for n in (0..N).rev() {
        let inverse = if n == 0 { rest } else { simd.mul_f32s(rest, before[n - 1]) };
        out[n] = if n == is_tanh {
            simd.mul_f32s(quotients[n].0, inverse)
        } else {
            simd.mul_add_e_f32s(quotients[n].0, inverse, simd.splat_f32s(0.5))
        };
        rest = simd.mul_f32s(rest, quotients[n].1);
    }
    out
}

/// tanh(x), within 4e-7.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (numerator, denominator) = parts(simd, x, &TANH);
    simd.div_f32s(numerator, denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes the sigmoid and the tanh of each number.
    struct Both(Vec<f32>);

    impl WithSimd for Both {
        type Output = Vec<[f32; 2]>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let of = |x: f32| {
                let [sigmoid, tanh] = sigmoids_and_tanh(simd, [simd.splat_f32s(x); 2], 1);
                let mut out = [0.0; MOST_LANES];
                store::<S>(&mut out, 0, sigmoid);
                let sigmoid = out[0];
                store::<S>(&mut out, 0, tanh);
                [sigmoid, out[0]]
            };
            self.0.iter().map(|&x| of(x)).collect()
        }
    }

    #[test]
    fn sigmoid_and_tanh_are_within_4e_7() {
        let numbers: Vec<f32> = (-40_000..=40_000).map(|n| n as f32 / 2_000.0).chain([f32::MIN, f32::MAX]).collect();
        for (x, [sigmoid, tanh]) in numbers.iter().zip(dispatch(Both(numbers.clone()))) {
            let exact = f64::from(*x);
            assert!((f64::from(sigmoid) - 1.0 / (1.0 + (-exact).exp())).abs() < 4e-7, "sigmoid({x}) = {sigmoid}");
            assert!((f64::from(tanh) - exact.tanh()).abs() < 4e-7, "tanh({x}) = {tanh}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let [[sigmoid, tanh]] = dispatch(Both(vec![f32::NAN]))[..] else { panic!("one number") };
        assert!(sigmoid.is_nan() && tanh.is_nan());
    }
}
