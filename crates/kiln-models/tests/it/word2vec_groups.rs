//! word2vec over a group: every rank ends with the same words and vectors, any number of ranks continues a training, and
//! ranks that differ are named.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_group::{Group, Launch};
use kiln_models::Error;
use kiln_models::word2vec::{Architecture, Corpus, Updates, Word2Vec, Word2VecConfig};

use crate::word2vec::{sentences, text};

fn config() -> Word2VecConfig {
    Word2VecConfig::new().vector_size(12).min_count(1).epochs(3).sample(0.0).alpha(0.05).workers(1).sync_words(600)
}

fn files(folder: &Path) -> [PathBuf; 2] {
    let all = sentences(6_000);
    let paths = ["first.txt", "second.txt"].map(|name| folder.join(name));
    std::fs::write(&paths[0], format!("\u{feff}{}", text(&all[..3_500]).replace('\n', "\r\n"))).unwrap();
    std::fs::write(&paths[1], text(&all[3_500..])).unwrap();
    paths
}

fn over<T: Send>(ranks: usize, work: impl Fn(&dyn Group) -> Result<T, Error> + Sync) -> Vec<T> {
    Launch::new().threads(ranks, work).into_iter().collect::<Result<_, _>>().unwrap()
}

fn go(_: &kiln_models::word2vec::Word2VecProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The two tables, and the losses of the epochs.
type Trained = (Vec<f32>, Vec<f32>, Vec<f64>);

/// Trains to the end.
fn train(model: &mut Word2Vec, group: &dyn Group, corpus: &Corpus) -> Result<Trained, Error> {
    while model.epochs_done() < model.config().epochs {
        model.train_epoch_over(group, corpus, go)?;
    }
    Ok((model.tables().input(), model.tables().output(), model.losses().to_vec()))
}

#[test]
fn any_number_of_ranks_counts_the_words_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let line = folder.path().join("line.txt");
    std::fs::write(&line, text(&sentences(6_000)).replace('\n', " ")).unwrap();
    let files = files(folder.path());
    let corpora = [Corpus::files(files).unwrap(), Corpus::files([line]).unwrap(), Corpus::sentences(sentences(700))];
    for corpus in corpora {
        let single = Word2Vec::new(&config(), &corpus).unwrap();
        for ranks in 1..6 {
            for model in over(ranks, |group| Word2Vec::new_over(group, &config(), &corpus)) {
                let (own, all) = (model.vocabulary(), single.vocabulary());
                assert!(own.words().eq(all.words()) && own.counts() == all.counts(), "{ranks}");
                assert_eq!(own.raw_words(), all.raw_words());
                assert_eq!(model.tables().input(), single.tables().input());
            }
        }
    }
}

#[test]
fn all_ranks_end_with_the_same_vectors_which_have_learned() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Corpus::files(files(folder.path())).unwrap();
    for architecture in [Architecture::Cbow, Architecture::SkipGram] {
        let config = config().architecture(architecture).epochs(8);
        for ranks in [2, 3, 4] {
            let run = || {
                over(ranks, |group| {
                    let mut model = Word2Vec::new_over(group, &config, &corpus)?;
                    let numbers = train(&mut model, group, &corpus)?;
                    Ok((numbers, model.vectors()?))
                })
            };
            let ends = run();
            let (numbers, vectors) = &ends[0];
            assert!(ends.iter().all(|(other, _)| other == numbers), "{ranks}");
            // A rank of one thread has no races.
            assert!(run().iter().all(|(other, _)| other == numbers), "{ranks}");
            assert!(numbers.2.len() == 8 && numbers.2[7] < numbers.2[0], "{:?}", numbers.2);
            let near = |a, b| vectors.similarity(a, b).unwrap();
            assert!(near("apple", "pear") > near("apple", "saw") + 0.3, "{architecture:?} {ranks}");
        }
    }
}

#[test]
fn a_group_of_one_is_one_process() {
    let corpus = Corpus::sentences(sentences(500));
    let mut single = Word2Vec::new(&config(), &corpus).unwrap();
    single.train(&corpus, go).unwrap();
    let ends = over(1, |group| train(&mut Word2Vec::new_over(group, &config(), &corpus)?, group, &corpus));
    assert_eq!(ends[0].0, single.tables().input());
}

