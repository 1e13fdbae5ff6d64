//! Turns failures of a GPU into errors that say what to do: it ran out of memory, or the device failed.
//!
//! A GPU computes while the program goes on, so a failure appears at the next read, and only its text says what went
//! wrong. Most reads return it as an error. Reads that Burn offers without a `Result`, such as those in
//! [`weights_of`](kiln_models::weights::weights_of), panic with it, and so does CubeCL if its own thread hits it. That
//! is why work on a GPU runs under `catch_unwind`, here and nowhere else; a panic that is not a failure of the device
//! is passed on unchanged.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use burn::module::Module;
use burn::tensor::Device;
use kiln_kernels::{device_memory, gpu_name};
use kiln_models::weights;

use crate::error::{Error, Result, Shortage, bytes_of};

/// A smaller number of rows to try, a power of two: as many as let the requested buffer fit, if its size grows with the
/// rows, else half.
fn batch_to_try(rows: usize, asked: Option<u64>, largest: Option<u64>) -> Option<usize> {
    let fewer = match (asked, largest) {
        (Some(asked), Some(largest)) if asked > largest => {
            (rows as u128 * u128::from(largest) / u128::from(asked)) as usize
        }
        _ => rows / 2,
    };
    (fewer > 0).then(|| 1 << fewer.ilog2())
}

/// What a message says about a device.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Memory { asked: Option<u64> },
    Device { reason: String },
}

impl Failure {
    /// `None` for a message about something else.
    fn told_by(message: &str) -> Option<Self> {
        // CubeCL's allocation errors, each followed by the number of bytes.
        const SIZED: [&str; 4] = [
            "can't allocate buffer of size: ",
            "out of device memory allocating ",
            "storage for a deferred allocation of ",
            "Can't allocate ",
        ];
        // wgpu's errors.
        const UNSIZED: [&str; 2] = ["Out of Memory", "Not enough memory left"];
        // CubeCL's error for a buffer that it could not allocate.
        const MISSING: [&str; 1] = ["couldn't find resource for that handle"];
        const LOST: [&str; 2] = ["DevicePoisoned", "device is poisoned"];
        // Errors of reads, which Burn returns or panics with, and panics of CubeCL's own thread.
        const FAILED: [&str; 4] = [
            "An error happened during execution",
            "Error while reading data",
            "wgpu error",
            "device runner channel disconnected",
        ];

        for mark in SIZED {
            if let Some((_, rest)) = message.split_once(mark) {
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                return Some(Self::Memory { asked: digits.parse().ok() });
            }
        }
        let says = |marks: &[&str]| marks.iter().any(|mark| message.contains(mark));
        if says(&UNSIZED) {
            return Some(Self::Memory { asked: None });
        }
        if says(&LOST) {
            return Some(Self::Device { reason: format!("{} (this process has lost it)", innermost(message)) });
        }
        if says(&MISSING) {
            return Some(Self::Memory { asked: None });
        }
        says(&FAILED).then(|| Self::Device { reason: innermost(message) })
    }
}

/// The innermost cause in a message, without what follows it.
fn innermost(message: &str) -> String {
    // In a quoted message, line ends are escaped.
    let message = message.strip_suffix("\" }").unwrap_or(message).replace("\\n", "\n");
    let cause = message.rsplit("Caused by:").next().unwrap_or_default();
    let lines = cause.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.take_while(|line| *line != "Backtrace:" && *line != "Asked at:").collect();
    lines.join(": ")
}

/// The text of a panic, if it has one.
fn message_of(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())
}

/// An error that may come from a failure of the device.
pub trait OfDevice: From<Error> + std::fmt::Display {
    /// Whether its text should be searched for a failure of the device.
    fn is_of_device(&self) -> bool;
}

/// The device of a module's first parameter.
///
/// # Errors
///
/// The module has no parameters.
pub fn device_of<M: Module>(module: &M) -> Result<Device> {
    module.devices().into_iter().next().ok_or(Error::NoParameters)
}

/// A model's work on its device.
#[derive(Debug)]
pub struct Work {
    device: Device,
    /// The GPU's name; `None` on the CPU, whose failures are not handled here.
    gpu: Option<String>,
    batch_size: usize,
    largest_parameter: Option<(String, Vec<usize>)>,
}

impl Work {
    /// Work of `model` in batches of `batch_size` rows.
    ///
    /// # Errors
    ///
    /// The model has no parameters.
    pub fn of<M: Module>(model: &M, batch_size: usize) -> Result<Self> {
        let device = device_of(model)?;
        let gpu = gpu_name(&device);
        let largest_parameter =
            gpu.as_ref().and_then(|_| weights::shapes_of(model).into_iter().max_by_key(|(_, shape)| bytes_of(shape)));
        Ok(Self { device, gpu, batch_size, largest_parameter })
    }

