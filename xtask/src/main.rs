//! `cargo xtask ci`: everything that CI checks, the cheapest first. `cargo xtask tidy`: the style
//! rules that neither compiler nor clippy knows. `cargo xtask bench` and `compare`: times, and times
//! beside the peers'.

mod bench;
mod compare_text;
mod compare_words;
mod results;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

/// Crates that a build for the CPU alone must not contain.
const GPU_CRATES: [&str; 6] = ["wgpu", "naga", "cubecl-core", "cubecl-runtime", "cudarc", "nvml-wrapper"];

/// The tests of everything that runs on a backend, on the deprecated one alone.
const NDARRAY_TESTS: &str = "test --release --locked -p kiln -p kiln-kernels -p kiln-models -p kiln-train \
                             -p kiln-examples --no-default-features --features ndarray";

#[derive(Parser)]
#[command(about = "The project's own tasks")]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that CI checks
    Ci,
    /// The style rules that neither compiler nor clippy knows
    Tidy,
    /// Times training steps, forward passes and predictions, or text to numbers
    Bench(bench::Bench),
    /// Times the peers and Kiln in turn and writes the table of ratios to BENCHMARKS.md
    Compare(bench::Compare),
    /// Times text to numbers beside Keras, scikit-learn and tokenizers and writes the table to BENCHMARKS.md
    CompareText(compare_text::CompareText),
    /// Trains word vectors by gensim and Kiln in turn and writes rates and scores to BENCHMARKS.md
    CompareWord2vec(compare_words::CompareWord2Vec),
    /// Runs the experiments and writes RESULTS.md
    Results(results::Results),
    /// Times reading and asking word vectors beside gensim and writes the table to BENCHMARKS.md
    CompareVectors(compare_words::CompareVectors),
}

fn main() -> Result<()> {
    // Not the path compiled in, which is that of whichever checkout built this.
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
    let root = root.context("run this in the project's folder: there is no xtask/Cargo.toml here or above")?;
    match Options::parse().task {
        Task::Ci => ci(root),
        Task::Tidy => tidy::check(root),
        Task::Bench(options) => bench::bench(root, &options),
        Task::Compare(options) => bench::compare(root, &options),
        Task::CompareText(options) => compare_text::compare(root, &options),
        Task::CompareWord2vec(options) => compare_words::word2vec(root, &options),
        Task::Results(options) => results::results(root, &options),
        Task::CompareVectors(options) => compare_words::vectors(root, &options),
    }
}

fn ci(root: &Path) -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("kiln-ci-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let result = steps(root, &scratch);
    std::fs::remove_dir_all(&scratch).ok();
    result
}

fn steps(root: &Path, scratch: &Path) -> Result<()> {
    step("format", || cargo(root, "fmt --all --check"))?;
    step("tidy", || tidy::check(root))?;
    step("RESULTS.md is what the kept runs give", || results::check(root))?;
    step("the CPU-only build has no GPU crate", || cpu_only_tree(root))?;
    for free in ["kiln-text", "kiln-vectors", "kiln-linear"] {
        let selection = format!("-p {free}");
        step(&format!("{free} has no Burn"), || no_crate(root, &selection, &["burn", "burn-core", "burn-tensor"]))?;
    }
    step("clippy", || cargo(root, "clippy --release --workspace --all-targets --locked -- -D warnings"))?;
    step("tests", || cargo(root, "test --release --workspace --locked"))?;
    step("subwords", || {
        cargo(root, "clippy --release -p kiln-text --features subwords --all-targets --locked -- -D warnings")?;
        cargo(root, "test --release -p kiln-text --features subwords --locked -- subword passes")
    })?;
    step("the ndarray backend alone", || cargo(root, NDARRAY_TESTS))?;
    step("examples", || examples(root, scratch))?;
    step("a crate outside the workspace", || outside_crate(root, scratch))?;
    step("documentation", || {
        run(command(root, "cargo", "doc --release --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings"))
    })
}

