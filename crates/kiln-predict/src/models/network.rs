//! The forward pass of a model whose type is known only by its name in `config.json`.

use std::any::Any;
use std::fmt::Debug;

use burn::tensor::{Device, Tensor};
use kiln_models::weights;
use kiln_models::{ArtifactModel, Head, Model, Pass, Summary};

use crate::config_file::{NamedModel, strict};
use crate::device_failure::Work;
use crate::error::{Error, Result};
use crate::folder::Folder;

/// The forward pass of a model with input `I`, and what its outputs mean.
pub(crate) trait Loaded<I>: Any + Debug + Send + Sync {
    /// The outputs before the head's activation, `[batch, outputs]`.
    fn forward(&self, input: &I) -> Tensor<2>;
    fn head(&self) -> Head;
    fn max_len(&self) -> Option<usize>;
    fn d_input(&self) -> Option<usize>;
    fn vocab_size(&self) -> Option<usize>;
    fn summary(&self) -> Summary;
    /// Work in batches of `rows` rows.
    fn work(&self, rows: usize) -> Result<Work>;
}

impl<M: Model + Sync> Loaded<M::Input> for M {
    fn forward(&self, input: &M::Input) -> Tensor<2> {
        Model::forward(self, input, &Pass::Inference)
    }

    fn head(&self) -> Head {
        Model::head(self)
    }

    fn max_len(&self) -> Option<usize> {
        Model::max_len(self)
    }

    fn d_input(&self) -> Option<usize> {
        Model::d_input(self)
    }

    fn vocab_size(&self) -> Option<usize> {
        Model::vocab_size(self)
    }

    fn summary(&self) -> Summary {
        Model::summary(self)
    }

    fn work(&self, rows: usize) -> Result<Work> {
        Work::of(self, rows)
    }
}

impl<I: 'static> dyn Loaded<I> {
    /// The activated outputs of a batch; the logits are divided by `temperature` first.
    pub(crate) fn activated(&self, input: &I, temperature: Option<f32>) -> Result<Vec<Vec<f32>>> {
        let mut outputs = self.forward(input);
        if let Some(temperature) = temperature {
            outputs = outputs.div_scalar(temperature);
        }
        let outputs = self.head().activate(outputs);
        let [_, width] = outputs.dims();
        if width != self.head().outputs() || width == 0 {
            let expected = format!("the {} of its head", self.head().outputs());
            return Err(Error::data("the outputs of the model", expected, width));
        }
        let values = outputs.try_into_vec_as::<f32>().map_err(Error::Device)?;
        Ok(values.chunks(width).map(<[f32]>::to_vec).collect())
    }

    /// The model, if it is an `M`.
    pub(crate) fn downcast_ref<M: Any>(&self) -> Option<&M> {
        (self as &dyn Any).downcast_ref()
    }
}

/// Checks that a model without its weights fits the folder's config.
pub(crate) type Check<'c, I> = &'c dyn Fn(&dyn Loaded<I>) -> Result<()>;

/// Makes the model that `config.json` describes, without its weights.
pub(crate) fn make<M: ArtifactModel>(folder: &Folder, device: &Device) -> Result<M> {
    let NamedModel { name, config } = &folder.config.model;
    let bad = |reason: String| folder.bad_config(format!("its model {name:?}: {reason}"));
    let config: M::Config = strict(config).map_err(bad)?;
    M::from_config(&config, device).map_err(|error| bad(error.to_string()))
}

/// Makes a model from its configuration, runs `check` on it, and then reads its weights.
pub(crate) fn load<M: ArtifactModel>(
    folder: &Folder,
    device: &Device,
    check: Check<'_, M::Input>,
) -> Result<Box<dyn Loaded<M::Input>>> {
    let model = make::<M>(folder, device)?;
    check(&model).map_err(|error| folder.bad_config(error))?;
    Ok(Box::new(weights::with_weights(model, folder.weights()?).map_err(|error| folder.bad_weights(error))?))
}
