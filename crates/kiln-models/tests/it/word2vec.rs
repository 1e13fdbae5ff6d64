//! word2vec: corpora, vocabularies, training that is the same with any number of threads and continues where it
//! stopped, and the module that computes the same steps as the fast path.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use kiln_kernels::RandomKey;
use kiln_kernels::word2vec::{Prediction, WindowBatch, WindowSampler, WordTables, Workspace};
use kiln_models::weights::{weights_of, with_weights};
use kiln_models::word2vec::{
    Architecture, Context, ContextRow, Contexts, Corpus, NegativeSamplingConfig, Updates, Word2Vec, Word2VecConfig,
};
use kiln_models::{Error, Head, Model, Targets};

use crate::devices;
use crate::odd_files::{self, Cell};

/// Sentences in which colours are near fruit and numbers near tools.
pub(crate) fn sentences(count: usize) -> Vec<Vec<String>> {
    let draws = RandomKey::new(8).uniform(count * 4);
    let pick = |words: &[&str], draw: f32| words[(draw * words.len() as f32) as usize].to_owned();
    draws
        .chunks(4)
        .map(|draw| {
            if draw[0] < 0.5 {
                let (colours, fruits) = (["red", "green", "yellow"], ["apple", "pear", "plum", "lemon"]);
                vec![pick(&colours, draw[1]), pick(&fruits, draw[2]), pick(&colours, draw[3]), "tree".to_owned()]
            } else {
                let (numbers, tools) = (["one", "two", "three"], ["saw", "hammer", "drill", "file"]);
                vec![pick(&numbers, draw[1]), pick(&tools, draw[2]), pick(&numbers, draw[3]), "bench".to_owned()]
            }
        })
        .collect()
}

fn config() -> Word2VecConfig {
    Word2VecConfig::new().vector_size(12).min_count(1).epochs(3).sample(0.0).alpha(0.05)
}

fn trained(config: &Word2VecConfig, corpus: &Corpus) -> Word2Vec {
    let mut model = Word2Vec::new(config, corpus).unwrap();
    model.train(corpus, |_| ControlFlow::Continue(())).unwrap();
    model
}

pub(crate) fn text(sentences: &[Vec<String>]) -> String {
    sentences.iter().map(|words| words.join(" ") + "\n").collect()
}

#[test]
fn words_that_stand_alike_come_near_each_other() {
    for architecture in [Architecture::Cbow, Architecture::SkipGram] {
        let corpus = Corpus::sentences(sentences(4_000));
        let model = trained(&config().architecture(architecture).epochs(10), &corpus);
        let vectors = model.vectors().unwrap();
        let near = |a, b| vectors.similarity(a, b).unwrap();
        assert!(near("apple", "pear") > near("apple", "saw") + 0.3, "{architecture:?}");
        assert!(near("hammer", "drill") > near("hammer", "lemon") + 0.3, "{architecture:?}");
        let losses = model.losses();
        assert_eq!(losses.len(), 10);
        assert!(losses[9] < losses[0], "{architecture:?}: {losses:?}");
    }
}

#[test]
fn ordered_updates_are_the_same_with_any_number_of_threads() {
    let corpus = Corpus::sentences(sentences(6_000));
    for architecture in [Architecture::Cbow, Architecture::SkipGram] {
        let run = |workers: usize| {
            let config = config().architecture(architecture).updates(Updates::Ordered).workers(workers);
            trained(&config, &corpus)
        };
        let one = run(1);
        for workers in [2, 3, 8] {
            let other = run(workers);
            assert_eq!(one.tables().input(), other.tables().input(), "{workers}");
            assert_eq!(one.tables().output(), other.tables().output(), "{workers}");
            assert_eq!(one.losses(), other.losses(), "{workers}");
        }
        let other_seed = trained(&config().architecture(architecture).workers(1).seed(2), &corpus);
        assert_ne!(one.tables().input(), other_seed.tables().input());
    }
}

