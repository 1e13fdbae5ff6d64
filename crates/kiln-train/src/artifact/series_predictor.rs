//! Numbers from a regressor of numeric sequences that is loaded from its artifact.

use std::path::Path;

use burn::tensor::Device;
use kiln_models::{Model, RecurrentRegressor, RecurrentRegressorConfig};

use crate::artifact::config::{Kind, loaded, read_config, read_weights, wrong_kind};
use crate::data::rows::SeriesDataset;
use crate::error::{Error, Result};
use crate::run::evaluate::predict;

/// Rows predicted at a time.
const BATCH: usize = 64;

/// A regressor of numeric sequences loaded from an artifact.
#[derive(Debug)]
pub struct SeriesPredictor {
    model: RecurrentRegressor,
}

impl SeriesPredictor {
    /// Loads the artifact in `folder`.
    ///
    /// # Errors
    ///
    /// The folder or one of its files is missing, cut short, of another model or of another kind.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let config = match read_config(folder)? {
            Kind::SeriesRegressor { config } => config,
            other => return Err(wrong_kind(folder, "regressor of numeric sequences", &other)),
        };
        let model = loaded(folder, config.init(device, 0)?, read_weights(folder)?)?;
        Ok(Self { model })
    }

    /// The numbers predicted for each row of `values`, `[rows, steps, d_input]` row by row.
    ///
    /// # Errors
    ///
    /// The values do not fill whole rows, or the device fails.
    pub fn predict(&self, values: &[f32]) -> Result<Vec<Vec<f32>>> {
        let RecurrentRegressorConfig { max_len, d_input, .. } = self.model.config;
        if values.is_empty() {
            return Ok(Vec::new());
        }
        if !values.len().is_multiple_of(max_len * d_input) {
            return Err(Error::Data {
                what: "the numbers to predict from",
                expected: format!("whole rows of {max_len} x {d_input}"),
                found: values.len().to_string(),
            });
        }
        let rows = values.len() / (max_len * d_input);
        let data = SeriesDataset::new(
            values.to_vec(),
            [max_len, d_input],
            vec![0.0; rows * self.model.head().outputs()],
            self.model.head().outputs(),
        )?;
        predict(&self.model, &data, BATCH)
    }
}
