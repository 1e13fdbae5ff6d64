//! Corpora and encoded texts as Burn's `Dataset`, batches of rows that differ in length, and every kind of text encoder
//! in an artifact that needs nothing else to predict.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::tensor::Device;
use kiln_models::{RandomKey, RecurrentClassifierConfig, RecurrentKind, Targets, TokenBatch};
use kiln_predict::SequenceEncoder;
use kiln_text::corpora::{Document, Documents, LineCorpus};
use kiln_text::encoders::{CharTokenizer, Encoder, SubwordTextEncoder, TextEncoder, VocabularyEncoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::keras::{OutputMode, TextVectorization};
use kiln_text::rows::{Padding, Truncating};
use kiln_text::tokens::{Analyzer, Normalizer, Segments, WordSplitter};
use kiln_text::vocabulary::Vocabulary;
use kiln_train::{
    ArtifactConfig, Batches, BurnDataset, DataLimits, DocumentDataset, EncodedBatches, EncodedDataset, EncodedText,
    Error, ExistingRun, Labelled, PadBatcher, SequenceDatasets, TextPredictor, Trainer, evaluate, predict,
};

use crate::devices;

fn cpu() -> Device {
    devices::all().swap_remove(0).1
}

fn documents() -> Documents {
    let document = |(text, label): (&str, u32)| Document { text: text.to_owned(), label };
    let texts = [("a fine film", 1), ("dull", 0), ("", 0), ("a dull and a long film", 0), ("fine", 1)];
    Documents::new(texts.map(document).to_vec(), ["neg", "pos"]).unwrap()
}

fn words() -> WordTokenizer {
    WordTokenizer::builder().fit(documents().texts()).unwrap()
}

/// The ids of a batch row by row, starts and lengths, and classes.
type Read = (Vec<Vec<i64>>, Vec<(usize, usize)>, Vec<i64>);

fn read(batch: Labelled<TokenBatch>) -> Read {
    let [_, steps] = batch.input.ids.dims();
    let ids: Vec<i64> = batch.input.ids.into_data().iter::<i64>().collect();
    let spans = batch.input.spans.unwrap();
    let spans = spans.rows().iter().map(|span| (span.start, span.len)).collect();
    let Targets::Classes(classes) = batch.targets else { panic!("classes are expected") };
    (ids.chunks(steps).map(<[i64]>::to_vec).collect(), spans, classes.into_data().iter::<i64>().collect())
}

#[test]
fn documents_are_a_dataset() {
    let data = DocumentDataset::from(documents());
    assert_eq!(Dataset::len(&data), 5);
    assert_eq!(data.get(3).unwrap(), documents().iter().as_slice()[3]);
    assert!(data.iter().map(|item| item.unwrap().label).eq(documents().labels()));
}

#[test]
fn encoded_documents_are_a_dataset_without_their_padding() {
    let words = words();
    let texts: Vec<&str> = documents().texts().map(|text| &*text.to_owned().leak()).collect();
    let expected: Vec<EncodedText> = texts
        .iter()
        .zip(documents().labels())
        .map(|(text, label)| EncodedText { ids: words.encode(text), label })
        .collect();
    let streamed = EncodedDataset::from_corpus(documents().into_documents().into_iter().map(Ok), &words).unwrap();
    let given = EncodedDataset::new(words.encode_batch(&texts), documents().labels(), words.vocab_size()).unwrap();
    let encode = SequenceEncoder::new(words.clone(), 6).unwrap();
    let padded = encode.dataset(&documents()).unwrap();
    let padded_stream = encode.corpus_dataset(documents().into_documents().into_iter().map(Ok)).unwrap();
    for data in [&streamed as &dyn Dataset<EncodedText>, &given, &padded, &padded_stream] {
        assert_eq!(data.len(), 5);
        let found: Vec<EncodedText> = (0..5).map(|row| data.get(row).unwrap()).collect();
        assert_eq!(found, expected);
    }
    assert!(streamed.lengths().eq([3, 1, 0, 6, 1]));
}

#[test]
fn a_batch_is_as_long_as_its_longest_row() {
    let words = words();
    let data = EncodedDataset::from_corpus(documents().into_documents().into_iter().map(Ok), &words).unwrap();
    // By count: a 1, and by first appearance: fine 2, film 3, dull 4, and 5, long 6 (a 3; fine, film, dull 2 each).
    let batches = data.batches(PadBatcher::new()).unwrap();
    assert_eq!(batches.rows(), 5);
    let (ids, spans, classes) = read(batches.batch(&[1, 0], &cpu()).unwrap());
    assert_eq!((ids, spans, classes), (vec![vec![0, 0, 4], vec![1, 2, 3]], vec![(2, 1), (0, 3)], vec![0, 1]));
    let short = PadBatcher::new().padding(Padding::Post).truncating(Truncating::Post).max_len(2);
    let short = data.batches(short).unwrap();
    let (ids, spans, _) = read(short.batch(&[3, 1], &cpu()).unwrap());
    assert_eq!((ids, spans), (vec![vec![1, 4], vec![4, 0]], vec![(0, 2), (0, 1)]));
    // A batch of empty rows has one step of padding.
    let (ids, spans, _) = read(batches.batch(&[2], &cpu()).unwrap());
    assert_eq!((ids, spans), (vec![vec![0]], vec![(1, 0)]));
    let limits = batches.limits();
    assert_eq!((limits.highest_id, limits.highest_class, limits.steps), (Some(6), Some(1), None));

    // The same with Burn's own parts.
    let batcher: Arc<dyn Batcher<EncodedText, Labelled<TokenBatch>>> = Arc::new(PadBatcher::new());
    let burn = BurnDataset::new(Arc::new(data), batcher);
    assert_eq!(burn.limits(), DataLimits::default());
    let expected = read(batches.batch(&[4, 3, 0], &cpu()).unwrap());
    assert_eq!(read(burn.batch(&[4, 3, 0], &cpu()).unwrap()), expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = EncodedDataset::new([[1_u32, 2], [3, 9]], vec![0, 1], 9).unwrap_err();
    assert!(matches!(error, Error::IdOutOfRange { row: 1, step: 1, id: 9, vocab: 9 }), "{error}");
    let error = EncodedDataset::new([[1_u32]], vec![0, 1], 9).unwrap_err().to_string();
    assert!(error.contains("labels") && error.contains('2'), "{error}");
    assert!(EncodedDataset::new([[1]], vec![0], 9).unwrap().batches(PadBatcher::new().max_len(0)).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.txt");
    std::fs::write(&path, b"fine\n\xff\n").unwrap();
    let lines = || LineCorpus::new([&path]).documents().unwrap();
    for error in [
        EncodedDataset::from_corpus(lines(), &words()).unwrap_err(),
        SequenceEncoder::new(words(), 3).unwrap().corpus_dataset(lines()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("lines.txt, line 2"), "{error}");
    }
}

/// An encoder of each kind, fitted on the texts.
fn encoders(texts: &[&str]) -> Vec<TextEncoder> {
    let special = Vocabulary::builder().special_tokens(["<pad>", "<unk>"]).unknown_token("<unk>");
    let analyzer =
        Analyzer::default().normalizer(Normalizer::new().lower(true)).words(WordSplitter::unicode(Segments::Words));
    #[allow(unused_mut, reason = "one more kind with the feature `subwords`")]
    let mut encoders = vec![
        WordTokenizer::builder().fit(texts).unwrap().into(),
        CharTokenizer::builder().fit(texts).unwrap().into(),
        SubwordTextEncoder::builder(262).fit(texts).unwrap().into(),
        TextVectorization::builder().adapt(texts).unwrap().into(),
        TextVectorization::builder().output_mode(OutputMode::TfIdf).adapt(texts).unwrap().into(),
        VocabularyEncoder::fit(analyzer, special, texts).unwrap().into(),
    ];
    #[cfg(feature = "subwords")]
    encoders.push(
        kiln_text::encoders::SubwordTokenizer::builder(kiln_text::encoders::SubwordModel::ByteLevelBpe, 262)
            .fit(texts)
            .unwrap()
            .into(),
    );
    encoders
}

fn trained(folder: &Path, encoder: TextEncoder) -> Vec<Vec<f32>> {
    let data = documents();
    let texts: Vec<&str> = data.texts().collect();
    let encode = SequenceEncoder::new(encoder, 7).unwrap();
    let config = RecurrentClassifierConfig::new(encode.vocab_size(), 7)
        .kind(RecurrentKind::Gru)
        .d_embedding(3)
        .d_hidden(vec![2]);
    let rows = encode.dataset(&data).unwrap();
    let model = config.init(&cpu(), 1).unwrap();
    Trainer::new(folder)
        .epochs(1)
        .batch_size(2)
        .existing_run(ExistingRun::Refuse)
        .artifact(ArtifactConfig::text(&model, &encode, data.class_names()))
        .fit(model, &rows, &rows)
        .unwrap();
    let predictor = TextPredictor::load(folder, &cpu()).unwrap();
    assert_eq!(predictor.encoder(), Some(&encode));
    predictor.predict(&texts).unwrap().into_iter().map(|prediction| prediction.probabilities).collect()
}

#[test]
fn an_artifact_holds_any_text_encoder_and_predicts_alone() {
    let data = documents();
    let texts: Vec<&str> = data.texts().collect();
    for encoder in encoders(&texts) {
        let folder = tempfile::tempdir().unwrap();
        let shown = format!("{encoder:?}");
        let probabilities = trained(folder.path(), encoder.clone());
        // Texts that encode to other ids get other probabilities: the encoder is in use.
        assert!(probabilities[0] != probabilities[1] && probabilities[1] != probabilities[4], "{shown}");
        assert_eq!(TextEncoder::load(folder.path().join("tokenizer.json")).unwrap(), encoder);
        let sum: f32 = probabilities[0].iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{shown}");
    }
}

#[test]
fn rows_that_differ_in_length_train() {
    let words = words();
    let data = EncodedDataset::from_corpus(documents().into_documents().into_iter().map(Ok), &words).unwrap();
    let batches = data.batches(PadBatcher::new()).unwrap();
    let config = RecurrentClassifierConfig::new(words.vocab_size(), 6).d_embedding(3).d_hidden(vec![2]);
    let folder = tempfile::tempdir().unwrap();
    let trainer = || Trainer::new(folder.path()).epochs(2).batch_size(2).existing_run(ExistingRun::Overwrite);
    let run = trainer().fit(config.init(&cpu(), 1).unwrap(), &batches, &batches).unwrap();
    // Padding changes nothing, so neither does the length of a batch.
    let padded = SequenceEncoder::new(words.clone(), 6).unwrap().dataset(&documents()).unwrap();
    let (short, long) = (run.evaluate(&batches).unwrap(), run.evaluate(&padded).unwrap());
    assert!((short.loss - long.loss).abs() < 1e-5, "{} {}", short.loss, long.loss);
    // Data that the model cannot handle are refused before anything is written.
    let small = RecurrentClassifierConfig::new(3, 6).d_embedding(3).d_hidden(vec![2]);
    assert!(trainer().fit(small.init(&cpu(), 1).unwrap(), &batches, &batches).is_err());
}

/// Each row once, in batches that are full except for the last, and with little padding. The key decides the order, and
/// an evaluation in that order gives the same numbers.
#[test]
fn rows_of_like_length_come_together() {
    let rows: Vec<Vec<u32>> = (0..1003_usize).map(|row| vec![1 + row as u32 % 4; 1 + row * 7919 % 97]).collect();
    let data = EncodedDataset::new(&rows, rows.iter().map(|ids| ids[0] % 2).collect(), 5).unwrap();
    let chance = data.batches(PadBatcher::new()).unwrap();
    let grouped = chance.clone().group_by_length();
    let key = |epoch| Some(RandomKey::new(3).index(epoch));
    let cells = |order: &[usize]| -> usize {
        order.chunks(8).map(|batch| batch.len() * batch.iter().map(|&row| rows[row].len()).max().unwrap()).sum()
    };
    for key in [None, key(1), key(2)] {
        let order = grouped.order(8, key);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1003));
        let used: usize = rows.iter().map(Vec::len).sum();
        assert!(cells(&order) < used * 12 / 10, "{} cells for {used}", cells(&order));
    }
    assert!(cells(&chance.order(8, key(1))) > cells(&grouped.order(8, key(1))) * 3 / 2);
    assert_eq!(grouped.order(8, key(1)), grouped.order(8, key(1)));
    assert_ne!(grouped.order(8, key(1)), grouped.order(8, key(2)));
    // Training does not go from the short rows to the long ones.
    let order = grouped.order(8, key(1));
    let of = |half: &[usize]| half.iter().map(|&row| rows[row].len()).sum::<usize>() as f64 / half.len() as f64;
    let (first, second) = order.split_at(504);
    assert!((of(first) - of(second)).abs() < 10.0, "{} {}", of(first), of(second));
    let longest: Vec<usize> =
        order.chunks(8).map(|batch| batch.iter().map(|&row| rows[row].len()).max().unwrap()).collect();
    assert!(!longest[..20].is_sorted(), "{longest:?}");
    // Evaluation begins with the longest.
    assert_eq!(rows[grouped.order(8, None)[0]].len(), 97);
    // With few rows too, batches are not the same in every epoch.
    let few =
        EncodedDataset::new(&rows[..64], vec![0; 64], 5).unwrap().batches(PadBatcher::new()).unwrap().group_by_length();
    let sets = |order: Vec<usize>| -> BTreeSet<Vec<usize>> {
        order.chunks(8).map(|batch| BTreeSet::from_iter(batch.iter().copied()).into_iter().collect()).collect()
    };
    assert_ne!(sets(few.order(8, key(1))), sets(few.order(8, key(2))));

    let config = RecurrentClassifierConfig::new(5, 97).d_embedding(3).d_hidden(vec![2]);
    let folder = tempfile::tempdir().unwrap();
    let trainer = |epochs| Trainer::new(folder.path()).epochs(epochs).batch_size(8);
    let run = trainer(1).fit(config.init(&cpu(), 1).unwrap(), &grouped, &grouped).unwrap();
    let (a, b) = (run.evaluate(&chance).unwrap(), run.evaluate(&grouped).unwrap());
    assert!((a.loss - b.loss).abs() < 1e-5 && a.accuracy == b.accuracy, "{a:?} {b:?}");
    // Predictions are in the order of the rows.
    let [a, b] = [&chance, &grouped].map(|data| predict(run.model(), data, 8).unwrap());
    assert!(a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-5));
    // A run is resumed only with the same order.
    let resumed = || trainer(2).existing_run(ExistingRun::Resume);
    let error = resumed().fit(config.init(&cpu(), 1).unwrap(), &chance, &grouped).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("order of the training rows"), "{error}");
    let resumed = resumed().fit(config.init(&cpu(), 1).unwrap(), &grouped, &grouped).unwrap();
    let other = tempfile::tempdir().unwrap();
    let whole = Trainer::new(other.path()).epochs(2).batch_size(8);
    let whole = whole.fit(config.init(&cpu(), 1).unwrap(), &grouped, &grouped).unwrap();
    assert_eq!(resumed.history(), whole.history());
}

