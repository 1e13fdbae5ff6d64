//! SHA-256 checksums: of any bytes, and as the last key of a JSON object in Kiln's files.
//!
//! A sealed object ends in `"checksum": "…"`, 64 hexadecimal digits: the SHA-256 of all bytes before and after these
//! digits. A text without that key was edited by a person or written by an older Kiln, and is not checked.

use sha2::{Digest, Sha256};

/// The key, in its quotes.
const KEY: &str = "\"checksum\"";
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// The digits in a text are not the SHA-256 of the rest of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`checksum` should be {expected}, the SHA-256 of the rest of the file, found {found:?}: the file was damaged or edited; \
     take a fresh copy, or, if you edited it, delete the key `checksum`"
)]
pub struct BadChecksum {
    /// The digits that fit the text.
    pub expected: String,
    /// The digits found instead.
    pub found: String,
}

/// The SHA-256 of these bytes, one part after the other, as 64 hexadecimal digits.
///
/// ```
/// let digits = kiln_base::checksum::sha256([&b"ab"[..], b"c"]);
/// assert_eq!(digits, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
/// ```
pub fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut sha256 = Sha256::new();
    parts.into_iter().for_each(|part| sha256.update(part));
    format!("{:x}", sha256.finalize())
}

/// The JSON text of an object with `checksum` added as its last key, on a separate line if the object spans several
/// lines. Other JSON is returned unchanged.
///
/// ```
/// use kiln_base::checksum;
///
/// let sealed = checksum::seal("{\"width\": 8}\n");
/// assert!(sealed.starts_with("{\"width\": 8, \"checksum\": \""));
/// assert!(checksum::check(&sealed).is_ok());
/// assert!(checksum::check(&sealed.replace('8', "9")).is_err());
/// assert!(checksum::check("{\"width\": 9}\n").is_ok());
/// ```
pub fn seal(json: &str) -> String {
    let Some(body) = json.trim_end().strip_suffix('}') else { return json.to_owned() };
    let members = body.trim_end();
    let comma = if members.ends_with('{') { "" } else { "," };
    let space = match (body[members.len()..].contains('\n'), comma) {
        (true, _) => "\n  ",
        (false, "") => "",
        (false, _) => " ",
    };
    let before = format!("{members}{comma}{space}{KEY}: \"");
    let after = format!("\"{}", &json[members.len()..]);
    let digits = sha256([before.as_bytes(), after.as_bytes()]);
    before + &digits + &after
}

/// Checks a JSON text written by [`seal`]. A text whose last key is not `checksum` passes.
///
/// The text must also be parsed by something that refuses unknown keys; otherwise damage to the key itself would pass.
///
/// # Errors
///
/// The digits do not fit the text; the error has both the right ones and those found.
pub fn check(json: &str) -> Result<(), BadChecksum> {
    let Some((before, found, after)) = parts(json) else { return Ok(()) };
    let expected = sha256([before.as_bytes(), after.as_bytes()]);
    if found == expected {
        return Ok(());
    }
    let found = found.chars().take(DIGITS).collect();
    Err(BadChecksum { expected, found })
}

/// The text before the digits, the digits, and the text after them, if `checksum` is the last key of an object and a
/// string.
fn parts(json: &str) -> Option<(&str, &str, &str)> {
    let value = json.trim_end().strip_suffix('}')?.trim_end().strip_suffix('"')?;
    let begins = value.rfind('"')? + 1;
    let key = json[..begins - 1].trim_end().strip_suffix(':')?.trim_end().strip_suffix(KEY)?;
    let is_key = key.trim_end().ends_with([',', '{']);
    is_key.then(|| (&json[..begins], &value[begins..], &json[value.len()..]))
}
