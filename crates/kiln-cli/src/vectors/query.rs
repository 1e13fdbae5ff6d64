//! `kiln vectors query`: the nearest words, and analogies.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::{Reading, plain};
use crate::{output, whole};

/// Finds the words nearest to given words, and answers analogies
#[derive(Args)]
#[command(after_help = "Example:\n  kiln vectors query vectors.txt king queen --topn 5\n  \
                  kiln vectors query vectors.txt --analogy man king woman")]
pub(super) struct Query {
    /// The vectors: text of word2vec, GloVe or fastText, word2vec's binary format, or Kiln's safetensors; gzip too
    file: PathBuf,
    /// The words whose nearest words are wanted
    #[arg(required_unless_present = "analogy", value_name = "WORD")]
    words: Vec<String>,
    /// A is to B as C is to which word: the words nearest to B - A + C; may be given several times
    #[arg(long, num_args = 3, value_names = ["A", "B", "C"])]
    analogy: Vec<String>,
    /// How many words to print, the nearest first
    #[arg(long, visible_alias = "top-k", default_value_t = 10, value_name = "N")]
    #[arg(allow_negative_numbers = true, value_parser = whole::<usize>)]
    topn: usize,
    /// Print a JSON object for each word and analogy, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What is asked: for a person, and its key and value in JSON.
struct Asked {
    shown: String,
    key: &'static str,
    value: Value,
}

pub(super) fn query(options: &Query) -> Result<()> {
    ensure!(options.topn > 0, "--topn should be at least 1, found 0");
    let vectors = options.reading.open(&options.file)?;
    let (mut asked, mut queries) = (Vec::new(), Vec::new());
    for word in &options.words {
        asked.push(Asked { shown: word.clone(), key: "word", value: json!(word) });
        queries.push(vectors.query().positive(word.as_str()));
    }
    for analogy in options.analogy.chunks_exact(3) {
        if let [a, b, c] = analogy {
            asked.push(Asked { shown: format!("{b} - {a} + {c}"), key: "analogy", value: json!([a, b, c]) });
            queries.push(vectors.query().positive(b.as_str()).positive(c.as_str()).negative(a.as_str()));
        }
    }
    let topn = options.topn.min(vectors.len());
    let answers = vectors.most_similar_batch(&queries, topn).map_err(|error| plain(error, &options.file))?;

    let mut out = std::io::BufWriter::new(output());
    for (Asked { shown, key, value }, nearest) in asked.into_iter().zip(answers) {
        if options.json {
            let nearest: Vec<Value> =
                nearest.iter().map(|near| json!({"word": near.word, "cosine": six_digits(near.similarity)})).collect();
            writeln!(out, "{}", json!({key: value, "nearest": nearest}))?;
        } else {
            for near in nearest {
                writeln!(out, "{}\t{}\t{:.4}", on_a_line(&shown), on_a_line(near.word), near.similarity)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// A word without what would end a column or a line.
fn on_a_line(word: &str) -> String {
    word.replace(['\n', '\r', '\t'], " ")
}

/// As many digits as 32 bits hold.
fn six_digits(cosine: f32) -> f64 {
    (f64::from(cosine) * 1e6).round() / 1e6
}
