//! [`Imdb`]: the Large Movie Review Dataset, from a folder, from its archive, or from the network. Its ids are in
//! `imdb_ids.rs`.
//!
//! Reference: Maas, Daly, Pham, Huang, Ng, Potts, "Learning Word Vectors for Sentiment Analysis", ACL 2011.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;

use kiln_base::Encoding;

use crate::corpora::archive;
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::{Document, Documents};
use crate::corpora::download::Download;
use crate::corpora::folder::{ClassFolder, listed, names, read_texts};
use crate::corpora::formats::text_files::{Sent, decode};
use crate::error::{Error, Result};

/// The class names, by label.
const CLASSES: [&str; 2] = ["neg", "pos"];

/// How many documents ahead a thread reads an archive.
const DOCUMENTS_AHEAD: usize = 256;

/// The published file's name.
const ARCHIVE: &str = "aclImdb_v1.tar.gz";

/// The system's cache folder.
fn system_cache() -> Option<PathBuf> {
    #[cfg(feature = "download")]
    return dirs::cache_dir();
    #[cfg(not(feature = "download"))]
    None
}

/// The IMDB reviews: 25,000 for training and 25,000 for testing, each half negative (0) and half positive (1), and
/// 50,000 without a label.
///
/// A folder is read when a part is requested. An archive is read in one pass for both labelled parts, which are then
/// kept in memory (about 70 MB); nothing is unpacked to disk.
///
/// ```no_run
/// use kiln_text::corpora::Imdb;
///
/// let imdb = Imdb::open("aclImdb_v1.tar.gz")?;
/// let (train, test) = (imdb.train()?, imdb.test()?);
/// assert_eq!((train.len(), test.len()), (25_000, 25_000));
/// assert_eq!(train.class_names(), ["neg", "pos"]);
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone)]
pub struct Imdb {
    source: Source,
    encoding: Encoding,
    /// The contents of an archive, once it was read.
    splits: OnceLock<Splits>,
}

#[derive(Clone, Debug)]
enum Source {
    /// A folder with `train` and `test`.
    Folder(PathBuf),
    Archive(PathBuf),
}

#[derive(Clone)]
struct Splits {
    train: Documents,
    test: Documents,
}

/// A folder of reviews in the data set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Train(u32),
    Test(u32),
    Unsup,
}

impl fmt::Debug for Imdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imdb").field("source", &self.source).field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

