//! A corpus of short film reviews, generated from a seed, whose labels cannot be decided by counting words.
//!
//! A review is an opening, a verdict and a closing. The verdict is a plan ("although A, B") filled with claims ("the
//! plot was not gripping"). Its meaning depends on what the plan makes of its claims, what the claims make of their
//! opinion words, and which side those words are on. Quotation and jest reverse a claim, a concession gives way, and a
//! negation reverses the next opinion word. Every review has a twin in the other class that differs only in its opinion
//! words, so all other words are exactly equally frequent in both classes. About two in three opinion words are on the
//! side of the label: enough for a small network to start learning within an epoch or two, and not enough to decide by.
//!
//! A *frame* is a plan with its claims, its opening and its closing, before words are filled in. Training and test
//! reviews share no frame, and no wording of a plan with its claims either; they share the parts that frames are made
//! of, and the words. So a model is right on the test because it has learned what the parts do, not because it has seen
//! the sentence.
//!
//! The English is simple and the opinions are nobody's.

mod documents;
mod grammar;
mod lexicon;

use std::collections::HashSet;

use kiln_base::SplitMix64;

pub use documents::ReviewDocuments;

use grammar::{CLAIMS, CLOSINGS, OPENINGS, PLANS, Rule};

/// The label of a negative review.
const NEGATIVE: u32 = 0;

/// The label of a positive review.
const POSITIVE: u32 = 1;

/// The minimum number of words of a review.
const MIN_WORDS: usize = 8;

/// The maximum number of words of a review.
const MAX_WORDS: usize = 40;

/// Pairs of twins made from a frame.
const PAIRS_PER_FRAME: usize = 2;

/// One in this many frames goes to the test reviews.
const TEST_SHARE: usize = 5;

/// One pair of twins in this many is typed without capitals.
const LOWERCASE_SHARE: u64 = 8;

/// How often a pair that repeats an earlier review is redrawn before it is kept.
const REDRAWS: usize = 32;

/// Sentences that no frame can generate, with their labels, for trying out a trained model: a plain one, a negation, a
/// contrast. All their words occur in the reviews.
pub const DEMONSTRATIONS: [(&str, u32); 3] = [
    ("I loved the story and I adored the acting.", POSITIVE),
    ("This film was never boring.", POSITIVE),
    ("My sister loved it, but I thought it was dull.", NEGATIVE),
];

/// How many frames a rule gets for each way in which its claims flip: none of them, the first, the second, both.
///
/// These numbers determine how well opinion words by themselves predict the label. If opinion words misled in as many
/// frames as they led, word counts would be worth nothing, but a small network would then stay at chance for many
/// epochs before it learns the first rule.
const fn quota(rule: Rule) -> [usize; 4] {
    match rule {
        Rule::Single => [160, 50, 0, 0],
        Rule::Refuted => [95, 60, 0, 0],
        Rule::Endorsed => [75, 40, 0, 0],
        Rule::Both => [150, 30, 30, 30],
        Rule::SecondWins => [95, 105, 30, 35],
        Rule::FirstWins => [65, 30, 75, 35],
        Rule::OwnWins => [60, 70, 25, 30],
    }
}

/// One review.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Review {
    /// The text: 8 to 40 words in one or more sentences.
    pub text: String,
    /// 0 for a negative review, 1 for a positive one.
    pub label: u32,
    /// The frame that the review was made from, an index into [`ReviewSplits::skeletons`].
    pub frame: u32,
}

/// The two parts of a corpus of reviews.
///
/// Split a validation part off `train` by [`Review::frame`]: reviews of one frame are twins or near-twins, so testing
/// on one after training on another means little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewSplits {
    /// The training reviews, shuffled.
    pub train: Vec<Review>,
    /// The test reviews, shuffled, from frames that `train` does not have.
    pub test: Vec<Review>,
    /// The text of each frame, counted from 0, with `_` for each word that was filled in.
    pub skeletons: Vec<String>,
}

/// The generator of the corpus.
///
/// # Examples
///
/// ```
/// use kiln_text::corpora::reviews::Reviews;
///
/// let reviews = Reviews::generate(0);
/// println!("{} {}", reviews.train[0].label, reviews.train[0].text);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reviews;

impl Reviews {
    /// Generates the corpus of a seed: the same reviews in the same order on every machine.
    pub fn generate(seed: u64) -> ReviewSplits {
        let mut draw = SplitMix64::new(seed);
        let mut frames = draw_frames(&mut draw);
        draw.shuffle(&mut frames);
        let skeletons = frames.iter().map(|frame| skeleton(&frame.pieces)).collect();
        let first_train = frames.len() / TEST_SHARE;
        let (mut train, mut test) = (Vec::new(), Vec::new());
        let mut taken = HashSet::new();
        for (id, frame) in (0u32..).zip(&frames) {
            let part = if (id as usize) < first_train { &mut test } else { &mut train };
            for _ in 0..PAIRS_PER_FRAME {
                let mut twins = frame.twins(id, &mut draw);
                for _ in 0..REDRAWS {
                    if !twins.iter().any(|twin| taken.contains(&twin.text.to_lowercase())) {
                        break;
                    }
                    twins = frame.twins(id, &mut draw);
                }
                taken.extend(twins.iter().map(|twin| twin.text.to_lowercase()));
                part.extend(twins);
            }
        }
        draw.shuffle(&mut train);
        draw.shuffle(&mut test);
        ReviewSplits { train, test, skeletons }
    }
}

