//! fastText's `.bin` files: magic number, options, dictionary, and the two tables.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use kiln_base::{FileError, Interner, WholeFile};

use super::Supervised;
use super::config::{Loss, SupervisedConfig};
use super::dictionary::{Dictionary, Entries};
use super::tables::{Tables, zeros};
use crate::error::{Error, Result};

const MAGIC: i32 = 793_712_314;
const VERSION: i32 = 12;
const SUPERVISED: i32 = 3;
const SOFTMAX: i32 = 3;
const ONE_VS_ALL: i32 = 4;
const WORD: i8 = 0;
const LABEL: i8 = 1;

fn write_to(model: &Supervised, to: &mut impl Write) -> std::io::Result<()> {
    let Supervised { config, dictionary, tables, .. } = model;
    let whole = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let loss = if config.loss == Loss::Softmax { SOFTMAX } else { ONE_VS_ALL };
    let numbers = [
        MAGIC,
        VERSION,
        whole(config.d),
        5, // window, unused by supervised models
        whole(config.epochs),
        whole(config.min_count as usize),
        5, // negative samples, unused
        whole(config.word_ngrams),
        loss,
        SUPERVISED,
        whole(dictionary.buckets),
        whole(config.min_n),
        whole(config.max_n),
        100, // tokens between two learning rates
    ];
    to.write_all(numbers.map(i32::to_le_bytes).as_flattened())?;
    to.write_all(&1e-4_f64.to_le_bytes())?; // share above which frequent words are dropped, unused
    let (words, labels) = (&dictionary.words, &dictionary.labels);
    let sizes = [words.len() + labels.len(), words.len(), labels.len()];
    to.write_all(sizes.map(|size| whole(size).to_le_bytes()).as_flattened())?;
    to.write_all(&dictionary.tokens.to_le_bytes())?;
    to.write_all(&(-1_i64).to_le_bytes())?; // rows pruned
    for (entries, kind) in [(words, WORD), (labels, LABEL)] {
        for (token, count) in entries.iter() {
            to.write_all(&[token.as_bytes(), &[0], &count.to_le_bytes(), &kind.to_le_bytes()].concat())?;
        }
    }
    for (table, rows) in [(&tables.input, dictionary.rows()), (&tables.output, labels.len())] {
        to.write_all(&[0])?; // not quantised
        to.write_all(&(rows as i64).to_le_bytes())?;
        to.write_all(&(tables.d as i64).to_le_bytes())?;
        for number in table {
            to.write_all(&number.to_le_bytes())?;
        }
    }
    let prefix = &config.label_prefix;
    if *prefix == common_prefix(&labels.tokens) {
        return Ok(());
    }
    to.write_all(&[prefix.as_bytes(), &(prefix.len() as u32).to_le_bytes(), PREFIX].concat())
}

/// Marks the last bytes of a file whose label prefix is not the labels' common beginning; the prefix and its length
/// come before it. fastText does not read beyond its tables.
const PREFIX: &[u8] = b"kiln: label_prefix";

/// The prefix at the end of such a file, and the number of bytes that it takes there.
fn prefix_of(file: &mut File, size: u64) -> std::io::Result<Option<(String, u64)>> {
    let tail = (4 + PREFIX.len()) as u64;
    if size < tail {
        return Ok(None);
    }
    let mut end = vec![0; tail as usize];
    file.seek(SeekFrom::End(-(tail as i64)))?;
    file.read_exact(&mut end)?;
    let mut found = None;
    if let Some((length, PREFIX)) = end.split_first_chunk() {
        let length = u64::from(u32::from_le_bytes(*length));
        if length <= size - tail {
            let mut prefix = Vec::new();
            file.seek(SeekFrom::End(-((tail + length) as i64)))?;
            Read::by_ref(file).take(length).read_to_end(&mut prefix)?;
            found = String::from_utf8(prefix).ok().map(|prefix| (prefix, tail + length));
        }
    }
    file.rewind()?;
    Ok(found)
}

/// A file that is being read.
struct Source<'a> {
    path: &'a Path,
    from: BufReader<File>,
    at: u64,
    size: u64,
}

