//! `cargo xtask ranks`: processes that `mpirun` starts. The tests of `kiln-group` kill and stop some, and the counting
//! program must write the same bytes with any number of them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{bench, cargo, output};

/// Open MPI refuses to run as root, and more ranks than cores, unless told otherwise.
const OPEN_MPI: [(&str, &str); 3] = [
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
];

/// The counting program. With MPI, kiln-text is built again: not optimised, so that it takes seconds.
const PROGRAM: &str = "-p kiln-text --no-default-features --features kiln-group/mpi --example count-words \
                       --config profile.release.package.kiln-text.opt-level=0";

/// Where there is no MPI, it is skipped with a message, or fails if `KILN_NO_SKIP` is 1.
pub(crate) fn ranks(root: &Path) -> Result<()> {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_there("mpirun") || !is_there("mpicc") {
        let advice = "there is no mpirun or no mpicc: apt-get install openmpi-bin libopenmpi-dev libclang-dev";
        if std::env::var("KILN_NO_SKIP").is_ok_and(|value| value == "1") {
            bail!("{advice}");
        }
        println!("skipped: {advice}");
        return Ok(());
    }
    cargo(root, "clippy --release --locked -p kiln-group --all-targets --features mpi -- -D warnings")?;
    cargo(root, "test --release --locked -p kiln-group --features mpi --test it -- launch")?;
    let program = bench::built(root, PROGRAM)?;
    let folder = tempfile::tempdir()?;
    // The second file has fewer lines than there are ranks.
    let texts = [("many", words(40_000)), ("few", words(2))];
    for (name, text) in &texts {
        std::fs::write(folder.path().join(name), text)?;
    }
    for (name, _) in texts {
        let count = |ranks: usize| -> Result<Vec<u8>> {
            let to = folder.path().join(format!("{name}-{ranks}.json"));
            let mut command = match ranks {
                0 => Command::new(&program),
                _ => Command::new("mpirun"),
            };
            if ranks > 0 {
                command.args(["-n", &ranks.to_string()]).arg(&program).envs(OPEN_MPI);
            }
            // The ranks compare their options, so every run has the same output.
            let own = folder.path().join("vocabulary.json");
            let told = output(command.arg(folder.path().join(name)).arg("--output").arg(&own))?;
            println!("{}", told.trim_end());
            std::fs::rename(&own, &to).with_context(|| format!("{ranks} ranks wrote no vocabulary"))?;
            Ok(std::fs::read(to)?)
        };
        let expected = count(0)?;
        for ranks in [1, 2, 4] {
            ensure!(
                count(ranks)? == expected,
                "{ranks} ranks wrote another vocabulary of {name} lines than one process"
            );
        }
    }
    Ok(())
}

/// Lines of words, some of them frequent, in an order that looks random.
fn words(lines: u64) -> String {
    let mut text = String::new();
    for line in 0..lines {
        for place in 0..line % 20 {
            let drawn = (line * 31 + place * place * 17 + 7) % 9973;
            let _ = write!(text, "w{} ", 10_000 / (drawn % 1000 + 1) + drawn / 100);
        }
        text.push_str(if line % 7 == 0 { "\r\n" } else { "\n" });
    }
    text
}
