//! Every query returns what gensim returns: the same words in the same order, and the same numbers up to the rounding
//! of 32-bit floats.

use kiln_vectors::{MeanOptions, UnknownWords};

use crate::fixtures::{answers, assert_all_close, assert_close, assert_ranked, small, texts};

#[test]
fn the_vectors_are_those_that_gensim_wrote() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    assert_eq!(vectors.words().iter().collect::<Vec<_>>(), texts(&answers["words"]));
    let values: Vec<f32> = answers["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    assert_eq!(vectors.values(), values);
}

#[test]
fn most_similar_finds_what_gensim_finds() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let cases = answers["queries"]["most_similar"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for prepared in [false, true] {
        if prepared {
            vectors.prepare_search();
        }
        for case in cases {
            let (positive, negative) = (texts(&case["positive"]), texts(&case["negative"]));
            let top = case["top"].as_u64().unwrap() as usize;
            let found = vectors.most_similar(&positive, &negative, top).unwrap();
            assert_ranked(&found, &case["found"], &format!("{positive:?} - {negative:?}, prepared {prepared}"));
        }
    }
}

#[test]
fn equal_vectors_come_in_the_order_of_their_index() {
    let vectors = small();
    let near = vectors.similar_by_vector(vectors.vector("twin").unwrap(), 2).unwrap();
    assert_eq!((near[0].word, near[1].word), ("twin", "sibling"));
    assert_eq!((near[0].similarity, near[1].similarity), (1.0, 1.0));
    assert_eq!(near[0].index + 1, near[1].index);
}

#[test]
fn queries_with_weights_vectors_and_ranges_find_what_gensim_finds() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let queries = &answers["queries"];
    let weighted = vectors.query().weighted("cat", 0.3).weighted("Paris", 1.7).weighted("dog", -0.4);
    assert_ranked(&weighted.top(6).unwrap(), &queries["weighted"], "weighted");
    let twice: Vec<f32> = vectors.vector("Paris").unwrap().iter().map(|value| value * 2.0).collect();
    let with_vector =
        vectors.query().positive("cat").positive_vector(&twice).negative_vector(vectors.vector("dog").unwrap());
    assert_ranked(&with_vector.top(6).unwrap(), &queries["with_vector"], "with_vector");
    let cat = || vectors.query().positive("cat");
    assert_ranked(&cat().restrict_vocab(20).top(5).unwrap(), &queries["restricted"], "restricted");
    let clipped = cat().clip_start(5).clip_end(30);
    assert_ranked(&clipped.top(5).unwrap(), &queries["clipped"], "clipped");
    assert_all_close(&clipped.all().unwrap(), &queries["all_clipped"], "all_clipped");
    assert_all_close(&cat().all().unwrap(), &queries["all"], "all");
    let sum: Vec<f32> =
        vectors.vector("w45").unwrap().iter().zip(vectors.vector("w46").unwrap()).map(|(a, b)| a + b).collect();
    assert_ranked(&vectors.similar_by_vector(&sum, 5).unwrap(), &queries["by_vector"], "by_vector");
}

#[test]
fn products_find_what_gensim_finds() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let none: [&str; 0] = [];
    let found = vectors.most_similar_cosmul(&["France", "Rome"], &["Italy"], 8).unwrap();
    assert_ranked(&found, &answers["queries"]["cosmul"], "cosmul");
    let found = vectors.most_similar_cosmul(&["dogs"], &none, 4).unwrap();
    assert_ranked(&found, &answers["queries"]["cosmul_positive"], "cosmul_positive");
}

#[test]
fn comparisons_give_what_gensim_gives() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let queries = &answers["queries"];
    let number = |name: &str| queries[name].as_f64().unwrap();
    assert_close(f64::from(vectors.similarity("cat", "dog").unwrap()), number("similarity"), "similarity");
    assert_close(f64::from(vectors.distance("cat", "Paris").unwrap()), number("distance"), "distance");
    assert_all_close(&vectors.distances("cat").unwrap(), &queries["distances"], "distances");
    let cat = vectors.vector("cat").unwrap();
    assert_all_close(&vectors.distances_from_vector(cat).unwrap(), &queries["distances"], "distances of a vector");
    let distances = vectors.distances_to("cat", &["dog", "cat", "w59"]).unwrap();
    assert_all_close(&distances, &queries["distances_to"], "distances_to");
    let n_similarity = vectors.n_similarity(&["cat", "Paris", "w40"], &["dog", "France"]).unwrap();
    assert_close(f64::from(n_similarity), number("n_similarity"), "n_similarity");
    assert_eq!(vectors.doesnt_match(&["Paris", "Rome", "Oslo", "cars"]).unwrap(), queries["doesnt_match"]);
    let ranked = vectors.rank_by_centrality(&["Paris", "Rome", "cars", "Oslo", "unknown"]).unwrap();
    assert_ranked(&ranked, &queries["centrality"], "centrality");
    assert_eq!(vectors.rank("cat", "Oslo").unwrap() as u64, queries["rank"].as_u64().unwrap());
    assert_eq!(vectors.closer_than("cat", "Oslo").unwrap(), texts(&queries["closer_than"]));
    let chosen = vectors.most_similar_to_given("cat", &["Paris", "dogs", "cats", "w41"]).unwrap();
    assert_eq!(chosen, queries["to_given"]);
    let relative = vectors.relative_cosine_similarity("cat", "dogs", 10).unwrap();
    assert_close(relative, number("relative"), "relative");
}

#[test]
fn means_lengths_and_unit_vectors_are_those_of_gensim() {
    let (vectors, answers) = (small(), answers("gensim.json"));
    let queries = &answers["queries"];
    let mean = |words: &[&str], options| vectors.mean_vector(words, &options).unwrap();
    assert_all_close(&mean(&["cat", "dog", "unknown"], MeanOptions::new()), &queries["mean"], "mean");
    let weighted = MeanOptions::new().weights([0.5, -2.0]).pre_normalize(false);
    assert_all_close(&mean(&["cat", "dog"], weighted), &queries["mean_weighted"], "mean_weighted");
    let unit = MeanOptions::new().post_normalize(true).unknown_words(UnknownWords::Refuse);
    assert_all_close(&mean(&["cat", "dog"], unit), &queries["mean_unit"], "mean_unit");
    assert_all_close(&vectors.norms(), &queries["norms"], "norms");
    assert_close(f64::from(vectors.norm("France").unwrap()), queries["norms"][0].as_f64().unwrap(), "norm");
    assert_all_close(&vectors.unit_vector("w44").unwrap(), &queries["unit"], "unit");
    assert_eq!(vectors.to_unit().vector("w44").unwrap(), vectors.unit_vector("w44").unwrap());
}
