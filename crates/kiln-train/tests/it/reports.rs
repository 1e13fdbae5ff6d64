//! Reports of evaluations.

use kiln_models::{LanguageModelConfig, RecurrentKind};
use kiln_train::{TextWindows, evaluate};

use crate::devices;
use crate::small_run::SmallRun;
use crate::training::cpu;

#[test]
fn a_report_tells_what_the_evaluation_does_and_more() {
    let small = SmallRun::new();
    for (backend, device) in devices::all() {
        let model = small.model(&device);
        let found = evaluate(&model, &small.valid, 4).unwrap();
        let report = found.report(&small.class_names).unwrap();
        assert_eq!((report.rows, Some(report.accuracy)), (found.rows, found.accuracy), "{backend}");
        let loss = report.probabilities.as_ref().unwrap().log_loss;
        assert!((loss - found.loss).abs() < 1e-6, "{backend}: {loss} {}", found.loss);
        let of_classes: Vec<u64> = report.classes.iter().map(|class| class.support).collect();
        let counted = |class| small.valid.classes().iter().filter(|&&of| of == class).count() as u64;
        assert_eq!(of_classes, [counted(0), counted(1)], "{backend}");
        assert!(found.report(&["a", "b", "c"]).unwrap_err().to_string().contains("the number of probabilities"));
    }
}

#[test]
fn what_is_not_a_classifier_of_rows_has_no_report() {
    let ids: Vec<u32> = (0..121).map(|at| at * 7 % 13).collect();
    let windows = TextWindows::new(ids, 4, 6).unwrap();
    let model =
        LanguageModelConfig::new(13).kind(RecurrentKind::Gru).d_embedding(5).d_hidden(vec![6]).init(&cpu(), 0).unwrap();
    let error = evaluate(&model, &windows, 4).unwrap().report(&["a", "b"]).unwrap_err().to_string();
    assert!(error.contains("expected a classifier"), "{error}");
}
