//! Measures a saved language model on a text to which it adapts: with a continuous cache (Grave et al. 2017), with
//! dynamic evaluation (Krause et al. 2018), or with both.
//!
//! ```text
//! cargo run --release --example language-model-evaluation -- --data ptb --cache
//! cargo run --release --example language-model-evaluation -- --data ptb --dynamic
//! cargo run --release --example language-model-evaluation -- --data ptb --cache --theta 0.1,0.3,1 --lambda 0.05,0.1,0.2
//! ```
//!
//! Data: the texts that the model of `--artifact` was trained on, by `--example language-model`. An option that is given
//! several values is chosen by the perplexity of the validation text: all combinations are tried, the cache's after
//! those of dynamic evaluation. The test text is read once, with what was chosen. It is one stream, in windows of 5
//! tokens for dynamic evaluation.
//!
//! Output: a line for each combination, and a table of perplexities. Time on 2 cores: a combination takes seconds with
//! the cache, and minutes with dynamic evaluation, which changes all weights after each window.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use kiln::models::LanguageModel;
use kiln::prelude::*;
use kiln::train::language::{Adaptive, ContinuousCache, DynamicEvaluation, GradientStatistics, evaluate_with};
use kiln::train::{Error, TextWindows, TokenUnit};
use kiln_examples::println;
use kiln_examples::running_text::{TextArgs, ids};
use kiln_examples::table::table;

/// Measure a language model that adapts to the text
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    text: TextArgs,
    /// The folder from language-model
    #[arg(long, value_name = "DIR", default_value = "artifacts/language-model-lstm")]
    artifact: PathBuf,
    /// Backend: auto, wgpu, cuda, flex or ndarray. Default: the best GPU found, else the CPU
    #[arg(long, env = "KILN_DEVICE")]
    device: Option<String>,
    /// The --seed of the training, which also generated its texts if they were not from files
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Use a small part of the data, to see that everything runs
    #[arg(long)]
    fast: bool,
    /// Mix the model's probabilities with those of a cache of recent tokens
    #[arg(long, required_unless_present = "dynamic")]
    cache: bool,
    /// Tokens in the cache
    #[arg(long, value_delimiter = ',', default_value = "500", requires = "cache")]
    size: Vec<usize>,
    /// How much similar contexts count in the cache
    #[arg(long, value_delimiter = ',', default_value = "1", requires = "cache")]
    theta: Vec<f64>,
    /// The weight of the cache
    #[arg(long, value_delimiter = ',', default_value = "0.1", requires = "cache")]
    lambda: Vec<f64>,
    /// Make a gradient step on each window after it is scored
    #[arg(long)]
    dynamic: bool,
    /// Plain gradient descent, without statistics of the gradients on the training text
    #[arg(long, requires = "dynamic")]
    plain: bool,
    /// The size of the gradient steps [default: 0.00005, with --plain 0.1]
    #[arg(long, value_delimiter = ',', requires = "dynamic")]
    learning_rate: Vec<f64>,
    /// How far each step pulls the weights back [default: 0.002, with --plain 0]
    #[arg(long, value_delimiter = ',', requires = "dynamic")]
    decay: Vec<f64>,
    /// Tokens in a window of dynamic evaluation. The default rate and decay are for 5: multiply both by WINDOW / 5
    #[arg(long, default_value_t = 5, requires = "dynamic")]
    window: usize,
    /// Streams in which the training text is read for the statistics
    #[arg(long, default_value_t = 100, requires = "dynamic", conflicts_with = "plain")]
    streams: usize,
}

/// Tokens in a window where no gradient step is made.
const WINDOW: usize = 35;

/// A way to adapt, with its perplexity on the validation text.
struct Choice<'a> {
    options: Adaptive<'a>,
    perplexity: f64,
}

/// Measures every way on the validation text, with a line for each, and returns the best. One that diverges
/// does not end the search.
fn best<'a>(
    model: &LanguageModel,
    valid: &TextWindows,
    ways: Vec<(String, Adaptive<'a>)>,
) -> Result<Option<Choice<'a>>> {
    let mut best: Option<Choice<'a>> = None;
    for (name, options) in ways {
        let began = Instant::now();
        let perplexity = match evaluate_with(model, valid, &options) {
            Err(error @ Error::Diverged { .. }) => {
                println!("{name}: {error}");
                continue;
            }
            measured => measured?.perplexity(),
        };
        println!("{name}: validation perplexity {perplexity:.2} ({:.0} s)", began.elapsed().as_secs_f64());
        if best.as_ref().is_none_or(|best| perplexity < best.perplexity) {
            best = Some(Choice { options, perplexity });
        }
    }
    Ok(best)
}

/// The given values as options; one `None`, the default, if there are none.
fn or_default(values: &[f64]) -> Vec<Option<f64>> {
    if values.is_empty() { vec![None] } else { values.iter().copied().map(Some).collect() }
}

