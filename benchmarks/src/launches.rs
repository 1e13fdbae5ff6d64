//! What a step runs on a GPU: its launches, and the time in each kernel. Only CubeCL's runtimes (wgpu, CUDA) launch
//! kernels; on the CPU backends there is nothing to count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use burn_cubecl::cubecl::config::{TypeNameFormatLevel, type_name_format};
use burn_cubecl::cubecl::future::block_on;
use burn_cubecl::cubecl::logging::{
    Duration, LaunchObservation, LaunchObserver, ProfileDuration, TimingMethod, TimingRequest,
};

use crate::Kernel;

/// Records what is launched.
#[derive(Default)]
struct Watch {
    launched: Mutex<Vec<&'static str>>,
    profiles: Mutex<Vec<(&'static str, ProfileDuration)>>,
    is_timed: bool,
}

impl LaunchObserver for Watch {
    fn launched(&self, kernel: &'static str) {
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).push(kernel);
    }

    fn timing(&self) -> TimingRequest {
        if self.is_timed { TimingRequest::Deferred } else { TimingRequest::None }
    }

    fn profiled(&self, kernel: &'static str, profile: ProfileDuration) {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner).push((kernel, profile));
    }

    fn timed(&self, _kernel: &'static str, _duration: Duration, _method: TimingMethod) {}
}

/// The kernels that `act` launches, the slowest first; `act` runs twice.
pub(crate) fn kernels(mut act: impl FnMut() -> Result<()>) -> Result<Vec<Kernel>> {
    let mut watch = |is_timed: bool| {
        let watch = Arc::new(Watch { is_timed, ..Watch::default() });
        let observation = LaunchObservation::new(watch.clone());
        act()?;
        drop(observation);
        anyhow::Ok(watch)
    };
    let (counted, timed) = (watch(false)?, watch(true)?);

    let mut launches: BTreeMap<String, usize> = BTreeMap::new();
    for kernel in counted.launched.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        *launches.entry(short(kernel)).or_default() += 1;
    }
    // For each kernel, how many launches have a time, and their total time.
    let mut seconds: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    let profiles = std::mem::take(&mut *timed.profiles.lock().unwrap_or_else(PoisonError::into_inner));
    for (kernel, profile) in profiles {
        // A time measured on the host would include compiling and waiting.
        if profile.timing_method() == TimingMethod::Device
            && let Some(ticks) = block_on(profile.resolve())
        {
            let (timed, sum) = seconds.entry(short(kernel)).or_default();
            *timed += 1;
            *sum += ticks.duration().as_secs_f64();
        }
    }
    let mut kernels: Vec<Kernel> = launches
        .into_iter()
        .map(|(name, launches)| {
            let seconds = seconds.get(&name).filter(|(timed, _)| *timed == launches).map(|(_, sum)| *sum);
            Kernel { name, launches, seconds }
        })
        .collect();
    kernels.sort_by(|one, other| other.seconds.unwrap_or(0.0).total_cmp(&one.seconds.unwrap_or(0.0)));
    Ok(kernels)
}

/// A kernel's name without the modules of its types.
fn short(kernel: &str) -> String {
    type_name_format(kernel, TypeNameFormatLevel::Short)
}
