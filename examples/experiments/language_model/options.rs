//! The options of `language-model`.

use anyhow::{Result, ensure};
use clap::{Args, Parser, ValueEnum};
use kiln::models::{LanguageModelConfig, OutputLayer};
use kiln::prelude::*;
use kiln::train::{TextWindows, WeightAveraging};
use kiln_examples::running_text::TextArgs;
use kiln_examples::{Defaults, TrainingArgs};

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Architecture {
    SimpleRnn,
    Lstm,
    Gru,
    Better,
    Awd,
}

/// Train a language model
#[derive(Parser)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) text: TextArgs,
    /// The model and its settings
    #[arg(long, value_enum, default_value = "lstm")]
    pub(crate) model: Architecture,
    /// Predict characters instead of words
    #[arg(long)]
    pub(crate) characters: bool,
    /// Tokens in a window
    #[arg(long)]
    pub(crate) window: Option<usize>,
    /// Draw other lengths of the training windows in each epoch
    #[arg(long)]
    pub(crate) drawn_lengths: bool,
    /// Show the mean norm of each layer's gradients, and record them in the history
    #[arg(long)]
    pub(crate) gradient_norms: bool,
    #[command(flatten)]
    sizes: Sizes,
    #[command(flatten)]
    regularisers: Regularisers,
    #[command(flatten)]
    steps: Steps,
}

#[derive(Args)]
#[command(next_help_heading = "Sizes")]
struct Sizes {
    /// Width of the embedding
    #[arg(long)]
    embedding: Option<usize>,
    /// Width of each recurrent layer
    #[arg(long)]
    hidden: Option<usize>,
    /// Number of recurrent layers, all as wide as the model's last
    #[arg(long)]
    layers: Option<usize>,
    /// The embedding's table is also the kernel of the output; needs an embedding as wide as the last layer
    #[arg(long, conflicts_with = "adaptive")]
    tied: bool,
    /// An adaptive softmax whose clusters begin at these ids, such as 2000,6000
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    adaptive: Option<Vec<usize>>,
}

#[derive(Args)]
#[command(next_help_heading = "Regularisers")]
struct Regularisers {
    /// Dropout on the embeddings, between layers and before the output
    #[arg(long)]
    dropout: Option<f64>,
    /// Dropout on the embeddings, instead of --dropout
    #[arg(long)]
    input_dropout: Option<f64>,
    /// Dropout between layers, instead of --dropout; needs two layers
    #[arg(long)]
    hidden_dropout: Option<f64>,
    /// Dropout before the output, instead of --dropout
    #[arg(long)]
    output_dropout: Option<f64>,
    /// One mask for all steps of a window; needs one of the rates above
    #[arg(long)]
    locked_dropout: bool,
    /// Dropout of whole words
    #[arg(long)]
    embedding_dropout: Option<f64>,
    /// Dropout of weights from state to state
    #[arg(long)]
    weight_dropout: Option<f64>,
    /// Factor of the penalty on the last layer's outputs
    #[arg(long)]
    activation_penalty: Option<f64>,
    /// Factor of the penalty on their changes from step to step
    #[arg(long)]
    temporal_activation_penalty: Option<f64>,
    /// How fast weights decay, times the learning rate
    #[arg(long)]
    weight_decay: Option<f64>,
}

