//! Training subwords with the `tokenizers` crate, so that the same texts always give the same vocabulary. The
//! algorithms are the crate's.
//!
//! The crate goes through words in the order of a randomly seeded hash table. Byte-level BPE does not depend on that
//! order. WordPiece numbers its `##` characters in that order and breaks ties by those numbers: here it is trained as
//! BPE over characters that differ at the start and inside of a word, which are then renamed. Unigram assigns scores in
//! that order to the characters that its EM step dropped: here they get the same scores in the order of the characters.
//! Unigram also adds up floating-point numbers in the order in which threads finish, so it is trained on one thread.

use std::collections::{BTreeSet, HashMap, HashSet};

use kiln_base::{OptionError, options};
use tokenizers::decoders::metaspace::Metaspace as MetaspaceDecoder;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::{BertNormalizer, Lowercase};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::Metaspace;
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential,
    OffsetType, PreTokenizedString, PreTokenizer, PreTokenizerWrapper, Tokenizer,
};

use super::byte_level::{character_of, try_each_word};
use super::{SubwordTokenizer, library_error};
use crate::error::{Error, Result, SubwordError};
use crate::io::text::Text;
use crate::vocabulary::subword_counts::{CountedTokens, count_tokens, listed};
use crate::vocabulary::token_counts::{Tables, TokenCounts, check_size};

/// The prefix of a WordPiece piece inside a word.
const CONTINUING: &str = "##";

/// The longest word that Unigram is trained on, in bytes; SentencePiece has the same limit on sentences.
const LONGEST_UNIGRAM_WORD: usize = 4192;

/// How subwords are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubwordModel {
    /// GPT-2's byte-level BPE: merges the most frequent pairs, starting from single bytes. Covers every text, and
    /// decodes to the same text.
    ByteLevelBpe,
    /// BERT's WordPiece: the longest piece first, with `##` inside words. Words are split at white space and
    /// punctuation; decoding puts single spaces between words.
    WordPiece,
    /// SentencePiece's Unigram language model: the most probable pieces. Words are split at spaces, which become `▁`.
    Unigram,
}

options! {
    /// Options for a [`SubwordTokenizer`] to train; made by [`SubwordTokenizer::builder`].
    #[derive(Clone, Debug, PartialEq)]
    pub struct SubwordTokenizerBuilder [pub(crate) fn new] {
        required model: SubwordModel,
        required vocab_size: usize,
        /// Pairs that occur less often are not merged. Unigram has no such limit and ignores it. Default: 0.
        min_frequency: u64 = 0,
        /// Whether to lower-case texts, which then decode to lower case. WordPiece also strips accents, like BERT's
        /// uncased models. Default: false.
        lower: bool = false,
        bare special_tokens: Option<Vec<String>> = None,
    }
}

impl SubwordTokenizerBuilder {
    setters! {
        /// The tokens with the first ids: padding, which gets 0; then for WordPiece and Unigram the token for unknown
        /// characters; then any others. Text that spells one stays text. Default: `[PAD]`, and `[UNK]` where it is
        /// needed.
        special_tokens(tokens: impl IntoIterator<Item = impl Into<String>>) => special_tokens = Some(tokens.into_iter().map(Into::into).collect());
    }

    fn special(&self) -> Vec<String> {
        self.special_tokens.clone().unwrap_or_else(|| match self.model {
            SubwordModel::ByteLevelBpe => vec!["[PAD]".to_owned()],
            SubwordModel::WordPiece | SubwordModel::Unigram => vec!["[PAD]".to_owned(), "[UNK]".to_owned()],
        })
    }

    /// Trains on texts, which are read once and need not all be in memory; memory grows with the distinct words. The
    /// result depends neither on the order of the texts nor on the number of threads. A small corpus gives a smaller
    /// vocabulary.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for special tokens that are missing, empty or given twice, [`SubwordError::Alphabet`] if
    /// `vocab_size` is too small for all single characters, [`Error::EmptyCorpus`] if no text has a word,
    /// [`SubwordError::Library`] for whatever the crate itself refuses.
    pub fn fit(self, texts: impl IntoIterator<Item = impl Text>) -> Result<SubwordTokenizer> {
        let tables = self.tables(texts)?;
        self.train(listed(tables.iter()), tables.documents)
    }

