//! [`Registry`]: the models and encodings that a program knows by name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use burn::tensor::Device;
use kiln_models::{
    ArtifactModel, ConvBiLstm, ConvClassifier, EmbeddingFlatten, RecurrentClassifier, RecurrentRegressor, Series,
    TextClassifier, TokenBatch,
};
use kiln_text::encoders::{SavedEncoder, TextEncoder};
use kiln_text::io::Saved;

use crate::config_file::nearest;
use crate::error::{Error, Result};
use crate::folder::{CONFIG, Folder};
use crate::models::network::{Check, Loaded, load};

type Load<I> = fn(&Folder, &Device, Check<'_, I>) -> Result<Box<dyn Loaded<I>>>;
type ReadEncoder = fn(&str) -> kiln_text::Result<TextEncoder>;

/// The models and encodings that a program knows by the names in `config.json`. The default holds those of Kiln.
///
/// # Examples
///
/// ```
/// use kiln_models::{ArtifactModel, ConvClassifier};
/// use kiln_predict::Registry;
/// use kiln_text::encoders::WordTokenizer;
///
/// // Use your own models and encodings here.
/// let registry = Registry::default()
///     .text_classifier::<ConvClassifier>()
///     .encoder::<WordTokenizer>("MyTokenizer");
/// assert!(registry.text_classifiers().any(|name| name == ConvClassifier::NAME));
/// # #[cfg(feature = "flex")] {
/// # use kiln_predict::TextPredictor;
/// # let folder = tempfile::tempdir().unwrap();
/// # let device = burn::tensor::Device::flex();
/// assert!(TextPredictor::load_with(folder.path(), &device, &registry).is_err());
/// # }
/// ```
#[derive(Clone)]
pub struct Registry {
    text_classifiers: BTreeMap<&'static str, Load<TokenBatch>>,
    series_regressors: BTreeMap<&'static str, Load<Series>>,
    encoders: BTreeMap<String, ReadEncoder>,
}

impl Default for Registry {
    fn default() -> Self {
        let own = |name: &&str| (name.to_string(), TextEncoder::from_json as ReadEncoder);
        let encoders = TextEncoder::CLASS_NAMES.iter().map(own).collect();
        let encoders = Self { text_classifiers: BTreeMap::new(), series_regressors: BTreeMap::new(), encoders };
        encoders
            .text_classifier::<ConvBiLstm>()
            .text_classifier::<ConvClassifier>()
            .text_classifier::<EmbeddingFlatten>()
            .text_classifier::<RecurrentClassifier>()
            .text_classifier::<TextClassifier>()
            .series_regressor::<RecurrentRegressor>()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("text_classifiers", &self.text_classifiers.keys())
            .field("series_regressors", &self.series_regressors.keys())
            .field("encoders", &self.encoders.keys())
            .finish()
    }
}

impl Registry {
    /// Adds a text classifier by its [`NAME`](ArtifactModel::NAME), in place of any other of that name.
    #[must_use]
    pub fn text_classifier<M: ArtifactModel<Input = TokenBatch>>(mut self) -> Self {
        self.text_classifiers.insert(M::NAME, load::<M>);
        self
    }

    /// Adds a regressor of numeric sequences by its [`NAME`](ArtifactModel::NAME), in place of any other of that name.
    #[must_use]
    pub fn series_regressor<M: ArtifactModel<Input = Series>>(mut self) -> Self {
        self.series_regressors.insert(M::NAME, load::<M>);
        self
    }

    /// Adds an encoding by its [`class_name`](SavedEncoder::class_name), in place of any other of that name.
    #[must_use]
    pub fn encoder<E: SavedEncoder>(mut self, class_name: impl Into<String>) -> Self {
        self.encoders.insert(class_name.into(), |json| E::from_json(json).map(TextEncoder::from));
        self
    }

    /// The names of the text classifiers.
    pub fn text_classifiers(&self) -> impl Iterator<Item = &str> {
        self.text_classifiers.keys().copied()
    }

    /// The names of the regressors of numeric sequences.
    pub fn series_regressors(&self) -> impl Iterator<Item = &str> {
        self.series_regressors.keys().copied()
    }

    /// The class names of the encodings.
    pub fn encoders(&self) -> impl Iterator<Item = &str> {
        self.encoders.keys().map(String::as_str)
    }

    pub(crate) fn load_classifier(
        &self,
        folder: &Folder,
        device: &Device,
        check: Check<'_, TokenBatch>,
    ) -> Result<Box<dyn Loaded<TokenBatch>>> {
        known(&self.text_classifiers, folder)?(folder, device, check)
    }

    pub(crate) fn load_regressor(
        &self,
        folder: &Folder,
        device: &Device,
        check: Check<'_, Series>,
    ) -> Result<Box<dyn Loaded<Series>>> {
        known(&self.series_regressors, folder)?(folder, device, check)
    }

    /// Reads the encoder of the class `name`; if `name` is empty, the file says which of Kiln's encoders it is.
    pub(crate) fn load_encoder(&self, folder: &Folder, name: &str) -> Result<TextEncoder> {
        if name.is_empty() {
            return folder.tokenizer("tokenizer", TextEncoder::from_json, TextEncoder::to_json);
        }
        let Some(read) = self.encoders.get(name) else {
            return Err(unknown(folder.path(), "encoder", name, self.encoders()));
        };
        let encoder = folder.tokenizer("tokenizer", read, TextEncoder::to_json)?;
        if encoder.class_name() != name {
            let found = encoder.class_name();
            return Err(folder.bad_config(format!("its encoder is {name:?}, but tokenizer.json holds a {found:?}")));
        }
        Ok(encoder)
    }
}

/// The function that loads the model of an artifact.
fn known<I>(known: &BTreeMap<&'static str, Load<I>>, folder: &Folder) -> Result<Load<I>> {
    let name = folder.config.model.name.as_str();
    let load = known.get(name).copied();
    load.ok_or_else(|| unknown(folder.path(), "model", name, known.keys().copied()))
}

pub(crate) fn unknown<'a>(
    folder: &Path,
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    let known: Vec<&str> = known.collect();
    let near = nearest(name, known.iter().copied()).map(|near| format!(" (is {near:?} meant?)"));
    let listed: Vec<String> = known.iter().map(|name| format!("{name:?}")).collect();
    let (path, name) = (folder.join(CONFIG), name.to_owned());
    Error::Unknown { path, what, name, known: listed.join(", ") + &near.unwrap_or_default() }
}
