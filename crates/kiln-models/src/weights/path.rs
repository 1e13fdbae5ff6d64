//! The name of a parameter: the fields and places on the way to it.

/// The path of the parameter that a visitor or mapper of a module is at, such as `lstm.kernel`. Weights, gradients and
/// an optimizer's moments are all kept by it.
///
/// A variant of an enum has no place in a path: a model in an enum of models keeps the names that it has by itself.
#[derive(Clone, Debug, Default)]
pub struct ParameterPath(Vec<String>);

impl ParameterPath {
    /// Goes into a field, as `enter_module` says.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    /// Comes out of it, as `exit_module` says.
    pub fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    /// The path.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}
