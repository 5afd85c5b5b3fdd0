//! What a database that does not do its work means for keys with limits, and what a client over its limit can do to the
//! ledger.

use bytes::Bytes;
use gateway_core::config::model::KeyLimits;
use gateway_core::limits::service::LimitsService;
use gateway_core::limits::statements;
use gateway_core::limits::usage::{Consumed, Settlement};
use gateway_core::ports::{Background as _, Clock as _, StoreKey};
use gateway_testkit::fakes::{DatabaseFault, FakePorts, FakeReply, START};

use super::*;

#[test]
fn who_cannot_be_counted_is_not_let_through_and_all_others_are() {
    for (fault, most_ms) in [(DatabaseFault::Refuse, 0), (DatabaseFault::Hang, 1_000)] {
        let stage = stage(requests(5));
        let free = client_key_named("free");
        let mut document = document(requests(5));
        document.keys.push(free);
        let stored = serde_json::to_vec(&document).unwrap();
        stage.ports.store().put(StoreKey::Config, stored);
        stage.ports.database().set_fault(fault);
        let answer = stage.chat(CHAT);
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
        assert!(message(&answer).contains("limits"), "{}", message(&answer));
        assert_eq!(answer.header("retry-after"), Some("1"));
        let took = stage.ports.now().since_ms(START);
        assert!(took <= most_ms, "{fault:?}: {took} ms");
        let request = http::Request::post("/v1/chat/completions")
            .header("authorization", "Bearer sk-free")
            .body(Bytes::from_static(CHAT.as_bytes()));
        assert_eq!(stage.send(request.unwrap()).status, 200, "{fault:?}");
        assert!(stage.ports.upstream().requests().len() == 1, "{fault:?}");
        let lines = stage.ports.log_lines().join("\n");
        assert!(lines.contains("ck_test cannot be checked"), "{lines}");
        // It heals by itself.
        stage.ports.database().set_fault(DatabaseFault::None);
        assert_eq!(stage.chat(CHAT).status, 200, "{fault:?}");
    }
}

#[test]
fn what_could_not_be_counted_at_once_is_counted_later() {
    let limits = KeyLimits {
        tokens_per_day: Some(250),
        ..NONE
    };
    for (fault, times, total) in [
        (DatabaseFault::Refuse, 1, 200),
        (DatabaseFault::Refuse, 2, 200),
        (DatabaseFault::Hang, 2, 200),
        // Given up, and kept for the next time: a request that is rejected for what is still reserved.
        (DatabaseFault::Refuse, 3, 200),
        // Counted, but not confirmed: charged twice rather than not at all.
        (DatabaseFault::FailAfterCommit, 1, 300),
    ] {
        let stage = stage(limits);
        let used = || {
            stage
                .ports
                .database()
                .rows("SELECT day_tokens FROM allowance")[0][0]
                .count()
        };
        // The table is there.
        let table = statements::create();
        stage.ports.database().rows(&table.text);
        assert_eq!(stage.chat("{").status, 400);
        stage.ports.database().fault_next(DatabaseFault::None, 0);
        assert_eq!(stage.chat(CHAT).status, 200);
        stage.ports.database().fault_next(fault, times);
        stage.ports.run_background();
        stage.ports.database().set_fault(DatabaseFault::None);
        if times == 3 {
            assert_eq!(chat(&stage).status, 429);
        }
        assert_eq!(chat(&stage).status, 200, "{fault:?}");
        assert_eq!(used(), total, "{fault:?}, {times} times");
    }
}

#[test]
fn a_busy_key_is_written_once_in_100_ms() {
    let ports = FakePorts::default();
    let service = Rc::new(LimitsService::new(ports.clone()));
    let tokens = |tokens| {
        Settlement::from(Consumed {
            tokens,
            cost_micro_usd: 0,
        })
    };
    service.settle("ck_test", tokens(1));
    let (began, beside) = (ports.now(), Rc::clone(&service));
    // While the first record is being written, two more requests of the key end.
    ports.spawn(async move {
        beside.settle("ck_test", tokens(10));
        beside.settle("ck_test", tokens(100));
    });
    ports.run_background_together();
    assert_eq!(ports.now().since_ms(began), 100, "between the two writes");
    let used = "SELECT day_tokens FROM allowance WHERE key = 'ck_test'";
    assert_eq!(ports.database().rows(used)[0][0].count(), 111);
    assert_eq!(ports.run_background(), 0, "one task has written all");
}

