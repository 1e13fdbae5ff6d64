//! A folder belongs to one process at a time. A run that was cut short does not block the next.

use std::path::Path;
use std::sync::Mutex;

use kiln_predict::TextPredictor;
use kiln_train::{Callback, Control, EpochLogs, Error, ExistingRun};

use crate::small_run::SmallRun;
use crate::training::{cpu, folder};

/// Tries to train into the folder while it is in use.
struct Second(std::path::PathBuf, &'static Mutex<Option<String>>);

impl Callback for Second {
    fn name(&self) -> &'static str {
        "second"
    }

    fn on_epoch_end(&mut self, _: &EpochLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        let small = SmallRun::new();
        let trainer = small.trainer(&self.0, 1).existing_run(ExistingRun::Overwrite);
        let error = trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(drop).unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error}");
        *self.1.lock().unwrap() = Some(error.to_string());
        Ok(())
    }
}

#[test]
fn two_runs_do_not_share_a_folder() {
    static TOLD: Mutex<Option<String>> = Mutex::new(None);
    let (small, folder) = (SmallRun::new(), folder());
    let fit = |existing| {
        let trainer =
            small.trainer(folder.path(), 1).existing_run(existing).callback(Second(folder.path().into(), &TOLD));
        trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(drop)
    };
    fit(ExistingRun::Refuse).unwrap();
    let told = TOLD.lock().unwrap().take().unwrap();
    assert!(told.contains(&format!("process {} is training into it", std::process::id())), "{told}");
    assert!(!folder.path().join(".kiln-lock").exists());
    // A lock file of a process that has ended blocks no one.
    std::fs::write(folder.path().join(".kiln-lock"), "1\n").unwrap();
    fit(ExistingRun::Overwrite).unwrap();
    assert!(!folder.path().join(".kiln-lock").exists());
}

#[test]
fn a_run_cut_short_before_its_first_checkpoint_is_in_nobodys_way() {
    let small = SmallRun::new();
    let fit = |folder: &Path, existing| {
        small.trainer(folder, 1).existing_run(existing).fit(small.model(&cpu()), &small.train, &small.valid)
    };
    let whole = folder();
    fit(whole.path(), ExistingRun::Refuse).unwrap();
    for existing in [ExistingRun::Refuse, ExistingRun::Overwrite] {
        for left in [&["tokenizer.json"][..], &["tokenizer.json", "config.json", "model.safetensors", "history.json"]] {
            let folder = folder();
            std::fs::create_dir(folder.path().join(".kiln-replaced")).unwrap();
            for name in left {
                std::fs::copy(whole.path().join(name), folder.path().join(name)).unwrap();
            }
            assert!(matches!(fit(folder.path(), ExistingRun::Resume), Err(Error::NothingToResume { .. })));
            fit(folder.path(), existing).unwrap();
            let names = |folder: &Path| {
                let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
                names.collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(names(folder.path()), names(whole.path()));
        }
    }
}

/// The files of a run, while they are in the folder of a new run that was to replace it and was killed.
#[test]
fn a_run_predicts_while_another_replaces_it() {
    let small = SmallRun::new();
    let whole = folder();
    small
        .trainer(whole.path(), 1)
        .existing_run(ExistingRun::Refuse)
        .fit(small.model(&cpu()), &small.train, &small.valid)
        .unwrap();
    let predict = |folder: &Path| TextPredictor::load(folder, &cpu()).unwrap().predict(&["a fine film"]).unwrap();
    let expected = predict(whole.path());
    let names = ["config.json", "tokenizer.json", "model.safetensors", "checkpoint.kiln"];
    for moved in 1..=names.len() {
        for aside in [".kiln-replacing", ".kiln-replaced"] {
            if aside == ".kiln-replaced" && moved < names.len() {
                continue;
            }
            let folder = folder();
            std::fs::create_dir(folder.path().join(aside)).unwrap();
            for (at, name) in names.iter().enumerate() {
                let to = if at < moved { folder.path().join(aside) } else { folder.path().to_owned() };
                std::fs::copy(whole.path().join(name), to.join(name)).unwrap();
            }
            if aside == ".kiln-replaced" {
                // From the new run, which has no weights yet.
                std::fs::write(folder.path().join("config.json"), "{}").unwrap();
            }
            assert_eq!(predict(folder.path()), expected, "{moved} files in {aside}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_written_tells_what_stands() {
    struct Block(std::path::PathBuf);
    impl Callback for Block {
        fn name(&self) -> &'static str {
            "block"
        }

        fn on_epoch_end(&mut self, logs: &EpochLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
            if logs.epoch == 2 {
                std::fs::remove_file(&self.0).unwrap();
                std::fs::create_dir(&self.0).unwrap();
                std::fs::write(self.0.join("in the way"), "").unwrap();
            }
            Ok(())
        }
    }
    let (small, folder) = (SmallRun::new(), folder());
    let trainer = small.trainer(folder.path(), 3).existing_run(ExistingRun::Refuse);
    let trainer = trainer.callback(Block(folder.path().join("history.csv")));
    let error = trainer.fit(small.model(&cpu()), &small.train, &small.valid).map(drop).unwrap_err();
    assert!(matches!(error, Error::NotWritten { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains("history.csv") && told.contains("up to the end of epoch 1; go on from there"), "{told}");
}
