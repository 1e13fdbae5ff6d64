//! The continuous cache: a distribution over recent tokens, weighted by how similar their contexts are.

use burn::tensor::Tensor;
use kiln_base::OptionError;

use crate::error::Result;

kiln_base::options! {
    /// A cache of recent tokens for a language model. The model's probabilities are mixed with those of the cache:
    ///
    /// p(w) = (1 - lambda) p_model(w) + lambda p_cache(w)
    ///
    /// p_cache(w) is proportional to the sum of exp(theta * h_t . h_i) over the last `size` positions i of the same
    /// stream whose next token was w, where h is the output of the last recurrent layer and t the position to predict
    /// from. The cache is empty at the start of the text, where p is p_model, and grows from window to window.
    ///
    /// The paper chooses theta and lambda by the loss on the validation text; good values depend on the model.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln_train::language::ContinuousCache;
    ///
    /// let cache = ContinuousCache::new().size(2000).theta(0.3);
    /// assert_eq!(cache, ContinuousCache::new().size(2000).theta(0.3).lambda(0.1));
    /// ```
    ///
    /// # References
    ///
    /// Grave, Joulin, Usunier, "Improving Neural Language Models with a Continuous Cache", 2017. The default size is
    /// that of its results on the Penn Treebank. The other defaults are from the published code of Merity, Keskar,
    /// Socher, "Regularizing and Optimizing LSTM Language Models", 2018, for the Penn Treebank and the same size.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct ContinuousCache {
        /// The number of positions. At most the tokens of a stream: a longer cache is never full. Default: 500.
        size: usize = 500,
        /// How much similar contexts count; with 0 all positions count the same. Default: 1.
        theta: f64 = 1.0,
        /// The weight of the cache, above 0 and below 1. Default: 0.1.
        lambda: f64 = 0.1,
    }
}

impl ContinuousCache {
    /// # Errors
    ///
    /// An option is outside its range, or the cache is longer than a stream of `longest` tokens.
    pub(super) fn check(&self, longest: usize) -> Result<()> {
        let Self { size, theta, lambda } = *self;
        let expected = format!("from 1 to {longest}, the tokens of a stream of the text");
        OptionError::unless((1..=longest).contains(&size), "size of a continuous cache", expected, size)?;
        let is_theta = theta.is_finite() && theta >= 0.0;
        OptionError::unless(is_theta, "theta of a continuous cache", "a number of at least 0", theta)?;
        let is_weight = lambda > 0.0 && lambda < 1.0;
        OptionError::unless(is_weight, "lambda of a continuous cache", "above 0 and below 1", lambda)?;
        Ok(())
    }

    /// The logarithm of the mixture at the token `word`, of which the model's is `log_prob`. The positions of the cache
    /// have these products of outputs and were followed by these tokens.
    fn mixed(&self, log_prob: f64, word: i64, products: &[f32], followed: &[i64]) -> f64 {
        if products.is_empty() {
            return log_prob;
        }
        let exponents = products.iter().map(|&product| self.theta * f64::from(product));
        let highest = exponents.clone().fold(f64::NEG_INFINITY, f64::max);
        let (mut all, mut same) = (0.0, 0.0);
        for (exponent, &next) in exponents.zip(followed) {
            let weight = (exponent - highest).exp();
            all += weight;
            if next == word {
                same += weight;
            }
        }
        let of_model = (1.0 - self.lambda).ln() + log_prob;
        // Without this case, a probability that is 0 in f64 would have no logarithm.
        if same == 0.0 { of_model } else { (of_model.exp() + self.lambda * same / all).ln() }
    }
}

/// The positions that are compared at once: they bound the memory that a long window needs.
const BLOCK: usize = 128;

/// The last positions of each stream.
pub(super) struct Cache {
    options: ContinuousCache,
    /// `[streams, positions, d_hidden]`; `None` at the start of the text.
    outputs: Option<Tensor<3>>,
    /// The tokens that followed, for each stream.
    followed: Vec<Vec<i64>>,
}

impl Cache {
    pub(super) fn new(options: ContinuousCache, streams: usize) -> Self {
        Self { options, outputs: None, followed: vec![Vec::new(); streams] }
    }

    /// Replaces the model's log-probabilities of the tokens `words` that follow in a window by those of the mixture,
    /// and adds the window to the cache. Tokens are listed stream by stream.
    ///
    /// # Shapes
    ///
    /// - outputs: `[streams, time, d_hidden]`
    /// - words, log_probs: streams * time
    ///
    /// # Errors
    ///
    /// The device cannot be read.
    pub(super) fn mix(&mut self, outputs: Tensor<3>, words: &[i64], log_probs: &mut [f64]) -> Result<()> {
        let [_, time, _] = outputs.dims();
        for from in (0..time).step_by(BLOCK) {
            let steps = BLOCK.min(time - from);
            let block = outputs.clone().narrow(1, from, steps);
            let keys = match self.outputs.take() {
                Some(before) => Tensor::cat(vec![before, block.clone()], 1),
                None => block.clone(),
            };
            let [_, positions, _] = keys.dims();
            let kept = positions.min(self.options.size);
            self.outputs = Some(keys.clone().narrow(1, positions - kept, kept));
            let products = block.matmul(keys.swap_dims(1, 2));
            let products = products.try_into_vec_as::<f32>().map_err(kiln_predict::Error::Device)?;
            let of_streams = products.chunks(steps * positions);
            for (stream, (products, followed)) in of_streams.zip(&mut self.followed).enumerate() {
                let first = stream * time + from;
                followed.extend(&words[first..first + steps]);
                for (step, products) in products.chunks(positions).enumerate() {
                    let end = positions - steps + step;
                    let cached = end.saturating_sub(self.options.size)..end;
                    let (log_prob, word) = (&mut log_probs[first + step], words[first + step]);
                    *log_prob = self.options.mixed(*log_prob, word, &products[cached.clone()], &followed[cached]);
                }
                followed.drain(..positions - kept);
            }
        }
        Ok(())
    }
}