impl Source<'_> {
    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what).map(|()| bytes)
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<()> {
        let left = self.size.saturating_sub(self.at);
        if (bytes.len() as u64) > left {
            return Err(self.problem(format!("it ends in {what}, at byte {} of {}", self.at, self.size)));
        }
        self.from.read_exact(bytes).map_err(FileError::new("read", self.path))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn int(&mut self, what: &str) -> Result<i32> {
        Ok(i32::from_le_bytes(self.bytes(what)?))
    }

    fn long(&mut self, what: &str) -> Result<i64> {
        Ok(i64::from_le_bytes(self.bytes(what)?))
    }

    /// A number that is a size.
    fn size_of(&mut self, what: &str) -> Result<usize> {
        let number = self.int(what)?;
        usize::try_from(number).map_err(|_| self.problem(format!("{what} is {number}")))
    }

    fn problem(&self, problem: impl Into<String>) -> Error {
        Error::BadModel { path: self.path.to_path_buf(), problem: problem.into() }
    }

    fn token(&mut self) -> Result<String> {
        let mut token = Vec::new();
        let began = self.at;
        while let [byte @ 1..=u8::MAX] = self.bytes("the dictionary")? {
            token.push(byte);
        }
        String::from_utf8(token).map_err(|_| self.problem(format!("the word at byte {began} is not UTF-8")))
    }

    fn table(&mut self, rows: usize, d: usize, what: &str) -> Result<Vec<f32>> {
        if self.bytes(what)? != [0_u8] {
            return Err(
                self.problem(format!("{what} is quantised, which is not supported: use the .bin, not the .ftz"))
            );
        }
        let (found_rows, found_d) = (self.long(what)?, self.long(what)?);
        if (found_rows, found_d) != (rows as i64, d as i64) {
            return Err(self.problem(format!("{what} is {found_rows} x {found_d}, expected {rows} x {d}")));
        }
        let needed = rows as u128 * d as u128 * 4;
        let left = self.size - self.at;
        if needed > u128::from(left) {
            return Err(self.problem(format!("{what} needs {needed} bytes, but the file has {left} left")));
        }
        let mut numbers = zeros(rows, d)?;
        let mut bytes = vec![0; 4 << 16];
        for part in numbers.chunks_mut(1 << 16) {
            let bytes = &mut bytes[..part.len() * 4];
            self.fill(bytes, what)?;
            for (number, bytes) in part.iter_mut().zip(bytes.as_chunks().0) {
                *number = f32::from_le_bytes(*bytes);
            }
        }
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(self.problem(format!("{what} holds {} in row {}", numbers[at], at / d))),
            None => Ok(numbers),
        }
    }
}

