//! Chooses the device that a program runs on: the best GPU that the build supports and the machine has, else the CPU.

use std::io::Write;

use burn::tensor::Device;

use crate::error::{Error, Result};

/// The environment variable that forces a backend.
pub const DEVICE_VARIABLE: &str = "KILN_DEVICE";

/// A backend that a build can include.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// NVIDIA GPUs through CUDA.
    Cuda,
    /// Any GPU through wgpu: Vulkan, Metal, DX12.
    Wgpu,
    /// The CPU, through burn-flex.
    Flex,
    /// The CPU, through burn-ndarray.
    NdArray,
}

impl Backend {
    const ALL: [Self; 4] = [Self::Cuda, Self::Wgpu, Self::Flex, Self::NdArray];
    /// The backends for the CPU, fastest first.
    const CPU: [Self; 2] = [Self::Flex, Self::NdArray];

    /// The name that `--device` and `KILN_DEVICE` accept, which is also the name of the feature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
        }
    }

    /// Whether this build includes the backend.
    #[must_use]
    pub fn is_built(self) -> bool {
        match self {
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
        }
    }

    /// The backends of this build, fastest first.
    pub fn built() -> Vec<Self> {
        Self::ALL.into_iter().filter(|backend| backend.is_built()).collect()
    }
}

/// A device and why it was chosen.
#[derive(Clone, Debug)]
pub struct DeviceChoice {
    /// The device.
    pub device: Device,
    /// Its backend.
    pub backend: Backend,
    /// Why it was chosen, in words for a user.
    pub reason: String,
}

/// The best device: a GPU if the build has a backend for one and the machine has one, else the CPU. `KILN_DEVICE`
/// forces a backend. One line on standard error names the device and the reason.
///
/// A software Vulkan adapter, such as lavapipe, does not count as a GPU unless `wgpu` is forced.
///
/// # Errors
///
/// The forced backend is not in the build or finds no device here; the message lists the backends that would work.
pub fn device() -> Result<Device> {
    device_named(std::env::var(DEVICE_VARIABLE).ok().as_deref())
}

/// The device of the backend called `name` (`wgpu`, `cuda`, `flex`, `ndarray`), the CPU's fastest backend for `cpu`, or
/// the best device for `None` and `auto`. Case does not matter. One line on standard error names the device and the
/// reason.
///
/// # Errors
///
/// Same as [`device`].
pub fn device_named(name: Option<&str>) -> Result<Device> {
    let choice = choose(name)?;
    // A closed pipe or a full disk there must not end the program.
    let _ = writeln!(std::io::stderr(), "device: {}, {}", choice.backend.name(), choice.reason);
    Ok(choice.device)
}

/// Like [`device_named`], without the line.
///
/// If it chooses the CPU, it also makes glibc's allocator keep the memory that training steps free: see
/// [`kiln_kernels::keep_freed_memory`].
///
/// # Errors
///
/// Same as [`device`].
pub fn choose(name: Option<&str>) -> Result<DeviceChoice> {
    let choice = match name.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("auto")) {
        None => best(),
        Some(name) => forced(name),
    }?;
    if matches!(choice.backend, Backend::Flex | Backend::NdArray) {
        kiln_kernels::keep_freed_memory();
    }
    Ok(choice)
}

fn forced(name: &str) -> Result<DeviceChoice> {
    let error = |why: &str, available| Error::Device { name: name.to_owned(), why: why.to_owned(), available };
    let unavailable = |why: &str| error(why, available());
    let backend = if name.eq_ignore_ascii_case("cpu") {
        // Without one in the build, the first is refused below.
        Backend::CPU.into_iter().find(|backend| backend.is_built()).unwrap_or(Backend::CPU[0])
    } else {
        let named = Backend::ALL.into_iter().find(|backend| backend.name().eq_ignore_ascii_case(name));
        named.ok_or_else(|| error("there is no backend of that name", names()))?
    };
    if !backend.is_built() {
        let why = format!("this build does not include it; build with the feature `{}`", backend.name());
        return Err(unavailable(&why));
    }
    let device = match backend {
        Backend::Flex | Backend::NdArray => cpu(backend),
        Backend::Cuda | Backend::Wgpu => gpus(backend, Adapters::All).into_iter().next(),
    };
    let device = device.ok_or_else(|| unavailable(without_adapter(backend)))?;
    let reason = format!("as requested: {}", name_of(&device));
    Ok(DeviceChoice { device, backend, reason })
}