#[test]
fn a_training_that_was_stopped_and_saved_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let corpus = Corpus::sentences(sentences(300));
    let config = config().updates(Updates::Ordered).workers(2);
    let whole = trained(&config, &corpus);

    let mut model = Word2Vec::new(&config, &corpus).unwrap();
    let mut stops = 0;
    loop {
        // Each call breaks off when the observer is first called.
        let is_over = model.train(&corpus, |_| ControlFlow::Break(())).unwrap();
        if is_over {
            break;
        }
        stops += 1;
        model.save(&path).unwrap();
        model = Word2Vec::load(&path).unwrap();
    }
    assert!(stops > 10, "{stops}");
    assert_eq!(model.tables().input(), whole.tables().input());
    assert_eq!(model.losses(), whole.losses());
    assert!(model.vocabulary().words().eq(whole.vocabulary().words()));
    assert_eq!(model.vocabulary().counts(), whole.vocabulary().counts());
}

#[test]
fn racing_threads_learn_and_see_every_word() {
    let corpus = Corpus::sentences(sentences(6_000));
    let mut model = Word2Vec::new(&config().workers(4), &corpus).unwrap();
    let mut seen = 0;
    let is_over = model.train(&corpus, |progress| {
        assert!(progress.alpha <= 0.05 && progress.alpha >= 1e-4 && progress.total_words == 24_000, "{progress:?}");
        seen = seen.max(progress.words);
        ControlFlow::Continue(())
    });
    assert!(is_over.unwrap());
    assert!(seen > 0 && seen <= 24_000, "{seen}");
    assert!(model.losses()[2] < model.losses()[0]);
}

#[test]
fn files_plain_and_gzip_give_what_sentences_in_memory_give() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (sentences(500), sentences(900)[500..].to_vec());
    let plain = folder.path().join("first.txt");
    std::fs::write(&plain, text(&first).replace('\n', "\r\n")).unwrap();
    let gzip = folder.path().join("second.txt.gz");
    let mut encoder = flate2::write::GzEncoder::new(std::fs::File::create(&gzip).unwrap(), flate2::Compression::fast());
    encoder.write_all(text(&second).trim_end().as_bytes()).unwrap();
    encoder.finish().unwrap();

    let files = Corpus::files([&plain, &gzip]).unwrap().vocabulary(1).unwrap();
    let memory = Corpus::sentences(first.into_iter().chain(second)).vocabulary(1).unwrap();
    assert!(files.words().eq(memory.words()));
    assert_eq!(files.counts(), memory.counts());
    assert_eq!(files.raw_words(), 3_600);
}

#[test]
fn a_vocabulary_is_sorted_by_count_and_first_place() {
    let corpus = Corpus::sentences([vec!["b", "a", "c"], vec!["c", "b", "rare"], vec!["a", "z", "z"]]);
    let vocabulary = corpus.vocabulary(2).unwrap();
    assert!(vocabulary.words().eq(["b", "a", "c", "z"]));
    assert_eq!(vocabulary.counts(), [2, 2, 2, 2]);
    assert_eq!(vocabulary.raw_words(), 9);
    assert_eq!((vocabulary.index("c"), vocabulary.index("rare")), (Some(2), None));
}

#[test]
fn lines_longer_than_a_block_are_cut_between_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one line.txt");
    // 2.4 MB without a line's end, in blocks of 16 KiB.
    let words: Vec<String> = (0..400_000).map(|n| format!("w{:04}", n * 7 % 1_000)).collect();
    std::fs::write(&path, words.join(" ")).unwrap();
    let vocabulary = Corpus::files([&path]).unwrap().vocabulary(1).unwrap();
    assert_eq!((vocabulary.len(), vocabulary.raw_words()), (1_000, 400_000));
    assert!(vocabulary.counts().iter().all(|&count| count == 400));
    // One word, longer than any block.
    std::fs::write(&path, format!("a b {}", "x".repeat(300_000))).unwrap();
    assert_eq!(Corpus::files([&path]).unwrap().vocabulary(1).unwrap().words().nth(2).unwrap().len(), 300_000);
}

