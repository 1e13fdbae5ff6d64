//! The experiments: what is run, which figures are read from the output, and what the source reports.

/// An example with its options, and what is known of it.
pub(super) struct Experiment {
    pub(super) name: &'static str,
    /// Its description in the table.
    pub(super) what: &'static str,
    pub(super) example: &'static str,
    /// The features that it needs in addition to the defaults.
    pub(super) features: &'static str,
    /// Options, with DATA for the folder of the data and ARTIFACT for that of the experiment in `after`.
    pub(super) options: &'static str,
    /// The experiment whose artifact it reads, and after which it runs.
    pub(super) after: Option<&'static str>,
    /// Whether it writes a folder.
    pub(super) trains: bool,
    /// Whether nothing in it is random, so that it needs no seed.
    pub(super) seedless: bool,
    /// The number of seeds, counted from 0.
    pub(super) seeds: u64,
    /// The names of the figures, and the text before each.
    pub(super) figures: &'static [(&'static str, &'static str)],
    /// What the source reports.
    pub(super) source: &'static str,
    /// Where the protocol differs, or what else a reader should know.
    pub(super) note: &'static str,
}

impl Experiment {
    pub(super) fn arguments(&self, seed: u64) -> Vec<String> {
        let mut arguments: Vec<String> = self.options.split_whitespace().map(str::to_owned).collect();
        if self.trains && !self.seedless {
            arguments.extend(["--seed".to_owned(), seed.to_string()]);
        }
        arguments
    }

    /// What goes before [`command`](Self::command): the features, which do not affect the run.
    pub(super) fn feature_option(&self) -> String {
        if self.features.is_empty() { String::new() } else { format!("--features {} ", self.features) }
    }

    pub(super) fn command(&self, seed: u64) -> String {
        let arguments = self.arguments(seed).join(" ");
        match arguments.replace("ARTIFACT", &format!("artifacts/{}", self.after.unwrap_or_default())) {
            arguments if arguments.is_empty() => format!("--example {}", self.example),
            arguments => format!("--example {} -- {arguments}", self.example),
        }
    }
}

const TEST: &[(&str, &str)] = &[("test accuracy", "test accuracy ")];
const NSMC: &str = "the corpus rebuilt from its raw reviews, with a split of its own";
const WORDS: &[(&str, &str)] = &[("year", "year: "), ("toyota", "toyota: ")];
const PRODUCT: &[(&str, &str)] = &[("right", "right: "), ("validation loss", "validation loss ")];
const ADAPTIVE: &[(&str, &str)] = &[
    ("as it is", "as it is "),
    ("with a cache", "with a cache "),
    ("dynamic evaluation", "dynamic evaluation "),
    ("both", "both "),
];
const ONE_STREAM: &str = "the text is one stream, where the row above has 10";
const BATCH: &str = "batches of 16; the source names no size";

const NONE: Experiment = Experiment {
    name: "",
    what: "",
    example: "",
    features: "",
    options: "",
    after: None,
    trains: true,
    seedless: false,
    seeds: 1,
    figures: &[],
    source: "",
    note: "",
};

