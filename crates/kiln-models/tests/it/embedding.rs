//! Embeddings with given vectors, frozen and sparse.

use burn::module::Module;
use burn::tensor::Tensor;
use kiln_models::layers::EmbeddingConfig;
use kiln_models::weights::{weights_of, with_trainable};
use kiln_models::{Error, Model, OptionError, RandomKey, RecurrentClassifierConfig, TextClassifierConfig, record_rows};
use kiln_vectors::{Missing, WordVectors};

use crate::devices;

fn vectors() -> WordVectors {
    WordVectors::new(["good", "bad"], vec![1.0, 2.0, -1.0, -2.0], 2).unwrap()
}

#[test]
fn ready_vectors_become_rows_and_stay_trainable_unless_frozen() {
    let matrix = vectors().embedding_matrix(&["", "bad", "film", "good"], Missing::Zero);
    for (backend, device) in devices::all() {
        for device in [device.clone(), device.autodiff()] {
            let config = RecurrentClassifierConfig::new(4, 10).d_embedding(2);
            let mut model = config.init(&device, 0).unwrap();
            let parameters = model.summary().total();
            model.embedding = model.embedding.with_vectors(&matrix).unwrap();
            let rows = &weights_of(&model)["embedding.table"].values;
            assert_eq!(rows, &[0.0, 0.0, -1.0, -2.0, 0.0, 0.0, 1.0, 2.0], "{backend}");
            assert_eq!(model.summary().frozen, 0, "{backend}");
            model.embedding = model.embedding.trainable(false);
            assert_eq!((model.summary().frozen, model.summary().total()), (8, parameters), "{backend}");
            let model = with_trainable(model, "embedding", true).unwrap();
            assert_eq!(model.summary().frozen, 0, "{backend}");
            let model = with_trainable(model, "dense.bias", false).unwrap();
            assert_eq!(model.summary().frozen, 1, "{backend}");
        }
    }
}

#[test]
fn a_matrix_of_another_size_and_an_unknown_path_are_named() {
    let device = devices::all().swap_remove(0).1;
    let matrix = vectors().embedding_matrix(&["good"], Missing::Zero);
    let embedding = EmbeddingConfig::new(4, 2).init(&device, RandomKey::new(0)).unwrap();
    let error = embedding.clone().with_vectors(&matrix).unwrap_err();
    assert!(matches!(error, Error::MatrixSize { rows: 1, d: 2, vocab: 4, d_embedding: 2 }), "{error}");
    // Neither a part of a name nor a longer path.
    for path in ["tab", "embedding", "table.row"] {
        let error = with_trainable(embedding.clone(), path, false).unwrap_err();
        assert!(error.to_string().contains(path) && error.to_string().contains("it has table"), "{error}");
    }
}

#[test]
fn any_classifier_takes_another_embedding() {
    let device = devices::all().swap_remove(0).1;
    let matrix = vectors().embedding_matrix(&["", "bad", "film", "good"], Missing::Mean);
    let config = TextClassifierConfig::from(RecurrentClassifierConfig::new(4, 10).d_embedding(2));
    let model = config.init(&device, 0).unwrap();
    let model = model.map_embedding(|embedding| Ok(embedding.with_vectors(&matrix)?.trainable(false))).unwrap();
    assert_eq!(model.summary().frozen, 8);
    assert!(model.map_embedding(|_| Err(OptionError::new("change", "none", "one").into())).is_err());
}

/// The recorded rows have the gradient that the table has without recording.
#[test]
fn a_sparse_embedding_records_its_rows_only_where_asked_to() {
    for (backend, device) in devices::all() {
        let device = device.autodiff();
        let embedding = EmbeddingConfig::new(6, 3).init(&device, RandomKey::new(0)).unwrap().train();
        let ids = || Tensor::from_ints([[1, 4, 1], [0, 4, 5]], &device);
        let weighting = Tensor::<1, burn::tensor::Int>::arange(0..18, &device).float().reshape([2, 3, 3]);
        let loss = |rows: Tensor<3>| (rows * weighting.clone()).sum();

        let gradients = loss(embedding.forward(ids())).backward();
        let whole = embedding.table.val().grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();

        let sparse = embedding.sparse(true);
        let gradients = loss(sparse.forward(ids())).backward();
        let unrecorded = sparse.table.val().grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(unrecorded, whole, "{backend}: no tape, no sparse gradient");

        let (loss, looked_up) = record_rows(|| loss(sparse.forward(ids())));
        let gradients = loss.backward();
        assert!(sparse.table.val().grad(&gradients).is_none(), "{backend}");
        let [one] = &looked_up[..] else { panic!("{backend}: {} lookups", looked_up.len()) };
        let rows = one.rows.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        let mut sums = vec![0.0; 18];
        for (id, row) in [1, 4, 1, 0, 4, 5].into_iter().zip(rows.chunks(3)) {
            sums[3 * id..][..3].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        assert_eq!(sums, whole, "{backend}");

        let (_, looked_up) = record_rows(|| sparse.trainable(false).forward(ids()));
        assert!(looked_up.is_empty(), "{backend}: a frozen table has no gradient");
    }
}
