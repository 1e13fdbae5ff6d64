//! Text with a word and its values on each line, as word2vec, GloVe and fastText write it. A file is read in blocks of
//! whole lines; the lines of a block are parsed in parallel, and the results are joined in order.

use std::io::{self, Write};
use std::ops::{ControlFlow, Range};
use std::path::Path;

use memchr::memchr;
use rayon::prelude::*;

use super::source::{Room, Source, fill};
use super::{Format, Gathered, Header, InvalidUtf8, LoadOptions, not_finite, push_word};
use kiln_base::FileError;

use crate::error::{Error, Place, Result, quoted};
use crate::word_vectors::WordVectors;

/// Bytes that are read and parsed at once.
const BLOCK: usize = 16 << 20;

/// The smallest part of a block that is worth a thread.
const SMALLEST_PART: usize = 64 << 10;

/// A file with a longer line does not hold word vectors.
const LONGEST_LINE: usize = 256 << 20;

/// Reads a text file, whose first line is the header if there is one.
pub(super) fn read(header: Option<Header>, source: Source, options: &LoadOptions) -> Result<WordVectors> {
    let path = source.path.clone();
    let limit = options.limit.map_or(u64::MAX, |limit| limit as u64);
    let (room, bytes) = (source.room(), source.mark_bytes());
    let mut lines = Lines { path: &path, options, header, gathered: None, limit, room, lines: 0, bytes };
    let mut reader = source.into_reader();
    let (mut block, mut length) = (Vec::new(), BLOCK);
    loop {
        let ended = fill(&mut reader, &mut block, length).map_err(FileError::new("read", &path))?;
        let whole = match block.iter().rposition(|&byte| byte == b'\n') {
            _ if ended => block.len(),
            Some(at) => at + 1,
            // A line longer than the block.
            None if length < LONGEST_LINE => {
                length *= 2;
                continue;
            }
            None => {
                let problem = " should be lines with a word and its values, found a line of more than 256 MiB";
                return Err(Error::bad_file(&path, None, problem));
            }
        };
        if lines.take(&block[..whole])?.is_break() || ended {
            return lines.finish();
        }
        block.drain(..whole);
        length = BLOCK;
    }
}

/// What has been read of a file.
struct Lines<'a> {
    path: &'a Path,
    options: &'a LoadOptions,
    header: Option<Header>,
    /// `None` until the first line that is not empty.
    gathered: Option<Gathered>,
    /// The number of words after which reading stops.
    limit: u64,
    /// What the file can hold.
    room: Room,
    /// Lines and bytes before the next block.
    lines: u64,
    bytes: u64,
}

