//! The baseline that a sequence model has to beat: logistic regression on tf-idf of words and word pairs.
//!
//! Weights follow scikit-learn's `TfidfVectorizer(ngram_range=(1, 2))` with its defaults (smoothed
//! idf, rows of length one), the objective follows its `LogisticRegression`: half the squared norm of the
//! weights plus `C` times the summed log loss, with an intercept that is not penalised. The strength
//! `C` is chosen on a fifth of the training texts, then the model is fitted to all of them. Texts become
//! words by the rules of the Keras tokenizer, so that "not" and "I" stay and "can't" is one word.
//!
//! Leaves out stop words, minimum counts, more than two classes and sparse formats for the outside: for
//! those take the vectorizers of `kiln-text`.

use std::collections::HashMap;

/// The strengths `C` that are tried.
const STRENGTHS: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// One text in this many judges the strengths.
const VALIDATION_SHARE: usize = 5;

/// The descent ends when the gradient is this much shorter than where it began, or after `MAX_STEPS`.
const TOLERANCE: f64 = 1e-4;
const MAX_STEPS: usize = 1_000;

/// How many past steps the descent remembers to guess the curvature from.
const MEMORY: usize = 10;

/// What the baseline reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// The share of test texts whose label it gets right; 0 without test texts.
    pub accuracy: f64,
    /// The strength `C` that did best on the validation fifth; the smaller one of two that tie.
    pub strength: f64,
    /// The number of words and word pairs in the training texts.
    pub features: usize,
}

/// Fits the baseline to `train` and judges it on `test`; label 1 stands against all others. `seed` decides
/// which training texts form the validation fifth, and nothing else is random.
///
/// Without training texts every text counts as label 0.
pub fn tfidf_logistic_regression(train: &[(String, u32)], test: &[(String, u32)], seed: u64) -> Baseline {
    let mut order: Vec<usize> = (0..train.len()).collect();
    shuffle(&mut order, seed);
    let (judges, learners) = order.split_at(train.len() / VALIDATION_SHARE);
    let at = |places: &[usize]| -> Vec<&(String, u32)> { places.iter().map(|&i| &train[i]).collect() };
    let (judges, learners) = (at(judges), at(learners));

    let vectorizer = Vectorizer::fit(&learners);
    let (x, y) = (vectorizer.rows(&learners), labels(&learners));
    let (x_judge, y_judge) = (vectorizer.rows(&judges), labels(&judges));
    let mut model = Logistic::zero(vectorizer.idf.len());
    let (mut strength, mut best) = (STRENGTHS[0], f64::NEG_INFINITY);
    for c in STRENGTHS {
        model.fit(&x, &y, c); // from where the last strength ended: the way is shorter
        let accuracy = model.accuracy(&x_judge, &y_judge);
        if accuracy > best {
            (strength, best) = (c, accuracy);
        }
    }

    let all: Vec<_> = train.iter().collect();
    let test: Vec<_> = test.iter().collect();
    let vectorizer = Vectorizer::fit(&all);
    let mut model = Logistic::zero(vectorizer.idf.len());
    model.fit(&vectorizer.rows(&all), &labels(&all), strength);
    Baseline {
        accuracy: model.accuracy(&vectorizer.rows(&test), &labels(&test)),
        strength,
        features: vectorizer.idf.len(),
    }
}

/// The lower-case words of a text, split at spaces and ASCII punctuation other than the apostrophe.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| c == '\t' || c == '\n' || c == ' ' || (c.is_ascii_punctuation() && c != '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

/// The words of a text, and its neighbouring words joined by a space.
fn features(text: &str) -> Vec<String> {
    let mut features = words(text);
    let pairs: Vec<String> = features.windows(2).map(|pair| pair.join(" ")).collect();
    features.extend(pairs);
    features
}

/// 1 for label 1, -1 for any other.
fn labels(texts: &[&(String, u32)]) -> Vec<f64> {
    texts.iter().map(|(_, label)| if *label == 1 { 1.0 } else { -1.0 }).collect()
}

/// Fisher and Yates's shuffle with numbers from Vigna's SplitMix64.
fn shuffle(items: &mut [usize], seed: u64) {
    let mut state = seed;
    for end in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        items.swap(end, ((u128::from(z) * (end as u128 + 1)) >> 64) as usize);
    }
}

