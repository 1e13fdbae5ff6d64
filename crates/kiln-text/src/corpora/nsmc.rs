//! [`Nsmc`]: the Naver sentiment movie corpus, 200,000 short reviews in Korean. Download it from
//! <https://github.com/e9t/nsmc>.

use std::path::{Path, PathBuf};

use kiln_base::Encoding;

use super::formats::labels::Labels;
use super::formats::lines::{LineRows, Shard, plain_or_gz};
use crate::corpora::corpus_documents::CorpusDocuments;
use crate::corpora::documents::Document;
use crate::error::{CorpusError, Result, RowProblem};

const HEADER: [&str; 3] = ["id", "document", "label"];

/// The Naver sentiment movie corpus: `ratings_train.txt` and `ratings_test.txt`, with id, document and label separated
/// by tabs. Label 0 is negative, 1 positive. Some documents are empty; they are kept unless
/// [`skip_empty`](Self::skip_empty) is set.
///
/// ```no_run
/// use kiln_text::corpora::Nsmc;
///
/// let nsmc = Nsmc::open("nsmc");
/// let test = nsmc.test()?.collect_documents()?;
/// assert_eq!((test.len(), test.class_names()), (50_000, ["neg".to_owned(), "pos".to_owned()].as_slice()));
/// # Ok::<(), kiln_text::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nsmc {
    train: PathBuf,
    test: PathBuf,
    skip_empty: bool,
    encoding: Encoding,
}

impl Nsmc {
    /// The class names, by label.
    const CLASS_NAMES: [&str; 2] = ["neg", "pos"];

    /// Opens the folder that holds the two files, plain or with `.gz` after their names.
    pub fn open(folder: impl AsRef<Path>) -> Self {
        let path = |name| plain_or_gz(folder.as_ref(), name);
        Self::of_files(path("ratings_train.txt"), path("ratings_test.txt"))
    }

    /// Opens the two files under other names, plain or gzip.
    pub fn of_files(train: impl AsRef<Path>, test: impl AsRef<Path>) -> Self {
        let (train, test) = (train.as_ref().to_path_buf(), test.as_ref().to_path_buf());
        Self { train, test, skip_empty: false, encoding: Encoding::UTF_8 }
    }

    setters! {
        /// Whether to skip empty documents. Default: false.
        skip_empty(skip_empty: bool) => skip_empty = skip_empty;

        /// The encoding of the files. Default: UTF-8, as they are published.
        encoding(encoding: Encoding) => encoding = encoding;
    }

    /// The training documents, one at a time.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) for a missing file. As items: [`CorpusError::Row`] for a line that is not
    /// UTF-8, does not have three fields, or has a label other than 0 and 1; [`CorpusError::NoColumn`] for another
    /// header; [`CorpusError::EmptyFile`].
    pub fn train(&self) -> Result<CorpusDocuments<'static>> {
        self.documents(&self.train)
    }

    /// The test documents, one at a time.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn test(&self) -> Result<CorpusDocuments<'static>> {
        self.documents(&self.test)
    }

    fn documents(&self, path: &Path) -> Result<CorpusDocuments<'static>> {
        let skip_empty = self.skip_empty;
        let labels = Labels::numbers(Self::CLASS_NAMES);
        let class_names = labels.class_names().to_vec();
        LineRows::documents(&[path.to_path_buf()], Shard::WHOLE, self.encoding, class_names, move |line| {
            let mut fields = line.text.split('\t');
            let (Some(_id), Some(text), Some(label), None) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                let found = line.text.split('\t').count();
                return Err(line.bad(RowProblem::Fields { expected: HEADER.len(), found, quote_after_space: false }));
            };
            if line.number == 1 {
                let found = line.text.split('\t');
                return match HEADER.iter().zip(found.clone()).find(|(expected, found)| *expected != found) {
                    Some((column, _)) => Err(CorpusError::NoColumn {
                        path: line.path.to_path_buf(),
                        column: format!("{column:?}"),
                        found: found.map(str::to_owned).collect(),
                    }
                    .into()),
                    None => Ok(None),
                };
            }
            let label = labels.class(label).map_err(|problem| line.bad(problem))?;
            Ok((!(skip_empty && text.is_empty())).then(|| Document { text: text.to_owned(), label }))
        })
    }
}
