//! Draws the next token from a model's scores: temperature, top-k, top-p.

use kiln_base::OptionError;
use kiln_kernels::RandomKey;

use crate::error::Result;

kiln_base::options! {
    /// How the next token is drawn.
    ///
    /// Scores are divided by the temperature. Then the `top_k` most probable tokens are kept, and of these the fewest
    /// whose probabilities sum to `top_p`. One of them is drawn by its probability. Ties go to the lower id.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_models::{RandomKey, Sampling};
    ///
    /// let scores = [0.1, 2.0, 1.9, -3.0];
    /// let most_probable = Sampling::new().top_k(1);
    /// assert_eq!(most_probable.draw(&scores, RandomKey::new(7))?, 1);
    /// let without = most_probable.skip([1]);
    /// assert_eq!(without.draw(&scores, RandomKey::new(7))?, 2);
    /// # Ok::<(), kiln_models::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq)]
    pub struct Sampling {
        /// Above 1 draws more evenly, below 1 favours probable tokens; must be above 0. Default: 1.
        pub temperature: f64 = 1.0,
        /// How many of the most probable tokens may be drawn. Default: all.
        pub some top_k: usize,
        /// The tokens that may be drawn: the most probable ones whose probabilities sum to this, above 0 and at most 1.
        /// Default: all.
        pub some top_p: f64,
        /// Ids that are never drawn. Default: none.
        pub into skip: Vec<u32> = Vec::new(),
    }
}

impl Sampling {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// An option is out of range; the error names it.
    pub fn check(&self) -> Result<()> {
        let expected = "a number above 0 (for the most probable token, set top_k to 1)";
        let is_positive = self.temperature.is_finite() && self.temperature > 0.0;
        OptionError::unless(is_positive, "temperature", expected, self.temperature)?;
        OptionError::unless(self.top_k != Some(0), "top_k", "at least 1", 0)?;
        let p = self.top_p.unwrap_or(1.0);
        OptionError::unless(p > 0.0 && p <= 1.0, "top_p", "above 0 and at most 1", p)?;
        Ok(())
    }

    /// Draws one token by its score (a logit or a log-probability); the same key draws the same token.
    ///
    /// # Errors
    ///
    /// An option is out of range, a score is NaN or positive infinity, or every token is skipped.
    pub fn draw(&self, scores: &[f32], key: RandomKey) -> Result<u32> {
        self.check()?;
        if let Some(bad) = scores.iter().find(|score| score.is_nan() || **score == f32::INFINITY) {
            let expected = "numbers (the model's weights are broken)";
            return Err(OptionError::new("scores", expected, bad).into());
        }
        let mut left: Vec<(u32, f64)> = (0_u32..)
            .zip(scores)
            .filter(|&(id, &score)| score > f32::NEG_INFINITY && !self.skip.contains(&id))
            .map(|(id, &score)| (id, f64::from(score) / self.temperature))
            .collect();
        left.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        left.truncate(self.top_k.unwrap_or(usize::MAX));
        let Some(&(_, highest)) = left.first() else {
            let found = format!("all {} tokens", scores.len());
            return Err(OptionError::new("skip", "some of the tokens, not all", found).into());
        };
        for (_, score) in &mut left {
            *score = (*score - highest).exp();
        }
        let mut total: f64 = left.iter().map(|(_, share)| share).sum();
        if let Some(p) = self.top_p {
            let (mut sum, mut kept) = (0.0, 0);
            while kept < left.len() && (kept == 0 || sum < p * total) {
                sum += left[kept].1;
                kept += 1;
            }
            left.truncate(kept);
            total = sum;
        }
        let mut point = f64::from(key.uniform(1)[0]) * total;
        for &(id, share) in &left {
            point -= share;
            if point < 0.0 {
                return Ok(id);
            }
        }
        // Reached only through rounding.
        Ok(left[left.len() - 1].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of each token in 20,000 draws.
    fn shares(sampling: &Sampling, scores: &[f32]) -> Vec<f64> {
        let mut counts = vec![0.0; scores.len()];
        for draw in 0..20_000 {
            let id = sampling.draw(scores, RandomKey::new(3).index(draw)).unwrap();
            counts[id as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    fn assert_shares(got: &[f64], expected: &[f64]) {
        for (got, expected) in got.iter().zip(expected) {
            // Four standard errors of a share of a half.
            assert!((got - expected).abs() < 0.015 && (*expected > 0.0 || *got == 0.0), "{got} {expected}");
        }
    }

    /// Probabilities 0.5, 0.3, 0.15, 0.05, in another order of ids.
    fn scores() -> Vec<f32> {
        [0.15_f32, 0.5, 0.05, 0.3].iter().map(|p| p.ln() + 2.0).collect()
    }

    #[test]
    fn draws_follow_the_probabilities() {
        assert_shares(&shares(&Sampling::default(), &scores()), &[0.15, 0.5, 0.05, 0.3]);
    }

    #[test]
    fn the_temperature_bends_them() {
        // At 0.5 probabilities are squared: 0.0225, 0.25, 0.0025, 0.09, of 0.365.
        let cold = Sampling { temperature: 0.5, ..Sampling::default() };
        assert_shares(&shares(&cold, &scores()), &[0.0616, 0.6849, 0.0068, 0.2466]);
    }

    #[test]
    fn top_k_then_top_p_leave_the_most_probable() {
        let two = Sampling { top_k: Some(2), ..Sampling::default() };
        assert_shares(&shares(&two, &scores()), &[0.0, 0.625, 0.0, 0.375]);
        // 0.5 and 0.3 sum to 0.8, which is short of 0.81.
        let p = |p| Sampling { top_p: Some(p), ..Sampling::default() };
        assert_shares(&shares(&p(0.79), &scores()), &[0.0, 0.625, 0.0, 0.375]);
        assert_shares(&shares(&p(0.81), &scores()), &[0.1579, 0.5263, 0.0, 0.3158]);
        assert_shares(&shares(&p(1e-9), &scores()), &[0.0, 1.0, 0.0, 0.0]);
        // Of the first two, 0.625 and 0.375: the first alone reaches 0.6.
        let both = Sampling { top_k: Some(2), top_p: Some(0.6), ..Sampling::default() };
        assert_shares(&shares(&both, &scores()), &[0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_is_left_out_is_never_drawn() {
        let without = Sampling { skip: vec![1, 3], ..Sampling::default() };
        assert_shares(&shares(&without, &scores()), &[0.75, 0.0, 0.25, 0.0]);
        let all = Sampling { skip: vec![0, 1, 2, 3], ..Sampling::default() };
        assert!(
            all.draw(&scores(), RandomKey::new(0))
                .unwrap_err()
                .to_string()
                .contains("skip should be some of the tokens")
        );
    }

    #[test]
    fn options_and_scores_out_of_range_are_refused() {
        let message = |sampling: Sampling| sampling.draw(&[0.0, 1.0], RandomKey::new(0)).unwrap_err().to_string();
        let base = Sampling::default;
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(message(Sampling { temperature, ..base() }).contains("temperature should be a number above 0"));
        }
        assert!(message(Sampling { top_k: Some(0), ..base() }).contains("top_k should be at least 1"));
        for p in [0.0, -0.5, 1.1, f64::NAN] {
            assert!(message(Sampling { top_p: Some(p), ..base() }).contains("top_p"));
        }
        let error = base().draw(&[0.0, f32::NAN], RandomKey::new(0)).unwrap_err().to_string();
        assert!(error.contains("broken") && error.contains("NaN"), "{error}");
    }
}
