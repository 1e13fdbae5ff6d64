//! Which device a program runs on: the best GPU that the build and the machine have, else the CPU.

use burn::tensor::Device;

use crate::error::{Error, Result};

/// The environment variable that forces a backend.
pub const DEVICE_VARIABLE: &str = "KILN_DEVICE";

/// A backend that a build may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// NVIDIA's GPUs through CUDA.
    Cuda,
    /// Any GPU through wgpu: Vulkan, Metal, DX12.
    Wgpu,
    /// The CPU, by burn-flex.
    Flex,
    /// The CPU, by burn-ndarray.
    NdArray,
}

impl Backend {
    const ALL: [Self; 4] = [Self::Cuda, Self::Wgpu, Self::Flex, Self::NdArray];

    /// The name that `--device` and `KILN_DEVICE` take, which is also the feature's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
        }
    }

    /// Whether this build holds the backend.
    #[must_use]
    pub fn is_built(self) -> bool {
        match self {
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
        }
    }

    /// The backends of this build, the fastest first.
    pub fn built() -> Vec<Self> {
        Self::ALL.into_iter().filter(|backend| backend.is_built()).collect()
    }
}

/// A device and why it was taken.
#[derive(Clone, Debug)]
pub struct DeviceChoice {
    /// The device.
    pub device: Device,
    /// Its backend.
    pub backend: Backend,
    /// Why it was taken, for a person.
    pub reason: String,
}

/// The best device: a GPU if the build has a backend for one and one is there, else the CPU.
/// `KILN_DEVICE` forces a backend. One line on the standard error says which was taken and why.
///
/// A software Vulkan adapter, such as lavapipe, counts as no GPU unless `wgpu` is forced.
///
/// # Errors
///
/// The backend forced is not in the build, or has no device here; the message names what is.
pub fn device() -> Result<Device> {
    device_named(std::env::var(DEVICE_VARIABLE).ok().as_deref())
}

/// The device of the backend called `name` (`wgpu`, `cuda`, `flex`, `ndarray`), or with `None` or
/// `auto` the best one. One line on the standard error says which was taken and why.
///
/// # Errors
///
/// As [`device`].
pub fn device_named(name: Option<&str>) -> Result<Device> {
    let choice = choose(name)?;
    eprintln!("device: {}, {}", choice.backend.name(), choice.reason);
    Ok(choice.device)
}

/// As [`device_named`], without the line.
///
/// Where it takes the CPU, it also tells glibc's allocator to keep the memory that training steps
/// free: see [`kiln_kernels::keep_freed_memory`].
///
/// # Errors
///
/// As [`device`].
pub fn choose(name: Option<&str>) -> Result<DeviceChoice> {
    let choice = match name {
        None | Some("" | "auto") => best(),
        Some(name) => forced(name),
    }?;
    if matches!(choice.backend, Backend::Flex | Backend::NdArray) {
        kiln_kernels::keep_freed_memory();
    }
    Ok(choice)
}

fn forced(name: &str) -> Result<DeviceChoice> {
    let unavailable = |why: &str| Error::Device { name: name.to_owned(), why: why.to_owned(), available: available() };
    let Some(backend) = Backend::ALL.into_iter().find(|backend| backend.name() == name) else {
        return Err(unavailable("there is no backend of that name"));
    };
    if !backend.is_built() {
        return Err(unavailable("this build lacks it; build with the feature of that name"));
    }
    let device = match backend {
        Backend::Flex | Backend::NdArray => cpu(backend),
        Backend::Cuda | Backend::Wgpu => gpus(backend, Adapters::All).into_iter().next(),
    };
    let device = device.ok_or_else(|| unavailable(without_adapter(backend)))?;
    let reason = format!("as asked for: {}", name_of(&device));
    Ok(DeviceChoice { device, backend, reason })
}

/// What a backend that finds nothing would need.
fn without_adapter(backend: Backend) -> &'static str {
    match backend {
        Backend::Cuda => "it finds no card on this machine; it needs one of NVIDIA's and its driver",
        _ if cfg!(target_os = "linux") => {
            "it finds no adapter on this machine; it needs a Vulkan driver, the card's own or, on the CPU, Mesa's software \
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
            "this build holds no backend; build with a feature".to_owned()
        } else {
            format!("{} finds no GPU and this build holds no backend for the CPU", tried.join(" and "))
        },
        available: available(),
    })
}

/// A GPU's own name; the CPU has none.
fn name_of(device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return identity.name.to_string();
    }
    let _ = device;
    "the CPU".to_owned()
}

/// The names of the backends that would work here.
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
        // Without NVIDIA's driver the library that lists devices cannot be loaded, and says so by
        // a panic.
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

    /// What the child process of the next test runs; by itself it does nothing.
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
        // The Vulkan loader looks for drivers in what the first two name; EGL, through which wgpu also looks, in the third.
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
