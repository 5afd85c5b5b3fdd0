//! Requests of admins: each ends within five seconds, whichever store operations it needs.

use bytes::Bytes;
use gateway_core::admin::{self, AdminSettings};
use gateway_core::secret::Secret;
use gateway_testkit::fakes::read_body;
use gateway_testkit::sim::{Fault, Sim};
use http::Method;
use http_body_util::Full;
use serde_json::Value;

const PASSWORD: &str = "correct horse";
const METRICS_TOKEN: &str = "metrics";
/// The store's wait, and that of a database.
const MOST_MS: u64 = 5_100;

struct Stage {
    sim: Sim,
    settings: AdminSettings,
}

struct Answer {
    status: u16,
    after_ms: u64,
    body: Value,
}

impl Stage {
    fn new() -> Self {
        Self {
            sim: Sim::seeded(1),
            settings: AdminSettings {
                password: Some(Secret::new(PASSWORD.to_owned())),
                metrics_token: Some(Secret::new(METRICS_TOKEN.to_owned())),
                ..AdminSettings::default()
            },
        }
    }

    fn call(&self, method: &Method, path: &str, token: &str, body: &'static str) -> Answer {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(body))
            .unwrap();
        let (ports, settings) = (self.sim.instance(0), self.settings.clone());
        let executor = self.sim.executor().clone();
        self.sim.executor().block_on(async move {
            let began = executor.now();
            let reply = admin::handle(&ports, &settings, request).await;
            Answer {
                status: reply.status().as_u16(),
                after_ms: executor.now().since_ms(began),
                body: serde_json::from_slice(&read_body(reply).await.unwrap()).unwrap_or_default(),
            }
        })
    }

    fn login(&self) -> Answer {
        let body = r#"{"password":"correct horse"}"#;
        self.call(&Method::POST, "/admin/api/login", "", body)
    }

    fn hang(&self, reads: Fault, writes: Fault) {
        self.sim.store().set_read_fault(reads);
        self.sim.store().set_write_fault(writes);
    }
}

#[test]
fn every_call_ends_with_503_within_five_seconds_and_all_heals() {
    let stage = Stage::new();
    let login = stage.login();
    assert_eq!(login.status, 200);
    let token = login.body["token"].as_str().unwrap().to_owned();
    let channel = r#"{"name":"a","base_url":"https://a.example/v1","keys":["k"]}"#;
    let calls = [
        (Method::GET, "/admin/api/session", ""),
        (Method::GET, "/admin/api/channels", ""),
        (Method::POST, "/admin/api/channels", channel),
        (Method::GET, "/admin/api/channels/ch_x", ""),
        (Method::PATCH, "/admin/api/channels/ch_x", "{}"),
        (Method::DELETE, "/admin/api/channels/ch_x", ""),
        (Method::POST, "/admin/api/channels/ch_x/test", "{}"),
        (Method::GET, "/admin/api/keys", ""),
        (Method::POST, "/admin/api/keys", r#"{"name":"a"}"#),
        (Method::GET, "/admin/api/route?model=m", ""),
        (Method::GET, "/admin/api/status", ""),
        (Method::GET, "/admin/api/usage", ""),
        (Method::GET, "/admin/api/requests", ""),
        (Method::GET, "/admin/api/config", ""),
        (Method::POST, "/admin/api/logout", ""),
        (Method::GET, "/metrics", ""),
    ];
    stage.hang(Fault::Hangs, Fault::Hangs);
    for (method, path, body) in &calls {
        let answer = stage.call(method, path, &token, body);
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.body);
        assert_eq!(answer.body["error"]["code"], "store_unavailable");
        assert!(answer.after_ms <= MOST_MS, "{path}: {}", answer.after_ms);
    }
    let answer = stage.login();
    assert_eq!((answer.status, answer.after_ms <= MOST_MS), (503, true));
    // Metrics need no session where there is a token; they do without what the store does not say.
    let answer = stage.call(&Method::GET, "/metrics", METRICS_TOKEN, "");
    assert!(answer.after_ms <= MOST_MS, "{}", answer.after_ms);

    stage.hang(Fault::None, Fault::None);
    assert_eq!(stage.login().status, 200);
    for path in [
        "/admin/api/channels",
        "/admin/api/keys",
        "/admin/api/status",
    ] {
        assert_eq!(stage.call(&Method::GET, path, &token, "").status, 200);
    }
}

#[test]
fn a_write_that_hangs_is_given_up_as_well() {
    let stage = Stage::new();
    let token = stage.login().body["token"].as_str().unwrap().to_owned();
    stage.hang(Fault::None, Fault::Hangs);
    let body = r#"{"name":"a"}"#;
    let answer = stage.call(&Method::POST, "/admin/api/keys", &token, body);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.after_ms <= MOST_MS, "{}", answer.after_ms);
    let answer = stage.login();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.after_ms <= MOST_MS, "{}", answer.after_ms);
}
