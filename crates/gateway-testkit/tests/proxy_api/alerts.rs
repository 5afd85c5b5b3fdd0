//! Alerts: what requests find wrong is sent to a webhook once, by one of all instances, and no request waits for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gateway_core::config::alerts::{AlertRules, Alerts, Destination, DestinationKind};
use gateway_core::config::model::{Document, KeyLimits, Price, StoredSecret};
use gateway_core::ports::StoreKey;
use gateway_core::secret::Secret;
use gateway_testkit::fakes::{FakeReply, Recorded};
use serde_json::Value;

use super::ledger::{ANSWER, CHAT};
use super::setup::*;

const MINUTE_MS: u64 = 60_000;

fn destination(id: &str) -> Destination {
    Destination {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: DestinationKind::Json,
        enabled: true,
        url: StoredSecret::Clear(Secret::new(format!("https://{id}.example/path-SECRET"))),
        hint: String::new(),
        secret: None,
        recipient: None,
    }
}

/// All rules off.
const fn no_rules() -> AlertRules {
    AlertRules {
        budget_near_percent: None,
        budget_over: false,
        gateway_daily_budget_micro_usd: None,
        gateway_monthly_budget_micro_usd: None,
        channel_down_minutes: None,
        error_rate_percent: None,
        error_rate_minutes: 10,
        error_rate_requests: 1,
        key_rejected: false,
        records_lost: false,
        repeat_minutes: None,
    }
}

/// A gateway whose upstream and webhooks follow the test.
struct Watch {
    stage: Stage,
    /// Whether the upstream answers, and what the webhooks answer.
    upstream: Rc<Cell<u16>>,
    hook: Rc<Cell<u16>>,
    sent: Rc<RefCell<Vec<(String, Value)>>>,
}

impl Watch {
    fn new(rules: AlertRules, change: impl FnOnce(&mut Document)) -> Self {
        let mut document = Document {
            channels: vec![channel("a", 1)],
            keys: vec![client_key()],
            alerts: Alerts {
                rules,
                destinations: vec![destination("hook")],
            },
            ..Document::default()
        };
        change(&mut document);
        let stage = Stage::with_ledger(&document);
        let (upstream, hook) = (Rc::new(Cell::new(200)), Rc::new(Cell::new(200)));
        let sent = Rc::new(RefCell::new(Vec::new()));
        let watch = Self {
            stage,
            upstream: Rc::clone(&upstream),
            hook: Rc::clone(&hook),
            sent: Rc::clone(&sent),
        };
        watch.stage.upstream(move |call: &Recorded| {
            if host(call) == "a" {
                return FakeReply::json(upstream.get(), ANSWER);
            }
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            sent.borrow_mut().push((host(call).to_owned(), body));
            FakeReply::json(hook.get(), "{}")
        });
        watch
    }

    /// A request in an instance that lives for it only, half a minute after the one before, and its evaluation.
    fn chat(&self) -> u16 {
        self.stage.ports.advance_ms(31_000);
        self.stage.chat_alone(CHAT).status
    }

    /// The lines of the messages since the last look.
    fn messages(&self) -> Vec<String> {
        let sent = self.sent.take();
        let text = |(_, body): &(String, Value)| body["text"].as_str().unwrap().to_owned();
        sent.iter().map(text).collect()
    }
}

#[test]
fn a_rejected_key_is_told_once_and_so_is_its_end() {
    let rules = AlertRules {
        key_rejected: true,
        ..no_rules()
    };
    let watch = Watch::new(rules, |_| {});
    assert_eq!(watch.chat(), 200);
    assert_eq!(watch.messages(), Vec::<String>::new());
    watch.upstream.set(401);
    for _ in 0..4 {
        watch.chat();
    }
    let messages = watch.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(
        messages[0],
        "AI gateway: 1 alert\nWarning: Channel \"a\" rejects its key …."
    );
    watch.upstream.set(200);
    watch.stage.ports.advance_ms(20 * MINUTE_MS);
    for _ in 0..6 {
        watch.chat();
    }
    let messages = watch.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].contains("Recovered: Channel \"a\" does not reject"),
        "{messages:?}"
    );
    let log = watch.stage.ports.log_lines().join("\n");
    assert!(!log.contains("SECRET"), "{log}");
}

#[test]
fn of_many_instances_one_evaluates_and_nothing_is_evaluated_twice_in_half_a_minute() {
    let rules = AlertRules {
        key_rejected: true,
        ..no_rules()
    };
    let watch = Watch::new(rules, |_| {});
    watch.upstream.set(401);
    let claims = || {
        let rows = watch
            .stage
            .ports
            .database()
            .rows("SELECT holder FROM alert_state");
        rows[0][0].text().unwrap().to_owned()
    };
    watch.chat();
    let holder = claims();
    assert!(holder.starts_with("al_"));
    for _ in 0..5 {
        // The evaluation begins a second after its request.
        watch.stage.ports.advance_ms(3_000);
        watch.stage.chat_alone(CHAT);
        assert_eq!(claims(), holder);
    }
    watch.chat();
    assert_ne!(claims(), holder);
    assert_eq!(watch.messages().len(), 1);
}

#[test]
fn no_request_waits_for_an_evaluation() {
    let watch = Watch::new(AlertRules::default(), |_| {});
    let calls = || watch.stage.ports.database().calls();
    assert_eq!(watch.stage.chat(CHAT).status, 200);
    assert_eq!(calls(), 0);
    watch.stage.ports.run_background();
    assert!(calls() > 0);
}

