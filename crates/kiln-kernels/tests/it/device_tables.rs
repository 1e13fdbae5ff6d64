//! word2vec's tables on devices compared with those of the CPU: kernels, twins, and cases without a kernel.

use burn::tensor::{Device, Tensor};
use kiln_kernels::word2vec::{
    DeviceTables, LossSum, Prediction, Window, WindowBatch, WindowSampler, WordTables, Workspace,
};
use kiln_kernels::{RandomKey, with_twins};

use crate::devices;

const PREDICTIONS: [Prediction; 3] = [Prediction::CbowMean, Prediction::CbowSum, Prediction::SkipGram];

/// Tables whose scores are neither near 0 nor saturated.
fn tables(rows: usize, width: usize) -> WordTables {
    let scale = 2.0 / (width as f32).sqrt();
    let values = |name| -> Vec<f32> {
        let units = RandomKey::new(3).child(name).uniform(rows * width);
        units.iter().map(|unit| scale * (2.0 * unit - 1.0)).collect()
    };
    WordTables::new(&values("input"), &values("output"), width)
}

/// Windows of 1 to 6 context words; no two windows share a word. In every third window the first context word and the
/// first negative word occur twice. Also returns the number of words.
fn apart(windows: usize, negative: usize) -> (WindowBatch, usize) {
    let mut random = RandomKey::new(8).generator();
    let mut batch = WindowBatch::default();
    let mut words = 0;
    for n in 0..windows {
        let start = batch.ids.len() as u32;
        let context = 1 + (random.next_u64() % 6) as u32;
        let centre = start + (random.next_u64() % u64::from(context + 1)) as u32;
        batch.windows.push(Window { centre, start, end: start + context + 1 });
        let first = batch.negatives.len();
        batch.ids.extend(words..words + context + 1);
        words += context + 1;
        batch.negatives.extend(words..words + negative as u32);
        words += negative as u32;
        if n % 3 == 0 {
            batch.negatives[first + negative - 1] = batch.negatives[first];
            let place = |n: u32| (start + n + u32::from(start + n >= centre)) as usize;
            batch.ids[place(context - 1)] = batch.ids[place(0)];
        }
    }
    // Neighbours in a window are not neighbours in the tables.
    let rows = (words as usize..).find(|rows| rows % 7 != 0).expect("one of seven numbers is not divided by 7");
    let scatter = |id: &mut u32| *id = (u64::from(*id) * 7 % rows as u64) as u32;
    batch.ids.iter_mut().for_each(scatter);
    batch.negatives.iter_mut().for_each(scatter);
    (batch, rows)
}

/// Windows over a sentence, drawn by the sampler.
fn sampled(sentence: &[u32], window: usize, negative: usize, rows: usize) -> WindowBatch {
    let sampler = WindowSampler::new(&vec![1; rows], window, true, negative, 0.0, 0.75);
    let mut batch = WindowBatch::default();
    sampler.draw(sentence, &mut RandomKey::new(5).generator(), &mut batch);
    batch
}

fn number(loss: Tensor<1>) -> f64 {
    assert_eq!(loss.dims(), [1]);
    f64::from(loss.into_scalar::<f32>())
}

fn assert_near(got: &WordTables, expected: &WordTables, what: &str) {
    for (name, got, expected) in [("input", got.input(), expected.input()), ("output", got.output(), expected.output())]
    {
        assert_eq!(got.len(), expected.len(), "{what}");
        for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert!((got - expected).abs() < 1e-5, "{what}: {name} {n} is {got}, not {expected}");
        }
    }
}

/// Compares an update on the device with the CPU's.
fn assert_agrees(device: &Device, batch: &WindowBatch, rows: usize, width: usize, prediction: Prediction, what: &str) {
    let what = format!("{what}, {prediction:?}, width {width}");
    let mut on_cpu = tables(rows, width);
    let mut on_device = DeviceTables::new(&on_cpu, device);
    let before = on_cpu.input();
    let LossSum { sum, count } = on_cpu.update(batch, prediction, 0.3, &mut Workspace::default());
    let loss = number(on_device.update(batch, prediction, 0.3));
    assert!((loss - sum).abs() < 1e-5 * sum.max(1.0), "{what}: a loss of {loss}, not {sum}");
    assert_eq!(batch.predictions(prediction), count, "{what}");
    assert_near(&on_device.to_tables().unwrap(), &on_cpu, &what);
    let moved = before.iter().zip(on_cpu.input()).any(|(before, after)| (before - after).abs() > 1e-4);
    assert!(moved, "{what}: no row moved enough to tell");
}

/// A few windows of every kind.
#[allow(dead_code)] // a build without wgpu has no separate test device
pub(crate) fn check_few_windows(device: &Device, what: &str) {
    let (batch, rows) = apart(9, 5);
    for prediction in PREDICTIONS {
        assert_agrees(device, &batch, rows, 100, prediction, what);
    }
}

