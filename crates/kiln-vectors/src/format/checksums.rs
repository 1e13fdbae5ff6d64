//! The checksums of Kiln's own format: one of everything except the values, which is checked whenever a file is opened,
//! and one for each block of values, so that opening a mapped file need not read them.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::PathBuf;

use kiln_base::checksum::sha256;
use rayon::prelude::*;

use crate::error::{Error, Result};

/// The metadata key for the checksum of everything except the values and its own digits.
pub(super) const REST: &str = "sha256";
/// The metadata key for the checksums of the blocks of values, concatenated.
pub(super) const VALUES: &str = "values_sha256";
/// Hexadecimal digits of a checksum.
pub(super) const DIGITS: usize = 64;

/// Bytes in a block of values.
const BLOCK: usize = 1 << 20;

/// The position of the digits of [`REST`] in a header.
pub(super) fn place(header: &[u8]) -> Option<usize> {
    let before = format!("\"{REST}\":\"");
    header.windows(before.len()).position(|bytes| bytes == before.as_bytes()).map(|at| at + before.len())
}

/// The digits of [`VALUES`].
pub(super) fn of_values(values: &[f32]) -> String {
    let blocks = values.par_chunks(BLOCK / size_of::<f32>());
    blocks.map(|block| sha256([&*bytes_of(block)])).collect::<Vec<_>>().concat()
}

/// Floats as a file stores them, little-endian.
pub(super) fn bytes_of(values: &[f32]) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => Cow::Borrowed(bytemuck::cast_slice(values)),
        false => Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    }
}

/// The checksums that a file gives for its values.
#[derive(Clone)]
pub(crate) struct Written {
    pub(super) path: PathBuf,
    /// The digits of [`VALUES`]; empty for a file from before they were introduced.
    pub(super) digits: String,
}

impl Written {
    /// Whether there are as many digits as `bytes` bytes of values need.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.digits.len() == DIGITS * bytes.div_ceil(BLOCK)
    }

    /// An error about this file.
    pub(crate) fn damaged(&self, problem: impl Display) -> Error {
        Error::bad_file(&self.path, None, format!(": {problem}"))
    }

    /// Checks that the first `kept` bytes of the values, in rows of `d`, are as they were written.
    pub(crate) fn check(&self, bytes: &[u8], kept: usize, d: usize) -> Result<()> {
        let blocks = bytes.par_chunks(BLOCK).zip(self.digits.as_bytes().par_chunks(DIGITS)).enumerate();
        let wrong = blocks.take(kept.div_ceil(BLOCK)).find_map_first(|(number, (block, digits))| {
            let found = sha256([block]);
            (found.as_bytes() != digits).then_some((number, block.len(), digits, found))
        });
        let Some((number, length, digits, found)) = wrong else { return Ok(()) };
        let word = |byte: usize| byte / size_of::<f32>() / d;
        let (first, last) = (word(number * BLOCK), word(number * BLOCK + length - 1));
        let expected = String::from_utf8_lossy(digits);
        Err(self.damaged(format!(
            "the values of words {first} to {last} (counted from 0) should have the SHA-256 {expected}, found {found}: \
             the file is damaged; take a fresh copy"
        )))
    }
}
