//! What happens to an old run in a folder if the first epoch of the new run is not saved.

use kiln_train::{Callback, Control, EpochLogs, Error, ExistingRun};

use crate::devices;
use crate::small_run::SmallRun;

/// The first epoch has ended, but its checkpoint is not written. A run that fails there brings the old one back; after
/// a run that is killed there, the next run does.
#[test]
fn an_old_run_comes_back_where_the_new_ones_first_epoch_is_not_kept() {
    struct Fail;
    impl Callback for Fail {
        fn name(&self) -> &'static str {
            "fail"
        }
        fn on_epoch_end(&mut self, _: &EpochLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
            Err(Error::EmptyData { what: "a callback of this test" })
        }
    }
    let small = SmallRun::new();
    let cpu = devices::all().swap_remove(0).1;
    let folder = tempfile::tempdir().unwrap();
    let trainer = |existing| small.trainer(folder.path(), 1).existing_run(existing);
    trainer(ExistingRun::Refuse).fit(small.model(&cpu), &small.train, &small.valid).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let names = ["model.safetensors", "checkpoint.kiln", "history.csv"];
    let old = names.map(read);
    let failing = trainer(ExistingRun::Overwrite).seed(12).callback(Fail);
    failing.fit(small.model(&cpu), &small.train, &small.valid).map(|_| ()).unwrap_err();
    assert_eq!(names.map(read), old);

    // What a kill leaves after the first epoch of a run, and on the way there.
    for aside in [".kiln-replaced", ".kiln-replacing"] {
        std::fs::create_dir(folder.path().join(aside)).unwrap();
        let moved = if aside == ".kiln-replaced" { &names[..] } else { &names[..1] };
        for name in moved {
            std::fs::rename(folder.path().join(name), folder.path().join(aside).join(name)).unwrap();
        }
        if aside == ".kiln-replaced" {
            std::fs::write(folder.path().join("history.csv"), "of the new run").unwrap();
        }
        let refused = trainer(ExistingRun::Refuse).fit(small.model(&cpu), &small.train, &small.valid);
        assert!(matches!(refused.map(|_| ()).unwrap_err(), Error::RunExists { .. }));
        assert_eq!(names.map(read), old);
        assert!(!folder.path().join(aside).exists());
    }
}
