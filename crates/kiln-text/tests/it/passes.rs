//! Every pass over texts gives the same result from memory and from a stream, with any number of threads. It reports
//! its progress, stops on request, and passes on the errors of its texts.

use std::ops::ControlFlow;

use kiln_text::encoders::{
    CharTokenizer, CharUnit, Encoder, ImdbIds, SubwordTextEncoder, TextEncoder, VocabularyEncoder, WordTokenizer,
};
use kiln_text::features::{CountVectorizer, HashingVectorizer, TfidfVectorizer, to_dense};
use kiln_text::io::{Saved, TextProgress, observed};
use kiln_text::keras::{MatrixMode, OutputMode, TextVectorization};
use kiln_text::tokens::{Analyzer, NGrams};
use kiln_text::vocabulary::{Frequency, TokenCounts, Vocabulary, whitespace_tokens};
use kiln_text::{Error, Result};
use proptest::prelude::*;

type Texts<'a> = &'a mut dyn Iterator<Item = Result<String>>;
type Observe<'a> = &'a mut dyn FnMut(TextProgress) -> ControlFlow<()>;

/// A pass over a stream that returns its result as text.
type Pass = (&'static str, fn(Texts<'_>, Observe<'_>) -> Result<String>);

fn go_on(_: TextProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn words() -> WordTokenizer {
    WordTokenizer::builder().num_words(5).oov_token("?").fit(["a b c d e f", "b c d", "é"]).unwrap()
}

fn vectorization(mode: OutputMode) -> TextVectorization {
    TextVectorization::builder().output_mode(mode).adapt(["a b c", "b", "é c"]).unwrap()
}

fn counts() -> kiln_text::features::CountVectorizerBuilder {
    CountVectorizer::builder().token_pattern(r"\w+").ngram_range(1, 2)
}

fn special() -> kiln_text::vocabulary::VocabularyBuilder {
    Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>")
}

/// All passes.
fn passes() -> Vec<Pass> {
    let mut passes: Vec<Pass> = vec![
        ("words, fit", |texts, observe| Ok(WordTokenizer::builder().fit(observed(texts, observe))?.to_json())),
        ("words, fit again", |texts, observe| {
            let mut words = words();
            words.fit_on_texts(observed(texts, observe))?;
            Ok(words.to_json())
        }),
        ("words, encode", |texts, observe| Ok(format!("{:?}", words().encode_all(observed(texts, observe))?))),
        ("words, matrix", |texts, observe| {
            Ok(format!("{:?}", words().texts_to_matrix(observed(texts, observe), MatrixMode::TfIdf)?))
        }),
        ("words, sparse matrix", |texts, observe| {
            Ok(format!("{:?}", words().texts_to_sparse_matrix(observed(texts, observe), MatrixMode::Freq)?))
        }),
        ("IMDB's ids, encode", |texts, observe| {
            let ids = ImdbIds::new(WordTokenizer::builder().fit(["a b c", "b c"])?, 6)?;
            Ok(format!("{:?}", ids.encode_all(observed(texts, observe))?))
        }),
        ("characters, fit", |texts, observe| Ok(CharTokenizer::builder().fit(observed(texts, observe))?.to_json())),
        ("graphemes, fit", |texts, observe| {
            Ok(CharTokenizer::builder().unit(CharUnit::Grapheme).lower(true).fit(observed(texts, observe))?.to_json())
        }),
        ("TensorFlow's subwords, fit", |texts, observe| {
            Ok(SubwordTextEncoder::builder(262).fit(observed(texts, observe))?.to_json())
        }),
        ("TextVectorization, adapt", |texts, observe| {
            let builder = TextVectorization::builder().output_mode(OutputMode::TfIdf).ngrams(2);
            Ok(builder.adapt(observed(texts, observe))?.to_json())
        }),
        ("TextVectorization, ids", |texts, observe| {
            Ok(format!("{:?}", vectorization(OutputMode::Ids).ids(observed(texts, observe))?))
        }),
        ("TextVectorization, ids of one length", |texts, observe| {
            let builder = TextVectorization::builder().output_sequence_length(3);
            Ok(format!("{:?}", builder.vocabulary(["a", "b"])?.ids(observed(texts, observe))?))
        }),
        ("TextVectorization, matrix", |texts, observe| {
            Ok(format!("{:?}", vectorization(OutputMode::TfIdf).matrix(observed(texts, observe))?))
        }),
        ("TextVectorization, sparse", |texts, observe| {
            Ok(format!("{:?}", vectorization(OutputMode::Count).sparse_matrix(observed(texts, observe))?))
        }),
        ("counts, fit", |texts, observe| Ok(counts().fit(observed(texts, observe))?.to_json())),
        ("counts, fit and transform", |texts, observe| {
            Ok(format!("{:?}", counts().min_df(Frequency::Count(2)).fit_transform(observed(texts, observe))?.1))
        }),
        ("counts of known terms, fit and transform", |texts, observe| {
            Ok(format!("{:?}", counts().vocabulary(["a", "b c"]).fit_transform(observed(texts, observe))?.1))
        }),
        ("counts, transform", |texts, observe| {
            Ok(format!("{:?}", counts().fit(["a b", "b c"])?.transform(observed(texts, observe))?))
        }),
        ("tf-idf, fit", |texts, observe| {
            let builder = TfidfVectorizer::builder().token_pattern(r"\w+").ngram_range(1, 2);
            Ok(builder.fit(observed(texts, observe))?.to_json())
        }),
        ("tf-idf of known terms, fit", |texts, observe| {
            let builder = TfidfVectorizer::builder().token_pattern(r"\w+").vocabulary(["a", "b"]);
            Ok(builder.fit(observed(texts, observe))?.to_json())
        }),
        ("tf-idf, fit and transform", |texts, observe| {
            let builder = TfidfVectorizer::builder().token_pattern(r"\w+");
            Ok(format!("{:?}", builder.fit_transform(observed(texts, observe))?.1))
        }),
        ("tf-idf, transform", |texts, observe| {
            let fitted = TfidfVectorizer::builder().token_pattern(r"\w+").fit(["a b", "b c"])?;
            Ok(format!("{:?}", fitted.transform(observed(texts, observe))?))
        }),
        ("hashing, transform", |texts, observe| {
            let hashing = HashingVectorizer::builder().token_pattern(r"\w+").n_features(8).build()?;
            Ok(format!("{:?}", hashing.transform(observed(texts, observe))?))
        }),
        ("token counts", |texts, observe| {
            Ok(TokenCounts::count_texts(observed(texts, observe), whitespace_tokens)?.to_json())
        }),
        ("vocabulary, fit", |texts, observe| {
            Ok(Vocabulary::builder().fit(observed(texts, observe), whitespace_tokens)?.to_json())
        }),
        ("vocabulary of an analyzer, fit", |texts, observe| {
            let analyzer = Analyzer::default().ngrams(NGrams::new(1..=2)?);
            Ok(VocabularyEncoder::fit(analyzer, special(), observed(texts, observe))?.to_json())
        }),
        ("any encoder, encode", |texts, observe| {
            let encoder = VocabularyEncoder::fit(Analyzer::default(), special(), ["a b c", "b c"])?;
            Ok(format!("{:?}", TextEncoder::from(encoder).encode_all(observed(texts, observe))?))
        }),
    ];
    passes.extend(subwords());
    passes
}

#[cfg(not(feature = "subwords"))]
fn subwords() -> Vec<Pass> {
    Vec::new()
}

#[cfg(feature = "subwords")]
fn subwords() -> Vec<Pass> {
    use kiln_text::encoders::{SubwordModel, SubwordTokenizer};

    vec![
        ("byte-level BPE, fit", |texts, observe| {
            Ok(SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 262).fit(observed(texts, observe))?.to_json())
        }),
        ("WordPiece, fit", |texts, observe| {
            Ok(SubwordTokenizer::builder(SubwordModel::WordPiece, 200).fit(observed(texts, observe))?.to_json())
        }),
        ("Unigram, fit", |texts, observe| {
            Ok(SubwordTokenizer::builder(SubwordModel::Unigram, 200).fit(observed(texts, observe))?.to_json())
        }),
        ("byte-level BPE, encode", |texts, observe| {
            let trained = SubwordTokenizer::builder(SubwordModel::ByteLevelBpe, 262).fit(["abc ab", "abc"])?;
            Ok(format!("{:?}", trained.encode_all(observed(texts, observe))?))
        }),
    ]
}

/// Texts for more than two batches, the rare words spread over them.
fn many() -> impl Iterator<Item = Result<String>> {
    (0_u32..20_000).map(|n| Ok(format!("{} b w{} é c{}", if n % 3 == 0 { "a" } else { "b" }, n % 101, n % 7)))
}

fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn a_callback_sees_each_pass_and_stops_it() {
    for (name, pass) in passes() {
        let mut seen: Vec<TextProgress> = Vec::new();
        pass(&mut many(), &mut |progress| {
            seen.push(progress);
            ControlFlow::Continue(())
        })
        .unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes: usize = many().map(|text| text.unwrap().len()).sum();
        assert_eq!(seen.last().map(|last| (last.documents, last.bytes)), Some((20_000, bytes as u64)), "{name}");
        assert!(seen.len() > 2 && seen.is_sorted_by(|a, b| a.documents < b.documents), "{name}: {seen:?}");
        let stopped = pass(&mut many(), &mut |_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(Error::Stopped { documents: 1..20_000 })), "{name}: {stopped:?}");
    }
}