fn step(what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("::: {what}");
    let began = Instant::now();
    act().with_context(|| format!("failed: {what}"))?;
    println!("::: {what}: passed in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// A command whose arguments have no spaces of their own.
fn command(folder: &Path, program: &str, arguments: &str) -> Command {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).current_dir(folder);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}

fn cargo(root: &Path, arguments: &str) -> Result<()> {
    run(&mut command(root, "cargo", arguments))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        bail!("{command:?} ended with {}:\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr))
    }
}

/// The dependencies of `selection` must contain none of `crates`.
fn no_crate(root: &Path, selection: &str, crates: &[&str]) -> Result<()> {
    let tree = format!("tree --locked --edges normal,build --prefix none --format {{p}} {selection}");
    let tree = output(&mut command(root, "cargo", &tree))?;
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    if names.len() < 10 {
        bail!("the dependency tree of {selection} cannot be read");
    }
    match crates.iter().find(|name| names.contains(name)) {
        Some(name) => bail!("the dependencies of {selection} contain {name}"),
        None => Ok(()),
    }
}

fn cpu_only_tree(root: &Path) -> Result<()> {
    no_crate(root, "-p kiln-examples --no-default-features --features ndarray", &GPU_CRATES)
}

/// Runs every example in its fast mode and looks for the last line that its users look for.
fn examples(root: &Path, scratch: &Path) -> Result<()> {
    let data = std::env::var_os("KILN_TEST_DATA").map(PathBuf::from);
    let run = |name: &str, arguments: &[&str], expected: &str| -> Result<()> {
        let mut command = command(root, "cargo", "run --release --locked --quiet --example");
        command.arg(name).arg("--").args(arguments);
        let text = output(&mut command)?;
        if !text.contains(expected) {
            bail!("{name} {arguments:?} printed no '{expected}':\n{text}");
        }
        println!("{name} {}: {}", arguments.join(" "), text.lines().last().unwrap_or_default());
        Ok(())
    };
    let folder = |name: &str| scratch.join(name).display().to_string();
    run("one-hot", &[], "2 x 50 x 101")?;
    run("quickstart", &["--fast", "--artifact", &folder("quickstart")], "test accuracy ")?;
    run("predict", &["--artifact", &folder("quickstart"), "never dull"], "tive\t0.")?;
    run("own-model", &["--fast", "--artifact", &folder("own")], "test accuracy ")?;
    run("own-callback", &["--fast", "--artifact", &folder("callback")], "test accuracy ")?;
    run("count-vectors", &["--size", "20", "--words", "film"], "film: ")?;
    run("similar-words", &["--words", "film,story", "--plot", &folder("plane.png")], "plane: ")?;
    run("ptb-cbow", &["--fast", "--words", "film", "--artifact", &folder("cbow")], "film: ")?;
    run("word2vec-toy", &["--fast", "--artifact", &folder("toy")], "you _ goodbye: ")?;
    let vectors = folder("vectors.bin");
    run("word2vec", &["--fast", "--json", "--output", &vectors], "\"words_per_s\":")?;
    run("word2vec", &["--fast", "--artifact", &folder("words")], "curves.png")?;
    for layer in ["simple-rnn", "lstm", "gru"] {
        run("product", &["--fast", "--layer", layer, "--artifact", &folder(layer)], "right: ")?;
    }
    for model in ["simple-rnn", "lstm", "gru", "better"] {
        let artifact = folder(&format!("language-{model}"));
        let arguments = ["--fast", "--model", model, "--artifact", &artifact];
        run("language-model", &arguments, " perplexity ")?;
        run("generate", &["--artifact", &artifact, "--prompt", "the film", "--length", "8"], "the film ")?;
    }
    let characters = folder("characters");
    run("language-model", &["--fast", "--characters", "--artifact", &characters], "bits a character ")?;
    let adaptive = folder("adaptive");
    run("language-model", &["--fast", "--adaptive", "40,90", "--artifact", &adaptive], "AdaptiveSoftmax")?;
    run("gradients", &["--output", &folder("gradients"), "--steps", "20", "--artifact", &adaptive], "gradients.png")?;
    run("forecast", &["--fast", "--artifact", &folder("forecast")], "forecast.png")?;
    run("compare-layers", &["--fast", "--artifact", &folder("layers")], "embedding alone, flattened  ")?;
    let lines = folder("lines.txt");
    std::fs::write(&lines, "__label__good I liked it\n__label__bad I left early\n".repeat(20))?;
    let given = ["--train", &lines, "--test", &lines, "--bucket", "100", "--artifact", &folder("lines")];
    run("imdb-ngrams", &given, "test accuracy 1.0000")?;
    let Some(data) = data else {
        println!("skipped: the examples on IMDB, NSMC and the Penn Treebank, since KILN_TEST_DATA is not set");
        return Ok(());
    };
    let treebank = data.join("ptb").display().to_string();
    let textbook = ["--fast", "--data", &treebank, "--artifact", &folder("treebank")];
    run("language-model", &textbook, "test perplexity ")?;
    let first = ["--fast", "--data", &treebank, "--model", "simple-rnn", "--artifact", &folder("first-words")];
    run("language-model", &first, "1,000 tokens, 418 of them different")?;
    let korean = data.join("nsmc").display().to_string();
    run("nsmc", &["--fast", "--data", &korean, "--artifact", &folder("nsmc")], "test accuracy ")?;
    run("nsmc", &["--fast", "--linear", "--data", &korean, "--artifact", &folder("nsmc")], "test accuracy ")?;
    let data = data.join("imdb/aclImdb_v1.tar.gz").display().to_string();
    let glove = ["--fast", "--data", &data, "--artifact", &folder("glove")];
    run("imdb-glove", &glove, "1,320,065 parameters")?;
    let given = ["--fast", "--vectors", &vectors, "--data", &data, "--artifact", &folder("given")];
    run("imdb-glove", &given, "vectors from ")?;
    let subwords = ["--fast", "--lengths", "--data", &data, "--artifact", &folder("subwords")];
    run("imdb-subword-bilstm", &subwords, "test accuracy ")?;
    run("predict", &["--artifact", &folder("subwords"), "never dull"], "\t0.")?;
    let embedding = ["--fast", "--data", &data, "--artifact", &folder("embedding")];
    run("imdb-embedding", &embedding, "80,161 parameters")?;
    let ngrams = folder("ngrams");
    run("imdb-ngrams", &["--fast", "--bucket", "20000", "--data", &data, "--artifact", &ngrams], "test accuracy ")?;
    let guesses = folder("guesses");
    run("imdb-self-training", &["--fast", "--data", &data, "--artifact", &guesses], "test accuracy ")?;
    run("imdb-self-training", &["--artifact", &guesses, "--predict", "never dull"], "\tnever dull")?;
    let recipe = ["--fast", "--lengths", "--data", &data, "--artifact", &folder("recipe")];
    run("imdb-conv-bilstm", &recipe, "2,171,393 parameters")
}

/// Builds and runs a crate that depends on `kiln` as a user's does.
fn outside_crate(root: &Path, scratch: &Path) -> Result<()> {
    let folder = scratch.join("outside");
    std::fs::create_dir_all(folder.join("src"))?;
    let kiln = root.join("crates/kiln");
    let manifest = format!(
        "[package]\nname = \"outside\"\nedition = \"2024\"\n\n[dependencies]\nkiln = {{ path = {kiln:?} }}\n\n[workspace]\n\n\
         [profile.release]\ndebug = 0\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    // The versions that the workspace has locked, so that what is built is shared.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let main = "use kiln::prelude::*;\n\nfn main() -> kiln::Result<()> {\n    let device = kiln::device_named(Some(\"flex\"))?;\n    \
                let model = ConvBiLstmConfig::new(10_000, 200).init(&device, 0)?;\n    \
                println!(\"{}\", model.summary());\n    Ok(())\n}\n";
    std::fs::write(folder.join("src/main.rs"), main)?;
    let mut run = command(&folder, "cargo", "run --release --quiet");
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        run.env("CARGO_TARGET_DIR", root.join("target"));
    }
    let text = output(&mut run)?;
    if text.contains("2,171,393") { Ok(()) } else { bail!("it printed:\n{text}") }
}
