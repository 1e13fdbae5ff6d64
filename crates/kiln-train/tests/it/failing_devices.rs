//! GPUs that fail: buffers above the limit, too little memory, a device that is lost in the middle of a run.

#[cfg(target_os = "linux")]
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use burn::tensor::wgpu::wgpu;
use kiln_models::{RecurrentClassifierConfig, RecurrentKind, RecurrentRegressor, RecurrentRegressorConfig};
use kiln_predict::Shortage;
use kiln_train::{
    Callback, Control, EpochLogs, Error, ExistingRun, SeriesDataset, StepLogs, Trainer, evaluate, predict,
};

use crate::own_device::own_device;
use crate::small_run::SmallRun;
use crate::{devices, skips};

/// A device whose largest buffer holds `bytes`.
fn with_buffers_of(bytes: u64) -> Option<Device> {
    let device = own_device(|limits| {
        limits.max_storage_buffer_binding_size = bytes;
        limits.max_buffer_size = bytes;
    });
    if device.is_none() {
        skips::no_adapter();
    }
    device.map(|(device, _)| device)
}

const STEPS: usize = 16;

/// Sequences whose steps become large tensors in a model of `d_hidden` units.
fn sequences(rows: usize) -> SeriesDataset {
    let values = (0..rows * STEPS).map(|n| (n % 13) as f32 / 13.0).collect();
    SeriesDataset::new(values, [STEPS, 1], vec![0.5; rows], 1).unwrap()
}

fn regressor(d_hidden: usize, device: &Device) -> RecurrentRegressor {
    let config = RecurrentRegressorConfig::new(1, STEPS).kind(RecurrentKind::Gru).d_hidden(vec![d_hidden]);
    config.init(device, 0).unwrap()
}

fn trainer(folder: &Path, batch_size: usize) -> Trainer<RecurrentRegressor> {
    Trainer::new(folder).batch_size(batch_size).quiet()
}

#[track_caller]
fn shortage(error: Error) -> Shortage {
    match error {
        Error::Predict(kiln_predict::Error::OutOfMemory { shortage, .. }) => *shortage,
        other => panic!("memory was to run out, but: {other}"),
    }
}

/// The advice is followed until the batch fits.
#[test]
fn a_batch_beyond_the_largest_buffer_is_refused_with_one_that_fits() {
    let largest = 16 << 20;
    let Some(device) = with_buffers_of(largest) else { return };
    let data = sequences(2_048);
    let mut batch_size = 2_048;
    let mut refused = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let error = match trainer(folder.path(), batch_size).fit(regressor(64, &device), &data, &data) {
            Ok(_) => break,
            Err(error) => error,
        };
        let message = error.to_string();
        assert!(message.contains("no epoch was kept") && message.contains("16.0 MiB"), "{message}");
        let shortage = shortage(error);
        assert!(shortage.asked.unwrap() > largest, "{shortage:?}");
        assert_eq!(shortage.memory.unwrap().largest_buffer, largest);
        assert_eq!(shortage.batch_size, batch_size);
        assert!(!folder.path().join("checkpoint.kiln").exists());
        let next = shortage.try_batch_size.unwrap();
        assert!(next < batch_size && message.contains(&format!("try a batch size of {next} instead of {batch_size}")));
        (batch_size, refused) = (next, refused + 1);
    }
    assert!(refused >= 1 && batch_size >= 16, "{refused} times refused, then {batch_size} rows");
}

#[test]
fn evaluations_and_predictions_say_it_too() {
    let Some(device) = with_buffers_of(16 << 20) else { return };
    let (model, data) = (regressor(64, &device), sequences(2_048));
    let of_evaluation = shortage(evaluate(&model, &data, 2_048).unwrap_err());
    let of_prediction = shortage(predict(&model, &data, 2_048).unwrap_err());
    assert_eq!(of_evaluation.asked, of_prediction.asked);
    assert!(of_prediction.asked.unwrap() > 16 << 20 && of_prediction.try_batch_size.is_some(), "{of_prediction}");
    let small = predict(&model, &data, 64).unwrap();
    assert_eq!(small.len(), 2_048);
    assert!(small.iter().flatten().all(|value| value.is_finite()), "the device goes on as before");
}

#[test]
fn a_parameter_beyond_the_largest_buffer_is_named() {
    let Some(device) = with_buffers_of(16 << 20) else { return };
    let config = RecurrentClassifierConfig::new(250_000, 9).d_embedding(20).d_hidden(vec![3]);
    let model = config.init(&device, 0).unwrap();
    let shortage = shortage(evaluate(&model, &SmallRun::new().valid, 2).unwrap_err());
    assert_eq!(shortage.parameter, Some(("embedding.table".to_owned(), vec![250_000, 20])), "{shortage}");
    assert_eq!(shortage.try_batch_size, None);
    assert!(shortage.to_string().contains("19.1 MiB"), "{shortage}");
}

/// When a device is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Step,
    /// Before the callbacks after this one and the checkpoint read the weights.
    EpochEnd,
}

/// Loses the device in an epoch.
struct Lose(Option<(wgpu::Device, Moment, usize)>);