/// What a slot can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Thing,
    Adjective,
    Noun,
    Verb,
    Neutral(&'static [&'static str]),
}

/// A piece of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    Words(&'static str),
    /// A slot and the claim it is in: 0 for the first (and outside of claims), 1 for the second.
    Slot(Slot, usize),
}

/// The pieces of a pattern, cut at its slots; `claims` replace `{A}` and `{B}`.
fn cut(pattern: &'static str, place: usize, claims: &[&'static str]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some((words, tail)) = rest.split_once('{') {
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
        let slot = match name {
            "A" | "B" => {
                let place = usize::from(name == "B");
                if let Some(claim) = claims.get(place) {
                    pieces.extend(cut(claim, place, &[]));
                }
                rest = tail;
                continue;
            }
            "thing" => Slot::Thing,
            "adj" => Slot::Adjective,
            "noun" => Slot::Noun,
            "verb" => Slot::Verb,
            "adv" => Slot::Neutral(&lexicon::ADVERBS),
            "aside" => Slot::Neutral(&lexicon::ASIDES),
            "person" => Slot::Neutral(&lexicon::PERSONS),
            "critics" => Slot::Neutral(&lexicon::CRITICS),
            "day" => Slot::Neutral(&lexicon::DAYS),
            "place" => Slot::Neutral(&lexicon::PLACES),
            "genre" => Slot::Neutral(&lexicon::GENRES),
            "minutes" => Slot::Neutral(&lexicon::MINUTES),
            other => unreachable!("the grammar has no slot {{{other}}}"),
        };
        pieces.push(Piece::Slot(slot, place));
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    pieces
}

/// The minimum and maximum number of words of the pieces.
fn word_range(pieces: &[Piece]) -> (usize, usize) {
    let count = |text: &str| text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
    pieces.iter().fold((0, 0), |(least, most), piece| {
        let (few, many) = match *piece {
            Piece::Words(words) => (count(words), count(words)),
            Piece::Slot(Slot::Neutral(fillers), _) => fillers
                .iter()
                .map(|filler| count(filler))
                .fold((usize::MAX, 0), |(few, many), n| (few.min(n), many.max(n))),
            Piece::Slot(..) => (1, 1),
        };
        (least + few, most + many)
    })
}

/// The text of the pieces with `_` for each slot.
fn skeleton(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| if let Piece::Words(words) = piece { words } else { "_" }).collect()
}

/// The words of the pieces without punctuation, capitals and slots: what a model could recognise them by.
fn wording(pieces: &[Piece]) -> String {
    let text = skeleton(pieces).to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A review before words are filled in.
struct Frame {
    pieces: Vec<Piece>,
    rule: Rule,
    /// The result of the function of that name for its claims.
    straight: [bool; 2],
}

/// For each claim, whether its opinion word must praise for the review to praise.
fn straight(rule: Rule, flips: [bool; 2]) -> [bool; 2] {
    [rule.first_agrees() != flips[0], rule.second_agrees() != flips[1]]
}

/// All frames of a corpus: for every rule and every way to flip, as many as the quota says. No wording of plan and
/// claims occurs twice.
fn draw_frames(draw: &mut SplitMix64) -> Vec<Frame> {
    let surroundings = Surroundings::all();
    let mut frames = Vec::new();
    let mut taken = HashSet::new();
    for rule in Rule::ALL {
        for (way, amount) in quota(rule).into_iter().enumerate() {
            let flips = [way & 1 == 1, way & 2 == 2];
            let mut verdicts = verdicts(rule, flips);
            draw.shuffle(&mut verdicts);
            let complete = verdicts
                .into_iter()
                .map(|(plan, claims)| cut(plan, 0, &claims))
                .filter(|verdict| taken.insert(wording(verdict)))
                .filter_map(|verdict| surroundings.complete(&verdict, draw))
                .map(|pieces| Frame { pieces, rule, straight: straight(rule, flips) });
            frames.extend(complete.take(amount));
        }
    }
    frames
}

/// Every plan of the rule with every choice of claims that flip as in `flips`.
fn verdicts(rule: Rule, flips: [bool; 2]) -> Vec<(&'static str, [&'static str; 2])> {
    let firsts = CLAIMS.iter().filter(|claim| claim.flips == flips[0] && !(rule.quotes_first() && claim.personal));
    let seconds: Vec<&'static str> = match rule.has_second() {
        true => CLAIMS.iter().filter(|claim| claim.flips == flips[1]).map(|claim| claim.text).collect(),
        false => vec![""],
    };
    let mut verdicts = Vec::new();
    for first in firsts {
        for second in seconds.iter().filter(|second| **second != first.text) {
            for plan in PLANS.iter().filter(|plan| plan.rule == rule) {
                verdicts.push((plan.text, [first.text, second]));
            }
        }
    }
    verdicts
}