    /// Counts the words of a part of the texts, for [`fit_counts`](Self::fit_counts).
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit) for the special tokens and the texts.
    pub fn count(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<TokenCounts> {
        self.tables(texts)?.by_first_appearance()
    }

    /// Trains on words that were [counted](Self::count) before, by one process or by many, and whose parts were
    /// [merged](TokenCounts::merge): the same as [`fit`](Self::fit) on all texts.
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit).
    pub fn fit_counts(self, counts: &TokenCounts) -> Result<SubwordTokenizer> {
        self.check_special_tokens()?;
        self.train(listed(counts.iter()), counts.documents())
    }

    fn tables(&self, texts: impl IntoIterator<Item = impl Text>) -> Result<Tables> {
        self.check_special_tokens()?;
        let normalizer = self.normalizer();
        match self.model {
            SubwordModel::ByteLevelBpe => {
                let words_of = |text: &str, take: &mut dyn FnMut(&str)| {
                    try_each_word(text, |word| {
                        take(word);
                        Ok(())
                    })
                };
                let each = |text: &str, take: &mut dyn FnMut(&str)| match &normalizer {
                    None => words_of(text, take),
                    Some(normalizer) => words_of(normalized(normalizer, text)?.get(), take),
                };
                count_tokens(texts, None, each)
            }
            SubwordModel::WordPiece | SubwordModel::Unigram => {
                let splitter = self.pre_tokenizer();
                let each = |text: &str, take: &mut dyn FnMut(&str)| {
                    let text = match &normalizer {
                        None => NormalizedString::from(text),
                        Some(normalizer) => normalized(normalizer, text)?,
                    };
                    let mut text = PreTokenizedString::from(text);
                    splitter.pre_tokenize(&mut text).map_err(library_error("split a text"))?;
                    for (word, _, _) in text.get_splits(OffsetReferential::Normalized, OffsetType::None) {
                        take(word);
                    }
                    Ok(())
                };
                count_tokens(texts, None, each)
            }
        }
    }

    fn train(self, mut words: CountedTokens, documents: u64) -> Result<SubwordTokenizer> {
        let mut tokenizer = Tokenizer::new(ModelWrapper::BPE(BPE::default()));
        tokenizer.with_normalizer(self.normalizer()).map_err(library_error("put a tokenizer together"))?;
        words.retain(|(word, _)| !word.is_empty());
        if words.is_empty() {
            return Err(Error::EmptyCorpus { documents });
        }
        words.sort_unstable();
        let model = match self.model {
            SubwordModel::ByteLevelBpe => ModelWrapper::BPE(self.train_byte_level(words)?),
            SubwordModel::WordPiece => ModelWrapper::WordPiece(self.train_word_piece(words)?),
            SubwordModel::Unigram => ModelWrapper::Unigram(self.train_unigram(words)?),
        };
        tokenizer.with_model(model);
        tokenizer.with_pre_tokenizer(Some(self.pre_tokenizer()));
        tokenizer.with_decoder(Some(self.decoder()));
        tokenizer.add_special_tokens(self.added_tokens()).map_err(library_error("add special tokens"))?;
        SubwordTokenizer::over(tokenizer)
    }

    fn check_special_tokens(&self) -> Result<()> {
        let (needed, expected) = match self.model {
            SubwordModel::ByteLevelBpe => (1, "at least one token, for padding"),
            _ => (2, "at least two tokens, for padding and for unknown characters"),
        };
        let tokens = &self.special();
        let wrong = |expected, found| Err(OptionError::new("special_tokens", expected, found).into());
        if tokens.len() < needed {
            return wrong(expected, format!("{tokens:?}"));
        }
        match (0..tokens.len()).find(|&at| tokens[at].is_empty() || tokens[..at].contains(&tokens[at])) {
            Some(at) => wrong("non-empty tokens, each once", format!("{:?}", tokens[at])),
            None => Ok(()),
        }
    }

    fn check_size(&self, needed: usize) -> Result<()> {
        // The crate stores ids in 32 bits.
        check_size(self.vocab_size, u32::MAX as usize / 2)?;
        if self.vocab_size < needed {
            return Err(SubwordError::Alphabet { needed, found: self.vocab_size }.into());
        }
        Ok(())
    }

    fn normalizer(&self) -> Option<NormalizerWrapper> {
        match self.model {
            SubwordModel::WordPiece => {
                Some(NormalizerWrapper::BertNormalizer(BertNormalizer::new(true, true, None, self.lower)))
            }
            _ if self.lower => Some(NormalizerWrapper::Lowercase(Lowercase)),
            _ => None,
        }
    }

    fn pre_tokenizer(&self) -> PreTokenizerWrapper {
        match self.model {
            SubwordModel::ByteLevelBpe => PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
            SubwordModel::WordPiece => PreTokenizerWrapper::BertPreTokenizer(BertPreTokenizer),
            SubwordModel::Unigram => PreTokenizerWrapper::Metaspace(Metaspace::default()),
        }
    }

    fn decoder(&self) -> DecoderWrapper {
        match self.model {
            SubwordModel::ByteLevelBpe => DecoderWrapper::ByteLevel(ByteLevel::new(false, true, true)),
            SubwordModel::WordPiece => DecoderWrapper::WordPiece(WordPieceDecoder::new(CONTINUING.to_owned(), true)),
            SubwordModel::Unigram => DecoderWrapper::Metaspace(MetaspaceDecoder::default()),
        }
    }

    fn added_tokens(&self) -> Vec<AddedToken> {
        self.special().iter().map(|token| AddedToken::from(token.as_str(), true)).collect()
    }

    fn train_byte_level(&self, words: CountedTokens) -> Result<BPE> {
        self.check_size(256 + self.special().len())?;
        let spelled =
            words.into_iter().map(|(word, count)| (word.bytes().map(character_of).collect(), count)).collect();
        self.train_bpe((0..=255).map(character_of).collect(), spelled)
    }

    fn train_bpe(&self, alphabet: HashSet<char>, words: Vec<(String, u64)>) -> Result<BPE> {
        let trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(self.vocab_size)
            .min_frequency(self.min_frequency)
            .special_tokens(self.added_tokens())
            .initial_alphabet(alphabet)
            .build();
        let words = words.into_iter().map(|(word, count)| (word.into(), count)).collect();
        let mut model = BPE::default();
        trainer.do_train(&words, &mut model).map_err(library_error("train subwords"))?;
        Ok(model)
    }

    fn train_word_piece(&self, words: CountedTokens) -> Result<WordPiece> {
        let starting: BTreeSet<char> = words.iter().flat_map(|(word, _)| word.chars()).collect();
        let continuing: BTreeSet<char> = words.iter().flat_map(|(word, _)| word.chars().skip(1)).collect();
        // The crate also has each character by itself, even if it occurs only inside words.
        let needed = self.special().len() + starting.len() + continuing.len();
        self.check_size(needed)?;
        let in_special: HashSet<char> = self.special().iter().flat_map(|token| token.chars()).collect();
        let mut free = ('\u{f0000}'..='\u{10ffff}')
            .chain('\u{e000}'..='\u{f8ff}')
            .filter(|character| !starting.contains(character) && !in_special.contains(character));
        let mut stand_ins = HashMap::new();
        for &character in &continuing {
            let stand_in = free.next().ok_or(SubwordError::Alphabet { needed, found: self.vocab_size })?;
            stand_ins.insert(character, stand_in);
        }
        let originals: HashMap<char, char> =
            stand_ins.iter().map(|(&original, &stand_in)| (stand_in, original)).collect();
        let spelled = words.into_iter().map(|(word, count)| {
            let mut characters = word.chars();
            (characters.next().into_iter().chain(characters.map(|inside| stand_ins[&inside])).collect(), count)
        });
        let trained = self.train_bpe(starting.into_iter().collect(), spelled.collect())?;
        let vocab: tokenizers::models::bpe::Vocab = trained
            .get_vocab()
            .into_iter()
            .map(|(token, id)| {
                let inside = token.chars().next().is_some_and(|first| originals.contains_key(&first));
                let original = token.chars().map(|character| *originals.get(&character).unwrap_or(&character));
                let prefix = if inside { CONTINUING } else { "" };
                (prefix.chars().chain(original).collect(), id)
            })
            .collect();
        WordPiece::builder()
            .vocab(vocab)
            .unk_token(self.special()[1].clone())
            .continuing_subword_prefix(CONTINUING.to_owned())
            .build()
            .map_err(library_error("train subwords"))
    }

    fn train_unigram(&self, words: CountedTokens) -> Result<Unigram> {
        let sentences: Vec<(String, u32)> = words
            .into_iter()
            .filter(|(word, _)| word.len() <= LONGEST_UNIGRAM_WORD)
            .map(|(word, count)| (word.into_string(), u32::try_from(count).unwrap_or(u32::MAX)))
            .collect();
        // Special tokens are pieces too; a different spelling keeps them out of texts.
        let in_special: HashSet<char> = self.special().iter().flat_map(|token| token.chars()).collect();
        let mut alphabet: BTreeSet<char> = in_special.iter().copied().collect();
        alphabet.extend(sentences.iter().flat_map(|(word, _)| word.chars()));
        // If all pieces are single characters, the crate would not stop at the requested size.
        self.check_size(self.special().len() + alphabet.len() + 1)?;
        let trainer = UnigramTrainer::builder()
            .show_progress(false)
            .vocab_size(self.vocab_size as u32)
            .special_tokens(self.added_tokens())
            .unk_token(Some(self.special()[1].clone()))
            .initial_alphabet(in_special.into_iter().collect())
            .build()
            .map_err(library_error("train subwords"))?;
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let one_thread = one_thread.map_err(library_error("start a thread"))?;
        let mut model = Unigram::default();
        one_thread.install(|| trainer.do_train(sentences, &mut model)).map_err(library_error("train subwords"))?;
        let mut pieces: Vec<(String, f64)> = model.iter().cloned().collect();
        order_pieces(&mut pieces, self.special().len());
        Unigram::from(pieces, Some(1), false).map_err(library_error("train subwords"))
    }
}

