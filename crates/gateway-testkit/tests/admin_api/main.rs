//! The admin API over HTTP, on fake ports: what an admin sends and what comes back. Owns nothing of how the core
//! does it; what is checked here is the contract.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may panic as tests do; clippy only knows functions marked #[test]"
)]

mod accounts;
mod alerts;
mod allowance;
mod audit;
mod audit_secrets;
mod base_urls;
mod bulk;
mod channels;
mod client_keys;
mod config;
mod damaged;
mod described;
mod exports;
mod health;
mod hostile;
mod imports;
mod last_calls;
mod lean_ledger;
mod ledger;
mod lists;
mod many_keys;
mod members;
mod metrics;
mod misreported;
mod model_names;
mod oidc;
mod one_time_codes;
mod openapi;
mod origins;
mod playground_key;
mod prices;
mod request_detail;
mod revisions;
mod roles;
mod rotation;
mod routing;
mod sealing;
mod sessions;
mod startup;
mod throttle;
mod transfer;
mod trial;
mod upstream_models;
mod whole_keys;
mod writers;

use std::net::SocketAddr;

use bytes::Bytes;
use gateway_core::admin::{self, AdminSettings};
use gateway_core::config::seal::MasterKey;
use gateway_core::peer::Peer;
use gateway_core::reply;
use gateway_core::secret::Secret;
use gateway_testkit::fakes::{FakePorts, block_on, read_body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";
/// A key that must never be seen again, with a recognisable middle.
const UPSTREAM_KEY: &str = "nvapi-MIDDLE-OF-THE-SECRET-wxyz";

/// A gateway with its own store, and a logged-in admin.
struct Gateway {
    ports: FakePorts,
    settings: AdminSettings,
    token: String,
}

/// A response, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The error's code; empty when the answer is none.
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    #[track_caller]
    fn expect_error(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status.as_u16(), self.code()),
            (status, code),
            "{}",
            self.body
        );
        let error = self.body["error"].as_object().unwrap();
        for member in ["message", "type", "param", "code"] {
            assert!(
                error.contains_key(member),
                "{member} is always there: {error:?}"
            );
        }
        if let Some(first) = error.get("details") {
            assert_eq!(error["type"], "invalid_request_error");
            let path = first[0]["path"].as_str().unwrap();
            assert_eq!(error["param"].as_str().unwrap_or_default(), path);
            assert!(
                self.message()
                    .contains(first[0]["message"].as_str().unwrap())
            );
        }
        self
    }
}

fn settings(password: &str) -> AdminSettings {
    AdminSettings {
        password: Some(Secret::new(password.to_owned())),
        ..AdminSettings::default()
    }
}

/// Settings with a master key made of one character of base64, whose last two bits are zero.
fn with_master_key(byte: char) -> AdminSettings {
    AdminSettings {
        master_key: MasterKey::parse(&format!("{}=", byte.to_string().repeat(43))).unwrap(),
        ..settings(PASSWORD)
    }
}

impl Gateway {
    fn new() -> Self {
        Self::with(settings(PASSWORD))
    }

    fn with(settings: AdminSettings) -> Self {
        let mut gateway = Self {
            ports: FakePorts::default(),
            settings,
            token: String::new(),
        };
        gateway.log_in();
        gateway
    }

    fn log_in(&mut self) {
        let answer = self.login(PASSWORD).expect(200);
        answer["token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.token);
    }

    /// Any request at all. Checks what is true of every response.
    #[track_caller]
    fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let sent = block_on(request.body().clone().collect())
            .unwrap()
            .to_bytes();
        let reply = block_on(admin::handle(&self.ports, &self.settings, request));
        let reply = reply::finish(reply, method == Method::HEAD);
        let (status, headers) = (reply.status(), reply.headers().clone());
        let bytes = block_on(read_body(reply)).unwrap();
        assert!(
            headers["x-request-id"]
                .to_str()
                .unwrap()
                .starts_with("req_")
        );
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("access-control-allow-origin"));
        let is_table = headers
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/csv;"));
        let body = if bytes.is_empty() {
            Value::Null
        } else if is_table {
            String::from_utf8(bytes.into()).unwrap().into()
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        openapi::Exchange {
            method: method.as_str(),
            path: uri.path(),
            sent: &sent,
            status: status.as_u16(),
            received: &body,
        }
        .check();
        Answer {
            status,
            headers,
            body,
        }
    }

