//! Decompositions: their laws, the random one compared with the exact one, signs, scalings, threads and seeds.

use kiln_vectors::Error;
use kiln_vectors::counts::sprs::CsMatI;
use kiln_vectors::counts::{Cooccurrence, CsrMatrix, Ppmi, Scaling, Svd, SvdMethod, TruncatedSvd};

use super::{HELLO, assert_option, on_threads, scrambled};

/// About one cell in `sparsity` is nonzero. Values are multiples of 1/8 up to 12, larger in the first columns, so that
/// the singular values fall.
fn sparse(rows: usize, columns: usize, sparsity: u64) -> CsrMatrix {
    let (mut starts, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for row in 0..rows {
        for column in 0..columns {
            let at = (row * columns + column) as u64;
            if scrambled(at, sparsity) == 0 {
                indices.push(column as u32);
                data.push((scrambled(at + 5, 96) + 1) as f32 / 8.0 / (1.0 + column as f32 / 10.0));
            }
        }
        starts.push(data.len());
    }
    CsMatI::new((rows, columns), starts, indices, data)
}

/// `U S V^T` in one cell.
fn cell(svd: &Svd, row: usize, column: usize) -> f32 {
    (0..svd.k).map(|j| svd.u[row * svd.k + j] * svd.s[j] * svd.vt[j * svd.columns + column]).sum()
}

fn assert_orthonormal(svd: &Svd, tolerance: f64) {
    for a in 0..svd.k {
        for b in 0..=a {
            let expected = f64::from(u8::from(a == b));
            let dot =
                |pairs: &mut dyn Iterator<Item = (f32, f32)>| pairs.map(|(x, y)| f64::from(x) * f64::from(y)).sum();
            let left: f64 = dot(&mut svd.u.chunks(svd.k).map(|row| (row[a], row[b])));
            let row = |j: usize| svd.vt[j * svd.columns..(j + 1) * svd.columns].iter().copied();
            let right: f64 = dot(&mut row(a).zip(row(b)));
            assert!(
                (left - expected).abs() < tolerance && (right - expected).abs() < tolerance,
                "{a} {b}: {left} {right}"
            );
        }
    }
    assert!(svd.s.is_sorted_by(|a, b| a >= b));
}

fn textbook_ppmi() -> CsrMatrix {
    Ppmi::new().transform(Cooccurrence::new().window(1).count(7, [HELLO]).unwrap().view()).unwrap()
}

#[test]
fn all_dimensions_give_the_matrix_back() {
    for matrix in [textbook_ppmi(), sparse(30, 50, 4), sparse(50, 30, 4)] {
        for method in [SvdMethod::Auto, SvdMethod::Full, SvdMethod::Randomized] {
            let (rows, columns) = matrix.shape();
            let svd = TruncatedSvd::new(rows.min(columns)).method(method).decompose(matrix.view()).unwrap();
            assert_eq!((svd.u.len(), svd.vt.len()), (rows * svd.k, svd.k * columns));
            assert_orthonormal(&svd, 1e-6);
            for row in 0..rows {
                for column in 0..columns {
                    let expected = matrix.get(row, column).copied().unwrap_or(0.0);
                    assert!((cell(&svd, row, column) - expected).abs() < 2e-5, "{method:?} {row} {column}");
                }
            }
        }
    }
}

#[test]
fn singular_values_by_hand() {
    // The columns (3, 0, 4) and (0, 2, 0) are at right angles and have lengths 5 and 2.
    let matrix = CsMatI::new((3, 2), vec![0, 1, 2, 3], vec![0, 1, 0], vec![3.0, 2.0, 4.0]);
    let svd = TruncatedSvd::new(2).decompose(matrix.view()).unwrap();
    let close = |found: &[f32], expected: &[f32]| found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6);
    assert!(close(&svd.s, &[5.0, 2.0]));
    assert!(close(&svd.u, &[0.6, 0.0, 0.0, 1.0, 0.8, 0.0]) && close(&svd.vt, &[1.0, 0.0, 0.0, 1.0]));
    assert!(close(&svd.vectors(Scaling::Full), &[3.0, 0.0, 0.0, 2.0, 4.0, 0.0]));
    let root = 5f32.sqrt();
    assert!(close(&svd.vectors(Scaling::SquareRoot), &[0.6 * root, 0.0, 0.0, 2f32.sqrt(), 0.8 * root, 0.0]));
    assert_eq!(svd.vectors(Scaling::Unscaled), svd.u);
}

#[test]
fn random_projection_finds_what_the_full_decomposition_finds() {
    for (rows, columns) in [(400, 300), (300, 400)] {
        let matrix = sparse(rows, columns, 20);
        let decompose = |method| TruncatedSvd::new(20).method(method).decompose(matrix.view()).unwrap();
        let (full, random) = (decompose(SvdMethod::Full), decompose(SvdMethod::Randomized));
        assert_orthonormal(&random, 1e-6);
        for (at, (x, y)) in full.s.iter().zip(&random.s).enumerate() {
            let tolerance = if at < 10 { 1e-4 } else { 1e-2 };
            // Never too large, except for rounding: it is a projection.
            assert!((x - y) / x < tolerance && (y - x) / x < 1e-6, "singular value {at}: {x} and {y}");
        }
        // The leading vectors agree in direction and in sign.
        for j in 0..3 {
            let dot: f32 = (0..rows).map(|row| full.u[row * 20 + j] * random.u[row * 20 + j]).sum();
            assert!(dot > 0.999, "dimension {j}: {dot}");
        }
    }
}

