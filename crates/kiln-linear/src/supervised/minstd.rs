//! C++'s `std::minstd_rand` and libstdc++'s distributions on it, so that initial values equal fastText's.

const MODULUS: u64 = 2_147_483_647;
const FACTOR: u64 = 48_271;

/// Numbers from 1 to 2,147,483,646.
#[derive(Clone, Debug)]
pub(super) struct Minstd(u64);

impl Minstd {
    pub(super) fn new(seed: u64) -> Self {
        Self((seed % MODULUS).max(1))
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0 * FACTOR % MODULUS;
        self.0
    }

    /// `std::uniform_real_distribution<double>(low, high)`
    pub(super) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        const RANGE: f64 = 2_147_483_646.0;
        let fine = (self.draw() - 1) as f64;
        let coarse = (self.draw() - 1) as f64;
        let share = (fine + coarse * RANGE) / (RANGE * RANGE);
        share.min(1.0_f64.next_down()) * (high - low) + low
    }

    /// `std::uniform_int_distribution<int>(0, count - 1)`
    pub(super) fn below(&mut self, count: u64) -> u64 {
        const RANGE: u64 = MODULUS - 2;
        if count > RANGE {
            return (self.draw() - 1).min(count - 1);
        }
        let scaling = RANGE / count;
        loop {
            let number = (self.draw() - 1) / scaling;
            if number < count {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_number_is_the_one_that_the_standard_names() {
        // C++17, 29.6.5 [rand.predef]: the 10000th invocation of a default-constructed minstd_rand returns 399268537.
        let mut random = Minstd::new(1);
        assert_eq!((0..10_000).map(|_| random.draw()).last(), Some(399_268_537));
    }

    #[test]
    fn whole_numbers_are_in_their_range_and_all_come() {
        let mut random = Minstd::new(0);
        let mut seen = [0; 3];
        (0..3_000).for_each(|_| seen[random.below(3) as usize] += 1);
        assert!(seen.iter().all(|&times| times > 900), "{seen:?}");
        assert_eq!(random.below(1), 0);
    }
}
