//! Two sentences encoded six ways, as tables.
//!
//! ```text
//! cargo run --release --example one-hot
//! ```
//!
//! Data: the two sentences. Time: none. Output: for each encoding, its shape (samples x steps x width, or samples x
//! columns) and what is hot: by word, by character, by word with Keras's tokenizer, and by the hash of the word, which
//! needs no vocabulary but may put two words into one place; then bags of words and bigrams, by scikit-learn's rules,
//! with one column each and with hashed columns.

use anyhow::Result;
use kiln::prelude::*;
use kiln::text::features::HashingVectorizer;
use kiln::text::features::SparseMatrix;
use kiln::text::keras::{MatrixMode, OneHot, WordOneHot, one_hot_characters, one_hot_hashed};
use kiln_examples::println;

const SENTENCES: [&str; 2] = ["The cat sat on the mat.", "The dog ate my homework."];
/// The words, or tokens, of a sentence that are encoded.
const WORDS: usize = 10;
/// The characters of a sentence that are encoded.
const CHARACTERS: usize = 50;
/// Places for hashed words, and columns of the matrix.
const COLUMNS: usize = 1_000;

fn main() -> Result<()> {
    let words = WordOneHot::fit(&SENTENCES);
    show("words, cut at white space", &words.encode(&SENTENCES, WORDS)?);
    show("characters", &one_hot_characters(&SENTENCES, CHARACTERS)?);

    let tokenizer = WordTokenizer::builder().num_words(COLUMNS).fit(SENTENCES)?;
    let matrix = tokenizer.texts_to_matrix(SENTENCES, MatrixMode::Binary)?;
    println!("words by Keras's tokenizer, a row a sentence: {} x {}", matrix.rows, matrix.columns);
    println!("  found {} words", tokenizer.words().len());
    for (row, sentence) in SENTENCES.iter().enumerate() {
        let hot: Vec<usize> = (0..matrix.columns).filter(|&column| matrix.row(row)[column] == 1.0).collect();
        println!("  {sentence:<26} {hot:?}");
    }
    println!();
    show("words, hashed", &one_hot_hashed(&SENTENCES, WORDS, COLUMNS)?);

    let (vectorizer, counts) = CountVectorizer::builder().ngram_range(1, 2).fit_transform(SENTENCES)?;
    let terms: Vec<&str> = vectorizer.feature_names().collect();
    show_bag("words and pairs of neighbours", &counts, |column| terms[column].to_owned());
    let hashing = HashingVectorizer::builder().ngram_range(1, 2).n_features(COLUMNS).build()?;
    show_bag("the same, hashed", &hashing.transform(SENTENCES)?, |column| column.to_string());
    Ok(())
}

/// Prints the shape and, for each sentence, its columns and their values.
fn show_bag<N: Copy + Into<f64>>(what: &str, bag: &SparseMatrix<N>, name: impl Fn(usize) -> String) {
    println!("{what}: {} x {}", bag.rows(), bag.cols());
    for (sentence, row) in SENTENCES.iter().zip(bag.outer_iterator()) {
        let shown: Vec<String> =
            row.iter().map(|(column, &value)| format!("{} {:.3}", name(column), value.into())).collect();
        println!("  {sentence:<26} {}", shown.join(", "));
    }
    println!();
}

/// Prints the shape and, for each sentence, the id that is hot at each step.
fn show(what: &str, encoded: &OneHot) {
    let [samples, steps, width] = encoded.shape;
    println!("{what}: {samples} x {steps} x {width}");
    for (sample, sentence) in SENTENCES.iter().enumerate().take(samples) {
        let hot: Vec<String> = (0..steps)
            .filter_map(|step| (0..width).find(|&id| encoded.at(sample, step, id) == 1.0))
            .map(|id| id.to_string())
            .collect();
        println!("  {sentence:<26} {}", hot.join(" "));
    }
    println!();
}
