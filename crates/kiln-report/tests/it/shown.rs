//! Reports as users see them.

use kiln_report::{LabelsReport, Report};

fn report() -> Report {
    let truth = [0, 0, 0, 1, 1, 2];
    let probabilities =
        [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1], [0.5, 0.1, 0.4]];
    Report::of_probabilities(&["poor", "so-so | fair", "excellent beyond"], &truth, &probabilities.concat()).unwrap()
}

#[test]
fn as_a_table() {
    let expected = [
        "                  precision     recall         F1       rows",
        "poor                 0.6667     0.6667     0.6667          3",
        "so-so | fair         0.6667     1.0000     0.8000          2",
        "excellent beyond     0.0000     0.0000     0.0000          1",
        "accuracy                                   0.6667          6",
        "macro average        0.4444     0.5556     0.4889          6",
        "weighted average     0.5556     0.6667     0.6000          6",
    ]
    .join("\n");
    let shown = report().bootstrap(50, 0).to_string();
    assert!(shown.starts_with(&expected), "{shown}");
    for line in
        ["Matthews correlation       0.4523", "top 2 accuracy             1.0000", "accuracy, 95 % interval    "]
    {
        assert!(shown.contains(line), "{line}:\n{shown}");
    }
    let matrix = "\
true class, predicted:       poor so-so | f… excellent…
poor                            2          1          0
so-so | fair                    0          2          0
excellent beyond                1          0          0
";
    assert!(shown.ends_with(matrix), "{shown}");
}

#[test]
fn as_markdown_and_json() {
    let markdown = report().to_markdown();
    assert!(markdown.contains("| so-so \\| fair | 0.6667 | 1.0000 | 0.8000 | 2 |"), "{markdown}");
    assert!(markdown.contains("| accuracy |  |  | 0.6667 | 6 |"), "{markdown}");
    assert!(markdown.contains("| poor | 2 | 1 | 0 |"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&report().to_json()).unwrap();
    assert_eq!(json["classes"][1]["name"], "so-so | fair");
    assert_eq!(json["classes"][1]["recall"], 1.0);
    assert_eq!(json["confusion"]["counts"][0][1], 1);
    assert_eq!(json["probabilities"]["top_k"][0][0], 2);
    assert!(json.get("of_rows").is_none());
}

#[test]
fn classes_without_rows_are_named() {
    let report = Report::new(&["a", "rare", "b"], &[0, 0, 2], &[0, 2, 2]).unwrap();
    let told = "\n1 class has no rows here and counts as 0 in macro averages: rare\n\n";
    assert!(report.to_string().contains(told), "{report}");
    assert!(report.to_markdown().contains(told), "{}", report.to_markdown());
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["classes_without_rows"], serde_json::json!(["rare"]));
    // F1 is 2/3 for each of the two other classes.
    assert!((report.macro_average.f1 - 4.0 / 9.0).abs() < 1e-12);
    let names: Vec<String> = (0..14).map(|class| format!("c{class}")).collect();
    let shown = Report::new(&names, &[0, 1], &[0, 1]).unwrap().to_string();
    assert!(shown.contains("12 classes have no rows here and count as 0 in macro averages: c2, c3"), "{shown}");
    assert!(shown.contains("c11 and 2 more\n"), "{shown}");
    let all = Report::new(&["a", "b"], &[0, 1], &[0, 1]).unwrap();
    assert!(!all.to_string().contains("no rows here") && !all.to_markdown().contains("no rows here"));
}

#[test]
fn many_classes_are_shown_by_what_is_confused_most() {
    let names: Vec<String> = (0..30).map(|class| format!("class {class}")).collect();
    let truth: Vec<u32> = (0..90).map(|row| row % 30).collect();
    let predicted: Vec<u32> = truth.iter().map(|&class| if class == 4 { 5 } else { class }).collect();
    let report = Report::new(&names, &truth, &predicted).unwrap();
    assert!(report.to_string().ends_with("the most frequent confusions:\n         3  class 4 taken for class 5\n"));
    assert!(report.to_markdown().ends_with("| class 4 | class 5 | 3 |\n"));
}

#[test]
fn labels() {
    let truth = [true, false, true, true];
    let report = LabelsReport::new(&["sad", "short"], &truth, &[0.9, 0.1, 0.2, 0.8], &[0.5]).unwrap();
    let shown = report.to_string();
    assert!(shown.contains("samples average      1.0000     0.7500     0.8333          2"), "{shown}");
    assert!(shown.ends_with("all labels of a row right  0.5000\nHamming loss               0.2500\n"), "{shown}");
    assert!(report.to_markdown().contains("| Hamming loss | 0.2500 |"));
    assert!(report.to_json().contains("\"hamming_loss\": 0.25"));
}