impl Supervised {
    /// Writes the model as fastText's `.bin`, which fastText can read; the file is written whole or not at all.
    ///
    /// If the labels' common beginning is not `label_prefix`, the file ends with the prefix; fastText ignores it.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut file = WholeFile::create(path)?;
        write_to(self, &mut file).map_err(FileError::new("write", path))?;
        Ok(file.finish()?)
    }

    /// Reads a supervised model of fastText's `.bin` format, version 12 or 11.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is cut short, is not a model, or has something unsupported: word vectors without
    /// labels, quantised tables, hierarchical softmax, negative sampling.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(FileError::new("read", path))?;
        let size = file.metadata().map_err(FileError::new("read", path))?.len();
        let (prefix, tail) = prefix_of(&mut file, size).map_err(FileError::new("read", path))?.unzip();
        let size = size - tail.unwrap_or(0);
        let mut source = Source { path, from: BufReader::new(file), at: 0, size };
        if size < 8 || source.int("the magic number")? != MAGIC {
            return Err(source.problem("it does not begin like fastText's .bin files"));
        }
        let version = source.int("the version")?;
        if !(11..=VERSION).contains(&version) {
            return Err(source.problem(format!("its version is {version}, expected 11 or 12")));
        }
        let mut option = || source.size_of("an option");
        let [d, _, epochs, min_count] = [option()?, option()?, option()?, option()?];
        let [_, word_ngrams, loss, model] = [option()?, option()?, option()?, option()?];
        let [buckets, min_n, max_n, _] = [option()?, option()?, option()?, option()?];
        source.bytes::<8>("an option")?;
        if model != SUPERVISED as usize {
            return Err(
                source.problem("it holds word vectors, not a classifier: kiln-vectors reads the .vec next to it")
            );
        }
        let loss = match loss as i32 {
            SOFTMAX => Loss::Softmax,
            ONE_VS_ALL => Loss::OneVsAll,
            loss => {
                return Err(
                    source.problem(format!("its loss is number {loss}, expected softmax (3) or one against all (4)"))
                );
            }
        };
        if d == 0 || epochs == 0 || word_ngrams == 0 {
            return Err(source.problem(format!("it has {d} dimensions, {epochs} epochs and {word_ngrams}-grams")));
        }
        let entries = source.size_of("the dictionary")?;
        let (words, labels) = (source.size_of("the dictionary")?, source.size_of("the dictionary")?);
        let tokens = source.long("the dictionary")?;
        if source.long("the dictionary")? > 0 {
            return Err(source.problem("its dictionary is pruned, as in quantised models"));
        }
        if words.checked_add(labels) != Some(entries) || tokens < 0 || labels == 0 {
            return Err(source.problem(format!("it has {entries} entries, but {words} words and {labels} labels")));
        }
        let (mut read_words, mut read_labels) = (Entries::default(), Entries::default());
        for at in 0..entries {
            let token = source.token()?;
            let count = source.long("the dictionary")?.max(0) as u64;
            let [kind] = source.bytes("the dictionary")?;
            let read = match (kind as i8, at < words) {
                (WORD, true) => &mut read_words,
                (LABEL, false) => &mut read_labels,
                _ => return Err(source.problem(format!("entry {at} of the dictionary has kind {kind}"))),
            };
            if read.add(&token, count) as usize + 1 < read.len() {
                return Err(source.problem(format!("entry {at} of the dictionary repeats {token:?}")));
            }
        }
        if let Some(label) =
            prefix.as_ref().and_then(|prefix| read_labels.tokens.iter().find(|label| !label.starts_with(prefix)))
        {
            let prefix = prefix.unwrap_or_default();
            return Err(source.problem(format!("its label {label:?} does not begin with its prefix {prefix:?}")));
        }
        let config = SupervisedConfig {
            d,
            epochs,
            min_count: min_count as u64,
            word_ngrams,
            loss,
            buckets,
            min_n,
            max_n: if version == 11 { 0 } else { max_n }, // version 11 wrote a length without using it
            // fastText's own files do not hold the prefix. All labels begin with this.
            label_prefix: prefix.unwrap_or_else(|| common_prefix(&read_labels.tokens)),
            ..SupervisedConfig::new()
        };
        if buckets == 0 && (config.max_n > 0 || word_ngrams > 1) {
            return Err(source.problem("it has runs of words or characters, but no buckets"));
        }
        let dictionary = Dictionary::new(read_words, read_labels, tokens as u64, &config);
        let input = source.table(words + dictionary.buckets, d, "the input table")?;
        let output = source.table(labels, d, "the output table")?;
        if source.at != size {
            return Err(source.problem(format!("{} bytes follow its end", size - source.at)));
        }
        Ok(Self { config, dictionary, tables: Tables { d, input, output }, loss: f64::NAN })
    }
}

/// `__label__` if all labels begin with it, otherwise their common beginning.
fn common_prefix(labels: &Interner) -> String {
    let usual = SupervisedConfig::new().label_prefix;
    let first = labels.text(0).unwrap_or_default();
    if labels.iter().all(|label| label.starts_with(&usual)) {
        return usual;
    }
    let ends = first.char_indices().map(|(at, c)| at + c.len_utf8());
    let common = ends.take_while(|&end| labels.iter().all(|label| label.starts_with(&first[..end]))).last();
    first[..common.unwrap_or(0)].to_owned()
}