impl Lines<'_> {
    /// Takes whole lines. Breaks when no more are needed.
    fn take(&mut self, mut block: &[u8]) -> Result<ControlFlow<()>> {
        if self.lines == 0 && self.header.is_some() {
            let end = block.iter().position(|&byte| byte == b'\n').map_or(block.len(), |at| at + 1);
            (self.lines, self.bytes) = (1, self.bytes + end as u64);
            block = &block[end..];
        }
        let Some(d) = self.width(block)? else {
            self.lines += block.iter().filter(|&&byte| byte == b'\n').count() as u64;
            self.bytes += block.len() as u64;
            return Ok(ControlFlow::Continue(()));
        };
        let parts = in_parts(block);
        let invalid = self.options.invalid_utf8;
        let parsed: Vec<Part> = parts.par_iter().map(|part| parse_part(part, d, invalid)).collect();
        let words: usize = parsed.iter().map(|part| part.ends.len()).sum();
        let promised = self.header.map_or(u64::MAX, |header| header.words);
        let gathered = self.gathered.get_or_insert_with(|| Gathered::new(d));
        if gathered.read() == 0 && words > 0 {
            // As many words as the file can hold if all lines are as long as these, and somewhat more.
            let bytes_per_word = (block.len() / words) as u64;
            gathered.reserve(self.room.records(promised.min(self.limit), bytes_per_word - bytes_per_word / 16));
        }
        for (part, bytes) in parsed.into_iter().zip(parts) {
            let mut start = 0;
            for (&end, vector) in part.ends.iter().zip(part.values.chunks_exact(d)) {
                if gathered.read() == self.limit {
                    return Ok(ControlFlow::Break(()));
                }
                if let Some(header) = self.header.filter(|header| gathered.read() == header.words) {
                    return Err(header.wrong_count(self.path, promised + 1));
                }
                gathered.add(&part.words[start..end], vector)?;
                start = end;
            }
            if let Some(fault) = part.fault {
                if gathered.read() == self.limit {
                    return Ok(ControlFlow::Break(()));
                }
                let (line, begins) = (self.lines + part.lines + 1, self.bytes + fault.start as u64);
                return Err(explain(trimmed(&bytes[fault]), d, self.path, line, begins));
            }
            self.lines += part.lines;
            self.bytes += bytes.len() as u64;
        }
        Ok(if gathered.read() == self.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// The width, from the header or the first line that is not empty, if there was one.
    fn width(&self, block: &[u8]) -> Result<Option<usize>> {
        if let Some(gathered) = &self.gathered {
            return Ok(Some(gathered.d));
        }
        if let Some(header) = self.header {
            return Ok(Some(usize::try_from(header.d).unwrap_or(usize::MAX)));
        }
        let mut lines = block.split(|&byte| byte == b'\n').map(trimmed);
        let Some(first) = lines.find(|line| !line.is_empty()) else { return Ok(None) };
        let fields: Vec<&[u8]> = first.split(is_blank).collect();
        // All numbers at the end of the line, except in the first field, which is the word or a part of it.
        let after = fields[1..].iter().filter(|field| !field.is_empty());
        let values = after.rev().take_while(|field| parse_value(field).is_some()).count();
        if values == 0 {
            let problem = " should be lines with a word and its values, found a first line without values";
            return Err(Error::bad_file(self.path, None, problem));
        }
        Ok(Some(values))
    }

    fn finish(self) -> Result<WordVectors> {
        let gathered = self.gathered.unwrap_or_else(|| Gathered::new(1));
        let found = gathered.read();
        match self.header {
            Some(header) if found < header.words.min(self.limit) => Err(header.wrong_count(self.path, found)),
            _ => gathered.finish(),
        }
    }
}

/// The parsed lines of a part of a block.
struct Part {
    words: String,
    /// Where each word ends in `words`.
    ends: Vec<usize>,
    values: Vec<f32>,
    /// The number of lines that were parsed.
    lines: u64,
    /// The line after those, if something is wrong with it.
    fault: Option<Range<usize>>,
}

/// Splits a block into parts of whole lines, for the threads.
fn in_parts(block: &[u8]) -> Vec<&[u8]> {
    let wanted = (block.len() / (4 * rayon::current_num_threads())).max(SMALLEST_PART);
    let (mut parts, mut rest) = (Vec::new(), block);
    while !rest.is_empty() {
        let from = wanted.min(rest.len());
        let end = rest[from..].iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| from + at + 1);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Parses lines until one has a fault.
fn parse_part(part: &[u8], d: usize, invalid: InvalidUtf8) -> Part {
    let mut parsed = Part { words: String::new(), ends: Vec::new(), values: Vec::new(), lines: 0, fault: None };
    let mut begins = 0;
    while begins < part.len() {
        let end = memchr(b'\n', &part[begins..]).map_or(part.len(), |at| begins + at + 1);
        let content = trimmed(&part[begins..end]);
        if !content.is_empty() {
            let word = parse_line(content, d, &mut parsed.values);
            if word.is_none_or(|word| push_word(&mut parsed.words, word, invalid).is_err()) {
                parsed.fault = Some(begins..end);
                return parsed;
            }
            parsed.ends.push(parsed.words.len());
        }
        parsed.lines += 1;
        begins = end;
    }
    parsed
}

/// A line without its end, and without carriage returns and blanks before the end.
fn trimmed(line: &[u8]) -> &[u8] {
    let last = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r') && !is_blank(byte));
    &line[..last.map_or(0, |at| at + 1)]
}

/// Whether a byte separates a word and its values; several count as one.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A word without the blanks around it, unless it consists of blanks.
fn without_blanks(word: &[u8]) -> &[u8] {
    let Some(first) = word.iter().position(|byte| !is_blank(byte)) else { return word };
    let last = word.iter().rposition(|byte| !is_blank(byte)).unwrap_or(first);
    &word[first..=last]
}

/// Reads the last fields of a line into `values`, and returns where the rest of the line ends.
fn parse_values(line: &[u8], values: &mut [f32]) -> Option<usize> {
    let (mut end, mut slots) = (line.len(), values.iter_mut().rev());
    let mut slot = slots.next();
    while let Some(value) = slot.take() {
        // One comparison a byte: control characters are not part of a number either.
        let space = line[..end].iter().rposition(|&byte| byte <= b' ')?;
        match parse_value(&line[space + 1..end]) {
            Some(parsed) if parsed.is_finite() && is_blank(&line[space]) => {
                *value = parsed;
                slot = slots.next();
            }
            None if space + 1 == end && is_blank(&line[space]) => slot = Some(value),
            _ => return None,
        }
        end = space;
    }
    Some(end)
}

/// Adds the last `d` fields of a line to `values` and returns what comes before them, the word; `None` if that fails.
fn parse_line<'a>(line: &'a [u8], d: usize, values: &mut Vec<f32>) -> Option<&'a [u8]> {
    // Too short for so many values. A header may promise any number, so nothing is allocated before this check.
    if line.len() / 2 < d {
        return None;
    }
    let before = values.len();
    values.resize(before + d, 0.0);
    let Some(end) = parse_values(line, &mut values[before..]) else {
        values.truncate(before);
        return None;
    };
    let word = without_blanks(&line[..end]);
    if let Some(space) = word.iter().rposition(is_blank)
        && looks_like_value(&word[space + 1..])
    {
        values.truncate(before);
        return None;
    }
    Some(word)
}

