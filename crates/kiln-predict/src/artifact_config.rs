//! [`ArtifactConfig`]: what an artifact holds next to its weights, and how it is written.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kiln_base::{FileError, OptionError, WholeFile, checksum};
use kiln_linear::LinearClassifier;
use kiln_models::weights::{self, Precision, Weights};
use kiln_models::{ArtifactModel, Head, LanguageModel, Series, TokenBatch};
use kiln_text::io::Saved;
use kiln_text::vocabulary::Vocabulary;

use crate::config_file::{ConfigFile, FORMAT, FileEntry, Files, Kind, Made, NamedEncoder, NamedModel, format_1_text};
use crate::error::{Error, Result};
use crate::folder::{CONFIG, MODEL, TOKENIZER};
use crate::models::linear::{self, LinearConfig};
use crate::sequence_encoder::SequenceEncoder;
use crate::token_unit::TokenUnit;

/// The version of Burn that models are written with.
const BURN: &str = "0.22.1";

/// How text becomes the ids of an artifact's model.
#[derive(Clone, Debug)]
enum Reading {
    Texts { encoder: SequenceEncoder, class_names: Vec<String> },
    Features { json: String, class_names: Vec<String> },
    Tokens { vocabulary: Vocabulary, unit: TokenUnit },
    Numbers,
}

/// What an artifact holds next to its weights: the model's name and configuration, how text becomes ids, and how the
/// artifact was made.
///
/// `Trainer::artifact` accepts it and writes the folder during a run; [`save`](Self::save) writes it at once.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use kiln_models::ConvClassifierConfig;
/// use kiln_models::weights::weights_of;
/// use kiln_predict::{ArtifactConfig, SequenceEncoder, TextPredictor};
/// use kiln_text::encoders::WordTokenizer;
///
/// let encode = SequenceEncoder::new(WordTokenizer::builder().fit(["a fine film", "a dull film"])?, 6)?;
/// let device = burn::tensor::Device::flex();
/// let model = ConvClassifierConfig::new(encode.vocab_size(), 6).init(&device, 0)?;
///
/// let folder = tempfile::tempdir().unwrap();
/// let classes = ["neg".to_owned(), "pos".to_owned()];
/// ArtifactConfig::text(&model, &encode, &classes).threshold(0.6).save(folder.path(), &weights_of(&model))?;
/// let predictor = TextPredictor::load(folder.path(), &device)?;
/// assert_eq!(predictor.predict(&["a fine film"])?.len(), 1);
/// # }
/// # Ok::<(), kiln_predict::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ArtifactConfig {
    kind: Kind,
    model: NamedModel,
    head: Head,
    max_len: Option<usize>,
    vocab_size: Option<usize>,
    reading: Reading,
    threshold: Option<f32>,
    temperature: Option<f32>,
    precision: Precision,
    scores: BTreeMap<String, f64>,
    made: Made,
}

impl ArtifactConfig {
    fn new<M: ArtifactModel>(kind: Kind, model: &M, reading: Reading) -> Self {
        // A configuration is plain data; `check` refuses one that is not.
        let config = serde_json::to_value(model.config()).unwrap_or_default();
        Self {
            kind,
            model: NamedModel { name: M::NAME.to_owned(), config },
            head: model.head(),
            max_len: model.max_len(),
            vocab_size: model.vocab_size(),
            reading,
            threshold: None,
            temperature: None,
            precision: Precision::Full,
            scores: BTreeMap::new(),
            made: Made::default(),
        }
    }

    /// The artifact of a text classifier, with one name for each class, in the order of the labels.
    pub fn text<M: ArtifactModel<Input = TokenBatch>>(
        model: &M,
        encoder: &SequenceEncoder,
        class_names: &[String],
    ) -> Self {
        let reading = Reading::Texts { encoder: encoder.clone(), class_names: class_names.to_vec() };
        Self::new(Kind::TextClassifier, model, reading)
    }

    /// The artifact of a linear text classifier; [`linear_weights`](crate::linear_weights) returns its weights. The
    /// same [`TextPredictor`](crate::TextPredictor) reads it.
    pub fn linear(classifier: &LinearClassifier) -> Self {
        let classes = classifier.class_names().len();
        let config = serde_json::to_value(LinearConfig::of(classifier.model())).unwrap_or_default();
        Self {
            kind: Kind::TextClassifier,
            model: NamedModel { name: linear::NAME.to_owned(), config },
            head: Head::for_classes(classes).unwrap_or(Head::Classes(classes)),
            max_len: None,
            vocab_size: None,
            reading: Reading::Features {
                json: classifier.features().to_json(),
                class_names: classifier.class_names().to_vec(),
            },
            threshold: None,
            temperature: None,
            precision: Precision::Full,
            scores: BTreeMap::new(),
            made: Made::default(),
        }
    }