fn message<T>(result: Result<T, Error>) -> String {
    result.err().map_or_else(|| "no error".to_owned(), |error| error.to_string())
}

#[test]
fn a_corpus_in_every_guise_is_read_or_named() {
    let words = |text: &str| Cell::Reads(text.split(' ').map(str::to_owned).collect());
    odd_files::check(
        "corpus.txt",
        "you say goodbye\nand i say hello\n",
        false,
        |what| match what {
            "CR" => Cell::Same,
            "NUL" => words("say you goodbye a\0nd i hello"),
            "one line" => words("you say goodbye"),
            "Latin-1" => Cell::Says("UTF-8"),
            _ => words("<!DOCTYPE html> <html><body>404</body></html>"),
        },
        |path| {
            let vocabulary = Corpus::files([path]).and_then(|corpus| corpus.vocabulary(1));
            let vocabulary = vocabulary.map_err(|error| match error {
                // The message is for all files together.
                Error::EmptyCorpus { .. } => format!("{}: {error}", path.display()),
                error => error.to_string(),
            })?;
            Ok(vocabulary.words().map(str::to_owned).collect::<Vec<_>>())
        },
    );
}

#[test]
fn a_training_that_drops_every_word_is_an_error() {
    let corpus = Corpus::sentences([["you", "say", "goodbye"], ["i", "say", "hello"]]);
    let mut model = Word2Vec::new(&config().min_count(1).sample(1e-9), &corpus).unwrap();
    let error = message(model.train(&corpus, |_| ControlFlow::Continue(())));
    assert!(error.contains("no word was trained on") && error.contains("set `sample` to 0"), "{error}");
}

#[test]
fn bad_corpora_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    let fit = |path: &Path| message(Corpus::files([path]).and_then(|corpus| Word2Vec::new(&config(), &corpus)));

    assert!(fit(&folder.path().join("nowhere.txt")).contains("nowhere.txt"));
    assert!(fit(folder.path()).contains("directory"), "{}", fit(folder.path()));
    std::fs::write(&path, "").unwrap();
    assert!(fit(&path).contains("no word"), "{}", fit(&path));
    std::fs::write(&path, "one one one\n").unwrap();
    assert!(fit(&path).contains("two words"), "{}", fit(&path));
    std::fs::write(&path, b"fine words\nthen \xFF\n").unwrap();
    assert!(fit(&path).contains("byte 16") && fit(&path).contains("text.txt"), "{}", fit(&path));
    std::fs::write(&path, "a b c a b\n").unwrap();
    let rare = message(Word2Vec::new(&config().min_count(5), &Corpus::files([&path]).unwrap()));
    assert!(rare.contains("min_count") && rare.contains('5') && rare.contains('3'), "{rare}");
    let gzip = folder.path().join("text.gz");
    std::fs::write(&gzip, "plain text under another name\n").unwrap();
    assert_eq!(fit(&gzip), "no error");
    std::fs::write(&gzip, b"\x1f\x8b\x08 and then something else").unwrap();
    assert!(fit(&gzip).contains("text.gz"), "{}", fit(&gzip));
    assert!(message(Corpus::files::<&Path>([])).contains("at least one"), "{}", message(Corpus::files::<&Path>([])));
}

#[test]
fn another_corpus_than_the_one_counted_is_refused() {
    let (counted, shorter) = (Corpus::sentences(sentences(300)), Corpus::sentences(sentences(200)));
    for workers in [1, 2] {
        let mut model = Word2Vec::new(&config().workers(workers), &counted).unwrap();
        let message = message(model.train(&shorter, |_| ControlFlow::Continue(())));
        assert!(message.contains("1200") && message.contains("800"), "{message}");
    }
}