/// What a backend that finds no device would need.
fn without_adapter(backend: Backend) -> &'static str {
    match backend {
        Backend::Cuda => "it finds no card on this machine; it needs an NVIDIA card and its driver",
        _ if cfg!(target_os = "linux") => {
            "it finds no adapter on this machine; it needs a Vulkan driver: the card's, or for the CPU Mesa's software \
             adapter (the package mesa-vulkan-drivers)"
        }
        _ => "it finds no adapter on this machine; it needs a driver for Vulkan, Metal or DirectX 12",
    }
}

fn best() -> Result<DeviceChoice> {
    let mut tried = Vec::new();
    for backend in Backend::built() {
        match backend {
            Backend::Cuda | Backend::Wgpu => {
                if let Some(device) = gpus(backend, Adapters::Hardware).into_iter().next() {
                    let reason = format!("the first GPU found: {}", name_of(&device));
                    return Ok(DeviceChoice { device, backend, reason });
                }
                tried.push(backend.name());
            }
            Backend::Flex | Backend::NdArray => {
                if let Some(device) = cpu(backend) {
                    let reason = if tried.is_empty() {
                        "the CPU: this build has no backend for GPUs".to_owned()
                    } else {
                        format!("the CPU: {} finds no GPU", tried.join(" and "))
                    };
                    return Ok(DeviceChoice { device, backend, reason });
                }
            }
        }
    }
    Err(Error::Device {
        name: "auto".to_owned(),
        why: if tried.is_empty() {
            "this build has no backend; build with the feature of one".to_owned()
        } else {
            format!("{} finds no GPU and this build has no backend for the CPU", tried.join(" and "))
        },
        available: available(),
    })
}

/// The name of a GPU; the CPU has none.
fn name_of(device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return identity.name.to_string();
    }
    let _ = device;
    "the CPU".to_owned()
}

/// The names that this build knows, without a look at the machine: libraries of GPUs take long to open.
fn names() -> String {
    let name = |backend: Backend| match backend {
        Backend::Flex | Backend::NdArray => backend.name().to_owned(),
        Backend::Cuda | Backend::Wgpu => format!("{} (if it finds a device)", backend.name()),
    };
    let built = Backend::built().into_iter().map(name);
    ["auto", "cpu"].map(str::to_owned).into_iter().chain(built).collect::<Vec<_>>().join(", ")
}

/// The names of the backends that would work on this machine.
fn available() -> String {
    let names: Vec<&str> = Backend::built()
        .into_iter()
        .filter(|&backend| match backend {
            Backend::Flex | Backend::NdArray => true,
            Backend::Cuda | Backend::Wgpu => !gpus(backend, Adapters::All).is_empty(),
        })
        .map(Backend::name)
        .collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn cpu(backend: Backend) -> Option<Device> {
    match backend {
        #[cfg(feature = "flex")]
        Backend::Flex => Some(Device::flex()),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)] // burn-ndarray stays as long as Burn ships it
        Backend::NdArray => Some(Device::ndarray()),
        _ => None,
    }
}

/// Which adapters count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Adapters {
    /// Only GPUs.
    Hardware,
    /// GPUs, then software ones.
    All,
}