    /// The artifact of a regressor of numeric sequences.
    pub fn series<M: ArtifactModel<Input = Series>>(model: &M) -> Self {
        Self::new(Kind::SeriesRegressor, model, Reading::Numbers)
    }

    /// The artifact of a language model.
    pub fn language_model(model: &LanguageModel, vocabulary: &Vocabulary, unit: TokenUnit) -> Self {
        Self::new(Kind::LanguageModel, model, Reading::Tokens { vocabulary: vocabulary.clone(), unit })
    }

    /// The probability, between 0 and 1, from which a classifier of two classes predicts class 1, and a classifier of
    /// labels predicts a label. Default: the more probable class; 0.5 for labels.
    #[must_use]
    pub const fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// The number, above 0, that a classifier's logits are divided by before they become probabilities, so that the
    /// probabilities match how often they are right (Guo et al. 2017, "On Calibration of Modern Neural Networks").
    /// Default: the logits are not divided.
    #[must_use]
    pub const fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The precision in which the weights are written when a run ends. Default: 32 bits.
    #[must_use]
    pub const fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// What the model was trained on, for whoever finds the folder.
    #[must_use]
    pub fn data(mut self, data: impl Into<String>) -> Self {
        self.made.data = Some(data.into());
        self
    }

    /// The run's seed, for whoever finds the folder; `Trainer` sets its own.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.made.seed = Some(seed);
        self
    }

    /// How good the model is, such as `val_loss`, for whoever finds the folder; `Trainer` adds the scores of its
    /// history. Scores that are not finite are dropped.
    #[must_use]
    pub fn scores(mut self, scores: impl IntoIterator<Item = (String, f64)>) -> Self {
        self.scores.extend(scores.into_iter().filter(|(_, score)| score.is_finite()));
        self
    }

    /// Checks that the parts fit together, so that the artifact can be loaded later.
    ///
    /// # Errors
    ///
    /// Vocabulary, length or the number of class names differ between the parts; the threshold or the temperature is
    /// out of range or has no meaning for the model's head.
    pub fn check(&self) -> Result<()> {
        if !self.model.config.is_object() {
            let found = self.model.config.to_string();
            return Err(Error::data("the model's configuration", "a struct with named fields", found));
        }
        check_calibration(self.head, self.threshold, self.temperature)?;
        match &self.reading {
            Reading::Texts { encoder, class_names } => {
                check_classifier(self.head, self.max_len, self.vocab_size, encoder, class_names)
            }
            Reading::Features { class_names, .. } => check_class_names(self.head, class_names),
            Reading::Tokens { vocabulary, .. } => check_vocabulary(self.vocab_size, vocabulary),
            Reading::Numbers => Ok(()),
        }
    }

    /// Whether the tokenizer equals the one in an artifact's folder, if both have one.
    #[doc(hidden)]
    pub fn has_tokenizer_of(&self, folder: &Path) -> bool {
        let Ok(old) = std::fs::read_to_string(folder.join(TOKENIZER)) else { return true };
        self.tokenizer().is_none_or(|own| own == old)
    }

    /// The text of `tokenizer.json`.
    fn tokenizer(&self) -> Option<String> {
        match &self.reading {
            Reading::Texts { encoder, .. } => Some(encoder.encoder().to_json()),
            Reading::Features { json, .. } => Some(json.clone()),
            Reading::Tokens { vocabulary, .. } => Some(vocabulary.to_json()),
            Reading::Numbers => None,
        }
    }

    fn file(&self, files: Files) -> ConfigFile {
        let (encoder, class_names, unit) = match &self.reading {
            Reading::Texts { encoder, class_names } => {
                let (shape, name) = (encoder.shape(), encoder.encoder().class_name().to_owned());
                let (max_len, padding, truncating) = (shape.max_len, shape.padding, shape.truncating);
                (Some(NamedEncoder { name, max_len, padding, truncating }), Some(class_names.clone()), None)
            }
            Reading::Features { class_names, .. } => (None, Some(class_names.clone()), None),
            Reading::Tokens { unit, .. } => (None, None, Some(*unit)),
            Reading::Numbers => (None, None, None),
        };
        ConfigFile {
            format: FORMAT,
            kind: self.kind,
            kiln: env!("CARGO_PKG_VERSION").to_owned(),
            burn: BURN.to_owned(),
            model: self.model.clone(),
            encoder,
            unit,
            class_names,
            threshold: self.threshold,
            temperature: self.temperature,
            scores: self.scores.clone(),
            made: Made {
                command: self.made.command.clone().or_else(command),
                date: self.made.date.clone().or_else(today),
                ..self.made.clone()
            },
            files,
            rewritten_tokenizer: None,
            is_sealed: true,
        }
    }

    /// The same, with the command and the date that `folder` records: for a run that continues there.
    #[doc(hidden)]
    #[must_use]
    pub fn made_as_in(mut self, folder: &Path) -> Self {
        let path = folder.join(CONFIG);
        let text = std::fs::metadata(&path).is_ok_and(|found| found.is_file()).then(|| std::fs::read_to_string(&path));
        if let Some(Ok(text)) = text
            && let Ok(ConfigFile { made: Made { command, date, .. }, .. }) = ConfigFile::parse(&path, &text)
        {
            (self.made.command, self.made.date) = (command, date);
        }
        self
    }

    /// Text that is equal if a resumed run produces the same artifact: it holds what was chosen, not the date or the
    /// scores.
    #[doc(hidden)]
    pub fn identity(&self) -> String {
        let tokenizer = self.tokenizer().map(|text| checksum::sha256([text.as_bytes()]));
        format_1_text(&self.file(Files::default()), tokenizer)
    }

    /// Writes `config.json` and, for text, `tokenizer.json` into `folder`, for a run whose weights may still change:
    /// `config.json` does not describe them.
    ///
    /// # Errors
    ///
    /// The parts do not fit together, or a file cannot be written.
    #[doc(hidden)]
    pub fn save_without_weights(&self, folder: &Path) -> Result<()> {
        self.check()?;
        self.write(folder, None)
    }

    /// Writes the artifact into `folder`, which is created if needed: `tokenizer.json` for text, `model.safetensors`,
    /// and last `config.json`, which holds the sizes and the SHA-256 checksums of the others.
    ///
    /// # Errors
    ///
    /// The parts do not fit together, a weight is not finite or too large for the precision, or a file cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>, weights: &Weights) -> Result<()> {
        self.check()?;
        let is_number = |value: &f32| value.is_finite();
        if let Some((name, weight)) = weights.iter().find(|(_, weight)| !weight.values.iter().all(is_number)) {
            let found = weight.values.iter().find(|value| !is_number(value)).copied().unwrap_or(f32::NAN);
            return Err(Error::data("the weights", "finite numbers", format!("{found} in '{name}'")));
        }
        self.write(folder.as_ref(), Some(weights::to_safetensors(weights, self.precision, None)?))
    }

    /// Writes every file whole under a temporary name, then renames them one right after the other, `config.json` last.
    fn write(&self, folder: &Path, model: Option<Vec<u8>>) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(FileError::new("make the folder", folder))?;
        let whole = |name: &str, bytes: &[u8]| -> Result<WholeFile> {
            let path = folder.join(name);
            let mut file = WholeFile::create(&path)?;
            file.write_all(bytes).map_err(FileError::new("write", &path))?;
            Ok(file)
        };
        let (tokenizer, mut written) = (self.tokenizer(), Vec::new());
        for (name, bytes) in [(MODEL, model.as_deref()), (TOKENIZER, tokenizer.as_ref().map(|text| text.as_bytes()))] {
            if let Some(bytes) = bytes {
                written.push(whole(name, bytes)?);
            }
        }
        let (model, tokenizer) =
            (model.as_deref().map(FileEntry::of), tokenizer.map(|text| FileEntry::of(text.as_bytes())));
        written.push(whole(CONFIG, self.file(Files { model, tokenizer }).to_json().as_bytes())?);
        Ok(WholeFile::finish_all(written)?)
    }
}

