//! The sentence patterns of the reviews: claims, the plans that combine them, openings and closings.
//!
//! A pattern is text with slots in braces. `{A}` and `{B}` in a plan are filled with claims; every other slot is filled
//! with a word of the `lexicon`.

/// One statement with an opinion word.
pub(super) struct Claim {
    /// The pattern, with one `{adj}`, `{noun}` or `{verb}`.
    pub(super) text: &'static str,
    /// Whether the pattern says the opposite of its opinion word.
    pub(super) flips: bool,
    /// Whether it says "I", so that it cannot be quoted from anybody else.
    pub(super) personal: bool,
}

const fn claim(text: &'static str, flips: bool, personal: bool) -> Claim {
    Claim { text, flips, personal }
}

/// All statements.
pub(super) const CLAIMS: [Claim; 54] = [
    // Same meaning as the opinion word, quotable.
    claim("the {thing} was {adj}", false, false),
    claim("the {thing} is {adv} {adj}", false, false),
    claim("the {thing} felt {adj} from the first scene to the last", false, false),
    claim("the {thing} turned out to be {adv} {adj}", false, false),
    claim("the {thing}, {aside}, was {adj}", false, false),
    claim("the {thing} remained {adj} throughout", false, false),
    claim("the {thing} was a {adj} piece of work", false, false),
    claim("the {thing} was a {noun}", false, false),
    claim("the {thing} is, {aside}, a {noun}", false, false),
    claim("everything about the {thing} was {adj}", false, false),
    claim("there was something {adj} about the {thing}", false, false),
    claim("the {thing} came across as {adv} {adj}", false, false),
    claim("everybody in the room {verb} the {thing}", false, false),
    claim("the {thing} never stopped being {adj}", false, false),
    // Same meaning as the opinion word, in the first person.
    claim("I {verb} the {thing}", false, true),
    claim("I must say I {verb} the {thing}", false, true),
    claim("I found the {thing} {adj}", false, true),
    claim("I found the {thing}, {aside}, {adv} {adj}", false, true),
    claim("the {thing} struck me as {adj}", false, true),
    claim("I would call the {thing} a {noun}", false, true),
    claim("I thought the {thing} was {adv} {adj}", false, true),
    claim("to me the {thing} was a {noun}", false, true),
    claim("I have to say that the {thing} was {adj}", false, true),
    claim("I can't deny that the {thing} was {adj}", false, true),
    claim("I do not mind admitting that I {verb} the {thing}", false, true),
    claim("I noticed how {adj} the {thing} was", false, true),
    // Opposite meaning, quotable.
    claim("the {thing} was not {adj}", true, false),
    claim("the {thing} was never {adj}", true, false),
    claim("the {thing} was not, {aside}, {adj}", true, false),
    claim("the {thing} is hardly {adj}", true, false),
    claim("the {thing} is hardly what you would call a {noun}", true, false),
    claim("the {thing} was by no means {adj}", true, false),
    claim("the {thing} wasn't {adv} {adj}", true, false),
    claim("the {thing} isn't a {noun}", true, false),
    claim("nothing about the {thing} was {adj}", true, false),
    claim("there was nothing {adj} about the {thing}", true, false),
    claim("the {thing} was far from {adj}", true, false),
    claim("the {thing} was anything but {adj}", true, false),
    claim("nobody could call the {thing} {adj}", true, false),
    claim("nobody in the room {verb} the {thing}", true, false),
    claim("the {thing} never once felt {adj}", true, false),
    claim("at no moment was the {thing} {adv} {adj}", true, false),
    // Opposite meaning, in the first person.
    claim("I can't say that the {thing} was {adj}", true, true),
    claim("I can't say that the {thing}, {aside}, was {adj}", true, true),
    claim("I do not think that the {thing} was {adv} {adj}", true, true),
    claim("I never {verb} the {thing}", true, true),
    claim("I never felt that the {thing} was a {noun}", true, true),
    claim("I would not call the {thing} {adj}", true, true),
    claim("I wouldn't call the {thing}, {aside}, a {noun}", true, true),
    claim("I doubt that the {thing} was {adj}", true, true),
    claim("I can't pretend that I {verb} the {thing}", true, true),
    claim("it would be a lie to say that I {verb} the {thing}", true, true),
    claim("I refuse to call the {thing} {adj}", true, true),
    claim("in no way did I find the {thing} {adj}", true, true),
];

