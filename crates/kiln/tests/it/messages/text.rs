//! One value of each error of `kiln-text`.

use std::io;

use kiln::text::Error;
use kiln::text::error::{
    CorpusError, RowProblem, SeriesError, SubwordError, TextVectorizationError, VectorizerError, VocabularyError,
};
use kiln::text::io::Saved;
use kiln::text::tokens::WordSplitter;
use kiln::text::vocabulary::Vocabulary;

use super::lines;

pub(super) fn told() -> Vec<String> {
    [
        lines("kiln_text::Error", of_texts()),
        lines("kiln_text::Error", of_files()),
        #[cfg(feature = "download")]
        lines("kiln_text::Error", [Error::Download { url: url(), source: Box::new(closed().into()) }]),
        lines("kiln_text::CorpusError", of_corpora()),
        lines("kiln_text::RowProblem", of_rows()),
        lines("kiln_text::SeriesError", of_series()),
        lines("kiln_text::SubwordError", of_subwords()),
        lines("kiln_text::TextVectorizationError", of_text_vectorization()),
        lines("kiln_text::VectorizerError", of_vectorizers()),
        lines("kiln_text::VocabularyError", of_vocabularies()),
    ]
    .concat()
}

fn url() -> String {
    "https://example.org/reviews.tar.gz".into()
}

fn closed() -> io::Error {
    io::Error::other("the connection was closed")
}

fn of_texts() -> Vec<Error> {
    vec![
        Error::EmptyCorpus { documents: 3 },
        Error::OovInCorpus { token: "UNK".into(), document: 2 },
        Error::TooLarge { what: "a matrix", rows: 1_000_000_000, columns: 1_000_000_000 },
        Error::MatrixWithoutWords,
        Error::TfIdfWithoutDocuments,
        Error::ImdbOovToken { token: "<unk>".into() },
        Error::NothingToPad { sequences: 3 },
        Error::StepWidth { sequence: 1, step: 4, expected: 3, found: 2 },
        Error::NoDocuments,
        Error::TooFewClasses { found: 1, names: vec!["good".into()] },
        Error::LabelOutOfRange { document: 7, label: 2, classes: 2 },
        Error::SameClassName { name: "good".into() },
        Error::NoSharedClass { first: vec!["bad".into(), "good".into()], second: vec!["neg".into(), "pos".into()] },
        Error::SplitFraction { fraction: 0.01, documents: 20 },
        Error::SortedByClass { documents: 200, classes: vec!["bad".into(), "good".into()] },
        Error::Stopped { documents: 1000 },
        WordSplitter::matches("(a").unwrap_err(),
        Error::PatternGroups { pattern: "(a)(b)".into(), found: 2 },
        Error::IdOutOfRange { what: "the size of the table", sequence: 1, position: 2, id: 9, limit: 9 },
    ]
}

fn of_files() -> Vec<Error> {
    vec![
        Error::InFile { path: "tokenizer.json".into(), source: Box::new(Error::NoDocuments) },
        Error::NotUtf8 { file: "words.txt".into(), offset: 1204 },
        Error::ClassFolderMissing {
            path: "reviews".into(),
            expected: vec!["neg".into(), "pos".into()],
            found: vec!["neg".into()],
        },
        Error::ClassEmpty { path: "reviews/neg".into() },
        Error::NotImdb { path: "data".into(), found: vec!["nsmc".into(), "ptb".into()] },
        Error::Archive { archive: "reviews.tar.gz".into(), source: io::Error::other("unexpected end of file") },
        Error::ArchiveEntry {
            archive: "reviews.tar.gz".into(),
            entry: "../secret".into(),
            problem: "its path leads out of the archive with `..`",
        },
        Error::NoCacheFolder,
        Error::DownloadNotBuilt { url: url() },
        Error::DownloadBroken { url: url(), source: closed() },
        Error::WrongSize { file: url(), expected: 84_125_825, found: 4096 },
        Error::WrongChecksum { file: url(), expected: "9f86d081".into(), found: "60303ae2".into() },
        Vocabulary::from_json("{").unwrap_err(),
        Error::FileClass { expected: "\"Vocabulary\"".into(), found: "\"CharTokenizer\"".into() },
        Error::FileVersion { class_name: "Vocabulary", found: 9, supported: 1 },
        Error::FileField {
            class_name: "CharTokenizer",
            field: "characters",
            expected: "every character once",
            found: "7 of 8 distinct".into(),
        },
    ]
}

