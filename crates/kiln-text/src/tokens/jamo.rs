//! Hangul syllables to the letters they are written with, and back without loss.
//!
//! By the arithmetic of the Unicode Standard, section 3.12: a syllable is one of 19 leading consonants, one of 21
//! vowels and one of 27 trailing consonants or none, and the 11,172 syllables are encoded in that order. Departure:
//! separate letters in a text are marked, so that they are not composed into syllables on the way back, as
//! normalisation to NFC would do.

/// Marks a conjoining letter that is not part of a syllable, or another such mark: U+034F, the combining grapheme
/// joiner, whose purpose is to separate what would otherwise combine.
const LITERAL_JAMO: char = '\u{34f}';

const SYLLABLES: u32 = 0xac00;
const LEADING: u32 = 0x1100;
const VOWELS: u32 = 0x1161;
/// The code before the first trailing consonant, so that 0 means none.
const TRAILING: u32 = 0x11a7;
const LEADING_COUNT: u32 = 19;
const VOWEL_COUNT: u32 = 21;
const TRAILING_COUNT: u32 = 28;

/// Decomposes Hangul syllables into conjoining letters (U+1100 to U+11C2), two or three for each. Everything else
/// stays, except that U+034F is inserted before each conjoining letter and each U+034F of the text itself.
///
/// [`from_jamo`] restores the text, whatever it contains.
///
/// ```
/// use kiln_text::tokens::{from_jamo, to_jamo};
///
/// let letters = to_jamo("한국 ㅋㅋ!");
/// assert_eq!(letters, "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8} ㅋㅋ!");
/// assert_eq!(from_jamo(&letters), "한국 ㅋㅋ!");
/// ```
pub fn to_jamo(text: &str) -> String {
    // A syllable of three bytes becomes at most three letters of three bytes.
    let mut letters = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        let place = u32::from(character).wrapping_sub(SYLLABLES);
        if place < LEADING_COUNT * VOWEL_COUNT * TRAILING_COUNT {
            let trailing = place % TRAILING_COUNT;
            letters.extend(char::from_u32(LEADING + place / (VOWEL_COUNT * TRAILING_COUNT)));
            letters.extend(char::from_u32(VOWELS + place / TRAILING_COUNT % VOWEL_COUNT));
            letters.extend(char::from_u32(TRAILING + trailing).filter(|_| trailing > 0));
        } else {
            let is_letter = leading(character).or(vowel(character)).or(trailing(character)).is_some();
            letters.extend(Some(LITERAL_JAMO).filter(|&mark| is_letter || character == mark));
            letters.push(character);
        }
    }
    letters
}

/// Composes conjoining letters into syllables: a leading consonant with the vowel after it, and with the trailing
/// consonant after that, if there is one. Letters that form no syllable stay. A character after U+034F stays unchanged,
/// and the U+034F is removed.
///
/// Also composes text in Unicode's NFD, as NFC would.
///
/// ```
/// assert_eq!(kiln_text::tokens::from_jamo("\u{1112}\u{1161}\u{11ab}\u{1161}"), "한\u{1161}");
/// ```
pub fn from_jamo(letters: &str) -> String {
    let mut text = String::with_capacity(letters.len());
    let mut rest = letters.chars().peekable();
    while let Some(first) = rest.next() {
        if first == LITERAL_JAMO {
            text.push(rest.next().unwrap_or(first));
            continue;
        }
        let syllable = leading(first).and_then(|leading| {
            let vowel = vowel(*rest.peek()?)?;
            rest.next();
            let trailing = rest.peek().and_then(|&next| trailing(next)).inspect(|_| {
                rest.next();
            });
            char::from_u32(SYLLABLES + (leading * VOWEL_COUNT + vowel) * TRAILING_COUNT + trailing.unwrap_or(0))
        });
        text.push(syllable.unwrap_or(first));
    }
    text
}

fn leading(character: char) -> Option<u32> {
    u32::from(character).checked_sub(LEADING).filter(|&place| place < LEADING_COUNT)
}

fn vowel(character: char) -> Option<u32> {
    u32::from(character).checked_sub(VOWELS).filter(|&place| place < VOWEL_COUNT)
}

/// Counted from 1.
fn trailing(character: char) -> Option<u32> {
    u32::from(character).checked_sub(TRAILING).filter(|&place| (1..TRAILING_COUNT).contains(&place))
}
