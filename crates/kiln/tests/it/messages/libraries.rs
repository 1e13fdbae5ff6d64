//! One value of each error, except those of `kiln-text`.

use std::io;

use kiln::burn::data::dataset::DatasetError;
use kiln::burn::tensor::TensorReadError;
use kiln::burn::train::TrainingError;
use kiln::{FileError, group, linear, models, predict, report, text, train, vectors};
use kiln_base::OptionError;
use kiln_base::checksum::BadChecksum;
use text::io::Saved;
use text::vocabulary::Vocabulary;
use train::Broken;
use vectors::Format;

use super::lines;

pub(super) fn told() -> Vec<String> {
    [
        lines("kiln_base", [denied()]),
        lines("kiln_base", [OptionError::new("epochs", "at least 1", 0)]),
        lines("kiln_base", [BadChecksum { expected: "9f86d081".into(), found: "60303ae2".into() }]),
        lines("kiln::Error", [no_device()]),
        lines("kiln_group::Error", of_group()),
        lines("kiln_report::Error", of_report()),
        lines("kiln_vectors::Error", of_vectors()),
        lines("kiln_linear::Error", of_linear()),
        lines("kiln_models::Error", of_models()),
        lines("kiln_predict::Error", of_predict()),
        lines("kiln_train::Error", of_train()),
    ]
    .concat()
}

fn denied() -> FileError {
    FileError::new("write", "runs/model.safetensors")(io::Error::other("permission denied"))
}

fn not_read() -> TensorReadError {
    TensorReadError::InvalidShape { expected: 1, actual: 0 }
}

fn cut_short() -> models::Error {
    models::weights::from_safetensors(b"short").unwrap_err()
}

fn no_device() -> kiln::Error {
    kiln::Error::Device {
        name: "abacus".into(),
        why: "there is no backend of that name".into(),
        available: "flex, wgpu".into(),
    }
}

fn of_group() -> Vec<group::Error> {
    use group::Error;
    let waited = std::time::Duration::from_secs(60);
    vec![
        Error::Missing { rank: 0, size: 4, waited, missing: vec![1, 3] },
        Error::OutOfStep { rank: 0, size: 4, waited, peer: 2 },
        Error::Ended { rank: 1, why: "cannot read corpus.txt: permission denied".into() },
        Error::Differs { what: "the seed".into(), found: vec![("7".into(), vec![0, 1, 3]), ("8".into(), vec![2])] },
        Error::Length { expected: 400, found: 404 },
        Error::Leaves { rank: 1, size: 2, leaves: 8, expected: 4, found: 3 },
        Error::NoSuchRank { found: 4, size: 4 },
        Error::NotBuilt { variable: "OMPI_COMM_WORLD_SIZE" },
        Error::InUse,
    ]
}

fn of_report() -> Vec<report::Error> {
    use report::Error;
    vec![
        Error::NoRows,
        Error::TooFewClasses { found: 1 },
        Error::NoLabels,
        Error::Length { what: "the number of predictions", expected: 100, found: 99 },
        Error::UnknownClass { row: 7, what: "the truth", class: 2, classes: 2 },
        Error::NotAProbability { row: 7, class: 1, found: 1.5 },
        Error::Sum { row: 7, found: 0.5 },
        Error::Plot { path: "matrix.svg".into(), message: "there are no classes".into() },
    ]
}

