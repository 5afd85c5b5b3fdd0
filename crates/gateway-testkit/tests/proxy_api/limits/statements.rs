//! The statement that counts says the same as the rules in the core, for any requests in any order: the core's rules
//! are simple and proven by their own tests, the statement is what makes them one step.

use std::time::Duration;

use gateway_core::config::model::KeyLimits;
use gateway_core::limits::LimitsEngine;
use gateway_core::limits::port::{Acquired, Limits as _};
use gateway_core::limits::statements;
use gateway_core::limits::usage::{Consumed, LimitUsage};
use gateway_core::ports::{Sql as _, SqlTarget};
use gateway_core::sql::rows::{Query, Rows};
use gateway_core::sql::{SqlRow, Statement};
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{FakePorts, START, block_on};
use proptest::prelude::*;

use super::DAY_MS;

/// What happens to a key.
#[derive(Clone, Debug)]
enum Event {
    Acquire(KeyLimits),
    Record(Consumed),
    /// The clock goes on, or is set back.
    Time(i64),
}

fn limit() -> impl Strategy<Value = Option<u64>> {
    // In steps, so that limits are met exactly.
    prop::option::weighted(
        0.3,
        prop_oneof![1..6_u64, (1..12_u64).prop_map(|steps| steps * 50)],
    )
}

fn event() -> impl Strategy<Value = Event> {
    let limits = (limit(), limit(), limit(), limit(), limit());
    let acquire = limits.prop_map(|(requests, minute, day, daily, monthly)| {
        Event::Acquire(KeyLimits {
            requests_per_minute: requests,
            tokens_per_minute: minute,
            tokens_per_day: day,
            daily_budget_micro_usd: daily,
            monthly_budget_micro_usd: monthly,
        })
    });
    let record = (0..4_u64, 0..4_u64).prop_map(|(tokens, cost)| {
        Event::Record(Consumed {
            tokens: tokens * 50,
            cost_micro_usd: cost * 50,
        })
    });
    let day = i64::try_from(DAY_MS).unwrap();
    let time = prop_oneof![
        6 => 0..20_000_i64,
        3 => prop_oneof![Just(59_999_i64), Just(60_000), Just(60_001), Just(119_999), Just(120_000)],
        2 => -70_000..0_i64,
        1 => 0..40 * day,
        1 => -3 * day..0,
    ];
    prop_oneof![4 => acquire, 2 => record, 3 => time.prop_map(Event::Time)]
}

fn create(ports: &FakePorts) {
    run(ports, statements::create());
}

fn query(ports: &FakePorts, query: Query) -> Rows {
    let rows = run(ports, query.statement().clone());
    query.rows(rows)
}

fn run(ports: &FakePorts, statement: Statement) -> Vec<SqlRow> {
    let target = SqlTarget::Limits("ck_1");
    let mut answers = block_on(ports.transact(target, vec![statement])).unwrap();
    answers.pop().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_statement_and_the_rules_agree(events in prop::collection::vec(event(), 1..80)) {
        let ports = FakePorts::default();
        create(&ports);
        let mut row = None;
        let mut now = START;
        for event in events {
            if let Event::Time(milliseconds) = event {
                now = Timestamp(now.0.saturating_add_signed(milliseconds));
                continue;
            }
            // The first use begins everything.
            let mut known = row.unwrap_or_else(|| LimitUsage::fresh(now)).at(now);
            let (expected, statement) = match event {
                Event::Time(_) => continue,
                Event::Acquire(limits) => {
                    let is_within = known.exceeded_limit(&limits, now).is_none();
                    known.requests.current += u64::from(is_within);
                    (Some(is_within), statements::try_acquire("ck_1", &limits, now))
                }
                Event::Record(consumed) => {
                    known.tokens.current += consumed.tokens;
                    known.day_tokens += consumed.tokens;
                    known.day_cost += consumed.cost_micro_usd;
                    known.month_cost += consumed.cost_micro_usd;
                    (None, statements::record("ck_1", consumed, now))
                }
            };
            let rows = query(&ports, statement);
            if let Some(expected) = expected {
                prop_assert_eq!(statements::is_admitted(&rows), expected);
            }
            prop_assert_eq!(rows.iter().len(), 1);
            prop_assert_eq!(statements::usage(&rows, now), known);
            row = Some(known);
            prop_assert_eq!(statements::usage(&query(&ports, statements::read("ck_1")), now), known);
        }
    }
}

#[test]
fn figures_that_no_request_can_have_spoil_nothing() {
    let ports = FakePorts::default();
    create(&ports);
    let absurd = Consumed {
        tokens: u64::MAX,
        cost_micro_usd: u64::MAX,
    };
    let mut stored = LimitUsage::default();
    for _ in 0..1_000 {
        let rows = query(&ports, statements::record("ck_1", absurd, START));
        stored = statements::usage(&rows, START);
    }
    assert_eq!(stored.day_tokens, 1_000_000_000_000_000);
    assert_eq!(stored.month_cost, 1_000_000_000_000_000_000);
    let limits = KeyLimits {
        tokens_per_minute: Some(1),
        ..KeyLimits::default()
    };
    let later = START.plus_ms(90_000);
    let rows = query(&ports, statements::try_acquire("ck_1", &limits, later));
    assert!(!statements::is_admitted(&rows));
    assert_eq!(
        statements::usage(&rows, later).tokens.before,
        1_000_000_000_000_000
    );
    assert!(run(&ports, statements::forget("ck_1")).is_empty());
    let rows = query(&ports, statements::read("ck_1"));
    assert!(rows.first().is_none());
}

/// The verbs, in the order in which a key's life has them; nothing was there before.
#[test]
fn the_engine_decides_counts_reads_and_forgets() {
    let ports = FakePorts::default();
    let engine = LimitsEngine::new(&ports, Duration::from_secs(1));
    let read = || block_on(engine.read("ck_1", START)).unwrap();
    assert_eq!(read(), LimitUsage::fresh(START));
    block_on(engine.forget("ck_1")).unwrap();
    let limits = KeyLimits {
        requests_per_minute: Some(1),
        ..KeyLimits::default()
    };
    let acquire = |limits: &KeyLimits| block_on(engine.try_acquire("ck_1", limits, START)).unwrap();
    let Acquired { is_admitted, usage } = acquire(&limits);
    assert_eq!((is_admitted, usage.requests.current), (true, 1));
    let Acquired { is_admitted, usage } = acquire(&limits);
    assert_eq!((is_admitted, usage.requests.current), (false, 1));
    let consumed = Consumed {
        tokens: 10,
        cost_micro_usd: 3,
    };
    block_on(engine.record("ck_1", consumed, START)).unwrap();
    assert_eq!((read().day_tokens, read().month_cost), (10, 3));
    // Without a limit of requests there is nothing to count yet.
    let of_tokens = |tokens| KeyLimits {
        tokens_per_day: Some(tokens),
        ..KeyLimits::default()
    };
    let before = read();
    assert!(acquire(&of_tokens(11)).is_admitted);
    assert!(!acquire(&of_tokens(10)).is_admitted);
    assert_eq!(read(), before);
    for _ in 0..2 {
        block_on(engine.forget("ck_1")).unwrap();
        assert_eq!(read(), LimitUsage::fresh(START));
    }
}
