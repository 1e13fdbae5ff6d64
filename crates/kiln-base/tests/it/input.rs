//! Files in every guise, as [`Input`] gives them.

use std::io::Read;

use kiln_base::Input;

use crate::odd_files;

#[test]
fn text_in_every_guise_is_read_and_everything_else_refused() {
    odd_files::check("text.txt", "one line\nand another\n", true, |path| {
        let input = Input::open(path).map_err(|error| error.to_string())?;
        if input.head().is_empty() {
            return Err(format!("{} is empty", path.display()));
        }
        let mut text = String::new();
        input.into_reader().read_to_string(&mut text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect::<Vec<_>>())
    });
}
