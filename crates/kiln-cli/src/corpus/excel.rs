//! Tables with Excel's first line `sep=;`, which the library would read as a row.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use kiln::Input;
use kiln::text::Error;
use kiln::text::corpora::Encoding;
use kiln::text::error::{CorpusError, RowProblem};

use crate::guess::{self, Table};

/// A column of such a table, read whole.
///
/// # Errors
///
/// The file cannot be read, or is not in the encoding. As items: a bad row.
pub(super) fn column(
    path: &Path,
    encoding: Encoding,
    table: &Table,
    column: usize,
) -> Result<Vec<kiln::text::Result<String>>> {
    let input = Input::decoded(path, encoding, &Arc::default())?;
    let (mark, mut bytes) = (input.mark_bytes() as usize, Vec::new());
    input.into_reader().read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = mark + error.utf8_error().valid_up_to();
        Error::from(CorpusError::NotUtf8 { file: path.display().to_string(), offset })
    })?;
    let (_, mut rest) = guess::separator(&text).unwrap_or((0, text.as_str()));
    let ends = |text: &str| text.bytes().filter(|&byte| byte == b'\n').count() as u64;
    let (mut line, mut fields) = (1, Vec::new());
    loop {
        let row = rest.trim_start_matches(['\r', '\n']);
        line += ends(&rest[..rest.len() - row.len()]);
        if row.is_empty() {
            break;
        }
        let (found, length) = guess::row(row, table.dialect);
        let problem = |problem| Error::from(CorpusError::Row { path: path.to_owned(), line, problem });
        fields.push(match found {
            Some(mut found) if found.len() == table.columns.len() => Ok(found.swap_remove(column)),
            Some(found) => Err(problem(RowProblem::Fields {
                expected: table.columns.len(),
                found: found.len(),
                quote_after_space: false,
            })),
            None if length == row.len() => Err(problem(RowProblem::UnclosedQuote)),
            None => {
                let is_escaped = table.dialect.escape.is_some();
                Err(problem(RowProblem::BehindQuote { closed: line, is_escaped }))
            }
        });
        line += ends(&row[..length]);
        rest = &row[length..];
    }
    if table.header && !fields.is_empty() {
        fields.remove(0).ok();
    }
    Ok(fields)
}
