//! Predicts numbers with a regressor of numeric sequences loaded from its artifact.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use kiln_models::{ArtifactModel, Series, Summary};

use crate::config_file::Kind;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::models::network::Loaded;
use crate::models::registry::Registry;

/// Rows in a batch.
const BATCH: usize = 64;

/// A regressor of numeric sequences loaded from an artifact. Threads may share it.
///
/// # Examples
///
/// ```no_run
/// use kiln_predict::SeriesPredictor;
///
/// # #[cfg(feature = "flex")] {
/// let device = burn::tensor::Device::flex();
/// let predictor = SeriesPredictor::load("artifacts/forecast", &device)?;
/// println!("{:?}", predictor.predict(&[0.5; 48])?); // one row of 48 steps
/// # }
/// # Ok::<(), kiln_predict::Error>(())
/// ```
#[derive(Debug)]
pub struct SeriesPredictor {
    model: Box<dyn Loaded<Series>>,
    /// Steps in a row, and numbers in a step.
    row: [usize; 2],
    device: Device,
}

impl SeriesPredictor {
    /// Loads the artifact in `folder`, which must hold one of Kiln's own models.
    ///
    /// # Errors
    ///
    /// Same as [`TextPredictor::load`](crate::TextPredictor::load).
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::load_with(folder, device, &Registry::default())
    }

    /// Loads the artifact in `folder`, which must hold a model that `registry` knows.
    ///
    /// # Errors
    ///
    /// Same as [`TextPredictor::load`](crate::TextPredictor::load). Also, the model must report the shape of its rows
    /// ([`max_len`](kiln_models::Model::max_len), [`d_input`](kiln_models::Model::d_input)).
    pub fn load_with(folder: impl AsRef<Path>, device: &Device, registry: &Registry) -> Result<Self> {
        let folder = Folder::open(folder.as_ref(), Kind::SeriesRegressor)?;
        let model = registry.load_regressor(&folder, device, &|model| row_of(model).map(|_| ()))?;
        Ok(Self { row: row_of(&*model)?, model, device: device.clone() })
    }

    /// The model, if it is an `M`.
    pub fn model<M: ArtifactModel<Input = Series>>(&self) -> Option<&M> {
        self.model.downcast_ref()
    }

    /// The table of the model's layers.
    pub fn summary(&self) -> Summary {
        self.model.summary()
    }

    /// The numbers predicted for each row of `values`, which is `[rows, steps, d_input]`, row by row.
    ///
    /// # Errors
    ///
    /// The values do not fill whole rows, or the device fails.
    pub fn predict(&self, values: &[f32]) -> Result<Vec<Vec<f32>>> {
        let [max_len, d_input] = self.row;
        let row = max_len * d_input;
        if !values.len().is_multiple_of(row) {
            let expected = format!("whole rows of {max_len} x {d_input}");
            return Err(Error::data("the numbers to predict from", expected, values.len()));
        }
        let mut predicted = Vec::with_capacity(values.len() / row);
        for values in values.chunks(BATCH * row) {
            let rows = values.len() / row;
            predicted.extend(self.model.work(rows)?.run(|| {
                let values = TensorData::new(values.to_vec(), [rows, max_len, d_input]);
                let input = Series { values: Tensor::from_data(values, &self.device), spans: None };
                self.model.activated(&input, None)
            })?);
        }
        Ok(predicted)
    }
}

/// The steps in a row and the numbers in a step.
fn row_of(model: &dyn Loaded<Series>) -> Result<[usize; 2]> {
    match (model.max_len(), model.d_input()) {
        (Some(max_len @ 1..), Some(d_input @ 1..)) if max_len.checked_mul(d_input).is_some_and(|row| row < 1 << 32) => {
            Ok([max_len, d_input])
        }
        (max_len, d_input) => {
            let found = format!("{max_len:?} and {d_input:?}");
            Err(Error::data(
                "the model's steps in a row and numbers in a step",
                "at least 1 each, and a product below 2^32",
                found,
            ))
        }
    }
}
