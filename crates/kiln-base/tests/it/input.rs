//! Files in every guise, as [`Input`] reads them.

use std::io::Read;

use kiln_base::Input;

use crate::odd_files::{self, Cell};

#[test]
fn text_in_every_guise_is_read_and_everything_else_refused() {
    odd_files::check(
        "text.txt",
        "one line\nand another\n",
        true,
        |what| {
            let lines = |first: &str, second: &str| Cell::Reads(vec![first.to_owned(), second.to_owned()]);
            match what {
                "CR" => Cell::Same,
                "NUL" => lines("one line", "a\0nd another"),
                "one line" => Cell::Reads(vec!["one line".to_owned()]),
                "Latin-1" => Cell::Says("UTF-8"),
                _ => lines("<!DOCTYPE html>", "<html><body>404</body></html>"),
            }
        },
        |path| {
            let input = Input::open(path).map_err(|error| error.to_string())?;
            if input.head().is_empty() {
                return Err(format!("{} is empty", path.display()));
            }
            let mut text = String::new();
            input.into_lines().read_to_string(&mut text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(text.lines().map(str::to_owned).collect::<Vec<_>>())
        },
    );
}