#[test]
fn bad_options_are_named() {
    let corpus = Corpus::sentences([["a", "b"]]);
    for (config, name) in [
        (config().window(0), "window"),
        (config().vector_size(0), "vector_size"),
        (config().negative(0), "negative"),
        (config().epochs(0), "epochs"),
        (config().sample(-1.0), "sample"),
        (config().sample(f64::NAN), "sample"),
        (config().alpha(f64::NAN), "alpha"),
        (config().alpha(0.0), "alpha"),
        (config().min_alpha(1.0), "min_alpha"),
        (config().ns_exponent(f64::INFINITY), "ns_exponent"),
        (config().window(usize::MAX), "window"),
        (config().vector_size(usize::MAX), "vector_size"),
        (config().workers(usize::MAX), "workers"),
    ] {
        let message = message(Word2Vec::new(&config, &corpus));
        assert!(message.contains(name), "{name}: {message}");
    }
}

#[test]
fn a_training_that_diverges_says_so() {
    let corpus = Corpus::sentences(sentences(400));
    for updates in [Updates::Racing, Updates::Ordered] {
        let config = config().alpha(1e30).updates(updates).workers(2);
        let mut model = Word2Vec::new(&config, &corpus).unwrap();
        let message = message(model.train(&corpus, |_| ControlFlow::Continue(())));
        assert!(message.contains("epoch 1") && message.contains("alpha"), "{message}");
    }
}

/// On a CPU backend, a device sums the gradients of a batch's windows; here it only has to learn and to count.
#[test]
fn a_device_trains_goes_on_and_sees_every_word() {
    let corpus = Corpus::sentences(sentences(300));
    for (backend, device) in devices::all() {
        let config = config().alpha(0.005);
        let mut model = Word2Vec::new(&config, &corpus).unwrap();
        // Broken off after the first block, the epoch continues from there.
        assert!(!model.train_epoch(&corpus, Some(&device), |_| ControlFlow::Break(())).unwrap(), "{backend}");
        while model.epochs_done() < config.epochs {
            model.train_epoch(&corpus, Some(&device), |_| ControlFlow::Continue(())).unwrap();
        }
        let losses = model.losses();
        assert_eq!(losses.len(), config.epochs, "{backend}");
        assert!(losses[0] > *losses.last().unwrap() && losses[0].is_finite(), "{backend}: {losses:?}");
        assert!(
            model.train_epoch(&corpus, Some(&device), |_| ControlFlow::Continue(())).unwrap(),
            "{backend}: the training is finished"
        );
    }
}

