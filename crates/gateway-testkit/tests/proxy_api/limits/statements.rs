//! The statement that counts says the same as the rules in the core, for any requests in any order: the core's rules
//! are simple and proven by their own tests, the statement is what makes them one step.

use std::time::Duration;

use gateway_core::config::model::KeyLimits;
use gateway_core::limits::LimitsEngine;
use gateway_core::limits::calendar;
use gateway_core::limits::port::{Acquired, Limits as _};
use gateway_core::limits::statements;
use gateway_core::limits::usage::{Consumed, LimitUsage, Settlement};
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
    /// A request comes, and may consume so much.
    Acquire(KeyLimits, Consumed),
    /// One that was admitted before has ended; or one that nothing was reserved for.
    Settle(Option<prop::sample::Index>, Consumed),
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
    let amount = || {
        (0..4_u64, 0..4_u64).prop_map(|(tokens, cost)| Consumed {
            tokens: tokens * 50,
            cost_micro_usd: cost * 50,
        })
    };
    let acquire = (limits, amount()).prop_map(|(limits, estimate)| {
        let (requests, minute, day, daily, monthly) = limits;
        let limits = KeyLimits {
            requests_per_minute: requests,
            tokens_per_minute: minute,
            tokens_per_day: day,
            daily_budget_micro_usd: daily,
            monthly_budget_micro_usd: monthly,
        };
        Event::Acquire(limits, estimate)
    });
    let reservation = prop::option::weighted(0.8, any::<prop::sample::Index>());
    let settle = (reservation, amount());
    let settle = settle.prop_map(|(reservation, consumed)| Event::Settle(reservation, consumed));
    let day = i64::try_from(DAY_MS).unwrap();
    let time = prop_oneof![
        6 => 0..20_000_i64,
        3 => prop_oneof![Just(59_999_i64), Just(60_000), Just(60_001), Just(119_999), Just(120_000)],
        2 => -70_000..0_i64,
        2 => prop_oneof![Just(599_999_i64), Just(600_000), Just(1_199_999), Just(-600_000)],
        1 => 0..40 * day,
        1 => -3 * day..0,
    ];
    prop_oneof![4 => acquire, 3 => settle, 3 => time.prop_map(Event::Time)]
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
        let mut reservations = Vec::new();
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
                Event::Acquire(limits, estimate) => {
                    let is_within = known.exceeded_limit(&limits, now).is_none();
                    if is_within {
                        known = known.admitted(estimate);
                        reservations.push(known.reservation(estimate));
                    }
                    (Some(is_within), statements::try_acquire("ck_1", &limits, estimate, now))
                }
                Event::Settle(index, consumed) => {
                    let index = index.filter(|_| !reservations.is_empty());
                    let index = index.map(|index| index.index(reservations.len()));
                    let reserved = index.map(|index| reservations.swap_remove(index));
                    let settlement = Settlement {
                        reserved: reserved.unwrap_or_default(),
                        consumed,
                    };
                    known = known.settled(settlement);
                    (None, statements::settle("ck_1", settlement, now))
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
        let rows = query(&ports, statements::settle("ck_1", absurd.into(), START));
        stored = statements::usage(&rows, START);
    }
    assert_eq!(stored.day_tokens, 1_000_000_000_000_000);
    assert_eq!(stored.month_cost, 1_000_000_000_000_000_000);
    let limits = KeyLimits {
        tokens_per_minute: Some(1),
        ..KeyLimits::default()
    };
    let later = START.plus_ms(90_000);
    let rows = query(
        &ports,
        statements::try_acquire("ck_1", &limits, absurd, later),
    );
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
    let estimate = Consumed {
        tokens: 25,
        cost_micro_usd: 0,
    };
    let try_acquire = |limits: &KeyLimits, estimate| {
        block_on(engine.try_acquire("ck_1", limits, estimate, START)).unwrap()
    };
    let acquire = |limits: &KeyLimits| try_acquire(limits, Consumed::default());
    let Acquired { is_admitted, usage } = acquire(&limits);
    assert_eq!((is_admitted, usage.requests.current), (true, 1));
    let Acquired { is_admitted, usage } = acquire(&limits);
    assert_eq!((is_admitted, usage.requests.current), (false, 1));
    let consumed = Consumed {
        tokens: 10,
        cost_micro_usd: 3,
    };
    block_on(engine.settle("ck_1", consumed.into(), START)).unwrap();
    assert_eq!((read().day_tokens, read().month_cost), (10, 3));
    // Without a limit of requests and an estimate there is nothing to count.
    let of_tokens = |tokens| KeyLimits {
        tokens_per_day: Some(tokens),
        ..KeyLimits::default()
    };
    let before = read();
    assert!(acquire(&of_tokens(11)).is_admitted);
    assert!(!acquire(&of_tokens(10)).is_admitted);
    assert_eq!(read(), before);
    let Acquired { is_admitted, usage } = try_acquire(&of_tokens(11), estimate);
    assert_eq!((is_admitted, usage.reserved_tokens.current), (true, 25));
    assert!(!try_acquire(&of_tokens(35), estimate).is_admitted);
    let settlement = Settlement {
        reserved: usage.reservation(estimate),
        consumed,
    };
    block_on(engine.settle("ck_1", settlement, START)).unwrap();
    assert_eq!((read().day_tokens, read().reserved_tokens.sum()), (20, 0));
    for _ in 0..2 {
        block_on(engine.forget("ck_1")).unwrap();
        assert_eq!(read(), LimitUsage::fresh(START));
    }
}

