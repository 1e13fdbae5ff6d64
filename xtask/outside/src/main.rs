//! A program that uses Kiln with its own layer, model, encoder, corpus and callback. `train FOLDER` trains and prints
//! the predictions, `predict FOLDER` prints them in another process, `ignorant FOLDER` knows none of these types.

mod callback;
mod corpus;
mod encoder;
mod kernel;
mod layer;
mod model;

use kiln::predict::Registry;
use kiln::prelude::*;

use callback::Goal;
use corpus::Cards;
use encoder::Morse;
use model::{Gated, GatedConfig};

const CARDS: &str = "+ good\n- bad\n+ good good\n- bad bad\n+ a good one\n- a bad one\n";
const TEXTS: [&str; 3] = ["good", "a bad one", "neither"];
const LENGTH: usize = 24;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, task, folder] = &arguments[..] else { return Err("usage: outside train|predict|ignorant FOLDER".into()) };
    let device = kiln::device_named(Some("flex"))?;
    let known = Registry::default().text_classifier::<Gated>().encoder::<Morse>(Morse::NAME);
    match task.as_str() {
        "train" => {
            let encode = SequenceEncoder::new(Morse, LENGTH)?;
            let documents = Documents::new(Cards::new(CARDS).collect::<kiln::text::Result<Vec<_>>>()?, ["bad", "good"])?;
            let data = encode.dataset(&documents)?;
            let model = GatedConfig::new(encode.vocab_size()).init(&device, 1)?;
            println!("{}", model.summary());
            let run = Trainer::new(folder)
                .epochs(200)
                .batch_size(6)
                .optimizer(Optimizer::adam().learning_rate(0.02))
                .callback(Goal::new(0.05))
                .artifact(ArtifactConfig::text(&model, &encode, documents.class_names()))
                .quiet()
                .fit(model, &data, &data)?;
            println!("{}", run.stopped().unwrap_or("the goal was not reached"));
            tell(&TextPredictor::load_with(folder, &device, &known)?)
        }
        "predict" => tell(&TextPredictor::load_with(folder, &device, &known)?),
        "ignorant" => match TextPredictor::load(folder, &device) {
            Ok(_) => Err("a program that knows neither read the folder".into()),
            Err(error) => {
                println!("{error}");
                Ok(())
            }
        },
        other => Err(format!("no such task: {other}").into()),
    }
}

/// Prints the probabilities as bits.
fn tell(predictor: &TextPredictor) -> Result<(), Box<dyn std::error::Error>> {
    for (text, prediction) in TEXTS.iter().zip(predictor.predict(&TEXTS)?) {
        let bits: Vec<u32> = prediction.probabilities.iter().map(|probability| probability.to_bits()).collect();
        println!("bits {text}: {} {bits:?}", prediction.class_name);
    }
    Ok(())
}