/// Rows in a given order, for a given number of passes, and then in none.
#[derive(Clone)]
struct Ordered(EncodedBatches, Vec<usize>, Arc<AtomicUsize>);

impl Batches for Ordered {
    type Batch = Labelled<TokenBatch>;

    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> kiln_train::Result<Self::Batch> {
        self.0.batch(rows, device)
    }

    fn order(&self, _: usize, _: Option<RandomKey>) -> Vec<usize> {
        let left = self.2.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() { self.1.clone() } else { Vec::new() }
    }
}

#[test]
fn an_order_that_is_none_is_refused_and_predictions_follow_the_rows() {
    let data = EncodedDataset::new([[1_u32, 2], [3, 4], [4, 4]], vec![0, 1, 1], 5).unwrap();
    let batches = data.batches(PadBatcher::new()).unwrap();
    let config = RecurrentClassifierConfig::new(5, 2).d_embedding(3).d_hidden(vec![2]);
    let model = || config.init(&cpu(), 1).unwrap();
    let passes = |order: &[usize], passes| Ordered(batches.clone(), order.to_vec(), Arc::new(AtomicUsize::new(passes)));
    let ordered = |order: &[usize]| passes(order, usize::MAX);
    for order in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let trainer = Trainer::new(folder.path()).epochs(1).batch_size(2);
        let error = trainer.fit(model(), &ordered(order), &batches).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("each of 3 rows once"), "{error}");
        assert!(evaluate(&model(), &ordered(order), 2).is_err());
    }
    // Once before the first epoch and once in it; the second epoch does not skip what is missing.
    let folder = tempfile::tempdir().unwrap();
    let trainer = Trainer::new(folder.path()).epochs(2).batch_size(2);
    let error = trainer.fit(model(), &passes(&[2, 0, 1], 2), &batches).map(|_| ()).unwrap_err();
    assert!(format!("{error:?}").contains("each of 3 rows once"), "{error:?}");
    assert!(folder.path().join("checkpoint.kiln").exists());
    let straight = predict(&model(), &batches, 2).unwrap();
    let turned = predict(&model(), &ordered(&[2, 0, 1]), 2).unwrap();
    assert!(straight.iter().flatten().zip(turned.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!((straight[0][0] - straight[2][0]).abs() > 1e-6);
}