#[test]
fn iterations_and_oversampling_sharpen_the_last_values() {
    let matrix = sparse(400, 300, 20);
    let last = |svd: TruncatedSvd| svd.method(SvdMethod::Randomized).decompose(matrix.view()).unwrap().s[19];
    let coarse = last(TruncatedSvd::new(20).iterations(0));
    assert!(coarse < last(TruncatedSvd::new(20)));
    assert!(coarse < last(TruncatedSvd::new(20).iterations(0).oversampling(100)));
}

#[test]
fn small_matrices_and_nearly_all_dimensions_are_decomposed_in_full() {
    let decompose =
        |k, method, matrix: &CsrMatrix| TruncatedSvd::new(k).method(method).decompose(matrix.view()).unwrap();
    // 60 x 50 is small.
    let small = sparse(60, 50, 5);
    assert_eq!(decompose(5, SvdMethod::Auto, &small), decompose(5, SvdMethod::Full, &small));
    assert_ne!(decompose(5, SvdMethod::Auto, &small), decompose(5, SvdMethod::Randomized, &small));
    // 30,000 x 40 has more than 2^20 cells; 5 + 10 dimensions are far below 40, and 30 + 10 are not.
    let large = sparse(30_000, 40, 30);
    assert_eq!(decompose(5, SvdMethod::Auto, &large), decompose(5, SvdMethod::Randomized, &large));
    assert_eq!(decompose(30, SvdMethod::Auto, &large), decompose(30, SvdMethod::Full, &large));
}

#[test]
fn largest_entries_of_u_are_positive() {
    let matrix = sparse(100, 80, 5);
    for method in [SvdMethod::Full, SvdMethod::Randomized] {
        let svd = TruncatedSvd::new(10).method(method).decompose(matrix.view()).unwrap();
        for j in 0..10 {
            let column = svd.u.chunks(10).map(|row| row[j]);
            assert!(column.reduce(|most, x| if x.abs() > most.abs() { x } else { most }).unwrap() > 0.0);
        }
        // About half the entries are negative, so the rule decides something.
        assert!(svd.u.iter().any(|&x| x < -0.01));
    }
}

#[test]
fn seeds_decide_and_threads_do_not() {
    let matrix = sparse(2000, 700, 50);
    let decompose = |seed| {
        let matrix = &matrix;
        move || TruncatedSvd::new(10).seed(seed).iterations(1).decompose(matrix.view()).unwrap()
    };
    let one = on_threads(1, decompose(3));
    assert!(one == on_threads(2, decompose(3)) && one == on_threads(5, decompose(3)));
    assert_ne!(one.s, decompose(4)().s);
}

#[test]
fn matrices_by_columns_are_taken() {
    let matrix = sparse(300, 200, 20);
    for method in [SvdMethod::Full, SvdMethod::Randomized] {
        let svd = TruncatedSvd::new(4).method(method);
        assert_eq!(svd.decompose(matrix.to_csc().view()).unwrap(), svd.decompose(matrix.view()).unwrap());
    }
}

#[test]
fn more_dimensions_than_the_rank_have_singular_values_of_zero() {
    // Only the first two of 500 rows have nonzero cells.
    let mut starts = vec![2; 501];
    (starts[0], starts[1]) = (0, 1);
    let matrix = CsMatI::new((500, 400), starts, vec![3, 7], vec![2.0, 1.0]);
    let nothing = CsrMatrix::zero((500, 400));
    for method in [SvdMethod::Full, SvdMethod::Randomized] {
        let svd = TruncatedSvd::new(6).method(method).decompose(matrix.view()).unwrap();
        assert_orthonormal(&svd, 1e-6);
        assert!((svd.s[0] - 2.0).abs() < 1e-6 && (svd.s[1] - 1.0).abs() < 1e-6 && svd.s[2..].iter().all(|&s| s < 1e-6));
        assert_eq!(TruncatedSvd::new(2).method(method).decompose(nothing.view()).unwrap().s, [0.0, 0.0]);
    }
}

#[test]
fn what_cannot_be_decomposed_is_refused() {
    let matrix = sparse(6, 5, 2);
    for found in [0, 6] {
        assert_option(TruncatedSvd::new(found).decompose(matrix.view()), "k", found);
    }
    assert_eq!(
        TruncatedSvd::new(6).decompose(matrix.view()).unwrap_err().to_string(),
        "the option k should be 1 to 5, the smaller side of 6 x 5: it is the number of dimensions to keep, found 6"
    );
    let infinite: CsrMatrix = CsMatI::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![1.0, f32::INFINITY]);
    let error = TruncatedSvd::new(1).decompose(infinite.view()).unwrap_err();
    assert!(matches!(error, Error::BadCell { row: 1, column: 1, found: f32::INFINITY, .. }));
    // 2^34 cells, although all of them are empty.
    let vast = CsrMatrix::zero((1 << 17, 1 << 17));
    let error = TruncatedSvd::new(2).method(SvdMethod::Full).decompose(vast.view()).unwrap_err();
    assert!(matches!(error, Error::MatrixTooLarge { rows: 131_072, columns: 131_072 }));
}