#[test]
fn without_a_destination_nothing_is_asked_and_nothing_is_sent() {
    let watch = Watch::new(AlertRules::default(), |document| {
        document.alerts.destinations[0].enabled = false;
    });
    watch.upstream.set(401);
    for _ in 0..3 {
        watch.chat();
    }
    assert!(watch.messages().is_empty());
    let rows = watch
        .stage
        .ports
        .database()
        .rows("SELECT due_ms, state FROM alert_state");
    assert_eq!((rows[0][0].count(), rows[0][1].text()), (0, Some("")));
}

#[test]
fn a_message_that_fails_is_sent_again_until_it_is_taken() {
    let rules = AlertRules {
        key_rejected: true,
        ..no_rules()
    };
    let watch = Watch::new(rules, |document| {
        document.alerts.destinations.push(destination("other"));
    });
    watch.upstream.set(401);
    watch.hook.set(503);
    watch.chat();
    watch.chat();
    assert!(!watch.messages().is_empty());
    watch.hook.set(200);
    for _ in 0..4 {
        watch.chat();
    }
    let hosts: Vec<String> = watch
        .sent
        .take()
        .into_iter()
        .map(|(host, _)| host)
        .collect();
    assert_eq!(hosts, ["hook", "other"]);
}

#[test]
fn a_channel_that_is_down_for_minutes_is_told() {
    let rules = AlertRules {
        channel_down_minutes: Some(2),
        ..no_rules()
    };
    let watch = Watch::new(rules, |_| {});
    watch.upstream.set(500);
    let mut minutes = 0;
    while watch.sent.borrow().is_empty() && minutes < 20 {
        watch.chat();
        minutes += 1;
    }
    let message = watch.messages().remove(0);
    assert!(
        message.contains("Critical: Channel \"a\" is down: server errors."),
        "{message}"
    );
    assert!(minutes >= 5, "not before two minutes: {minutes}");
}

#[test]
fn a_rate_of_errors_is_told_with_its_figures() {
    let rules = AlertRules {
        error_rate_percent: Some(50),
        error_rate_requests: 4,
        ..no_rules()
    };
    let watch = Watch::new(rules, |_| {});
    watch.chat();
    watch.upstream.set(500);
    for _ in 0..4 {
        watch.chat();
    }
    let messages = watch.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("requests of the last 10 minutes got no whole answer"));
}

#[test]
fn budgets_of_keys_and_of_the_gateway_are_told_when_they_are_near_and_over() {
    let rules = AlertRules {
        budget_near_percent: Some(50),
        budget_over: true,
        gateway_daily_budget_micro_usd: Some(1_000_000),
        ..no_rules()
    };
    let watch = Watch::new(rules, |document| {
        // 30 tokens in, 7 out: 0.30 dollars a request.
        let price = Price {
            prompt: 10_000_000_000,
            ..Price::default()
        };
        document.settings.prices.insert("m".to_owned(), price);
        document.keys[0].limits = KeyLimits {
            monthly_budget_micro_usd: Some(500_000),
            ..KeyLimits::default()
        };
    });
    for _ in 0..5 {
        watch.chat();
    }
    let messages = watch.messages().join("\n");
    for expected in [
        "Warning: Client key \"test\" has used 60 % of its monthly budget: $0.30 of $0.50.",
        "Critical: Client key \"test\" has used 120 % of its monthly budget: $0.60 of $0.50.",
        "Warning: The gateway has used 60 % of its daily budget: $0.60 of $1.00.",
    ] {
        let count = messages.matches(expected).count();
        assert_eq!(count, 1, "{expected}\nin\n{messages}");
    }
    // The next day nothing of the gateway's budget is used.
    watch.stage.ports.advance_ms(24 * 60 * MINUTE_MS);
    for _ in 0..5 {
        watch.chat();
    }
    let messages = watch.messages().join("\n");
    assert!(
        messages.contains("Recovered: The gateway has used 0 % of its daily budget"),
        "{messages}"
    );
}

#[test]
fn lost_records_are_told() {
    let rules = AlertRules {
        records_lost: true,
        ..no_rules()
    };
    let watch = Watch::new(rules, |_| {});
    let lost = |count: &str| {
        let store = watch.stage.ports.store();
        store.put(StoreKey::DroppedRecords, count.as_bytes().to_vec());
    };
    lost("100");
    watch.chat();
    assert!(watch.messages().is_empty());
    lost("103");
    watch.chat();
    watch.chat();
    let messages = watch.messages();
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].contains("Warning: 3 records of requests are lost"),
        "{messages:?}"
    );
}

#[test]
fn what_cannot_be_read_ends_no_alert() {
    let rules = AlertRules {
        key_rejected: true,
        ..no_rules()
    };
    let watch = Watch::new(rules, |_| {});
    watch.upstream.set(401);
    watch.chat();
    watch.chat();
    assert_eq!(watch.messages().len(), 1);
    watch.upstream.set(200);
    watch.stage.ports.advance_ms(20 * MINUTE_MS);
    let store = watch.stage.ports.store();
    store.put(StoreKey::Health, b"damaged".to_vec());
    for _ in 0..5 {
        assert_eq!(watch.chat(), 200);
    }
    assert_eq!(watch.messages(), Vec::<String>::new());
    store.put(StoreKey::Health, b"{}".to_vec());
    for _ in 0..5 {
        watch.chat();
    }
    assert_eq!(watch.messages().len(), 1);
}