/// Every experiment, in the table's order.
pub(super) const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "one-hot",
        what: "two sentences, one-hot",
        example: "one-hot",
        trains: false,
        figures: &[("found", "found ")],
        source: "9 words",
        ..NONE
    },
    Experiment {
        name: "quickstart",
        what: "negation, contrast and scope in generated reviews: a GRU, beside what counts words",
        example: "quickstart",
        seeds: 3,
        figures: &[("test accuracy", "test accuracy "), ("regression", "baseline accuracy ")],
        source: "none",
        ..NONE
    },
    Experiment {
        name: "imdb-embedding",
        what: "IMDB: embedding and one dense layer over 20 words",
        example: "imdb-embedding",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        seeds: 3,
        figures: &[("validation accuracy", "validation accuracy ")],
        source: "80,161 parameters, best validation accuracy 0.7588",
        ..NONE
    },
    Experiment {
        name: "imdb-conv-bilstm-tutorial",
        what: "IMDB: convolution and two BiLSTMs, the tutorial's protocol",
        example: "imdb-conv-bilstm",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz --validate-on-test",
        seeds: 3,
        figures: TEST,
        source: "2,171,393 parameters, test accuracy 0.8822",
        note: "the epoch is chosen on the test set, as in the source",
        ..NONE
    },
    Experiment {
        name: "imdb-conv-bilstm",
        what: "the same, the test set read once",
        example: "imdb-conv-bilstm",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        figures: TEST,
        source: "none",
        ..NONE
    },
    Experiment {
        name: "imdb-ngrams-2",
        what: "IMDB: fastText's supervised model, runs of two words",
        example: "imdb-ngrams",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        seeds: 3,
        figures: TEST,
        source: "about 0.88",
        note: "10 numbers, rate 0.5",
        ..NONE
    },
    Experiment {
        name: "imdb-ngrams-3",
        what: "the same, runs of three words",
        example: "imdb-ngrams",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz --word-ngrams 3",
        seeds: 3,
        figures: TEST,
        source: "about 0.88",
        note: "10 numbers, rate 0.5",
        ..NONE
    },
    Experiment {
        name: "imdb-ngrams-defaults",
        what: "the same, fastText's own defaults",
        example: "imdb-ngrams",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz --word-ngrams 1 --dim 100 --lr 0.1",
        seeds: 3,
        figures: TEST,
        source: "none",
        note: "words alone, 100 numbers, rate 0.1",
        ..NONE
    },
    Experiment {
        name: "imdb-self-training",
        what: "IMDB: naive Bayes weighted logistic regression that goes on to learn from its guesses",
        example: "imdb-self-training",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        seedless: true,
        figures: TEST,
        source: "none; NB-SVM on runs of two words: 0.9122 (Wang and Manning, 2012)",
        note: "tuned on parts of the training set, see [the tuning](results/imdb-self-training/tuning.md); the test set read once",
        ..NONE
    },
    Experiment {
        name: "imdb-glove",
        what: "IMDB: 200 reviews to train on, ready word vectors against vectors from scratch",
        example: "imdb-glove",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        seeds: 3,
        figures: &[
            ("ready vectors", "pretrained: validation accuracy "),
            ("from scratch", "scratch: validation accuracy "),
        ],
        source: "1,320,065 parameters; about 0.72, on validation reviews of unequal classes",
        note: "after the last epoch; CBOW vectors by Kiln on the reviews without a label in place of GloVe's, and classes of equal size",
        ..NONE
    },
    Experiment {
        name: "imdb-subword-bilstm",
        what: "IMDB: subwords, BiLSTM of 64, padded steps read as in the source",
        example: "imdb-subword-bilstm",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        figures: TEST,
        source: "598,209 parameters, test accuracy 0.8523",
        note: "the source validates on the test set; here 20,000 of the reviews train, the others choose the epoch, and the test set is read once; the subwords are learned, 8,186 of them where the source has 8,185",
        ..NONE
    },
    Experiment {
        name: "imdb-subword-bilstm-lengths",
        what: "the same with the valid span, and reviews of like length in a batch",
        example: "imdb-subword-bilstm",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz --lengths",
        figures: TEST,
        source: "none",
        ..NONE
    },
    Experiment {
        name: "nsmc",
        what: "NSMC: Korean film reviews, convolution and two BiLSTMs on each unit, 3 epochs; for each ids, steps, parameters, ms a step, validation and test accuracy",
        example: "nsmc",
        options: "--data DATA/nsmc --epochs 3",
        figures: &[
            ("jamo", "jamo "),
            ("syllables", "syllables "),
            ("subwords", "subwords "),
            ("words", "words "),
            ("test accuracy", "test accuracy "),
        ],
        source: "none",
        note: NSMC,
        ..NONE
    },
    Experiment {
        name: "nsmc-linear",
        what: "the same reviews by fastText's supervised model on runs of syllables",
        example: "nsmc",
        options: "--data DATA/nsmc --linear",
        seeds: 3,
        figures: TEST,
        source: "none",
        note: NSMC,
        ..NONE
    },
    Experiment {
        name: "compare-layers",
        what: "IMDB: one classifier with six kinds of layers; for each parameters, ms a step, validation accuracy, its epoch, test accuracy",
        example: "compare-layers",
        options: "--data DATA/imdb/aclImdb_v1.tar.gz",
        figures: &[
            ("SimpleRNN", "SimpleRNN "),
            ("LSTM", "LSTM "),
            ("GRU", "GRU "),
            ("BiLSTM", "Bidirectional LSTM "),
            ("Conv1D", "Conv1D, global max pooling "),
            ("flattened", "embedding alone, flattened "),
        ],
        source: "a tutorial's question: GRU or LSTM",
        ..NONE
    },
    Experiment {
        name: "product-simple-rnn",
        what: "product of two marked numbers, SimpleRNN",
        example: "product",
        options: "--layer simple-rnn",
        seeds: 3,
        figures: PRODUCT,
        source: "2,851 parameters",
        note: BATCH,
        ..NONE
    },
    Experiment {
        name: "product-lstm",
        what: "the same, LSTM",
        example: "product",
        options: "--layer lstm",
        seeds: 3,
        figures: PRODUCT,
        source: "11,311 parameters",
        note: BATCH,
        ..NONE
    },
    Experiment {
        name: "product-gru",
        what: "the same, GRU",
        example: "product",
        options: "--layer gru",
        seeds: 3,
        figures: PRODUCT,
        source: "8,671 parameters, validation loss 1.17e-4, 99.3 % right",
        note: BATCH,
        ..NONE
    },
    Experiment {
        name: "word2vec-toy",
        what: "CBOW with a softmax on one sentence",
        example: "word2vec-toy",
        seeds: 3,
        figures: &[("you _ goodbye", "you _ goodbye: ")],
        source: "the textbook: say",
        ..NONE
    },
    Experiment {
        name: "ptb-cbow",
        what: "Penn Treebank: CBOW by negative sampling, the textbook's settings",
        example: "ptb-cbow",
        options: "--corpus DATA/ptb/ptb.train.txt",
        figures: &[
            ("year", "year: "),
            ("toyota", "toyota: "),
            ("king : man = queen :", "king is to man as queen is to: "),
            ("take : took = go :", "take is to took as go is to: "),
            ("car : cars = child :", "car is to cars as child is to: "),
            ("good : better = bad :", "good is to better as bad is to: "),
        ],
        source: "the textbook prints nearest words and analogies of its own run",
        ..NONE
    },
    Experiment {
        name: "word2vec",
        what: "the same text by word2vec with its defaults (gensim's, but for CBOW's rate of 0.05): rank correlation with people's judgements of pairs, and the share of analogies that are right",
        example: "word2vec",
        options: "--corpus DATA/ptb/ptb.train.txt --eval DATA/eval",
        seeds: 3,
        figures: &[("WordSim-353", "wordsim353: "), ("SimLex-999", "simlex999: "), ("analogies", "analogies: ")],
        source: "none",
        ..NONE
    },
    Experiment {
        name: "count-vectors",
        what: "Penn Treebank: counts, PPMI, SVD",
        example: "count-vectors",
        features: "counts",
        options: "--corpus DATA/ptb/ptb.train.txt",
        trains: false,
        figures: WORDS,
        source: "the textbook prints nearest words of its own run",
        ..NONE
    },
    Experiment {
        name: "language-model-simple-rnn",
        what: "Penn Treebank, the first 1,000 words: SimpleRNN",
        example: "language-model",
        options: "--data DATA/ptb --model simple-rnn",
        seeds: 3,
        figures: &[("training perplexity", "training perplexity ")],
        source: "the textbook's curve falls below 10",
        ..NONE
    },
    Experiment {
        name: "language-model-lstm",
        what: "Penn Treebank: LSTM of 100, 4 epochs",
        example: "language-model",
        options: "--data DATA/ptb",
        figures: &[("test perplexity", "test perplexity ")],
        source: "test perplexity about 136",
        ..NONE
    },
    Experiment {
        name: "generate",
        what: "text that this model writes",
        example: "generate",
        options: "--artifact ARTIFACT --prompt investors --temperature 0.7 --top-p 0.9 --length 40",
        after: Some("language-model-lstm"),
        trains: false,
        figures: &[("investors", "investors ")],
        source: "none",
        ..NONE
    },
    Experiment {
        name: "gradients",
        what: "norm of the gradient by the states some steps back, of fresh layers and of this model",
        example: "gradients",
        options: "--artifact ARTIFACT",
        after: Some("language-model-lstm"),
        trains: false,
        figures: &[
            ("SimpleRNN", "SimpleRNN, recurrent kernel x 1: "),
            ("its kernel x 3", "SimpleRNN, recurrent kernel x 3: "),
            ("GRU", "GRU: "),
            ("LSTM", "LSTM: "),
            ("trained LSTM", "trained: language-model-lstm: "),
        ],
        source: "none",
        ..NONE
    },
    Experiment {
        name: "language-model-tied",
        what: "Penn Treebank: the same LSTM with tied weights, some dropout, smaller batches and a falling rate, 4 epochs",
        example: "language-model",
        options: "--data DATA/ptb --tied --dropout 0.1 --batch-size 10 --schedule linear",
        figures: &[("test perplexity", "test perplexity ")],
        source: "none",
        note: "chosen by validation perplexity; results/language-model-tied/tuning.md has what else was tried",
        ..NONE
    },
    Experiment {
        name: "language-model-tied-adaptive",
        what: "this model with a cache, and with dynamic evaluation: perplexity of the validation and test text",
        example: "language-model-evaluation",
        options: "--data DATA/ptb --artifact ARTIFACT --cache --theta 0.6,1 --dynamic --window 20 \
                  --learning-rate 0.0001,0.0003,0.001",
        after: Some("language-model-tied"),
        trains: false,
        figures: ADAPTIVE,
        source: "none",
        note: ONE_STREAM,
        ..NONE
    },
    Experiment {
        name: "language-model-characters",
        what: "Penn Treebank by characters: LSTM of 100, one epoch",
        example: "language-model",
        options: "--data DATA/ptb --characters --epochs 1",
        seeds: 3,
        figures: &[("test bits a character", "test bits a character ")],
        source: "none",
        ..NONE
    },
    Experiment {
        name: "language-model-characters-512",
        what: "the same characters: LSTM of 512, 25 minutes of training",
        example: "language-model",
        options: "--data DATA/ptb --characters --embedding 64 --hidden 512 --window 100 --batch-size 32 \
                  --optimizer adam --learning-rate 0.002 --clip 1 --dropout 0.1 --schedule cosine --minutes 25",
        figures: &[("test bits a character", "test bits a character ")],
        source: "none",
        note: "5.1 epochs, other work on the same machine meanwhile; the only options that were tried. The validation \
               loss of epoch 1 is high because some streams never leave the state that they begin with",
        ..NONE
    },
    Experiment {
        name: "language-model-better",
        what: "Penn Treebank: two LSTMs of 650, dropout, tied weights, 82 minutes of training",
        example: "language-model",
        options: "--data DATA/ptb --model better --schedule cosine --minutes 82",
        figures: &[("test perplexity", "test perplexity ")],
        source: "test perplexity about 76 after 40 epochs",
        note: "9.1 epochs, other work on the same machine in the first half; the textbook's settings and a cosine \
               schedule, without a search",
        ..NONE
    },
    Experiment {
        name: "language-model-better-adaptive",
        what: "this model with dynamic evaluation by plain gradient descent: perplexity of the validation and test text",
        example: "language-model-evaluation",
        options: "--data DATA/ptb --artifact ARTIFACT --dynamic --plain --window 20 --learning-rate 0.3,1",
        after: Some("language-model-better"),
        trains: false,
        figures: &[("as it is", "as it is "), ("dynamic evaluation", "dynamic evaluation ")],
        source: "none",
        note: ONE_STREAM,
        ..NONE
    },
    Experiment {
        name: "forecast",
        what: "a generated series, 12 steps ahead: mean absolute error",
        example: "forecast",
        seeds: 3,
        figures: &[
            ("naive", "naive: mean absolute error "),
            ("seasonal naive", "seasonal naive: mean absolute error "),
            ("GRU", "GRU: mean absolute error "),
            ("Conv1D", "Conv1D: mean absolute error "),
        ],
        source: "none",
        ..NONE
    },
];
