//! Training where a text may have any number of labels: a network with a probability for each label.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use kiln::burn::tensor::Device;
use kiln::group::Group;

use super::parts::{self, Parts};
use super::{ClassWeight, ModelChoice, Train, Unbroken, folder, name, plan, told};
use crate::corpus::Corpus;
use crate::network::{self, Network, THRESHOLD};

/// Trains a network, and leaves it in `output`.
///
/// # Errors
///
/// No network is named, or an option is for one label per text; and those of every training.
pub(super) fn train(
    options: &Train,
    network: Option<(Network, &Device)>,
    corpus: Corpus,
    output: &Path,
    out: &mut Unbroken,
    group: &dyn Group,
) -> Result<()> {
    let file = options.file.display();
    let Some((network, device)) = network else {
        bail!(
            "`--model linear` is for one label per text, and {file} holds texts with several: name a network, such as \
             `--model cnn`, or keep one label in each row"
        );
    };
    ensure!(
        options.class_weight == ClassWeight::None,
        "`--class-weight balanced` is for one label per text, and {file} holds texts with several: leave it out"
    );
    if options.model == ModelChoice::Auto {
        writeln!(out, "auto takes the network: the linear model is for one label per text")?;
    }
    let vectors = options.vectors.open()?;
    let Parts { train, valid, test } = parts::split(options, corpus, out)?;
    let (began, run) = (Instant::now(), output.join(network::FOLDER));
    let texts: Vec<&str> = train.texts().collect();
    let plan = plan(options, network, &texts, &run, vectors.as_ref(), out)?;
    let report = network::train_labels(network, (&train, &valid), device, &plan, group)?;
    if group.rank() > 0 {
        return Ok(());
    }
    let seconds = began.elapsed().as_secs_f64();
    folder::adopt(&run, output)?;
    told(&format!(
        "\n{:<22} {:>9} {:>9} {:>9} {:>9} {:>9}\n{:<22} {:>9.4} {:>9.4} {:>9.4} {seconds:>9.1} {:>6.1} MB\n\n",
        "on the validation part",
        "micro F1",
        "macro F1",
        "sample F1",
        "seconds",
        "size",
        name(network),
        report.micro_average.f1,
        report.macro_average.f1,
        report.samples_average.f1,
        folder::size(&run) as f64 / 1e6,
    ))?;
    if report.micro_average.f1 <= 0.0 {
        told(&format!(
            "no label of the validation part is found at a probability of {THRESHOLD}: give more --epochs here, or a \
             lower --threshold to `kiln predict` and `kiln evaluate`\n"
        ))?;
    }
    let predictor = crate::ask::load(output)?;
    told(&format!("{} holds the network\n", output.display()))?;
    if let Some(test) = test {
        let report = crate::ask::labels_report(&predictor, &test, None)?;
        told(&format!("\non {} texts of the test part:\n{report}", test.rows.len()))?;
    }
    Ok(())
}
