//! Testing all keys of a channel, some at once, and keeping what tests found out: a test is a use of its key. Owns the bounds
//! of such a run; one test is [`super::channel_test`]'s.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use serde::Serialize;

use super::channel_test::{ChannelTest, TestResult};
use super::ledger_queries;
#[cfg(feature = "schema")]
use super::openapi::schemas::AttemptEnd;
#[cfg(feature = "schema")]
use crate::config::shapes::Id;
use crate::health;
use crate::health::record::{HealthEvent, Target};
use crate::ledger::key_use::{CallSource, KeyUse};
use crate::ledger::record::AttemptOutcome;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::units::Timestamp;

/// Keys that are tested at the same time: Workers open no more connections at once.
const AT_ONCE: usize = 6;
/// One of many tests takes no longer.
const TIME_OF_ONE: Duration = Duration::from_secs(30);
/// All tests together take no longer; keys that are left then are not tested.
const TIME_OF_ALL: Duration = Duration::from_secs(100);

/// How the tests of all keys ended.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TestOutcomes")
)]
pub struct KeyTestsView<'a> {
    /// One for each key, in their order; of a channel without keys one without a key.
    results: Vec<KeyTestView<'a>>,
}

/// How the test of one of many keys ended.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "KeyTestOutcome")
)]
pub struct KeyTestView<'a> {
    /// `uk_…`; null for a channel without keys.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    key: Option<&'a str>,
    /// The first and last characters of the key.
    hint: Option<&'a str>,
    /// What became of it, as of an attempt; null: it was not tested, since the time was over.
    #[cfg_attr(feature = "schema", schemars(with = "Option<AttemptEnd>"))]
    outcome: Option<&'static str>,
    #[serde(flatten)]
    result: TestResult,
}

/// Either answer of a test.
#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TestAnswer")
)]
pub enum TestAnswer<'a> {
    /// Of one key.
    One(TestResult),
    /// Of all keys, when they were asked for.
    All(KeyTestsView<'a>),
}

/// Tests every key of the channel, also those that are switched off.
pub async fn run<P: AdminPorts>(ports: &P, test: &ChannelTest<'_>) -> Reply {
    let channel = test.channel;
    let began = ports.now();
    let ends = began.plus(TIME_OF_ALL);
    let own = channel.keys.is_empty().then_some(None);
    let keys = channel.keys.iter().map(Some).chain(own);
    let tests = keys.map(|key| async move {
        let left = Duration::from_millis(ends.since_ms(ports.now()));
        let id = key.map(|key| key.id.as_str());
        let result = if left.is_zero() {
            TestResult::not_tested()
        } else {
            test.with_key(ports, id, left.min(TIME_OF_ONE)).await
        };
        KeyTestView {
            key: id,
            hint: key.map(|key| key.hint.as_str()),
            outcome: result.outcome.map(AttemptOutcome::word),
            result,
        }
    });
    let results: Vec<_> = stream::iter(tests).buffered(AT_ONCE).collect().await;
    let uses = results.iter().map(|one| (one.key, &one.result));
    keep(ports, &channel.id, uses, began).await;
    let working = results.iter().filter(|one| one.result.ok).count();
    ports.line(format_args!(
        "admin: channel {} tested: {working} of {} keys work",
        channel.id,
        results.len()
    ));
    reply::json(StatusCode::OK, &TestAnswer::All(KeyTestsView { results }))
}

/// Keeps the results of tests that began at `began`: as uses of the keys, and a success also ends the cooldown that is
/// known. A failure begins none, since a test may ask for a model that requests do not ask for.
pub async fn keep<'a, P: AdminPorts>(
    ports: &P,
    channel: &str,
    results: impl Iterator<Item = (Option<&'a str>, &'a TestResult)>,
    began: Timestamp,
) {
    let (mut uses, mut cures) = (Vec::new(), Vec::new());
    for (key, result) in results {
        let Some(outcome) = result.outcome else {
            continue;
        };
        uses.push(KeyUse {
            key: key.unwrap_or(channel).to_owned(),
            at: began,
            source: CallSource::Test,
            outcome,
            status: result.status,
        });
        if result.ok {
            cures.push(HealthEvent::Answered {
                target: Target {
                    channel: channel.to_owned(),
                    key: key.unwrap_or_default().to_owned(),
                    model: String::new(),
                },
                began,
                whole: true,
            });
        }
    }
    ledger_queries::keep_key_uses(ports, &uses).await;
    if !cures.is_empty() {
        health::stored::apply(ports, &cures).await;
    }
}
