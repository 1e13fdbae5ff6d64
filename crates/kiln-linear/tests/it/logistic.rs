//! Logistic regression and log-count ratios compared with scikit-learn's numbers and hand arithmetic.

use kiln_base::RowWeights;
use kiln_linear::{Error, LogCountRatio, LogisticRegression};
use kiln_text::features::SparseMatrix;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The sparse form of dense rows.
fn sparse(rows: &[Vec<f64>]) -> SparseMatrix<f64> {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        starts.push(values.len());
    }
    SparseMatrix::new((rows.len(), rows[0].len()), starts, columns, values)
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{what}: {found} for {expected}");
    }
}

#[test]
fn models_are_those_of_scikit_learn() {
    let fixture: Value =
        serde_json::from_str(&std::fs::read_to_string("tests/fixtures/logistic.json").unwrap()).unwrap();
    let dense: Vec<Vec<f64>> = fixture["rows"].as_array().unwrap().iter().map(numbers).collect();
    let rows = sparse(&dense);
    for case in fixture["cases"].as_array().unwrap() {
        let labels: Vec<u32> = numbers(&case["labels"]).iter().map(|&label| label as u32).collect();
        let c = case["c"].as_f64().unwrap();
        let regression = LogisticRegression::new().c(c).tolerance(1e-10).max_iterations(10_000);
        let model = match case["weights"].as_array() {
            Some(_) => regression.row_weights(RowWeights::Rows(numbers(&case["weights"]))).fit(&rows, &labels).unwrap(),
            None => regression.fit(&rows, &labels).unwrap(),
        };
        assert!(model.has_converged(), "after {}", model.iterations());
        let what = format!("C {c}, {} classes, weights {}", model.classes(), !case["weights"].is_null());
        for (output, expected) in case["coefficients"].as_array().unwrap().iter().enumerate() {
            let found: Vec<f64> = (0..model.columns()).map(|column| model.coefficient(column, output)).collect();
            close(&found, &numbers(expected), 1e-5, &what);
        }
        close(model.intercepts(), &numbers(&case["intercepts"]), 1e-5, &what);
        let probabilities = model.predict_probabilities(&rows).unwrap();
        let expected: Vec<f64> = case["probabilities"].as_array().unwrap().iter().flat_map(numbers).collect();
        close(&probabilities[..expected.len()], &expected, 1e-6, &what);
        let predicted = model.predict(&rows).unwrap();
        for (label, row) in predicted.iter().zip(probabilities.chunks(model.classes())) {
            assert!(row.iter().all(|&other| other <= row[*label as usize]), "{row:?} {label}");
        }
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    // More rows and more columns than one thread takes at a time.
    let (count, width) = (1_200, 20_000);
    let columns = |row: usize| (0..width as u32).filter(move |&column| (row * 7 + column as usize).is_multiple_of(97));
    let starts = std::iter::once(0).chain((0..count).scan(0, |end, row| {
        *end += columns(row).count();
        Some(*end)
    }));
    let stored: Vec<u32> = (0..count).flat_map(columns).collect();
    let values = (0..stored.len()).map(|at| (at as f64).sin()).collect();
    let rows = SparseMatrix::new((count, width), starts.collect(), stored, values);
    let labels: Vec<u32> = (0..count as u32).map(|row| u32::from(row.is_multiple_of(3))).collect();
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| LogisticRegression::new().fit(&rows, &labels).unwrap())
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn a_matrix_by_columns_is_the_same_matrix() {
    let rows = sparse(&[vec![1.0, 0.0, 2.0], vec![0.0, 1.0, 0.0], vec![3.0, 1.0, 0.0], vec![0.0, 0.5, 1.0]]);
    let labels = [1, 0, 1, 0];
    let by_rows = LogisticRegression::new().fit(&rows, &labels).unwrap();
    assert_eq!(by_rows, LogisticRegression::new().fit(&rows.to_csc(), &labels).unwrap());
    let ratios = LogCountRatio::fit(&rows, &labels, 1.0).unwrap();
    assert_eq!(ratios, LogCountRatio::fit(&rows.to_csc(), &labels, 1.0).unwrap());
    assert_eq!(ratios.transform(&rows).unwrap(), ratios.transform(&rows.to_csc()).unwrap());
}

#[test]
fn ratios_are_those_of_the_paper() {
    // p = 1 + (1, 1, 0) = (2, 2, 1), |p| = 5; q = 1 + (0, 2, 1) = (1, 3, 2), |q| = 6.
    let rows = sparse(&[vec![1.0, 1.0, 0.0], vec![0.0, 1.0, 1.0], vec![0.0, 1.0, 0.0]]);
    let ratios = LogCountRatio::fit(&rows, &[1, 0, 0], 1.0).unwrap();
    let expected = [(2.0 / 5.0) / (1.0 / 6.0), (2.0 / 5.0) / (3.0 / 6.0), (1.0 / 5.0) / (2.0 / 6.0_f64)].map(f64::ln);
    close(ratios.weights(), &expected, 1e-12, "ratios");
    let weighted = ratios.transform(&rows).unwrap();
    assert_eq!(weighted.get(1, 2).copied(), Some(expected[2] as f32));
    // A model of weighted rows, scaled, is a model of plain rows.
    let model = LogisticRegression::new().fit(&weighted, &[1, 0, 0]).unwrap();
    let plain = model.clone().scaled(ratios.weights()).unwrap();
    close(&plain.decision_function(&rows).unwrap(), &model.decision_function(&weighted).unwrap(), 1e-6, "scaled");
    assert!(matches!(model.scaled(&[1.0]).unwrap_err(), Error::Columns { expected: 3, found: 1 }));
    // A row with weight 2 is the same as two rows.
    let twice = sparse(&[vec![1.0, 1.0, 0.0], vec![0.0, 1.0, 1.0], vec![0.0, 1.0, 1.0], vec![0.0, 1.0, 0.0]]);
    let doubled = LogCountRatio::fit_weighted(&rows, &[1, 0, 0], &[1.0, 2.0, 1.0], 1.0).unwrap();
    assert_eq!(doubled, LogCountRatio::fit(&twice, &[1, 0, 0, 0], 1.0).unwrap());
}

#[test]
fn rows_labels_and_options_that_make_no_model_are_refused() {
    let rows = sparse(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
    let regression = LogisticRegression::new;
    assert!(matches!(regression().fit(&rows, &[0]).unwrap_err(), Error::UnevenRows { rows: 2, found: 1, .. }));
    assert!(matches!(regression().fit(&rows, &[1, 1]).unwrap_err(), Error::OneClass { label: 1, rows: 2 }));
    assert!(
        matches!(regression().c(0.0).fit(&rows, &[0, 1]).unwrap_err(), Error::Option(error) if error.option == "c")
    );
    assert!(matches!(regression().tolerance(-1.0).fit(&rows, &[0, 1]).unwrap_err(), Error::Option(_)));
    let negative = regression().row_weights(RowWeights::Rows(vec![1.0, -1.0])).fit(&rows, &[0, 1]).unwrap_err();
    assert!(matches!(negative, Error::BadNumber { row: 1, .. }), "{negative}");
    assert!(regression().row_weights(RowWeights::Rows(vec![0.0; 2])).fit(&rows, &[0, 1]).is_err());
    assert!(matches!(regression().max_iterations(0).fit(&rows, &[0, 1]).unwrap_err(), Error::Option(_)));
    assert!(matches!(regression().fit(&rows, &[0, u32::MAX]).unwrap_err(), Error::TooManyClasses { .. }));
    assert!(matches!(regression().c(1e-310).fit(&rows, &[0, 1]).unwrap_err(), Error::NotFinite { .. }));
    for damaged in [
        r#"{"coefficients": [], "intercepts": [], "iterations": 1, "has_converged": true}"#,
        r#"{"coefficients": [1.0], "intercepts": [1.0, 2.0], "iterations": 1, "has_converged": true}"#,
        r#"{"coefficients": [1.0], "intercepts": [1.0, 2.0, 3.0], "iterations": 1, "has_converged": true}"#,
    ] {
        assert!(serde_json::from_str::<kiln_linear::LogisticModel>(damaged).is_err(), "{damaged}");
    }
    let infinite = sparse(&[vec![1.0, 0.0], vec![f64::INFINITY, 1.0]]);
    assert!(matches!(regression().fit(&infinite, &[0, 1]).unwrap_err(), Error::BadNumber { row: 1, .. }));
    let model = regression().fit(&rows, &[0, 1]).unwrap();
    let wide = sparse(&[vec![1.0, 0.0, 1.0]]);
    assert!(matches!(model.predict(&wide).unwrap_err(), Error::Columns { expected: 2, found: 3 }));

    assert!(
        matches!(LogCountRatio::fit(&rows, &[0, 1], 0.0).unwrap_err(), Error::Option(error) if error.option == "alpha")
    );
    assert!(matches!(LogCountRatio::fit(&rows, &[0, 0], 1.0).unwrap_err(), Error::OneClass { .. }));
    let below = sparse(&[vec![1.0, 0.0], vec![-2.0, 1.0]]);
    let error = LogCountRatio::fit(&below, &[0, 1], 1.0).unwrap_err();
    assert!(error.to_string().contains("row 1 (counted from 0) should be finite and at least 0, found -2"), "{error}");
    let ratios = LogCountRatio::fit(&rows, &[0, 1], 1.0).unwrap();
    assert!(matches!(ratios.transform(&wide).unwrap_err(), Error::Columns { .. }));
}

#[test]
fn rows_that_hold_no_numbers_are_refused_at_prediction_too() {
    let rows = sparse(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0], vec![0.5, 2.0]]);
    for labels in [vec![0, 1, 0, 1], vec![0, 1, 2, 1]] {
        let model = LogisticRegression::new().fit(&rows, &labels).unwrap();
        for bad in [f64::NAN, f64::INFINITY] {
            let rows = sparse(&[vec![1.0, 0.0], vec![1.0, bad]]);
            for error in [model.predict(&rows).unwrap_err(), model.predict_probabilities(&rows).unwrap_err()] {
                assert!(matches!(error, Error::BadNumber { row: 1, .. }), "{error}");
            }
        }
    }
}

/// scikit-learn's `class_weight="balanced"` multiplies the weight of each row by that of its class.
#[test]
fn weights_of_classes_are_weights_of_their_rows() {
    let rows = sparse(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0], vec![0.5, 0.0]]);
    let labels = [0, 1, 0, 0];
    let fit = |weights| LogisticRegression::new().row_weights(weights).fit(&rows, &labels).unwrap();
    let balanced = fit(RowWeights::Balanced);
    assert_eq!(balanced, fit(RowWeights::Rows(vec![2.0 / 3.0, 2.0, 2.0 / 3.0, 2.0 / 3.0])));
    assert_eq!(balanced, fit(RowWeights::Classes(vec![2.0 / 3.0, 2.0])));
    assert_ne!(balanced, fit(RowWeights::Equal));
    assert!(LogisticRegression::new().row_weights(RowWeights::Classes(vec![1.0])).fit(&rows, &labels).is_err());
}
