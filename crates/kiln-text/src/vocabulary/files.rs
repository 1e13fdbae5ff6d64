//! The files of a [`Vocabulary`] and of [`TokenCounts`]: JSON with the counts, and plain text with one token per line
//! in the order of the ids.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::builder::VocabularyBuilder;
use super::numbered::Vocabulary;
use crate::error::{Error, Result, VocabularyError};
use crate::io::json_file::{read_config, write_config};
use crate::io::python_json::{push_integer, push_string, string_or_null};
use crate::io::saved::{Saved, read_file};
use crate::vocabulary::token_counts::{TokenCount, TokenCounts};
use kiln_base::{Interner, write_whole};

const VOCABULARY: &str = "Vocabulary";
const COUNTS: &str = "TokenCounts";

/// Tokens and counts as stored in JSON: a list of `[token, count, documents]`, one token per line.
struct Entries(Interner, Vec<TokenCount>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_seq(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of [token, count, documents]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Entries, A::Error> {
        let mut entries = Entries(Interner::default(), Vec::new());
        while list.next_element_seed(NextEntry(&mut entries))?.is_some() {}
        Ok(entries)
    }
}

/// Adds one entry. Duplicates are refused here, inside the entry, so that the parser adds its line to the message.
struct NextEntry<'a>(&'a mut Entries);

impl<'de> DeserializeSeed<'de> for NextEntry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<(), D::Error> {
        from.deserialize_tuple(3, self)
    }
}

impl<'de> Visitor<'de> for NextEntry<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token, count, documents]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entry: A) -> std::result::Result<(), A::Error> {
        let missing = |at| A::Error::invalid_length(at, &"three elements");
        let token: String = entry.next_element()?.ok_or_else(|| missing(0))?;
        let count = entry.next_element()?.ok_or_else(|| missing(1))?;
        let documents = entry.next_element()?.ok_or_else(|| missing(2))?;
        let Entries(map, counts) = self.0;
        let (first, new) = map.intern(&token);
        if !new {
            let place = counts.len();
            return Err(A::Error::custom(format!("entry {place} repeats the token {token:?} of entry {first}")));
        }
        counts.push(TokenCount { count, documents });
        Ok(())
    }
}

fn push_entries<'a>(out: &mut String, entries: impl Iterator<Item = (&'a str, TokenCount)>) {
    out.push('[');
    for (at, (token, count)) in entries.enumerate() {
        out.push_str(if at == 0 { "\n[" } else { ",\n[" });
        push_string(out, token);
        for number in [count.count, count.documents] {
            out.push_str(", ");
            push_integer(out, number);
        }
        out.push(']');
    }
    out.push_str("\n]");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountsConfig {
    documents: u64,
    tokens: u64,
    entries: Entries,
}

/// The `config` of a vocabulary's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VocabularyConfig {
    special_tokens: usize,
    unknown_token: Option<String>,
    documents: u64,
    tokens: u64,
    entries: Entries,
}

impl VocabularyConfig {
    pub(crate) fn into_vocabulary(self) -> Result<Vocabulary> {
        let Self { special_tokens, unknown_token, documents, tokens, entries: Entries(map, counts) } = self;
        let wrong = |field, expected, found| Error::FileField { class_name: VOCABULARY, field, expected, found };
        if map.is_empty() {
            return Err(wrong("entries", "at least one token", "none".to_owned()));
        }
        if special_tokens > map.len() {
            return Err(wrong("special_tokens", "at most the number of entries", special_tokens.to_string()));
        }
        let unknown = match &unknown_token {
            Some(token) => match map.find(token.as_bytes()).filter(|&id| (id as usize) < special_tokens) {
                Some(id) => Some(id),
                None => return Err(wrong("unknown_token", "one of the special tokens", format!("{token:?}"))),
            },
            None => None,
        };
        Ok(Vocabulary { map, counts, special_tokens, unknown, documents, tokens })
    }
}

