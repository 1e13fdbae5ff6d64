//! `kiln vectors`: word vectors trained, queried, converted and evaluated; this file reads and writes their files.

mod evaluate;
mod query;
mod train;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use kiln::models::thousands;
use kiln::vectors::{Error, Format, InvalidUtf8, LoadOptions, WordVectors};

use crate::corpus::listed;
use crate::{output as standard_output, whole};

/// Trains, queries, converts and evaluates word vectors
#[derive(Args)]
#[command(
    after_help = "Example:\n  kiln vectors train corpus.txt --output vectors.txt\n  kiln vectors query vectors.txt king"
)]
pub(crate) struct Vectors {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Trains word vectors on text files by word2vec
    Train(train::Train),
    /// Finds the words nearest to given words, and answers analogies
    Query(query::Query),
    /// Writes word vectors in another format
    Convert(Convert),
    /// Scores word vectors on word pairs with human judgements, and on analogies
    Evaluate(evaluate::Evaluate),
}

/// Writes word vectors in another format
#[derive(Args)]
#[command(after_help = "Example:\n  kiln vectors convert GoogleNews-vectors-negative300.bin.gz news.safetensors\n  \
                  kiln vectors convert glove.6B.100d.txt glove.vec --limit 100000")]
struct Convert {
    /// The file to read: text of word2vec, GloVe or fastText, word2vec's binary format, or Kiln's safetensors; gzip too
    #[arg(value_name = "FROM")]
    input: PathBuf,
    /// The file to write; its ending says the format: .txt, .vec, .bin or .safetensors, and .gz after it compresses
    #[arg(value_name = "TO")]
    output: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// The format to write, if it is not that of the ending
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: Option<FileFormat>,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
}

/// How a file of vectors is read.
#[derive(Args)]
struct Reading {
    /// The format of the vectors, if the guess from their file's contents and name is wrong
    #[arg(long, visible_alias = "format", value_enum, value_name = "FORMAT")]
    from: Option<FileFormat>,
    /// Read only the first N words, usually the most frequent ones
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>)]
    limit: Option<usize>,
    /// What to do with words that are not UTF-8: refuse the file, or replace invalid bytes by U+FFFD
    #[arg(long, value_enum, default_value = "strict", value_name = "WHAT")]
    unicode_errors: UnicodeErrors,
    /// What the names of these options begin with, after the dashes.
    #[arg(skip)]
    prefix: &'static str,
}

/// Ready word vectors, as `kiln train` reads them for a network.
#[derive(Args)]
pub(crate) struct Ready {
    /// Word vectors that a network begins with: GloVe, word2vec, .vec or .safetensors
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// The format of the vectors, if the guess from their file's contents and name is wrong
    #[arg(long, value_enum, requires = "vectors", value_name = "FORMAT")]
    vectors_from: Option<FileFormat>,
    /// Read only the first N words of the vectors, usually the most frequent ones
    #[arg(long, requires = "vectors", value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>)]
    vectors_limit: Option<usize>,
    /// What to do with words of the vectors that are not UTF-8: refuse the file (by default), or replace invalid bytes
    /// by U+FFFD
    #[arg(long, value_enum, requires = "vectors", value_name = "WHAT")]
    vectors_unicode_errors: Option<UnicodeErrors>,
}

impl Ready {
    pub(crate) fn are_given(&self) -> bool {
        self.vectors.is_some()
    }

    /// Opens them, if there are any.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn open(&self) -> Result<Option<WordVectors>> {
        let Some(path) = &self.vectors else { return Ok(None) };
        let reading = Reading {
            from: self.vectors_from,
            limit: self.vectors_limit,
            unicode_errors: self.vectors_unicode_errors.unwrap_or(UnicodeErrors::Strict),
            prefix: "vectors-",
        };
        reading.open(path).map(Some)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// A line with the number of words and dimensions, then a word and its values a line
    #[value(name = "word2vec-text")]
    Word2VecText,
    /// word2vec's binary format
    #[value(name = "word2vec-binary")]
    Word2VecBinary,
    /// A word and its values a line, without a first line of numbers
    Glove,
    /// fastText's .vec
    #[value(name = "fasttext")]
    FastText,
    /// Kiln's own format, which a query reads at once, whatever its size
    Safetensors,
}

