//! An encoder: letters as short and long signals. It implements `Encoder`, `SavedEncoder` and `Saved`, and is
//! registered by its name.

use kiln::prelude::*;
use kiln::text::encoders::SavedEncoder;

/// Morse code of the letters a to z: 1 is short, 2 is long, 3 ends a letter; everything else is skipped.
#[derive(Debug)]
pub struct Morse;

const CODES: [&str; 26] = [
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.", "---", ".--.",
    "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
];

impl Morse {
    pub const NAME: &str = "Morse";
}

impl Encoder for Morse {
    fn encode(&self, text: &str) -> Vec<u32> {
        let letters = text.bytes().filter(u8::is_ascii_lowercase);
        letters.flat_map(|letter| signals(CODES[usize::from(letter - b'a')])).collect()
    }

    fn vocab_size(&self) -> usize {
        4
    }
}

fn signals(code: &str) -> impl Iterator<Item = u32> {
    code.bytes().map(|signal| if signal == b'.' { 1 } else { 2 }).chain([3])
}

impl SavedEncoder for Morse {
    fn class_name(&self) -> &'static str {
        Self::NAME
    }

    fn decode(&self, ids: &[u32]) -> kiln::text::Result<String> {
        let ids: Vec<u32> = ids.iter().copied().filter(|&id| id > 0).collect();
        let letter = |ids: &[u32]| (b'a'..).zip(CODES).find(|(_, code)| signals(code).eq(ids.iter().copied()));
        Ok(ids.split_inclusive(|&id| id == 3).filter_map(letter).map(|(letter, _)| char::from(letter)).collect())
    }
}

impl Saved for Morse {
    fn to_json(&self) -> String {
        "{\"class_name\": \"Morse\"}\n".to_owned()
    }

    fn from_json(_json: &str) -> kiln::text::Result<Self> {
        Ok(Self)
    }
}
