//! [`ClassFolder`]: documents from a folder with a subfolder of `.txt` files for each class.

use std::fs;
use std::path::{Path, PathBuf};

use kiln_base::Encoding;
use rayon::prelude::*;

use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::{Document, Documents};
use crate::corpora::formats::text_files::{TextFiles, decode};
use crate::error::{Error, Result};

/// The most names that an error lists.
const MOST_LISTED: usize = 20;

/// A folder with a subfolder for each class.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # for (class, text) in [("ham", "see you at noon"), ("spam", "win a prize")] {
/// #     std::fs::create_dir(folder.path().join(class)).unwrap();
/// #     std::fs::write(folder.path().join(class).join("1.txt"), text).unwrap();
/// # }
/// # let path = folder.path();
/// use kiln_text::corpora::ClassFolder;
///
/// let documents = ClassFolder::new(path).read(&["ham", "spam"])?;
/// assert_eq!(documents.class_names(), ["ham", "spam"]);
/// assert_eq!(documents.labels(), [0, 1]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFolder {
    path: PathBuf,
    encoding: Encoding,
    any_extension: bool,
}

impl ClassFolder {
    /// The folder at `path`; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), encoding: Encoding::UTF_8, any_extension: false }
    }

    setters! {
        /// The encoding of the files. Default: UTF-8, the only one that refuses invalid bytes; the others replace them
        /// by U+FFFD.
        encoding(encoding: Encoding) => encoding = encoding;

        /// Whether to read files with any name, as in 20 Newsgroups, whose files are named by numbers; otherwise only
        /// those that end in `.txt` or `.TXT`. Hidden files, whose names begin with a dot, are never read. Default:
        /// false.
        any_extension(any: bool) => any_extension = any;
    }

    /// Reads the files of the named class folders, labelled by their index in `classes`.
    ///
    /// Classes come in the order of `classes`, and files within a class in the order of their names' bytes. Other
    /// folders and files are ignored, so that IMDB's `unsup` does not become a class.
    ///
    /// # Errors
    ///
    /// [`Error::ClassFolderMissing`] with the names found instead, [`Error::ClassEmpty`] for a class without a file,
    /// [`CorpusError::NotUtf8`](crate::error::CorpusError::NotUtf8) with file and offset, [`Error::File`], and those of
    /// [`Documents::new`].
    pub fn read(&self, classes: &[&str]) -> Result<Documents> {
        self.check(classes)?;
        let mut documents = Vec::new();
        for (label, class) in classes.iter().enumerate() {
            let texts = read_texts(&self.path.join(class), self.any_extension, self.encoding)?;
            documents.extend(texts.into_iter().map(|text| Document { text, label: label as u32 }));
        }
        Documents::new(documents, classes.iter().copied())
    }

    /// The same documents one at a time, for folders whose texts do not fit in memory; only their file names must.
    ///
    /// # Errors
    ///
    /// [`Error::ClassFolderMissing`], [`Error::ClassEmpty`], [`Error::File`]. As items:
    /// [`CorpusError::NotUtf8`](crate::error::CorpusError::NotUtf8), which
    /// [`BadRow::Skip`](crate::corpora::BadRow::Skip) skips, and [`Error::File`].
    pub fn documents(&self, classes: &[&str]) -> Result<CorpusDocuments<'static>> {
        self.check(classes)?;
        let mut files = Vec::new();
        for (label, class) in (0..).zip(classes) {
            files.extend(text_files(&self.path.join(class), self.any_extension)?.into_iter().map(|file| (file, label)));
        }
        TextFiles::documents(files, self.encoding, classes.iter().map(|&class| class.to_owned()).collect())
    }

    fn check(&self, classes: &[&str]) -> Result<()> {
        if classes.iter().all(|class| self.path.join(class).is_dir()) {
            return Ok(());
        }
        let expected = classes.iter().map(|class| (*class).to_owned()).collect();
        Err(Error::ClassFolderMissing { path: self.path.clone(), expected, found: listed(names(&self.path)?) })
    }
}

/// The texts of a folder's `.txt` files, or of all its files, in the order of their names' bytes.
pub(crate) fn read_texts(folder: &Path, any_extension: bool, encoding: Encoding) -> Result<Vec<String>> {
    let files = text_files(folder, any_extension)?;
    let texts: Vec<Result<String>> = files
        .par_iter()
        .map(|file| {
            let bytes = fs::read(file).map_err(Error::io("read", file))?;
            decode(encoding, bytes, || file.display().to_string())
        })
        .collect();
    // One after the other, so that of several bad files always the first is reported.
    texts.into_iter().collect()
}

/// A folder's `.txt` files, or all its files, in the order of their names' bytes; it is an error if there are none.
/// Hidden files are skipped: macOS puts `._1.txt` next to `1.txt`.
pub(crate) fn text_files(folder: &Path, any_extension: bool) -> Result<Vec<PathBuf>> {
    let is_txt = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
    let mut files: Vec<PathBuf> = names(folder)?
        .into_iter()
        .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
        .map(|name| folder.join(name))
        .filter(|path| if any_extension { path.is_file() } else { is_txt(path) })
        .collect();
    files.sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    if files.is_empty() {
        return Err(Error::ClassEmpty { path: folder.to_path_buf() });
    }
    Ok(files)
}

/// The names of a folder's entries, unsorted.
pub(crate) fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let entries = fs::read_dir(folder).map_err(Error::io("read the folder", folder))?;
    entries.map(|entry| entry.map(|entry| entry.file_name()).map_err(Error::io("read the folder", folder))).collect()
}

/// Names for an error message: sorted and cut off.
pub(crate) fn listed(names: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    if names.len() > MOST_LISTED {
        let more = names.len() - MOST_LISTED;
        names.truncate(MOST_LISTED);
        names.push(format!("and {more} more"));
    }
    names
}