#[test]
fn errors_among_the_texts_end_each_pass() {
    for (name, pass) in passes() {
        for at in [0, 5, 9_000] {
            let mut texts = many().take(at).chain([Err(Error::NoDocuments)]).chain(many());
            let result = pass(&mut texts, &mut go_on);
            assert!(matches!(result, Err(Error::NoDocuments)), "{name}, {at}: {result:?}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_pass_over_many_batches() {
    for (name, pass) in passes() {
        let run = |threads| on(threads, || pass(&mut many(), &mut go_on)).unwrap();
        let expected = run(1);
        for threads in [2, 5] {
            assert!(run(threads) == expected, "{name}: {threads} threads give something else");
        }
    }
}

#[test]
fn an_oov_token_is_refused_with_the_first_document_that_has_it() {
    let texts = || {
        many().enumerate().map(|(n, text)| match n {
            9_001 | 9_050 | 15_000 => Ok("a <oov>".to_owned()),
            _ => text,
        })
    };
    for threads in [1, 2, 5] {
        let words = on(threads, || WordTokenizer::builder().filters("").oov_token("<oov>").fit(texts()));
        assert!(matches!(words, Err(Error::OovInCorpus { document: 9_001, .. })), "{threads}: {words:?}");
        let characters = on(threads, || CharTokenizer::builder().oov_token("<").fit(texts()));
        assert!(matches!(characters, Err(Error::OovInCorpus { document: 9_001, .. })), "{threads}: {characters:?}");
    }
}

#[test]
fn a_stream_of_ids_has_errors_in_their_places() {
    let texts = [Ok("a b"), Err(Error::NoDocuments), Ok("c"), Ok("")];
    let words = words();
    let ids: Vec<Result<Vec<u32>>> = words.encode_stream(texts).collect();
    assert!(matches!(
        ids.as_slice(),
        [Ok(first), Err(Error::NoDocuments), Ok(second), Ok(last)]
            if *first == words.encode("a b") && *second == words.encode("c") && last.is_empty()
    ));
    let streamed: Vec<Vec<u32>> = words.encode_stream(many()).collect::<Result<_>>().unwrap();
    assert!(streamed == words.encode_all(many()).unwrap());
}

proptest! {
    #[test]
    fn streams_and_memory_give_the_same(
        texts in prop::collection::vec("([abc éA<.]|[가-힣]|.){0,12}", 1..80), threads in 1_usize..5,
    ) {
        for (name, pass) in passes() {
            let run = |threads| {
                let mut stream = texts.iter().cloned().map(Ok);
                // Texts without a token are an error, which must also be the same.
                on(threads, || pass(&mut stream, &mut go_on).map_err(|error| error.to_string()))
            };
            prop_assert_eq!(run(threads), run(1), "{}", name);
        }
        let same = |stream: Result<String>, memory: Result<String>| match (stream, memory) {
            (Ok(a), Ok(b)) => a == b,
            (Err(a), Err(b)) => a.to_string() == b.to_string(),
            _ => false,
        };
        let stream = || texts.iter().map(Ok::<_, Error>);
        let text = |matrix: &dyn std::fmt::Debug| format!("{matrix:?}");
        prop_assert!(same(
            WordTokenizer::builder().fit(stream()).map(|words| words.to_json()),
            WordTokenizer::builder().fit(&texts).map(|words| words.to_json()),
        ));
        prop_assert!(same(
            CharTokenizer::builder().fit(stream()).map(|characters| characters.to_json()),
            CharTokenizer::builder().fit(&texts).map(|characters| characters.to_json()),
        ));
        prop_assert!(same(
            counts().fit_transform(stream()).map(|(_, rows)| text(&rows)),
            counts().fit(&texts).map(|fitted| text(&fitted.transform(&texts).unwrap())),
        ));
        let words = words();
        prop_assert_eq!(words.encode_all(stream()).unwrap(), words.encode_all(&texts).unwrap());
        let matrix = words.texts_to_matrix(&texts, MatrixMode::Freq).unwrap();
        prop_assert_eq!(words.texts_to_matrix(stream(), MatrixMode::Freq).unwrap(), matrix);
        for mode in [MatrixMode::Binary, MatrixMode::Count, MatrixMode::Freq, MatrixMode::TfIdf] {
            let sparse = words.texts_to_sparse_matrix(&texts, mode).unwrap();
            prop_assert_eq!(to_dense(&sparse).unwrap(), words.texts_to_matrix(&texts, mode).unwrap());
            prop_assert_eq!(words.texts_to_sparse_matrix(stream(), mode).unwrap(), sparse);
        }
        let ids = vectorization(OutputMode::Ids);
        prop_assert_eq!(ids.ids(stream()).unwrap(), ids.ids(&texts).unwrap());
        let bags = vectorization(OutputMode::TfIdf);
        prop_assert_eq!(bags.matrix(stream()).unwrap(), bags.matrix(&texts).unwrap());
        prop_assert_eq!(
            bags.sparse_matrix(stream()).unwrap(), bags.sparse_matrix(&texts).unwrap()
        );
        let hashing = HashingVectorizer::builder().n_features(8).build().unwrap();
        prop_assert_eq!(hashing.transform(stream()).unwrap(), hashing.transform(&texts).unwrap());
    }
}