/// A row of tf-idf weights: columns in ascending order and what stands there.
type Row = Vec<(usize, f64)>;

/// Columns for words and word pairs in order of first appearance, and how rare each is.
struct Vectorizer {
    columns: HashMap<String, usize>,
    idf: Vec<f64>,
}

impl Vectorizer {
    fn fit(texts: &[&(String, u32)]) -> Self {
        let mut columns = HashMap::new();
        let mut documents: Vec<usize> = Vec::new();
        let mut last_seen: Vec<usize> = Vec::new();
        for (document, (text, _)) in texts.iter().enumerate() {
            for feature in features(text) {
                let column = *columns.entry(feature).or_insert(documents.len());
                if column == documents.len() {
                    documents.push(0);
                    last_seen.push(usize::MAX);
                }
                if last_seen[column] != document {
                    last_seen[column] = document;
                    documents[column] += 1;
                }
            }
        }
        let total = texts.len() as f64;
        let idf = documents.iter().map(|&n| ((1.0 + total) / (1.0 + n as f64)).ln() + 1.0).collect();
        Vectorizer { columns, idf }
    }

    /// One row a text; features that the fit has not seen do not count.
    fn rows(&self, texts: &[&(String, u32)]) -> Vec<Row> {
        texts.iter().map(|(text, _)| self.row(text)).collect()
    }

    fn row(&self, text: &str) -> Row {
        let mut columns: Vec<usize> =
            features(text).iter().filter_map(|feature| self.columns.get(feature).copied()).collect();
        columns.sort_unstable();
        let mut row: Row =
            columns.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f64 * self.idf[same[0]])).collect();
        let norm = row.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        for (_, weight) in &mut row {
            *weight /= norm;
        }
        row
    }
}

/// A weight for each column, and the intercept at the end.
struct Logistic {
    weights: Vec<f64>,
}

impl Logistic {
    fn zero(columns: usize) -> Self {
        Logistic { weights: vec![0.0; columns + 1] }
    }

    fn score(weights: &[f64], row: &Row) -> f64 {
        let intercept = weights[weights.len() - 1];
        row.iter().fold(intercept, |sum, &(column, x)| sum + weights[column] * x)
    }

    fn accuracy(&self, rows: &[Row], labels: &[f64]) -> f64 {
        let right = rows
            .iter()
            .zip(labels)
            .filter(|(row, label)| (Self::score(&self.weights, row) > 0.0) == (**label > 0.0))
            .count();
        right as f64 / rows.len().max(1) as f64
    }

    /// The objective divided by `c` times the number of rows, which keeps its gradient near 1 in size for every
    /// strength; the gradient goes to `gradient`.
    fn objective(weights: &[f64], rows: &[Row], labels: &[f64], c: f64, gradient: &mut [f64]) -> f64 {
        let scale = 1.0 / rows.len().max(1) as f64;
        let penalty = scale / c;
        let bias = weights.len() - 1;
        let mut value = 0.0;
        for (slot, weight) in gradient.iter_mut().zip(weights) {
            *slot = penalty * weight;
            value += 0.5 * penalty * weight * weight;
        }
        value -= 0.5 * penalty * weights[bias] * weights[bias];
        gradient[bias] = 0.0;
        for (row, label) in rows.iter().zip(labels) {
            let margin = label * Self::score(weights, row);
            // ln(1 + e^-margin) and its slope, without overflow on either side.
            let small = (-margin.abs()).exp();
            value += scale * (small.ln_1p() + (-margin).max(0.0));
            let miss = if margin > 0.0 { small } else { 1.0 } / (1.0 + small);
            let slope = -label * scale * miss;
            for &(column, x) in row {
                gradient[column] += slope * x;
            }
            gradient[bias] += slope;
        }
        value
    }

