//! Tests of a channel with one of its keys or with all, some at once, and keeping what they found out: a test is a use of its
//! key. Owns the bounds of a run of many; one test is [`super::channel_test`]'s.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::channel_test::{ChannelTest, TestResult, Wish};
#[cfg(feature = "schema")]
use super::openapi::schemas::AttemptEnd;
use super::{AdminSettings, document, ledger_queries};
#[cfg(feature = "schema")]
use crate::config::shapes::Id;
use crate::error::{ErrorCode, GatewayError};
use crate::health;
use crate::health::record::{HealthEvent, Target};
use crate::ledger::detail;
use crate::ledger::key_use::{CallSource, KeyUse};
use crate::ledger::record::AttemptOutcome;
use crate::ports::AdminPorts;
use crate::problem::{Problem, ProblemKind};
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

/// `POST channels/{id}/test`.
pub async fn run<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    id: &str,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let wish = Wish::read(body)?;
    let document = document::load_without_keys(ports).await?;
    let channel = document.channels.iter().find(|channel| channel.id == id);
    let channel =
        channel.ok_or_else(|| ErrorCode::NotFound.error("There is no channel with this id."))?;
    let model = wish
        .model
        .as_deref()
        .or_else(|| channel.served_models().next())
        .ok_or_else(|| {
            ErrorCode::InvalidValue
                .error("`model` is required: the channel names no model to test with.")
                .with_param("model")
                .with_details(vec![Problem::new("model", ProblemKind::Required)])
        })?;
    let test = ChannelTest {
        settings,
        document: &document,
        channel,
        model,
        wants_stream: wish.stream,
    };
    if wish.keys.is_some() {
        return Ok(all(ports, &test).await);
    }
    let began = ports.now();
    let (key, outcome) = test.run(ports, wish.key.as_deref()).await?;
    let key = (!key.is_empty()).then_some(key.as_str());
    keep(ports, &test, [(key, &outcome)].into_iter(), began).await;
    ports.line(format_args!(
        "admin: channel {id} tested: {}",
        if outcome.ok { "it answers" } else { "it fails" }
    ));
    Ok(reply::json(StatusCode::OK, &TestAnswer::One(outcome)))
}

/// Tests every key of the channel, also those that are switched off.
async fn all<P: AdminPorts>(ports: &P, test: &ChannelTest<'_>) -> Reply {
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
    keep(ports, test, uses, began).await;
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
async fn keep<'a, P: AdminPorts>(
    ports: &P,
    test: &ChannelTest<'_>,
    results: impl Iterator<Item = (Option<&'a str>, &'a TestResult)>,
    began: Timestamp,
) {
    let (mut uses, mut cures) = (Vec::new(), Vec::new());
    let channel = &test.channel.id;
    let keeps_details = test.document.settings.log_error_details;
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
            detail: result
                .error
                .as_deref()
                .filter(|_| keeps_details)
                .and_then(|error| detail::detail(error, None)),
        });
        if result.ok {
            cures.push(HealthEvent::Answered {
                target: Target {
                    channel: channel.clone(),
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
