//! Ctrl-C, and the signals that end a process or a terminal, stop a run after a step.

use std::process::Command;

use kiln_train::{Callback, Control, ExistingRun, StepLogs};

use crate::small_run::SmallRun;
use crate::training::{cpu, folder};

/// Writes a file to show that steps are made, and slows them down so that they can be stopped.
struct Dawdle(std::path::PathBuf);

impl Callback for Dawdle {
    fn name(&self) -> &'static str {
        "dawdle"
    }

    fn on_step_end(&mut self, _: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        std::fs::write(&self.0, "").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        Ok(())
    }
}

/// The child process of the next test runs this; otherwise it does nothing.
#[test]
fn child_that_is_interrupted() {
    let Some(folder) = std::env::var_os("KILN_TEST_CTRL_C").map(std::path::PathBuf::from) else { return };
    let small = SmallRun::new();
    let fit = |name: &str, epochs, dawdle: Option<Dawdle>| {
        let mut trainer = small.trainer(&folder.join(name), epochs).existing_run(ExistingRun::Refuse).stop_on_ctrl_c();
        if let Some(dawdle) = dawdle {
            trainer = trainer.callback(dawdle);
        }
        trainer.fit(small.model(&cpu()), &small.train, &small.valid)
    };
    fit("first", 1, None).unwrap();
    let error = fit("second", 1_000, Some(Dawdle(folder.join("second has begun")))).unwrap_err();
    std::fs::write(folder.join("error"), error.to_string()).unwrap();
}

#[test]
fn a_signal_stops_the_second_run_of_a_process_after_a_step() {
    // Ctrl-C, the signal of `kill`, and that of a terminal that is closed.
    for signal in ["-INT", "-TERM", "-HUP"] {
        stops_by(signal);
    }
}

fn stops_by(signal: &str) {
    let folder = folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "signals::child_that_is_interrupted"])
        .env("KILN_TEST_CTRL_C", folder.path())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while !folder.path().join("second has begun").exists() {
        assert!(began.elapsed().as_secs() < 120 && child.try_wait().unwrap().is_none(), "the child made no step");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let error = std::fs::read_to_string(folder.path().join("error")).unwrap();
    assert!(error.contains("stopped by Ctrl-C"), "{error}");
}
