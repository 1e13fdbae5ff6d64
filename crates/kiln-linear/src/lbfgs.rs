//! Minimises a convex function by L-BFGS: Nocedal and Wright, *Numerical Optimization* (2006), algorithm 7.4, with
//! steps halved until they satisfy Armijo's condition.

use rayon::prelude::*;

/// How many past steps are kept to estimate the curvature.
const MEMORY: usize = 10;
/// How many numbers one thread sums at a time. It does not depend on the number of threads, so sums do not either.
const PIECE: usize = 1 << 14;
/// Steps shorter than this share of the direction count as no step: the limit of the arithmetic.
const SHORTEST: f64 = 1e-12;

/// The end of a descent.
pub(crate) struct Descent {
    pub(crate) iterations: usize,
    pub(crate) has_converged: bool,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// Descends from `place` until no slope is steeper than `tolerance`, a step gains nothing measurable in 64-bit floats,
/// or `max_iterations` steps are made. `objective` returns the value at a place and writes the gradient; if either is
/// not finite, the result is `None`. The function is convex, so pairs without positive curvature are rounding errors
/// and are dropped.
pub(crate) fn minimise(
    place: &mut Vec<f64>,
    tolerance: f64,
    max_iterations: usize,
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Descent> {
    let mut gradient = vec![0.0; place.len()];
    let mut next_gradient = gradient.clone();
    let mut value = objective(place, &mut gradient);
    let mut pairs: Vec<Pair> = Vec::new();
    for iterations in 0..max_iterations {
        if !(value.is_finite() && steepest(&gradient).is_finite()) {
            return None;
        }
        if steepest(&gradient) <= tolerance {
            return Some(Descent { iterations, has_converged: true });
        }
        let direction = direction(&gradient, &pairs);
        let slope = dot(&direction, &gradient);
        // Before the curvature is known, a step of length at most 1.
        let mut length = if pairs.is_empty() { (1.0 / dot(&gradient, &gradient).sqrt()).min(1.0) } else { 1.0 };
        let (next, next_value) = loop {
            let next: Vec<f64> = place.par_iter().zip(&direction).map(|(at, way)| at + length * way).collect();
            let next_value = objective(&next, &mut next_gradient);
            if next_value <= value + 1e-4 * length * slope {
                break (next, next_value);
            }
            length *= 0.5;
            if length < SHORTEST {
                return Some(Descent { iterations, has_converged: true });
            }
        };
        let step = difference(&next, place);
        let change = difference(&next_gradient, &gradient);
        let curvature = dot(&step, &change);
        if curvature > 1e-300 {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push(Pair { step, change, inverse: 1.0 / curvature });
        }
        let gain = value - next_value;
        (*place, value) = (next, next_value);
        std::mem::swap(&mut gradient, &mut next_gradient);
        if gain <= f64::EPSILON * value.abs().max(1.0) {
            return Some(Descent { iterations: iterations + 1, has_converged: true });
        }
    }
    Some(Descent { iterations: max_iterations, has_converged: steepest(&gradient) <= tolerance })
}

/// Minus the gradient, times the inverse curvature estimated from the pairs.
fn direction(gradient: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.par_iter().map(|slope| -slope).collect();
    let mut parts = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let part = pair.inverse * dot(&pair.step, &direction);
        add(&mut direction, -part, &pair.change);
        parts.push(part);
    }
    if let Some(Pair { change, inverse, .. }) = pairs.last() {
        let scale = 1.0 / (inverse * dot(change, change));
        direction.par_iter_mut().for_each(|way| *way *= scale);
    }
    for (pair, part) in pairs.iter().zip(parts.iter().rev()) {
        let other = pair.inverse * dot(&pair.change, &direction);
        add(&mut direction, part - other, &pair.step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let pieces = a.par_chunks(PIECE).zip(b.par_chunks(PIECE));
    let sums: Vec<f64> = pieces.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum()).collect();
    sums.iter().sum()
}

/// The steepest slope; infinite if one of them is not a number.
fn steepest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |most, slope| if slope.is_nan() { f64::INFINITY } else { slope.abs().max(most) })
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.par_iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(target: &mut [f64], factor: f64, other: &[f64]) {
    target.par_iter_mut().zip(other).for_each(|(slot, value)| *slot += factor * value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_valley_is_descended_to_its_bottom() {
        // f = sum over i of (i + 1)^3 (x_i - i)^2, whose curvatures differ a thousandfold.
        let objective = |x: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for (i, (x, slope)) in x.iter().zip(gradient).enumerate() {
                let (bottom, curvature) = (i as f64, (i as f64 + 1.0).powi(3));
                value += curvature * (x - bottom).powi(2);
                *slope = 2.0 * curvature * (x - bottom);
            }
            value
        };
        let mut place = vec![0.0; 10];
        let descent = minimise(&mut place, 1e-9, 1_000, objective).unwrap();
        assert!(descent.has_converged && descent.iterations < 200, "{} iterations", descent.iterations);
        for (i, x) in place.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-9, "{i}: {x}");
        }
        let mut place = vec![0.0; 10];
        let descent = minimise(&mut place, 1e-9, 2, objective).unwrap();
        assert_eq!((descent.iterations, descent.has_converged), (2, false));
        let broken = |_: &[f64], gradient: &mut [f64]| {
            gradient[3] = f64::NAN;
            0.0
        };
        assert!(minimise(&mut place, 1e-9, 2, broken).is_none());
    }
}