#[derive(Args)]
#[command(next_help_heading = "Steps")]
struct Steps {
    /// The optimizer, with Keras's defaults; sgd keeps the model's learning rate and weight decay
    #[arg(long, value_enum)]
    optimizer: Option<Rule>,
    /// The largest norm of all gradients together; larger ones are clipped
    #[arg(long)]
    clip: Option<f64>,
    /// How the learning rate changes from step to step; plateau keeps the best weights, the others the last
    #[arg(long, value_enum)]
    schedule: Option<Schedule>,
    /// Steps in which the learning rate rises from 0
    #[arg(long, value_name = "STEPS")]
    warm_up: Option<usize>,
    /// Average the weights: of the last third of the epochs (swa), or of all steps after validation stalls (asgd, from
    /// epoch 8 at the earliest). The best weights are kept
    #[arg(long, value_enum)]
    averaging: Option<Averaging>,
    /// Batches whose gradients are averaged for one step
    #[arg(long, value_name = "BATCHES")]
    accumulate: Option<usize>,
    /// End training after these minutes. A linear, cosine or one-cycle schedule ends with them, and a run that is
    /// resumed later has its last rate; --epochs is only a limit
    #[arg(long)]
    minutes: Option<f64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rule {
    Sgd,
    Adam,
    RmsProp,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Schedule {
    Constant,
    Linear,
    Cosine,
    /// Up to the learning rate and down again
    OneCycle,
    /// A quarter when validation does not improve, keeping the best weights
    Plateau,
}

#[derive(Clone, Copy, ValueEnum)]
enum Averaging {
    Swa,
    Asgd,
}

/// The settings of a model where no option overrides them.
pub(crate) struct Settings {
    pub(crate) defaults: Defaults,
    pub(crate) config: LanguageModelConfig,
    pub(crate) window: usize,
    /// Whether the training windows have drawn lengths.
    pub(crate) drawn_lengths: bool,
    clip: Option<f64>,
    /// The largest number of words of the text that are read.
    pub(crate) words: Option<usize>,
    schedule: Option<Schedule>,
    averaging: Option<Averaging>,
}

impl Architecture {
    pub(crate) fn settings(self, vocab: usize) -> Settings {
        let rate = |rate| Optimizer::sgd().learning_rate(rate);
        let defaults = |name, epochs| Defaults::new(name, rate(20.0)).epochs(epochs).fast_epochs(2).batch_size(20);
        let config = LanguageModelConfig::new(vocab);
        let lstm = Settings {
            defaults: defaults("language-model-lstm", 4),
            config: config.clone(),
            window: 35,
            drawn_lengths: false,
            clip: Some(0.25),
            words: None,
            schedule: None,
            averaging: None,
        };
        match self {
            Self::Lstm => lstm,
            Self::Gru => Settings {
                defaults: defaults("language-model-gru", 4),
                config: config.kind(RecurrentKind::Gru),
                ..lstm
            },
            Self::SimpleRnn => Settings {
                defaults: Defaults {
                    batch_size: 10,
                    optimizer: rate(0.1),
                    ..defaults("language-model-simple-rnn", 100)
                },
                config: config.kind(RecurrentKind::SimpleRnn),
                window: 5,
                clip: None,
                words: Some(1_000),
                ..lstm
            },
            Self::Better => Settings {
                defaults: defaults("language-model-better", 40),
                config: config.d_embedding(650).d_hidden(vec![650, 650]).dropout(0.5).output(OutputLayer::Tied),
                schedule: Some(Schedule::Plateau),
                ..lstm
            },
            // The published settings for the Penn Treebank; widths of 1,150 take days on 2 cores.
            Self::Awd => Settings {
                defaults: Defaults {
                    optimizer: rate(30.0).weight_decay(1.2e-6),
                    ..defaults("language-model-awd", 500)
                },
                config: config
                    .d_embedding(400)
                    .d_hidden(vec![1_150, 1_150, 400])
                    .output(OutputLayer::Tied)
                    .input_dropout(0.4)
                    .hidden_dropout(0.25)
                    .output_dropout(0.4)
                    .locked_dropout(true)
                    .embedding_dropout(0.1)
                    .weight_dropout(0.5)
                    .activation_penalty(2.0)
                    .temporal_activation_penalty(1.0),
                window: 70,
                drawn_lengths: true,
                averaging: Some(Averaging::Asgd),
                ..lstm
            },
        }
    }
}

impl Options {
    /// The model's configuration: `config`, with the options that are given.
    ///
    /// # Errors
    ///
    /// An option would have no effect.
    pub(crate) fn config(&self, mut config: LanguageModelConfig) -> Result<LanguageModelConfig> {
        let (sizes, given) = (&self.sizes, &self.regularisers);
        let narrow = |width: usize| if self.training.fast { width.min(64) } else { width };
        config.d_embedding = sizes.embedding.unwrap_or(narrow(config.d_embedding));
        let hidden = |width: usize| sizes.hidden.unwrap_or(narrow(width));
        config.d_hidden.iter_mut().for_each(|width| *width = hidden(*width));
        if let Some(layers) = sizes.layers {
            let width = config.d_hidden.last().copied().unwrap_or(config.d_embedding);
            config.d_hidden = vec![width; layers];
        }
        if sizes.tied {
            config.output = OutputLayer::Tied;
        }
        if let Some(cutoffs) = &sizes.adaptive {
            config.output = OutputLayer::Adaptive { cutoffs: cutoffs.clone(), div_value: 4.0 };
        }
        if let Some(rate) = given.dropout {
            // For all places, also those for which the model's settings have another rate.
            config.dropout = rate;
            (config.input_dropout, config.hidden_dropout, config.output_dropout) = (None, None, None);
        }
        config.input_dropout = given.input_dropout.or(config.input_dropout);
        config.hidden_dropout = given.hidden_dropout.or(config.hidden_dropout);
        config.output_dropout = given.output_dropout.or(config.output_dropout);
        config.locked_dropout |= given.locked_dropout;
        for (option, value) in [
            (given.embedding_dropout, &mut config.embedding_dropout),
            (given.weight_dropout, &mut config.weight_dropout),
            (given.activation_penalty, &mut config.activation_penalty),
            (given.temporal_activation_penalty, &mut config.temporal_activation_penalty),
        ] {
            *value = option.unwrap_or(*value);
        }
        let has_place = given.hidden_dropout.is_none() || config.d_hidden.len() > 1;
        ensure!(has_place, "--hidden-dropout is between layers, but there is one: use --layers 2, or --output-dropout");
        let mut rates = [config.input_dropout, config.hidden_dropout, config.output_dropout].into_iter();
        let has_rate = rates.any(|rate| rate.unwrap_or(config.dropout) > 0.0);
        ensure!(!given.locked_dropout || has_rate, "--locked-dropout needs a rate, such as --dropout 0.1");
        Ok(config)
    }

    /// The training text in windows.
    ///
    /// # Errors
    ///
    /// The text is too short.
    pub(crate) fn windows(&self, ids: Vec<u32>, streams: usize, settings: &Settings) -> Result<TextWindows> {
        let windows = TextWindows::new(ids, streams, self.window.unwrap_or(settings.window))?;
        Ok(if self.drawn_lengths || settings.drawn_lengths { windows.drawn_lengths() } else { windows })
    }

    /// The trainer, with what the options and settings say about its steps.
    ///
    /// # Errors
    ///
    /// The last third of the epochs is to be averaged, and the number of epochs is not given; there are too few epochs
    /// for the average of all steps.
    pub(crate) fn trainer<M: Trainable>(&self, settings: &Settings) -> Result<Trainer<M>> {
        let (training, steps, mut defaults) = (&self.training, &self.steps, settings.defaults);
        defaults.optimizer = match steps.optimizer {
            None => defaults.optimizer,
            Some(Rule::Sgd) => defaults.optimizer,
            Some(Rule::Adam) => Optimizer::adam(),
            Some(Rule::RmsProp) => Optimizer::rms_prop(),
        };
        if let Some(decay) = self.regularisers.weight_decay {
            defaults.optimizer = defaults.optimizer.weight_decay(decay);
        }
        // With a time limit, the number of epochs must not be what ends the run.
        if steps.minutes.is_some() {
            defaults.epochs = defaults.epochs.max(1_000);
            defaults.fast_epochs = defaults.epochs;
        }
        let mut trainer = training.trainer(&defaults).perplexity();
        if let Some(clip) = steps.clip.or(settings.clip) {
            trainer = trainer.clip_norm(clip);
        }
        if self.gradient_norms {
            trainer = trainer.gradient_norms();
        }
        let rate = training.learning_rate.unwrap_or(defaults.optimizer.rate());
        let schedule = match steps.schedule.or(settings.schedule) {
            Some(Schedule::Plateau) => {
                let plateau = ReduceLrOnPlateau::on(Monitor::ValidLoss).factor(0.25).patience(1).min_delta(0.0);
                trainer = trainer.reduce_lr_on_plateau(plateau);
                steps.warm_up.map(|_| LearningRateSchedule::constant())
            }
            Some(Schedule::Linear) => Some(LearningRateSchedule::linear()),
            Some(Schedule::Cosine) => Some(LearningRateSchedule::cosine()),
            Some(Schedule::OneCycle) => Some(LearningRateSchedule::one_cycle(rate)),
            Some(Schedule::Constant) | None => steps.warm_up.map(|_| LearningRateSchedule::constant()),
        };
        if let Some(schedule) = schedule {
            trainer = trainer.callback(schedule.warm_up(steps.warm_up.unwrap_or(0)));
        }
        let epochs = training.epochs.unwrap_or(if training.fast { defaults.fast_epochs } else { defaults.epochs });
        match steps.averaging.or(settings.averaging) {
            Some(Averaging::Swa) => {
                let is_known = steps.minutes.is_none() || training.epochs.is_some();
                ensure!(is_known, "--averaging swa with --minutes needs --epochs: it averages their last third");
                trainer = trainer.weight_averaging(WeightAveraging::swa(epochs - epochs.div_ceil(3) + 1));
            }
            Some(Averaging::Asgd) => {
                let least = 8;
                // A short run of a model whose settings average weights is for trying it out.
                let is_long = steps.averaging.is_none() || epochs >= least;
                ensure!(is_long, "--averaging asgd begins in epoch {least} at the earliest, but --epochs is {epochs}");
                trainer = trainer.weight_averaging(WeightAveraging::asgd());
            }
            None => {}
        }
        let averaging = steps.averaging.or(settings.averaging);
        if steps.schedule.or(settings.schedule) == Some(Schedule::Plateau) || averaging.is_some() {
            trainer = trainer.save_best(Monitor::ValidLoss);
        }
        if let Some(batches) = steps.accumulate {
            trainer = trainer.gradient_accumulation_steps(batches);
        }
        if let Some(minutes) = steps.minutes {
            trainer = trainer.max_minutes(minutes);
        }
        Ok(trainer)
    }
}