impl From<FileFormat> for Format {
    fn from(named: FileFormat) -> Self {
        match named {
            FileFormat::Word2VecText => Self::Word2VecText,
            FileFormat::Word2VecBinary => Self::Word2VecBinary,
            FileFormat::Glove => Self::Glove,
            FileFormat::FastText => Self::FastText,
            FileFormat::Safetensors => Self::Safetensors,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UnicodeErrors {
    Strict,
    Replace,
}

pub(crate) fn vectors(options: &Vectors) -> Result<()> {
    match &options.task {
        Task::Train(options) => crate::in_group(|group| train::train(options, group)),
        Task::Query(options) => query::query(options),
        Task::Convert(options) => convert(options),
        Task::Evaluate(options) => evaluate::evaluate(options),
    }
}

fn convert(options: &Convert) -> Result<()> {
    let Convert { input, output, reading, to, overwrite } = options;
    let format = format_to_write(output, *to, "name another file, or the format with --to")?;
    is_writable(output, *overwrite)?;
    let vectors = reading.load(input)?;
    save(&vectors, output, format)?;
    let mut out = standard_output();
    if vectors.duplicates() > 0 {
        let repeated = thousands(vectors.duplicates());
        writeln!(out, "{}: skipped {repeated} lines or records of words that came before", input.display())?;
    }
    writeln!(out, "{}: {}, in {format}", output.display(), size(&vectors))?;
    Ok(())
}

impl Reading {
    /// Reads a file into memory.
    fn load(&self, path: &Path) -> Result<WordVectors> {
        ensure!(self.limit != Some(0), "--{}limit should be at least 1, found 0", self.prefix);
        let invalid = match self.unicode_errors {
            UnicodeErrors::Strict => InvalidUtf8::Refuse,
            UnicodeErrors::Replace => InvalidUtf8::Replace,
        };
        let mut options = LoadOptions::new().invalid_utf8(invalid);
        if let Some(format) = self.from {
            options = options.format(format.into());
        }
        if let Some(limit) = self.limit {
            options = options.limit(limit);
        }
        options.load(path).map_err(|error| with_options(error, path, self.prefix))
    }

    /// Reads a file, or maps it where it can be mapped.
    fn open(&self, path: &Path) -> Result<WordVectors> {
        let is_own = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
        if is_own
            && self.from.is_none()
            && self.limit.is_none()
            && let Ok(mapped) = WordVectors::open(path)
        {
            return Ok(mapped);
        }
        // Which also says what is wrong with a file that cannot be mapped.
        self.load(path)
    }
}

/// The format to write: the one that is named, or the one that the file's ending says.
fn format_to_write(path: &Path, named: Option<FileFormat>, advice: &str) -> Result<Format> {
    if let Some(named) = named {
        return Ok(named.into());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("bin" | "safetensors" | "txt" | "vec") => Ok(Format::of_name(path)),
        found => bail!(
            "{} should end in .txt, .vec, .bin or .safetensors, with or without .gz, which says the format; found {}: \
             {advice}",
            path.display(),
            found.map_or_else(|| "no ending".to_owned(), |found| format!(".{found}"))
        ),
    }
}

/// # Errors
///
/// The file exists and is not to be replaced, or cannot be written.
fn is_writable(path: &Path, overwrite: bool) -> Result<()> {
    let folder = folder_of(path);
    ensure!(
        folder.is_dir(),
        "cannot write {}: there is no folder {}; make it, or name another file",
        path.display(),
        folder.display()
    );
    ensure!(!path.is_dir(), "{} is a folder: name a file", path.display());
    // Of a link what it points to.
    let is_special = std::fs::metadata(path).is_ok_and(|found| !found.is_file());
    ensure!(!is_special, "{} is a pipe or a device, which a file would replace: name another file", path.display());
    ensure!(
        overwrite || is_free(path),
        "{} already exists: replace it with --overwrite, or name another file",
        path.display()
    );
    // As finished files are made, but for nothing.
    tempfile::Builder::new()
        .prefix(".kiln-")
        .suffix(".part")
        .tempfile_in(folder)
        .with_context(|| format!("cannot write {}: no file can be made in {}", path.display(), folder.display()))?;
    Ok(())
}

/// Whether there is nothing of this name, not even a link to nothing.
fn is_free(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err()
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes vectors, whole or not at all.
fn save(vectors: &WordVectors, path: &Path, format: Format) -> Result<()> {
    vectors.save(path, format).map_err(|error| plain(error, path))
}

/// How many words there are, and of how many dimensions.
fn size(vectors: &WordVectors) -> String {
    format!("{} words of {} dimensions", thousands(vectors.len()), vectors.d())
}

/// An error about `file`, with the options as they are called here.
fn plain(error: Error, file: &Path) -> anyhow::Error {
    with_options(error, file, "")
}

/// The same where the names of the options that read vectors begin with `prefix`.
fn with_options(error: Error, file: &Path, prefix: &str) -> anyhow::Error {
    match error {
        Error::UnknownWord { word, words, suggestions } => {
            let advice = match &suggestions[..] {
                [] => "check the spelling; words in upper and lower case are different words".to_owned(),
                near => format!("the closest spellings are {}", listed(near)),
            };
            anyhow!("{word:?} is not among the {} words of {}: {advice}", thousands(words), file.display())
        }
        Error::WordNotWritable { word, what, format, .. } => anyhow!(
            "cannot write {}: the word {word:?} has {what}, which {format} cannot hold; name a .safetensors file, \
             which holds any word",
            file.display()
        ),
        Error::NotUtf8 { path, place, byte } => {
            let advice = if path == file {
                format!("read the file with `--{prefix}unicode-errors replace`")
            } else {
                "convert the file, as by iconv -f latin1 -t UTF-8".to_owned()
            };
            anyhow!("{}, {place}: expected UTF-8, found an invalid byte at {byte}; {advice}", path.display())
        }
        Error::TooFewPairs { path, used, unknown, invalid: 0, .. } if unknown > 0 => anyhow!(
            "{} should have at least two pairs of words with vectors, found {used}: {unknown} pairs have a word \
             without one; check that its words are of the language of {}, and that --restrict-vocab and --limit do not \
             leave them out",
            path.display(),
            file.display()
        ),
        Error::TooFewPairs { path, used, unknown, invalid, first_invalid } => anyhow!(
            "{} should have at least two pairs of words with vectors, found {used}: {unknown} pairs have a word \
             without a vector, {invalid} lines are not two words and a number{first_invalid}; name the separator with \
             --delimiter, or the columns with --columns",
            path.display()
        ),
        error @ Error::BadFile { .. } => anyhow!(in_options(&error.to_string(), prefix)),
        other => other.into(),
    }
}

/// What is wrong with a file, in the library's words but for the names of the options.
fn in_options(told: &str, prefix: &str) -> String {
    let told = told
        .replace("`LoadOptions::format`", &format!("`--{prefix}from word2vec-text` or `--{prefix}from glove`"))
        .replace("is Format::Glove", &format!("is read with `--{prefix}from glove`"))
        .replace("`limit`", &format!("`--{prefix}limit N`"));
    // `limit(5)`
    match told.split_once("`limit(") {
        Some((before, after)) => format!("{before}`--{prefix}limit {}", after.replacen(")`", "`", 1)),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_are_answered_by_options() {
        let told = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("v.txt");
            std::fs::write(&path, text).unwrap();
            let format = Some(Format::Word2VecText).filter(|_| !text.starts_with('7'));
            let options = format.map_or_else(LoadOptions::new, |format| LoadOptions::new().format(format));
            with_options(options.load(&path).unwrap_err(), &path, "vectors-").to_string()
        };
        for (text, expected) in [
            ("3 2\na 1 2\nb 3 4\n", "`--vectors-limit 2`"),
            ("a 1 2\n", "`--vectors-from glove`"),
            ("7 1 2\n", "`--vectors-from word2vec-text` or `--vectors-from glove`"),
        ] {
            let told = told(text);
            assert!(told.contains(expected) && !told.contains("::") && !told.contains("limit("), "{told}");
        }
    }
}
