//! Tests of the corpus: reproducible from its seed, balanced, and split by frame. How well models do on it is not
//! tested here; that needs a model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::*;

/// What `fingerprint` returns for seed 0.
const PINNED: u64 = 2_708_732_628_945_116_522;

const SEEDS: [u64; 3] = [0, 1, 0xffff_ffff_ffff_ffff];

/// The corpora of `SEEDS`, made once for all tests.
static CORPORA: LazyLock<[ReviewSplits; 3]> = LazyLock::new(|| SEEDS.map(Reviews::generate));

/// The lower-case words of a text without punctuation.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

/// Opinion words: true for those that praise.
fn opinions() -> BTreeMap<&'static str, bool> {
    lexicon::ADJECTIVES
        .iter()
        .chain(&lexicon::NOUNS)
        .chain(&lexicon::VERBS)
        .flat_map(|&(praise, blame)| [(praise, true), (blame, false)])
        .collect()
}

fn all(splits: &ReviewSplits) -> impl Iterator<Item = &Review> {
    splits.train.iter().chain(&splits.test)
}

/// 64-bit FNV-1a over every label, frame and text in order.
fn fingerprint(splits: &ReviewSplits) -> u64 {
    all(splits)
        .flat_map(|review| format!("{}\t{}\t{}\n", review.label, review.frame, review.text).into_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn seed_decides_the_corpus() {
    // If a word or a pattern changes, this changes, and with it every figure measured on the corpus.
    assert_eq!(fingerprint(&CORPORA[0]), PINNED);
    assert_eq!(Reviews::generate(7), Reviews::generate(7));
    assert_ne!(fingerprint(&Reviews::generate(7)), fingerprint(&Reviews::generate(8)));
}

#[test]
fn every_rule_gets_its_quota() {
    let expected: usize = Rule::ALL.iter().flat_map(|&rule| quota(rule)).sum();
    for splits in CORPORA.iter() {
        assert_eq!(splits.skeletons.len(), expected);
        assert_eq!(splits.test.len(), expected / TEST_SHARE * PAIRS_PER_FRAME * 2);
        assert_eq!(all(splits).count(), expected * PAIRS_PER_FRAME * 2);
    }
}

#[test]
fn frames_of_train_and_test_are_disjoint() {
    for splits in CORPORA.iter() {
        let frames = |part: &[Review]| part.iter().map(|review| review.frame).collect::<BTreeSet<_>>();
        let (train, test) = (frames(&splits.train), frames(&splits.test));
        assert!(train.is_disjoint(&test));
        assert_eq!(train.len() + test.len(), splits.skeletons.len());
        let skeletons = |frames: &BTreeSet<u32>| {
            frames
                .iter()
                .map(|&frame| words(splits.skeletons[frame as usize].as_str()).join(" "))
                .collect::<BTreeSet<_>>()
        };
        let (train, test) = (skeletons(&train), skeletons(&test));
        assert!(train.is_disjoint(&test));
        assert_eq!(train.len() + test.len(), splits.skeletons.len(), "two frames are alike");
    }
}

#[test]
fn skeleton_is_the_text_without_the_slots() {
    let splits = &CORPORA[0];
    for review in all(splits) {
        let text = review.text.to_lowercase().replace(" an ", " a ");
        let skeleton = splits.skeletons[review.frame as usize].as_str();
        let skeleton = skeleton.to_lowercase();
        let mut rest = text.as_str();
        for part in skeleton.split('_') {
            let found = rest.split_once(part);
            rest = found.unwrap_or_else(|| panic!("{text:?} has no {part:?}")).1;
        }
        assert!(skeleton.ends_with('_') || rest.is_empty(), "{text:?} goes on: {rest:?}");
    }
}

#[test]
fn verdicts_of_train_and_test_are_disjoint() {
    let Surroundings { openings, closings } = Surroundings::all();
    let surroundings = |frame: &Frame| {
        let of = |opening: &&Vec<Piece>| !opening.is_empty() && frame.pieces.starts_with(opening);
        let before = openings.iter().find(of);
        let of = |closing: &&Vec<Piece>| !closing.is_empty() && frame.pieces.ends_with(closing);
        let after = closings.iter().find(of);
        (before.map_or(0, Vec::len), after.map_or(0, Vec::len))
    };
    for seed in SEEDS {
        let frames = draw_frames(&mut SplitMix64::new(seed));
        let mut verdicts = BTreeSet::new();
        for frame in &frames {
            let (before, after) = surroundings(frame);
            let verdict = &frame.pieces[before..frame.pieces.len() - after];
            assert!(verdicts.insert(wording(verdict)), "twice: {}", skeleton(verdict));
        }
        assert!(verdicts.len() > 1_000);
    }
}

#[test]
fn every_frame_occurs_with_both_labels_alike() {
    let splits = &CORPORA[0];
    let opinions = opinions();
    let mut frames: BTreeMap<u32, [Vec<Vec<String>>; 2]> = BTreeMap::new();
    for review in all(splits) {
        let neutral = words(&review.text)
            .into_iter()
            .filter(|word| !opinions.contains_key(word.as_str()))
            .map(|word| if word == "an" { "a".to_string() } else { word })
            .collect();
        frames.entry(review.frame).or_default()[review.label as usize].push(neutral);
    }
    for (frame, [mut negative, mut positive]) in frames {
        assert_eq!(negative.len(), PAIRS_PER_FRAME);
        negative.sort();
        positive.sort();
        assert_eq!(negative, positive, "frame {frame}");
    }
}

#[test]
fn opinion_words_lean_to_their_side_a_little() {
    for (seed, splits) in SEEDS.iter().zip(CORPORA.iter()) {
        let opinions = opinions();
        let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for review in all(splits) {
            for word in words(&review.text) {
                if let Some((word, &praise)) = opinions.get_key_value(word.as_str()) {
                    counts.entry(word).or_default()[usize::from(praise == (review.label == POSITIVE))] += 1;
                }
            }
        }
        assert_eq!(counts.len(), opinions.len());
        let share = |[against, with]: [usize; 2]| with as f64 / (with + against) as f64;
        for (word, &count) in &counts {
            assert!((0.5..0.8).contains(&share(count)), "{word}: {count:?} with seed {seed}");
        }
        let total = counts.values().fold([0, 0], |sum, n| [sum[0] + n[0], sum[1] + n[1]]);
        assert!((0.62..0.68).contains(&share(total)), "{total:?} with seed {seed}");
        // Praise is as frequent as blame.
        let (mut praise, mut blame) = (0, 0);
        for (word, [against, with]) in counts {
            *(if opinions[word] { &mut praise } else { &mut blame }) += against + with;
        }
        assert_eq!(praise, blame);
    }
}

#[test]
fn texts_keep_to_the_limits_and_do_not_repeat() {
    for splits in CORPORA.iter() {
        let mut texts = BTreeSet::new();
        for review in all(splits) {
            let length = words(&review.text).len();
            assert!((MIN_WORDS..=MAX_WORDS).contains(&length), "{length}: {}", review.text);
            assert!(review.text.is_ascii() && !review.text.contains(['{', '}', '_', '-']));
            assert!(texts.insert(words(&review.text)), "twice: {}", review.text);
        }
    }
}

#[test]
fn test_and_demonstrations_have_no_word_that_train_lacks() {
    for splits in CORPORA.iter() {
        let known: BTreeSet<String> = splits.train.iter().flat_map(|review| words(&review.text)).collect();
        let demonstrations = DEMONSTRATIONS.iter().map(|(text, _)| *text);
        for text in splits.test.iter().map(|review| review.text.as_str()).chain(demonstrations) {
            for word in words(text) {
                assert!(known.contains(&word), "{word} in {text:?}");
            }
        }
    }
}

/// A frame from parts of the grammar, without opening and closing.
fn frame(plan: &str, claims: [&str; 2]) -> Frame {
    let plan = PLANS.iter().find(|item| item.text == plan);
    let plan = plan.unwrap_or_else(|| panic!("no such plan"));
    let claims = claims.map(|text| CLAIMS.iter().find(|claim| claim.text == text));
    let flips = claims.map(|claim| claim.is_some_and(|claim| claim.flips));
    let pieces = cut(plan.text, 0, &claims.map(|claim| claim.map_or("", |claim| claim.text)));
    let straight = straight(plan.rule, flips);
    Frame { pieces, rule: plan.rule, straight }
}

#[test]
fn labels_follow_from_plan_negation_and_side() {
    let plain = "the {thing} was {adj}";
    let denied = "the {thing} was not {adj}";
    // For the positive twin: whether the opinion word of each claim praises.
    let cases: [(&str, [&str; 2], &[bool], &str); 10] = [
        ("{A}.", [plain, ""], &[true], "said so"),
        ("{A}.", [denied, ""], &[false], "not bad is good"),
        ("It is a myth that {A}.", [plain, ""], &[false], "a myth that it is bad"),
        ("It is a myth that {A}.", [denied, ""], &[true], "a myth that it is not good"),
        ("It is a fact that {A}.", [denied, ""], &[false], "a fact that it is not bad"),
        ("{A}, and {B}.", [plain, denied], &[true, false], "good, and not bad"),
        ("{A}, but {B}.", [plain, plain], &[false, true], "bad, but good"),
        ("{A}, but {B}.", [denied, denied], &[true, false], "not good, but not bad"),
        ("{A}, although {B}.", [plain, denied], &[true, true], "good, although not good"),
        ("{A}, say the {critics}. As for me, {B}.", [denied, plain], &[true, true], "not good, they say; good"),
    ];
    let opinions = opinions();
    for (plan, claims, expected, reason) in cases {
        let frame = frame(plan, claims);
        for (label, side) in [(NEGATIVE, false), (POSITIVE, true)] {
            let twins = frame.twins(0, &mut SplitMix64::new(3));
            let review = &twins[label as usize];
            assert_eq!(review.label, label);
            let found: Vec<bool> = words(&review.text)
                .iter()
                .filter_map(|word| opinions.get(word.as_str()).map(|praise| *praise == side))
                .collect();
            assert_eq!(found, expected, "{reason}: {}", review.text);
        }
    }
}

#[test]
fn articles_and_capitals_follow_the_next_word() {
    let mut text = String::new();
    for words in ["it was a ", "awful", " film. ", "the plot? a ", "good", " one. ", "an end"] {
        append(&mut text, words);
    }
    assert_eq!(text, "It was an awful film. The plot? a good one. An end");
}
