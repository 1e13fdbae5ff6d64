//! Short words as two integers, so that finding a word compares integers in the table itself and follows no pointer.

/// [`packed`] of the word at `start..end` of a text.
///
/// Most words have 16 bytes of text from their start on. These are read at once and the bytes after the word are
/// cleared, without a branch on the word's length.
#[inline]
pub fn packed_in(text: &[u8], (start, end): (usize, usize)) -> Option<(u64, u64)> {
    let length = end - start;
    match text.get(start..).and_then(<[u8]>::first_chunk) {
        Some(bytes) if (1..16).contains(&length) => {
            let shift = 8 * (16 - length as u32);
            let key = (u128::from_le_bytes(*bytes) << shift >> shift) | (length as u128) << 120;
            Some((key as u64, (key >> 64) as u64))
        }
        _ => packed(&text[start..end]),
    }
}

/// The bytes of a short word, zeros after them, and its length in the last byte. Distinct words give distinct values,
/// even if one ends in a zero byte.
#[inline]
pub fn packed(text: &[u8]) -> Option<(u64, u64)> {
    let length = text.len();
    // Head and tail may overlap; the bytes they share are the same, so combining them with `|` is exact.
    let bytes = match length {
        0 => 0,
        1..=3 => {
            let (middle, last) = (length / 2, length - 1);
            u128::from(text[0]) | u128::from(text[middle]) << (8 * middle) | u128::from(text[last]) << (8 * last)
        }
        4..=7 => {
            let (head, tail) = (text.first_chunk()?, text.last_chunk()?);
            u128::from(u32::from_le_bytes(*head)) | u128::from(u32::from_le_bytes(*tail)) << (8 * (length - 4))
        }
        8..=15 => {
            let (head, tail) = (text.first_chunk()?, text.last_chunk()?);
            u128::from(u64::from_le_bytes(*head)) | u128::from(u64::from_le_bytes(*tail)) << (8 * (length - 8))
        }
        _ => return None,
    };
    let key = bytes | (length as u128) << 120;
    Some((key as u64, (key >> 64) as u64))
}
