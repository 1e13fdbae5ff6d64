//! What is written reads back equal, in every format, compressed or not, for any words and values.

use kiln_vectors::{Format, LoadOptions, WordVectors};
use proptest::collection::vec;
use proptest::prelude::*;

const FORMATS: [Format; 5] =
    [Format::Word2VecText, Format::Word2VecBinary, Format::Glove, Format::FastText, Format::Safetensors];

/// Finite floats of every size, including subnormal ones.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |value| value.is_finite()), -1f32..1.0]
}

fn vectors(word: &'static str) -> impl Strategy<Value = WordVectors> {
    (vec(word, 1..40), 1usize..9).prop_flat_map(|(mut words, d)| {
        words.sort();
        words.dedup();
        let values = vec(value(), words.len() * d);
        (Just(words), values, Just(d)).prop_map(|(words, values, d)| WordVectors::new(words, values, d).unwrap())
    })
}

/// Equal to the bit, unlike -0 and 0.
fn assert_same(read: &WordVectors, written: &WordVectors, what: &str) {
    assert_eq!(read, written, "{what}");
    let bits = |vectors: &WordVectors| vectors.values().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(read), bits(written), "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn plain_words_in_every_format(vectors in vectors("[a-zA-Z0-9.,\u{e9}\u{a0}\u{85}\u{ac00}\u{1f600}\"'\\\\]{1,12}")) {
        let folder = tempfile::tempdir().unwrap();
        for format in FORMATS {
            for name in ["v", "v.gz"] {
                let path = folder.path().join(name);
                vectors.save(&path, format).unwrap();
                let read = LoadOptions::new().format(format).load(&path).unwrap();
                assert_same(&read, &vectors, &format!("{format} as {name}"));
                let magic = &std::fs::read(&path).unwrap()[..2];
                assert_eq!(magic == [0x1f, 0x8b], name == "v.gz");
            }
        }
    }

    #[test]
    fn formats_are_told_apart(vectors in vectors("[a-z]{1,12}")) {
        let folder = tempfile::tempdir().unwrap();
        for (name, format) in [("v.txt", Format::Word2VecText), ("v.bin", Format::Word2VecBinary),
            ("v.vec", Format::FastText), ("v.txt", Format::Glove), ("v", Format::Safetensors)] {
            let path = folder.path().join(name);
            vectors.save(&path, format).unwrap();
            assert_same(&WordVectors::load(&path).unwrap(), &vectors, &format.to_string());
        }
    }

    #[test]
    fn words_with_spaces_as_glove(vectors in vectors("[a-z .@]{0,9}[a-z0-9]")) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.txt");
        match vectors.save(&path, Format::Glove) {
            Ok(()) => assert_same(&LoadOptions::new().format(Format::Glove).load(&path).unwrap(), &vectors, "glove"),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.contains("looks like a value") || error.contains("a space or a tab at"), "{error}");
            }
        }
    }

    #[test]
    fn any_words_and_counts_as_safetensors(vectors in vectors("\\PC{0,5}[\n \r\t\u{0}]?\\PC{0,3}"), seed in any::<u64>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v");
        let counts = (0..vectors.len() as u64).map(|n| seed.wrapping_mul(n)).collect();
        let vectors = vectors.with_counts(counts).unwrap();
        vectors.save(&path, Format::Safetensors).unwrap();
        assert_same(&WordVectors::open(&path).unwrap(), &vectors, "mapped");
        assert_same(&WordVectors::load(&path).unwrap(), &vectors, "loaded");
    }
}