    /// A request of a logged-in admin, as a program sends it.
    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let authorization = format!("Bearer {}", self.token);
        self.send(request(
            method,
            path,
            &[("authorization", &authorization)],
            body,
        ))
    }

    fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null)
    }

    fn login(&self, password: &str) -> Answer {
        self.send(request(
            "POST",
            "login",
            &[],
            json!({ "password": password }).to_string(),
        ))
    }

    /// A new channel's id.
    fn channel(&self, members: &Value) -> String {
        let mut body = json!({"name": "NVIDIA NIM", "base_url": "https://up.example/v1", "keys": [UPSTREAM_KEY]});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.call("POST", "channels", &body).expect(201)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/admin/api/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

/// The request as it comes from this peer.
fn sent_by(peer: Peer, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    request.extensions_mut().insert(peer);
    request
}

/// The peer at an address with a port; one that its host does not know, if it is none.
fn peer_at(address: &str) -> Peer {
    let address: Option<SocketAddr> = address.parse().ok();
    Peer {
        address: address.map(|address| address.ip()),
        ..Peer::default()
    }
}

#[test]
fn routes_have_their_methods_and_nothing_else_exists() {
    let gateway = Gateway::new();
    for (path, wrong, allow) in [
        ("login", "GET", "POST"),
        ("logout", "GET", "POST"),
        ("session", "DELETE", "GET, HEAD"),
        ("channels", "PUT", "GET, HEAD, POST"),
        ("channels", "OPTIONS", "GET, HEAD, POST"),
        ("channels/ch_1", "POST", "GET, HEAD, PATCH, DELETE"),
        ("keys", "DELETE", "GET, HEAD, POST"),
        ("keys/ck_1", "PUT", "GET, HEAD, PATCH, DELETE"),
        ("channels/ch_1/test", "GET", "POST"),
        ("channels/ch_1/models", "POST", "GET, HEAD"),
        ("config", "POST", "GET, HEAD, PUT"),
        ("route", "POST", "GET, HEAD"),
        ("status", "PATCH", "GET, HEAD"),
        ("models", "GET", "POST"),
        ("usage", "POST", "GET, HEAD"),
        ("requests", "DELETE", "GET, HEAD"),
        ("usage.csv", "POST", "GET, HEAD"),
        ("requests.csv", "PUT", "GET, HEAD"),
        ("openapi.json", "PUT", "GET, HEAD"),
    ] {
        let answer = gateway
            .call(wrong, path, &Value::Null)
            .expect_error(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow, "{wrong} {path}");
    }
    for path in [
        "",
        "channel",
        "channels/",
        "channels/a/b",
        "channels/a-b",
        "keys/",
        "login/x",
        "config/x",
        "channels/test",
        "channels//test",
        "channels/ch_1/test/x",
    ] {
        gateway.get(path).expect_error(404, "not_found");
    }
    let elsewhere = Request::get("/admin").body(Full::default()).unwrap();
    gateway.send(elsewhere).expect_error(404, "not_found");
}

#[test]
fn head_answers_like_get_without_a_body() {
    let gateway = Gateway::new();
    for path in [
        "session",
        "channels",
        "keys",
        "config",
        "status",
        "route?model=m",
    ] {
        let answer = gateway.call("HEAD", path, &Value::Null);
        assert_eq!(
            (answer.status, answer.body),
            (StatusCode::OK, Value::Null),
            "{path}"
        );
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    assert_eq!(
        gateway.call("HEAD", "channels/ch_1", &Value::Null).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn everything_but_login_needs_a_session() {
    let gateway = Gateway::new();
    for (method, path) in [
        ("POST", "logout"),
        ("GET", "session"),
        ("GET", "channels"),
        ("POST", "channels"),
        ("GET", "channels/ch_1"),
        ("PATCH", "channels/ch_1"),
        ("DELETE", "channels/ch_1"),
        ("GET", "keys"),
        ("POST", "keys"),
        ("PATCH", "keys/ck_1"),
        ("DELETE", "keys/ck_1"),
        ("POST", "channels/ch_1/test"),
        ("GET", "channels/ch_1/models"),
        ("GET", "config"),
        ("GET", "config?secrets=true"),
        ("PUT", "config"),
        ("GET", "route?model=m"),
        ("GET", "status"),
        ("POST", "models"),
        ("GET", "usage"),
        ("GET", "requests"),
        ("GET", "usage.csv"),
        ("GET", "requests.csv"),
        ("GET", "alerts"),
        ("PATCH", "alerts"),
        ("POST", "alerts/ad_1/test"),
        ("POST", "alerts/test"),
        ("GET", "openapi.json"),
    ] {
        gateway
            .send(request(method, path, &[], "{}"))
            .expect_error(401, "not_authenticated");
    }
}
