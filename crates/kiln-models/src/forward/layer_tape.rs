//! Records the layers that a forward pass calls, for the summary of a model.

use std::cell::RefCell;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use super::tape::{self, Tape};

/// A layer that a forward pass called.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// Its name within the model.
    pub(crate) name: String,
    /// Its type, named as in Keras.
    pub(crate) kind: String,
    /// The shape of its output with the batch; `None` for a size that varies.
    pub(crate) shape: Vec<Option<usize>>,
    /// Its parameters.
    pub(crate) parameters: Vec<ParamId>,
    /// How many numbers the parameters have; filled in later.
    pub(crate) count: usize,
}

thread_local! {
    static TAPE: Tape<Layer> = const { RefCell::new(None) };
}

/// The layers that `forward` calls.
pub(crate) fn record<R>(forward: impl FnOnce() -> R) -> Vec<Layer> {
    tape::record(&TAPE, forward).1
}

/// Records `layer` in the summary that is being made, if any, and returns `output`. Call it at the end of a layer's
/// `forward`. A layer that does not is listed under the model's field that holds it, without a shape.
///
/// `kind` is the layer's type as the summary shows it; the layer's name is derived from it as in Keras.
///
/// # Examples
///
/// ```
/// use burn::module::{Module, Param};
/// use burn::tensor::Tensor;
/// use kiln_models::layers::listed;
///
/// #[derive(Module, Debug)]
/// struct Scale {
///     factors: Param<Tensor<1>>,
/// }
///
/// impl Scale {
///     fn forward(&self, input: Tensor<2>) -> Tensor<2> {
///         listed(self, "Scale", input * self.factors.val().unsqueeze())
///     }
/// }
/// ```
pub fn listed<M: Module, const D: usize>(layer: &M, kind: &str, output: Tensor<D>) -> Tensor<D> {
    list(None, &output.dims(), || (kind.to_owned(), parameters(layer)));
    output
}

/// [`listed`] for a layer without parameters.
pub(crate) fn listed_plain<const D: usize>(kind: &str, output: Tensor<D>) -> Tensor<D> {
    list(None, &output.dims(), || (kind.to_owned(), Vec::new()));
    output
}

/// Lists a layer, before it lists itself, under a name that the model chooses or the layer's own name.
pub(crate) fn list_as<M: Module>(layer: &M, name: &str, kind: &str, shape: &[usize]) {
    list(Some(name), shape, || (kind.to_owned(), parameters(layer)));
}

/// Lists the layer whose type and parameters `layer` returns.
///
/// A layer is listed once, however often it is called: layers are the same if they have the same parameters or the same
/// given name.
pub(crate) fn list(name: Option<&str>, shape: &[usize], layer: impl FnOnce() -> (String, Vec<ParamId>)) {
    tape::tell(&TAPE, |layers: &mut Vec<Layer>| {
        let (kind, parameters) = layer();
        let is_known = |id| layers.iter().any(|layer| layer.parameters.contains(id));
        let is_same = |name: &str| layers.iter().any(|layer| layer.name == name && layer.kind == kind);
        if name.is_some_and(is_same) || (!parameters.is_empty() && parameters.iter().all(is_known)) {
            return;
        }
        let base = snake_case(kind.split(' ').next().unwrap_or_default());
        let name = match (name, layers.iter().filter(|layer| layer.name.starts_with(&base)).count()) {
            (Some(name), _) => name.to_owned(),
            (None, 0) => base,
            (None, earlier) => format!("{base}_{earlier}"),
        };
        let shape = shape.iter().copied().map(Some).collect();
        layers.push(Layer { name, kind, shape, parameters, count: 0 });
    });
}

/// `MaxPooling1D` becomes `max_pooling1d`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins_word = letter.is_uppercase() && letters.peek().is_some_and(|next| next.is_lowercase());
        if begins_word && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The parameters of a layer.
pub(crate) fn parameters<M: Module>(layer: &M) -> Vec<ParamId> {
    struct Ids(Vec<ParamId>);
    impl ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.id);
        }
    }
    let mut ids = Ids(Vec::new());
    layer.visit(&mut ids);
    ids.0
}
