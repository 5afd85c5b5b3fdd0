//! The gateway on fakes, with a key that may use one model: what it passes on, and how it read it.

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::model::Document;
use gateway_core::ports::StoreKey;
use gateway_core::proxy::{self, Gateway};
use gateway_core::sql::SqlValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use serde_json::json;

use super::cases::Case;
use crate::fakes::{FakePorts, FakeReply, block_on};

/// The one model that the key may use.
pub const ALLOWED: &str = "allowed";
const KEY: &str = "sk-differential";
/// Requests after which the ledger is written.
const LEDGER_EVERY: usize = 200;

/// A request as it reached the upstream.
#[derive(Debug)]
pub struct Forwarded {
    /// Its content type.
    pub content_type: Vec<u8>,
    /// Its body.
    pub body: Bytes,
    /// Whether the gateway read it as a request for a stream.
    pub wants_stream: bool,
}

/// Sends all cases through one gateway; `None` for those that it rejects.
pub fn pass(cases: &[Case]) -> io::Result<Vec<Option<Forwarded>>> {
    let ports = FakePorts::default();
    let document = serde_json::to_vec(&document()?)?;
    ports.store().put(StoreKey::Config, document);
    ports.upstream().script(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#,
        )
    });
    let gateway = Rc::new(Gateway::new(ports.clone(), Ok(None)));
    let mut passed = Vec::with_capacity(cases.len());
    let mut seen = 0;
    for (number, case) in cases.iter().enumerate() {
        let reply = block_on(proxy::handle(&gateway, request(case)?));
        drop(reply);
        let calls = ports.upstream().requests_from(seen);
        seen += calls.len();
        passed.push(calls.into_iter().next_back().map(|call| {
            Forwarded {
                content_type: call
                    .head
                    .headers
                    .get(CONTENT_TYPE)
                    .map(|value| value.as_bytes().to_vec())
                    .unwrap_or_default(),
                body: call.body,
                wants_stream: false,
            }
        }));
        if number % LEDGER_EVERY == LEDGER_EVERY - 1 || number + 1 == cases.len() {
            ports.run_background();
        }
    }
    note_streams(&ports, &mut passed)?;
    Ok(passed)
}

/// The ledger knows whether a stream was requested.
fn note_streams(ports: &FakePorts, passed: &mut [Option<Forwarded>]) -> io::Result<()> {
    let rows = ports
        .database()
        .rows("SELECT stream FROM request ORDER BY seq");
    if rows.len() != passed.len() {
        let message = format!(
            "{} rows in the ledger for {} requests",
            rows.len(),
            passed.len()
        );
        return Err(io::Error::other(message));
    }
    for (forwarded, row) in passed.iter_mut().zip(rows) {
        if let Some(forwarded) = forwarded {
            forwarded.wants_stream = row.first() == Some(&SqlValue::Integer(1));
        }
    }
    Ok(())
}

fn request(case: &Case) -> io::Result<Request<Full<Bytes>>> {
    let mut request = Request::post(case.path)
        .header(AUTHORIZATION, format!("Bearer {KEY}"))
        .body(Full::new(case.body.clone()))
        .map_err(io::Error::other)?;
    for value in &case.types {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(io::Error::other)?;
        request.headers_mut().append(CONTENT_TYPE, value);
    }
    Ok(request)
}

/// One channel that serves every model, which it knows by the same names, and one that drops a parameter.
fn document() -> io::Result<Document> {
    let channel = |id: &str, priority: u16| {
        json!({
            "id": id, "name": id, "enabled": true, "provider": "openai", "base_url": "https://up.example/v1",
            "keys": [], "models": [], "model_map": {}, "priority": priority, "weight": 1, "headers": {},
            "drop_params": ["user"], "stream_usage": false, "connect_timeout_ms": 5_000,
            "first_byte_timeout_ms": 60_000, "idle_timeout_ms": 60_000, "azure": null,
            "created_at": 0, "updated_at": 0
        })
    };
    let hash = gateway_core::ids::hex(&gateway_core::ids::hash_client_key(KEY.as_bytes()));
    serde_json::from_value(json!({
        "version": 1,
        "channels": [channel("ch_a", 0)],
        "keys": [{
            "id": "ck_a", "name": "a", "hash": hash, "hint": "", "enabled": true, "models": [ALLOWED],
            "expires_at": null, "limits": {}, "created_at": 0
        }],
        "settings": {"request_log_rows": 10_000_000}
    }))
    .map_err(io::Error::other)
}