fn of_vectors() -> Vec<vectors::Error> {
    use vectors::{Error, Place};
    let models::Error::Safetensors(source) = cut_short() else { panic!("the bytes are no file") };
    vec![
        Error::UnknownWord { word: "kign".into(), words: 400_000, suggestions: vec!["king".into(), "kin".into()] },
        Error::NoKnownWord { what: "a mean", words: vec!["kign".into()], known: 400_000 },
        Error::EmptyList { what: "a search", item: "positive or negative word or vector" },
        Error::ZeroQuery,
        Error::NotFinite { what: "the weights of a query", position: 1, value: f64::INFINITY },
        Error::WrongCount { needed: "3 words need as many counts".into(), found: 2 },
        Error::NoWords,
        Error::TooManyWords { most: 4_294_967_295 },
        Error::DuplicateWord { word: "king".into(), first: 0, second: 2 },
        Error::ValueNotFinite { word: "king".into(), index: 1, position: 0, value: f32::NAN },
        Error::BadFile {
            path: "vectors.txt".into(),
            place: Some(Place::Line(3)),
            problem: " should be a word, a space and a whole number, found \"king\"".into(),
        },
        Error::NotUtf8 { path: "vectors.bin".into(), place: Place::Word(5), byte: 1204 },
        Error::Safetensors { path: "vectors.safetensors".into(), source },
        Error::WordNotWritable { word: "New York".into(), index: 1, what: "a space", format: Format::Word2VecBinary },
        Error::TooFewPairs {
            path: "pairs.tsv".into(),
            used: 1,
            unknown: 4,
            invalid: 2,
            first_invalid: r#"; line 3 holds the columns 0 "king", 1 "queen""#.into(),
        },
        Error::IdOutOfVocabulary { id: 9, vocab_size: 7, sentence: 1, position: 2 },
        Error::NothingToCount { sentences: 12 },
        Error::BadCell { expected: "every value should be finite", row: 1, column: 2, found: f32::NAN },
        Error::NoCounts { rows: 3, columns: 3 },
        Error::MatrixTooLarge { rows: 100_000, columns: 100_000 },
        Error::NoConvergence { rows: 100, columns: 50 },
        Error::RowWidth { len: 7, d: 2 },
        Error::TooFewPoints { found: 1 },
    ]
}

fn of_linear() -> Vec<linear::Error> {
    use linear::Error;
    vec![
        Error::NothingToLearn { lines: 12, prefix: "__label__".into() },
        Error::NothingToValidate { lines: 12, prefix: "__label__".into() },
        Error::SortedLines { lines: 25_000, labels: 2 },
        Error::TooLarge { rows: 2_000_000_000, d: 100, bytes: 800_000_000_000 },
        Error::Diverged { tokens: 1000, learning_rate: 100.0 },
        Error::Stopped { tokens: 1000, total_tokens: 5000 },
        Error::EmptyClass { class: "neutral".into() },
        Error::ClassNames { expected: 3, found: 2 },
        Error::BadParts {
            problem: "a linear model should have 1 intercept for two classes, or one for each of 3 or more classes, \
                      found 2"
                .into(),
        },
        Error::BadModel { path: "model.bin".into(), problem: "its version is 9, expected 11 or 12".into() },
        Error::UnevenRows { rows: 100, what: "labels", found: 99 },
        Error::Columns { expected: 2000, found: 1999 },
        Error::OneClass { label: 1, rows: 100 },
        Error::TooManyClasses { highest: 99_999, rows: 100 },
        Error::NotFinite { c: 1e6 },
        Error::BadNumber { what: "the weight", row: 3, found: -1.0, not_negative: true },
    ]
}

fn of_models() -> Vec<models::Error> {
    use models::Error;
    let broken_json = Vocabulary::from_json("{").unwrap_err();
    let text::Error::FileJson { source: json, .. } = broken_json else { panic!("the text is not JSON") };
    vec![
        Error::TooShort { length: 7, layer: "a convolution of window 5 and a pool of 4".into(), needed: 8 },
        Error::MissingWeight { name: "dense.bias".into(), shape: vec![1] },
        Error::UnknownWeight { name: "dense.scale".into() },
        Error::Device(not_read()),
        Error::MatrixSize { rows: 2001, d: 100, vocab: 2000, d_embedding: 16 },
        Error::NoParameter {
            path: "embeding".into(),
            known: vec!["embedding.table".into(), "dense.kernel".into(), "dense.bias".into()],
        },
        Error::WeightChecksum,
        Error::BeyondHalfPrecision { name: "dense.kernel".into(), found: 70_000.0 },
        Error::WeightShape { name: "dense.kernel".into(), expected: vec![16, 1], found: vec![32, 1] },
        cut_short(),
        Error::InFile { path: "word2vec.state".into(), source: Box::new(Error::WeightChecksum) },
        Error::NotUtf8 { path: "sentences.txt".into(), byte: 1204 },
        Error::CannotCut { path: "sentences.txt.gz".into() },
        Error::EmptyCorpus { words: 9, distinct: 8, min_count: 5 },
        Error::NoNewWord { words: 9, distinct: 8, min_count: 5 },
        Error::CorpusChanged { expected: 1000, found: 999 },
        Error::Diverged { epoch: 2, alpha: 1.5 },
        Error::NothingTrained { words: 40, sample: 0.001 },
        Error::NoWord2Vec { lacks: "version 1" },
        Error::Json(json),
        Error::WeightType { name: "dense.kernel".into(), found: "I64".into() },
    ]
}

