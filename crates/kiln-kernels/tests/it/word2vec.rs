//! word2vec's updates compared with the textbook's formulas in 64-bit floats, and its draws with their distributions.

use kiln_kernels::RandomKey;
use kiln_kernels::word2vec::{
    AliasTable, LossSum, Prediction, Window, WindowBatch, WindowSampler, WordTables, Workspace,
};
use proptest::prelude::*;

/// The formulas, row by row.
struct Oracle {
    input: Vec<Vec<f64>>,
    output: Vec<Vec<f64>>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add(to: &mut [f64], scale: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += scale * value);
}

impl Oracle {
    fn new(tables: &WordTables) -> Self {
        let rows = |values: Vec<f32>| -> Vec<Vec<f64>> {
            values.chunks(tables.width()).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
        };
        Self { input: rows(tables.input()), output: rows(tables.output()) }
    }

    fn update(&mut self, batch: &WindowBatch, prediction: Prediction, rate: f64) -> (f64, u64) {
        let negatives = batch.negatives.len() / batch.windows.len();
        let (mut loss, mut count) = (0.0, 0);
        for (n, window) in batch.windows.iter().enumerate() {
            let context: Vec<usize> = (window.start..window.end)
                .filter(|&place| place != window.centre)
                .map(|place| batch.ids[place as usize] as usize)
                .collect();
            let centre = batch.ids[window.centre as usize];
            let mut targets = vec![(centre as usize, 1.0)];
            targets.extend(batch.negatives[n * negatives..][..negatives].iter().map(|&word| (word as usize, 0.0)));
            let groups: Vec<Vec<usize>> = match prediction {
                Prediction::SkipGram => context.iter().map(|&word| vec![word]).collect(),
                _ => vec![context.clone()],
            };
            let (input, output) = (self.input.clone(), self.output.clone());
            for group in groups {
                let scale = if prediction == Prediction::CbowMean { 1.0 / group.len() as f64 } else { 1.0 };
                let mut hidden = vec![0.0; input[0].len()];
                group.iter().for_each(|&word| add(&mut hidden, scale, &input[word]));
                let mut error = vec![0.0; hidden.len()];
                for &(word, label) in &targets {
                    let sigmoid = 1.0 / (1.0 + (-dot(&hidden, &output[word])).exp());
                    loss -= if label == 1.0 { sigmoid.ln() } else { (1.0 - sigmoid).ln() };
                    add(&mut error, rate * (label - sigmoid), &output[word]);
                    add(&mut self.output[word], rate * (label - sigmoid), &hidden);
                }
                group.iter().for_each(|&word| add(&mut self.input[word], 1.0, &error));
                count += 1;
            }
        }
        (loss, count)
    }

    fn assert_near(&self, tables: &WordTables, what: &str) {
        for (name, got, expected) in [("input", tables.input(), &self.input), ("output", tables.output(), &self.output)]
        {
            for (n, (got, expected)) in got.iter().zip(expected.iter().flatten()).enumerate() {
                assert!((f64::from(*got) - expected).abs() < 2e-5, "{what}: {name} {n} is {got}, not {expected}");
            }
        }
    }
}

fn tables(rows: usize, width: usize) -> WordTables {
    let values = |name| RandomKey::new(3).child(name).uniform(rows * width).iter().map(|x| 2.0 * x - 1.0).collect();
    let (input, output): (Vec<f32>, Vec<f32>) = (values("input"), values("output"));
    WordTables::new(&input, &output, width)
}

fn batch(sentence: Vec<u32>, window: usize, negative: usize, rows: usize, seed: u64) -> WindowBatch {
    let sampler = WindowSampler::new(&vec![1; rows], window, true, negative, 0.0, 0.75);
    let mut batch = WindowBatch::default();
    sampler.draw(&sentence, &mut RandomKey::new(seed).generator(), &mut batch);
    batch
}

const PREDICTIONS: [Prediction; 3] = [Prediction::CbowMean, Prediction::CbowSum, Prediction::SkipGram];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn updates_follow_the_formulas(
        width in 1_usize..70,
        sentence in prop::collection::vec(0_u32..9, 2..14),
        window in 1_usize..5,
        negative in 1_usize..8,
        seed in 0_u64..1000,
    ) {
        let batch = batch(sentence, window, negative, 9, seed);
        for prediction in PREDICTIONS {
            let mut memory = Workspace::default();
            let mut exclusive = tables(9, width);
            let mut oracle = Oracle::new(&exclusive);
            let racing = tables(9, width);
            let (loss, count) = oracle.update(&batch, prediction, 0.05);
            let sums = [
                exclusive.update(&batch, prediction, 0.05, &mut memory),
                racing.update_racing(&batch, prediction, 0.05, &mut memory),
            ];
            for LossSum { sum, count: predictions } in sums {
                prop_assert_eq!(predictions, count);
                prop_assert!((sum - loss).abs() < 2e-3 * loss.max(1.0), "{} instead of {}", sum, loss);
            }
            oracle.assert_near(&exclusive, &format!("{prediction:?}"));
            oracle.assert_near(&racing, &format!("{prediction:?}, racing"));
        }
    }
}

