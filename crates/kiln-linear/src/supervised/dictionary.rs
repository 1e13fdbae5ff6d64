//! fastText's dictionary: words and labels of a text, their hashes, character n-grams and word n-grams.

use kiln_base::Interner;

use super::config::SupervisedConfig;

/// The token at the end of every line.
pub(super) const END: &str = "</s>";
const WORD_BEGIN: char = '<';
const WORD_END: char = '>';
/// The factor of hashes of word n-grams.
const NGRAM_FACTOR: u64 = 116_049_371;

/// fastText's hash of a token: 32-bit FNV-1a over sign-extended bytes.
pub(super) fn hash(token: &str) -> u32 {
    token.bytes().fold(2_166_136_261, |hash: u32, byte| (hash ^ byte as i8 as u32).wrapping_mul(16_777_619))
}

/// The tokens of a line, split at fastText's white space; other white space of Unicode is part of a word.
pub(super) fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let is_space = |c: char| matches!(c, ' ' | '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\0');
    line.split(is_space).filter(|token| !token.is_empty())
}

/// Words or labels by number, and their counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub(super) tokens: Interner,
    pub(super) counts: Vec<u64>,
}

impl Entries {
    /// Counts a token, adding it if it is new; returns its number.
    pub(super) fn add(&mut self, token: &str, count: u64) -> u32 {
        let (number, is_new) = self.tokens.intern(token);
        if is_new {
            self.counts.push(0);
        }
        self.counts[number as usize] += count;
        number
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Tokens and counts in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tokens.iter().zip(self.counts.iter().copied())
    }

    fn find(&self, token: &str) -> Option<u32> {
        self.tokens.find(token.as_bytes())
    }
}

/// A token of a text, as an index into all tokens ever seen.
pub(super) type Seen = u32;

/// Every token of a text that is being read, and its lines as indices.
#[derive(Debug, Default)]
pub(super) struct Reading {
    seen: Entries,
    /// The tokens of all lines, one line after another.
    pub(super) tokens: Vec<Seen>,
    /// Where each line ends.
    pub(super) ends: Vec<usize>,
    /// The weight of each line; empty if all are equal.
    pub(super) weights: Vec<f32>,
}

impl Reading {
    pub(super) fn line(&mut self, line: &str) {
        for token in tokens(line).chain([END]) {
            self.tokens.push(self.seen.add(token, 1));
            if token == END {
                self.ends.push(self.tokens.len()); // one in the text ends a line, too
            }
        }
    }

    /// The dictionary of everything frequent enough, and the kind of each token seen.
    pub(super) fn finish(&mut self, config: &SupervisedConfig) -> (Dictionary, Vec<Kind>) {
        let seen = std::mem::take(&mut self.seen);
        let mut kinds: Vec<Kind> = seen
            .tokens
            .iter()
            .map(|token| (hash(token), token.starts_with(&config.label_prefix)))
            .map(|(hash, is_label)| Kind { id: None, hash, is_label, subwords: Vec::new() })
            .collect();
        let mut order: Vec<u32> = (0..seen.len() as u32).collect();
        // Equal counts stay in order of appearance; in fastText their order depends on its sort.
        order.sort_by_key(|&at| std::cmp::Reverse(seen.counts[at as usize]));
        let (mut words, mut labels) = (Entries::default(), Entries::default());
        for at in order {
            let (kind, count) = (&mut kinds[at as usize], seen.counts[at as usize]);
            let (entries, least) = match kind.is_label {
                true => (&mut labels, config.min_count_label),
                false => (&mut words, config.min_count),
            };
            if count >= least {
                kind.id = seen.tokens.text(at).map(|token| entries.add(token, count));
            }
        }
        let dictionary = Dictionary::new(words, labels, self.tokens.len() as u64, config);
        for (kind, token) in kinds.iter_mut().zip(seen.tokens.iter()).filter(|(kind, _)| !kind.is_label) {
            dictionary.subwords(token, kind.id, &mut kind.subwords);
        }
        (dictionary, kinds)
    }
}

/// A token's part in the dictionary.
#[derive(Debug)]
pub(super) struct Kind {
    /// The number of the word or label; `None` if it is too rare.
    pub(super) id: Option<u32>,
    pub(super) hash: u32,
    pub(super) is_label: bool,
    /// The rows of a word: itself and its character n-grams.
    pub(super) subwords: Vec<u32>,
}

/// Words and labels by number; turns texts into rows of the input table.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    pub(super) words: Entries,
    pub(super) labels: Entries,
    /// Tokens of the training text, ends of lines and rare words included.
    pub(super) tokens: u64,
    label_prefix: String,
    word_ngrams: usize,
    lengths: (usize, usize),
    pub(super) buckets: usize,
}

