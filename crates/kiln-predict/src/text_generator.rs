//! Generates text with a language model: loads an artifact, reads a prompt, and draws one token after another.

use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_models::weights::with_weights;
use kiln_models::{ArtifactModel, LanguageModel, LayerStates, Model, Pass, RandomKey, Sampling};
use kiln_text::io::Saved;
use kiln_text::vocabulary::Vocabulary;

use crate::artifact_config::check_vocabulary;
use crate::config_file::Kind;
use crate::device_failure::{Work, device_of};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::models::network::make;
use crate::models::registry::unknown;
use crate::token_unit::TokenUnit;

/// A language model loaded from an artifact, which generates text.
///
/// # Examples
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use kiln_models::Sampling;
/// use kiln_predict::TextGenerator;
///
/// let device = burn::tensor::Device::flex();
/// let generator = TextGenerator::load("artifacts/language-model", &device)?;
/// let sampling = Sampling::new().temperature(0.8).top_p(0.95);
/// generator.generate("the company said", &sampling, 0, |word| {
///     print!(" {word}");
///     if word == "<eos>" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// # Ok::<(), kiln_predict::Error>(())
/// ```
#[derive(Debug)]
pub struct TextGenerator {
    model: LanguageModel,
    vocabulary: Vocabulary,
    unit: TokenUnit,
}

impl TextGenerator {
    /// Loads the artifact in `folder`.
    ///
    /// # Errors
    ///
    /// Same as [`TextPredictor::load`](crate::TextPredictor::load).
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = Folder::open(folder.as_ref(), Kind::LanguageModel)?;
        let name = &folder.config.model.name;
        if name != LanguageModel::NAME {
            return Err(unknown(folder.path(), "model", name, [LanguageModel::NAME].into_iter()));
        }
        let unit = folder.needs("unit", folder.config.unit)?;
        let vocabulary = folder.tokenizer("vocabulary", Vocabulary::from_json, Vocabulary::to_json)?;
        let model: LanguageModel = make(&folder, device)?;
        check_vocabulary(model.vocab_size(), &vocabulary).map_err(|error| folder.bad_config(error))?;
        let model = with_weights(model, folder.weights()?).map_err(|error| folder.bad_weights(error))?;
        Ok(Self { model, vocabulary, unit })
    }

    /// The model.
    pub fn model(&self) -> &LanguageModel {
        &self.model
    }

    /// The tokens and their ids.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// What the tokens are.
    pub fn unit(&self) -> TokenUnit {
        self.unit
    }

    /// The ids of `tokens`.
    ///
    /// # Errors
    ///
    /// One of the tokens is unknown to the model.
    pub fn ids<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) -> Result<Vec<u32>> {
        let known =
            |token: &str| self.vocabulary.id(token).ok_or_else(|| self.unknown("the tokens", &[token.to_owned()]));
        tokens.into_iter().map(known).collect()
    }

    /// The ids of a prompt. Unknown tokens become the vocabulary's unknown token.
    ///
    /// # Errors
    ///
    /// The prompt is empty, all of its tokens are unknown, or one is unknown and the vocabulary has no unknown token.
    pub fn prompt(&self, text: &str) -> Result<Vec<u32>> {
        let (mut tokens, mut unknown) = (0, Vec::new());
        self.unit.each(text, &mut |token| {
            tokens += 1;
            if self.vocabulary.id(token).is_none() {
                unknown.push(token.to_owned());
            }
        });
        if tokens == 0 {
            return Err(Error::Data {
                what: "the prompt",
                expected: format!("at least one {}", self.unit.name()),
                found: format!("{text:?}"),
            });
        }
        if unknown.len() == tokens || !unknown.is_empty() && self.vocabulary.unknown_token().is_none() {
            return Err(self.unknown("the prompt", &unknown));
        }
        Ok(self.vocabulary.encode_text(text, |text, take| self.unit.each(text, take)))
    }

    fn unknown(&self, what: &'static str, tokens: &[String]) -> Error {
        let listed: Vec<String> = tokens.iter().map(|token| format!("'{token}'")).collect();
        Error::Data {
            what,
            expected: format!("{}s among the {} that the model knows", self.unit.name(), self.vocabulary.len()),
            found: listed.join(", "),
        }
    }

    /// Draws tokens that follow `prompt`, one after another, and calls `each` with every token until it returns
    /// `Break`. The same seed gives the same text.
    ///
    /// # Errors
    ///
    /// Same as [`TextGenerator::prompt`]; an option of `sampling` is out of range, or the device fails.
    pub fn generate(
        &self,
        prompt: &str,
        sampling: &Sampling,
        seed: u64,
        mut each: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<()> {
        sampling.check()?;
        let mut ids = self.prompt(prompt)?;
        let key = RandomKey::new(seed).child("generate");
        let work = Work::of(&self.model, 1)?;
        let mut states = None;
        for place in 0.. {
            let (scores, after) = work.run(|| self.next(&ids, states.take()))?;
            let id = sampling.draw(&scores, key.index(place))?;
            // Every drawn id has a token: there are no more scores than tokens.
            if self.vocabulary.token(id).is_none_or(|token| each(token).is_break()) {
                break;
            }
            (ids, states) = (vec![id], Some(after));
        }
        Ok(())
    }

    /// The scores of the token after `ids`, one for each token of the vocabulary, and the states after `ids`.
    fn next(&self, ids: &[u32], states: Option<LayerStates>) -> Result<(Vec<f32>, LayerStates)> {
        let device = device_of(&self.model)?;
        let row: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let row = Tensor::<2, Int>::from_data(TensorData::new(row, [1, ids.len()]), &device);
        let (hidden, states) = self.model.forward_states(row, states, &Pass::Inference);
        let [_, time, width] = hidden.dims();
        let last = hidden.narrow(1, time - 1, 1).reshape([1, width]);
        let mut scores = self.model.scores(last).try_into_vec_as::<f32>().map_err(Error::Device)?;
        // A model may have been made for more ids than the vocabulary has tokens.
        scores.truncate(self.vocabulary.len());
        Ok((scores, states))
    }
}
