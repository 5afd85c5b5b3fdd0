//! The whole suite against a proxy that passes bytes through: one dialect on both sides works, translation does not.
//!
//! Proves that cases can hold and that they can fail; owns the proxy.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot run has failed")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gateway_conformance::cases;
use gateway_conformance::client;
use gateway_conformance::dialect::{CLIENTS, Dialect, script_key};
use gateway_conformance::run::{self, Status, Target};
use gateway_conformance::upstream;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// Same dialect, but more is asked for than passing bytes: an error event for a stream that breaks off, a status of the
/// gateway's own.
const NEEDS_A_GATEWAY: [&str; 4] = [
    "truncation",
    "truncation-reset",
    "truncation-whole",
    "error-401",
];

/// Passes a request to the upstream that its model names, at the same operation.
async fn pass(request: Request<Incoming>, port: u16) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = json["model"].as_str().unwrap_or(head.uri.path());
    let model = model.split(':').next().unwrap_or_default();
    let dialect = script_key(model)
        .and_then(|key| key.split('-').nth(1))
        .unwrap_or("none");
    let headers: Vec<(String, String)> = [
        "authorization",
        "x-api-key",
        "anthropic-version",
        "anthropic-beta",
    ]
    .iter()
    .filter_map(|name| {
        let value = head.headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    })
    .collect();
    let base: Uri = format!("http://127.0.0.1:{port}/{dialect}")
        .parse()
        .expect("a URL");
    let path = head.uri.path();
    let raw = client::post(&base, path, &headers, body, Duration::from_secs(5)).await;
    let response = match raw {
        Ok(raw) => Response::builder()
            .status(raw.status)
            .header("content-type", raw.content_type)
            .body(Full::new(raw.body)),
        Err(error) => Response::builder()
            .status(502)
            .body(Full::new(Bytes::from(error))),
    };
    Ok(response.expect("a response"))
}

async fn proxy(port: u16) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| pass(request, port));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_passes_bytes_keeps_a_dialect_and_translates_none() {
    let (board, upstreams) = upstream::start(0).await.expect("the upstreams");
    let address = proxy(upstreams.port()).await;
    let target = Target {
        url: format!("http://{address}").parse().expect("a URL"),
        key: "sk-test".to_owned(),
        model_prefix: String::new(),
        limit: Duration::from_secs(10),
    };
    let (mut wrong, mut passed) = (Vec::new(), 0);
    for (index, case) in cases::all().iter().enumerate() {
        let done = run::case(&target, &board, index + 1, case).await;
        let template = case.name.split('/').next().unwrap_or_default();
        let expected = case.client == case.upstream && !NEEDS_A_GATEWAY.contains(&template);
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