impl Saved for TokenCounts {
    /// The counts as JSON, one token per line in the order of first appearance.
    fn to_json(&self) -> String {
        let mut config = format!("{{\"documents\": {}, \"tokens\": {}, \"entries\": ", self.documents, self.tokens);
        push_entries(&mut config, self.iter());
        config.push('}');
        write_config(COUNTS, &config)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Saved::from_json`]; [`Error::FileJson`] also for a token that occurs twice.
    fn from_json(json: &str) -> Result<Self> {
        let CountsConfig { documents, tokens, entries: Entries(map, counts) } = read_config(json, COUNTS)?;
        Ok(Self { map, counts, documents, tokens })
    }
}

impl Saved for Vocabulary {
    /// The vocabulary as JSON with all counts, one token per line in the order of the ids.
    fn to_json(&self) -> String {
        write_config(VOCABULARY, &self.config_json())
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// Those of [`Saved::from_json`]; [`Error::FileJson`] also for a token that occurs twice.
    fn from_json(json: &str) -> Result<Self> {
        read_config::<VocabularyConfig>(json, VOCABULARY)?.into_vocabulary()
    }
}

impl Vocabulary {
    pub(crate) fn config_json(&self) -> String {
        let Self { special_tokens, documents, tokens, .. } = self;
        let unknown_token = string_or_null(self.unknown_token());
        let mut config = format!(
            "{{\"special_tokens\": {special_tokens}, \"unknown_token\": {unknown_token}, \"documents\": {documents}, \
             \"tokens\": {tokens}, \"entries\": "
        );
        push_entries(&mut config, self.tokens().zip(self.counts.iter().copied()));
        config.push('}');
        config
    }

    /// Writes the tokens to a file as plain text, one per line in the order of the ids, without counts; whole or not at
    /// all.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::TokenWithLineEnd`] for a token that contains a line feed or carriage return, and
    /// [`Error::File`] with the file's name.
    pub fn save_text(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(write_whole(path, lines_of(self.tokens())?.as_bytes())?)
    }
}

impl VocabularyBuilder {
    /// Reads what [`Vocabulary::save_text`] wrote, or any list of tokens, one per line. Only the options
    /// `special_tokens` and `unknown_token` apply: the first lines must be the special tokens. Counts are 0.
    ///
    /// ```
    /// use kiln_text::vocabulary::Vocabulary;
    ///
    /// let builder = Vocabulary::builder().special_tokens(["<unk>"]).unknown_token("<unk>");
    /// let vocabulary = builder.build_from_text("<unk>\nthe\ncat\n")?;
    /// assert_eq!(vocabulary.encode(["the", "dog"]), [1, 0]);
    /// # Ok::<(), kiln_text::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`VocabularyError::DuplicateLine`] for a token that occurs twice, [`VocabularyError::SpecialTokenLine`] if the
    /// special tokens are not the first lines, [`VocabularyError::EmptyFile`] without a line, and those of
    /// [`build`](Self::build) for the options.
    pub fn build_from_text(self, text: &str) -> Result<Vocabulary> {
        self.check()?;
        let mut map = Interner::default();
        for (at, token) in text.lines().enumerate() {
            let (first, new) = map.intern(token);
            if !new {
                let (token, line, first) = (token.to_owned(), at + 1, first as usize + 1);
                return Err(VocabularyError::DuplicateLine { token, line, first }.into());
            }
        }
        if map.is_empty() {
            return Err(VocabularyError::EmptyFile.into());
        }
        for (at, expected) in self.special().iter().enumerate() {
            let found = map.text(at as u32);
            if found != Some(expected) {
                let (expected, found) = (expected.clone(), found.map(str::to_owned));
                return Err(VocabularyError::SpecialTokenLine { line: at + 1, expected, found }.into());
            }
        }
        let counts = vec![TokenCount::default(); map.len()];
        Ok(self.finish(map, counts, 0, 0))
    }

    /// Reads a file of tokens, one per line, like [`build_from_text`](Self::build_from_text).
    ///
    /// # Errors
    ///
    /// Those of [`build_from_text`](Self::build_from_text), inside [`Error::InFile`]; [`Error::NotUtf8`];
    /// [`Error::File`].
    pub fn load_text(self, path: impl AsRef<Path>) -> Result<Vocabulary> {
        read_file(path.as_ref(), |text| self.build_from_text(text))
    }
}

/// Tokens, one per line.
pub(crate) fn lines_of<'a>(tokens: impl Iterator<Item = &'a str>) -> Result<String> {
    let mut text = String::new();
    for (id, token) in tokens.enumerate() {
        if token.contains(['\n', '\r']) {
            return Err(VocabularyError::TokenWithLineEnd { token: token.to_owned(), id }.into());
        }
        text.push_str(token);
        text.push('\n');
    }
    Ok(text)
}
