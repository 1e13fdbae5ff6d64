//! Padding and truncating: Keras's expected values, spans, vectors as steps, refusals.

use kiln_base::OptionError;
use kiln_text::Error;
use kiln_text::rows::{PadSequences, Padding, Span, Truncating, pad_sequences};

fn rows<T: Copy + Default>(options: PadSequences<T>, sequences: &[Vec<T>]) -> Vec<Vec<T>> {
    let padded = options.pad(sequences).unwrap();
    (0..padded.rows).map(|row| padded.row(row).to_vec()).collect()
}

fn staircase() -> Vec<Vec<i32>> {
    vec![vec![1], vec![2, 3], vec![4, 5, 6]]
}

#[test]
fn goldens_of_keras() {
    let new = PadSequences::new;
    assert_eq!(rows(new(), &staircase()), [[0, 0, 1], [0, 2, 3], [4, 5, 6]]);
    assert_eq!(rows(new().value(-1), &staircase()), [[-1, -1, 1], [-1, 2, 3], [4, 5, 6]]);
    assert_eq!(rows(new().padding(Padding::Post), &staircase()), [[1, 0, 0], [2, 3, 0], [4, 5, 6]]);
    assert_eq!(rows(new().max_len(2), &staircase()), [[0, 1], [2, 3], [5, 6]]);
    let post = new().max_len(2).truncating(Truncating::Post);
    assert_eq!(rows(post, &staircase()), [[0, 1], [2, 3], [4, 5]]);
    assert_eq!(pad_sequences(&staircase(), 2).unwrap().values, [0, 1, 2, 3, 5, 6]);
}

#[test]
fn spans_say_where_a_sequence_lies() {
    let sequences = [vec![], vec![7], vec![1, 2, 3, 4]];
    let spans = |padding| PadSequences::new().max_len(3).padding(padding).pad(&sequences).unwrap().spans;
    let span = |start, len| Span { start, len };
    assert_eq!(spans(Padding::Pre), [span(3, 0), span(2, 1), span(0, 3)]);
    assert_eq!(spans(Padding::Post), [span(0, 0), span(0, 1), span(0, 3)]);
}

#[test]
fn vectors_as_steps() {
    let sequences = vec![vec![[1.0f32, 2.0]], vec![], vec![[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]];
    let padded = PadSequences::new().max_len(2).padding(Padding::Post).pad_samples(&sequences).unwrap();
    assert_eq!((padded.rows, padded.len, padded.width), (3, 2, 2));
    assert_eq!(padded.values, [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 6.0, 7.0, 8.0]);
    assert_eq!(padded.step(2, 1), [7.0, 8.0]);
    assert_eq!(padded.spans.iter().map(|span| span.len).collect::<Vec<_>>(), [1, 0, 2]);
}

#[test]
fn a_step_of_another_width_is_refused_with_its_place() {
    let sequences = vec![vec![], vec![vec![1, 2], vec![3]]];
    let error = PadSequences::new().pad_samples(&sequences).unwrap_err();
    assert!(matches!(error, Error::StepWidth { sequence: 1, step: 1, expected: 2, found: 1 }), "{error}");
}

#[test]
fn a_width_of_zero_is_a_width() {
    let padded = PadSequences::<u8>::new().pad_samples(&[vec![vec![], vec![]]]).unwrap();
    assert_eq!((padded.len, padded.width, padded.values.len()), (2, 0, 0));
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    assert!(matches!(
        PadSequences::new().max_len(0).pad(&staircase()),
        Err(Error::Option(OptionError { option: "max_len", .. }))
    ));
    let nothing: [Vec<u32>; 2] = [vec![], vec![]];
    assert!(matches!(PadSequences::new().pad(&nothing), Err(Error::NothingToPad { sequences: 2 })));
    assert!(matches!(PadSequences::new().pad(&nothing[..0]), Err(Error::NothingToPad { sequences: 0 })));
    assert!(matches!(PadSequences::new().max_len(usize::MAX).pad(&staircase()), Err(Error::TooLarge { .. })));
    assert!(matches!(PadSequences::new().max_len(1 << 60).pad(&[vec![1u8]; 1]), Err(Error::TooLarge { .. })));
    assert_eq!(PadSequences::new().max_len(2).pad(&nothing).unwrap().values, [0; 4]);
    assert_eq!(PadSequences::new().max_len(2).pad(&nothing[..0]).unwrap().rows, 0);
}
