//! Times small requests to one predictor: how long one text takes, by itself and next to other threads that ask too, and
//! how many texts a second there are one at a time and in batches of 64.
//!
//! ```text
//! cargo run --release -p kiln-predict --features flex --example requests -- FOLDER [threads]
//! ```
//!
//! FOLDER is the artifact of a text classifier; without it a small one is made (an embedding of 16 numbers, a bidirectional
//! LSTM of 16, rows of 20 words). Output: microseconds at the 50th and the 99th percentile, and texts a second.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use kiln_models::RecurrentClassifierConfig;
use kiln_models::weights::weights_of;
use kiln_predict::{ArtifactConfig, SequenceEncoder, TextPredictor};
use kiln_text::encoders::WordTokenizer;

type Error = Box<dyn std::error::Error + Send + Sync>;

const TEXTS: [&str; 4] = [
    "a fine film with a dull end",
    "nothing of it is worth the time that it takes",
    "I laughed",
    "the best of the year so far, and nobody has seen it",
];
/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(3);

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let device = Device::flex();
    let made = tempfile::tempdir()?;
    let folder = match arguments.next() {
        Some(folder) => folder.into(),
        None => {
            save_small(made.path(), &device)?;
            made.path().to_owned()
        }
    };
    let threads: usize = arguments.next().map_or(Ok(4), |threads| threads.parse())?;
    let began = Instant::now();
    let predictor = TextPredictor::load(&folder, &device)?;
    println!("loaded in {:.3} s", began.elapsed().as_secs_f64());

    for count in [1, threads] {
        let times = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..count).map(|_| scope.spawn(|| ask(&predictor))).collect();
            asking.into_iter().map(|thread| thread.join().expect("a thread that asks")).collect::<Result<Vec<_>, _>>()
        })?;
        let mut times = times.concat();
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6;
        println!(
            "{count} threads: p50 {:.0} us, p99 {:.0} us, {:.0} texts a second",
            at(0.5),
            at(0.99),
            times.len() as f64 / TIME.as_secs_f64()
        );
    }
    let batch: Vec<&str> = TEXTS.iter().copied().cycle().take(64).collect();
    let (began, mut texts) = (Instant::now(), 0);
    while began.elapsed() < TIME {
        texts += predictor.predict(&batch)?.len();
    }
    println!("batches of 64: {:.0} texts a second", texts as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

/// The times of single requests, one after another.
fn ask(predictor: &TextPredictor) -> Result<Vec<Duration>, kiln_predict::Error> {
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < TIME {
        let text = TEXTS[times.len() % TEXTS.len()];
        let asked = Instant::now();
        predictor.predict(&[text])?;
        times.push(asked.elapsed());
    }
    Ok(times)
}

fn save_small(folder: &std::path::Path, device: &Device) -> Result<(), Error> {
    let encode = SequenceEncoder::new(WordTokenizer::builder().fit(TEXTS)?, 20)?;
    let config = RecurrentClassifierConfig::new(encode.vocab_size(), 20).d_embedding(16).d_hidden(vec![16]);
    let model = config.init(device, 0)?;
    let classes = ["bad".to_owned(), "good".to_owned()];
    Ok(ArtifactConfig::text(&model, &encode, &classes).save(folder, &weights_of(&model))?)
}
