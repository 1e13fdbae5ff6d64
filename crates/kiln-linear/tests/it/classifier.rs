//! Linear text classifiers.

use kiln_base::RowWeights;
use kiln_linear::{Error, LinearClassifier, LogisticModel, LogisticRegression};
use kiln_text::corpora::{Document, Documents};
use kiln_text::features::{TermUnit, TfidfVectorizer};

fn documents(classes: usize) -> Documents {
    let words = ["dull", "fine", "odd"];
    let document = |at: usize| {
        let label = at % classes;
        Document { text: format!("a {} film number {at}", words[label]), label: label as u32 }
    };
    Documents::new((0..40).map(document).collect(), (0..classes).map(|class| format!("class {class}"))).unwrap()
}

#[test]
fn the_most_probable_class_is_that_of_the_word() {
    for (classes, unit) in [(2, TermUnit::Words), (3, TermUnit::CharactersInWords)] {
        let features = TfidfVectorizer::builder().analyzer(unit).ngram_range(1, 3);
        let model = LinearClassifier::fit(features, &LogisticRegression::new(), &documents(classes)).unwrap();
        let texts = ["dull", "a fine thing", "odd"];
        let found = model.predict_probabilities(&texts[..classes]).unwrap();
        for (class, of_text) in found.chunks(classes).enumerate() {
            assert!(of_text.iter().all(|&other| other <= of_text[class]), "{of_text:?}");
            assert!((of_text.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        // Computed separately, in two steps.
        let rows = model.features().transform(&texts[..classes]).unwrap();
        assert_eq!(model.model().predict_probabilities(&rows).unwrap(), found);
    }
}

#[test]
fn parts_that_were_kept_predict_the_same_bits() {
    let features = TfidfVectorizer::builder().ngram_range(1, 2);
    let regression = LogisticRegression::new().row_weights(RowWeights::Balanced);
    let model = LinearClassifier::fit(features, &regression, &documents(3)).unwrap();
    let coefficient = |column, output| model.model().coefficient(column, output) as f32;
    let (columns, outputs) = (model.model().columns(), model.model().intercepts().len());
    let kept: Vec<f32> = (0..columns * outputs).map(|at| coefficient(at / outputs, at % outputs)).collect();
    let intercepts: Vec<f32> = model.model().intercepts().iter().map(|&number| number as f32).collect();
    let read = LogisticModel::from_parts(&kept, &intercepts).unwrap();
    let again =
        LinearClassifier::from_parts(model.features().clone(), read.clone(), model.class_names().to_vec()).unwrap();
    let texts = ["a fine dull film", "odd", ""];
    assert_eq!(again.predict_probabilities(texts).unwrap(), model.predict_probabilities(texts).unwrap());
    let names = vec!["a".to_owned(), "b".to_owned()];
    let other = LinearClassifier::from_parts(model.features().clone(), read, names).unwrap_err();
    assert!(matches!(other, Error::ClassNames { expected: 3, found: 2 }), "{other}");
    let narrow = LogisticModel::from_parts(&kept[outputs..], &intercepts).unwrap();
    let other =
        LinearClassifier::from_parts(model.features().clone(), narrow, model.class_names().to_vec()).unwrap_err();
    assert!(matches!(other, Error::Columns { .. }), "{other}");
    for (coefficients, intercepts) in
        [(&[1.0][..], &[][..]), (&[1.0], &[1.0, 2.0]), (&[f32::NAN], &[0.0]), (&[1.0], &[0.0; 3])]
    {
        let error = LogisticModel::from_parts(coefficients, intercepts).unwrap_err().to_string();
        assert!(error.contains("linear model") && error.contains("found"), "{error}");
    }
}

#[test]
fn a_class_without_documents_is_named() {
    let documents = Documents::new(documents(2).into_documents(), ["a", "b", "nobody's"]).unwrap();
    let error = LinearClassifier::fit(TfidfVectorizer::builder(), &LogisticRegression::new(), &documents).unwrap_err();
    assert!(error.to_string().contains("\"nobody's\" has no document"), "{error}");
}