impl Dictionary {
    pub(super) fn new(words: Entries, labels: Entries, tokens: u64, config: &SupervisedConfig) -> Self {
        Self {
            words,
            labels,
            tokens,
            label_prefix: config.label_prefix.clone(),
            word_ngrams: config.word_ngrams,
            lengths: (config.min_n, config.max_n),
            buckets: config.used_buckets(),
        }
    }

    /// Rows of the input table.
    pub(super) fn rows(&self) -> usize {
        self.words.len() + self.buckets
    }

    fn bucket(&self, hash: u64) -> Option<u32> {
        let bucket = hash.checked_rem(self.buckets as u64)?;
        Some((self.words.len() as u64 + bucket) as u32)
    }

    /// The row of a word and those of its character n-grams; a rare word has only the latter.
    fn subwords(&self, word: &str, id: Option<u32>, rows: &mut Vec<u32>) {
        rows.extend(id);
        let (least, most) = self.lengths;
        if most == 0 || word == END {
            return;
        }
        let marked = format!("{WORD_BEGIN}{word}{WORD_END}");
        let starts: Vec<usize> = marked.char_indices().map(|(at, _)| at).chain([marked.len()]).collect();
        let letters = starts.len() - 1;
        for begin in 0..letters {
            for length in least.max(1)..=most.min(letters - begin) {
                let end = begin + length;
                let is_mark_alone = length == 1 && (begin == 0 || end == letters);
                if !is_mark_alone {
                    rows.extend(self.bucket(u64::from(hash(&marked[starts[begin]..starts[end]]))));
                }
            }
        }
    }

    /// The rows of the n-grams of words with these hashes.
    pub(super) fn word_ngrams(&self, hashes: &[u32], rows: &mut Vec<u32>) {
        let extended = |hash: u32| hash as i32 as i64 as u64;
        for (at, &first) in hashes.iter().enumerate() {
            let mut joined = extended(first);
            for &next in hashes[at + 1..].iter().take(self.word_ngrams.saturating_sub(1)) {
                joined = joined.wrapping_mul(NGRAM_FACTOR).wrapping_add(extended(next));
                rows.extend(self.bucket(joined));
            }
        }
    }

    /// The rows of a single word.
    pub(super) fn word_rows(&self, word: &str) -> Vec<u32> {
        let mut rows = Vec::new();
        self.subwords(word, self.words.find(word), &mut rows);
        rows
    }

    /// The rows and labels of a line, which need not be from the training text.
    pub(super) fn line(&self, line: &str) -> Line {
        let mut read = Line::default();
        let mut hashes = Vec::new();
        for token in tokens(line).chain([END]) {
            let id = self.words.find(token);
            if id.is_some() || !token.starts_with(&self.label_prefix) {
                self.subwords(token, id, &mut read.rows);
                hashes.push(hash(token));
            } else if let Some(label) = self.labels.find(token) {
                read.labels.push(label);
            } else {
                read.unknown_labels += 1;
            }
            if token == END {
                break;
            }
        }
        self.word_ngrams(&hashes, &mut read.rows);
        read
    }
}

/// A line as rows of the input table and labels.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) rows: Vec<u32>,
    pub(super) labels: Vec<u32>,
    pub(super) unknown_labels: usize,
}

impl Line {
    /// Whether the line can be used for testing.
    pub(super) fn is_test(&self) -> bool {
        !self.rows.is_empty() && self.labels.len() + self.unknown_labels > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_fasttext() {
        let expected = [("<the", 924_409_726), ("the>", 2_502_060_934), ("é", 1_023_043_777), (END, 3_617_362_777)];
        for (token, value) in expected {
            assert_eq!(hash(token), value, "{token}");
        }
    }

    #[test]
    fn character_ngrams_leave_the_marks_alone_out() {
        let config = SupervisedConfig::new().min_n(1).max_n(2).buckets(1_000);
        let dictionary = Dictionary::new(Entries::default(), Entries::default(), 0, &config);
        let mut rows = Vec::new();
        dictionary.subwords("é", None, &mut rows);
        // "<é", "é", "é>", but neither "<" nor ">".
        let expected = ["<é", "é", "é>"].map(|gram| hash(gram) % 1_000);
        assert_eq!(rows, expected);
    }

    #[test]
    fn tokens_are_split_at_the_seven_bytes_of_fasttext() {
        let found: Vec<&str> = tokens("a\u{b}b\0c\u{a0}d \r\n e").collect();
        assert_eq!(found, ["a", "b", "c\u{a0}d", "e"]);
    }
}