#[test]
fn windows_apart_agree_with_the_cpu() {
    for (name, device) in devices::all() {
        for negative in [1, 5, 20] {
            let (batch, rows) = apart(40, negative);
            for width in [1, 7, 100, 300, 1000] {
                for prediction in PREDICTIONS {
                    assert_agrees(&device, &batch, rows, width, prediction, &format!("{name}, {negative} negative"));
                }
            }
        }
    }
}

#[test]
fn any_number_of_windows_is_one_batch() {
    for (name, device) in devices::all() {
        // 70,000 workgroups are more than one dimension of a dispatch allows.
        for (windows, negative, width) in [(1, 5, 50), (2_000, 5, 100), (70_000, 1, 7)] {
            if cfg!(feature = "fusion") && windows > 2_000 && name == "wgpu" {
                // The twin's `select_assign` takes an iteration per word, and a software adapter ends loops after
                // 65,535.
                continue;
            }
            let (batch, rows) = apart(windows, negative);
            for prediction in PREDICTIONS {
                assert_agrees(&device, &batch, rows, width, prediction, &format!("{name}, {windows} windows"));
            }
        }
    }
}

#[test]
fn more_targets_than_units_agree_with_the_cpu() {
    for (name, device) in devices::all() {
        for negative in [31, 32, 70] {
            let (batch, rows) = apart(5, negative);
            for prediction in PREDICTIONS {
                assert_agrees(&device, &batch, rows, 40, prediction, &format!("{name}, {negative} negative"));
            }
        }
    }
}

#[test]
fn without_negative_words_the_centre_alone_is_learned() {
    for (name, device) in devices::all() {
        let (mut batch, rows) = apart(9, 1);
        batch.negatives.clear();
        for prediction in PREDICTIONS {
            assert_agrees(&device, &batch, rows, 12, prediction, &format!("{name}, no negative"));
        }
    }
}

#[test]
fn a_window_at_a_time_equals_the_cpu() {
    // Few words, so that words and targets repeat within a window, and each window meets rows that earlier ones have
    // changed.
    let sentence: Vec<u32> = (0..30).map(|n| n * n % 7).collect();
    let whole = sampled(&sentence, 4, 6, 7);
    for (name, device) in devices::all() {
        for prediction in PREDICTIONS {
            let what = format!("{name}, {prediction:?}");
            let mut on_cpu = tables(7, 33);
            let mut on_device = DeviceTables::new(&on_cpu, &device);
            for (window, negatives) in whole.windows.iter().zip(whole.negatives.chunks(6)) {
                let batch =
                    WindowBatch { ids: whole.ids.clone(), windows: vec![*window], negatives: negatives.to_vec() };
                let sum = on_cpu.update(&batch, prediction, 0.05, &mut Workspace::default()).sum;
                let loss = number(on_device.update(&batch, prediction, 0.05));
                assert!((loss - sum).abs() < 1e-4 * sum.max(1.0), "{what}: a loss of {loss}, not {sum}");
            }
            assert_near(&on_device.to_tables().unwrap(), &on_cpu, &what);
        }
    }
}

#[test]
fn the_twin_agrees() {
    for (name, device) in devices::all() {
        let (batch, rows) = apart(50, 5);
        for prediction in PREDICTIONS {
            let what = format!("{name}, the twin");
            with_twins(|| assert_agrees(&device, &batch, rows, 40, prediction, &what));
        }
    }
}

#[test]
fn the_twin_sums_what_windows_share() {
    let batch = sampled(&[0, 1, 2, 1, 3, 0, 4, 1], 2, 3, 5);
    for (name, device) in devices::all() {
        for prediction in PREDICTIONS {
            // What each window would add by itself to the rows before the batch.
            let start = tables(5, 10);
            let [mut input, mut output] = [start.input(), start.output()];
            let mut sum = 0.0;
            for (window, negatives) in batch.windows.iter().zip(batch.negatives.chunks(3)) {
                let alone =
                    WindowBatch { ids: batch.ids.clone(), windows: vec![*window], negatives: negatives.to_vec() };
                let mut tables = tables(5, 10);
                sum += tables.update(&alone, prediction, 0.1, &mut Workspace::default()).sum;
                for (sum, before, after) in
                    [(&mut input, start.input(), tables.input()), (&mut output, start.output(), tables.output())]
                {
                    sum.iter_mut()
                        .zip(before.iter().zip(after))
                        .for_each(|(sum, (before, after))| *sum += after - before);
                }
            }
            let mut on_device = DeviceTables::new(&start, &device);
            let loss = with_twins(|| number(on_device.update(&batch, prediction, 0.1)));
            assert!((loss - sum).abs() < 1e-5 * sum, "{name}, {prediction:?}: a loss of {loss}, not {sum}");
            assert_near(&on_device.to_tables().unwrap(), &WordTables::new(&input, &output, 10), name);
        }
    }
}

