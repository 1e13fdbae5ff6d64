//! Small artifacts that the tests load.

use std::path::Path;

use burn::tensor::Device;
use kiln_models::weights::weights_of;
use kiln_models::{ConvClassifier, ConvClassifierConfig, Head, LanguageModelConfig, RecurrentRegressorConfig};
use kiln_predict::{ArtifactConfig, SequenceEncoder, TokenUnit};
use kiln_text::encoders::WordTokenizer;
use kiln_text::vocabulary::Vocabulary;

pub(crate) const TEXTS: [&str; 3] = ["a fine film", "a dull film", "nothing of it"];
/// Steps of a row.
pub(crate) const LENGTH: usize = 6;

pub(crate) fn device() -> Device {
    Device::flex()
}

pub(crate) fn encode() -> SequenceEncoder {
    SequenceEncoder::new(WordTokenizer::builder().fit(TEXTS).unwrap(), LENGTH).unwrap()
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

pub(crate) fn classifier(head: Head) -> ConvClassifier {
    let config = ConvClassifierConfig::new(encode().vocab_size(), LENGTH).d_embedding(5).filters(4).head(head);
    config.init(&device(), 3).unwrap()
}

/// A text classifier of two classes.
pub(crate) fn save_classifier(folder: &Path) {
    let model = classifier(Head::Binary);
    ArtifactConfig::text(&model, &encode(), &names(2)).save(folder, &weights_of(&model)).unwrap();
}

/// A regressor of rows of three steps of two numbers.
pub(crate) fn save_regressor(folder: &Path) {
    let model = RecurrentRegressorConfig::new(2, 3).d_hidden(vec![4]).init(&device(), 1).unwrap();
    ArtifactConfig::series(&model).save(folder, &weights_of(&model)).unwrap();
}

/// A language model of words.
pub(crate) fn save_language_model(folder: &Path) {
    let vocabulary = Vocabulary::builder().fit(TEXTS, |text, take| TokenUnit::Words.each(text, take)).unwrap();
    let config = LanguageModelConfig::new(vocabulary.len()).d_embedding(3).d_hidden(vec![4]);
    let model = config.init(&device(), 2).unwrap();
    ArtifactConfig::language_model(&model, &vocabulary, TokenUnit::Words).save(folder, &weights_of(&model)).unwrap();
}
