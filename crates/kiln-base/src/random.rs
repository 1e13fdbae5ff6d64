//! [`SplitMix64`], random numbers and orders that are the same on every machine, and [`is_sorted_by_class`], whether an order
//! is random at all.

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
    /// What the counter grows by with each number.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The generator that starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Number `n` of the generator that starts at `seed`, counted from 1; number 0 is the seed itself, mixed. The numbers can be
    /// asked for in any order.
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

    /// A number from 0 to below 1, of 53 random bits, as Python's `random.random`.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `limit`, each with the same chance: Lemire's multiplication with rejection (2019).
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        // Of the 2^64 draws, 2^64 mod limit must be rejected for the rest to fall evenly.
        let reject = limit.wrapping_neg() % limit;
        loop {
            let product = self.next_u64() as u128 * limit as u128;
            if product as u64 >= reject {
                return (product >> 64) as u64;
            }
        }
    }

    /// One of the items, each with the same chance.
    ///
    /// # Panics
    ///
    /// If there is no item.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Fisher and Yates's shuffle from the end: for `i` from `len - 1` down to 1, item `i` changes places with an item
    /// from 0 to `i`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// Whether every class is one block of rows, in a way that a random order would give less than once in 1,000 times.
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
    // Of all orders of the labels, as many have one run for each class as the classes have orders.
    let ln_factorial = |n: usize| (2..=n).map(|factor| (factor as f64).ln()).sum::<f64>();
    let orders = ln_factorial(classes.len()) - runs.iter().map(|&(_, count)| ln_factorial(count)).sum::<f64>();
    ln_factorial(runs.len()) - orders < 1e-3_f64.ln()
}