fn of_predict() -> Vec<predict::Error> {
    use predict::Error;
    vec![
        Error::Damaged {
            path: "reviews/tokenizer.json".into(),
            reason: "it is a link to a file that does not exist".into(),
        },
        Error::MissingFile { path: "reviews".into(), file: "config.json", found: "history.json, notes.txt".into() },
        Error::ArtifactKind { path: "reviews".into(), expected: "language model", found: "text classifier".into() },
        Error::Unknown {
            path: "reviews/config.json".into(),
            what: "model",
            name: "bag".into(),
            known: "\"conv_classifier\", \"recurrent_classifier\"".into(),
        },
        Error::Data {
            what: "the number of class names",
            expected: "2, one for each class of the model".into(),
            found: "3".into(),
        },
        Error::Device(not_read()),
        Error::DeviceFailed {
            device: "GPU 0".into(),
            reason: "it was reset".into(),
            kept: "runs keeps everything up to the end of epoch 1".into(),
        },
        Error::NoParameters,
    ]
}

fn of_train() -> Vec<train::Error> {
    use train::Error;
    let kept = || "runs keeps everything up to the end of epoch 2".to_owned();
    let not_finite = |what, value| Error::NotFinite {
        what,
        value,
        step: 40,
        epoch: 3,
        learning_rate: 0.01,
        gradient: "the largest gradient so far had norm 1.000e3, in dense at step 39".into(),
        kept: kept(),
    };
    let ids = || Error::IdOutOfRange { row: 4, step: 0, id: 2000, vocab: 2000 };
    vec![
        Error::RunExists { path: "runs".into() },
        Error::Locked { path: "runs".into(), holder: "4321".into() },
        Error::NotWritten { source: denied(), kept: kept() },
        Error::InGroup {
            source: group::Error::Ended { rank: 1, why: "cannot read corpus.txt: permission denied".into() },
            kept: kept(),
        },
        Error::NotARun { path: "runs".into(), files: "runs/config.json".into() },
        Error::NothingToResume { path: "runs/checkpoint.kiln".into() },
        Error::ResumeMismatch {
            path: "runs/checkpoint.kiln".into(),
            what: "batch_size".into(),
            before: "32".into(),
            now: "64".into(),
        },
        Error::Damaged {
            path: "runs/checkpoint.kiln".into(),
            reason: "its checksum does not match its contents".into(),
        },
        Error::NoWeights { path: "runs".into() },
        Error::OtherTokenizer { path: "runs".into() },
        Error::FromWeights {
            path: "runs".into(),
            source: models::Error::MissingWeight { name: "dense.bias".into(), shape: vec![1] },
        },
        Error::OneClass { rows: 800, class: 0 },
        Error::SharedRows { shared: 3, rows: 200 },
        Error::EmptyData { what: "validation" },
        Error::Data {
            what: "the highest class of the data",
            expected: "below the 2 classes of the model's head (set `.head(Head::for_classes(3)?)`)".into(),
            found: "2".into(),
        },
        ids(),
        Error::UnknownMetric { name: "val_f1".into(), available: "loss, val_loss".into() },
        Error::Interrupted { reason: "stopped by Ctrl-C".into(), epoch: 3, kept: kept() },
        Error::Step { epoch: 3, step: 40, source: Box::new(ids()), kept: kept() },
        not_finite(Broken::TrainLoss, f64::NAN),
        not_finite(Broken::Exploded, 1e9),
        not_finite(Broken::ValidLoss, f64::NAN),
        not_finite(Broken::Weight("dense.kernel".into()), f64::INFINITY),
        Error::Diverged { window: 12, windows: 80, value: f64::NAN, learning_rate: 0.1 },
        Error::Training(TrainingError::Dataset(DatasetError::new(ids())).into()),
        Error::Dataset(DatasetError::new(ids())),
        Error::Callback { name: "own_callback".into(), message: "the metric is not there".into() },
        Error::Plot { path: "curves.svg".into(), message: "the history has no epochs".into() },
    ]
}
