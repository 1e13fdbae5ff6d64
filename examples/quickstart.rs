//! From raw reviews to a trained classifier that predicts, offline.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```
//!
//! Data: the generated reviews that come with Kiln. Negation, contrast and scope decide their labels, so counting words
//! does not help; no sentence frame of the test split is in the training split. Time: seconds on 2 cores. Output: the
//! model's layers, a line for each epoch, `test accuracy` next to that of a baseline, and three predictions. The model,
//! its history and its curves are saved in `artifacts/quickstart`, which `--example predict` reads.

use anyhow::Result;
use kiln::prelude::*;
use kiln::text::corpora::reviews::{DEMONSTRATIONS, ReviewDocuments};
use kiln_examples::baseline::tfidf_logistic_regression;
use kiln_examples::println;
use kiln_examples::{Defaults, TrainingArgs, options, show_model, show_run};

const DEFAULTS: Defaults = Defaults::new("quickstart", Optimizer::adam().learning_rate(5e-3))
    .epochs(10)
    .fast_epochs(2)
    .batch_size(32)
    .demonstration();

/// The longest review that is read whole, in words.
const LENGTH: usize = 40;

fn main() -> Result<()> {
    let options: TrainingArgs = options("Train a small classifier on the reviews that come with Kiln");
    let device = options.device()?;

    let mut corpus = Reviews::generate(0).into_documents()?;
    if options.fast {
        corpus.train = corpus.train.take(256);
        corpus.valid = corpus.valid.take(64);
        corpus.test = corpus.test.take(128);
    }
    let ReviewDocuments { train, valid, test } = &corpus;
    println!(
        "{} reviews to train on, {} to validate on, {} to test on, such as:",
        train.len(),
        valid.len(),
        test.len()
    );
    for review in train.iter().take(2) {
        println!("  {}: {}", train.class_names()[review.label as usize], review.text);
    }

    let tokenizer = WordTokenizer::builder().fit(train.texts())?;
    let encode = SequenceEncoder::new(tokenizer, LENGTH)?;
    let config = RecurrentClassifierConfig::new(encode.vocab_size(), LENGTH)
        .kind(RecurrentKind::Gru)
        .bidirectional(false)
        .d_embedding(32)
        .d_hidden(vec![32]);
    let model = config.init(&device, options.seed)?;
    show_model(&model);

    let run = options
        .trainer(&DEFAULTS)
        .clip_norm(1.0)
        .save_best(Monitor::ValidLoss)
        .artifact(ArtifactConfig::text(&model, &encode, train.class_names()).data("generated reviews"))
        .fit(model, &encode.dataset(train)?, &encode.dataset(valid)?)?;
    show_run(&run);

    let predictor = TextPredictor::load(run.folder(), &device)?;
    let (sentences, labels): (Vec<&str>, Vec<u32>) = DEMONSTRATIONS.into_iter().unzip();
    for ((sentence, label), prediction) in sentences.iter().zip(labels).zip(predictor.predict(&sentences)?) {
        let verdict = if prediction.label == label { "right" } else { "wrong" };
        println!("{} ({:.3}), {verdict}: {sentence}", prediction.class_name, prediction.probability);
    }

    let baseline = tfidf_logistic_regression(train, test, options.seed)?;
    println!("baseline accuracy {:.4} (logistic regression on tf-idf of words and pairs of words)", baseline.accuracy);
    let accuracy = run.evaluate(&encode.dataset(test)?)?.accuracy.unwrap_or(f64::NAN);
    println!("test accuracy {accuracy:.4}");
    Ok(())
}
