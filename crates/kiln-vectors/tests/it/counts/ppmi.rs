//! PPMI checked by hand: the textbook's values, smoothing, shift, other shapes and storages, and what is refused.

use kiln_vectors::Error;
use kiln_vectors::counts::sprs::CsMatI;
use kiln_vectors::counts::{Context, Cooccurrence, CsrMatrix, Ppmi};

use super::{HELLO, assert_option, on_threads, scrambled};

/// A matrix by rows, of all nonzero cells.
fn matrix(rows: &[&[f32]]) -> CsrMatrix {
    let (mut starts, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for row in rows {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            data.push(value);
        }
        starts.push(data.len());
    }
    CsMatI::new((rows.len(), rows[0].len()), starts, indices, data)
}

fn close(found: Option<&f32>, expected: f64) -> bool {
    found.is_some_and(|&found| (f64::from(found) - expected).abs() < 1e-6)
}

#[test]
fn textbook_values() {
    let counts = Cooccurrence::new().window(1).count(7, [HELLO]).unwrap();
    let ppmi = Ppmi::new().transform(counts.view()).unwrap();
    // N = 14; S: you 1, say 4, goodbye 2, and 2, i 2, hello 2, . 1.
    for (word, other, quotient) in [
        (0, 1, 14.0 / 4.0), // you say: 1.807
        (1, 2, 14.0 / 8.0), // say goodbye: 0.807
        (1, 4, 14.0 / 8.0), // say i
        (1, 5, 14.0 / 8.0), // say hello
        (2, 3, 14.0 / 4.0), // goodbye and
        (3, 4, 14.0 / 4.0), // and i
        (5, 6, 14.0 / 2.0), // hello .: 2.807
    ] {
        let expected = f64::log2(quotient);
        assert!(close(ppmi.get(word, other), expected) && close(ppmi.get(other, word), expected), "{word} {other}");
    }
    assert_eq!(ppmi.nnz(), 14);
}

#[test]
fn below_chance_is_dropped() {
    // Rows 9 + 1 and 1 + 1, columns 10 and 2, N = 12: 9 * 12 / 100 = 1.08, 12 / 20 = 0.6, 12 / 20 = 0.6, 12 / 4 = 3.
    let ppmi = Ppmi::new().transform(matrix(&[&[9.0, 1.0], &[1.0, 1.0]]).view()).unwrap();
    assert!(close(ppmi.get(0, 0), f64::log2(1.08)) && close(ppmi.get(1, 1), f64::log2(3.0)));
    assert_eq!((ppmi.nnz(), ppmi.get(0, 1), ppmi.get(1, 0)), (2, None, None));
}

#[test]
fn smoothing_raises_the_share_of_rare_contexts() {
    // Columns 4 and 16; their square roots 2 and 4 are shares of 6. Row sums 5 and 15.
    // C(0, 0) = 4: 4 * 6 / (5 * 2) = 2.4, where without smoothing it is 4 * 20 / (5 * 4) = 4.
    let counts = matrix(&[&[4.0, 1.0], &[0.0, 15.0]]);
    let smoothed = Ppmi::new().smoothing(0.5).transform(counts.view()).unwrap();
    let plain = Ppmi::new().transform(counts.view()).unwrap();
    assert!(close(smoothed.get(0, 0), f64::log2(2.4)) && close(plain.get(0, 0), 2.0));
    // C(1, 1) = 15: 15 * 6 / (15 * 4) = 1.5 and 15 * 20 / (15 * 16) = 1.25.
    assert!(close(smoothed.get(1, 1), f64::log2(1.5)) && close(plain.get(1, 1), f64::log2(1.25)));
}

#[test]
fn shift_is_subtracted_before_the_cut() {
    let counts = Cooccurrence::new().window(1).count(7, [HELLO]).unwrap();
    let shifted = Ppmi::new().shift(f64::log2(2.0)).transform(counts.view()).unwrap();
    // 1.807 - 1 and 2.807 - 1 remain, and 0.807 - 1 does not: seven pairs minus three, from both sides.
    assert!(close(shifted.get(0, 1), f64::log2(3.5) - 1.0) && close(shifted.get(5, 6), f64::log2(7.0) - 1.0));
    assert_eq!((shifted.nnz(), shifted.get(1, 2)), (8, None));
}

#[test]
fn rows_and_columns_have_their_own_sums() {
    // After 0 comes 1 twice and 2 once; after 1 comes 2. Row sums 3, 1, 0; column sums 0, 2, 2; N = 4.
    let counts =
        Cooccurrence::new().window(1).context(Context::Right).count(3, [vec![0, 1, 2], vec![0, 1], vec![0, 2]]);
    let ppmi = Ppmi::new().transform(counts.unwrap().view()).unwrap();
    // C(0, 1) = 2: 2 * 4 / (3 * 2) = 4/3. C(0, 2) = 1: 4 / (3 * 2) is below 1. C(1, 2) = 1: 4 / (1 * 2) = 2.
    assert!(close(ppmi.get(0, 1), f64::log2(4.0 / 3.0)) && close(ppmi.get(1, 2), 1.0));
    assert_eq!(ppmi.nnz(), 2);
}

#[test]
fn matrices_by_columns_and_with_stored_zeros_are_taken() {
    let by_rows = matrix(&[&[4.0, 1.0, 0.0], &[0.0, 15.0, 2.0]]);
    let expected = Ppmi::new().transform(by_rows.view()).unwrap();
    assert_eq!(expected.shape(), (2, 3));
    assert_eq!(Ppmi::new().transform(by_rows.to_csc().view()).unwrap(), expected);
    let with_zero = CsMatI::new((2, 3), vec![0, 3, 5], vec![0, 1, 2, 1, 2], vec![4.0, 1.0, 0.0, 15.0, 2.0]);
    assert_eq!(Ppmi::new().transform(with_zero.view()).unwrap(), expected);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let sentence: Vec<u32> = (0..50_000).map(|i| (scrambled(i, 40) * scrambled(i + 7, 40)) as u32).collect();
    let counts = Cooccurrence::new().window(3).count(1600, [sentence]).unwrap();
    let ppmi = || Ppmi::new().smoothing(0.75).transform(counts.view()).unwrap();
    assert!(on_threads(1, ppmi) == on_threads(3, ppmi));
}

#[test]
fn what_has_no_ppmi_is_refused() {
    let counts = matrix(&[&[1.0, 2.0], &[3.0, 0.0]]);
    for found in [0.0, -0.5, 1.01, f64::INFINITY] {
        assert_option(Ppmi::new().smoothing(found).transform(counts.view()), "smoothing", found);
    }
    assert!(Ppmi::new().smoothing(f64::NAN).transform(counts.view()).is_err());
    for found in [-0.1, f64::INFINITY] {
        assert_option(Ppmi::new().shift(found).transform(counts.view()), "shift", found);
    }
    let negative = matrix(&[&[1.0, 2.0], &[3.0, -4.0]]);
    let error = Ppmi::new().transform(negative.view()).unwrap_err();
    assert!(matches!(error, Error::BadCell { row: 1, column: 1, found: -4.0, .. }));
    assert_eq!(
        error.to_string(),
        "every count should be 0 or more and finite, found -4 in row 1, column 1 (both counted from 0)"
    );
    assert!(Ppmi::new().transform(matrix(&[&[1.0, f32::NAN]]).view()).is_err());
    let nothing = matrix(&[&[0.0, 0.0], &[0.0, 0.0], &[0.0, 0.0]]);
    assert!(matches!(Ppmi::new().transform(nothing.view()), Err(Error::NoCounts { rows: 3, columns: 2 })));
}
