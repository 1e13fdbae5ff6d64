//! Files as people really have them, read by every corpus.

use std::path::Path;

use kiln_text::corpora::{
    ClassFolder, CorpusDocuments, DelimitedCorpus, Encoding, JsonLinesCorpus, Labels, LineCorpus, PennTreebank,
};
use kiln_text::encoders::WordTokenizer;
use kiln_text::io::Saved;

use crate::odd_files::{self, Cell};

/// The texts and labels of a corpus, or the first error.
fn read(corpus: kiln_text::Result<CorpusDocuments<'_>>) -> Result<Vec<(String, u32)>, String> {
    let documents = corpus.and_then(|corpus| corpus.collect::<kiln_text::Result<Vec<_>>>());
    let documents = documents.map_err(|error| error.to_string())?;
    Ok(documents.into_iter().map(|document| (document.text, document.label)).collect())
}

fn rows(rows: &[(&str, u32)]) -> Vec<(String, u32)> {
    rows.iter().map(|&(text, label)| (text.to_owned(), label)).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn lines() {
    odd_files::check(
        "lines.txt",
        "A dull film.\nA fine one.\n",
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Reads(rows(&[("A dull film.", 0), ("A\0 fine one.", 0)])),
            "one line" => Cell::Reads(rows(&[("A dull film.", 0)])),
            "Latin-1" => Cell::Says("`encoding`"),
            _ => Cell::Reads(rows(&[("<!DOCTYPE html>", 0), ("<html><body>404</body></html>", 0)])),
        },
        |path| read(LineCorpus::new([path]).documents()),
    );
}

#[test]
fn delimited_rows() {
    let corpus = |path: &Path| DelimitedCorpus::new([path]).text("text").label("label", Labels::names(["neg", "pos"]));
    odd_files::check(
        "rows.csv",
        "text,label\n\"dull, long\",neg\nfine,pos\n",
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Reads(rows(&[("dull, long", 0), ("f\0ine", 1)])),
            "one line" => Cell::Reads(Vec::new()),
            "Latin-1" => Cell::Says("`encoding`"),
            _ => Cell::Says("should have the column \"text\""),
        },
        |path| read(corpus(path).documents()),
    );
}

#[test]
fn json_lines() {
    let text = "{\"text\": \"dull\", \"label\": 0}\n{\"text\": \"fine\", \"label\": 1}\n";
    odd_files::check(
        "rows.jsonl",
        text,
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Says("line 2: not a JSON object"),
            "one line" => Cell::Reads(rows(&[("dull", 0)])),
            "Latin-1" => Cell::Says("`encoding`"),
            _ => Cell::Says("line 1: not a JSON object"),
        },
        |path| read(JsonLinesCorpus::new([path], "text").label("label", Labels::numbers(["neg", "pos"])).documents()),
    );
}

