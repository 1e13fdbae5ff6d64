//! The error type of a program that uses the facade: the errors of Kiln's crates, and of devices.

/// What can go wrong in a program built on Kiln.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device cannot be used.
    #[error("device '{name}' cannot be used: {why}; available here: {available}")]
    Device {
        /// The name asked for.
        name: String,
        /// Why not.
        why: String,
        /// The names that would work.
        available: String,
    },
    /// Opening a file with [`Input`](crate::Input).
    #[error(transparent)]
    File(#[from] kiln_base::FileError),
    /// Working in a group.
    #[error(transparent)]
    Group(#[from] kiln_group::Error),
    /// Reading text.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),
    /// Building a model.
    #[error(transparent)]
    Model(#[from] kiln_models::Error),
    /// Reading, querying or scoring word vectors.
    #[error(transparent)]
    Vectors(#[from] kiln_vectors::Error),
    /// Fitting or reading a linear model.
    #[error(transparent)]
    Linear(#[from] kiln_linear::Error),
    /// Loading an artifact or predicting.
    #[error(transparent)]
    Predict(#[from] kiln_predict::Error),
    /// Training, or reading what a run wrote.
    #[error(transparent)]
    Train(#[from] kiln_train::Error),
}

/// The result type of functions that use the facade.
pub type Result<T> = std::result::Result<T, Error>;
