//! Writes tokens as they are generated, with spaces between words, until the output is closed.

use std::io::{ErrorKind, Result, Write};

/// Whether the reader has closed the pipe, as in `generate | head`.
///
/// # Errors
///
/// Writing failed for another reason.
pub fn reader_is_gone(written: Result<()>) -> Result<bool> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        other => other.map(|()| false),
    }
}

/// The standard output, and whether the text is at the start of a line.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    at_line_start: bool,
    is_words: bool,
    line_end: &'a str,
}

impl<'a> Page<'a> {
    /// A page at its first line. Words are separated by spaces, characters are not; the token `line_end` ends a line.
    #[must_use]
    pub const fn new(is_words: bool, line_end: &'a str) -> Self {
        Self { at_line_start: true, is_words, line_end }
    }

    /// Writes one token and shows it at once.
    ///
    /// # Errors
    ///
    /// The token cannot be written.
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

    /// Ends a line that has begun.
    ///
    /// # Errors
    ///
    /// The line end cannot be written.
    pub fn finish(self) -> Result<()> {
        if self.at_line_start { Ok(()) } else { writeln!(std::io::stdout()) }
    }
}
