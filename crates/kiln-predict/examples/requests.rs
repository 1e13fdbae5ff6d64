//! Times small requests to one predictor: how long one text takes, with one thread and with several; how many texts it
//! predicts a second, one at a time and in batches of 64; and whether a million requests leak memory.
//!
//! ```text
//! cargo run --release -p kiln-predict --features flex --example requests -- [FOLDER [threads [requests]]]
//! ```
//!
//! FOLDER is the artifact of a text classifier. Without it, or with `-`, a small one is made (an embedding of 16
//! numbers, a bidirectional LSTM of 16, rows of 20 words). Output: microseconds at the 50th and the 99th percentile,
//! texts a second, and the memory of the process before and after the million.

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
        Some(folder) if folder != "-" => folder.into(),
        _ => {
            save_small(made.path(), &device)?;
            made.path().to_owned()
        }
    };
    let threads: usize = arguments.next().map_or(Ok(4), |threads| threads.parse())?;
    let requests: usize = arguments.next().map_or(Ok(1_000_000), |requests| requests.parse())?;
    let began = Instant::now();
    let predictor = TextPredictor::load(&folder, &device)?;
    println!("loaded in {:.3} s", began.elapsed().as_secs_f64());

    for count in [1, threads] {
        let times = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..count).map(|_| scope.spawn(|| ask(&predictor))).collect();
            asking.into_iter().map(|thread| thread.join().expect("a thread that asks")).collect::<Result<Vec<_>, _>>()
        })?;
        let times = times.concat();
        let [p50, p99] = percentiles(times.clone());
        let rate = times.len() as f64 / TIME.as_secs_f64();
        println!("{count} threads: p50 {p50:.0} us, p99 {p99:.0} us, {rate:.0} texts a second");
    }
    let batch: Vec<&str> = TEXTS.iter().copied().cycle().take(64).collect();
    let (began, mut texts) = (Instant::now(), 0);
    while began.elapsed() < TIME {
        texts += predictor.predict(&batch)?.len();
    }
    println!("batches of 64: {:.0} texts a second", texts as f64 / began.elapsed().as_secs_f64());
    long_run(&predictor, threads, requests)
}

/// Sends many requests from several threads, and prints their times at the start and at the end, and the process's
/// memory.
fn long_run(predictor: &TextPredictor, threads: usize, requests: usize) -> Result<(), Error> {
    let each = (requests / threads).max(20);
    // Filled here, so that the memory for the times is allocated before it is measured.
    let mut times = vec![vec![Duration::MAX; each]; threads];
    let before = memory()?;
    std::thread::scope(|scope| {
        let ask = |times: &mut Vec<Duration>| {
            for (request, time) in times.iter_mut().enumerate() {
                let asked = Instant::now();
                predictor.predict(&[TEXTS[request % TEXTS.len()]])?;
                *time = asked.elapsed();
            }
            Ok(())
        };
        let asking: Vec<_> = times.iter_mut().map(|times| scope.spawn(move || ask(times))).collect();
        asking.into_iter().try_for_each(|thread| thread.join().expect("a thread that asks"))
    })
    .map_err(|error: kiln_predict::Error| error)?;
    let after = memory()?;
    let tenth = |range: std::ops::Range<usize>| {
        percentiles(times.iter().flat_map(|times| &times[range.clone()]).copied().collect())[1]
    };
    let (first, last) = (tenth(0..each / 10), tenth(each - each / 10..each));
    let requests = each * threads;
    println!(
        "{requests} requests of {threads} threads: p99 {first:.0} us in the first tenth, {last:.0} us in the last"
    );
    if let (Some(before), Some(after)) = (before, after) {
        println!("memory of the process: {before:.1} MB before, {after:.1} MB after");
    }
    Ok(())
}

/// Microseconds at the 50th and the 99th percentile.
fn percentiles(mut times: Vec<Duration>) -> [f64; 2] {
    times.sort_unstable();
    [0.5, 0.99].map(|share| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6)
}

/// The memory of the process in megabytes, where the system reports it.
fn memory() -> Result<Option<f64>, Error> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return Ok(None) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS in /proc/self/status")?;
    Ok(Some(kilobytes.parse::<f64>()? / 1024.0))
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
