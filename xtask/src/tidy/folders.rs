//! Counts the entries of source folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most entries in a source folder.
const FULLEST: usize = 12;

/// A complaint for each source folder with too many entries. Test folders do not count: they hold a file for each thing
/// that is tested.
pub(super) fn too_full(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let is_source = |file: &&PathBuf| !file.strip_prefix(root).unwrap_or(file).iter().any(|part| part == "tests");
    let counts = entries(files.iter().filter(is_source).map(PathBuf::as_path), root);
    let full = counts.into_iter().filter(|&(_, entries)| entries > FULLEST);
    full.map(|(folder, entries)| {
        format!("{}: the folder has {entries} entries, more than {FULLEST}", super::shown(root, &folder))
    })
    .collect()
}

/// The number of entries in each folder that contains source files, directly or in subfolders. A file next to the
/// folder of the same name is one entry with it.
pub(super) fn entries<'a>(files: impl IntoIterator<Item = &'a Path>, root: &Path) -> BTreeMap<PathBuf, usize> {
    let mut names: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for file in files {
        let mut entry = file.with_extension("");
        while let Some(folder) = entry.parent().filter(|folder| folder.starts_with(root)) {
            let folder = folder.to_owned();
            names.entry(folder.clone()).or_default().insert(entry);
            entry = folder;
        }
    }
    names.into_iter().map(|(folder, names)| (folder, names.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_next_to_its_folder_is_one_entry() {
        let files = ["/r/src/lib.rs", "/r/src/a.rs", "/r/src/a/b.rs", "/r/src/a/c.rs", "/r/src/d/e.rs"].map(Path::new);
        let counts = entries(files, Path::new("/r"));
        assert_eq!(counts[Path::new("/r/src")], 3);
        assert_eq!(counts[Path::new("/r/src/a")], 2);
    }

    #[test]
    fn a_folder_with_too_many_entries_is_named_but_not_one_of_tests() {
        let of = |folder: &str, count: usize| -> Vec<String> {
            let files: Vec<PathBuf> = (0..count).map(|at| PathBuf::from(format!("/r/{folder}/f{at}.rs"))).collect();
            too_full(Path::new("/r"), &files)
        };
        assert_eq!(of("src", FULLEST), [] as [String; 0]);
        assert_eq!(
            of("src", FULLEST + 1),
            [format!("src: the folder has {} entries, more than {FULLEST}", FULLEST + 1)]
        );
        assert_eq!(of("tests/it", FULLEST + 1), [] as [String; 0]);
    }
}