/// Checks that a classifier fits its encoder and its class names.
pub(crate) fn check_classifier(
    head: Head,
    max_len: Option<usize>,
    vocab_size: Option<usize>,
    encoder: &SequenceEncoder,
    class_names: &[String],
) -> Result<()> {
    if vocab_size.is_none() {
        return Err(Error::data("the model's vocabulary", "a size from `Model::vocab_size`", "none"));
    }
    if let Some(found) = vocab_size.filter(|&found| found < encoder.vocab_size()) {
        return Err(Error::data(
            "the model's vocabulary",
            format!("at least the tokenizer's {}", encoder.vocab_size()),
            found,
        ));
    }
    let length = encoder.shape().max_len;
    if let Some(found) = max_len.filter(|&found| found != length) {
        return Err(Error::data("the model's length", format!("{length}, the length of the text encoder"), found));
    }
    check_class_names(head, class_names)
}

/// Checks that the class names are valid and that there is one for each class.
pub(crate) fn check_class_names(head: Head, class_names: &[String]) -> Result<()> {
    let is_name = |name: &String| !name.is_empty() && !name.contains(char::is_control);
    let mut seen = HashSet::with_capacity(class_names.len());
    if let Some(bad) = class_names.iter().find(|name| !is_name(name) || !seen.insert(name.as_str())) {
        let expected = "distinct names, not empty and without line breaks or tabs";
        return Err(Error::data("the class names", expected, format!("{bad:?}")));
    }
    match head.names() {
        Some(1) if matches!(head, Head::Labels(_)) && class_names.len() == 1 => Ok(()),
        None | Some(0 | 1) => Err(Error::data("the classes of a text classifier's head", "at least 2", head.outputs())),
        Some(classes) if classes != class_names.len() => {
            let expected = format!("{classes}, one for each class of the model");
            Err(Error::data("the number of class names", expected, class_names.len()))
        }
        Some(_) => Ok(()),
    }
}

