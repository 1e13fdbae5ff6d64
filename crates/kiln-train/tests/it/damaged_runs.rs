//! Damaged files of a run are refused, and the error names the file.

use kiln_train::{ExistingRun, History};

use crate::damage::not_refused;
use crate::devices;
use crate::small_run::SmallRun;

#[test]
fn every_damaged_copy_of_a_checkpoint_and_of_a_history_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let small = SmallRun::new();
    let device = devices::all().swap_remove(0).1;
    let fit = |existing| {
        let trainer = small.trainer(folder.path(), 1).existing_run(existing);
        trainer.fit(small.model(&device), &small.train, &small.valid).map(drop)
    };
    fit(ExistingRun::Refuse).unwrap();
    let history = folder.path().join("history.json");
    let failures = not_refused(&history, |path| History::load_json(path).map(drop));
    assert!(failures.is_empty(), "{failures:#?}");
    // Nothing is left to train, so the checkpoint is read and the folder does not change.
    let failures = not_refused(&folder.path().join("checkpoint.kiln"), |_| fit(ExistingRun::Resume));
    assert!(failures.is_empty(), "{failures:#?}");
}
