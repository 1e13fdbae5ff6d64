//! The name of a parameter: the path of fields and indices that leads to it.

/// The path of the parameter that a visitor or mapper of a module is at, such as `lstm.kernel`. It identifies weights,
/// gradients and an optimizer's moments.
///
/// Enum variants are not part of a path: a model in an enum of models keeps the names that it has outside it.
#[derive(Clone, Debug, Default)]
pub struct ParameterPath(Vec<String>);

impl ParameterPath {
    /// Enters a field; call it from `enter_module`.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    /// Leaves a field; call it from `exit_module`.
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