/// How the claims of a plan make up the verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// One claim, which is the verdict.
    Single,
    /// One claim by somebody else, or in jest: the verdict is its opposite.
    Refuted,
    /// One claim by somebody else with which the writer agrees.
    Endorsed,
    /// Two claims that agree.
    Both,
    /// Two opposed claims, of which the first (`{A}`) gives way to the second (`{B}`).
    SecondWins,
    /// Two opposed claims, of which the first (`{A}`) holds against the second (`{B}`).
    FirstWins,
    /// The first claim is somebody else's; the second is the writer's and opposes it.
    OwnWins,
}

impl Rule {
    /// All rules, in the order in which frames are drawn.
    pub(super) const ALL: [Rule; 7] =
        [Rule::Single, Rule::Refuted, Rule::Endorsed, Rule::Both, Rule::SecondWins, Rule::FirstWins, Rule::OwnWins];

    /// Whether plans of this rule have a `{B}`.
    pub(super) fn has_second(self) -> bool {
        matches!(self, Rule::Both | Rule::SecondWins | Rule::FirstWins | Rule::OwnWins)
    }

    /// Whether `{A}` is quoted from somebody else.
    pub(super) fn quotes_first(self) -> bool {
        matches!(self, Rule::Refuted | Rule::Endorsed | Rule::OwnWins)
    }

    /// Whether the first claim agrees with the verdict.
    pub(super) fn first_agrees(self) -> bool {
        matches!(self, Rule::Single | Rule::Endorsed | Rule::Both | Rule::FirstWins)
    }

    /// Whether the second claim agrees with the verdict.
    pub(super) fn second_agrees(self) -> bool {
        matches!(self, Rule::Both | Rule::SecondWins | Rule::OwnWins)
    }
}

/// A way to combine claims.
pub(super) struct Plan {
    /// How the claims make up the verdict.
    pub(super) rule: Rule,
    /// The pattern with `{A}` and, where the rule has two claims, `{B}`.
    pub(super) text: &'static str,
}

const fn plan(rule: Rule, text: &'static str) -> Plan {
    Plan { rule, text }
}