impl Imdb {
    /// Opens the data at `path`: a folder that is or contains `aclImdb`, any folder with `train` and `test`, the
    /// archive `aclImdb_v1.tar.gz` under any name, or a folder that contains it. Checksums of local data are not
    /// checked.
    ///
    /// # Errors
    ///
    /// [`Error::NotImdb`] or [`Error::ClassFolderMissing`], which list the entries found; [`Error::File`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let metadata = path.metadata().map_err(Error::io("open", path))?;
        let source = if metadata.is_dir() { Self::in_folder(path)? } else { Self::as_archive(path)? };
        Ok(Self { source, encoding: Encoding::UTF_8, splits: OnceLock::new() })
    }

    /// Opens the data in the user's cache folder, and fetches it there first if it is missing.
    ///
    /// The folder is `KILN_CACHE` if that is set, else `kiln` in the system's cache folder. Each time before the
    /// archive (84 MB) is read, its size and SHA-256 must match the published ones; otherwise it is fetched again.
    ///
    /// # Errors
    ///
    /// [`Error::NoCacheFolder`], and those of [`Download::fetch_to`]; all say what to do without the network. Without
    /// the feature `download`, only `KILN_CACHE` is used and nothing is fetched.
    pub fn cached_or_download() -> Result<Self> {
        let folder = match std::env::var_os("KILN_CACHE").filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => system_cache().ok_or(Error::NoCacheFolder)?.join("kiln"),
        };
        // From TensorFlow Datasets: address, SHA-256 and size in bytes.
        let published = Download::new(
            "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            84_125_825,
        );
        Self::cached_in(folder, &published)
    }

    /// [`cached_or_download`](Self::cached_or_download) with another cache folder or a mirror: `download` is fetched to
    /// `imdb/aclImdb_v1.tar.gz` in `folder` unless the file there passes its check.
    ///
    /// # Errors
    ///
    /// Those of [`Download::fetch_to`].
    pub fn cached_in(folder: impl AsRef<Path>, download: &Download) -> Result<Self> {
        let path = folder.as_ref().join("imdb").join(ARCHIVE);
        if download.check(&path).is_err() {
            download.fetch_to(&path)?;
        }
        Self::open(path)
    }

    /// The encoding of the files. Default: UTF-8, the only one that refuses invalid bytes; the others replace them by
    /// U+FFFD.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self.splits = OnceLock::new();
        self
    }

    /// The training reviews: negative, then positive, each in the order of their file names' bytes.
    ///
    /// # Errors
    ///
    /// [`CorpusError::NotUtf8`](crate::error::CorpusError::NotUtf8) with file and offset; [`Error::ClassEmpty`]; for an
    /// archive [`Error::Archive`], [`Error::ArchiveEntry`] and [`Error::NotImdb`]; [`Error::File`].
    pub fn train(&self) -> Result<Documents> {
        match &self.source {
            Source::Folder(root) => self.read_folder(&root.join("train")),
            Source::Archive(path) => Ok(self.splits(path)?.train.clone()),
        }
    }

    /// The test reviews, in the same order.
    ///
    /// # Errors
    ///
    /// Those of [`train`](Self::train).
    pub fn test(&self) -> Result<Documents> {
        match &self.source {
            Source::Folder(root) => self.read_folder(&root.join("test")),
            Source::Archive(path) => Ok(self.splits(path)?.test.clone()),
        }
    }

    /// The reviews without a label, in the order of their file names' bytes. An archive is read once more for them.
    ///
    /// # Errors
    ///
    /// Those of [`train`](Self::train).
    pub fn unsup(&self) -> Result<Vec<String>> {
        match &self.source {
            Source::Folder(root) => read_texts(&root.join("train").join("unsup"), false, self.encoding),
            Source::Archive(path) => {
                let mut reviews = Reviews::default();
                self.read_archive(
                    path,
                    &Arc::default(),
                    |part| part == Part::Unsup,
                    |_, name, text| text.map(|text| reviews.add(name, text)),
                )?;
                reviews.sorted(&path.join("aclImdb/train/unsup"))
            }
        }
    }

    /// The training reviews one at a time, never all in memory. From a folder they come in the order of
    /// [`train`](Self::train). From an archive they come in the archive's order and are read by another thread.
    ///
    /// # Errors
    ///
    /// Those of [`train`](Self::train); for an archive they come as items.
    /// [`BadRow::Skip`](crate::corpora::BadRow::Skip) skips
    /// [`CorpusError::NotUtf8`](crate::error::CorpusError::NotUtf8).
    pub fn train_documents(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("train", [(Part::Train(0), "neg"), (Part::Train(1), "pos")])
    }

    /// The test reviews one at a time, as [`train_documents`](Self::train_documents).
    ///
    /// # Errors
    ///
    /// Those of [`train_documents`](Self::train_documents).
    pub fn test_documents(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("test", [(Part::Test(0), "neg"), (Part::Test(1), "pos")])
    }

    /// The reviews without a label one at a time, all with label 0, as [`train_documents`](Self::train_documents).
    ///
    /// # Errors
    ///
    /// Those of [`train_documents`](Self::train_documents).
    pub fn unsup_documents(&self) -> Result<CorpusDocuments<'static>> {
        self.documents("train", [(Part::Unsup, "unsup")])
    }

    fn documents<const N: usize>(
        &self,
        split: &'static str,
        parts: [(Part, &'static str); N],
    ) -> Result<CorpusDocuments<'static>> {
        match &self.source {
            Source::Folder(root) => {
                ClassFolder::new(root.join(split)).encoding(self.encoding).documents(&parts.map(|(_, class)| class))
            }
            Source::Archive(path) => self.send_archive(path, split, parts),
        }
    }

    /// Starts a thread that reads the archive.
    fn send_archive<const N: usize>(
        &self,
        path: &Path,
        split: &'static str,
        parts: [(Part, &'static str); N],
    ) -> Result<CorpusDocuments<'static>> {
        let total = path.metadata().map_err(Error::io("open", path))?.len();
        let read = Arc::<AtomicU64>::default();
        let (sender, receiver) = sync_channel(DOCUMENTS_AHEAD);
        let imdb = Self { source: self.source.clone(), encoding: self.encoding, splits: OnceLock::new() };
        let (archive, bytes) = (path.to_path_buf(), Arc::clone(&read));
        let work = move || {
            let mut sent = [0_u64; N];
            let label = |part| parts.iter().position(|&(wanted, _)| wanted == part);
            let folders = imdb.read_archive(
                &archive,
                &bytes,
                |part| label(part).is_some(),
                |part, _, text| {
                    let label = label(part).unwrap_or_default();
                    sent[label] += 1;
                    let document = text.map(|text| Document { text, label: label as u32 });
                    // The receiver is gone: any error ends the reading.
                    sender.send(document).map_err(|_| Error::Stopped { documents: sent.iter().sum() })
                },
            );
            let end = match folders {
                Err(error) => Some(error),
                Ok(folders) if sent == [0; N] => Some(Error::NotImdb { path: archive, found: listed(folders) }),
                Ok(_) => sent
                    .iter()
                    .position(|&sent| sent == 0)
                    .map(|empty| Error::ClassEmpty { path: archive.join("aclImdb").join(split).join(parts[empty].1) }),
            };
            if let Some(error) = end {
                // If the receiver is gone, nobody needs the error.
                sender.send(Err(error)).ok();
            }
        };
        thread::Builder::new().name("kiln-imdb".to_owned()).spawn(work).map_err(Error::io("start to read", path))?;
        // Reviews without a label have no classes.
        let classes =
            parts.iter().filter(|(part, _)| *part != Part::Unsup).map(|&(_, class)| class.to_owned()).collect();
        Ok(CorpusDocuments::new(Sent(receiver), read, total, classes))
    }

    fn in_folder(path: &Path) -> Result<Source> {
        let is_root = |folder: &Path| folder.join("train").is_dir() && folder.join("test").is_dir();
        let inner = path.join("aclImdb");
        let root = if is_root(path) {
            path.to_path_buf()
        } else if is_root(&inner) {
            inner
        } else if path.join(ARCHIVE).is_file() {
            return Self::as_archive(&path.join(ARCHIVE));
        } else {
            return Err(Error::NotImdb { path: path.to_path_buf(), found: listed(names(path)?) });
        };
        for split in ["train", "test"] {
            let folder = root.join(split);
            if !CLASSES.iter().all(|class| folder.join(class).is_dir()) {
                let expected = CLASSES.map(str::to_owned).to_vec();
                return Err(Error::ClassFolderMissing { found: listed(names(&folder)?), expected, path: folder });
            }
        }
        Ok(Source::Folder(root))
    }

    fn as_archive(path: &Path) -> Result<Source> {
        let mut start = Vec::new();
        let file = File::open(path).map_err(Error::io("open", path))?;
        file.take(2).read_to_end(&mut start).map_err(Error::io("read", path))?;
        if start != [0x1f, 0x8b] {
            return Err(Error::NotImdb { path: path.to_path_buf(), found: vec!["a file that is not gzip".to_owned()] });
        }
        Ok(Source::Archive(path.to_path_buf()))
    }

    fn read_folder(&self, split: &Path) -> Result<Documents> {
        ClassFolder::new(split).encoding(self.encoding).read(&CLASSES)
    }

    fn splits(&self, path: &Path) -> Result<&Splits> {
        if let Some(splits) = self.splits.get() {
            return Ok(splits);
        }
        let mut train: [Reviews; 2] = Default::default();
        let mut test: [Reviews; 2] = Default::default();
        let folders = self.read_archive(
            path,
            &Arc::default(),
            |part| part != Part::Unsup,
            |part, name, text| {
                let text = text?;
                match part {
                    Part::Train(label) => train[label as usize].add(name, text),
                    Part::Test(label) => test[label as usize].add(name, text),
                    Part::Unsup => {}
                }
                Ok(())
            },
        )?;
        if train.iter().chain(&test).all(|reviews| reviews.0.is_empty()) {
            return Err(Error::NotImdb { path: path.to_path_buf(), found: listed(folders) });
        }
        let splits = Splits {
            train: labelled(&path.join("aclImdb/train"), train)?,
            test: labelled(&path.join("aclImdb/test"), test)?,
        };
        Ok(self.splits.get_or_init(|| splits))
    }

    /// Reads the archive in one pass; returns the folders in it, for an error message.
    fn read_archive(
        &self,
        path: &Path,
        read: &Arc<AtomicU64>,
        wanted: impl Fn(Part) -> bool,
        mut keep: impl FnMut(Part, &str, Result<String>) -> Result<()>,
    ) -> Result<BTreeSet<String>> {
        let mut folders = BTreeSet::new();
        archive::read_files(
            path,
            read,
            |name| {
                let folder = name.rsplit_once('/').map_or(name, |(folder, _)| folder);
                if !folders.contains(folder) {
                    folders.insert(folder.to_owned());
                }
                part_of(name).filter(|&part| wanted(part))
            },
            |part, name, bytes| {
                keep(part, name, decode(self.encoding, bytes, || format!("{}: {name}", path.display())))
            },
        )?;
        Ok(folders)
    }
}

/// The part that a file of the archive belongs to: `[aclImdb/]train/neg/0_3.txt`.
fn part_of(name: &str) -> Option<Part> {
    let name = name.strip_suffix(".txt")?;
    let mut parts = name.rsplit('/').skip(1);
    let (folder, split) = (parts.next()?, parts.next()?);
    // At most one folder around everything, under any name.
    if parts.count() > 1 {
        return None;
    }
    match (split, folder) {
        ("train", "neg") => Some(Part::Train(0)),
        ("train", "pos") => Some(Part::Train(1)),
        ("test", "neg") => Some(Part::Test(0)),
        ("test", "pos") => Some(Part::Test(1)),
        ("train", "unsup") => Some(Part::Unsup),
        _ => None,
    }
}

/// Reviews from an archive: in any order, with their names.
#[derive(Default)]
struct Reviews(Vec<(String, String)>);

impl Reviews {
    fn add(&mut self, name: &str, text: String) {
        self.0.push((name.to_owned(), text));
    }

    fn sorted(mut self, folder: &Path) -> Result<Vec<String>> {
        if self.0.is_empty() {
            return Err(Error::ClassEmpty { path: folder.to_path_buf() });
        }
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        // An archive may contain a file twice; unpacking it would keep the last one.
        let mut texts: Vec<String> = Vec::with_capacity(self.0.len());
        let mut last = None;
        for (name, text) in self.0 {
            if last.as_ref() == Some(&name) {
                texts.pop();
            }
            texts.push(text);
            last = Some(name);
        }
        Ok(texts)
    }
}

fn labelled(split: &Path, reviews: [Reviews; 2]) -> Result<Documents> {
    let mut documents = Vec::new();
    for ((label, class), reviews) in (0..).zip(CLASSES).zip(reviews) {
        let texts = reviews.sorted(&split.join(class))?;
        documents.extend(texts.into_iter().map(|text| Document { text, label }));
    }
    Documents::new(documents, CLASSES)
}
