//! Kiln's own format: a safetensors file with the vectors, the words, where each word ends, and the counts if they are
//! known. Numbers are aligned in the file, so that it can be mapped and used in place.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;

use super::LoadOptions;
use super::checksums::{self, DIGITS, Written, bytes_of};
use super::source::Source;
use kiln_base::checksum::sha256;
use kiln_base::{BadParts, FileError};

use crate::error::{Error, Result};
use crate::word_list::WordList;
use crate::word_vectors::{Values, WordVectors, check_written};

const FORMAT: &str = "kiln-word-vectors";
const VERSION: &str = "1";

/// The allowed metadata keys.
const METADATA: [&str; 4] = ["format", "version", checksums::REST, checksums::VALUES];

/// What a file holds, except the values, which are at `bytes`.
struct Contents {
    words: WordList,
    counts: Option<Vec<u64>>,
    d: usize,
    /// All values, including those of words that are not kept.
    bytes: std::ops::Range<usize>,
    written: Written,
}

impl Contents {
    /// A checked copy of the values of the words that are kept.
    fn values(&self, file: &[u8]) -> Result<Values> {
        let bytes = &file[self.bytes.clone()];
        let values = floats(&bytes[..self.words.len() * self.d * size_of::<f32>()]);
        check_written(&self.words, &values, self.d, bytes, &self.written)?;
        Ok(Values::Owned(values))
    }
}

/// Whether a file begins like a safetensors file: eight bytes with the length of a JSON object, then the object.
pub(super) fn is_safetensors(head: &[u8]) -> bool {
    const LONGEST_HEADER: u64 = 100_000_000;
    let begins = |(&length, rest): (_, &[u8])| u64::from_le_bytes(length) <= LONGEST_HEADER && rest.starts_with(b"{");
    head.split_first_chunk().is_some_and(begins)
}

/// Maps a file.
pub(super) fn open(path: &Path) -> Result<WordVectors> {
    let source = Source::with_contents(path)?;
    let expected = "a file in Kiln's safetensors format, the only one that can be mapped";
    let wrong = |found| Err(Error::bad_file(path, None, format!(" should be {expected}, found {found}")));
    if source.is_gzip() {
        return wrong("a compressed file: use `load`, or decompress it");
    }
    if !is_safetensors(source.head()) {
        return wrong("something else: use `load`, or `load` it once and `save` it in that format");
    }
    let map = Arc::new(map(path)?);
    let contents = parse(&map, path, usize::MAX)?;
    let bytes = &map[contents.bytes.clone()];
    let in_place = cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, f32>(bytes).is_ok();
    let values = match in_place {
        true => Values::Mapped { bytes: contents.bytes, map, written: contents.written },
        false => contents.values(&map)?,
    };
    Ok(WordVectors::from_parts(contents.words, values, contents.d, contents.counts, 0))
}

/// Reads a file into memory.
pub(super) fn read(source: Source, options: &LoadOptions) -> Result<WordVectors> {
    let path = source.path.clone();
    let limit = options.limit.unwrap_or(usize::MAX);
    let (mut unpacked, mapped);
    let bytes: &[u8] = if source.is_gzip() || source.file_bytes() == u64::MAX {
        unpacked = Vec::new();
        source.into_reader().read_to_end(&mut unpacked).map_err(FileError::new("read", &path))?;
        &unpacked
    } else {
        mapped = map(&path)?;
        &mapped
    };
    let contents = parse(bytes, &path, limit)?;
    let values = contents.values(bytes)?;
    Ok(WordVectors::from_parts(contents.words, values, contents.d, contents.counts, 0))
}

fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(FileError::new("read", path))?;
    // SAFETY: a map is undefined behaviour only if its bytes change while they are mapped. Kiln replaces files by
    // renaming and never writes into one; the documentation of `open` asks the caller to make sure that nobody else
    // does.
    let map = unsafe { Mmap::map(&file) };
    Ok(map.map_err(FileError::new("map", path))?)
}

