//! Every example in its fast mode.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::faults::programs;
use crate::{cargo, command, output};

/// Runs every example in its fast mode and checks for the last line that its users look for.
pub(super) fn run_all(root: &Path, scratch: &Path) -> Result<()> {
    let data = std::env::var_os("KILN_TEST_DATA").map(PathBuf::from);
    // All at once, which is faster than one after the other.
    cargo(root, "build --release --locked -p kiln-examples --examples")?;
    let run_with = |features: &str, name: &str, arguments: &[&str], expected: &str| -> Result<()> {
        let mut command = command(root, "cargo", "run --release --locked --quiet --features");
        command.args([features, "--example", name, "--"]).args(arguments);
        let text = output(&mut command)?;
        if !text.contains(expected) {
            bail!("{name} {arguments:?} printed no '{expected}':\n{text}");
        }
        println!("{name} {}: {}", arguments.join(" "), text.lines().last().unwrap_or_default());
        Ok(())
    };
    let run = |name: &str, arguments: &[&str], expected: &str| run_with("", name, arguments, expected);
    let folder = |name: &str| scratch.join(name).display().to_string();
    run("one-hot", &[], "2 x 50 x 101")?;
    run("quickstart", &["--fast", "--artifact", &folder("quickstart")], "test accuracy ")?;
    run("predict", &["--artifact", &folder("quickstart"), "never dull"], "tive\t0.")?;
    for (what, holds) in programs(root, scratch) {
        holds.with_context(|| what)?;
    }
    run("own-model", &["--fast", "--artifact", &folder("own")], "test accuracy ")?;
    run("own-callback", &["--fast", "--artifact", &folder("callback")], "test accuracy ")?;
    run("similar-words", &["--words", "film,story"], "story: ")?;
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
    let awd = ["--fast", "--model", "awd", "--window", "20", "--artifact", &folder("language-awd")];
    run("language-model", &awd, "test perplexity ")?;
    let adaptive = ["--fast", "--cache", "--size", "100", "--dynamic", "--artifact", &folder("language-lstm")];
    run("language-model-evaluation", &adaptive, "\nboth ")?;
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
    // Last, since the feature builds the crates that depend on kiln-vectors again.
    let with_counts = || {
        run_with("counts", "count-vectors", &["--size", "20", "--words", "film"], "film: ")?;
        run_with("counts", "similar-words", &["--words", "film,story", "--plot", &folder("plane.png")], "plane: ")
    };
    let Some(data) = data else {
        println!("skipped: the examples on IMDB, NSMC and the Penn Treebank, since KILN_TEST_DATA is not set");
        return with_counts();
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
    run("imdb-conv-bilstm", &recipe, "2,171,393 parameters")?;
    with_counts()
}
