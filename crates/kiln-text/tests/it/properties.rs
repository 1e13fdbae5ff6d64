//! Laws that hold for any text and any sequences, by proptest. The oracle for splitting is Keras's rule, carried out
//! literally.

use kiln_text::encoders::{Encoder, TextEncoder, WordTokenizer};
use kiln_text::io::Saved;
use kiln_text::rows::{PadSequences, Padding, Truncating};
use proptest::prelude::*;

/// Lower-case, replace every filtered character by `split`, split, drop empty pieces.
fn keras_words(text: &str, filters: &str, split: &str, lower: bool) -> Vec<String> {
    let text = if lower { text.to_lowercase() } else { text.to_owned() };
    let mut replaced = String::new();
    for c in text.chars() {
        if filters.contains(c) { replaced.push_str(split) } else { replaced.push(c) }
    }
    replaced.split(split).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

proptest! {
    #[test]
    fn splitting_is_the_rule_carried_out(
        text in "([ab!é。 AΣİ]|aa|.){0,30}", filters in "[!ab。.]{0,3}", split in "[a !é]{1,2}", lower: bool,
    ) {
        let expected = keras_words(&text, &filters, &split, lower);
        let fitted = WordTokenizer::builder().filters(filters).split(split).lower(lower).fit([&text]);
        match fitted {
            Err(_) => prop_assert!(expected.is_empty()),
            Ok(tokenizer) => {
                let ids = tokenizer.encode(&text);
                let words: Vec<_> = ids.iter().map(|&id| tokenizer.index_word(id).unwrap().to_owned()).collect();
                prop_assert_eq!(words, expected);
            }
        }
    }

    #[test]
    fn any_text_survives_fit_file_and_encoding(texts in prop::collection::vec(any::<String>(), 1..5), char_level: bool) {
        if let Ok(tokenizer) = WordTokenizer::builder().char_level(char_level).oov_token("a b").fit(&texts) {
            let encoder = TextEncoder::from(tokenizer);
            prop_assert_eq!(&TextEncoder::from_json(&encoder.to_json()).unwrap(), &encoder);
            for text in &texts {
                let ids = encoder.encode(text);
                // All words were fitted, so the oov_token's id 1 cannot occur, and 0 never does.
                prop_assert!(ids.iter().all(|&id| id > 1 && (id as usize) < encoder.vocab_size()));
            }
        }
    }

    #[test]
    fn no_json_makes_the_reader_panic(json in any::<String>()) {
        prop_assert!(TextEncoder::from_json(&json).is_err());
    }

    #[test]
    fn a_row_is_padding_around_a_run_of_its_sequence(
        sequences in prop::collection::vec(prop::collection::vec(1u32..99, 0..9), 1..6), max_len in 1usize..12,
        pad_post: bool, cut_post: bool,
    ) {
        let padding = if pad_post { Padding::Post } else { Padding::Pre };
        let truncating = if cut_post { Truncating::Post } else { Truncating::Pre };
        let padded = PadSequences::new().max_len(max_len).padding(padding).truncating(truncating).pad(&sequences).unwrap();
        prop_assert_eq!(padded.values.len(), sequences.len() * max_len);
        for (at, sequence) in sequences.iter().enumerate() {
            let (row, span) = (padded.row(at), padded.spans[at]);
            prop_assert_eq!(span.len, sequence.len().min(max_len));
            let valid = &row[span.start..span.start + span.len];
            let kept = if cut_post { sequence.starts_with(valid) } else { sequence.ends_with(valid) };
            prop_assert!(kept);
            prop_assert_eq!(row.iter().filter(|&&id| id == 0).count(), max_len - span.len);
            prop_assert_eq!(span.start, if pad_post { 0 } else { max_len - span.len });
        }
    }
}