/// The table as gateways made it that reserved nothing.
const OLD_TABLE: &str = "CREATE TABLE allowance (key TEXT PRIMARY KEY, window_ms INTEGER NOT NULL, requests INTEGER NOT NULL, \
    requests_before INTEGER NOT NULL, tokens INTEGER NOT NULL, tokens_before INTEGER NOT NULL, day INTEGER NOT NULL, \
    day_tokens INTEGER NOT NULL, day_cost INTEGER NOT NULL, month INTEGER NOT NULL, month_cost INTEGER NOT NULL, \
    admitted INTEGER NOT NULL) WITHOUT ROWID";

#[test]
fn what_an_older_gateway_has_counted_stays() {
    let estimate = Consumed {
        tokens: 7,
        cost_micro_usd: 8,
    };
    let limits = KeyLimits {
        monthly_budget_micro_usd: Some(100),
        ..KeyLimits::default()
    };
    for first in ["acquire", "settle", "read", "read_all"] {
        let ports = FakePorts::default();
        let engine = LimitsEngine::new(&ports, Duration::from_secs(1));
        ports.database().rows(OLD_TABLE);
        let (day, month) = (calendar::day(START), calendar::month(START));
        let row = format!(
            "'ck_1', {}, 1, 0, 2, 0, {day}, 3, 4, {month}, 5, 1",
            START.0
        );
        let insert = format!("INSERT INTO allowance VALUES ({row})");
        ports.database().rows(&insert);
        let mut expected = LimitUsage::fresh(START);
        expected.requests.current = 1;
        expected.tokens.current = 2;
        (expected.day_tokens, expected.day_cost, expected.month_cost) = (3, 4, 5);
        match first {
            "acquire" => {
                let acquired = engine.try_acquire("ck_1", &limits, estimate, START);
                expected = expected.admitted(estimate);
                assert_eq!(block_on(acquired).unwrap().usage, expected);
            }
            "settle" => {
                block_on(engine.settle("ck_1", estimate.into(), START)).unwrap();
                expected = expected.settled(estimate.into());
            }
            "read_all" => {
                let all = block_on(engine.read_all(&["ck_1", "ck_2"], START)).unwrap();
                // As the old program left it; the slot comes with the next statement.
                assert_eq!(all["ck_1"].at(START), expected);
            }
            _ => {}
        }
        let read = block_on(engine.read("ck_1", START)).unwrap();
        assert_eq!(read.at(START), expected, "{first}");
        // The older gateway still runs, and writes the columns that it knows.
        let columns = "key, window_ms, requests, requests_before, tokens, tokens_before, day, day_tokens, day_cost, month, \
            month_cost, admitted";
        let replace = format!("INSERT OR REPLACE INTO allowance ({columns}) VALUES ({row})");
        ports.database().rows(&replace);
        let read = block_on(engine.read("ck_1", START)).unwrap();
        assert_eq!((read.day_tokens, read.reserved_tokens.sum()), (3, 0));
    }
}
