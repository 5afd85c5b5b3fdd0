//! Every payload of `fixtures/upstream` with its classification. Owns the reading of the folder, and that it covers
//! every kind of failure and every known provider.
//!
//! A fixture names where its payload was seen (`source`), when it came (`phase`: `head`, with its own status;
//! `inside_body`, a whole answer with a good status; `first_event` and `mid_stream` of an event stream), and what is
//! expected: the failure, its scope, the status that it counts as, the wait, and the four members.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::units::Timestamp;
use crate::wire::signals::{self, Signal};
use crate::wire::{error_shape, padding, sse};

/// The providers that must have payloads.
const PROVIDERS: [&str; 16] = [
    "anthropic",
    "azure",
    "cloudflare",
    "dashscope",
    "deepseek",
    "fastapi",
    "gemini",
    "groq",
    "mistral",
    "nvidia",
    "ollama",
    "openai",
    "openrouter",
    "together",
    "vllm",
    "xai",
];

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Head,
    InsideBody,
    FirstEvent,
    MidStream,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    source: String,
    provider: String,
    phase: Phase,
    status: u16,
    headers: std::collections::BTreeMap<String, String>,
    /// Text as it came, or JSON.
    body: Value,
    expect: Expected,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expected {
    failure: String,
    scope: String,
    status: u16,
    retry_after_ms: Option<u64>,
    error: ErrorBody,
}

const fn name(failure: Failure) -> (&'static str, &'static str) {
    match failure {
        Failure::Unreachable(_) => ("unreachable", "channel"),
        Failure::ServerError => ("server_error", "channel"),
        Failure::Throttled => ("throttled", "key"),
        Failure::KeyRefused => ("key_refused", "key"),
        Failure::ModelUnknown => ("model_unknown", "model"),
        Failure::OperationUnsupported => ("operation_unsupported", "model"),
        Failure::RequestRefused => ("request_refused", "request"),
        Failure::Untranslatable => ("untranslatable", "request"),
    }
}

fn read_all() -> Vec<(String, Fixture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/upstream");
    let mut fixtures: Vec<(String, Fixture)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let fixture =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, fixture)
        })
        .collect();
    fixtures.sort_by(|(a, _), (b, _)| a.cmp(b));
    fixtures
}

/// The bytes of the error itself, found in the response the way the proxy finds it.
fn error_text(name: &str, fixture: &Fixture) -> Vec<u8> {
    let body = match &fixture.body {
        Value::String(text) => text.clone().into_bytes(),
        json => json.to_string().into_bytes(),
    };
    match fixture.phase {
        Phase::Head => body,
        Phase::InsideBody => {
            let body = body[padding::before_json(&body)..].to_vec();
            assert!(
                signals::body_is_error(&body),
                "{name}: passes for an answer"
            );
            body
        }
        Phase::FirstEvent | Phase::MidStream => {
            let block = sse::EventScanner::default()
                .push(Bytes::from(body))
                .unwrap();
            let mut has_content = false;
            for event in block.events() {
                let data = sse::data(event);
                match signals::read(data.as_deref()).signal {
                    Signal::Error => {
                        assert_eq!(has_content, fixture.phase == Phase::MidStream, "{name}");
                        return data.unwrap().into_owned();
                    }
                    Signal::Content => has_content = true,
                    Signal::Nothing | Signal::Finish | Signal::Done => {}
                }
            }
            panic!("{name}: no event of the stream is an error");
        }
    }
}

fn outcome(name: &str, fixture: &Fixture) -> (Failure, Expected) {
    let own = StatusCode::from_u16(fixture.status).unwrap();
    assert_eq!(own.is_success(), fixture.phase != Phase::Head, "{name}");
    let found = error_shape::normalise(own, &error_text(name, fixture));
    let headers: HeaderMap = fixture
        .headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    let Classification {
        status,
        failure,
        retry_after_ms,
    } = super::outcome(own, &found, &headers, Timestamp(0));
    let (kind, scope) = self::name(failure);
    let seen = Expected {
        failure: kind.to_owned(),
        scope: scope.to_owned(),
        status: status.as_u16(),
        retry_after_ms,
        error: typed(failure, found.body),
    };
    (failure, seen)
}

#[test]
fn every_payload_becomes_what_its_fixture_says() {
    let mut wrong = Vec::new();
    for (name, fixture) in read_all() {
        let (_, seen) = outcome(&name, &fixture);
        if seen != fixture.expect {
            wrong.push(format!(
                "{name}:\n seen     {seen:?}\n expected {:?}",
                fixture.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_fixtures_cover_every_failure_phase_and_provider() {
    let fixtures = read_all();
    let providers: BTreeSet<&str> = fixtures
        .iter()
        .map(|(_, fixture)| &*fixture.provider)
        .collect();
    assert_eq!(providers, BTreeSet::from(PROVIDERS));
    let phases: BTreeSet<Phase> = fixtures.iter().map(|(_, fixture)| fixture.phase).collect();
    assert_eq!(phases.len(), 4, "{phases:?}");
    let failures: BTreeSet<&str> = fixtures
        .iter()
        .map(|(name, fixture)| self::name(outcome(name, fixture).0).0)
        .collect();
    // All but the one that comes from no payload.
    assert_eq!(failures.len(), 5, "{failures:?}");
    for (name, fixture) in &fixtures {
        assert!(
            fixture.source.len() > 10,
            "{name} does not say where it was seen"
        );
        assert!(name.starts_with(&fixture.provider), "{name}");
    }
}
