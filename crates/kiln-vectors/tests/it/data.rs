//! Real files, if `KILN_TEST_DATA` names their folder: what is read and how it scores is the same as in gensim.

use std::path::PathBuf;

use kiln_vectors::{AnalogyOptions, PairsOptions, WordVectors};

use crate::evaluation::assert_pairs;
use crate::fixtures::{answers, assert_close, assert_ranked};
use crate::skips::test_data;

fn data(what: &str) -> Option<PathBuf> {
    test_data(what, "vectors/ and eval/")
}

#[test]
fn files_are_read_as_gensim_reads_them() {
    let Some(data) = data("reading GloVe, word2vec and fastText files") else { return };
    let answers = answers("data.json");
    for (name, gensims) in answers.as_object().unwrap() {
        let vectors = WordVectors::load(data.join("vectors").join(name)).unwrap();
        assert_eq!(vectors.len() as u64, gensims["len"].as_u64().unwrap(), "{name}");
        assert_eq!(vectors.d() as u64, gensims["d"].as_u64().unwrap(), "{name}");
        let last = vectors.len() - 1;
        for (index, which) in [(0, "first"), (last, "last")] {
            let word = vectors.words().word(index).unwrap();
            assert_eq!(word, gensims[which], "{name}");
            let values = gensims[format!("{which}_vector")].as_array().unwrap();
            let values: Vec<f32> = values.iter().map(|value| value.as_f64().unwrap() as f32).collect();
            assert_eq!(vectors.row(index).unwrap(), values, "{name}, {which}");
            let near = vectors.similar_by_word(word, 10).unwrap();
            assert_ranked(&near, &gensims[format!("near_{which}")], &format!("{name}, {which}"));
        }
        let sum: f64 = vectors.norms().iter().map(|&norm| f64::from(norm)).sum();
        assert_close(sum, gensims["norm_sum"].as_f64().unwrap(), name);
    }
}

#[test]
fn evaluation_gives_the_numbers_of_gensim() {
    let Some(data) = data("evaluation on WordSim-353, SimLex-999 and questions-words") else { return };
    let answers = &answers("data.json")["lee_fasttext.vec"];
    let vectors = WordVectors::load(data.join("vectors/lee_fasttext.vec")).unwrap();
    for name in ["wordsim353.tsv", "simlex999.txt"] {
        let score = vectors.evaluate_word_pairs(data.join("eval").join(name), &PairsOptions::new()).unwrap();
        assert_pairs(&score, &answers[name], name);
    }
    let name = "questions-words.txt";
    let score = vectors.evaluate_word_analogies(data.join("eval").join(name), &AnalogyOptions::new()).unwrap();
    assert_close(score.accuracy, answers[name]["score"].as_f64().unwrap(), name);
    let sections: Vec<serde_json::Value> =
        score.sections.iter().map(|s| serde_json::json!([s.name, s.correct.len(), s.incorrect.len()])).collect();
    assert_eq!(serde_json::Value::from(sections), answers[name]["sections"]);
}

#[test]
fn a_model_of_fast_text_is_told_from_vectors() {
    let Some(data) = data("refusing fastText's own model") else { return };
    let error = WordVectors::load(data.join("vectors/crime-and-punishment.bin")).unwrap_err();
    assert!(error.to_string().ends_with("found fastText's own model: use the .vec file next to it"), "{error}");
}

/// Prints its time, shown with --nocapture; what is reasonable depends on the machine.
#[test]
fn all_questions_are_answered_together() {
    let Some(data) = data("timing questions-words") else { return };
    let questions = std::fs::read_to_string(data.join("eval/questions-words.txt")).unwrap();
    let mut words: Vec<&str> =
        questions.lines().filter(|line| !line.starts_with(':')).flat_map(str::split_whitespace).collect();
    words.sort_unstable();
    words.dedup();
    let mut state = 1u64;
    let values = (0..words.len() * 100)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    let vectors = WordVectors::new(&words, values, 100).unwrap();
    let start = std::time::Instant::now();
    let path = data.join("eval/questions-words.txt");
    let score = vectors.evaluate_word_analogies(path, &AnalogyOptions::new().case_insensitive(false)).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{} questions over {} words took {seconds:.2} s", score.correct + score.incorrect, words.len());
    assert_eq!(score.correct + score.incorrect, 19_544);
}