impl Options {
    fn caches(&self) -> Vec<(String, ContinuousCache)> {
        let mut all = Vec::new();
        for &size in &self.size {
            for &theta in &self.theta {
                for &lambda in &self.lambda {
                    let cache = ContinuousCache::new().size(size).theta(theta).lambda(lambda);
                    all.push((format!("cache of {size}, theta {theta}, lambda {lambda}"), cache));
                }
            }
        }
        all
    }

    fn dynamics<'a>(&self, statistics: Option<&'a GradientStatistics>) -> Vec<(String, DynamicEvaluation<'a>)> {
        let mut all = Vec::new();
        for learning_rate in or_default(&self.learning_rate) {
            for decay in or_default(&self.decay) {
                let mut dynamic = DynamicEvaluation::new();
                let mut name = "dynamic evaluation".to_owned();
                if let Some(rate) = learning_rate {
                    dynamic = dynamic.learning_rate(rate);
                    name += &format!(", learning rate {rate}");
                }
                if let Some(decay) = decay {
                    dynamic = dynamic.decay(decay);
                    name += &format!(", decay {decay}");
                }
                if let Some(statistics) = statistics {
                    dynamic = dynamic.statistics(statistics);
                }
                all.push((name, dynamic));
            }
        }
        all
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = kiln::device_named(options.device.as_deref())?;
    let generator = TextGenerator::load(&options.artifact, &device)?;
    let (model, vocabulary, unit) = (generator.model(), generator.vocabulary(), generator.unit());
    let texts = options.text.open(options.seed, options.fast, unit)?;
    let number = |lines: &[String], what| ids(lines, vocabulary, unit, what);
    let (valid, test) = (number(&texts.valid, "validation")?, number(&texts.test, "test")?);
    let one_stream = |ids: &[u32], window| TextWindows::new(ids.to_vec(), 1, window);

    let long = [one_stream(&valid, WINDOW)?, one_stream(&test, WINDOW)?];
    let short = [one_stream(&valid, options.window)?, one_stream(&test, options.window)?];
    let shortest = valid.len().min(test.len());
    if let Some(size) = options.size.iter().find(|&&size| options.cache && size >= shortest) {
        bail!("--size {size} is longer than the shorter text, of {shortest} tokens: use a smaller cache");
    }
    let perplexity = |data: &TextWindows, adaptive: &Adaptive<'_>| -> Result<f64> {
        match evaluate_with(model, data, adaptive) {
            Err(error @ Error::Diverged { .. }) => {
                println!("the test text: {error}");
                Ok(f64::INFINITY)
            }
            measured => Ok(measured?.perplexity()),
        }
    };
    let fixed = Adaptive::new();
    let mut rows = vec![("as it is", perplexity(&long[0], &fixed)?, perplexity(&long[1], &fixed)?)];

    let caches = options.caches().into_iter().filter(|_| options.cache);
    let ways = caches.clone().map(|(name, cache)| (name, Adaptive::new().cache(cache))).collect();
    if let Some(cache) = best(model, &long[0], ways)? {
        rows.push(("with a cache", cache.perplexity, perplexity(&long[1], &cache.options)?));
    }
    let statistics = match options.dynamic && !options.plain {
        true => {
            let train = TextWindows::new(number(&texts.train, "training")?, options.streams, options.window)?;
            println!("reading the training text for the statistics of its gradients ...");
            Some(GradientStatistics::collect(model, &train)?)
        }
        false => None,
    };
    if options.dynamic {
        let ways = options.dynamics(statistics.as_ref());
        let ways = ways.into_iter().map(|(name, dynamic)| (name, Adaptive::new().dynamic(dynamic))).collect();
        if let Some(dynamic) = best(model, &short[0], ways)? {
            rows.push(("dynamic evaluation", dynamic.perplexity, perplexity(&short[1], &dynamic.options)?));
            let ways = caches.map(|(name, cache)| (format!("and {name}"), dynamic.options.cache(cache))).collect();
            if let Some(both) = best(model, &short[0], ways)? {
                rows.push(("both", both.perplexity, perplexity(&short[1], &both.options)?));
            }
        }
    }
    ensure!(rows.iter().all(|row| row.1.is_finite()), "a perplexity is infinite: choose smaller steps");
    let of =
        |&(name, valid, test): &(&str, f64, f64)| vec![name.to_owned(), format!("{valid:.2}"), format!("{test:.2}")];
    let rows: Vec<Vec<String>> = rows.iter().map(of).collect();
    println!("{}", table(&["", "validation perplexity", "test perplexity"], &rows));
    if unit == TokenUnit::Characters {
        println!("bits a character: the logarithm of the perplexity to base 2");
    }
    Ok(())
}