    /// Descends from the present weights to the minimum for strength `c` by L-BFGS: Nocedal and Wright,
    /// *Numerical Optimization* (2006), algorithm 7.4, with steps halved until they satisfy
    /// Armijo's condition. The objective is convex, so pairs without positive curvature are only
    /// rounding, and are dropped.
    fn fit(&mut self, rows: &[Row], labels: &[f64], c: f64) {
        let size = self.weights.len();
        let mut gradient = vec![0.0; size];
        let mut value = Self::objective(&self.weights, rows, labels, c, &mut gradient);
        let mut origin = vec![0.0; size];
        Self::objective(&vec![0.0; size], rows, labels, c, &mut origin);
        let goal = TOLERANCE * dot(&origin, &origin).sqrt();
        // Oldest first: the step, the change of the gradient, and one over their product.
        let mut pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
        for _ in 0..MAX_STEPS {
            if dot(&gradient, &gradient).sqrt() <= goal {
                return;
            }
            let direction = descent(&gradient, &pairs);
            let slope = dot(&direction, &gradient);
            let mut length = 1.0;
            let mut next_gradient = vec![0.0; size];
            let (next, next_value) = loop {
                let next: Vec<f64> =
                    self.weights.iter().zip(&direction).map(|(weight, way)| weight + length * way).collect();
                let next_value = Self::objective(&next, rows, labels, c, &mut next_gradient);
                if next_value <= value + 1e-4 * length * slope {
                    break (next, next_value);
                }
                length *= 0.5;
                if length < 1e-12 {
                    return; // as low as the arithmetic can tell
                }
            };
            let step: Vec<f64> = difference(&next, &self.weights);
            let change: Vec<f64> = difference(&next_gradient, &gradient);
            let curvature = dot(&step, &change);
            if curvature > 1e-300 {
                if pairs.len() == MEMORY {
                    pairs.remove(0);
                }
                pairs.push((step, change, 1.0 / curvature));
            }
            (self.weights, value, gradient) = (next, next_value, next_gradient);
        }
    }
}

