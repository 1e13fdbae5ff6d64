//! Every number equals scikit-learn's, for cases that `tests/fixtures/make.py` drew.

use kiln_report::{Average, ClassScores, LabelsReport, Report};
use serde_json::Value;

fn cases(kind: &str) -> Vec<Value> {
    let cases: Value = serde_json::from_str(include_str!("../fixtures/sklearn.json")).unwrap();
    cases[kind].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn names(case: &Value) -> Vec<String> {
    (0..case["classes"].as_u64().unwrap()).map(|class| format!("class {class}")).collect()
}

#[track_caller]
fn close(ours: f64, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() < 1e-9, "{what}: {ours}, scikit-learn has {theirs}");
}

#[track_caller]
fn close_average(ours: Average, theirs: &Value, what: &str) {
    for (ours, theirs) in [ours.precision, ours.recall, ours.f1].into_iter().zip(theirs.as_array().unwrap()) {
        close(ours, theirs, what);
    }
}

#[track_caller]
fn close_classes(ours: &[ClassScores], case: &Value) {
    for (at, class) in ours.iter().enumerate() {
        let theirs = &case["by_class"][at];
        close_average(class.average, theirs, &class.name);
        close(class.support as f64, &theirs[3], &class.name);
        close(class.roc_auc.unwrap(), &case["class_roc_auc"][at], &class.name);
        close(class.pr_auc.unwrap(), &case["class_pr_auc"][at], &class.name);
    }
}

#[test]
fn reports_of_rows_of_one_class() {
    let cases = cases("one_class");
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let truth: Vec<u32> = numbers(&case["truth"]).into_iter().map(|class| class as u32).collect();
        let report = Report::of_probabilities(&names(case), &truth, &numbers(&case["probabilities"])).unwrap();
        close_classes(&report.classes, case);
        close(report.accuracy, &case["accuracy"], "accuracy");
        close_average(report.macro_average, &case["macro"], "macro");
        let accuracy = Average { precision: report.accuracy, recall: report.accuracy, f1: report.accuracy };
        close_average(accuracy, &case["micro"], "micro");
        close_average(report.weighted_average, &case["weighted"], "weighted");
        close(report.matthews, &case["matthews"], "Matthews");
        let found = report.probabilities.as_ref().unwrap();
        close(found.log_loss, &case["log_loss"], "log loss");
        close(found.brier, &case["brier"], "Brier");
        close(found.roc_auc.unwrap(), &case["roc_auc"], "ROC AUC");
        close(found.pr_auc.unwrap(), &case["pr_auc"], "PR AUC");
        assert_eq!(found.top_k.len(), case["top_k"].as_array().unwrap().len());
        for (&(k, share), theirs) in found.top_k.iter().zip(case["top_k"].as_array().unwrap()) {
            close(k as f64, &theirs[0], "k");
            close(share, &theirs[1], "top k");
        }
        let counts: Vec<Vec<f64>> = case["confusion"].as_array().unwrap().iter().map(numbers).collect();
        let ours = report.confusion.counts().iter().map(|row| row.iter().map(|&count| count as f64).collect());
        assert_eq!(ours.collect::<Vec<Vec<f64>>>(), counts);
    }
}

#[test]
fn reports_of_rows_with_many_labels() {
    let cases = cases("many_labels");
    assert_eq!(cases.len(), 2);
    for case in &cases {
        let truth: Vec<bool> = case["truth"].as_array().unwrap().iter().map(|there| there.as_bool().unwrap()).collect();
        let (probabilities, thresholds) = (numbers(&case["probabilities"]), numbers(&case["thresholds"]));
        let report = LabelsReport::new(&names(case), &truth, &probabilities, &thresholds).unwrap();
        close_classes(&report.classes, case);
        close_average(report.micro_average, &case["micro"], "micro");
        close_average(report.macro_average, &case["macro"], "macro");
        close_average(report.weighted_average, &case["weighted"], "weighted");
        close_average(report.samples_average, &case["samples"], "samples");
        close(report.subset_accuracy, &case["subset_accuracy"], "subset accuracy");
        close(report.hamming_loss, &case["hamming_loss"], "Hamming loss");
    }
}
