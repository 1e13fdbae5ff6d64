//! The adaptive softmax: classes in clusters by frequency, with narrower layers for rarer clusters.
//!
//! The caller numbers the classes by frequency, the most frequent first, as vocabularies sorted by frequency do.

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use kiln_base::OptionError;
use kiln_kernels::RandomKey;
use serde::{Deserialize, Serialize};

use crate::error::{Result, at_least_one};
use crate::forward::layer_tape::listed;
use crate::weights::initializer::Initializer;

kiln_base::options! {
    /// Configuration of an [`AdaptiveSoftmax`].
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct AdaptiveSoftmaxConfig {
        /// Width of the input.
        pub required d_input: usize,
        /// The number of classes.
        pub required classes: usize,
        /// The first class of each cluster after the first: `[2000, 6000]` makes three clusters. Rising, above 0 and
        /// below `classes`.
        pub required cutoffs: Vec<usize>,
        /// How much narrower each cluster is than the one before. Default: 4.
        pub div_value: f64 = 4.0,
        /// Whether the first cluster has a bias, entries for the other clusters included. Default: false.
        pub head_bias: bool = false,
    }
}

burn_config!(AdaptiveSoftmaxConfig);

impl AdaptiveSoftmaxConfig {
    /// Draws the layer's parameters: Glorot uniform kernels, zero bias.
    ///
    /// # Errors
    ///
    /// A size is 0, the cut-offs do not rise or are not between 0 and the number of classes, or a cluster would have
    /// width 0.
    pub fn init(&self, device: &Device, key: RandomKey) -> Result<AdaptiveSoftmax> {
        let d_input = at_least_one("d_input of AdaptiveSoftmax", self.d_input)?;
        at_least_one("classes of AdaptiveSoftmax", self.classes)?;
        let rise = self.cutoffs.windows(2).all(|pair| pair[0] < pair[1]);
        let within = self.cutoffs.iter().all(|&cutoff| cutoff > 0 && cutoff < self.classes);
        OptionError::unless(
            !self.cutoffs.is_empty() && rise && within,
            "cutoffs of AdaptiveSoftmax",
            format!("one class or more, rising, above 0 and below the {} classes", self.classes),
            format!("{:?}", self.cutoffs),
        )?;
        let narrows = self.div_value.is_finite() && self.div_value > 0.0;
        OptionError::unless(narrows, "div_value of AdaptiveSoftmax", "a number above 0", self.div_value)?;
        let glorot = |from: usize, to: usize, key| {
            Initializer::GlorotUniform { fan_in: from, fan_out: to }.param([from, to], key, device)
        };
        let head = self.cutoffs[0] + self.cutoffs.len();
        let mut tails = Vec::new();
        for (place, &start) in self.cutoffs.iter().enumerate() {
            let end = self.cutoffs.get(place + 1).copied().unwrap_or(self.classes);
            // As PyTorch: divided by a power of `div_value`, rounded down.
            let width = (d_input as f64 / self.div_value.powi(place as i32 + 1)).floor() as usize;
            let expected = format!("small enough for {d_input} inputs to leave every cluster a width of 1 or more");
            OptionError::unless(width > 0, "div_value of AdaptiveSoftmax", expected, self.div_value)?;
            let key = key.child("tails").index(place as u64);
            tails.push(Tail {
                projection: glorot(d_input, width, key.child("projection")),
                kernel: glorot(width, end - start, key.child("kernel")),
            });
        }
        Ok(AdaptiveSoftmax {
            kernel: glorot(d_input, head, key.child("kernel")),
            bias: self.head_bias.then(|| Initializer::Zeros.param([head], key.child("bias"), device)),
            tails,
            cutoffs: self.cutoffs.clone(),
            classes: self.classes,
        })
    }
}

/// A cluster of rarer classes.
#[derive(Module, Debug)]
pub struct Tail {
    /// `[d_input, width]`
    pub projection: Param<Tensor<2>>,
    /// `[width, classes of the cluster]`
    pub kernel: Param<Tensor<2>>,
}

impl Tail {
    /// The log-probabilities within the cluster.
    fn log_prob(&self, input: Tensor<2>) -> Tensor<2> {
        log_softmax(input.matmul(self.projection.val()).matmul(self.kernel.val()), 1)
    }
}

