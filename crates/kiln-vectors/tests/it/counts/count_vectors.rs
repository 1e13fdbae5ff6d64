//! The three stages in one: they equal the single stages, and words with similar contexts get similar vectors.

use kiln_vectors::counts::{Context, Cooccurrence, CountVectors, Ppmi, Scaling, SvdMethod, TruncatedSvd, Weighting};

use super::{HELLO, assert_option, on_threads, scrambled};

fn cosine(vectors: &[f32], d: usize, a: usize, b: usize) -> f32 {
    let (a, b) = (&vectors[a * d..(a + 1) * d], &vectors[b * d..(b + 1) * d]);
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn vectors_are_those_of_the_three_stages() {
    let cooccurrence = Cooccurrence::new().window(3).context(Context::Left).weighting(Weighting::Linear);
    let ppmi = Ppmi::new().smoothing(0.75).shift(0.1);
    let svd = TruncatedSvd::new(3).method(SvdMethod::Randomized).seed(5);
    let counts = cooccurrence.count(7, [HELLO]).unwrap();
    let expected = svd.decompose(ppmi.transform(counts.view()).unwrap().view()).unwrap().vectors(Scaling::SquareRoot);
    let options = CountVectors::new(3).cooccurrence(cooccurrence).ppmi(ppmi).svd(svd).scaling(Scaling::SquareRoot);
    assert_eq!(options.fit(7, [HELLO]).unwrap(), expected);
    assert_eq!(expected.len(), 7 * 3);
}

#[test]
fn defaults_are_the_textbooks() {
    let counts = Cooccurrence::new().window(2).count(7, [HELLO]).unwrap();
    let expected = TruncatedSvd::new(4).decompose(Ppmi::new().transform(counts.view()).unwrap().view()).unwrap().u;
    assert_eq!(CountVectors::new(4).fit(7, [HELLO]).unwrap(), expected);
}

#[test]
fn dot_products_of_scaled_vectors_are_those_of_the_rows() {
    // With all seven dimensions, U S is the PPMI matrix after a rotation, so angles are kept: between "you" (say 1.807)
    // and "i" (say 0.807, and 1.807) the cosine is 0.807 / sqrt(0.807^2 + 1.807^2) = 0.4079.
    let options = CountVectors::new(7).cooccurrence(Cooccurrence::new().window(1)).scaling(Scaling::Full);
    let vectors = options.fit(7, [HELLO]).unwrap();
    let (say, and) = (f32::log2(14.0 / 8.0), f32::log2(14.0 / 4.0));
    assert!((cosine(&vectors, 7, 0, 4) - say / say.hypot(and)).abs() < 1e-5);
    // "goodbye" and "i" have the same neighbours.
    assert!((cosine(&vectors, 7, 2, 4) - 1.0).abs() < 1e-5);
}

#[test]
fn words_used_alike_have_vectors_alike() {
    // Sentences "a x b": with x from 0..5, a and b are from 10..20; with x from 5..10, they are from 20..30.
    let sentences = (0..4000).map(|i| {
        let group = scrambled(i, 2) as u32;
        let around = |salt| 10 + 10 * group + scrambled(i + salt, 10) as u32;
        [around(11), 5 * group + scrambled(i + 3, 5) as u32, around(77)]
    });
    let vectors = CountVectors::new(2).fit(30, sentences).unwrap();
    for word in 1..5 {
        assert!(cosine(&vectors, 2, 0, word) > 0.95, "{word}");
        assert!(cosine(&vectors, 2, 0, 5 + word).abs() < 0.3, "{word}");
    }
}

#[test]
fn words_that_do_not_occur_have_vectors_of_zero() {
    let vectors = CountVectors::new(4).cooccurrence(Cooccurrence::new().window(1)).fit(9, [HELLO]).unwrap();
    assert!(vectors[7 * 4..].iter().all(|x| x.abs() < 1e-6));
    assert!(vectors[..4].iter().any(|x| x.abs() > 0.01));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let sentences: Vec<Vec<u32>> = (0..3000)
        .map(|i| (0..20).map(|j| (scrambled(i * 20 + j, 40) * scrambled(i + j, 40)) as u32).collect())
        .collect();
    let fit = || CountVectors::new(20).fit(1600, &sentences).unwrap();
    assert!(on_threads(1, fit) == on_threads(2, fit));
}

#[test]
fn errors_of_every_stage_come_through() {
    let window = CountVectors::new(2).cooccurrence(Cooccurrence::new().window(0));
    assert_option(window.fit(7, [HELLO]), "window", 0);
    let shift = CountVectors::new(2).ppmi(Ppmi::new().shift(-1.0));
    assert_option(shift.fit(7, [HELLO]), "shift", -1.0);
    assert_option(CountVectors::new(8).fit(7, [HELLO]), "k", 8);
}