/// Explains what is wrong with line `number`, which begins at byte `begins`: it does not parse, or its word is not
/// UTF-8.
fn explain(line: &[u8], d: usize, path: &Path, number: u64, begins: u64) -> Error {
    let place = Place::Line(number);
    let wrong = |problem| Error::bad_file(path, place, problem);
    if let Some(word) = parse_line(line, d, &mut Vec::new()) {
        let valid = word.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
        return Error::not_utf8(path, place, begins + valid as u64);
    }
    let fields: Vec<&[u8]> = line.split(is_blank).filter(|field| !field.is_empty()).collect();
    let word = quoted(fields[0]);
    let after = &fields[1..];
    let count = |found| wrong(format!(": the word {word:?} should have {d} values, found {found}"));
    let numbers_at_end = after.iter().rev().take_while(|field| parse_value(field).is_some()).count();
    if after.len() < d {
        return count(after.len());
    }
    // The last d fields should be the values; they seem to begin at the first number.
    let first_number = after.iter().position(|field| parse_value(field).is_some());
    let begin = if after.len() == d { 0 } else { first_number.unwrap_or(0) };
    for (at, field) in after.iter().enumerate().skip(after.len() - d) {
        let position = at.saturating_sub(begin) + 1;
        match parse_value(field) {
            Some(value) if value.is_finite() => continue,
            Some(_) => return wrong(not_finite(position, &word, quoted(field))),
            // Something between numbers is a broken number; otherwise the word is longer, and values are missing.
            None if after.len() == d || (first_number.is_some() && at > begin) => {
                let found = quoted(field);
                return wrong(format!(": value {position} of the word {word:?} should be a number, found {found:?}"));
            }
            None => break,
        }
    }
    count(numbers_at_end)
}

