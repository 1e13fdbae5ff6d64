//! The words that fill the slots of a review: opinion words in opposed pairs, and neutral words.
//!
//! No entry contains a hyphen or any other mark inside a word, so words are separated by spaces only.

/// Adjectives that praise, each with one that blames.
pub(super) const ADJECTIVES: [(&str, &str); 20] = [
    ("good", "bad"),
    ("great", "terrible"),
    ("brilliant", "awful"),
    ("wonderful", "dreadful"),
    ("gripping", "boring"),
    ("charming", "tedious"),
    ("moving", "clumsy"),
    ("clever", "stupid"),
    ("fresh", "stale"),
    ("delightful", "horrible"),
    ("excellent", "poor"),
    ("beautiful", "ugly"),
    ("inspired", "lifeless"),
    ("memorable", "forgettable"),
    ("thrilling", "tiresome"),
    ("witty", "silly"),
    ("impressive", "lousy"),
    ("lovely", "miserable"),
    ("engaging", "dull"),
    ("masterful", "amateurish"),
];

/// Nouns that praise, each with one that blames.
pub(super) const NOUNS: [(&str, &str); 8] = [
    ("masterpiece", "mess"),
    ("gem", "bore"),
    ("triumph", "disaster"),
    ("treat", "chore"),
    ("delight", "failure"),
    ("joy", "dud"),
    ("success", "flop"),
    ("pleasure", "disgrace"),
];

/// Past-tense verbs for being pleased, each with one for being displeased.
pub(super) const VERBS: [(&str, &str); 8] = [
    ("loved", "hated"),
    ("enjoyed", "disliked"),
    ("adored", "despised"),
    ("admired", "detested"),
    ("liked", "loathed"),
    ("relished", "resented"),
    ("treasured", "regretted"),
    ("savoured", "endured"),
];

/// What a verdict on the whole is about.
pub(super) const FILMS: [&str; 4] = ["film", "movie", "picture", "feature"];

/// What a passing remark is about.
pub(super) const ASPECTS: [&str; 16] = [
    "plot",
    "acting",
    "script",
    "pacing",
    "score",
    "dialogue",
    "ending",
    "photography",
    "story",
    "editing",
    "direction",
    "opening",
    "humour",
    "romance",
    "casting",
    "soundtrack",
];

/// Adverbs that fit before an adjective with and without a negation.
pub(super) const ADVERBS: [&str; 6] = ["really", "truly", "genuinely", "particularly", "especially", "remarkably"];

/// Parentheses that separate a negation from the word it reverses.
pub(super) const ASIDES: [&str; 10] = [
    "for all its length",
    "whatever the poster says",
    "with so many people in it",
    "given the budget",
    "to be fair",
    "all things considered",
    "as far as I can tell",
    "for a first attempt",
    "in my opinion",
    "seen in one sitting",
];

/// People whose opinion is quoted.
pub(super) const PERSONS: [&str; 12] = [
    "friend",
    "sister",
    "brother",
    "neighbour",
    "cousin",
    "colleague",
    "uncle",
    "teacher",
    "daughter",
    "son",
    "boss",
    "flatmate",
];

/// Groups whose opinion is quoted.
pub(super) const CRITICS: [&str; 8] =
    ["critics", "papers", "reviewers", "bloggers", "trade magazines", "people online", "festival juries", "columnists"];

/// Days of the week.
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Places where films are seen.
pub(super) const PLACES: [&str; 8] = [
    "at the cinema",
    "on a plane",
    "at home",
    "on a train",
    "at a festival",
    "in a hotel room",
    "at school",
    "in the park",
];

/// Kinds of film.
pub(super) const GENRES: [&str; 10] = [
    "comedies",
    "westerns",
    "thrillers",
    "musicals",
    "dramas",
    "cartoons",
    "documentaries",
    "mysteries",
    "war films",
    "love stories",
];

/// Numbers of minutes.
pub(super) const MINUTES: [&str; 6] = ["ninety", "95", "100", "110", "120", "150"];