/// Checks everything except the values, and takes the first `limit` words.
fn parse(bytes: &[u8], path: &Path, limit: usize) -> Result<Contents> {
    let layout = |part: &str, expected: &str, found: String| {
        Error::bad_file(path, None, format!(": {part} should be {expected}, found {found}"))
    };
    let broken = |source| Error::Safetensors { path: path.to_path_buf(), source };
    let (header_bytes, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let metadata = |key: &str| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let format = metadata("format");
    if format.is_none_or(|format| format != FORMAT) {
        let found = format.map_or("none".to_owned(), |format| format!("{format:?}"));
        return Err(layout("the metadata `format`", "\"kiln-word-vectors\", as in the files that Kiln writes", found));
    }
    let version = metadata("version").map_or("none", String::as_str);
    if version != VERSION {
        let problem = format!(" has the format version {version}, this Kiln reads {VERSION}: update Kiln");
        return Err(Error::bad_file(path, None, problem));
    }
    let mut keys = header.metadata().iter().flat_map(|metadata| metadata.keys());
    if let Some(key) = keys.find(|key| !METADATA.contains(&key.as_str())) {
        return Err(layout("the metadata", &format!("of {METADATA:?} only"), format!("{key:?}")));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let describe = |tensor: &TensorView<'_>| format!("{:?} of shape {:?}", tensor.dtype(), tensor.shape());
    let tensor =
        |part, name: &str, expected: &str| tensors.tensor(name).map_err(|_| layout(part, expected, "none".to_owned()));

    let shape_of_vectors = "F32 of words x width, both 1 or more";
    let vectors = tensor("the tensor `vectors`", "vectors", shape_of_vectors)?;
    let (all, d) = match (vectors.dtype(), vectors.shape()) {
        (Dtype::F32, &[words, d]) if words > 0 && d > 0 && words <= WordList::MOST => (words, d),
        _ => return Err(layout("the tensor `vectors`", shape_of_vectors, describe(&vectors))),
    };
    // Both point into `bytes`, so the difference is an offset in it.
    let start = vectors.data().as_ptr().addr() - bytes.as_ptr().addr();
    let range = start..start + vectors.data().len();
    let (digits, found) = (metadata(checksums::VALUES), metadata(checksums::REST));
    let written = Written { path: path.to_path_buf(), digits: digits.cloned().unwrap_or_default() };
    if (digits, found) != (None, None) {
        let at = checksums::place(&bytes[..8 + header_bytes]);
        let after = at.and_then(|at| Some((&bytes[..at], bytes.get(at + DIGITS..start)?)));
        let expected = after.map(|(before, after)| sha256([before, after, &bytes[range.end..]]));
        if expected.is_none() || expected.as_ref() != found || !written.fits(range.len()) {
            let expected = expected.unwrap_or_else(|| "in the header".to_owned());
            let found = format!("{found:?}: the file is damaged; take a fresh copy");
            return Err(layout("the metadata `sha256`, of all but the values,", &expected, found));
        }
    }
    let one_a_word = format!("U64 of shape [{all}], one for each word");
    let numbers = |part, name: &str| -> Result<Vec<u64>> {
        let tensor = tensor(part, name, &one_a_word)?;
        match (tensor.dtype(), tensor.shape()) {
            (Dtype::U64, &[count]) if count == all => {
                Ok(tensor.data().as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
            }
            _ => Err(layout(part, &one_a_word, describe(&tensor))),
        }
    };
    let has_counts = tensors.names().contains(&"counts");
    let mut counts = has_counts.then(|| numbers("the tensor `counts`", "counts")).transpose()?;
    let mut ends: Vec<usize> = numbers("the tensor `word_ends`", "word_ends")?
        .into_iter()
        .map(|end| usize::try_from(end).unwrap_or(usize::MAX))
        .collect();
    let words = tensor("the tensor `words`", "words", "U8, all words one after the other")?;
    if words.dtype() != Dtype::U8 {
        return Err(layout("the tensor `words`", "U8, all words one after the other", describe(&words)));
    }
    let mut text = std::str::from_utf8(words.data()).map_err(|error| {
        let found = format!("an invalid byte at offset {}", error.valid_up_to());
        layout("the tensor `words`", "words in UTF-8", found)
    })?;

    let kept = all.min(limit);
    if kept < all {
        ends.truncate(kept);
        counts.iter_mut().for_each(|counts| counts.truncate(kept));
        let end = ends.last().copied().unwrap_or(0);
        text = text.get(..end).unwrap_or(text);
    }
    let words = WordList::from_parts(text.to_owned(), ends).map_err(|bad| match bad {
        BadParts::End { word, end } => {
            let found = format!("{end} for word {word} (counted from 0) of {} bytes", text.len());
            layout("the tensor `word_ends`", "ends that rise to the length of `words`, each between characters", found)
        }
        BadParts::Duplicate { first, second } => {
            let found = format!("the same at {first} and {second} (counted from 0)");
            layout("the tensor `words`", "words that differ", found)
        }
    })?;

    Ok(Contents { words, counts, d, bytes: range, written })
}

/// A copy of little-endian floats in a file, however they are aligned.
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// Writes a file. The same vectors give the same bytes.
pub(super) fn write(vectors: &WordVectors, out: &mut dyn Write) -> io::Result<()> {
    let (text, ends) = vectors.words().0.parts();
    let ends = ends.iter().map(|&end| end as u64);
    let numbers: Vec<u8> =
        ends.chain(vectors.counts().unwrap_or_default().iter().copied()).flat_map(u64::to_le_bytes).collect();

    // Numbers of eight bytes first, then those of four, then text, so that all of them are aligned.
    let mut header = serde_json::Map::new();
    let (digits, values) = ("0".repeat(DIGITS), checksums::of_values(vectors.values()));
    let metadata = json!({ "format": FORMAT, "version": VERSION, checksums::REST: digits, checksums::VALUES: values });
    header.insert("__metadata__".to_owned(), metadata);
    let mut offset = 0;
    let mut describe = |name: &str, dtype: &str, shape: &[usize], bytes: usize| {
        let offsets = [offset, offset + bytes];
        header.insert(name.to_owned(), json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
        offset += bytes;
    };
    let one_a_word = vectors.len() * size_of::<u64>();
    describe("word_ends", "U64", &[vectors.len()], one_a_word);
    if vectors.counts().is_some() {
        describe("counts", "U64", &[vectors.len()], one_a_word);
    }
    describe("vectors", "F32", &[vectors.len(), vectors.d()], size_of_val(vectors.values()));
    describe("words", "U8", &[text.len()], text.len());

    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    header.splice(..0, (header.len() as u64).to_le_bytes());
    if let Some(at) = checksums::place(&header) {
        let digits = sha256([&header[..at], &header[at + DIGITS..], &numbers, text.as_bytes()]);
        header[at..at + DIGITS].copy_from_slice(digits.as_bytes());
    }
    out.write_all(&header)?;
    out.write_all(&numbers)?;
    const AT_ONCE: usize = 1 << 18;
    for values in vectors.values().chunks(AT_ONCE) {
        out.write_all(&bytes_of(values))?;
    }
    out.write_all(text.as_bytes())
}