fn of_corpora() -> Vec<CorpusError> {
    vec![
        CorpusError::EmptyFile { path: "reviews.csv".into() },
        CorpusError::NoLabels,
        CorpusError::NotUtf8 { file: "reviews/neg/1.txt".into(), offset: 12 },
        CorpusError::NoFiles,
        CorpusError::NoColumn {
            path: "reviews.csv".into(),
            column: "\"review\"".into(),
            found: vec!["id".into(), "text".into()],
        },
        CorpusError::NoHeader { path: "reviews.csv".into(), label: "good".into() },
        CorpusError::Row { path: "reviews.csv".into(), line: 3, problem: RowProblem::UnclosedQuote },
    ]
}

fn of_rows() -> Vec<RowProblem> {
    vec![
        RowProblem::NotUtf8 { place: "the line", offset: 12 },
        RowProblem::Fields { expected: 2, found: 3, quote_after_space: false },
        RowProblem::Fields { expected: 2, found: 3, quote_after_space: true },
        RowProblem::UnclosedQuote,
        RowProblem::BehindQuote { closed: 3, is_escaped: false },
        RowProblem::TooLong { limit: 67_108_864 },
        RowProblem::Label { expected: "a whole number from 0, below 2".into(), found: "good".into() },
        RowProblem::Json { column: 4, problem: "expected `:`".into() },
        RowProblem::NoField { field: "label".into(), found: vec!["\"text\"".into()] },
        RowProblem::FieldType { field: "text".into(), expected: "a string", found: "7".into() },
        RowProblem::LabelList { field: "label".into(), found: vec!["sad".into(), "new".into()] },
    ]
}

fn of_series() -> Vec<SeriesError> {
    vec![
        SeriesError::TooShort { start: 0, end: 9, needed: 10 },
        SeriesError::Range { start: 5, end: 20, len: 9 },
        SeriesError::Length { what: "the targets", expected: 100, found: 99 },
        SeriesError::PlannedRows { expected: 100, found: 99 },
    ]
}

fn of_subwords() -> Vec<SubwordError> {
    vec![
        SubwordError::Alphabet { needed: 80, found: 50 },
        SubwordError::FileLine { line: 3, expected: "a subword in single quotes", found: "\"the_\"".into() },
        SubwordError::LineFeed { subword: "the\n".into() },
        SubwordError::Version { found: "\"2.0\"".into(), supported: "1.0" },
        SubwordError::SparseIds { tokens: 270, highest: 4_000_000_000 },
        SubwordError::Library { action: "train subwords", message: "tokenizers says \"no text\"".into() },
    ]
}

fn of_text_vectorization() -> Vec<TextVectorizationError> {
    vec![
        TextVectorizationError::OutputMode { asked: "ids", mode: "tf_idf" },
        TextVectorizationError::ReservedToken { token: "[UNK]".into(), place: 4 },
        TextVectorizationError::TooManyTokens { found: 12, max_tokens: 10 },
        TextVectorizationError::IdfWeights { expected: 12, found: 10, mode: "tf_idf" },
    ]
}

fn of_vectorizers() -> Vec<VectorizerError> {
    vec![
        VectorizerError::NoTerms { documents: 3 },
        VectorizerError::NoTermsLeft { terms: 40, least: 3.0, most: 2.0, documents: 4 },
        VectorizerError::DuplicateTerm { term: "film".into(), first: 0, second: 2 },
        VectorizerError::NotFinite { row: 1, column: 2, count: 1.0, idf: f64::INFINITY },
        VectorizerError::MatrixColumns { expected: 40, found: 39 },
    ]
}

fn of_vocabularies() -> Vec<VocabularyError> {
    vec![
        VocabularyError::Empty { distinct: 5, documents: 3 },
        VocabularyError::EmptyFile,
        VocabularyError::FrequencyRange { what: "frequency", low: 3.0, high: 2.0 },
        VocabularyError::DuplicateToken { token: "the".into(), place: 7, first: 2 },
        VocabularyError::DuplicateLine { token: "the".into(), line: 8, first: 3 },
        VocabularyError::SpecialTokenLine { line: 1, expected: "<pad>".into(), found: None },
        VocabularyError::UnknownToken { token: "<unk>".into(), special_tokens: vec!["<pad>".into()] },
        VocabularyError::TokenWithLineEnd { token: "the\n".into(), id: 7 },
        VocabularyError::NoSuchId { id: 40, tokens: 40 },
        VocabularyError::NoPadding { found: Some("<unk>".into()) },
    ]
}