#[test]
fn a_training_goes_on_with_any_number_of_ranks_and_sees_every_word() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.safetensors");
    // Lines longer than what a rank reads at a time.
    let lines = folder.path().join("lines.txt");
    std::fs::write(&lines, text(&sentences(12_000)).replace("tree\n", "tree ")).unwrap();
    let files = files(folder.path());
    let corpora = [Corpus::files(files).unwrap(), Corpus::sentences(sentences(6_000)), Corpus::files([lines]).unwrap()];
    for (corpus, updates) in corpora.into_iter().zip([Updates::Racing, Updates::Ordered, Updates::Racing]) {
        // Racing threads might be at the end before the first break.
        let workers = if updates == Updates::Racing { 1 } else { 2 };
        let mut model = Word2Vec::new(&config().updates(updates).workers(workers), &corpus).unwrap();
        assert!(!model.train_epoch(&corpus, None, |_| ControlFlow::Break(())).unwrap());
        model.save(&state).unwrap();
        // The one that is to stop is not the one that saves.
        for ranks in [3, 2, 4, 1] {
            let ends = over(ranks, |group| {
                let mut model = Word2Vec::load_over(group, &state)?;
                let mut calls = 0;
                let is_over = model.train_epoch_over(group, &corpus, |_| {
                    calls += 1;
                    if group.rank() + 1 == group.size() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                group.barrier()?;
                if group.rank() == 0 {
                    model.save(&state)?;
                }
                Ok((is_over, model.tables().input()))
            });
            assert!(ends.iter().all(|end| *end == ends[0]) && !ends[0].0, "{ranks}");
        }
        let mut model = Word2Vec::load(&state).unwrap();
        assert_eq!(model.epochs_done(), 0);
        // A finished epoch has seen as many words as were counted, or it is an error.
        model.train(&corpus, go).unwrap();
        assert_eq!(model.epochs_done(), 3);
        let mut model = Word2Vec::load(&state).unwrap();
        model.train_epoch(&corpus, None, |_| ControlFlow::Break(())).unwrap();
        model.save(&state).unwrap();
        over(2, |group| train(&mut Word2Vec::load_over(group, &state)?, group, &corpus));
    }
}

#[test]
fn a_state_of_one_process_has_what_older_files_have() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.safetensors");
    let corpus = Corpus::sentences(sentences(50));
    let config = Word2VecConfig::new().vector_size(4).min_count(1).workers(1);
    Word2Vec::new(&config, &corpus).unwrap().save(&state).unwrap();
    // The checksum is that of the header as it is written again.
    let text = String::from_utf8_lossy(&std::fs::read(&state).unwrap()).into_owned();
    assert!(text.contains("kiln-word2vec") && !text.contains("sync_words") && !text.contains("start"), "{text}");
    assert_eq!(Word2Vec::load(&state).unwrap().config(), &config);
}

#[test]
fn a_corpus_smaller_than_the_group_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.txt");
    std::fs::write(&path, "you say goodbye\nand i say hello").unwrap();
    let corpora = [Corpus::files([path]).unwrap(), Corpus::sentences([["a", "b"], ["a", "c"]])];
    for corpus in corpora {
        let ends = over(5, |group| train(&mut Word2Vec::new_over(group, &config(), &corpus)?, group, &corpus));
        assert!(ends.iter().all(|end| *end == ends[0]));
    }
}

/// The errors of two ranks, of which `work` gets the number.
fn errors(work: impl Fn(&dyn Group) -> Result<(), Error> + Sync) -> Vec<String> {
    Launch::new().threads(2, work).into_iter().map(|end| end.unwrap_err().to_string()).collect()
}

#[test]
fn ranks_that_differ_and_files_that_cannot_be_cut_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let [path, other] = files(folder.path());
    let corpus = Corpus::files([&path]).unwrap();
    let told = errors(|group| Word2Vec::new_over(group, &config().window(3 + group.rank()), &corpus).map(drop));
    assert!(told.iter().all(|told| told.contains("the options should be the same on all ranks")), "{told:?}");
    let told = errors(|group| {
        let corpus = Corpus::files([if group.rank() == 0 { &path } else { &other }])?;
        Word2Vec::new_over(group, &config(), &corpus).map(drop)
    });
    assert!(told.iter().all(|told| told.contains("the corpus should be the same on all ranks")), "{told:?}");
    // Another number of threads is no difference, and a training that has gone on elsewhere is one.
    let told = errors(|group| {
        let mut model = Word2Vec::new_over(group, &config().workers(1 + group.rank()), &corpus)?;
        if group.rank() == 1 {
            model.train_epoch(&corpus, None, go)?;
        }
        model.train_epoch_over(group, &corpus, go).map(drop)
    });
    assert!(told.iter().all(|told| told.contains("the progress of the training")), "{told:?}");

    let packed = folder.path().join("packed.gz");
    let mut encoder = GzEncoder::new(std::fs::File::create(&packed).unwrap(), Compression::fast());
    std::io::copy(&mut std::fs::File::open(&path).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    let packed = Corpus::files([packed]).unwrap();
    let told = errors(|group| Word2Vec::new_over(group, &config(), &packed).map(drop));
    assert!(told.iter().all(|told| told.contains("packed.gz cannot be cut into parts")), "{told:?}");
    // One process reads it as ever.
    Word2Vec::new(&config(), &packed).unwrap().train(&packed, go).unwrap();
    let error = Word2Vec::new(&config().sync_words(0), &corpus).unwrap_err().to_string();
    assert!(error.contains("sync_words"), "{error}");
}
