//! The folder of a model that is trained without the trainer, and how its loss fell.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kiln::text::io::WholeFile;

use crate::curves::{Curve, Curves};

/// Makes the folder of a model, and returns the path of its file.
///
/// # Errors
///
/// It holds a model that must not be replaced, or it cannot be made.
pub fn folder_for_model(folder: &Path, file: &str, overwrite: bool) -> Result<PathBuf> {
    let path = folder.join(file);
    ensure!(
        overwrite || !path.exists(),
        "{} already exists: replace it with --overwrite or choose another folder with --artifact",
        path.display()
    );
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    Ok(path)
}

/// Writes `history.csv` with these columns, and plots the second column over the first.
///
/// # Errors
///
/// A file cannot be written.
pub fn keep_losses<const N: usize>(folder: &Path, columns: [&str; N], rows: &[[f64; N]]) -> Result<()> {
    let mut file = WholeFile::create(folder.join("history.csv"))?;
    writeln!(file, "{}", columns.join(","))?;
    for row in rows {
        writeln!(file, "{}", row.map(|number| number.to_string()).join(","))?;
    }
    file.finish()?;
    if rows.is_empty() {
        return Ok(()); // stopped before the first point
    }
    let picture = Curves {
        title: "Training loss".to_owned(),
        x: columns[0].to_owned(),
        y: columns[1].to_owned(),
        is_logarithmic: false,
        curves: vec![Curve { name: columns[1].to_owned(), points: rows.iter().map(|row| (row[0], row[1])).collect() }],
    };
    picture.save_both(folder, "curves")
}