#[test]
#[cfg(feature = "wgpu")]
fn a_device_that_cannot_hold_the_tables_leaves_the_vectors_as_they_were() {
    let limited = crate::own_device::own_device(|limits| {
        limits.max_storage_buffer_binding_size = 8 << 20;
        limits.max_buffer_size = 8 << 20;
    });
    let Some((device, _)) = limited else { return crate::skips::no_adapter() };
    // 40 rows of 65,536 numbers are 10 MiB.
    let words: Vec<String> = (0..40).map(|n| format!("word{n}")).collect();
    let corpus = Corpus::sentences(words.chunks(8).map(<[String]>::to_vec).collect::<Vec<_>>());
    let mut model = Word2Vec::new(&config().vector_size(65_536), &corpus).unwrap();
    let before = model.vectors().unwrap();
    let message = message(model.train_epoch(&corpus, Some(&device), |_| ControlFlow::Continue(())));
    assert!(message.contains("can't allocate buffer") && message.contains("another device"), "{message}");
    assert_eq!(model.vectors().unwrap().vector("word7").unwrap(), before.vector("word7").unwrap());
    model.train(&corpus, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(model.epochs_done(), 3);
}

#[test]
fn a_racing_training_that_was_stopped_goes_on_and_sees_every_word() {
    let corpus = Corpus::sentences(sentences(6_000));
    let mut model = Word2Vec::new(&config().workers(3), &corpus).unwrap();
    assert!(!model.train(&corpus, |_| ControlFlow::Break(())).unwrap());
    // A finished epoch has seen as many words as were counted, or it is an error.
    model.train(&corpus, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(model.epochs_done(), 3);
}

#[test]
fn a_training_goes_on_with_its_own_corpus_alone() {
    let corpus = Corpus::sentences(sentences(6_000));
    let mut model = Word2Vec::new(&config().workers(1), &corpus).unwrap();
    assert!(!model.train(&corpus, |_| ControlFlow::Break(())).unwrap());
    let message = message(model.train(&Corpus::sentences(sentences(4)), |_| ControlFlow::Continue(())));
    assert!(message.contains("24000"), "{message}");
}

#[test]
fn more_epochs_go_on_where_a_training_ended_and_none_is_refused() {
    let corpus = Corpus::sentences(sentences(50));
    let mut model = trained(&config(), &corpus);
    model.set_epochs(5).unwrap();
    model.train(&corpus, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(model.losses().len(), 5);
    assert!(model.set_epochs(0).is_err());
}

#[test]
fn a_device_keeps_no_order() {
    let corpus = Corpus::sentences(sentences(50));
    let mut model = Word2Vec::new(&config().updates(Updates::Ordered), &corpus).unwrap();
    let device = devices::all().swap_remove(0).1;
    let message = message(model.train_epoch(&corpus, Some(&device), |_| ControlFlow::Continue(())));
    assert!(message.contains("updates") && message.contains("found `Updates::Ordered`"), "{message}");
}

#[test]
fn the_same_state_is_the_same_file() {
    let model = trained(&config(), &Corpus::sentences(sentences(50)));
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str| {
        let path = folder.path().join(name);
        model.save(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    assert_eq!(save("a"), save("b"));
}

#[test]
fn damaged_states_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let corpus = Corpus::sentences(sentences(50));
    trained(&config(), &corpus).save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    for bytes in [&good[..0], &good[..good.len() / 2], b"{}"] {
        std::fs::write(&path, bytes).unwrap();
        let message = message(Word2Vec::load(&path));
        assert!(message.contains("state.safetensors"), "{message}");
    }
    // The same file with some bytes of its header, or of its words, changed.
    let altered = |from: &str, to: &str| {
        let place = good.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        message(Word2Vec::load(&path))
    };
    for (from, to, named) in [
        ("kiln-word2vec", "kiln-wordless", "kiln-word2vec"),
        ("\\\"epoch\\\":3", "\\\"epoch\\\":9", "a valid position"),
        ("saw", "two", "all words different"),
    ] {
        let message = altered(from, to);
        assert!(message.contains("state.safetensors") && message.contains(named), "{message}");
    }
    assert!(message(Word2Vec::load(folder.path().join("none"))).contains("none"));
    std::fs::write(&path, good).unwrap();
    let failures = crate::damage::not_refused(&path, |path| Word2Vec::load(path).map(drop));
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn new_text_brings_new_words_and_keeps_the_old_ones_vectors() {
    let corpus = Corpus::sentences(sentences(300));
    let mut model = trained(&config().min_count(2), &corpus);
    let (words, input) = (model.vocabulary().words().map(str::to_owned).collect::<Vec<_>>(), model.tables().input());
    let before = model.vocabulary().counts()[0];
    let new = Corpus::sentences([["blue", "apple", "blue"], ["rare", "apple", words[0].as_str()]]);
    model.add_corpus(&new).unwrap();
    assert!(model.vocabulary().words().take(words.len()).eq(&words));
    assert!(model.vocabulary().words().skip(words.len()).eq(["blue"]));
    assert_eq!(model.vocabulary().counts()[0], before + 1 + u64::from(words[0] == "apple") * 2);
    assert_eq!(model.tables().input()[..input.len()], input[..]);
    assert_eq!(model.epochs_done(), 0);
    model.train(&new, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(model.epochs_done(), 3);
    assert_ne!(model.tables().input()[..input.len()], input[..]);
    let unknown = Corpus::sentences([["never", "seen"]]);
    assert!(message(model.add_corpus(&unknown)).contains("min_count"), "{}", message(model.add_corpus(&unknown)));
}

/// One step of stochastic gradient descent: autodiff on the module, and the kernel's update.
#[test]
fn the_fast_path_makes_the_step_that_autodiff_makes() {
    let counts = vec![3, 2, 5, 1, 4, 2, 2];
    let mut batch = WindowBatch::default();
    let sampler = WindowSampler::new(&counts, 3, true, 4, 0.0, 0.75);
    sampler.draw(&[1, 4, 0, 6, 2, 2, 5], &mut RandomKey::new(1).generator(), &mut batch);
    for (backend, device) in devices::all() {
        for (architecture, context, prediction) in [
            (Architecture::Cbow, Context::Mean, Prediction::CbowMean),
            (Architecture::Cbow, Context::Sum, Prediction::CbowSum),
            (Architecture::SkipGram, Context::Mean, Prediction::SkipGram),
        ] {
            for (n, window) in batch.windows.iter().enumerate() {
                let one = WindowBatch {
                    ids: batch.ids.clone(),
                    windows: vec![*window],
                    negatives: batch.negatives[4 * n..][..4].to_vec(),
                };
                let draws = |name| -> Vec<f32> {
                    RandomKey::new(2).child(name).uniform(7 * 9).iter().map(|x| x - 0.5).collect()
                };
                let (input, output) = (draws("input"), draws("output"));
                let mut tables = WordTables::new(&input, &output, 9);
                let sum = tables.update(&one, prediction, 0.1, &mut Workspace::default());

                let config = NegativeSamplingConfig::new(counts.clone()).vector_size(9).negative(4).context(context);
                let model = config.init(&device, 0).unwrap();
                let mut weights = weights_of(&model);
                weights.get_mut("input.table").unwrap().values = input;
                weights.get_mut("output.table").unwrap().values = output;
                let model = with_weights(model, weights).unwrap();
                let training = device.clone().autodiff();
                let rows = ContextRow::of(&one, architecture);
                let contexts = Contexts::new(rows.iter(), &training);
                let words: Vec<i32> = (rows.iter())
                    .flat_map(|row| [row.centre].into_iter().chain(one.negatives.iter().copied()))
                    .map(|word| word as i32)
                    .collect();
                let words = Tensor::<2, Int>::from_data(TensorData::new(words, [rows.len(), 5]), &training);
                let trained = burn::module::Module::train(model.clone());
                let targets = Targets::Classes(Tensor::zeros([rows.len()], &training));
                let loss = Head::NegativeSampling(4).loss(trained.scores(&contexts, words), &targets);
                let gradients = GradientsParams::from_grads(loss.backward(), &trained);
                // The module's loss is the mean over the rows, the kernel's gradient that of the sum.
                let rate = 0.1 * rows.len() as f32;
                let loss = f64::from(loss.into_scalar::<f32>()) * rows.len() as f64;
                assert!((loss - sum.sum).abs() < 1e-4, "{backend}: {loss} {sum:?}");
                for (table, after) in [(&trained.input.table, tables.input()), (&trained.output.table, tables.output())]
                {
                    let gradient = gradients.get::<2>(table.id).unwrap().into_data().try_to_vec::<f32>().unwrap();
                    let before = table.val().into_data().try_to_vec::<f32>().unwrap();
                    for ((before, gradient), after) in before.iter().zip(gradient).zip(after) {
                        let expected = before - rate * gradient;
                        assert!((after - expected).abs() < 1e-5, "{backend}, {prediction:?}: {after} {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn modules_have_the_shapes_that_their_heads_name() {
    for (_, device) in devices::all() {
        let model = NegativeSamplingConfig::new(vec![1; 20]).vector_size(6).init(&device, 1).unwrap();
        let rows = [ContextRow { words: vec![1, 2, 3], centre: 4 }, ContextRow { words: vec![5], centre: 6 }];
        let contexts = Contexts::new(rows.iter(), &device);
        let outputs = model.forward(&contexts, &kiln_models::Pass::Inference);
        assert_eq!(outputs.dims(), [2, 6]);
        assert_eq!(model.head().outputs(), 6);
        assert_eq!(model.summary().total(), 2 * 20 * 6);
    }
    assert!(NegativeSamplingConfig::new(vec![1, 0]).init(&devices::all().swap_remove(0).1, 1).is_err());
}
