//! Checks that a command builds nothing that was already built.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{command, output};

/// The tests that `tests` runs must use the libraries that are already built: building Kiln's own takes minutes.
pub(super) fn nothing_twice(root: &Path, tests: &str) -> Result<()> {
    let lines = output(command(root, "cargo", tests).args(["--no-run", "--message-format", "json"]))?;
    let mut libraries = 0;
    let mut again = Vec::new();
    for line in lines.lines() {
        let message: Value = serde_json::from_str(line).context("a message of cargo's")?;
        if let Some((name, is_fresh)) = kiln_library(&message) {
            libraries += 1;
            if !is_fresh {
                again.push(name);
            }
        }
    }
    if libraries == 0 {
        bail!("cargo named no library of Kiln");
    }
    if !again.is_empty() {
        bail!("the tests built these again, so two commands select different features: {}", again.join(", "));
    }
    println!("{libraries} libraries of Kiln, each built once");
    Ok(())
}

/// The name of one of Kiln's libraries in a message, as others use it, and whether it was already built.
fn kiln_library(message: &Value) -> Option<(String, bool)> {
    let target = message.get("target")?;
    let is_library = target["kind"].as_array()?.iter().any(|kind| kind == "lib");
    let is_tested = message["profile"]["test"].as_bool()?;
    let name = target["name"].as_str().filter(|name| name.starts_with("kiln"))?;
    (is_library && !is_tested).then(|| (name.to_owned(), message["fresh"] == true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_libraries_of_kiln_that_others_use_count() {
        let message = |name: &str, kind: &str, test: bool, fresh: bool| {
            let (target, profile) = (json!({"name": name, "kind": [kind]}), json!({"test": test}));
            kiln_library(&json!({"target": target, "profile": profile, "fresh": fresh}))
        };
        assert_eq!(message("kiln_text", "lib", false, false), Some(("kiln_text".to_owned(), false)));
        assert_eq!(message("kiln_text", "lib", false, true), Some(("kiln_text".to_owned(), true)));
        assert_eq!(message("kiln_text", "lib", true, false), None);
        assert_eq!(message("it", "test", true, false), None);
        assert_eq!(message("serde", "lib", false, false), None);
        assert_eq!(kiln_library(&json!({"reason": "build-finished"})), None);
    }
}
