//! [`Launch`]: runs work in the group in which `mpirun` started this process, or on threads, with a time limit.

use std::fmt::Display;
use std::time::Duration;

use kiln_base::{OptionError, options};

use crate::error::{Error, Result};
use crate::group::Group;
use crate::one::One;
use crate::threads;

/// What MPI's launchers tell the processes that they start, Open MPI's and MPICH's.
const SIZES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];
/// The same for launchers that tell only the rank, such as Slurm's.
const RANK: &str = "PMIX_RANK";

options! {
    /// How a group starts, and how long its operations may take.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Launch {
        /// How long an operation waits for another rank: longer than the fastest rank ever waits for the slowest one.
        /// Then the waiting ranks call a roll for at most 5 s more, and fail. Default: 60 s.
        time_limit: Duration = Duration::from_secs(60),
    }
}

impl Launch {
    /// Runs `work` in the group in which `mpirun` started this process: MPI's ranks, or a group of one if nothing
    /// started it. If `work` returns an error, the other ranks fail with its text. Call it once in a program, which
    /// should end soon after; a program that then ends with an error also makes `mpirun` end the other ranks.
    ///
    /// MPI's ranks first check that all run the same program file.
    ///
    /// ```
    /// use kiln_group::{Error, Launch};
    ///
    /// let size = Launch::new().run(|group| {
    ///     group.agree("the seed", "7")?;
    ///     Ok::<_, Error>(group.size())
    /// })?;
    /// assert_eq!(size, 1, "mpirun did not start this");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error of `work`; [`Error::Option`] for a time limit of 0; [`Error::NotBuilt`] under `mpirun` without the
    /// feature `mpi`; [`Error::InUse`]; [`Error::Differs`] if ranks run different programs; [`Error::Missing`] if not
    /// all ranks come to the start or the end in time.
    pub fn run<T, E: From<Error> + Display>(self, work: impl FnOnce(&dyn Group) -> Result<T, E>) -> Result<T, E> {
        self.check()?;
        let size = SIZES.into_iter().find_map(|variable| Some((variable, std::env::var(variable).ok()?)));
        match size {
            Some((_, size)) if size.trim() == "1" => work(&One),
            Some((variable, _)) => self.with_mpi(variable, work),
            None if std::env::var_os(RANK).is_some() => self.with_mpi(RANK, work),
            None => work(&One),
        }
    }

    #[cfg(not(feature = "mpi"))]
    fn with_mpi<T, E: From<Error>>(
        self,
        variable: &'static str,
        _work: impl FnOnce(&dyn Group) -> Result<T, E>,
    ) -> Result<T, E> {
        Err(Error::NotBuilt { variable }.into())
    }

    #[cfg(feature = "mpi")]
    fn with_mpi<T, E: From<Error> + Display>(
        self,
        _variable: &'static str,
        work: impl FnOnce(&dyn Group) -> Result<T, E>,
    ) -> Result<T, E> {
        let group = crate::mpi::Mpi::start(self.time_limit)?;
        let value = same_program(&group).map_err(E::from).and_then(|()| work(&group));
        let value = value.inspect_err(|error| group.abort(&format!("{error:#}")))?;
        group.finish()?;
        Ok(value)
    }

    /// Runs `work` on `workers` threads, each a rank of one group, and returns the results in the order of the ranks.
    /// If the work of one fails, the others fail with the text of its error.
    ///
    /// # Panics
    ///
    /// If `work` panics on a thread, after all threads have ended.
    ///
    /// # Errors
    ///
    /// In place of the results: [`Error::Option`] for no workers or a time limit of 0.
    pub fn threads<T: Send, E: From<Error> + Display + Send>(
        self,
        workers: usize,
        work: impl Fn(&dyn Group) -> Result<T, E> + Sync,
    ) -> Vec<Result<T, E>> {
        let workers_given = OptionError::unless(workers > 0, "workers", "1 or more", workers);
        if let Err(error) = self.check().and_then(|()| Ok(workers_given?)) {
            return vec![Err(error.into())];
        }
        threads::run(workers, self.time_limit, work)
    }

    fn check(&self) -> Result<()> {
        let limit = self.time_limit;
        Ok(OptionError::unless(!limit.is_zero(), "time_limit", "longer than 0 s", format!("{limit:?}"))?)
    }
}

/// Fails unless all ranks run the same bytes.
#[cfg(feature = "mpi")]
fn same_program(group: &dyn Group) -> Result<()> {
    use kiln_base::FileError;

    let path = std::env::current_exe().map_err(FileError::new("find the file of", "this program"))?;
    let program = std::fs::read(&path).map_err(FileError::new("read", &path))?;
    group.agree("the SHA-256 of the program", &kiln_base::checksum::sha256([program.as_slice()]))
}
