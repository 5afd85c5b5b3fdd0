//! The memory of bodies: who gets it, who waits, and that nothing is lost of it.

use proptest::prelude::*;

use super::*;

#[test]
fn small_bodies_pass_whatever_others_hold() {
    let memory = Memory::new(10 * MIB);
    let mut all = memory.share();
    all.resize(10 * MIB).unwrap();
    assert_eq!(memory.upload(MIB, None).cover(FREE_BYTES), Ok(()));
    assert_eq!(
        memory.upload(MIB, None).cover(FREE_BYTES + 1),
        Err(Full::Now)
    );
    drop(all);
    assert_eq!(memory.upload(MIB, None).cover(FREE_BYTES + 1), Ok(()));
    assert_eq!(memory.taken(), 0);
}

#[test]
fn what_never_fits_is_distinguished_from_what_must_wait() {
    let memory = Memory::new(12 * MIB);
    assert_eq!(
        memory.upload(64 * MIB, None).cover(6 * MIB),
        Err(Full::Ever)
    );
    assert_eq!(memory.share().resize(13 * MIB), Err(Full::Ever));
    let mut first = memory.upload(4 * MIB, None);
    first.cover(4 * MIB).unwrap();
    assert_eq!(memory.upload(4 * MIB, None).cover(MIB), Err(Full::Now));
}

#[test]
fn requests_leave_a_part_to_answers() {
    let memory = Memory::new(12 * MIB);
    let mut upload = memory.upload(4 * MIB, None);
    upload.cover(4 * MIB).unwrap();
    assert_eq!(memory.share().resize(2 * MIB), Ok(()));
}

#[test]
fn a_share_lives_as_long_as_any_part_of_its_bytes() {
    let memory = Memory::new(12 * MIB);
    let mut upload = memory.upload(MIB, None);
    upload.cover(MIB).unwrap();
    let share = upload.finish(MIB);
    assert_eq!(memory.taken(), cost_of_request(MIB));
    let mut whole = share.keep(Bytes::from(vec![1; MIB]));
    let part = whole.split_to(10);
    drop(whole);
    assert_eq!(memory.taken(), cost_of_request(MIB));
    drop(part);
    assert_eq!(memory.taken(), 0);
}

#[test]
fn a_body_that_came_out_shorter_gives_the_rest_back() {
    let memory = Memory::new(12 * MIB);
    let mut upload = memory.upload(4 * MIB, None);
    upload.cover(4 * MIB).unwrap();
    let share = upload.finish(MIB);
    assert_eq!(memory.taken(), cost_of_request(MIB));
    drop(share);
    assert_eq!(memory.taken(), 0);
}

#[test]
fn an_announced_length_makes_a_request_wait_but_takes_nothing() {
    let memory = Memory::new(12 * MIB);
    let mut first = memory.upload(8 * MIB, Some(3 * MIB));
    first.cover(MIB).unwrap();
    assert_eq!(memory.taken(), cost_of_request(MIB));
    let mut second = memory.upload(8 * MIB, Some(3 * MIB));
    assert_eq!(second.cover(MIB), Err(Full::Now));
    assert_eq!(memory.upload(8 * MIB, None).cover(MIB), Ok(()));
    drop(first);
    assert_eq!(second.cover(MIB), Ok(()));
}

/// One step of one of the requests: it reads on, or leaves.
#[derive(Clone, Debug)]
enum Step {
    Read(usize, usize),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        9 => (0..12_usize, 1..2 * MIB).prop_map(|(who, bytes)| Step::Read(who, bytes)),
        1 => (0..12_usize).prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Never more than the budget, never a state in which all requests wait, and nothing is lost of it.
    #[test]
    fn the_oldest_can_always_go_on(steps in steps(), most in MIB..9 * MIB) {
        const LIMIT: usize = 30 * MIB;
        let memory = Memory::new(LIMIT);
        let mut requests: Vec<Option<(Upload, usize)>> = (0..12).map(|_| None).collect();
        for step in steps {
            match step {
                Step::Leave(who) => requests[who] = None,
                Step::Read(who, bytes) => {
                    let (upload, held) = requests[who].get_or_insert_with(|| (memory.upload(most, None), 0));
                    let next = (*held + bytes).min(most);
                    match upload.cover(next) {
                        Ok(()) => *held = next,
                        Err(full) => prop_assert_eq!(full, Full::Now),
                    }
                }
            }
            prop_assert!(memory.taken() <= LIMIT);
            let oldest = memory.state().uploads.front().map(|(ticket, _)| *ticket);
            for (upload, held) in requests.iter_mut().flatten() {
                if upload.ticket.is_some() && upload.ticket == oldest {
                    upload.cover(most).unwrap();
                    *held = most;
                }
            }
        }
        drop(requests);
        prop_assert_eq!(memory.taken(), 0);
        prop_assert!(memory.state().uploads.is_empty());
    }
}
