//! Counter-based random numbers: Philox4x32-10, keyed by their purpose.
//!
//! A draw depends only on its key and its position, never on earlier draws. So a run does not depend on other runs in
//! the process, and a resumed run needs no generator state. Burn's generators (one process-wide state on the CPU
//! backends) are never used. The distributions are uniform, normal, permutations and dropout masks.
//!
//! # References
//!
//! Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, with the paper's constants and
//! ten rounds.

use kiln_base::SplitMix64;
use rayon::prelude::*;

pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
pub(crate) const ROUNDS: usize = 10;
/// Blocks of four numbers per task of a parallel fill.
const BLOCKS_A_TASK: usize = 1 << 14;

/// Names a stream of random numbers by a seed and a path, such as layer and parameter.
///
/// Keys with the same seed and path draw the same numbers on every machine; any difference makes an unrelated stream.
///
/// # Examples
///
/// ```
/// use kiln_kernels::RandomKey;
///
/// let weights = RandomKey::new(7).child("lstm").child("kernel");
/// assert_eq!(weights.uniform(3), RandomKey::new(7).child("lstm").child("kernel").uniform(3));
/// assert_ne!(weights.uniform(3), RandomKey::new(8).child("lstm").child("kernel").uniform(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomKey {
    key: [u32; 2],
    stream: [u32; 2],
}

impl RandomKey {
    /// The root key of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { key: split(seed), stream: [0; 2] }
    }

    /// The key of a named part, such as a layer or a parameter.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        // FNV-1a over the name, with a separator so that "a"/"bc" and "ab"/"c" differ.
        let mut hash = 0xCBF2_9CE4_8422_2325_u64 ^ join(self.stream);
        for byte in name.bytes().chain([0xFF]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        self.mixed(hash)
    }

    /// The key of a numbered part, such as an epoch or a training step.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        self.mixed(join(self.stream).rotate_left(32) ^ index ^ 0x5851_F42D_4C95_7F2D)
    }

    /// One Philox block separates the streams: unlike a hash, it depends on the seed, too.
    fn mixed(self, value: u64) -> Self {
        let [low, high] = split(value);
        let block = philox([low, high, u32::MAX, u32::MAX], self.key);
        Self { key: self.key, stream: [block[0] ^ low, block[1] ^ high] }
    }

    /// A sequential generator seeded by the key.
    #[must_use]
    pub fn generator(self) -> SplitMix64 {
        let [a, b, ..] = self.block(0);
        SplitMix64::new(join([a, b]))
    }

    pub(crate) fn block(self, index: u64) -> [u32; 4] {
        let [low, high] = split(index);
        philox([low, high, self.stream[0], self.stream[1]], self.key)
    }

    /// Fills `out` in parallel with `make` of each random number, four per block.
    fn fill<T: Send>(self, out: &mut [T], make: impl Fn(u32) -> T + Sync) {
        out.par_chunks_mut(4 * BLOCKS_A_TASK).enumerate().for_each(|(task, part)| {
            let first = task * BLOCKS_A_TASK;
            for (block, numbers) in part.chunks_mut(4).enumerate() {
                let drawn = self.block((first + block) as u64);
                for (place, number) in numbers.iter_mut().zip(drawn) {
                    *place = make(number);
                }
            }
        });
    }

    /// `count` numbers, uniform in [0, 1) with 24 random bits each.
    #[must_use]
    pub fn uniform(self, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        self.fill(&mut out, |number| (number >> 8) as f32 * (1.0 / 16_777_216.0));
        out
    }

    /// `count` numbers from the standard normal distribution (Box-Muller transform).
    #[must_use]
    pub fn normal(self, count: usize) -> Vec<f64> {
        const SCALE: f64 = 1.0 / 4_294_967_296.0;
        (0..count.div_ceil(2) as u64)
            .flat_map(|pair| {
                let drawn = self.block(pair);
                // 64 bits make the radius, so that its logarithm has no visible steps.
                let unit = (f64::from(drawn[0]) + (f64::from(drawn[1]) + 0.5) * SCALE) * SCALE;
                let angle = std::f64::consts::TAU * f64::from(drawn[2]) * SCALE;
                let radius = (-2.0 * unit.ln()).sqrt();
                [radius * angle.cos(), radius * angle.sin()]
            })
            .take(count)
            .collect()
    }

    /// The numbers 0 to `count` - 1 in random order (Fisher-Yates shuffle).
    #[must_use]
    pub fn permutation(self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            let drawn = self.block(last as u64);
            // The bias of a 64-bit draw is below count / 2^64.
            let other = (u128::from(join([drawn[0], drawn[1]])) * (last as u128 + 1)) >> 64;
            order.swap(last, other as usize);
        }
        order
    }

    /// The threshold below which a random word drops its element, and the factor of the others.
    pub(crate) fn dropout_limits(rate: f64) -> (u64, f32) {
        ((rate * 4_294_967_296.0).round() as u64, (1.0 / (1.0 - rate)) as f32)
    }

    /// Key and stream.
    pub(crate) fn parts(self) -> ([u32; 2], [u32; 2]) {
        (self.key, self.stream)
    }

    /// An inverted-dropout mask: 0 with probability `rate`, otherwise 1 / (1 - `rate`).
    ///
    /// # Panics
    ///
    /// If the rate is below 0 or not below 1.
    #[must_use]
    pub fn dropout_mask(self, count: usize, rate: f64) -> Vec<f32> {
        assert!((0.0..1.0).contains(&rate), "a dropout rate must be at least 0 and below 1, but is {rate}");
        let (threshold, kept) = Self::dropout_limits(rate);
        let mut out = vec![0.0; count];
        self.fill(&mut out, |number| if u64::from(number) < threshold { 0.0 } else { kept });
        out
    }
}

fn split(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

fn join([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// Ten rounds of Philox4x32.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let [low_0, high_0] = split(u64::from(MULTIPLIERS[0]) * u64::from(counter[0]));
        let [low_1, high_1] = split(u64::from(MULTIPLIERS[1]) * u64::from(counter[2]));
        counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors ship with Random123 (`kat_vectors`, philox4x32 10).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]);
        assert_eq!(
            philox([0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0]),
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
        );
    }

    #[test]
    fn keys_with_the_same_letters_in_other_places_differ() {
        let root = RandomKey::new(1);
        assert_ne!(root.child("a").child("bc"), root.child("ab").child("c"));
        assert_ne!(root.index(0), root.index(1));
        assert_ne!(root.index(1).index(2), root.index(2).index(1));
        assert_ne!(root.child("x").block(0), RandomKey::new(2).child("x").block(0));
    }

    #[test]
    fn a_part_of_a_long_draw_equals_a_short_draw() {
        let key = RandomKey::new(3);
        let long = key.uniform(4 * BLOCKS_A_TASK * 2 + 3);
        assert_eq!(long[..5], key.uniform(5));
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let key = RandomKey::new(11);
        let uniform = key.child("u").uniform(100_000);
        let mean = uniform.iter().map(|&x| f64::from(x)).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let normal = key.child("n").normal(100_000);
        let mean = normal.iter().sum::<f64>() / 1e5;
        let variance = normal.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let mask = key.dropout_mask(100_000, 0.2);
        let dropped = mask.iter().filter(|&&m| m == 0.0).count();
        assert!((19_500..20_500).contains(&dropped), "{dropped}");
        assert!(mask.iter().all(|&m| m == 0.0 || m == 1.25));
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        let order = RandomKey::new(5).permutation(1000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_ne!(order, sorted);
    }
}
