//! Tokens shown as they are written: spaces between words, and a reader who may go away.

use std::io::{ErrorKind, Result, Write};

/// Whether whoever reads has had enough, as in `generate | head`.
///
/// # Errors
///
/// It could not be written for another reason.
pub fn reader_is_gone(written: Result<()>) -> Result<bool> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        other => other.map(|()| false),
    }
}

/// The standard output, and where the text stands in its line.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    at_line_start: bool,
    is_words: bool,
    line_end: &'a str,
}

impl<'a> Page<'a> {
    /// A page at its first line. Words get spaces between them, characters none; the token `line_end` ends a line.
    #[must_use]
    pub const fn new(is_words: bool, line_end: &'a str) -> Self {
        Self { at_line_start: true, is_words, line_end }
    }

    /// Writes one token, and shows it at once.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&mut self, token: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let ends = token == self.line_end;
        match (ends, self.is_words && !self.at_line_start) {
            (true, _) => writeln!(out)?,
            (false, true) => write!(out, " {token}")?,
            (false, false) => write!(out, "{token}")?,
        }
        self.at_line_start = ends;
        out.flush()
    }

    /// Ends the line that has begun.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn finish(self) -> Result<()> {
        if self.at_line_start { Ok(()) } else { writeln!(std::io::stdout()) }
    }
}
