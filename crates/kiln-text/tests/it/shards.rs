//! Files divided among workers, and what these count, merged.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_base::{Encoding, SplitMix64};
use kiln_group::Launch;
use kiln_text::corpora::{JsonLinesCorpus, LineCorpus};
use kiln_text::encoders::SubwordTextEncoder;
use kiln_text::features::{CountVectorizer, TermUnit, TfidfVectorizer};
use kiln_text::io::Saved;
use kiln_text::vocabulary::{Frequency, TokenCounts, TokenOrder, Vocabulary, whitespace_tokens};
use kiln_text::{Error, Result};
use proptest::prelude::*;

fn written(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, contents).unwrap();
    path
}

fn texts(corpus: &LineCorpus) -> Vec<String> {
    corpus.documents().unwrap().texts().collect::<Result<_>>().unwrap()
}

fn in_shards(corpus: &LineCorpus, shards: usize) -> Vec<Vec<String>> {
    (0..shards).map(|index| texts(&corpus.clone().shard(index, shards))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_line_is_in_one_shard_and_all_are_in_order(
        files in proptest::collection::vec("\u{feff}?([ab猫]{0,9}(\n|\r\n)){0,9}[ab猫]{1,5}\n?", 1..4),
        shards in 1..12usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> =
            files.iter().enumerate().map(|(at, text)| written(folder.path(), &at.to_string(), text)).collect();
        let corpus = LineCorpus::new(&paths);
        prop_assert_eq!(in_shards(&corpus, shards).concat(), texts(&corpus));
    }
}

#[test]
fn a_shard_holds_about_its_share_of_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "lines", "ten bytes\n".repeat(1000));
    let sizes: Vec<usize> = in_shards(&LineCorpus::new([path]), 4).iter().map(Vec::len).collect();
    assert_eq!(sizes, [250; 4]);
}

#[test]
fn files_that_cannot_be_cut_are_in_the_shard_of_their_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all(&b"packed\n".repeat(10)).unwrap();
    let packed = written(folder.path(), "packed.gz", packed.finish().unwrap());
    let old = written(folder.path(), "old", "mac\r".repeat(30));
    let corpus = LineCorpus::new([&packed, &old]);
    let shards = in_shards(&corpus, 3);
    assert_eq!(shards, [vec!["packed".to_owned(); 10], vec!["mac".to_owned(); 30], vec![]]);
    // Of so many, some begin a few bytes into a file.
    assert_eq!(in_shards(&corpus, 60).concat(), texts(&corpus));
    let latin = LineCorpus::new([written(folder.path(), "latin", b"\xe9t\xe9\n".repeat(20))]);
    let shards = in_shards(&latin.encoding(Encoding::WINDOWS_1252), 2);
    assert_eq!(shards, [vec!["été".to_owned(); 20], vec![]]);
}

#[test]
fn an_error_in_a_shard_has_the_line_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec!["{\"text\": \"fine\"}".to_owned(); 40];
    lines[34] = "{\"text\": 3}".to_owned();
    let path = written(folder.path(), "lines.jsonl", lines.join("\n"));
    let corpus = JsonLinesCorpus::new([path], "text");
    let found: Vec<String> = (0..4)
        .flat_map(|index| corpus.clone().shard(index, 4).documents().unwrap().texts())
        .filter_map(|text| text.err().map(|error| error.to_string()))
        .collect();
    assert!(found.len() == 1 && found[0].contains("lines.jsonl, line 35: "), "{found:?}");
}

#[test]
fn an_empty_file_and_a_shard_beyond_the_last_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, empty) = (written(folder.path(), "lines", "a\nb\n"), written(folder.path(), "empty", ""));
    let error = LineCorpus::new([&lines]).shard(2, 2).documents().err().unwrap();
    let expected = "the option shard should be an index below the number of shards, found 2 of 2";
    assert_eq!(error.to_string(), expected);
    let documents = LineCorpus::new([&lines, &empty]).shard(0, 2).documents().unwrap();
    let error = documents.texts().find_map(Result::err).unwrap();
    assert!(error.to_string().contains("empty is empty"), "{error}");
}

/// Texts whose words have a long tail, as lines of one file.
fn corpus(folder: &Path, lines: usize) -> PathBuf {
    let mut random = SplitMix64::new(5);
    let mut word = || format!("w{}", (1.0 / (random.unit() + 0.002)) as u32);
    let line =
        |words: usize, word: &mut dyn FnMut() -> String| (0..words).map(|_| word()).collect::<Vec<_>>().join(" ");
    let text: String = (0..lines).map(|at| line(at % 12, &mut word) + "\n").collect();
    written(folder, "corpus.txt", text)
}

/// What one process learns from the texts, as a file.
fn learned<T: Saved>(path: &Path, learn: impl FnOnce(Box<dyn Iterator<Item = Result<String>>>) -> Result<T>) -> String {
    learn(Box::new(LineCorpus::new([path]).documents().unwrap().texts())).unwrap().to_json()
}

