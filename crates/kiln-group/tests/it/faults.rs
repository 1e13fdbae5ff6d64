//! Ranks that do not come, fail, wait for each other, or were started differently.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use kiln_group::{Error, Launch};

fn hasty() -> Launch {
    Launch::new().time_limit(Duration::from_millis(300))
}

#[test]
fn a_rank_that_does_not_come_is_named_by_all_others() {
    let began = Instant::now();
    // Rank 2 does not come before the others have failed.
    let end = Barrier::new(3);
    let told = hasty().threads(3, |group| {
        let told = if group.rank() == 2 { Ok(()) } else { group.barrier() };
        end.wait();
        told
    });
    for told in &told[..2] {
        let error = told.as_ref().unwrap_err();
        assert!(matches!(error, Error::Missing { missing, .. } if missing == &[2]), "{error}");
        assert!(error.to_string().contains("rank 2 did not answer the roll call"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_rank_that_left_is_missing_at_once() {
    let began = Instant::now();
    let told = Launch::new().threads(2, |group| if group.rank() == 1 { Ok(vec![]) } else { group.receive(1) });
    assert!(matches!(&told[0], Err(Error::Missing { missing, .. }) if missing == &[1]), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn the_reason_of_a_rank_that_fails_reaches_all() {
    let told = Launch::new().threads(3, |group| match group.rank() {
        1 => Err(Error::Option(kiln_base::OptionError::new("seed", "a number", "seven"))),
        _ => group.barrier(),
    });
    for told in [&told[0], &told[2]] {
        let error = told.as_ref().unwrap_err().to_string();
        assert_eq!(error, "rank 1 ended the group: the option seed should be a number, found seven");
    }
    assert!(matches!(told[1], Err(Error::Option(_))));
}

#[test]
fn ranks_that_wait_for_each_other_are_out_of_step() {
    let told = hasty().threads(2, |group| group.receive(1 - group.rank()));
    let is_told = |told: &Result<_, Error>| matches!(told, Err(Error::OutOfStep { .. } | Error::Ended { .. }));
    assert!(
        told.iter().all(is_told) && told.iter().any(|told| matches!(told, Err(Error::OutOfStep { .. }))),
        "{told:?}"
    );
}

#[test]
fn a_panic_on_one_thread_is_passed_on() {
    let run = || Launch::new().threads(2, |group| if group.rank() == 1 { panic!("odd") } else { group.barrier() });
    let panic = std::panic::catch_unwind(run).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "odd");
}

#[test]
fn values_that_differ_name_their_ranks_and_equal_ones_pass() {
    let told = Launch::new().threads(4, |group| {
        group.agree("the option size", "100")?;
        group.agree("the seed", ["7", "8"][usize::from(group.rank() == 2)])
    });
    for told in told {
        let error = told.unwrap_err().to_string();
        assert!(
            error
                .contains("the seed should be the same on all ranks, found \"7\" on ranks 0, 1, 3 and \"8\" on rank 2"),
            "{error}"
        );
    }
}

#[test]
fn a_rank_cannot_send_to_itself_or_beyond_the_last() {
    let told = Launch::new().threads(2, |group| group.send(group.rank() * 2, b"to 0 or 2"));
    assert!(matches!(told[0], Err(Error::NoSuchRank { found: 0, size: 2 })), "{told:?}");
    assert!(matches!(told[1], Err(Error::NoSuchRank { found: 2, size: 2 })), "{told:?}");
}

#[test]
fn no_workers_and_no_time_are_refused() {
    let told = Launch::new().threads(0, |_| Ok::<_, Error>(()));
    assert_eq!(told[0].as_ref().unwrap_err().to_string(), "the option workers should be 1 or more, found 0");
    let told = Launch::new().time_limit(Duration::ZERO).run(|_| Ok::<_, Error>(()));
    assert_eq!(told.unwrap_err().to_string(), "the option time_limit should be longer than 0 s, found 0ns");
}
