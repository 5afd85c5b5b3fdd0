//! The statement that counts says the same as the rules in the core, whatever comes in whatever order: the core's rules
//! are simple and proven by their own tests, the statement is what makes them one step.

use gateway_core::config::model::KeyLimits;
use gateway_core::limits::statements::{self, Spent};
use gateway_core::limits::usage::LimitUsage;
use gateway_core::ports::{Sql as _, SqlTarget};
use gateway_core::sql::{SqlRow, Statement};
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{FakePorts, START, block_on};
use proptest::prelude::*;

use super::DAY_MS;

/// What happens to a key.
#[derive(Clone, Debug)]
enum Event {
    Ask(KeyLimits),
    Settle(Spent),
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
    let ask = limits.prop_map(|(requests, minute, day, daily, monthly)| {
        Event::Ask(KeyLimits {
            requests_per_minute: requests,
            tokens_per_minute: minute,
            tokens_per_day: day,
            daily_budget_micro_usd: daily,
            monthly_budget_micro_usd: monthly,
        })
    });
    let settle = (0..4_u64, 0..4_u64).prop_map(|(tokens, cost)| {
        Event::Settle(Spent {
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
    prop_oneof![4 => ask, 2 => settle, 3 => time.prop_map(Event::Time)]
}

fn run(ports: &FakePorts, statement: Statement) -> Vec<SqlRow> {
    let place = SqlTarget::Allowance("ck_1");
    let mut answers = block_on(ports.transact(place, vec![statement])).unwrap();
    answers.pop().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_statement_and_the_rules_agree(events in prop::collection::vec(event(), 1..80)) {
        let ports = FakePorts::default();
        run(&ports, statements::create());
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
                Event::Ask(limits) => {
                    let is_within = known.exceeded_limit(&limits, now).is_none();
                    known.requests.current += u64::from(is_within);
                    (Some(is_within), statements::ask("ck_1", &limits, now))
                }
                Event::Settle(spent) => {
                    known.tokens.current += spent.tokens;
                    known.day_tokens += spent.tokens;
                    known.day_cost += spent.cost_micro_usd;
                    known.month_cost += spent.cost_micro_usd;
                    (None, statements::settle("ck_1", spent, now))
                }
            };
            let rows = run(&ports, statement);
            if let Some(expected) = expected {
                prop_assert_eq!(statements::is_admitted(&rows), expected);
            }
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(statements::answer(&rows, now), known);
            row = Some(known);
            prop_assert_eq!(statements::answer(&run(&ports, statements::read("ck_1")), now), known);
        }
    }
}

#[test]
fn figures_that_no_request_can_have_spoil_nothing() {
    let ports = FakePorts::default();
    run(&ports, statements::create());
    let absurd = Spent {
        tokens: u64::MAX,
        cost_micro_usd: u64::MAX,
    };
    let mut told = LimitUsage::default();
    for _ in 0..1_000 {
        let rows = run(&ports, statements::settle("ck_1", absurd, START));
        told = statements::answer(&rows, START);
    }
    assert_eq!(told.day_tokens, 1_000_000_000_000_000);
    assert_eq!(told.month_cost, 1_000_000_000_000_000_000);
    let limits = KeyLimits {
        tokens_per_minute: Some(1),
        ..KeyLimits::default()
    };
    let later = START.plus_ms(90_000);
    let rows = run(&ports, statements::ask("ck_1", &limits, later));
    assert!(!statements::is_admitted(&rows));
    assert_eq!(
        statements::answer(&rows, later).tokens.before,
        1_000_000_000_000_000
    );
    assert!(run(&ports, statements::forget("ck_1")).is_empty());
    assert!(run(&ports, statements::read("ck_1")).is_empty());
}
