//! Words of ASCII text, 64 bytes at a time: one bit per byte says whether the byte belongs to a word. Words start and
//! end where bits change. Other text is handled in `python_text.rs`.
//!
//! Byte by byte, the processor would mispredict a branch at most ends of words; here there are few branches.

use super::analysis::ByteRange;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// Adds the longest runs of at least `least` letters, digits and `_`. All bytes must be ASCII.
pub(crate) fn push_words(bytes: &[u8], least: usize, spans: &mut Vec<ByteRange>) {
    // The start of the word that continues from the previous block, if one does.
    let (mut start, mut goes_on) = (0, 0);
    let (blocks, tail) = bytes.as_chunks::<64>();
    let mut last = [0; 64];
    last[..tail.len()].copy_from_slice(tail);
    // Bytes after the text are not part of a word; a text that ends with its last block needs one more block.
    for (at, block) in blocks.iter().chain([&last]).enumerate() {
        let words = word_bits(block);
        let before = words << 1 | goes_on;
        let (mut starts, mut ends) = (words & !before, before & !words);
        let offset = at * 64;
        while ends != 0 {
            let end = offset + ends.trailing_zeros() as usize;
            ends &= ends - 1;
            if goes_on == 0 {
                start = offset + starts.trailing_zeros() as usize;
                starts &= starts - 1;
            }
            goes_on = 0;
            if end - start >= least {
                spans.push((start, end));
            }
        }
        if starts != 0 {
            start = offset + starts.trailing_zeros() as usize;
        }
        goes_on = words >> 63;
    }
}

/// For each byte of a block, lowest first, whether it is part of a word.
fn word_bits(block: &[u8; 64]) -> u64 {
    let (eights, _) = block.as_chunks::<8>();
    let mut bits = 0;
    for (at, &eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(eight);
        // Per byte, the highest bit: adding raises bytes that are at least the bound to 128 or more, and no sum
        // overflows because all bytes are below 128.
        let at_least = |bytes: u64, bound: u8| bytes + u64::from(128 - bound) * ONES;
        let within = |bytes: u64, from: u8, to: u8| at_least(bytes, from) & !at_least(bytes, to + 1);
        let word = within(eight | (0x20 * ONES), b'a', b'z') | within(eight, b'0', b'9') | within(eight, b'_', b'_');
        // Gathers the eight highest bits in the highest byte.
        let gathered = ((word & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= gathered << (8 * at);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::terms::python_text::each_word;

    fn words(text: &str, least: usize) -> Vec<ByteRange> {
        let mut spans = Vec::new();
        push_words(text.as_bytes(), least, &mut spans);
        spans
    }

    #[test]
    fn every_byte_is_told_apart() {
        for byte in 0..128_u8 {
            let text = format!(".{}.", byte as char);
            assert_eq!(!words(&text, 1).is_empty(), byte.is_ascii_alphanumeric() || byte == b'_', "{byte}");
        }
    }

    #[test]
    fn words_are_those_found_byte_by_byte() {
        // Texts of all lengths around a block, with words across its edges.
        let pattern = "a bb ccc, dddd_eeeee 0123456789...x";
        for length in 0..200 {
            for shift in 0..pattern.len() {
                let text: String = pattern.chars().cycle().skip(shift).take(length).collect();
                for least in 1..=2 {
                    let mut expected = Vec::new();
                    each_word(&text, least, |start, end| expected.push((start, end)));
                    assert_eq!(words(&text, least), expected, "{text:?}");
                }
            }
        }
        let long = "x".repeat(300);
        assert_eq!(words(&long, 2), [(0, 300)]);
    }
}
