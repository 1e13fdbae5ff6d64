//! Writes JSON as Python's `json.dumps` does by default: with `", "` and `": "` as separators and everything but
//! printable ASCII escaped.

use std::fmt::Write;

/// Writes a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Writes an object; `push_value` writes each value.
pub(crate) fn push_object<K: AsRef<str>, V>(
    out: &mut String,
    members: impl IntoIterator<Item = (K, V)>,
    mut push_value: impl FnMut(&mut String, V),
) {
    out.push('{');
    for (at, (key, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        push_string(out, key.as_ref());
        out.push_str(": ");
        push_value(out, value);
    }
    out.push('}');
}

/// Writes an integer.
pub(crate) fn push_integer(out: &mut String, value: u64) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

/// `text` as a JSON string, or `null`.
pub(crate) fn string_or_null(text: Option<&str>) -> String {
    let Some(text) = text else { return "null".to_owned() };
    let mut out = String::new();
    push_string(&mut out, text);
    out
}
