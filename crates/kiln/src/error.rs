//! One error for a program that uses the facade: those of its crates, and devices.

/// What can go wrong in a program on Kiln.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device cannot be had.
    #[error("device '{name}' cannot be used: {why}; available here: {available}")]
    Device {
        /// The name asked for.
        name: String,
        /// Why not.
        why: String,
        /// The names that would work.
        available: String,
    },
    /// Opening a file by [`Input`](crate::Input).
    #[error(transparent)]
    File(#[from] kiln_base::FileError),
    /// Reading text.
    #[error(transparent)]
    Text(#[from] kiln_text::Error),
    /// Making a model.
    #[error(transparent)]
    Model(#[from] kiln_models::Error),
    /// Reading, asking or scoring word vectors.
    #[error(transparent)]
    Vectors(#[from] kiln_vectors::Error),
    /// Fitting or reading a linear model.
    #[error(transparent)]
    Linear(#[from] kiln_linear::Error),
    /// Loading an artifact, predicting.
    #[error(transparent)]
    Predict(#[from] kiln_predict::Error),
    /// Training and what it leaves.
    #[error(transparent)]
    Train(#[from] kiln_train::Error),
}

/// The result of a program's functions.
pub type Result<T> = std::result::Result<T, Error>;
