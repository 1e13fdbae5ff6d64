//! [`SplitMix64`]: random numbers and orders that are the same on every machine. [`is_sorted_by_class`]: whether rows
//! were never shuffled.

/// A generator of 64-bit numbers whose state is a counter (Steele, Lea and Flood, 2014, with Vigna's constants). The
/// same seed gives the same numbers on every machine.
///
/// ```
/// use kiln_base::SplitMix64;
///
/// let mut order = [0, 1, 2, 3, 4, 5];
/// SplitMix64::new(7).shuffle(&mut order);
/// let mut again = [0, 1, 2, 3, 4, 5];
/// SplitMix64::new(7).shuffle(&mut again);
/// assert_eq!(order, again);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The counter's increment.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The generator that starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Number `n` of the generator that starts at `seed`, counted from 1; number 0 is the seed itself, mixed. Numbers
    /// can be requested in any order.
    #[inline]
    pub const fn nth(seed: u64, n: u64) -> u64 {
        let mut bits = seed.wrapping_add(n.wrapping_mul(Self::STEP));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// The next 64 bits.
    #[inline]
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        Self::nth(self.0, 0)
    }

    /// A number from 0 to below 1, made of 53 random bits like Python's `random.random`.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `limit`, uniformly drawn by Lemire's multiplication with rejection (2019).
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        // 2^64 mod `limit` of the 2^64 draws must be rejected so that the rest is uniform.
        let reject = limit.wrapping_neg() % limit;
        loop {
            let product = self.next_u64() as u128 * limit as u128;
            if product as u64 >= reject {
                return (product >> 64) as u64;
            }
        }
    }

    /// One of the items, uniformly drawn.
    ///
    /// # Panics
    ///
    /// If `items` is empty.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Fisher and Yates's shuffle from the end: for `i` from `len - 1` down to 1, item `i` is swapped with an item from
    /// 0 to `i`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// Whether every class is one block of rows, and a random order would look like that less than once in 1,000 times.
///
/// ```
/// use kiln_base::is_sorted_by_class;
///
/// let sorted = [[0; 8], [1; 8]].concat();
/// assert!(is_sorted_by_class(&sorted));
/// assert!(!is_sorted_by_class(&[0, 0, 1, 1]), "so few may fall so by chance");
/// ```
pub fn is_sorted_by_class(classes: &[u32]) -> bool {
    let mut runs: Vec<(u32, usize)> = classes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    runs.sort_unstable();
    if runs.len() < 2 || runs.windows(2).any(|two| two[0].0 == two[1].0) {
        return false;
    }
    // As many orders of the labels have one run per class as there are orders of the classes.
    let ln_factorial = |n: usize| (2..=n).map(|factor| (factor as f64).ln()).sum::<f64>();
    let orders = ln_factorial(classes.len()) - runs.iter().map(|&(_, count)| ln_factorial(count)).sum::<f64>();
    ln_factorial(runs.len()) - orders < 1e-3_f64.ln()
}