/// Makes the pieces of Unigram reproducible, except the first `specials` of them, and puts the special ones out of
/// reach of texts.
///
/// The crate gives dropped characters the lowest score, that score plus 0.0001, and so on.
fn order_pieces(pieces: &mut [(String, f64)], specials: usize) {
    let (special, pieces) = pieces.split_at_mut(specials);
    let is_character = |piece: &str| piece.chars().nth(1).is_none();
    let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let mut by_score: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, (_, score)) in pieces.iter().enumerate().filter(|(_, (piece, _))| is_character(piece)) {
        by_score.entry(score.to_bits()).or_default().push(place);
    }
    let mut penalty = 0.0;
    let mut dropped = Vec::new();
    // A character that EM kept at such a score is included, since it cannot be told from the dropped ones.
    while let Some(places) = by_score.get(&f64::to_bits(lowest + penalty)) {
        dropped.extend_from_slice(places);
        penalty += 0.0001;
    }
    let mut characters: Vec<String> = dropped.iter().map(|&place| std::mem::take(&mut pieces[place].0)).collect();
    characters.sort_unstable();
    for (place, character) in dropped.into_iter().zip(characters) {
        pieces[place].0 = character;
    }
    pieces.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let longest = special.iter().map(|(token, _)| token.chars().count()).max().unwrap_or(0);
    for (_, score) in special {
        *score = (lowest - 1.0) * (longest + 1) as f64;
    }
}

fn normalized(normalizer: &NormalizerWrapper, text: &str) -> Result<NormalizedString> {
    let mut text = NormalizedString::from(text);
    normalizer.normalize(&mut text).map_err(library_error("normalise a text"))?;
    Ok(text)
}