impl Lose {
    fn act(&self, epoch: usize, now: Moment) {
        if let Some((handle, moment, its_epoch)) = &self.0
            && *moment == now
            && epoch == *its_epoch
        {
            handle.destroy();
            // The driver reports it at the next request.
            let _ = handle.poll(wgpu::PollType::wait_indefinitely());
        }
    }
}

impl Callback for Lose {
    fn name(&self) -> &'static str {
        "lose"
    }

    fn on_step_end(&mut self, logs: &StepLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        if logs.step == 2 {
            self.act(logs.epoch, Moment::Step);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, logs: &EpochLogs, _: &mut Control<'_>) -> kiln_train::Result<()> {
        self.act(logs.epoch, Moment::EpochEnd);
        Ok(())
    }
}

/// A run of four epochs that may lose its device.
fn losing(small: &SmallRun, folder: &Path, device: &Device, lose: Lose, existing: ExistingRun) -> Result<usize, Error> {
    let trainer = small.trainer(folder, 4).callback(lose).existing_run(existing);
    let run = trainer.fit(small.model(device), &small.train, &small.valid)?;
    Ok(run.history().epochs().len())
}

#[test]
fn a_run_whose_device_is_lost_keeps_its_whole_epochs_and_goes_on_elsewhere() {
    let small = SmallRun::new();
    for moment in [Moment::Step, Moment::EpochEnd] {
        let Some((device, handle)) = own_device(|_| ()) else {
            return skips::no_adapter();
        };
        let folder = tempfile::tempdir().unwrap();
        let run = |device, lose, existing| losing(&small, folder.path(), device, lose, existing);
        let error = run(&device, Lose(Some((handle, moment, 3))), ExistingRun::Refuse).unwrap_err();
        let message = error.to_string();
        let Error::Predict(kiln_predict::Error::DeviceFailed { reason, .. }) = &error else {
            panic!("{moment:?}: {message}")
        };
        assert!(!reason.is_empty(), "{moment:?}: {message}");
        let kept = format!("{} keeps everything up to the end of epoch 2", folder.path().display());
        assert!(message.contains(&kept) && message.contains("`resume`"), "{moment:?}: {message}");

        let cpu = devices::all().swap_remove(0).1;
        assert_eq!(run(&cpu, Lose(None), ExistingRun::Resume).unwrap(), 4, "{moment:?}");
    }
}

/// An old run is unchanged until the first epoch of a new one is saved.
#[test]
fn a_device_lost_in_the_first_epoch_leaves_the_old_run_or_nothing() {
    let small = SmallRun::new();
    let cpu = devices::all().swap_remove(0).1;
    let contents = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
    };
    for (moment, over_old) in [Moment::Step, Moment::EpochEnd].into_iter().flat_map(|at| [(at, true), (at, false)]) {
        let Some((device, handle)) = own_device(|_| ()) else {
            return skips::no_adapter();
        };
        let folder = tempfile::tempdir().unwrap();
        let run = |device, lose, existing| losing(&small, folder.path(), device, lose, existing);
        if over_old {
            run(&cpu, Lose(None), ExistingRun::Refuse).unwrap();
        }
        let before = contents(folder.path());
        let lose = Lose(Some((handle, moment, 1)));
        let message = run(&device, lose, ExistingRun::Overwrite).unwrap_err().to_string();
        assert!(message.contains("is as it was"), "{moment:?}: {message}");
        assert_eq!(contents(folder.path()), before, "{moment:?}");
    }
}

/// The child process of the next test runs this; otherwise it does nothing.
#[test]
#[cfg(target_os = "linux")]
fn child_without_memory() {
    let Some(folder) = std::env::var_os("KILN_TEST_NO_MEMORY") else { return };
    let Some((device, _)) = own_device(|_| ()) else { return };
    let folder = Path::new(&folder);
    let data = sequences(1_024);
    // Compiles the kernels while there is enough memory.
    trainer(&folder.join("first"), 8).fit(regressor(256, &device), &sequences(16), &sequences(16)).unwrap();
    // This is enough for the program itself, but not for a tensor of a large batch, which needs 48 MiB or more.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
    let taken: u64 = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024;
    let limit = |most: u64| {
        let most = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the pointer is to a limit that lives through the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const most) }, 0);
    };
    limit(taken + (40 << 20));
    let error = trainer(&folder.join("second"), 1_024).fit(regressor(256, &device), &data, &data).unwrap_err();
    // The driver needs memory to shut down.
    limit(libc::RLIM_INFINITY);
    println!("child: {error}");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_that_runs_out_is_an_error_that_says_what_is_held() {
    if own_device(|_| ()).is_none() {
        return skips::no_adapter();
    }
    let child = || {
        let folder = tempfile::tempdir().unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "failing_devices::child_without_memory", "--nocapture"])
            .env("KILN_TEST_NO_MEMORY", folder.path())
            .env("RUST_BACKTRACE", "0") // a backtrace would use the remaining memory
            .output()
            .unwrap()
    };
    // Without memory, the software driver itself may crash in one of its threads, which no program can catch.
    let mut output = child();
    for _ in 0..9 {
        if output.status.signal().is_none() {
            break;
        }
        output = child();
    }
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("has no room") && said.contains("this process holds"), "{said}\n{errors}");
    assert!(said.contains("try a batch size of 512 instead of 1024"), "{said}\n{errors}");
}
