//! word2vec as Burn modules: with negative sampling, and for teaching with the softmax over the whole vocabulary. They
//! train with the ordinary trainer on any backend; [`Word2Vec`](super::Word2Vec) trains the same vectors faster.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_base::OptionError;
use kiln_kernels::RandomKey;
use kiln_kernels::word2vec::{AliasTable, WindowBatch};
use serde::{Deserialize, Serialize};

use super::config::{Architecture, Context};
use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::list_as;
use crate::forward::pass::Pass;
use crate::layers::{Embedding, EmbeddingConfig};
use crate::models::Head;
use crate::models::{Example, Model};
use crate::weights::initializer::Initializer;

/// A batch of contexts and the words to predict from them.
#[derive(Clone, Debug)]
pub struct Contexts {
    /// The words of each context, padded with any word: `[batch, width]`
    pub ids: Tensor<2, Int>,
    /// 1 for a word of the context, 0 for padding: `[batch, width]`; `None` if all contexts have the same length.
    pub mask: Option<Tensor<2>>,
    /// The word to predict from each context.
    pub centres: Arc<[u32]>,
}

/// A context and the word in its centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRow {
    /// The words around it: one or more.
    pub words: Vec<u32>,
    /// The word.
    pub centre: u32,
}

impl ContextRow {
    /// The rows of a batch of windows: one per window in CBOW, one per context word in skip-gram.
    pub fn of(batch: &WindowBatch, architecture: Architecture) -> Vec<Self> {
        let mut rows = Vec::new();
        for window in &batch.windows {
            let (start, at, end) = (window.start as usize, window.centre as usize, window.end as usize);
            let words = batch.ids[start..at].iter().chain(&batch.ids[at + 1..end]).copied();
            let centre = batch.ids[at];
            match architecture {
                Architecture::Cbow => rows.push(Self { words: words.collect(), centre }),
                Architecture::SkipGram => rows.extend(words.map(|word| Self { words: vec![word], centre })),
            }
        }
        rows
    }
}

impl Contexts {
    /// A batch of these rows.
    pub fn new<'a>(rows: impl Iterator<Item = &'a ContextRow> + Clone, device: &Device) -> Self {
        let (batch, width) = (rows.clone().count(), rows.clone().map(|row| row.words.len()).max().unwrap_or(0));
        let (mut ids, mut mask) = (vec![0; batch * width], vec![0.0; batch * width]);
        for (n, row) in rows.clone().enumerate() {
            for (m, &word) in row.words.iter().enumerate() {
                ids[n * width + m] = word as i32;
                mask[n * width + m] = 1.0;
            }
        }
        let ragged = mask.contains(&0.0);
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [batch, width]), device),
            mask: ragged.then(|| Tensor::from_data(TensorData::new(mask, [batch, width]), device)),
            centres: rows.map(|row| row.centre).collect(),
        }
    }

    /// The contexts' vectors: means or sums of their words' rows in `table`.
    ///
    /// As in word2vec.c, a mean's gradient goes to each word whole, not divided by their number.
    fn vectors(&self, table: &Embedding, context: Context) -> Tensor<2> {
        let rows = table.forward(self.ids.clone());
        let [batch, width, d_embedding] = rows.dims();
        let masked = match &self.mask {
            Some(mask) => rows * mask.clone().unsqueeze_dim::<3>(2),
            None => rows,
        };
        let sum = masked.sum_dim(1).reshape([batch, d_embedding]);
        match context {
            Context::Sum => sum,
            Context::Mean => {
                let mean = match &self.mask {
                    Some(mask) => sum.clone() / mask.clone().sum_dim(1),
                    None => sum.clone() / width as f32,
                };
                sum.clone() - (sum - mean).detach()
            }
        }
    }
}

impl Example for Contexts {
    fn example<M: Model<Input = Self>>(_model: &M, rows: usize, device: &Device) -> Self {
        let row = ContextRow { words: vec![0], centre: 0 };
        Self::new(std::iter::repeat_n(&row, rows), device)
    }
}

kiln_base::options! {
    /// Configuration of a [`NegativeSampling`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct NegativeSamplingConfig {
        /// The count of each word; one word of the vocabulary per count.
        pub required counts: Vec<u64>,
        /// How the vectors of a context are joined; for a single word, as in skip-gram, both are the same. Default:
        /// their mean.
        pub context: Context = Context::Mean,
        /// Numbers in a vector. Default: 100.
        pub vector_size: usize = 100,
        /// Negative words per row. Default: 5.
        pub negative: usize = 5,
        /// Negative words are drawn in proportion to their counts to this power. Default: 0.75.
        pub ns_exponent: f64 = 0.75,
    }
}

burn_config!(NegativeSamplingConfig);

impl NegativeSamplingConfig {
    /// Makes the model: input rows uniform within ±1 / `vector_size`, output rows zero, as in gensim.
    ///
    /// # Errors
    ///
    /// A size is 0, or fewer than two words occur.
    pub fn init(&self, device: &Device, seed: u64) -> Result<NegativeSampling> {
        let vector_size = at_least_one("vector_size", self.vector_size)?;
        at_least_one("negative", self.negative)?;
        let (occur, power) = (self.counts.iter().filter(|&&count| count > 0).count(), self.ns_exponent);
        let found = format!("above 0 for fewer of {}", self.counts.len());
        OptionError::unless(occur >= 2, "counts", "above 0 for at least two words", found)?;
        OptionError::unless(power.abs() <= 2.0, "ns_exponent", "between -2 and 2", power)?;
        let key = RandomKey::new(seed).child("init").child("input");
        let shape = [self.counts.len(), vector_size];
        let limit = 1.0 / vector_size as f64;
        let weights: Vec<f64> =
            self.counts.iter().map(|&c| if c == 0 { 0.0 } else { (c as f64).powf(self.ns_exponent) }).collect();
        Ok(NegativeSampling {
            input: Embedding { table: Initializer::Uniform { limit }.param(shape, key, device), sparse: false },
            output: Embedding { table: Param::from_tensor(Tensor::zeros(shape, device)), sparse: false },
            negatives: Arc::new(AliasTable::new(&weights)),
            config: self.clone(),
        })
    }
}

