//! A module's float parameters by name: read out, put back, and stored as safetensors. Integer and boolean parameters,
//! which no optimizer changes, are not included.

pub(crate) mod initializer;
mod path;

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData, bf16, f16};
use kiln_base::checksum::sha256;
use kiln_kernels::RandomKey;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::{Error, Result};
use crate::weights::initializer::Initializer;

pub use path::ParameterPath;

/// One parameter's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// The shape.
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub values: Vec<f32>,
}

/// Parameters by their path in the module, such as `lstm.kernel`.
pub type Weights = BTreeMap<String, Weight>;

/// Copies every parameter out of `module`.
pub fn weights_of<M: Module>(module: &M) -> Weights {
    let mut visitor = Taking::default();
    module.visit(&mut visitor);
    visitor.weights
}

/// Puts `weights` into `module`, parameter by parameter.
///
/// # Errors
///
/// A parameter is missing or has another shape, or there is one too many. `module` is lost then.
pub fn with_weights<M: Module>(module: M, weights: Weights) -> Result<M> {
    let mut mapper = Putting { path: ParameterPath::default(), weights, error: None };
    let module = module.map(&mut mapper);
    if let Some(error) = mapper.error {
        return Err(error);
    }
    match mapper.weights.into_keys().next() {
        Some(name) => Err(Error::UnknownWeight { name }),
        None => Ok(module),
    }
}

/// Draws parameters again: `choose` is called with the path and the shape of each parameter and returns its
/// initializer, or `None` to keep it. The same key draws the same values on every device.
///
/// # Errors
///
/// The limit or deviation of an initializer is not finite or is below 0.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
/// use kiln_models::layers::DenseConfig;
/// use kiln_models::weights::{initialized, weights_of};
/// use kiln_models::{Initializer, RandomKey};
///
/// let key = RandomKey::new(1);
/// let dense = DenseConfig::new(3, 2).init(&Device::flex(), key)?;
/// // PyTorch's `nn.init.normal_(dense.weight, std=0.01)`.
/// let dense = initialized(dense, key, |path, _| (path == "kernel").then_some(Initializer::Normal { stddev: 0.01 }))?;
/// assert!(weights_of(&dense)["kernel"].values.iter().all(|value| value.abs() < 0.1));
/// # }
/// # Ok::<(), kiln_models::Error>(())
/// ```
pub fn initialized<M: Module>(
    module: M,
    key: RandomKey,
    mut choose: impl FnMut(&str, &[usize]) -> Option<Initializer>,
) -> Result<M> {
    let mut weights = weights_of(&module);
    for (path, Weight { shape, values }) in &mut weights {
        if let Some(initializer) = choose(path, shape) {
            initializer.check()?;
            *values = initializer.values(shape, key.child(path));
        }
    }
    with_weights(module, weights)
}

/// Sets whether training changes the parameters under `path`, such as `embedding` or `embedding.table`.
///
/// # Errors
///
/// There is no parameter under this path.
pub fn with_trainable<M: Module>(module: M, path: &str, trainable: bool) -> Result<M> {
    check_path(&module, path)?;
    Ok(map_trainable(module, |name| is_under(name, path).then_some(trainable)))
}

/// Sets whether training changes each parameter: `decide` is called with its path and returns `None` to leave it as it
/// is.
pub fn map_trainable<M: Module>(module: M, decide: impl FnMut(&str) -> Option<bool>) -> M {
    module.map(&mut Freezing { path: ParameterPath::default(), decide })
}

/// Whether a parameter's path is `path` or under it.
pub fn is_under(name: &str, path: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Checks that there is a parameter under `path`.
///
/// # Errors
///
/// No parameter is under `path`; the error lists the parameters.
pub fn check_path<M: Module>(module: &M, path: &str) -> Result<()> {
    let mut names = Naming::default();
    module.visit(&mut names);
    if names.found.iter().any(|(name, _)| is_under(name, path)) {
        return Ok(());
    }
    let known = names.found.into_iter().map(|(name, _)| name).collect();
    Err(Error::NoParameter { path: path.to_owned(), known })
}

/// The parameters that training does not change. Only a module on a device with autodiff (`module.train()`) knows them.
pub fn frozen_paths<M: Module>(module: &M) -> Vec<String> {
    let mut frozen = Frozen::default();
    module.visit(&mut frozen);
    frozen.found
}

/// The path and the shape of every parameter. Nothing is read from the device.
pub fn shapes_of<M: Module>(module: &M) -> Vec<(String, Vec<usize>)> {
    let mut names = Naming::default();
    module.visit(&mut names);
    names.found
}

/// The metadata key of the SHA-256 of all names and numbers, in the order of the names.
const CHECKSUM: &str = "sha256";

/// The precision of the numbers in a file of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits: the weights unchanged.
    #[default]
    Full,
    /// 16 bits (IEEE 754 half precision): half the size, about three digits, and magnitudes up to 65,504.
    Half,
}

