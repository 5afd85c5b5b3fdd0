//! Requests of clients.

use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, Document};
use gateway_core::config::startup;
use gateway_core::ports::{SendErrorKind, StoreKey};
use gateway_core::proxy::{self, Gateway};
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{client_key, read_body};
use gateway_testkit::sim::{Fault, Sim, SimPorts, SimReply, Task};
use http_body_util::Full;
use serde_json::{Value, json};

const KEY: &str = "sk-test-client";
/// The longest wait for the configuration of an instance that knows one, with the store's usual time.
const WITH_COPY_MS: u64 = 300;
const WITHOUT_COPY_MS: u64 = 5_000;

struct Stage {
    sim: Sim,
    gateway: Rc<Gateway<SimPorts>>,
}

struct Answer {
    status: u16,
    after_ms: u64,
    retry_after: Option<String>,
    body: Value,
}

/// One channel without credentials for every model, one client key.
fn document() -> Document {
    let channel = ChannelConfig {
        id: "ch_a".to_owned(),
        name: "a".to_owned(),
        base_url: "https://a.example/v1".to_owned(),
        stream_usage: false,
        connect_timeout_ms: 1_000,
        first_byte_timeout_ms: 1_000,
        idle_timeout_ms: 1_000,
        ..ChannelConfig::blank(Timestamp(0))
    };
    let client = client_key(KEY);
    let mut document = Document {
        channels: vec![channel],
        keys: vec![client],
        ..Document::default()
    };
    // Its writer would be one more thing that sleeps.
    document.settings.ledger = false;
    document
}

impl Stage {
    fn new() -> Self {
        let sim = Sim::seeded(1);
        let document = serde_json::to_vec(&document()).unwrap();
        sim.store().put(StoreKey::Config, document);
        sim.upstream().script(|_| {
            SimReply::json(200, r#"{"choices":[{"finish_reason":"stop"}]}"#).thinking(10)
        });
        let gateway = Rc::new(Gateway::new(sim.instance(0), Ok(None)));
        Self { sim, gateway }
    }

    fn start(&self) -> Task<Answer> {
        let gateway = Rc::clone(&self.gateway);
        let executor = self.sim.executor().clone();
        self.sim.executor().spawn(async move {
            let request = http::Request::post("/v1/chat/completions")
                .header("authorization", format!("Bearer {KEY}"))
                .header("content-type", "application/json")
                .body(Full::<Bytes>::from(r#"{"model":"m"}"#))
                .unwrap();
            let began = executor.now();
            let reply = proxy::handle(&gateway, request).await;
            let after_ms = executor.now().since_ms(began);
            let retry_after = reply.headers().get("retry-after");
            Answer {
                status: reply.status().as_u16(),
                after_ms,
                retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
                body: serde_json::from_slice(&read_body(reply).await.unwrap()).unwrap(),
            }
        })
    }

    fn ask(&self) -> Answer {
        let task = self.start();
        self.sim.executor().block_on(task)
    }

    fn wait_ms(&self, milliseconds: u64) {
        let executor = self.sim.executor();
        executor.block_on(executor.sleep_ms(milliseconds));
    }

    fn hang(&self) {
        self.sim.store().set_read_fault(Fault::Hangs);
        self.sim.store().set_write_fault(Fault::Hangs);
    }

    fn heal(&self) {
        self.sim.store().set_read_fault(Fault::None);
        self.sim.store().set_write_fault(Fault::None);
    }
}

#[test]
fn without_a_copy_requests_get_503_after_five_seconds_and_all_heals() {
    let stage = Stage::new();
    stage.hang();
    let tasks: Vec<_> = (0..20).map(|_| stage.start()).collect();
    for task in tasks {
        let answer = stage.sim.executor().block_on(task);
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert_eq!(answer.body["error"]["code"], "store_unavailable");
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
        assert!(answer.after_ms <= WITHOUT_COPY_MS, "{}", answer.after_ms);
    }
    stage.heal();
    assert_eq!(stage.ask().status, 200);
}

#[test]
fn with_a_copy_requests_wait_once_and_then_not_at_all() {
    let stage = Stage::new();
    assert_eq!(stage.ask().status, 200);
    // Old enough that the store must be queried first.
    stage.wait_ms(10_000);
    stage.hang();
    let tasks: Vec<_> = (0..20).map(|_| stage.start()).collect();
    for task in tasks {
        let answer = stage.sim.executor().block_on(task);
        assert_eq!(answer.status, 200);
        // Configuration and health are queried together.
        assert!(answer.after_ms <= WITH_COPY_MS + 10, "{}", answer.after_ms);
    }
    // A minute under load: the checks that are due go on beside the requests.
    let mut waits = Vec::new();
    for _ in 0..600 {
        stage.wait_ms(100);
        let answer = stage.ask();
        assert_eq!(answer.status, 200);
        if answer.after_ms > 10 {
            waits.push(answer.after_ms);
        }
    }
    // What is left is the health of upstreams, of which one request in 1.8 s asks for.
    assert!(
        waits.iter().all(|wait| *wait <= WITH_COPY_MS + 10),
        "{waits:?}"
    );
    assert!(waits.len() <= 60_000 / 1_800, "{waits:?}");
    stage.heal();
    stage.wait_ms(10_000);
    let empty = serde_json::to_vec(&Document::default()).unwrap();
    stage.sim.store().put(StoreKey::Config, empty);
    stage.wait_ms(2_000);
    assert_eq!(stage.ask().status, 401, "the change is in force");
}

#[test]
fn a_store_that_hangs_costs_no_more_when_upstreams_fail_as_well() {
    let stage = Stage::new();
    assert_eq!(stage.ask().status, 200);
    stage
        .sim
        .upstream()
        .script(|_| SimReply::failure(SendErrorKind::Connect));
    stage.hang();
    for _ in 0..20 {
        stage.wait_ms(500);
        let answer = stage.ask();
        assert_eq!(answer.status, 502);
        // The configuration, the health, and the right to probe.
        assert!(answer.after_ms <= 3 * WITH_COPY_MS, "{}", answer.after_ms);
    }
}

#[test]
fn the_variable_config_waits_two_seconds_and_is_tried_again() {
    let stage = Stage::new();
    let variable = json!({"version": 1, "channels": [], "keys": []}).to_string();
    let apply = || {
        let (ports, variable) = (stage.sim.instance(1), variable.clone());
        stage
            .sim
            .executor()
            .block_on(async move { startup::apply(&ports, &variable, Ok(None)).await })
    };
    stage.hang();
    let began = stage.sim.executor().now();
    assert!(!apply(), "not for good");
    assert_eq!(stage.sim.executor().now().since_ms(began), 2_000);
    stage.heal();
    assert!(apply());
}