#[test]
fn what_no_workgroup_holds_goes_through_the_twin() {
    // 900 context words and 21 targets: 18,900 scores, and more rows than the twin gathers at once.
    let wide = WindowBatch {
        ids: (0..901).collect(),
        windows: vec![Window { centre: 300, start: 0, end: 901 }],
        negatives: (901..921).collect(),
    };
    let (narrow, rows) = apart(3, 2);
    for (name, device) in devices::all() {
        let what = format!("{name}, too large");
        assert_agrees(&device, &wide, 921, 1_000, Prediction::SkipGram, &what);
        assert_agrees(&device, &wide, 921, 10, Prediction::CbowMean, &what);
        assert_agrees(&device, &narrow, rows, 100_000, Prediction::CbowMean, &what);
        // Skip-gram keeps no row in workgroup memory, but a software adapter ends loops this long.
        assert_agrees(&device, &narrow, rows, 100_000, Prediction::SkipGram, &format!("{name}, wide"));
    }
}

#[test]
fn saturated_scores_are_still_trained_on() {
    for (name, device) in devices::all() {
        for score in [20.0, -20.0, 200.0, -200.0] {
            // For both targets, the centre and a negative word, one of which the model gets right.
            let tables = WordTables::new(&[0.0, 4.0, 0.0], &[score / 4.0, 1.0, score / 4.0], 1);
            let mut tables = DeviceTables::new(&tables, &device);
            let batch = WindowBatch {
                ids: vec![0, 1],
                windows: vec![Window { centre: 0, start: 0, end: 2 }],
                negatives: vec![2],
            };
            let loss = number(tables.update(&batch, Prediction::SkipGram, 0.1));
            assert!((loss - f64::from(score.abs())).abs() < 1e-4, "{name}: {loss} at a score of {score}");
            let output = tables.to_tables().unwrap().output();
            let (centre, negative) = if score > 0.0 { (0.0, -0.4) } else { (0.4, 0.0) };
            for (got, expected) in [(output[0], score / 4.0 + centre), (output[2], score / 4.0 + negative)] {
                assert!((got - expected).abs() < 1e-5, "{name}: {got}, not {expected} at a score of {score}");
            }
        }
    }
}

#[test]
fn windows_that_share_words_learn() {
    let sentence: Vec<u32> = (0..1_000).map(|n| n % 50).collect();
    let batch = sampled(&sentence, 2, 5, 50);
    for (name, device) in devices::all() {
        // The twin sums the gradients of the 20 windows around a word, and of more that contain it.
        let by_kernel = name == "wgpu" && !cfg!(feature = "fusion");
        let (rate, epochs) = if by_kernel { (0.05, 40) } else { (0.01, 200) };
        for prediction in PREDICTIONS {
            let count = batch.predictions(prediction) as f64;
            let mut tables = DeviceTables::new(&WordTables::random(50, 20, RandomKey::new(1)), &device);
            let mut epoch = || number(tables.update(&batch, prediction, rate)) / count;
            let first = epoch();
            // Before anything is learned, the loss is 6 ln 2 = 4.16.
            assert!(first > 1.0 && first < 4.2, "{name}, {prediction:?}: {first}");
            let last = (0..epochs).fold(first, |_, _| epoch());
            assert!(last < 0.8 * first, "{name}, {prediction:?}: {first} {last}");
        }
    }
}

#[test]
fn a_batch_of_no_windows_changes_nothing() {
    for (name, device) in devices::all() {
        let start = tables(4, 3);
        let mut tables = DeviceTables::new(&start, &device);
        assert_eq!((tables.rows(), tables.width()), (4, 3), "{name}");
        assert_eq!(number(tables.update(&WindowBatch::default(), Prediction::CbowSum, 0.1)), 0.0, "{name}");
        assert_eq!(tables.to_tables().unwrap().input(), start.input(), "{name}");
        assert_eq!(tables.to_tables().unwrap().output(), start.output(), "{name}");
    }
}

/// On the last device: a GPU's, if the build has one.
fn update_on_a_device(batch: &WindowBatch) {
    let (_, device) = devices::all().pop().expect("a build has a device");
    DeviceTables::new(&tables(9, 4), &device).update(batch, Prediction::SkipGram, 0.1);
}

#[test]
#[should_panic(expected = "every id must be below 9, the rows of the tables, but one is 9")]
fn an_id_beyond_the_tables_is_refused() {
    update_on_a_device(&WindowBatch {
        ids: vec![0, 9],
        windows: vec![Window { centre: 0, start: 0, end: 2 }],
        negatives: vec![1],
    });
}

#[test]
#[should_panic(expected = "every id must be below 9, the rows of the tables, but one is 12")]
fn a_negative_word_beyond_the_tables_is_refused() {
    update_on_a_device(&WindowBatch {
        ids: vec![0, 8],
        windows: vec![Window { centre: 0, start: 0, end: 2 }],
        negatives: vec![12],
    });
}

#[test]
#[should_panic(expected = "a window must hold its centre and another word of 2, but is 0..3 around 0")]
fn a_window_beyond_the_words_is_refused() {
    update_on_a_device(&WindowBatch {
        ids: vec![0, 1],
        windows: vec![Window { centre: 0, start: 0, end: 3 }],
        negatives: vec![1],
    });
}
