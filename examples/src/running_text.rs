//! The texts of the examples with language models.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use kiln::text::corpora::PennTreebank;
use kiln::text::vocabulary::Vocabulary;
use kiln::train::TokenUnit;

use crate::review_text;

/// The token of words that the Penn Treebank does not have.
pub const UNKNOWN: &str = "<unk>";

/// The options for the text.
#[derive(Args, Clone, Debug)]
pub struct TextArgs {
    /// The folder with the Penn Treebank's three files [default: the generated reviews]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
}

/// The lines of the three texts.
pub struct RunningText {
    /// The training text.
    pub train: Vec<String>,
    /// The text that options are chosen by.
    pub valid: Vec<String>,
    /// The text of the final figures.
    pub test: Vec<String>,
}

impl TextArgs {
    /// Reads the texts; without a folder, generates them from `seed`. `is_fast` keeps a small part of each. For
    /// characters, lines end with a line feed instead of the word `<eos>`.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn open(&self, seed: u64, is_fast: bool, unit: TokenUnit) -> Result<RunningText> {
        let mut texts = match &self.data {
            Some(folder) => {
                let treebank = PennTreebank::open(folder);
                RunningText {
                    train: treebank.train()?.texts().collect::<Result<_, _>>()?,
                    valid: treebank.valid()?.texts().collect::<Result<_, _>>()?,
                    test: treebank.test()?.texts().collect::<Result<_, _>>()?,
                }
            }
            None => {
                let text = review_text(seed)?;
                let line = |line: &str| format!("{line} {}", PennTreebank::EOS);
                let mut train: Vec<String> = text.lines().map(line).collect();
                let tenth = train.len() / 10;
                let test = train.split_off(train.len() - tenth);
                let valid = train.split_off(train.len() - tenth);
                RunningText { train, valid, test }
            }
        };
        if is_fast {
            texts.train.truncate(600);
            texts.valid.truncate(60);
            texts.test.truncate(60);
        }
        if unit == TokenUnit::Characters {
            let end = |line: &mut String| {
                let words = line.trim_end_matches(PennTreebank::EOS).trim_end().len();
                line.truncate(words);
                line.push('\n');
            };
            [&mut texts.train, &mut texts.valid, &mut texts.test].into_iter().flatten().for_each(end);
        }
        Ok(texts)
    }
}

/// The ids of the lines' tokens. Tokens outside the vocabulary become its unknown token. `what` names the text.
///
/// # Errors
///
/// A token is not in the vocabulary, and the vocabulary has no unknown token.
pub fn ids(lines: &[String], vocabulary: &Vocabulary, unit: TokenUnit, what: &str) -> Result<Vec<u32>> {
    let unknown = vocabulary.unknown_token().and_then(|token| vocabulary.id(token));
    let (mut ids, mut missing) = (Vec::new(), Vec::new());
    for line in lines {
        unit.each(line, &mut |token| {
            let id = vocabulary.id(token);
            if id.is_none() {
                missing.push(token.to_owned());
            }
            ids.extend(id.or(unknown));
        });
    }
    let count = missing.len();
    if let Some(first) = missing.first() {
        let told = format!("{count} tokens of the {what} text are not in the vocabulary, such as {first:?}");
        ensure!(unknown.is_some(), "{told}");
        println!("{told}: of {} tokens, {:.1} %", ids.len(), 100.0 * count as f64 / ids.len() as f64);
    }
    Ok(ids)
}