/// The L-BFGS direction: minus the gradient, times the inverse curvature that the pairs tell of.
fn descent(gradient: &[f64], pairs: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut parts = Vec::with_capacity(pairs.len());
    for (step, change, inverse) in pairs.iter().rev() {
        let part = inverse * dot(step, &direction);
        add(&mut direction, -part, change);
        parts.push(part);
    }
    let scale = match pairs.last() {
        Some((_, change, inverse)) => 1.0 / (inverse * dot(change, change)),
        None => 1.0,
    };
    direction.iter_mut().for_each(|way| *way *= scale);
    for ((step, change, inverse), part) in pairs.iter().zip(parts.iter().rev()) {
        let other = inverse * dot(change, &direction);
        add(&mut direction, part - other, step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(target: &mut [f64], factor: f64, other: &[f64]) {
    for (slot, value) in target.iter_mut().zip(other) {
        *slot += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(texts: &[(&str, u32)]) -> Vec<(String, u32)> {
        texts.iter().map(|(text, label)| (text.to_string(), *label)).collect()
    }

    fn four() -> Vec<(String, u32)> {
        labelled(&[("a good film", 1), ("not a good film", 0), ("a dull film", 0), ("not a dull film at all", 1)])
    }

    // The expected numbers of the next two tests come from scikit-learn 1.9.1:
    //
    // x = ["a good film", "not a good film", "a dull film", "not a dull film at all"]; y = [1, 0, 0, 1]
    // v = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+"); a = v.fit_transform(x)
    // print(dict(zip(v.get_feature_names_out(), a.toarray()[1])))
    // m = LogisticRegression(C=2.0, tol=1e-10, max_iter=10000).fit(a, y)
    // print(m.intercept_, m.decision_function(a))

    #[test]
    fn weights_are_those_of_scikit_learn() {
        let texts = four();
        let vectorizer = Vectorizer::fit(&texts.iter().collect::<Vec<_>>());
        let row: HashMap<usize, f64> = vectorizer.row("Not a good film!").into_iter().collect();
        let expected = [
            ("a", 0.273047),
            ("film", 0.273047),
            ("not", 0.412527),
            ("good", 0.412527),
            ("not a", 0.412527),
            ("a good", 0.412527),
            ("good film", 0.412527),
        ];
        assert_eq!(row.len(), expected.len());
        for (feature, weight) in expected {
            let found = row[&vectorizer.columns[feature]];
            assert!((found - weight).abs() < 1e-6, "{feature}: {found} for {weight}");
        }
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        let texts = four();
        let texts: Vec<_> = texts.iter().collect();
        let vectorizer = Vectorizer::fit(&texts);
        let rows = vectorizer.rows(&texts);
        let mut model = Logistic::zero(vectorizer.idf.len());
        model.fit(&rows, &labels(&texts), 2.0);
        let intercept = model.weights[model.weights.len() - 1];
        assert!((intercept - 0.030472).abs() < 1e-4, "{intercept}");
        for (row, expected) in rows.iter().zip([0.101772, -0.037046, -0.292238, 0.226496]) {
            let score = Logistic::score(&model.weights, row);
            assert!((score - expected).abs() < 1e-4, "{score} for {expected}");
        }
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let texts = four();
        let texts: Vec<_> = texts.iter().collect();
        let vectorizer = Vectorizer::fit(&texts);
        let (rows, labels) = (vectorizer.rows(&texts), labels(&texts));
        let size = vectorizer.idf.len() + 1;
        let weights: Vec<f64> = (0..size).map(|i| (i as f64 * 1.7).sin()).collect();
        let mut gradient = vec![0.0; size];
        Logistic::objective(&weights, &rows, &labels, 0.5, &mut gradient);
        for i in 0..size {
            let value = |shift: f64| {
                let mut moved = weights.clone();
                moved[i] += shift;
                Logistic::objective(&moved, &rows, &labels, 0.5, &mut vec![0.0; size])
            };
            let slope = (value(1e-5) - value(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} for {}", gradient[i]);
        }
    }

    #[test]
    fn words_keep_negations_and_single_letters() {
        assert_eq!(words("I can't say: A film-buff's\tjoy."), ["i", "can't", "say", "a", "film", "buff's", "joy"]);
        assert_eq!(features("not a film"), ["not", "a", "film", "not a", "a film"]);
    }

    #[test]
    fn word_pairs_are_learned_and_their_order_is_not() {
        let subjects = ["plot", "score", "cast", "end", "start", "mood", "pace", "tone"];
        let of = |patterns: [(&str, u32); 2], subjects: &[&str]| -> Vec<(String, u32)> {
            let fill = |subject: &&str| patterns.map(|(text, label)| (text.replace('_', subject), label));
            subjects.iter().flat_map(fill).collect()
        };
        let pairs = [("the _ was not good", 0), ("not that it matters: the _ was good", 1)];
        let result = tfidf_logistic_regression(&of(pairs, &subjects[..6]), &of(pairs, &subjects[6..]), 0);
        assert_eq!(result.accuracy, 1.0);
        // The same words and the same pairs, so the same row, in another order: half of them must be wrong.
        let order = [("the good the bad the _", 1), ("the bad the good the _", 0)];
        let result = tfidf_logistic_regression(&of(order, &subjects), &of(order, &subjects), 0);
        assert_eq!(result.accuracy, 0.5);
    }

    #[test]
    fn accuracy_counts_the_right_ones_of_the_test() {
        let train: Vec<_> = four().into_iter().cycle().take(40).collect();
        let right = four();
        assert_eq!(tfidf_logistic_regression(&train, &right, 0).accuracy, 1.0);
        let mut one_wrong = right;
        one_wrong[0].1 = 0;
        let result = tfidf_logistic_regression(&train, &one_wrong, 0);
        assert_eq!(result.accuracy, 0.75);
        assert_eq!(result.features, 14);
        assert!(STRENGTHS.contains(&result.strength));
        assert_eq!(result, tfidf_logistic_regression(&train, &one_wrong, 0));
    }

    #[test]
    fn empty_inputs_are_no_errors() {
        let nothing = tfidf_logistic_regression(&[], &[], 0);
        assert_eq!((nothing.accuracy, nothing.features), (0.0, 0));
        let untrained = tfidf_logistic_regression(&[], &four(), 0);
        assert_eq!(untrained.accuracy, 0.5);
        let one_class = labelled(&[("", 1), ("!", 1), ("a film", 1)]);
        assert_eq!(tfidf_logistic_regression(&one_class, &one_class, 0).accuracy, 1.0);
    }
}