/// Log-probabilities over many classes at the cost of the frequent ones. The first cluster holds the most frequent
/// classes and one entry per other cluster; only rows whose class is in another cluster pay for that cluster.
///
/// Number the classes by frequency, the most frequent first; in another order the layer works, but slowly.
///
/// # References
///
/// Grave, Joulin, Cissé, Grangier, Jégou, "Efficient softmax approximation for GPUs", 2017; options and arithmetic
/// follow PyTorch's `AdaptiveLogSoftmaxWithLoss`.
#[derive(Module, Debug)]
pub struct AdaptiveSoftmax {
    /// Of the first cluster and the entries for the others: `[d_input, first cut-off + other clusters]`
    pub kernel: Param<Tensor<2>>,
    /// Its bias, if it has one.
    pub bias: Option<Param<Tensor<1>>>,
    /// The other clusters.
    pub tails: Vec<Tail>,
    /// The first class of each of the other clusters.
    #[module(skip)]
    pub cutoffs: Vec<usize>,
    /// The number of classes.
    #[module(skip)]
    pub classes: usize,
}

impl AdaptiveSoftmax {
    /// The log-probability of each row's class.
    ///
    /// The host sorts the rows into clusters, so a GPU has to be waited for.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, d_input]`
    /// - classes: `[batch]`
    /// - output: `[batch, 1]`
    ///
    /// # Panics
    ///
    /// If a class is not below the number of classes.
    pub fn forward(&self, input: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<2> {
        let device = input.device();
        let classes = classes.without_autodiff().into_data();
        let classes = classes.try_into_vec_as::<i32>().expect("classes are integers");
        let indices =
            |values: Vec<i32>| Tensor::<1, Int>::from_data(TensorData::new(values.clone(), [values.len()]), &device);
        let column = |values| indices(values).unsqueeze_dim::<2>(1);
        let (mut in_head, mut members) =
            (Vec::with_capacity(classes.len()), vec![Members::default(); self.tails.len()]);
        for (row, &class) in classes.iter().enumerate() {
            assert!((class as usize) < self.classes, "a class must be below {}, found {class}", self.classes);
            match self.cutoffs.partition_point(|&cutoff| cutoff <= class as usize) {
                0 => in_head.push(class),
                cluster => {
                    in_head.push((self.cutoffs[0] + cluster - 1) as i32);
                    let Members { rows, classes } = &mut members[cluster - 1];
                    rows.push(row as i32);
                    classes.push(class - self.cutoffs[cluster - 1] as i32);
                }
            }
        }
        let mut output = self.head(input.clone()).gather(1, column(in_head));
        for (tail, Members { rows, classes }) in self.tails.iter().zip(members) {
            if !rows.is_empty() {
                let rows = indices(rows);
                let within = tail.log_prob(input.clone().select(0, rows.clone())).gather(1, column(classes));
                output = output.select_assign(0, rows, within, IndexingUpdateOp::Add);
            }
        }
        output
    }

    /// The log-probability of every class.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, d_input]`
    /// - output: `[batch, classes]`
    pub fn log_prob(&self, input: Tensor<2>) -> Tensor<2> {
        let head = self.head(input.clone());
        let first = self.cutoffs[0];
        let tails = self.tails.iter().enumerate().map(|(place, tail)| {
            let of_cluster = head.clone().narrow(1, first + place, 1);
            tail.log_prob(input.clone()) + of_cluster
        });
        let all = Tensor::cat(std::iter::once(head.clone().narrow(1, 0, first)).chain(tails).collect(), 1);
        listed(self, "AdaptiveSoftmax", all)
    }

    fn head(&self, input: Tensor<2>) -> Tensor<2> {
        let output = input.matmul(self.kernel.val());
        log_softmax(
            match &self.bias {
                Some(bias) => output + bias.val().unsqueeze(),
                None => output,
            },
            1,
        )
    }
}

/// The rows of a cluster, and their classes within it.
#[derive(Clone, Default)]
struct Members {
    rows: Vec<i32>,
    classes: Vec<i32>,
}
