//! The JSON of configurations. Artifacts and checkpoints store it and compare it, so names and their order must not
//! change.

use kiln_models::layers::RecurrentStackConfig;
use kiln_models::layers::{
    AdaptiveSoftmaxConfig, Conv1dConfig, DenseConfig, DropoutConfig, EmbeddingConfig, GruConfig, LstmConfig,
    SimpleRnnConfig,
};
use kiln_models::word2vec::{NegativeSamplingConfig, SoftmaxCbowConfig, Word2VecConfig};
use kiln_models::{
    ConvBiLstmConfig, ConvClassifierConfig, EmbeddingFlattenConfig, LanguageModelConfig, RecurrentClassifierConfig,
    RecurrentKind, RecurrentRegressorConfig,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The JSON, which must survive reading and writing again.
fn json<C: Serialize + DeserializeOwned>(config: C) -> String {
    let text = serde_json::to_string(&config).unwrap();
    let read: C = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    text
}

#[test]
fn configurations_have_the_json_that_kept_files_have() {
    for (text, expected) in [
        (
            json(ConvBiLstmConfig::new(10, 20)),
            r#"{"vocab":10,"length":20,"head":"binary","d_embedding":200,"dropout":0.5,"filters":64,"kernel_size":5,"pool_size":4,"d_hidden":[64,32],"padded_steps":"carry"}"#,
        ),
        (
            json(ConvClassifierConfig::new(10, 20)),
            r#"{"vocab":10,"length":20,"head":"binary","d_embedding":64,"filters":64,"kernel_size":5,"dropout":0.0}"#,
        ),
        (
            json(EmbeddingFlattenConfig::new(10, 20)),
            r#"{"vocab":10,"length":20,"d_dense":null,"head":"binary","d_embedding":8}"#,
        ),
        (
            json(LanguageModelConfig::new(10)),
            r#"{"vocab":10,"kind":"lstm","d_embedding":100,"d_hidden":[100],"dropout":0.0,"output":"full"}"#,
        ),
        (
            json(
                LanguageModelConfig::new(10)
                    .input_dropout(0.4)
                    .hidden_dropout(0.25)
                    .output_dropout(0.5)
                    .locked_dropout(true)
                    .embedding_dropout(0.125)
                    .weight_dropout(0.75)
                    .activation_penalty(2.0)
                    .temporal_activation_penalty(1.0),
            ),
            r#"{"vocab":10,"kind":"lstm","d_embedding":100,"d_hidden":[100],"dropout":0.0,"output":"full","input_dropout":0.4,"hidden_dropout":0.25,"output_dropout":0.5,"locked_dropout":true,"embedding_dropout":0.125,"weight_dropout":0.75,"activation_penalty":2.0,"temporal_activation_penalty":1.0}"#,
        ),
        (
            json(RecurrentClassifierConfig::new(10, 20)),
            r#"{"vocab":10,"length":20,"d_dense":null,"head":"binary","kind":"lstm","d_embedding":64,"d_hidden":[64],"bidirectional":true,"dropout":0.0,"padded_steps":"carry"}"#,
        ),
        (
            json(RecurrentRegressorConfig::new(3, 20)),
            r#"{"d_input":3,"length":20,"head":{"values":1},"kind":"gru","d_hidden":[30,30],"bidirectional":false}"#,
        ),
        (
            json(AdaptiveSoftmaxConfig::new(8, 10, vec![4])),
            r#"{"d_input":8,"classes":10,"cutoffs":[4],"div_value":4.0,"head_bias":false}"#,
        ),
        (
            json(Conv1dConfig::new(8, 4, 3)),
            r#"{"d_input":8,"filters":4,"kernel_size":3,"padding":"valid","activation":"linear"}"#,
        ),
        (json(DenseConfig::new(8, 4)), r#"{"d_input":8,"units":4,"activation":"linear"}"#),
        (json(DropoutConfig::new(0.5, "dropout".into())), r#"{"rate":0.5,"name":"dropout"}"#),
        (json(EmbeddingConfig::new(10, 8)), r#"{"vocab":10,"d_embedding":8}"#),
        (json(GruConfig::new(8, 4)), r#"{"d_input":8,"d_hidden":4,"reset_after":true}"#),
        (json(LstmConfig::new(8, 4)), r#"{"d_input":8,"d_hidden":4}"#),
        (json(SimpleRnnConfig::new(8, 4)), r#"{"d_input":8,"d_hidden":4,"activation":"tanh"}"#),
        (
            json(RecurrentStackConfig::new(RecurrentKind::Lstm, 8, vec![4, 2])),
            r#"{"kind":"lstm","d_input":8,"d_hidden":[4,2],"bidirectional":false}"#,
        ),
        (
            json(NegativeSamplingConfig::new(vec![3, 2])),
            r#"{"counts":[3,2],"context":"mean","vector_size":100,"negative":5,"ns_exponent":0.75}"#,
        ),
        (json(SoftmaxCbowConfig::new(10)), r#"{"vocab":10,"context":"mean","vector_size":100}"#),
        (
            json(Word2VecConfig::new()),
            r#"{"alpha":null,"architecture":"cbow","context":"mean","vector_size":100,"window":5,"shrink_windows":true,"min_count":5,"negative":5,"ns_exponent":0.75,"sample":0.001,"min_alpha":0.0001,"epochs":5,"seed":1,"updates":"racing","workers":0}"#,
        ),
    ] {
        assert_eq!(text, expected);
    }
}
