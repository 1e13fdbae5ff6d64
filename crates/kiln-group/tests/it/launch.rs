//! Processes: this test program starts itself, with the feature `mpi` by `mpirun`, and looks at how that ends.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kiln_group::{Error, Group, Launch, share};

/// What a started process does.
const PART: &str = "KILN_GROUP_TEST_PART";

/// How a started program ended: whether well, what it wrote, and after how long.
struct Ended {
    well: bool,
    text: String,
    after: Duration,
}

/// Starts this test program to play a part, by a launcher.
fn start(launcher: &[&str], part: &str, variables: &[(&str, &str)]) -> Ended {
    let program = std::env::current_exe().unwrap();
    let words = launcher.iter().map(|word| word.to_string()).chain([program.display().to_string()]);
    let mut words = words.chain(["launch::a_started_process", "--exact", "--ignored", "--nocapture"].map(String::from));
    let mut command = Command::new(words.next().unwrap());
    command.args(words).env(PART, part).envs(variables.iter().copied()).stdin(Stdio::null());
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut text, mut told) = (String::new(), String::new());
    std::thread::scope(|scope| {
        scope.spawn(|| out.read_to_string(&mut text));
        scope.spawn(|| err.read_to_string(&mut told));
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > Duration::from_secs(100) {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    Ended { well: child.wait().unwrap().success(), text: text + &told, after: began.elapsed() }
}

/// The processes that the other tests start.
#[test]
#[ignore = "other tests start it"]
fn a_started_process() {
    let Ok(part) = std::env::var(PART) else { return };
    let launch = Launch::new().time_limit(Duration::from_secs(if part == "stop" { 5 } else { 60 }));
    let told = launch.run(|group| {
        let is_odd = group.rank() == 1;
        match part.as_str() {
            "sum" => return sum(group),
            "seed" => group.agree("the seed", if is_odd { "8" } else { "7" })?,
            "fail" if is_odd => return Err(Error::Option(kiln_base::OptionError::new("seed", "a number", "x"))),
            "kill" | "stop" if is_odd => {
                let signal = if part == "kill" { "-KILL" } else { "-STOP" };
                Command::new("kill").args([signal, &std::process::id().to_string()]).status().unwrap();
            }
            _ => {}
        }
        group.barrier()
    });
    if let Err(error) = told {
        // In one piece, so that the lines of several ranks stay whole.
        std::io::stderr().write_all(format!("{error}\n").as_bytes()).unwrap();
        std::process::exit(1);
    }
}

/// A sum whose order shows in its bits, and a message of more than one piece.
fn sum(group: &dyn Group) -> Result<(), Error> {
    let leaves: Vec<Vec<f32>> = (0..6).map(|leaf| vec![0.1 * leaf as f32, 1e7 / (leaf as f32 + 3.0)]).collect();
    let total = group.sum_leaves(6, leaves[share(6, group)].to_vec())?;
    // Full pieces only, and a last one that is not full.
    for length in [1 << 26, (1 << 26) + 3] {
        let long = group.broadcast(group.size() - 1, vec![group.rank() as u8; length])?;
        assert!(long.len() == length && long.iter().all(|&byte| usize::from(byte) == group.size() - 1));
    }
    let bits: Vec<u32> = total.iter().map(|value| value.to_bits()).collect();
    let all = group.gather(format!("{bits:x?}").as_bytes())?;
    if group.rank() == 0 {
        assert!(all.len() == group.size() && all.iter().all(|other| *other == all[0]));
        println!("the bits are {bits:x?}.");
    }
    Ok(())
}

fn bits_in(ended: &Ended) -> &str {
    assert!(ended.well, "{}", ended.text);
    ended.text.split("the bits are ").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or(&ended.text)
}

#[cfg(not(feature = "mpi"))]
#[test]
fn mpirun_without_the_feature_is_an_error_and_a_group_of_one_is_none() {
    let ended = start(&[], "sum", &[("OMPI_COMM_WORLD_SIZE", "2")]);
    assert!(!ended.well && ended.text.contains("mpirun started (OMPI_COMM_WORLD_SIZE is set)"), "{}", ended.text);
    assert!(ended.after < Duration::from_secs(30), "{:?}", ended.after);
    assert!(start(&[], "sum", &[("PMIX_RANK", "0")]).text.contains("(PMIX_RANK is set)"));
    assert_eq!(bits_in(&start(&[], "sum", &[("PMI_SIZE", "1")])), bits_in(&start(&[], "sum", &[])));
}

#[cfg(feature = "mpi")]
mod mpi {
    use super::*;

    /// Open MPI refuses to run as root, and more ranks than cores, unless told otherwise.
    const OPEN_MPI: [(&str, &str); 3] = [
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ];

    fn ranks(count: &str, part: &str) -> Ended {
        start(&["mpirun", "-n", count], part, &OPEN_MPI)
    }

    #[test]
    fn sums_have_the_same_bits_with_1_2_and_4_ranks_and_without_mpirun() {
        let expected = bits_in(&start(&[], "sum", &[])).to_owned();
        for count in ["1", "2", "4"] {
            assert_eq!(bits_in(&ranks(count, "sum")), expected);
        }
    }

    #[test]
    fn a_killed_rank_ends_the_others_and_is_named() {
        let ended = ranks("3", "kill");
        assert!(!ended.well && ended.text.contains("process rank 1 with PID"), "{}", ended.text);
        assert!(ended.after < Duration::from_secs(30), "{:?}", ended.after);
    }

    #[test]
    fn a_stopped_rank_is_named_by_a_roll_call_within_the_limit_and_5_s() {
        let ended = ranks("3", "stop");
        let named = ended.text.contains("rank 1 did not answer the roll call");
        assert!(!ended.well && named, "{}", ended.text);
        assert!(ended.after < Duration::from_secs(30), "{:?}", ended.after);
    }

    #[test]
    fn the_reason_of_a_rank_that_fails_is_told() {
        let ended = ranks("3", "fail");
        assert!(!ended.well && ended.text.contains("the option seed should be a number"), "{}", ended.text);
        assert!(ended.after < Duration::from_secs(30), "{:?}", ended.after);
    }

    #[test]
    fn another_seed_on_one_rank_is_named_at_the_start() {
        let ended = ranks("3", "seed");
        let named = ended.text.contains("found \"7\" on ranks 0, 2 and \"8\" on rank 1");
        assert!(!ended.well && named, "{}", ended.text);
    }
}