#[test]
fn json_lines_as_python_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let rows = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read(JsonLinesCorpus::new([&path], "text").label("label", Labels::numbers(["neg", "pos"])).documents())
    };
    for (text, expected) in [
        (r#"{"text": "a NaN \\", "score": NaN, "label": 1}"#, ("a NaN \\", 1)),
        (r#"{"score": -Infinity, "more": [NaN, Infinity], "text": "b", "label": 1.0}"#, ("b", 1)),
        (r#"{"text": "half \ud83d of it", "label": true}"#, ("half \u{fffd} of it", 1)),
        (r#"{"text": "whole \ud83d\ude00 \udc00", "label": false}"#, ("whole \u{1f600} \u{fffd}", 0)),
        (r#"{"text": "quoted \"NaN\" \\ud800", "x": NaN, "label": 0}"#, ("quoted \"NaN\" \\ud800", 0)),
    ] {
        assert_eq!(rows(text), Ok(vec![(expected.0.to_owned(), expected.1)]), "{text}");
    }
    for (text, says) in [
        ("{\n  \"text\": \"a\"\n}\n", "spans several lines on one line"),
        (r#"{"review": "a", "stars": 3}"#, "\"review\", \"stars\""),
        (r#"{"text": "a", "label": 0.5}"#, "a whole number"),
        (r#"{"text": "a", "label": nan}"#, "column"),
    ] {
        let error = rows(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn the_penn_treebank() {
    odd_files::check(
        "ptb.train.txt",
        " the film was dull \n no one <unk> \n",
        true,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => Cell::Reads(words("the film was dull <eos> \0no one <unk> <eos>")),
            "one line" => Cell::Reads(words("the film was dull <eos>")),
            "Latin-1" => Cell::Says("`encoding`"),
            _ => Cell::Reads(words("<!DOCTYPE html> <eos> <html><body>404</body></html> <eos>")),
        },
        |path| {
            let treebank = PennTreebank::open(path.parent().unwrap());
            let words = treebank.train().and_then(|part| part.words().collect::<kiln_text::Result<Vec<_>>>());
            words.map_err(|error| error.to_string())
        },
    );
}

#[test]
fn a_class_folder_drops_the_mark_and_names_what_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pos/1.txt");
    for class in ["pos", "neg"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        std::fs::write(folder.path().join(class).join("1.txt"), "dull").unwrap();
    }
    let read = || {
        let documents = ClassFolder::new(folder.path()).read(&["pos", "neg"]);
        documents.map(|documents| documents.texts().next().unwrap().to_owned()).map_err(|error| error.to_string())
    };
    std::fs::write(&file, "\u{feff}The film").unwrap();
    assert_eq!(read().unwrap(), "The film");
    for (bytes, says) in [
        (&b"\xff\xfeT\0h\0e\0"[..], "UTF-16"),
        (b"PK\x03\x04\x14\0", "a zip archive"),
        (b"\x1f\x8b\x08\0", "packed by gzip"),
        (b"caf\xe9", "UTF-8"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let error = read().unwrap_err();
        assert!(error.contains(says) && error.contains("1.txt"), "{error}");
    }
}

#[test]
fn a_class_folder_reads_files_of_any_name_if_asked_and_never_hidden_ones() {
    let folder = tempfile::tempdir().unwrap();
    let [class, other] = ["sci.space", "sci.med"].map(|class| folder.path().join(class));
    std::fs::create_dir(&class).unwrap();
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("1.txt"), "about the heart").unwrap();
    std::fs::write(class.join("._49960"), b"\0\x05\x16\x07 of macOS").unwrap();
    std::fs::write(class.join("49960"), "about the moon").unwrap();
    let texts = |folder: ClassFolder| {
        let documents = folder.read(&["sci.space", "sci.med"]).map_err(|error| error.to_string())?;
        Ok::<_, String>(documents.texts().map(str::to_owned).collect::<Vec<_>>())
    };
    let reader = || ClassFolder::new(folder.path());
    assert!(texts(reader()).unwrap_err().contains("any_extension(true)"));
    assert_eq!(texts(reader().any_extension(true)).unwrap(), ["about the moon", "about the heart"]);
    std::fs::write(class.join("2.TXT"), "of Windows").unwrap();
    std::fs::write(class.join("._1.txt"), b"\0\x05").unwrap();
    assert_eq!(texts(reader().encoding(Encoding::UTF_8_LOSSY)).unwrap(), ["of Windows", "about the heart"]);
    assert_eq!(texts(reader().any_extension(true)).unwrap(), ["of Windows", "about the moon", "about the heart"]);
}

#[test]
fn a_tokenizer_may_have_a_mark_and_must_be_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let json = WordTokenizer::builder().fit(["a fine film"]).unwrap().to_json();
    std::fs::write(&path, format!("\u{feff}{json}")).unwrap();
    assert!(WordTokenizer::load(&path).is_ok());
    std::fs::write(&path, json.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    let error = WordTokenizer::load(&path).unwrap_err().to_string();
    assert!(error.contains("UTF-16") && error.contains("tokenizer.json"), "{error}");
}
