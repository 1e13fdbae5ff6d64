//! Laws of reports, and invalid input.

use kiln_report::{Error, LabelsReport, Report};
use proptest::prelude::*;

const NAMES: [&str; 3] = ["a", "b", "c"];

proptest! {
    #[test]
    fn scores_are_from_0_to_1_and_all_right_is_1(rows in prop::collection::vec((0u32..3, 0u32..3), 1..60)) {
        let (truth, predicted): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
        let report = Report::new(&NAMES, &truth, &predicted).unwrap();
        for class in &report.classes {
            for score in [class.average.precision, class.average.recall, class.average.f1] {
                prop_assert!((0.0..=1.0).contains(&score));
            }
        }
        prop_assert!((-1.0..=1.0).contains(&report.matthews));
        let right = Report::new(&NAMES, &truth, &truth).unwrap();
        prop_assert_eq!(right.accuracy, 1.0);
        prop_assert!((right.weighted_average.f1 - 1.0).abs() < 1e-12);
        let confused: u64 = report.confusion.confusions().iter().map(|(_, _, rows)| rows).sum();
        prop_assert_eq!(confused, truth.iter().zip(&predicted).filter(|(a, b)| a != b).count() as u64);
    }

    #[test]
    fn turned_scores_turn_the_area(rows in prop::collection::vec((any::<bool>(), 0u8..6), 2..60)) {
        let truth: Vec<u32> = rows.iter().map(|(class, _)| u32::from(*class)).collect();
        let area = |turned: bool| {
            let of_row = |&(_, score): &(bool, u8)| {
                let p = f64::from(score) / 8.0;
                if turned { [p, 1.0 - p] } else { [1.0 - p, p] }
            };
            let probabilities: Vec<f64> = rows.iter().flat_map(of_row).collect();
            Report::of_probabilities(&["no", "yes"], &truth, &probabilities).unwrap().probabilities.unwrap().roc_auc
        };
        match (area(false), area(true)) {
            (Some(a), Some(b)) => prop_assert!((a + b - 1.0).abs() < 1e-12),
            (a, b) => prop_assert!(a.is_none() && b.is_none()),
        }
    }
}

#[test]
fn intervals_hold_the_score_and_come_from_the_seed() {
    let truth: Vec<u32> = (0..200).map(|row| row % 2).collect();
    let probabilities: Vec<f64> =
        (0..200).flat_map(|row| if row % 5 == 0 || row % 2 == 0 { [0.8, 0.2] } else { [0.3, 0.7] }).collect();
    let report = |seed| Report::of_probabilities(&["a", "b"], &truth, &probabilities).unwrap().bootstrap(300, seed);
    let found = report(1);
    let intervals = found.intervals.clone().unwrap();
    let (accuracy, f1) = (intervals.accuracy, intervals.macro_f1);
    assert!(accuracy.low < found.accuracy && found.accuracy < accuracy.high, "{intervals:?}");
    // Of 200 rows, nine of ten right: the normal distribution gives 0.858 to 0.942.
    assert!((accuracy.low - 0.858).abs() < 0.02 && (accuracy.high - 0.942).abs() < 0.02, "{intervals:?}");
    assert!(f1.low < found.macro_average.f1 && found.macro_average.f1 < f1.high, "{intervals:?}");
    let loss = intervals.log_loss.unwrap();
    assert!(loss.low < found.probabilities.as_ref().unwrap().log_loss && loss.low < loss.high);
    assert_eq!(report(1), found);
    assert_ne!(report(2).intervals, found.intervals);
    assert!(report(1).bootstrap(0, 1).intervals.is_none());
}

#[test]
fn a_class_without_rows_counts_in_the_score_and_in_its_interval() {
    let truth: Vec<u32> = (0..60).map(|row| row % 2).collect();
    let report = Report::new(&NAMES, &truth, &truth).unwrap().bootstrap(50, 0);
    let interval = report.intervals.unwrap().macro_f1;
    assert!((report.macro_average.f1 - 2.0 / 3.0).abs() < 1e-12);
    assert!((interval.low - 2.0 / 3.0).abs() < 1e-12 && (interval.high - 2.0 / 3.0).abs() < 1e-12, "{interval:?}");
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let refused = |outcome: kiln_report::Result<Report>| outcome.unwrap_err().to_string();
    assert!(refused(Report::new(&NAMES, &[], &[])).contains("no rows"));
    assert!(refused(Report::new(&["a"], &[0], &[0])).contains("two classes"));
    assert!(refused(Report::new(&NAMES, &[0, 1], &[0])).contains("expected 2, found 1"));
    assert!(refused(Report::new(&NAMES, &[0, 3], &[0, 0])).contains("row 1 (counted from 0): the truth is class 3"));
    assert!(refused(Report::new(&NAMES, &[0, 1], &[0, 9])).contains("the prediction is class 9"));
    let of = |probabilities: &[f64]| refused(Report::of_probabilities(&["a", "b"], &[0, 1], probabilities));
    assert!(of(&[0.5, 0.5, 1.0]).contains("expected 4, found 3"));
    assert!(of(&[0.5, 0.5, f64::NAN, 1.0]).contains("row 1 (counted from 0): the probability of class 0"));
    assert!(of(&[0.5, 0.5, 1.5, -0.5]).contains("found 1.5"));
    assert!(of(&[0.5, 0.5, 0.5, 0.4]).contains("should add up to 1, found 0.9"));
    let labels = |truth: &[bool], thresholds: &[f64]| LabelsReport::new(&["a", "b"], truth, &[0.1, 0.2], thresholds);
    assert!(matches!(labels(&[], &[0.5]), Err(Error::NoRows)));
    assert!(matches!(labels(&[true], &[0.5]), Err(Error::Length { .. })));
    assert!(matches!(labels(&[true, false], &[0.5, 0.5, 0.5]), Err(Error::Length { .. })));
    for threshold in [f64::NAN, -0.1, 1.1] {
        assert!(labels(&[true, false], &[threshold]).unwrap_err().to_string().contains("threshold"));
    }
    // Labels need not add up, and one label is enough.
    assert_eq!(labels(&[false, false], &[0.5]).unwrap().subset_accuracy, 1.0);
}
