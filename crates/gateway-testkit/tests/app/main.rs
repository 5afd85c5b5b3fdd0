//! The host kit, as a host uses it: start, paths and bodies.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod alerts;
mod bodies;
mod paths;
mod rotation;
mod start;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use gateway_core::ids;
use gateway_core::ports::{Variable, VariableError, Variables};
use gateway_core::reply::Reply;
use gateway_testkit::fakes::{block_on, read_body};
use http::{HeaderMap, Request};
use http_body_util::Full;
use serde_json::{Value, json};

const KEY: &str = "sk-test-client";
const PASSWORD: &str = "correct horse";
const OK: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;

/// Variables in memory. Clones share everything.
#[derive(Clone, Default)]
struct FakeVariables(Rc<RefCell<FakeValues>>);

#[derive(Default)]
struct FakeValues {
    values: BTreeMap<&'static str, String>,
    /// The one that cannot be read.
    broken: Option<Variable>,
    /// The requested ones.
    asked: Vec<&'static str>,
}

impl FakeVariables {
    fn with(self, variable: Variable, value: impl Into<String>) -> Self {
        let mut inner = self.0.borrow_mut();
        inner.values.insert(variable.name(), value.into());
        drop(inner);
        self
    }

    fn break_one(&self, variable: Option<Variable>) {
        self.0.borrow_mut().broken = variable;
    }

    /// What was requested since the last time.
    fn take_asked(&self) -> Vec<&'static str> {
        let mut asked = std::mem::take(&mut self.0.borrow_mut().asked);
        asked.sort_unstable();
        asked
    }
}

impl Variables for FakeVariables {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        let mut inner = self.0.borrow_mut();
        inner.asked.push(variable.name());
        if inner.broken == Some(variable) {
            return Err(VariableError("the vault is closed".to_owned()));
        }
        Ok(inner.values.get(variable.name()).cloned())
    }
}

/// A configuration with one client key and one channel for every model.
fn configuration() -> String {
    json!({
        "version": 1,
        "keys": [{"id": "ck_1", "name": "x", "hash": ids::hex(&ids::hash_client_key(KEY.as_bytes()))}],
        "channels": [{"id": "ch_1", "name": "a", "base_url": "https://a.example/v1", "keys": ["a-1"], "models": ["m"]}],
    })
    .to_string()
}

/// A response, read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn of(reply: Reply) -> Self {
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = block_on(read_body(reply)).unwrap();
        Self {
            status,
            headers,
            body,
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code of an error.
    fn error(&self) -> (u16, String) {
        let code = self.json()["error"]["code"].as_str().unwrap().to_owned();
        (self.status, code)
    }

    fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .header("authorization", format!("Bearer {KEY}"))
        .body(Full::default())
        .unwrap()
}

fn chat() -> Request<Full<Bytes>> {
    Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(Full::from(r#"{"model":"m"}"#))
        .unwrap()
}

fn login() -> Request<Full<Bytes>> {
    let body = json!({ "password": PASSWORD }).to_string();
    Request::post("/admin/api/login")
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}