/// The counts of a group of threads.
fn counted(
    path: &Path,
    ranks: usize,
    count: impl Fn(Box<dyn Iterator<Item = Result<String>>>) -> Result<TokenCounts> + Sync,
) -> TokenCounts {
    let results = Launch::new().threads(ranks, |group| {
        let shard = LineCorpus::new([path]).shard(group.rank(), group.size());
        count(Box::new(shard.documents()?.texts()))?.over(group)
    });
    let mut results = results.into_iter().collect::<Result<Vec<_>>>().unwrap();
    assert!(results[1..].iter().all(Option::is_none));
    results.swap_remove(0).unwrap()
}

#[test]
fn what_many_workers_count_is_what_one_counts_to_the_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    // The last has fewer lines than there are ranks.
    for lines in [900, 3] {
        let path = corpus(folder.path(), lines);
        let least = Frequency::Count(if lines > 3 { 2 } else { 1 });
        let vocabulary = || Vocabulary::builder().min_frequency(least).max_size(50);
        let terms = || CountVectorizer::builder().ngram_range(1, 2).min_df(Frequency::Count(1)).max_features(300);
        let weights = || TfidfVectorizer::builder().analyzer(TermUnit::CharactersInWords).ngram_range(2, 3);
        let given = || TfidfVectorizer::builder().vocabulary(["w3", "absent", "w1"]);
        let subwords = || SubwordTextEncoder::builder(280);
        for ranks in [1, 2, 3, 4, 7] {
            let words = counted(&path, ranks, |texts| TokenCounts::count_texts(texts, whitespace_tokens));
            let one = learned(&path, |texts| TokenCounts::count_texts(texts, whitespace_tokens));
            assert_eq!(words.to_json(), one);
            for order in [TokenOrder::Frequency, TokenOrder::FirstAppearance, TokenOrder::Alphabetical] {
                let one = learned(&path, |texts| vocabulary().order(order).fit(texts, whitespace_tokens));
                assert_eq!(vocabulary().order(order).build(&words).unwrap().to_json(), one);
            }
            let counts = counted(&path, ranks, |texts| terms().count(texts));
            assert_eq!(terms().fit_counts(&counts).unwrap().to_json(), learned(&path, |texts| terms().fit(texts)));
            let counts = counted(&path, ranks, |texts| weights().count(texts));
            assert_eq!(weights().fit_counts(&counts).unwrap().to_json(), learned(&path, |texts| weights().fit(texts)));
            let counts = counted(&path, ranks, |texts| given().count(texts));
            assert_eq!(given().fit_counts(&counts).unwrap().to_json(), learned(&path, |texts| given().fit(texts)));
            let counts = counted(&path, ranks, |texts| subwords().count(texts));
            assert_eq!(
                subwords().fit_counts(&counts).unwrap().to_json(),
                learned(&path, |texts| subwords().fit(texts))
            );
        }
    }
}

#[cfg(feature = "subwords")]
#[test]
fn subwords_learned_from_the_counts_of_many_workers_are_those_of_one() {
    use kiln_text::encoders::{SubwordModel, SubwordTokenizer};

    let folder = tempfile::tempdir().unwrap();
    let path = corpus(folder.path(), 300);
    for model in [SubwordModel::ByteLevelBpe, SubwordModel::WordPiece, SubwordModel::Unigram] {
        let subwords = || SubwordTokenizer::builder(model, 290);
        let one = learned(&path, |texts| subwords().fit(texts));
        for ranks in [1, 4] {
            let counts = counted(&path, ranks, |texts| subwords().count(texts));
            assert_eq!(subwords().fit_counts(&counts).unwrap().to_json(), one);
        }
    }
}

#[test]
fn what_cannot_be_learned_from_counts_is_refused() {
    let told = SubwordTextEncoder::builder(280).max_corpus_chars(100).count(["a b"]).unwrap_err().to_string();
    let expected = "the option max_corpus_chars should be unset if parts of a corpus are counted, found 100";
    assert_eq!(told, expected);
    let none = TokenCounts::default();
    assert!(matches!(CountVectorizer::builder().fit_counts(&none), Err(Error::Vectorizer(_))));
    assert!(matches!(SubwordTextEncoder::builder(280).fit_counts(&none), Err(Error::EmptyCorpus { documents: 0 })));
}

#[test]
fn a_worker_whose_file_is_missing_ends_the_others_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus(folder.path(), 20);
    let told = Launch::new().threads(3, |group| {
        let path = if group.rank() == 1 { folder.path().join("missing") } else { path.clone() };
        let shard = LineCorpus::new([path]).shard(group.rank(), group.size());
        TokenCounts::count_texts(shard.documents()?.texts(), whitespace_tokens)?.over(group)
    });
    let error = told[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("rank 1 ended the group: cannot read ") && error.contains("missing: "), "{error}");
}