/// Openings and closings, cut.
struct Surroundings {
    openings: Vec<Vec<Piece>>,
    closings: Vec<Vec<Piece>>,
}

impl Surroundings {
    fn all() -> Self {
        let cut_all = |patterns: [&'static str; 26]| patterns.map(|pattern| cut(pattern, 0, &[])).to_vec();
        let [openings, closings] = [OPENINGS, CLOSINGS].map(cut_all);
        Surroundings { openings, closings }
    }

    /// Puts an opening and a closing around a verdict, so that every review of the frame keeps to the limits on length;
    /// `None` if no pair does.
    fn complete(&self, verdict: &[Piece], draw: &mut SplitMix64) -> Option<Vec<Piece>> {
        let (least, most) = word_range(verdict);
        let closings: Vec<_> = self.closings.iter().map(|closing| word_range(closing)).collect();
        let mut fitting = Vec::new();
        for opening in &self.openings {
            let before = word_range(opening);
            for (closing, after) in self.closings.iter().zip(&closings) {
                if least + before.0 + after.0 >= MIN_WORDS && most + before.1 + after.1 <= MAX_WORDS {
                    fitting.push((opening, closing));
                }
            }
        }
        if fitting.is_empty() {
            return None;
        }
        let (opening, closing) = *draw.choose(&fitting);
        let mut pieces = opening.clone();
        if !pieces.is_empty() {
            pieces.push(Piece::Words(" "));
        }
        pieces.extend(verdict);
        if !closing.is_empty() {
            pieces.push(Piece::Words(" "));
            pieces.extend(closing);
        }
        Some(pieces)
    }
}

impl Frame {
    /// One review of each class, with the same words except for the opinion words.
    fn twins(&self, id: u32, draw: &mut SplitMix64) -> [Review; 2] {
        let things = self.draw_things(draw);
        // Per slot: the word if the claim's opinion word praises, and the word if it blames.
        let word = |piece: &Piece| match *piece {
            Piece::Words(words) => (words, words),
            Piece::Slot(Slot::Thing, place) => (things[place], things[place]),
            Piece::Slot(Slot::Adjective, _) => *draw.choose(&lexicon::ADJECTIVES),
            Piece::Slot(Slot::Noun, _) => *draw.choose(&lexicon::NOUNS),
            Piece::Slot(Slot::Verb, _) => *draw.choose(&lexicon::VERBS),
            Piece::Slot(Slot::Neutral(fillers), _) => [*draw.choose(fillers); 2].into(),
        };
        let words: Vec<(&str, &str)> = self.pieces.iter().map(word).collect();
        let lowercase = draw.below(LOWERCASE_SHARE) == 0;
        [NEGATIVE, POSITIVE].map(|label| {
            let mut text = String::new();
            for (piece, (praise, blame)) in self.pieces.iter().zip(&words) {
                let praises = matches!(*piece, Piece::Slot(_, place) if self.straight[place] == (label == POSITIVE));
                append(&mut text, if praises { praise } else { blame });
            }
            if lowercase {
                text = text.to_lowercase();
            }
            Review { text, label, frame: id }
        })
    }

    /// What the claims are about. A concession is about a part of the film, so that it contrasts with a verdict on the
    /// whole.
    fn draw_things(&self, draw: &mut SplitMix64) -> [&'static str; 2] {
        let film = *draw.choose(&lexicon::FILMS);
        let part = *draw.choose(&lexicon::ASPECTS);
        let other = *draw.choose(&lexicon::ASPECTS);
        let verdict = if draw.below(2) == 0 || part == other { film } else { other };
        match self.rule {
            Rule::Single | Rule::Refuted | Rule::Endorsed | Rule::OwnWins => [verdict; 2],
            Rule::Both | Rule::SecondWins => [part, verdict],
            Rule::FirstWins => [verdict, part],
        }
    }
}

/// Adds words to a text: "a" becomes "an" before a vowel, and a sentence begins with a capital.
fn append(text: &mut String, words: &str) {
    let vowel = words.starts_with(['a', 'e', 'i', 'o', 'u']);
    if vowel && (text.ends_with(" a ") || text == "A ") {
        text.insert(text.len() - 1, 'n');
    }
    let begins = text.is_empty() || text.ends_with(". ") || text.ends_with("! ") || text.ends_with("? ");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) if begins => {
            text.extend(first.to_uppercase());
            text.push_str(characters.as_str());
        }
        _ => text.push_str(words),
    }
}

#[cfg(test)]
mod tests;
