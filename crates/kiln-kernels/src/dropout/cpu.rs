//! Dropout with the counter-based generator: the mask is computed forward and backward and never stored.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::autodiff::DropoutOps;
use crate::backend::cpu::lanes::dispatch;
use crate::backend::cpu::shared::filled;
use crate::backend::cpu::slices::Slices;
use crate::random::{MULTIPLIERS, ROUNDS, RandomKey, WEYL};

/// How many numbers one task handles; a multiple of four times any vector.
const PART: usize = 1 << 14;

impl<B: Slices> DropoutOps for B {
    fn dropout(input: FloatTensor<Self>, key: RandomKey, rate: f64) -> FloatTensor<Self> {
        let shape = input.shape();
        let input = Self::contiguous(input);
        Self::tensor(apply(Self::numbers(&input), key, rate), shape)
    }
}

/// Multiplies each number by 0 with probability `rate`, otherwise by 1 / (1 - `rate`), as [`RandomKey::dropout_mask`]
/// does.
fn apply(input: &[f32], key: RandomKey, rate: f64) -> Vec<f32> {
    let drop = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(PART).zip(input.par_chunks(PART)).enumerate().for_each(|(part, (to, from))| {
            dispatch(Part { from, to, key, rate, first: (part * PART / 4) as u64 });
        });
    };
    // SAFETY: input and output have the same parts, and a part writes one number for each that it reads.
    unsafe { filled([input.len()], drop) }
}

struct Part<'a> {
    from: &'a [f32],
    to: &'a mut [MaybeUninit<f32>],
    key: RandomKey,
    rate: f64,
    /// The generator's first block.
    first: u64,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (threshold, kept) = RandomKey::dropout_limits(self.rate);
        let group = 4 * S::F32_LANES;
        // 64 numbers take 16 blocks; the four words of each block are in four vectors.
        let mut words = [0_u32; 256];
        let whole = if threshold > u64::from(u32::MAX) || S::IS_SCALAR { 0 } else { self.from.len() / group * group };
        let limit = threshold as u32;
        for at in (0..whole).step_by(group) {
            self.draw(simd, self.first + (at / 4) as u64, &mut words);
            let (from, to) = (&self.from[at..at + group], &mut self.to[at..at + group]);
            for block in 0..S::F32_LANES {
                for word in 0..4 {
                    let place = 4 * block + word;
                    let value = from[place] * kept;
                    to[place].write(if words[word * S::F32_LANES + block] < limit { 0.0 } else { value });
                }
            }
        }
        for at in (whole..self.from.len()).step_by(4) {
            let drawn = self.key.block(self.first + (at / 4) as u64);
            for (place, number) in (at..self.from.len()).zip(drawn) {
                self.to[place].write(if u64::from(number) < threshold { 0.0 } else { self.from[place] * kept });
            }
        }
    }
}

impl Part<'_> {
    /// The words of a vector of blocks, starting at block `first`; words of the same index are adjacent.
    #[inline(always)]
    fn draw<S: Simd>(&self, simd: S, first: u64, words: &mut [u32; 256]) {
        let lanes = S::F32_LANES;
        let (key, stream) = self.key.parts();
        let mut low = [0_u32; 64];
        let mut high = [0_u32; 64];
        for lane in 0..lanes {
            let index = first + lane as u64;
            low[lane] = index as u32;
            high[lane] = (index >> 32) as u32;
        }
        let vector = |of: &[u32]| -> S::u32s {
            // SAFETY: `of` holds at least as many numbers as the vector, which is plain data.
            unsafe { of[..lanes].as_ptr().cast::<S::u32s>().read_unaligned() }
        };
        let mut counter = [vector(&low), vector(&high), simd.splat_u32s(stream[0]), simd.splat_u32s(stream[1])];
        let mut key = key;
        for _ in 0..ROUNDS {
            let (low_0, high_0) = simd.widening_mul_u32s(simd.splat_u32s(MULTIPLIERS[0]), counter[0]);
            let (low_1, high_1) = simd.widening_mul_u32s(simd.splat_u32s(MULTIPLIERS[1]), counter[2]);
            counter = [
                simd.xor_u32s(simd.xor_u32s(high_1, counter[1]), simd.splat_u32s(key[0])),
                low_1,
                simd.xor_u32s(simd.xor_u32s(high_0, counter[3]), simd.splat_u32s(key[1])),
                low_0,
            ];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        for (word, counter) in counter.into_iter().enumerate() {
            let to = &mut words[word * lanes..(word + 1) * lanes];
            // SAFETY: as above.
            unsafe { to.as_mut_ptr().cast::<S::u32s>().write_unaligned(counter) };
        }
    }
}
