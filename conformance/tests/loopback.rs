//! The whole suite against a proxy that passes bytes through: one dialect on both sides works, translation does not.
//!
//! Proves that cases can hold and that they can fail; owns the proxy.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot run has failed")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use gateway_conformance::cases;
use gateway_conformance::client::{self, Raw};
use gateway_conformance::dialect::{CLIENTS, Dialect, script_key};
use gateway_conformance::run::{self, Status, Target};
use gateway_conformance::upstream;
use http::Uri;
use http::request::Parts;
use serde_json::Value;

/// Same dialect, but more is required than passing a body on: an error event for a stream that breaks off, a status of
/// the gateway's own, other methods and paths, keys.
const NEEDS_A_GATEWAY: [&str; 16] = [
    "truncation",
    "truncation-reset",
    "truncation-whole",
    "error-401",
    "stored-get",
    "stored-input-items",
    "stored-delete",
    "stored-get-unknown",
    "leave",
    "azure-deployment",
    "azure-deployment-stream",
    "azure-v1",
    "own-key",
    "own-model",
    "own-json",
    "own-secret",
];

/// Passes a request to the upstream that its model names, at the same operation.
async fn pass(head: Parts, body: Bytes, port: u16) -> Raw {
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = json["model"].as_str().unwrap_or(head.uri.path());
    let model = model.split(':').next().unwrap_or_default();
    let dialect = script_key(model)
        .and_then(|key| key.split('-').nth(1))
        .unwrap_or("none");
    if dialect == "none" {
        return refusal(404, "no such route".to_owned());
    }
    let names = [
        "authorization",
        "x-api-key",
        "anthropic-version",
        "anthropic-beta",
    ];
    let header = |name: &&str| {
        let value = head.headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    };
    let headers: Vec<(String, String)> = names.iter().filter_map(header).collect();
    let base: Uri = format!("http://127.0.0.1:{port}/{dialect}")
        .parse()
        .expect("a URL");
    let path = head.uri.path();
    let raw = client::post(&base, path, &headers, body, Duration::from_secs(2)).await;
    raw.unwrap_or_else(|error| refusal(502, error))
}

fn refusal(status: u16, words: String) -> Raw {
    Raw {
        status,
        content_type: "text/plain".to_owned(),
        body: Bytes::from(words),
        broken: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_passes_bytes_keeps_a_dialect_and_translates_none() {
    let (board, upstreams) = upstream::start(0).await.expect("the upstreams");
    let port = upstreams.port();
    let address = common::serve(move |head, body| pass(head, body, port)).await;
    let target = Target {
        url: format!("http://{address}").parse().expect("a URL"),
        key: "sk-test".to_owned(),
        model_prefix: String::new(),
        headers: Vec::new(),
        client_paths: Vec::new(),
        limit: Duration::from_secs(10),
    };
    let (mut wrong, mut passed) = (Vec::new(), 0);
    for (index, case) in cases::all().iter().enumerate() {
        let done = run::case(&target, &board, index + 1, case).await;
        let template = case.name.split('/').next().unwrap_or_default();
        let expected = case.route == case.client.into() && !NEEDS_A_GATEWAY.contains(&template);
        let got = done.status == Status::Ok;
        passed += usize::from(got);
        if got != expected {
            wrong.push(format!("{}: {:?}", case.name, done.status));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed > 90, "only {passed} cases passed");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_fails_every_dialect() {
    let (board, upstreams) = upstream::start(0).await.expect("the upstreams");
    let target = Target {
        // The upstreams' own root answers 404 without a word about models.
        url: format!("http://{upstreams}").parse().expect("a URL"),
        key: "sk-test".to_owned(),
        model_prefix: String::new(),
        headers: Vec::new(),
        client_paths: Vec::new(),
        limit: Duration::from_secs(10),
    };
    for client in CLIENTS {
        let cases = cases::all();
        let pair = |name: &str| name == format!("text/{client}-to-{}", Dialect::Chat);
        let (index, case) = cases
            .iter()
            .enumerate()
            .find(|(_, case)| pair(&case.name))
            .expect("the case");
        let done = run::case(&target, &board, index + 1, case).await;
        assert_ne!(done.status, Status::Ok, "{client}");
    }
}
