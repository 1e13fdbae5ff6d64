//! Every file reader that needs no tensors, each with a good file of its kind.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_base::Input;
use kiln_linear::{Supervised, SupervisedConfig};
use kiln_text::corpora::{
    BadRow, ClassFolder, CorpusDocuments, DelimitedCorpus, Imdb, JsonLinesCorpus, Labels, LineCorpus, Nsmc,
    PennTreebank,
};
use kiln_text::encoders::{CharTokenizer, SubwordTextEncoder, TextEncoder, WordTokenizer};
use kiln_text::features::{CountVectorizer, TfidfVectorizer};
use kiln_text::io::Saved;
use kiln_text::keras::TextVectorization;
use kiln_text::vocabulary::{TokenCounts, Vocabulary, whitespace_tokens};

use kiln_vectors::{AnalogyOptions, Format, LoadOptions, PairsOptions, WordVectors};

/// What a reader did with a file: how many items it read, how many it skipped, and how many lines it should have seen,
/// if each line is an item.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Read {
    pub(crate) items: usize,
    pub(crate) skipped: usize,
    pub(crate) lines: Option<usize>,
}

type Reading = Box<dyn Fn(&Path) -> Result<Read, String> + std::panic::RefUnwindSafe + Send + Sync>;

/// A reader.
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    /// The name of its file, with its folder.
    pub(crate) file: &'static str,
    pub(crate) good: Vec<u8>,
    pub(crate) read: Reading,
}

fn texts() -> Vec<String> {
    let words = ["the", "film", "was", "dull", "fine", "naïve", "한국", "not", "café", "plot", "R$", "0,00", "end."];
    (0..40)
        .map(|line| (0..3 + line % 7).map(|at| words[(line * 5 + at * 3) % 13]).collect::<Vec<_>>().join(" "))
        .collect()
}

fn corpus(documents: kiln_text::Result<CorpusDocuments<'_>>) -> Result<Read, String> {
    let mut documents = documents.map_err(|error| error.to_string())?.on_bad_row(BadRow::Skip);
    let mut items = 0;
    for document in &mut documents {
        document.map_err(|error| error.to_string())?;
        items += 1;
    }
    Ok(Read { items, skipped: documents.bad_rows().skipped as usize, lines: None })
}

/// Like `corpus`, if each line of the file for which `counts` is true is a document or a bad row.
fn lines(
    path: &Path,
    documents: kiln_text::Result<CorpusDocuments<'_>>,
    counts: fn(&[u8]) -> bool,
) -> Result<Read, String> {
    let read = corpus(documents)?;
    let mut bytes = Vec::new();
    let file = Input::open(path).map_err(|error| error.to_string())?;
    std::io::Read::read_to_end(&mut file.into_reader(), &mut bytes).map_err(|error| error.to_string())?;
    // Line ends of old Macs are detected in the first 64 KiB.
    let head = &bytes[..bytes.len().min(1 << 16)];
    let end = if head.contains(&b'\r') && !head.contains(&b'\n') { b'\r' } else { b'\n' };
    let lines =
        bytes.strip_suffix(&[end]).unwrap_or(&bytes).split(|&byte| byte == end || (end == b'\r' && byte == b'\n'));
    Ok(Read { lines: Some(lines.filter(|line| counts(line)).count()), ..read })
}

fn items(read: kiln_text::Result<usize>) -> Result<Read, String> {
    read.map(|items| Read { items, ..Read::default() }).map_err(|error| error.to_string())
}

fn vectors(read: kiln_vectors::Result<usize>) -> Result<Read, String> {
    read.map(|items| Read { items, ..Read::default() }).map_err(|error| error.to_string())
}

/// The bytes that `save` writes to a file.
fn saved<E: std::error::Error + Send + Sync + 'static>(
    name: &str,
    save: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    save(&path).with_context(|| format!("the good {name} cannot be written"))?;
    Ok(std::fs::read(path)?)
}