/// All plans.
pub(super) const PLANS: [Plan; 58] = [
    plan(Rule::Single, "{A}."),
    plan(Rule::Single, "In short, {A}."),
    plan(Rule::Single, "All in all, {A}!"),
    plan(Rule::Single, "What can I add? {A}."),
    plan(Rule::Single, "After a second viewing my view stands: {A}."),
    plan(Rule::Single, "{A}, and that is that."),
    plan(Rule::Single, "Long story short: {A}."),
    plan(Rule::Refuted, "The {critics} say that {A}. They are wrong."),
    plan(Rule::Refuted, "My {person} insists that {A}, and is mistaken."),
    plan(Rule::Refuted, "It is a myth that {A}."),
    plan(Rule::Refuted, "Do not believe anyone who says that {A}."),
    plan(Rule::Refuted, "The {critics} will tell you that {A}. I disagree."),
    plan(Rule::Refuted, "Oh sure, {A}. As if!"),
    plan(Rule::Refuted, "{A}, and pigs can fly."),
    plan(Rule::Refuted, "{A}, said no one ever."),
    plan(Rule::Endorsed, "The {critics} say that {A}. They are right."),
    plan(Rule::Endorsed, "My {person} insists that {A}, and is right."),
    plan(Rule::Endorsed, "It is a fact that {A}."),
    plan(Rule::Endorsed, "Believe everyone who says that {A}."),
    plan(Rule::Endorsed, "The {critics} will tell you that {A}. I agree."),
    plan(Rule::Endorsed, "{A}, as my {person} said."),
    plan(Rule::Both, "{A}, and {B}."),
    plan(Rule::Both, "{A}. What is more, {B}."),
    plan(Rule::Both, "{A}; besides, {B}."),
    plan(Rule::Both, "{A}. Also, {B}."),
    plan(Rule::Both, "{A}, and in the same way {B}."),
    plan(Rule::Both, "{A}, so {B}."),
    plan(Rule::SecondWins, "{A}, but {B}."),
    plan(Rule::SecondWins, "{A}. But look: {B}!"),
    plan(Rule::SecondWins, "{A}, yet {B}."),
    plan(Rule::SecondWins, "Although {A}, {B}."),
    plan(Rule::SecondWins, "Though {A}, {B}."),
    plan(Rule::SecondWins, "Even though {A}, {B}."),
    plan(Rule::SecondWins, "{A}. Still, {B}."),
    plan(Rule::SecondWins, "{A}; even so, {B}."),
    plan(Rule::SecondWins, "{A}. Nevertheless, {B}."),
    plan(Rule::SecondWins, "While {A}, {B}."),
    plan(Rule::SecondWins, "Granted, {A}, but in the end {B}."),
    plan(Rule::SecondWins, "It is true that {A}; however, {B}."),
    plan(Rule::SecondWins, "{A}, but what counts is that {B}."),
    plan(Rule::FirstWins, "{A}, although {B}."),
    plan(Rule::FirstWins, "{A}, though {B}."),
    plan(Rule::FirstWins, "{A}, even though {B}."),
    plan(Rule::FirstWins, "{A}, even if {B}."),
    plan(Rule::FirstWins, "{A}, despite the fact that {B}."),
    plan(Rule::FirstWins, "{A}, never mind that {B}."),
    plan(Rule::FirstWins, "{A}. Who cares that {B}?"),
    plan(Rule::OwnWins, "My {person} told me that {A}. Well, {B}."),
    plan(Rule::OwnWins, "The {critics} wrote that {A}; {B}."),
    plan(Rule::OwnWins, "According to my {person}, {A}. In fact, {B}."),
    plan(Rule::OwnWins, "I had been told that {A}. Instead, {B}."),
    plan(Rule::OwnWins, "The trailer promised that {A}, but {B}."),
    plan(Rule::OwnWins, "The {critics} agree that {A}. Not me: {B}."),
    plan(Rule::OwnWins, "I went in thinking that {A}. I was wrong: {B}."),
    plan(Rule::OwnWins, "My {person} swears that {A}. As I see it, {B}."),
    plan(Rule::OwnWins, "{A}, say the {critics}. As for me, {B}."),
    plan(Rule::OwnWins, "Some people claim that {A}, whereas {B}."),
    plan(Rule::OwnWins, "Where my {person} felt that {A}, {B}."),
];

/// What may come before the verdict, always without an opinion. The empty one means no opening.
pub(super) const OPENINGS: [&str; 26] = [
    "",
    "",
    "",
    "",
    "I saw this {place}.",
    "We watched it {place} on a {day}.",
    "My {person} picked this one.",
    "I do not watch many {genre}.",
    "I never read the book.",
    "Seen with my {person} last {day}.",
    "It was on late {day} night.",
    "Not my first time with this one.",
    "It runs for {minutes} minutes.",
    "We went in without a plan.",
    "I have seen a lot of {genre}.",
    "My {person} had a spare ticket.",
    "We had no other plans for {day}.",
    "This came with two other {genre}.",
    "I was {place} and it was raining.",
    "A word about this one.",
    "Watched {place} without subtitles.",
    "Here is my view after {minutes} minutes.",
    "It is one of those {genre} from the eighties.",
    "I met the director once.",
    "So, {day} night {place}.",
    "Just came back from this.",
];

/// What may come after the verdict, always without an opinion. The empty one means no closing.
pub(super) const CLOSINGS: [&str; 26] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "It lasts {minutes} minutes.",
    "We went home by bus.",
    "My {person} drove us home.",
    "I did not stay for the credits.",
    "There is no scene after the credits.",
    "That was {day}.",
    "Now back to {genre}.",
    "It was shot in {minutes} days.",
    "I watched it {place}, by the way.",
    "The tickets were not cheap.",
    "Sit in the back row.",
    "Make of that what you will.",
    "Next {day} we will see another.",
    "My {person} still has the disc.",
    "That is all from me.",
    "I will not give away the end.",
    "The sequel is due on a {day}.",
    "We talked about it until {day}.",
    "See you next week.",
    "It is sold with two other {genre}.",
];