/// Whether a part of a word after a space would be read as an extra value: a number with a point or an exponent.
/// `windows 95` is a word; `cat 0.1` is a word and a value.
fn looks_like_value(field: &[u8]) -> bool {
    field.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
        && field.iter().any(u8::is_ascii_digit)
        && parse_value(field).is_some()
}

/// Why a word would be read back as another one: the blanks around it are dropped, and a space in it may look like the
/// end of a shorter word before values. The first line sets the width, so any number is ambiguous there.
pub(super) fn ambiguity(word: &str, is_first: bool) -> Option<&'static str> {
    if without_blanks(word.as_bytes()).len() != word.len() {
        return Some("a space or a tab at an end");
    }
    let mut fields = word.split([' ', '\t']).skip(1).map(str::as_bytes);
    let is_value = |field| if is_first { parse_value(field).is_some() } else { looks_like_value(field) };
    fields.any(is_value).then_some("a space followed by what looks like a value")
}

/// A decimal number, rounded to 64 bits and then to 32, as gensim does. May be infinite or NaN.
fn parse_value(field: &[u8]) -> Option<f32> {
    let value = parse_short(field).or_else(|| std::str::from_utf8(field).ok()?.parse().ok())?;
    Some(value as f32)
}

/// The common case: digits with at most one point, few enough that they form an integer that is exact in 64 bits, as is
/// the power of ten below it. Their quotient is then rounded once, correctly (Clinger, 1990).
fn parse_short(field: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, field),
    };
    // 15 digits and a point.
    if digits.len() > 16 {
        return None;
    }
    let (mut whole, mut point) = (0u64, None);
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => whole = whole * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - 1 - at);
    let count = digits.len() - usize::from(point.is_some());
    if count == 0 || count > 15 {
        return None;
    }
    let value = whole as f64 / POWERS[decimals];
    Some(if negative { -value } else { value })
}

/// Writes a text file; the numbers are the shortest that read back equal.
pub(super) fn write(vectors: &WordVectors, format: Format, out: &mut dyn Write) -> io::Result<()> {
    const ROWS: usize = 1024;
    let d = vectors.d();
    if format != Format::Glove {
        writeln!(out, "{} {d}", vectors.len())?;
    }
    let line_end: &[u8] = if format == Format::FastText { b" \n" } else { b"\n" };
    let starts: Vec<usize> = (0..vectors.len()).step_by(ROWS).collect();
    // A few pieces for each thread at a time, so that memory does not grow with the file.
    for starts in starts.chunks(4 * rayon::current_num_threads()) {
        let written = |&start: &usize| {
            let mut text = Vec::with_capacity(ROWS * (d + 1) * 12);
            for index in start..(start + ROWS).min(vectors.len()) {
                text.extend_from_slice(vectors.word_of(index).as_bytes());
                for value in vectors.row_of(index) {
                    // Writing to memory does not fail.
                    let _ = write!(text, " {value:?}");
                }
                text.extend_from_slice(line_end);
            }
            text
        };
        let texts: Vec<Vec<u8>> = starts.par_iter().map(written).collect();
        for text in texts {
            out.write_all(&text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_numbers_are_those_of_the_standard_library() {
        for field in ["0", "-0", "-0.0", "1.", ".5", "-.25", "123456789.12345", "0.00000000000001", "999999999999999"] {
            let value = parse_short(field.as_bytes()).unwrap();
            assert_eq!(value.to_bits(), field.parse::<f64>().unwrap().to_bits(), "{field}");
        }
        for field in ["", "-", ".", "-.", "1.2.3", "1e5", "+1", "1234567890123456", "a", "1 ", "--1"] {
            assert_eq!(parse_short(field.as_bytes()), None, "{field}");
        }
    }

    proptest! {
        #[test]
        fn any_short_number_is_that_of_the_standard_library(field in "-?[0-9]{1,9}\\.[0-9]{1,6}") {
            let value = parse_short(field.as_bytes()).unwrap();
            prop_assert_eq!(value.to_bits(), field.parse::<f64>().unwrap().to_bits());
        }
    }
}
