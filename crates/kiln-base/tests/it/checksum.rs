//! A sealed JSON text passes only if it is unchanged; one without the key passes.

use std::error::Error;
use std::path::Path;

use kiln_base::checksum::{check, seal, sha256};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::damage;

const DIGITS: usize = 64;

#[test]
fn the_key_is_the_last_and_its_digits_are_those_of_the_rest() {
    for (json, before, after) in [
        ("{}", "{\"checksum\": \"", "\"}"),
        ("{\"a\": 1}\n", "{\"a\": 1, \"checksum\": \"", "\"}\n"),
        ("{\n  \"a\": [\n    1\n  ]\n}\n", "{\n  \"a\": [\n    1\n  ],\n  \"checksum\": \"", "\"\n}\n"),
        ("{\n}", "{\n  \"checksum\": \"", "\"\n}"),
    ] {
        let digits = sha256([before.as_bytes(), after.as_bytes()]);
        assert_eq!(digits.len(), DIGITS);
        let sealed = seal(json);
        assert_eq!(sealed, format!("{before}{digits}{after}"));
        assert_eq!(check(&sealed), Ok(()));
    }
    assert_eq!(seal("[1]\n"), "[1]\n");
}

#[test]
fn texts_without_the_key_pass() {
    for json in [
        "",
        "[\"checksum\", \"a\"]",
        "{}",
        "{\"a\": \"checksum\"}",
        "{\"checksum\": {\"a\": 1}}",
        "{\"words\": {\"checksum\": \"a\"}, \"b\": 1}",
        "{\"a\": \", \\\"checksum\\\": \"}",
        "{\"my \\\"checksum\": \"a\"}",
    ] {
        assert_eq!(check(json), Ok(()), "{json}");
    }
}

#[test]
fn an_edited_text_is_refused_with_what_to_do() {
    let sealed = seal("{\"width\": 8}\n");
    let error = check(&sealed.replace("8,", "9,")).unwrap_err();
    assert_eq!(error.found.len(), DIGITS);
    assert_eq!(check(&sealed.replace("8,", "9,").replace(&error.found, &error.expected)), Ok(()));
    let expected = format!(
        "`checksum` should be {}, the SHA-256 of the rest of the file, found {:?}: the file was damaged or edited; take a \
         fresh copy, or, if you edited it, delete the key `checksum`",
        error.expected, error.found
    );
    assert_eq!(error.to_string(), expected);
    for spaced in [sealed.replace("}\n", " }\n"), format!("{sealed}\n"), sealed.replace("\":", "\" :")] {
        assert!(check(&spaced).is_err(), "{spaced}");
    }
    assert!(check("{\"checksum\": \"\"}").is_err());
    assert!(check("{\"checksum\": \"é\"}").is_err());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(rename = "width")]
    _width: u64,
    #[serde(rename = "words")]
    _words: Vec<String>,
    #[serde(rename = "checksum")]
    _checksum: IgnoredAny,
}

#[test]
fn no_damaged_copy_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed.json");
    std::fs::write(&path, seal("{\n  \"width\": 8,\n  \"words\": [\"checksum\", \"é\"]\n}\n")).unwrap();
    let read = |path: &Path| -> Result<(), Box<dyn Error>> {
        let text = std::fs::read_to_string(path)?;
        serde_json::from_str::<Contents>(&text)?;
        Ok(check(&text)?)
    };
    let failures =
        damage::not_refused(&path, |path| read(path).map_err(|error| format!("{}: {error}", path.display())));
    assert_eq!(failures, Vec::<String>::new());
}