/// The archive of film reviews with a few of them.
fn archive() -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (at, text) in texts().iter().enumerate() {
        let (split, class) = (["train", "test"][at % 2], ["neg", "pos", "neg"][at / 2 % 3]);
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, format!("aclImdb/{split}/{class}/{at}_1.txt"), text.as_bytes())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// All readers.
pub(crate) fn all() -> Result<Vec<Reader>> {
    let texts = texts();
    let neg_pos = || Labels::numbers(["neg", "pos"]);
    let mut all: Vec<Reader> = Vec::new();
    let mut add = |name, file, good: Vec<u8>, read: Reading| all.push(Reader { name, file, good, read });
    let rows = |delimiter: char, header: &str, quote: &str| {
        let row = |(at, text): (usize, &String)| format!("{at}{delimiter}{quote}{text}{quote}{delimiter}{}\n", at % 2);
        format!("{header}{}", texts.iter().enumerate().map(row).collect::<String>()).into_bytes()
    };

    add(
        "LineCorpus",
        "lines.txt",
        (texts.join("\n") + "\n").into_bytes(),
        Box::new(|path| lines(path, LineCorpus::new([path]).documents(), |_| true)),
    );
    add(
        "DelimitedCorpus",
        "rows.csv",
        rows(',', "id,text,label\n", "\""),
        Box::new(move |path| corpus(DelimitedCorpus::new([path]).text("text").label("label", neg_pos()).documents())),
    );
    add(
        "DelimitedCorpus, escapes",
        "rows.csv",
        rows(',', "id,text,label\n", "\""),
        Box::new(move |path| {
            let rows = DelimitedCorpus::new([path]).escape(b'\\').skip_initial_space(true);
            corpus(rows.text(1).label(2, neg_pos()).documents())
        }),
    );
    add(
        "DelimitedCorpus, tabs",
        "rows.tsv",
        rows('\t', "", ""),
        Box::new(move |path| {
            let rows = DelimitedCorpus::new([path]).delimiter(b'\t').quote(None).headers(false);
            corpus(rows.text(1).label(2, neg_pos()).documents())
        }),
    );
    let json = |(at, text): (usize, &String)| format!("{{\"label\": {}, \"text\": \"{text}\"}}\n", at % 2);
    add(
        "JsonLinesCorpus",
        "rows.jsonl",
        texts.iter().enumerate().map(json).collect::<String>().into_bytes(),
        Box::new(move |path| {
            let rows = JsonLinesCorpus::new([path], "text").label("label", neg_pos()).documents();
            lines(path, rows, |line| !String::from_utf8_lossy(line).trim().is_empty())
        }),
    );
    add(
        "Nsmc",
        "ratings_train.txt",
        rows('\t', "id\tdocument\tlabel\n", ""),
        Box::new(|path| corpus(Nsmc::of_files(path, path).train())),
    );
    add(
        "PennTreebank",
        "ptb/ptb.train.txt",
        (texts.join("\n") + "\n").into_bytes(),
        Box::new(|path| corpus(PennTreebank::open(path.parent().unwrap_or(path)).train())),
    );
    add(
        "ClassFolder",
        "classes/pos/1.txt",
        texts.join(" ").into_bytes(),
        Box::new(|path| {
            let folder = path.ancestors().nth(2).unwrap_or(path);
            let other = folder.join("neg");
            let made = std::fs::create_dir_all(&other).and_then(|()| std::fs::write(other.join("1.txt"), "dull"));
            made.map_err(|error| error.to_string())?;
            items(ClassFolder::new(folder).read(&["neg", "pos"]).map(|documents| documents.len()))
        }),
    );
    add(
        "Imdb, archive",
        "aclImdb_v1.tar.gz",
        archive()?,
        Box::new(|path| items(Imdb::open(path).and_then(|imdb| Ok(imdb.train()?.len() + imdb.test()?.len())))),
    );

    let words = WordTokenizer::builder().fit(&texts)?;
    add(
        "WordTokenizer",
        "tokenizer.json",
        words.to_json().into_bytes(),
        Box::new(|path| items(WordTokenizer::load(path).map(|tokenizer| tokenizer.words().count()))),
    );
    let any = |path: &Path| items(TextEncoder::load(path).map(|_| 1));
    add("TextEncoder, words", "tokenizer.json", words.to_json().into_bytes(), Box::new(any));
    let characters = CharTokenizer::builder().fit(&texts)?.to_json();
    add("TextEncoder, characters", "tokenizer.json", characters.into_bytes(), Box::new(any));
    let subwords = SubwordTextEncoder::builder(300).fit(&texts)?;
    let file = saved("vocabulary.subwords", |path| subwords.save_subwords(path))?;
    add(
        "SubwordTextEncoder",
        "vocabulary.subwords",
        file,
        Box::new(|path| items(SubwordTextEncoder::load_subwords(path).map(|_| 1))),
    );
    let counts = CountVectorizer::builder().fit(&texts)?.to_json();
    add(
        "CountVectorizer",
        "vectorizer.json",
        counts.into_bytes(),
        Box::new(|path| items(CountVectorizer::load(path).map(|_| 1))),
    );
    let tfidf = TfidfVectorizer::builder().fit(&texts)?.to_json();
    add(
        "TfidfVectorizer",
        "tfidf.json",
        tfidf.into_bytes(),
        Box::new(|path| items(TfidfVectorizer::load(path).map(|_| 1))),
    );
    let layer = TextVectorization::builder().adapt(&texts)?.to_json();
    add(
        "TextVectorization",
        "layer.json",
        layer.into_bytes(),
        Box::new(|path| items(TextVectorization::load(path).map(|_| 1))),
    );
    let vocabulary = Vocabulary::builder().fit(&texts, whitespace_tokens)?;
    add(
        "Vocabulary",
        "vocabulary.json",
        vocabulary.to_json().into_bytes(),
        Box::new(|path| items(Vocabulary::load(path).map(|vocabulary| vocabulary.len()))),
    );
    let file = saved("vocabulary.txt", |path| vocabulary.save_text(path))?;
    add(
        "Vocabulary, text",
        "vocabulary.txt",
        file,
        Box::new(|path| items(Vocabulary::builder().load_text(path).map(|vocabulary| vocabulary.len()))),
    );
    let counts = TokenCounts::count_texts(&texts, whitespace_tokens)?.to_json();
    add(
        "TokenCounts",
        "counts.json",
        counts.into_bytes(),
        Box::new(|path| items(TokenCounts::load(path).map(|counts| counts.iter().len()))),
    );

    let names: Vec<String> = (0..60).map(|word| format!("word{word}")).collect();
    let values = (0..240).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect();
    let small = WordVectors::new(&names, values, 4)?.with_counts((0..60).rev().collect())?;
    let whole = |path: &Path| vectors(WordVectors::load(path).map(|vectors| vectors.len()));
    for (name, file, format) in [
        ("WordVectors, word2vec", "vectors.txt", Format::Word2VecText),
        ("WordVectors, binary", "vectors.bin", Format::Word2VecBinary),
        ("WordVectors, GloVe", "glove.txt", Format::Glove),
        ("WordVectors, fastText", "vectors.vec", Format::FastText),
        ("WordVectors, Kiln's", "vectors.safetensors", Format::Safetensors),
    ] {
        add(name, file, saved(file, |path| small.save(path, format))?, Box::new(whole));
    }
    let file = saved("mapped.safetensors", |path| small.save(path, Format::Safetensors))?;
    add(
        "WordVectors, mapped",
        "mapped.safetensors",
        file,
        Box::new(|path| vectors(WordVectors::open(path).map(|vectors| vectors.len()))),
    );
    let folder = tempfile::tempdir()?.keep();
    let loaded = folder.join("vectors.txt");
    small.save(&loaded, Format::Word2VecText)?;
    let file = saved("counts.txt", |path| small.save_counts(path))?;
    add(
        "LoadOptions::counts",
        "counts.txt",
        file,
        Box::new(move |path| vectors(LoadOptions::new().counts(path).load(&loaded).map(|vectors| vectors.len()))),
    );
    let pairs: String = (0..30).map(|at| format!("word{at}\tword{}\t{}.5\n", at + 7, at % 10)).collect();
    let asked = small.clone();
    add(
        "evaluate_word_pairs",
        "pairs.tsv",
        pairs.into_bytes(),
        Box::new(move |path| vectors(asked.evaluate_word_pairs(path, &PairsOptions::new()).map(|score| score.used))),
    );
    let questions: String =
        (0..30).map(|at| format!("word{at} word{} word{} word{}\n", at + 1, at + 2, at + 3)).collect();
    let asked = small;
    add(
        "evaluate_word_analogies",
        "analogies.txt",
        format!(": letters\n{questions}").into_bytes(),
        Box::new(move |path| {
            let score = asked.evaluate_word_analogies(path, &AnalogyOptions::new());
            vectors(score.map(|score| score.sections.len()))
        }),
    );

    let labelled: Vec<String> =
        texts.iter().enumerate().map(|(at, text)| format!("__label__{} {text}", at % 2)).collect();
    let config = SupervisedConfig::new().d(8).word_ngrams(2).buckets(50).epochs(1);
    let model = Supervised::fit(&config, &labelled, |_| ControlFlow::Continue(()))?;
    let file = saved("model.bin", |path| model.save(path))?;
    add(
        "Supervised",
        "model.bin",
        file,
        Box::new(|path| {
            let words = Supervised::load(path).map(|model| model.words());
            words.map(|items| Read { items, ..Read::default() }).map_err(|error| error.to_string())
        }),
    );
    Ok(all)
}