    /// Runs `act` and returns its result.
    ///
    /// # Errors
    ///
    /// Those of `act`. Errors and panics that come from a failure of the device become [`Error::OutOfMemory`] and
    /// [`Error::DeviceFailed`].
    pub fn run<T, E: OfDevice>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let Some(gpu) = &self.gpu else { return act() };
        // A panic can leave only a model in training half-done, and that model is dropped with the run; other work only
        // reads it.
        match catch_unwind(AssertUnwindSafe(act)) {
            Ok(Err(error)) if error.is_of_device() => {
                Err(Failure::told_by(&error.to_string()).map_or(error, |failure| self.error(gpu, failure).into()))
            }
            Ok(result) => result,
            Err(panic) => match message_of(&*panic).and_then(Failure::told_by) {
                Some(failure) => Err(self.error(gpu, failure).into()),
                None => resume_unwind(panic),
            },
        }
    }

    fn error(&self, gpu: &str, failure: Failure) -> Error {
        let asked = match failure {
            Failure::Memory { asked } => asked,
            Failure::Device { reason } => {
                return Error::DeviceFailed { device: gpu.to_owned(), reason, kept: String::new() };
            }
        };
        // A device without free memory may not answer this either.
        let memory = catch_unwind(AssertUnwindSafe(|| device_memory(&self.device))).ok().flatten();
        let largest = memory.map(|memory| memory.largest_buffer);
        let is_too_large = |(_, shape): &&(String, Vec<usize>)| largest.is_some_and(|most| bytes_of(shape) > most);
        let parameter = self.largest_parameter.as_ref().filter(is_too_large).cloned();
        let try_batch_size = if parameter.is_some() { None } else { batch_to_try(self.batch_size, asked, largest) };
        let device = gpu.to_owned();
        let shortage = Shortage { device, asked, memory, batch_size: self.batch_size, try_batch_size, parameter };
        Error::OutOfMemory { shortage: Box::new(shortage), kept: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use kiln_kernels::DeviceMemory;

    use super::*;

    #[test]
    fn a_devices_messages_are_told_apart() {
        let memory = |asked| Some(Failure::Memory { asked });
        let device = |reason: &str| Some(Failure::Device { reason: reason.to_owned() });
        for (message, expected) in [
            (
                "An error happened during execution\nCaused by:\n  The bytes were never written (failure #3, still \
                 claiming 2 buffer(s))\nCaused by:\n  An IO error happened\nCaused by:\n  can't allocate buffer of size: \
                 268435456\nNo backtrace available",
                memory(Some(268_435_456)),
            ),
            ("out of device memory allocating 4096 bytes\n", memory(Some(4096))),
            ("wgpu error: Out of Memory", memory(None)),
            ("The device is poisoned\nCaused by:\n  Unknown: Not enough memory left.", memory(None)),
            (
                "The device is poisoned\nCaused by:\n  The device is poisoned\nCaused by:\n  Destroyed: the device went \
                 away\nBacktrace:\nNo backtrace available",
                device("Destroyed: the device went away (this process has lost it)"),
            ),
            (
                "weights: DevicePoisoned { reason: \"The device is poisoned\\nCaused by:\\n  Unknown: reset\\nBacktrace:\\n\" }",
                device("Unknown: reset (this process has lost it)"),
            ),
            (
                "An error happened during execution\nCaused by:\n  The bytes were never written\nCaused by:\n  The work \
                 writing this buffer was torn down\nAsked at:\nNo backtrace available",
                device("The work writing this buffer was torn down"),
            ),
            (
                "wgpu error: Validation Error\n\nCaused by:\n  In Queue::write_buffer\n    Buffer with '' label is invalid\n",
                device("In Queue::write_buffer: Buffer with '' label is invalid"),
            ),
            (
                "Error while reading data: use `try_into_data` instead to catch the error at runtime: WithContext { reason: \
                 \"The bytes were never written\\nCaused by:\\n  The work was torn down\" }",
                device("The work was torn down"),
            ),
            ("index out of bounds: the len is 3 but the index is 5", None),
        ] {
            assert_eq!(Failure::told_by(message), expected, "{message}");
        }
    }

    #[test]
    fn the_batch_to_try_lets_the_buffer_fit() {
        for (rows, asked, largest, expected) in [
            (64, Some(4_000), Some(1_000), Some(16)),
            (64, Some(4_001), Some(1_000), Some(8)), // 15 rows fit
            (64, Some(65_000), Some(1_000), None),   // not even one
            (64, Some(500), Some(1_000), Some(32)),  // other buffers take the space
            (48, None, Some(1_000), Some(16)),
            (1, None, None, None),
        ] {
            assert_eq!(batch_to_try(rows, asked, largest), expected, "{rows} rows, {asked:?} of {largest:?}");
        }
    }

    #[test]
    fn a_shortage_says_what_was_asked_what_is_free_and_what_to_try() {
        let of = |asked, memory, try_batch_size| Shortage {
            device: "a card".to_owned(),
            asked,
            memory,
            batch_size: 64,
            try_batch_size,
            parameter: None,
        };
        let memory = Some(DeviceMemory { largest_buffer: 1 << 30, held: 3 << 30, all: Some(4 << 30) });
        let text = of(Some(700 << 20), memory, Some(32)).to_string();
        assert_eq!(
            text,
            "a card has no room for a buffer of 700.0 MiB: this process holds 3.0 GiB of its 4.0 GiB, so at most 1.0 \
             GiB are free; try a batch size of 32 instead of 64"
        );
        let text = of(Some(5 << 30), memory, Some(8)).to_string();
        assert_eq!(
            text,
            "a batch of 64 rows needs a buffer of 5.0 GiB, but the largest of a card holds 1.0 GiB; try a batch size \
             of 8 instead of 64"
        );
        let untold = DeviceMemory { largest_buffer: 1 << 30, held: 3 << 10, all: None };
        let text = of(None, Some(untold), None).to_string();
        assert!(text.contains("holds 3.0 KiB") && text.contains("does not say") && text.contains("1.0 GiB"), "{text}");
        assert!(text.contains("no smaller batch helps"), "{text}");
    }
}