/// The weights as the bytes of a safetensors file. If `metadata` is `None`, the file's metadata hold a checksum, which
/// [`from_safetensors`] compares.
///
/// # Errors
///
/// The format cannot hold them (a header beyond its limit, or for half precision a number beyond 65,504).
pub fn to_safetensors(
    weights: &Weights,
    precision: Precision,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let mut all = Vec::with_capacity(weights.len());
    for (name, weight) in weights {
        let values = weight.values.iter();
        let (dtype, bytes): (_, Vec<u8>) = match precision {
            Precision::Full => (Dtype::F32, values.flat_map(|value| value.to_le_bytes()).collect()),
            Precision::Half => {
                if let Some(&found) =
                    values.clone().find(|value| value.is_finite() && !f16::from_f32(**value).is_finite())
                {
                    return Err(Error::BeyondHalfPrecision { name: name.clone(), found });
                }
                (Dtype::F16, values.flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect())
            }
        };
        all.push((name.as_str(), dtype, &weight.shape, bytes));
    }
    // If the caller gives metadata, the checksum is the caller's part. Only one entry: the order of several would vary
    // from file to file.
    let metadata = metadata.or_else(|| {
        let parts = all.iter().flat_map(|(name, .., bytes)| [name.as_bytes(), bytes.as_slice()]);
        Some(HashMap::from([(CHECKSUM.to_owned(), sha256(parts))]))
    });
    let views = all
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, metadata)?)
}

/// Reads the bytes of a safetensors file. Numbers of 16 bits are converted to 32 bits.
///
/// # Errors
///
/// The bytes are cut short or not a safetensors file, a tensor does not hold floats of 32 or 16 bits, or the numbers do
/// not match the checksum, if there is one.
pub fn from_safetensors(bytes: &[u8]) -> Result<Weights> {
    fn values<const N: usize>(view: &TensorView<'_>, read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        view.data().as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
    }
    let tensors = safetensors::SafeTensors::deserialize(bytes)?;
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes)?;
    if let Some(expected) = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKSUM)) {
        let sorted: BTreeMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();
        if sha256(sorted.iter().flat_map(|(name, view)| [name.as_bytes(), view.data()])) != *expected {
            return Err(Error::WeightChecksum);
        }
    }
    let weight = |(name, view): (&str, TensorView<'_>)| {
        let values = match view.dtype() {
            Dtype::F32 => values(&view, f32::from_le_bytes),
            Dtype::F16 => values(&view, |chunk| f16::from_le_bytes(chunk).to_f32()),
            Dtype::BF16 => values(&view, |chunk| bf16::from_le_bytes(chunk).to_f32()),
            found => return Err(Error::WeightType { name: name.to_owned(), found: format!("{found:?}") }),
        };
        Ok((name.to_owned(), Weight { shape: view.shape().to_vec(), values }))
    };
    tensors.iter().map(weight).collect()
}

/// Tracks the path of a visitor or mapper.
macro_rules! follows_path {
    () => {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }

        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
    };
}

#[derive(Default)]
struct Taking {
    path: ParameterPath,
    weights: Weights,
}

impl ModuleVisitor for Taking {
    follows_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values =
            tensor.into_data().try_into_vec_as::<f32>().expect("a parameter of this crate's models holds floats");
        self.weights.insert(self.path.name(), Weight { shape, values });
    }
}

struct Putting {
    path: ParameterPath,
    weights: Weights,
    error: Option<Error>,
}

impl ModuleMapper for Putting {
    follows_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        // Reading the values of an unloaded parameter would draw them first.
        let (shape, device) = (param.lazy_shape().to_vec(), param.lazy_device());
        let error = match self.weights.remove(&name) {
            None => Error::MissingWeight { name, shape },
            Some(weight) if weight.shape != shape => Error::WeightShape { name, expected: shape, found: weight.shape },
            Some(weight) => {
                let data = TensorData::new(weight.values, shape);
                let loaded = device.memory_persistent_allocations(data, |data| Tensor::<D>::from_data(data, &device));
                let id = param.id;
                if param.is_initialized() {
                    let (_, tensor, mapper) = param.consume();
                    let loaded = if tensor.is_require_grad() { loaded.require_grad() } else { loaded };
                    return Param::from_mapped_value(id, loaded, mapper);
                }
                // The values have the module's layout; Burn's mapper is for Burn's own files.
                return param.load_mapper(|tensor| tensor).transform_for_load(loaded, id);
            }
        };
        self.error.get_or_insert(error);
        param
    }
}

struct Freezing<F> {
    path: ParameterPath,
    decide: F,
}

impl<F: FnMut(&str) -> Option<bool>> ModuleMapper for Freezing<F> {
    follows_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match (self.decide)(&self.path.name()) {
            Some(trainable) => param.set_require_grad(trainable),
            None => param,
        }
    }
}

/// The name and the shape of every parameter, without drawing any.
#[derive(Default)]
struct Naming {
    path: ParameterPath,
    found: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Naming {
    follows_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push((self.path.name(), param.lazy_shape().to_vec()));
    }
}

/// The names of the frozen parameters.
#[derive(Default)]
struct Frozen {
    path: ParameterPath,
    found: Vec<String>,
}

impl ModuleVisitor for Frozen {
    follows_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.val().is_require_grad() {
            self.found.push(self.path.name());
        }
    }
}