#[test]
fn rows_that_no_window_names_stay_as_they_are() {
    let mut tables = tables(9, 10);
    let (input, output) = (tables.input(), tables.output());
    let batch =
        WindowBatch { ids: vec![1, 4], windows: vec![Window { centre: 0, start: 0, end: 2 }], negatives: vec![7] };
    tables.update(&batch, Prediction::SkipGram, 0.1, &mut Workspace::default());
    let changed = |before: &[f32], after: &[f32]| -> Vec<usize> {
        (0..9).filter(|row| before[row * 10..][..10] != after[row * 10..][..10]).collect()
    };
    assert_eq!(changed(&input, &tables.input()), [4]);
    assert_eq!(changed(&output, &tables.output()), [1, 7]);
}

#[test]
fn threads_that_race_learn() {
    let tables = WordTables::random(50, 20, RandomKey::new(1));
    let sentence: Vec<u32> = (0..2_000).map(|n| n % 50).collect();
    let batch = batch(sentence, 2, 5, 50, 1);
    let epoch = || {
        let mut sum = LossSum::default();
        std::thread::scope(|scope| {
            let work = || tables.update_racing(&batch, Prediction::CbowMean, 0.05, &mut Workspace::default());
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().for_each(|worker| sum.add(worker.join().unwrap()));
        });
        sum.mean()
    };
    let first = epoch();
    // Before anything is learned, the loss is 6 ln 2.
    assert!(first > 1.0 && first < 4.2, "{first}");
    let last = (0..30).fold(first, |_, _| epoch());
    assert!(last < 0.8 * first, "{first} {last}");
}

#[test]
fn saturated_scores_are_still_trained_on() {
    // With a score of 20, the sigmoid is 1 to the last bit, and a wrong word must still be pushed away.
    let mut tables = WordTables::new(&[0.0, 4.0, 0.0], &[1.0, 1.0, 5.0], 1);
    let batch =
        WindowBatch { ids: vec![0, 1], windows: vec![Window { centre: 0, start: 0, end: 2 }], negatives: vec![2] };
    let loss = tables.update(&batch, Prediction::SkipGram, 0.1, &mut Workspace::default());
    assert!((tables.output()[2] - (5.0 - 0.1 * 4.0)).abs() < 1e-5, "{:?}", tables.output());
    // -ln sigmoid(4) - ln(1 - sigmoid(20)) = 0.01815 + 20, though 1 - sigmoid(20) is 0 in a float.
    assert!((loss.sum - 20.01815).abs() < 1e-3, "{loss:?}");
}

#[test]
fn an_alias_table_draws_in_proportion() {
    let weights = [5.0, 0.0, 1.0, 3.0, 0.5, 0.5];
    let table = AliasTable::new(&weights);
    let mut random = RandomKey::new(4).generator();
    let mut drawn = [0_u32; 6];
    for _ in 0..200_000 {
        drawn[table.draw(random.next_u64()) as usize] += 1;
    }
    for (weight, drawn) in weights.iter().zip(drawn) {
        let expected = weight / 10.0 * 200_000.0;
        assert!((f64::from(drawn) - expected).abs() < 5.0 * expected.sqrt() + 1e-9, "{weight}: {drawn} not {expected}");
    }
}

/// A word that makes up nearly everything must not be drawn for ever if it is excluded.
#[test]
fn others_than_a_dominating_word_are_drawn_in_proportion() {
    for place in 0..4 {
        let mut weights = vec![1.0, 2.0, 0.0, 5.0];
        weights.insert(place, 1e12);
        let table = AliasTable::new(&weights);
        let mut random = RandomKey::new(4).generator();
        let mut counts = [0_u32; 5];
        for _ in 0..80_000 {
            counts[table.draw_other(place as u32, &mut random) as usize] += 1;
        }
        weights[place] = 0.0;
        for (n, (count, weight)) in counts.iter().zip(&weights).enumerate() {
            let expected = 10_000.0 * weight;
            assert!((f64::from(*count) - expected).abs() < 600.0, "{place}: word {n} {count} times, not {expected}");
        }
    }
}

#[test]
fn a_loss_that_is_no_number_shows() {
    let mut tables = WordTables::new(&[f32::NAN; 6], &[1.0; 6], 2);
    let batch =
        WindowBatch { ids: vec![0, 1], windows: vec![Window { centre: 0, start: 0, end: 2 }], negatives: vec![2] };
    assert!(tables.update(&batch, Prediction::CbowMean, 0.1, &mut Workspace::default()).sum.is_nan());
}