/// Scores a context against the word in its centre and against words drawn at random. It is CBOW if contexts are
/// windows, skip-gram if they are single words.
///
/// Negative words are drawn at each training step, keyed by the run's seed and the step; in validation they are always
/// the same. A draw that equals the right word is repeated.
#[derive(Module, Debug)]
pub struct NegativeSampling {
    /// The words' vectors.
    pub input: Embedding,
    /// The vectors of words as predictions.
    pub output: Embedding,
    #[module(skip)]
    negatives: Arc<AliasTable>,
    /// What the model was made from.
    #[module(skip)]
    pub config: NegativeSamplingConfig,
}

impl NegativeSampling {
    /// The scores of given words.
    ///
    /// # Shapes
    ///
    /// - words: `[batch, words]`
    /// - output: `[batch, words]`
    pub fn scores(&self, contexts: &Contexts, words: Tensor<2, Int>) -> Tensor<2> {
        let [batch, count] = words.dims();
        let hidden = contexts.vectors(&self.input, self.config.context).unsqueeze_dim::<3>(2);
        self.output.forward(words).matmul(hidden).reshape([batch, count])
    }

    /// The right word of each row, then its negative words.
    fn draw(&self, centres: &[u32], key: RandomKey) -> Vec<i32> {
        let mut random = key.generator();
        let mut words = Vec::with_capacity(centres.len() * (self.config.negative + 1));
        for &centre in centres {
            words.push(centre as i32);
            words.extend((0..self.config.negative).map(|_| self.negatives.draw_other(centre, &mut random) as i32));
        }
        words
    }
}

impl Model for NegativeSampling {
    type Input = Contexts;

    fn forward(&self, input: &Contexts, pass: &Pass) -> Tensor<2> {
        let key = pass.key("negatives").unwrap_or(RandomKey::new(0).child("validation"));
        let words = self.draw(&input.centres, key);
        let shape = [input.centres.len(), self.config.negative + 1];
        list_as(&self.input, "input", "Embedding", &[input.centres.len(), self.config.vector_size]);
        list_as(&self.output, "output", "Embedding", &shape);
        self.scores(input, Tensor::from_data(TensorData::new(words, shape), &input.ids.device()))
    }

    fn head(&self) -> Head {
        Head::NegativeSampling(self.config.negative)
    }

    fn vocab_size(&self) -> Option<usize> {
        Some(self.config.counts.len())
    }
}

kiln_base::options! {
    /// Configuration of a [`SoftmaxCbow`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct SoftmaxCbowConfig {
        /// The number of words.
        @[serde(rename = "vocab")]
        pub required vocab_size: usize,
        /// How the vectors of a context are joined. Default: their mean.
        pub context: Context = Context::Mean,
        /// Numbers in a vector. Default: 100.
        pub vector_size: usize = 100,
    }
}

burn_config!(SoftmaxCbowConfig);

impl SoftmaxCbowConfig {
    /// Makes the model, its parameters drawn from `seed`.
    ///
    /// # Errors
    ///
    /// A size is 0.
    pub fn init(&self, device: &Device, seed: u64) -> Result<SoftmaxCbow> {
        let key = RandomKey::new(seed).child("init");
        let input = EmbeddingConfig::new(self.vocab_size, self.vector_size).init(device, key.child("input"))?;
        let glorot = Initializer::GlorotUniform { fan_in: self.vector_size, fan_out: self.vocab_size };
        let output = glorot.param([self.vector_size, self.vocab_size], key.child("output"), device);
        Ok(SoftmaxCbow { input, output, config: self.clone() })
    }
}

/// CBOW with a score for every word of the vocabulary, which negative sampling approximates. Its cost grows with the
/// vocabulary: for small vocabularies and for teaching.
#[derive(Module, Debug)]
pub struct SoftmaxCbow {
    /// The words' vectors.
    pub input: Embedding,
    /// From a context's vector to a score of each word: `[vector_size, vocab]`
    pub output: Param<Tensor<2>>,
    /// What the model was made from.
    #[module(skip)]
    pub config: SoftmaxCbowConfig,
}

impl Model for SoftmaxCbow {
    type Input = Contexts;

    fn forward(&self, input: &Contexts, _pass: &Pass) -> Tensor<2> {
        let SoftmaxCbowConfig { context, vector_size, vocab_size } = self.config;
        list_as(&self.input, "input", "Embedding", &[input.centres.len(), vector_size]);
        list_as(&self.output, "output", "Product", &[input.centres.len(), vocab_size]);
        input.vectors(&self.input, context).matmul(self.output.val())
    }

    fn head(&self) -> Head {
        Head::Classes(self.config.vocab_size)
    }

    fn vocab_size(&self) -> Option<usize> {
        Some(self.config.vocab_size)
    }
}
