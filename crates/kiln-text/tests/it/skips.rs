//! What a test does if real data or a device is missing: it reports that on standard error, past the harness's capture,
//! and passes, unless `KILN_NO_SKIP` forbids it. The tests of the other crates include this file.

#![allow(dead_code, reason = "no crate's tests use all of it")]

use std::env::{self, VarError};
use std::io::Write;
use std::path::PathBuf;

/// `$KILN_TEST_DATA`; if it is not set, skips `what`, which reads `files` in that folder.
pub(crate) fn test_data(what: &str, files: &str) -> Option<PathBuf> {
    let data = env::var_os("KILN_TEST_DATA").map(PathBuf::from);
    if data.is_none() {
        skip(&format!("{what}: set KILN_TEST_DATA to a folder that holds {files}"), &["1"]);
    }
    data
}

/// Skips what needs a Vulkan adapter.
pub(crate) fn no_adapter() {
    skip("wgpu: no adapter, not even a software one", &["1", "wgpu"]);
}

/// Skips what needs a CUDA card.
pub(crate) fn no_card() {
    skip("cuda: no card", &["1"]);
}

/// Reports what is skipped, or fails if `KILN_NO_SKIP` has one of the values of `forbidden_by`.
fn skip(what: &str, forbidden_by: &[&str]) {
    match env::var("KILN_NO_SKIP") {
        Err(VarError::NotPresent) => {}
        Ok(value) if value == "1" || value == "wgpu" => {
            let is_forbidden = forbidden_by.contains(&value.as_str());
            assert!(!is_forbidden, "must not be skipped, since KILN_NO_SKIP is {value}: {what}");
        }
        other => panic!("KILN_NO_SKIP should be 1 or wgpu, or not be set; found {other:?}"),
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "skipped in {test}: {what}");
}