#[allow(unused_variables, clippy::needless_return)]
fn gpus(backend: Backend, adapters: Adapters) -> Vec<Device> {
    #[cfg(feature = "wgpu")]
    if backend == Backend::Wgpu {
        use burn::tensor::{DeviceKind, DeviceType};
        let software = Device::wgpu(DeviceKind::Cpu);
        let found = Device::enumerate(DeviceType::Wgpu).into_vec();
        let (slow, mut fast): (Vec<_>, Vec<_>) = found.into_iter().partition(|device| *device == software);
        // A GPU with its own memory comes before one that shares the machine's.
        let discrete = |device: &Device| (0..8).any(|n| *device == Device::wgpu(DeviceKind::DiscreteGpu(n)));
        fast.sort_by_key(|device| !discrete(device));
        if adapters == Adapters::All {
            fast.extend(slow);
        }
        return fast;
    }
    #[cfg(feature = "cuda")]
    if backend == Backend::Cuda {
        use burn::tensor::DeviceType;
        // Without NVIDIA's driver, the library that lists devices cannot be loaded, and Burn panics.
        let list = || Device::enumerate(DeviceType::Cuda).into_vec();
        return std::panic::catch_unwind(list).unwrap_or_default();
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_is_an_error_that_names_the_others() {
        let message = choose(Some("tpu")).unwrap_err().to_string();
        assert!(message.contains("'tpu'") && message.contains("no backend of that name"), "{message}");
        for backend in [Backend::Flex, Backend::NdArray] {
            assert_eq!(message.contains(backend.name()), backend.is_built(), "{message}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_without_a_look_for_gpus() {
        let message = choose(Some("tpu")).unwrap_err().to_string();
        // Whether this machine has a GPU or not.
        assert!(message.ends_with(&format!("available here: {}", names())), "{message}");
        for backend in Backend::built() {
            assert!(names().contains(backend.name()), "{}", names());
        }
    }

    #[test]
    fn the_cpu_has_a_name_and_case_does_not_matter() {
        let Some(best) = Backend::CPU.into_iter().find(|backend| backend.is_built()) else {
            let message = choose(Some("cpu")).unwrap_err().to_string();
            assert!(message.contains("'cpu'") && message.contains("feature"), "{message}");
            return;
        };
        for name in ["cpu", "CPU", best.name(), &best.name().to_uppercase()] {
            assert_eq!(choose(Some(name)).unwrap().backend, best, "{name}");
        }
        assert_eq!(choose(Some("AUTO")).unwrap().backend, choose(None).unwrap().backend);
    }

    #[test]
    fn a_backend_outside_the_build_is_an_error_that_names_the_feature() {
        for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_built()) {
            let message = choose(Some(backend.name())).unwrap_err().to_string();
            assert!(message.contains("feature"), "{message}");
        }
    }

    #[test]
    fn every_cpu_backend_of_the_build_can_be_forced() {
        for backend in [Backend::Flex, Backend::NdArray].into_iter().filter(|b| b.is_built()) {
            assert_eq!(choose(Some(backend.name())).unwrap().backend, backend);
        }
    }

    /// Runs in the child process of the next test; does nothing otherwise.
    #[test]
    fn child_without_a_driver() {
        if std::env::var_os("KILN_TEST_NO_DRIVER").is_some() {
            println!("child: {}", choose(Some("wgpu")).unwrap_err());
            println!("child: {}", choose(None).unwrap().backend.name());
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", feature = "wgpu", feature = "flex"))]
    fn without_a_driver_wgpu_is_an_error_and_the_cpu_is_taken() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "device::tests::child_without_a_driver", "--nocapture"]);
        // The Vulkan loader looks for drivers in the first two; EGL, which wgpu also uses, looks in the third.
        for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"] {
            child.env(variable, "/nonexistent");
        }
        let output = child.env("KILN_TEST_NO_DRIVER", "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for part in ["'wgpu'", "no adapter", "mesa-vulkan-drivers", "available here: flex", "child: flex"] {
            assert!(said.contains(part), "'{said}' does not say '{part}'");
        }
    }

    #[test]
    fn a_software_adapter_is_never_taken_unasked() {
        let choice = choose(None).unwrap();
        #[cfg(feature = "wgpu")]
        assert_ne!(choice.device, Device::wgpu(burn::tensor::DeviceKind::Cpu));
        assert!(!choice.reason.is_empty());
    }
}