#[test]
fn windows_lie_in_their_sentence_and_negatives_miss_their_centre() {
    let sampler = WindowSampler::new(&[9, 5, 5, 1], 2, true, 5, 0.0, 0.75);
    let mut random = RandomKey::new(4).generator();
    let mut batch = WindowBatch::default();
    for sentence in [&[0, 1, 2, 3, 0][..], &[1], &[], &[3, 2]] {
        sampler.draw(sentence, &mut random, &mut batch);
    }
    assert_eq!(batch.ids, [0, 1, 2, 3, 0, 3, 2], "a word by itself has no window");
    assert_eq!(batch.windows.len(), 7);
    for (window, negatives) in batch.windows.iter().zip(batch.negatives.chunks(5)) {
        let sentence = if window.centre < 5 { 0..5 } else { 5..7 };
        assert!(window.start >= sentence.start && window.end <= sentence.end, "{window:?}");
        let (left, right) = (window.centre - window.start, window.end - 1 - window.centre);
        assert!(left.max(right) >= 1 && left.max(right) <= 2, "{window:?}");
        assert!(!negatives.contains(&batch.ids[window.centre as usize]), "{window:?} {negatives:?}");
    }
}

#[test]
fn halves_hold_what_whole_windows_hold() {
    let mut sampler = WindowSampler::new(&[5; 30], 4, false, 2, 0.0, 0.75);
    let sentence: Vec<u32> = (0..30).collect();
    let pairs = |sampler: &WindowSampler| {
        let mut batch = WindowBatch::default();
        sampler.draw(&sentence, &mut RandomKey::new(1).generator(), &mut batch);
        assert_eq!(batch.negatives.len(), 2 * batch.windows.len());
        let pairs = batch.windows.iter().flat_map(|window| {
            let around = (window.start..window.end).filter(|&place| place != window.centre);
            around.map(|place| (window.centre, place))
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        (pairs, batch.windows.len())
    };
    let (whole, windows) = pairs(&sampler);
    sampler.halves = true;
    let (halves, more) = pairs(&sampler);
    assert_eq!(whole, halves);
    assert_eq!((windows, more), (30, 58)); // the first and the last word have one side
}

#[test]
fn windows_shrink_to_every_reach_alike() {
    let sentence: Vec<u32> = (0..30_000).map(|n| n % 7).collect();
    let batch = batch(sentence, 3, 1, 7, 9);
    let mut reaches = [0; 4];
    for window in &batch.windows[10..29_990] {
        reaches[(window.end - 1 - window.centre) as usize] += 1;
    }
    assert_eq!(reaches[0], 0);
    for reach in &reaches[1..] {
        assert!((9_500..10_500).contains(reach), "{reaches:?}");
    }
}

#[test]
fn frequent_words_are_left_out_by_gensims_formula() {
    // 10,000 words, sample 1e-2: t = 100. Of 9,000: (sqrt(90) + 1) / 90 = 0.1165; of 100: 1.
    let sampler = WindowSampler::new(&[9_000, 900, 100], 5, false, 1, 1e-2, 0.75);
    let sentence: Vec<u32> = (0..10_000)
        .map(|n| {
            if n < 9_000 {
                0
            } else if n < 9_900 {
                1
            } else {
                2
            }
        })
        .collect();
    let mut batch = WindowBatch::default();
    sampler.draw(&sentence, &mut RandomKey::new(2).generator(), &mut batch);
    let kept = |word| batch.ids.iter().filter(|&&id| id == word).count() as f64;
    assert!((kept(0) - 9_000.0 * 0.1165).abs() < 120.0, "{}", kept(0));
    assert!((kept(1) - 900.0 * 4.0 / 9.0).abs() < 70.0, "{}", kept(1));
    assert_eq!(kept(2), 100.0);
}

#[test]
#[should_panic(expected = "every id must be below 9, the rows of the tables, but one is 9")]
fn an_id_beyond_the_tables_is_refused() {
    let batch =
        WindowBatch { ids: vec![0, 9], windows: vec![Window { centre: 0, start: 0, end: 2 }], negatives: vec![1] };
    tables(9, 4).update(&batch, Prediction::SkipGram, 0.1, &mut Workspace::default());
}

#[test]
#[should_panic(expected = "a window must hold its centre and another word of 2, but is 0..3 around 0")]
fn a_window_beyond_the_words_is_refused() {
    let batch =
        WindowBatch { ids: vec![0, 1], windows: vec![Window { centre: 0, start: 0, end: 3 }], negatives: vec![1] };
    tables(9, 4).update(&batch, Prediction::SkipGram, 0.1, &mut Workspace::default());
}