#[test]
fn a_task_that_does_not_come_back_is_relieved_and_nothing_is_counted_twice() {
    let stage = stage(KeyLimits {
        tokens_per_day: Some(100_000),
        ..NONE
    });
    // Its task does not run for longer than a host lets a request take.
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.advance_ms(4_999);
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.advance_ms(1);
    assert_eq!(stage.chat(CHAT).status, 200);
    assert_eq!(
        stage.ports.run_background(),
        2,
        "the first and one that takes over"
    );
    let used = "SELECT day_tokens FROM allowance";
    let rows = stage.ports.database().rows(used);
    assert_eq!(rows[0][0].count(), 300);
}

#[test]
fn what_a_task_had_not_counted_when_the_host_ended_it_is_counted_by_the_next() {
    let stage = stage(KeyLimits {
        tokens_per_day: Some(100_000),
        ..NONE
    });
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.database().fault_next(DatabaseFault::Hang, 1);
    stage.ports.abort_background(20);
    stage.ports.database().set_fault(DatabaseFault::None);
    assert_eq!(stage.chat(CHAT).status, 200);
    assert_eq!(stage.ports.run_background(), 1, "the lease was given back");
    let used = "SELECT day_tokens FROM allowance";
    assert_eq!(stage.ports.database().rows(used)[0][0].count(), 200);
}

#[test]
fn a_key_that_was_deleted_and_comes_back_is_not_refused_for_what_it_had_used() {
    let stage = stage(KeyLimits {
        monthly_budget_micro_usd: Some(1_000_000),
        ..NONE
    });
    assert_eq!(chat(&stage).status, 200);
    assert_eq!(chat(&stage).status, 429);
    // As an admin who deletes the key; an import brings it back.
    stage.ports.database().rows("DELETE FROM allowance");
    stage.ports.advance_ms(59_999);
    let known = calls(&stage);
    assert_eq!(chat(&stage).status, 429);
    assert_eq!(calls(&stage), known, "a refusal costs no call");
    stage.ports.advance_ms(1);
    assert_eq!(chat(&stage).status, 200);
}

#[test]
fn refusals_are_in_the_ledger_but_cannot_flood_it() {
    let mut document = document(requests(1));
    document.settings.ledger = true;
    let stage = Stage::with_ledger(&document);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat(CHAT).status, 200);
    // From the database, then from the local cache.
    for _ in 0..500 {
        assert_eq!(stage.chat(CHAT).status, 429);
    }
    stage.ports.advance_ms(1_000);
    for _ in 0..500 {
        assert_eq!(stage.chat(CHAT).status, 429);
    }
    stage.ports.run_background();
    let rows = stage
        .ports
        .database()
        .rows("SELECT status, ended, prompt_tokens, attempts FROM request ORDER BY seq");
    let statuses: Vec<u64> = rows.iter().map(|row| row[0].count()).collect();
    assert_eq!(statuses, [200, 429, 429]);
    let refused = &rows[1];
    assert_eq!(refused[1].text(), Some("refused"));
    assert_eq!((refused[2].count(), refused[3].text()), (0, Some("[]")));
    let errors = "SELECT sum(errors), sum(requests) FROM usage_hour WHERE hour > 0";
    let sums = &stage.ports.database().rows(errors)[0];
    assert_eq!([sums[0].count(), sums[1].count()], [2, 3]);
    let lines = stage.ports.log_lines();
    let about = lines.iter().filter(|line| line.contains(" 429"));
    assert_eq!(about.count(), 2, "{lines:?}");
}
