//! Scores of a ranking: the areas under curves, and the rank of the true class.

/// The area under the ROC curve and the average precision of scored rows, of which some are positive. `None` if all
/// rows or no rows are positive.
pub(crate) fn areas(scored: &mut [(f64, bool)]) -> Option<(f64, f64)> {
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut roc, mut precision) = (0.0, 0.0);
    let (mut true_positives, mut false_positives) = (0.0, 0.0);
    // Rows with equal scores are counted together: no threshold separates them.
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        let (before_true, before_false) = (true_positives, false_positives);
        let right = equal.iter().filter(|(_, positive)| *positive).count() as f64;
        true_positives += right;
        false_positives += equal.len() as f64 - right;
        roc += (false_positives - before_false) * (true_positives + before_true) / 2.0;
        precision += right * true_positives / (true_positives + false_positives);
    }
    Some((roc / (positives * negatives), precision / positives))
}

/// How many classes rank above the true one. Of equal scores, the class with the higher number ranks first, as in
/// scikit-learn.
pub(crate) fn rank(scores: &[f64], truth: usize) -> usize {
    let own = scores[truth];
    let before = |(class, &score): (usize, &f64)| score > own || (score == own && class > truth);
    scores.iter().enumerate().filter(|&(class, score)| before((class, score))).count()
}