/// Checks that a language model has a place for each token.
pub(crate) fn check_vocabulary(vocab_size: Option<usize>, vocabulary: &Vocabulary) -> Result<()> {
    match vocab_size.filter(|&found| found < vocabulary.len()) {
        Some(found) => {
            let expected = format!("at least the {} tokens of its vocabulary", vocabulary.len());
            Err(Error::data("the model's vocabulary", expected, found))
        }
        None => Ok(()),
    }
}

/// Checks that a threshold and a temperature are in range and have a meaning for the head.
pub(crate) fn check_calibration(head: Head, threshold: Option<f32>, temperature: Option<f32>) -> Result<()> {
    if let Some(threshold) = threshold {
        let is_share = (0.0..=1.0).contains(&threshold);
        OptionError::unless(is_share, "threshold", "a probability between 0 and 1", threshold)?;
        let classes = head.classes().unwrap_or(0);
        let has_one = classes == 2 || matches!(head, Head::Labels(_));
        let expected = "unset unless the model has two classes or labels";
        OptionError::unless(has_one, "threshold", expected, format!("{classes} classes"))?;
    }
    if let Some(temperature) = temperature {
        let is_scale = temperature.is_finite() && temperature > 0.0;
        OptionError::unless(is_scale, "temperature", "a number above 0", temperature)?;
        let has_logits = head.names().is_some();
        OptionError::unless(has_logits, "temperature", "unset unless the model is a classifier", temperature)?;
    }
    Ok(())
}

/// The command that is running, without the folder of the program.
fn command() -> Option<String> {
    let mut arguments = std::env::args_os();
    let program = arguments.next()?;
    let program = Path::new(&program).file_name()?.to_string_lossy().into_owned();
    let words = arguments.map(|argument| quoted(&argument.to_string_lossy()));
    Some(std::iter::once(program).chain(words).collect::<Vec<_>>().join(" "))
}

/// A word, quoted for a shell where needed.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Today's date in UTC, such as 2026-03-01.
fn today() -> Option<String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let [year, month, day] = civil(seconds / 86_400);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// The year, month and day of a day counted from 1970-01-01. Years begin in March here, so that a leap day is the last
/// day of its year.
fn civil(days: u64) -> [u64; 3] {
    // Days from 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    [400 * era + year + u64::from(month <= 2), month, date]
}

#[cfg(test)]
mod tests {
    use super::{civil, quoted};

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in
            [("--a=b/c", "--a=b/c"), ("", "''"), ("a b", "'a b'"), ("$x;", "'$x;'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, [1970, 1, 1]),
            (58, [1970, 2, 28]),
            (59, [1970, 3, 1]),
            (11_016, [2000, 2, 29]),
            (19_782, [2024, 2, 29]),
            (20_785, [2026, 11, 28]),
            (47_540, [2100, 2, 28]),
            (47_541, [2100, 3, 1]),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
    }
}
