//! A client key that is rotated while clients use it, on two instances of the application.

use gateway_core::app::{App, Peer};
use gateway_core::ports::Variable;
use gateway_testkit::fakes::{FakePorts, FakeReply, block_on};
use http::Method;

use super::*;

type Whole = App<FakePorts, FakePorts, FakeVariables>;

/// Longer than a change takes until it is in force everywhere.
const IN_FORCE_MS: u64 = 2_000;

struct Stage {
    ports: FakePorts,
    instances: [Whole; 2],
    token: String,
}

impl Stage {
    fn new() -> Self {
        let ports = FakePorts::default();
        ports.upstream().script(|_| FakeReply::json(200, OK));
        let variables = FakeVariables::default()
            .with(Variable::Config, configuration())
            .with(Variable::AdminPassword, PASSWORD);
        let instances = [(); 2].map(|()| App::new(ports.clone(), ports.clone(), variables.clone()));
        let answer = Answer::of(block_on(instances[0].handle(Peer::default(), login())));
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        Self {
            ports,
            instances,
            token,
        }
    }

    fn admin(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/admin/api/keys/ck_1{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .unwrap();
        let answer = Answer::of(block_on(self.instances[0].handle(Peer::default(), request)));
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    fn rotate(&self, grace_s: u64) -> String {
        let rotated = self.admin(Method::POST, "/rotate", &json!({ "grace_s": grace_s }));
        self.ports.advance_ms(IN_FORCE_MS);
        rotated["key"].as_str().unwrap().to_owned()
    }

    /// The status that each instance answers a chat with this key with, and the message.
    fn chats(&self, key: &str) -> [(u16, String); 2] {
        self.instances.each_ref().map(|instance| {
            let mut request = chat();
            let header = format!("Bearer {key}").parse().unwrap();
            request.headers_mut().insert("authorization", header);
            let answer = Answer::of(block_on(instance.handle(Peer::default(), request)));
            self.ports.run_background();
            let message = answer.json()["error"]["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            (answer.status, message)
        })
    }

    fn statuses(&self, key: &str) -> [u16; 2] {
        self.chats(key).map(|(status, _)| status)
    }
}

#[test]
fn the_old_key_works_within_the_grace_time_on_every_instance() {
    let stage = Stage::new();
    assert_eq!(stage.statuses(KEY), [200, 200]);
    let new = stage.rotate(3600);
    assert_eq!(stage.statuses(KEY), [200, 200]);
    assert_eq!(stage.statuses(&new), [200, 200]);
    stage.ports.advance_ms(3_600_000);
    for (status, message) in stage.chats(KEY) {
        assert_eq!(status, 401);
        assert!(message.contains("replaced by a new one"), "{message}");
    }
    assert_eq!(stage.statuses(&new), [200, 200]);
}

#[test]
fn without_a_grace_time_the_old_key_is_rejected_at_once() {
    let stage = Stage::new();
    let new = stage.rotate(0);
    assert_eq!(stage.statuses(KEY), [401, 401]);
    assert_eq!(stage.statuses(&new), [200, 200]);
}

#[test]
fn the_grace_time_can_be_ended_and_a_second_rotation_ends_it() {
    let stage = Stage::new();
    let second = stage.rotate(3600);
    let third = stage.rotate(3600);
    assert_eq!(stage.statuses(KEY), [401, 401]);
    assert_eq!(stage.statuses(&second), [200, 200]);
    stage.admin(Method::PATCH, "", &json!({"previous": null}));
    stage.ports.advance_ms(IN_FORCE_MS);
    assert_eq!(stage.statuses(&second), [401, 401]);
    assert_eq!(stage.statuses(&third), [200, 200]);
}

#[test]
fn both_keys_share_the_limits() {
    let stage = Stage::new();
    let limits = json!({"limits": {"requests_per_minute": 2}});
    stage.admin(Method::PATCH, "", &limits);
    let new = stage.rotate(3600);
    assert_eq!(stage.statuses(KEY)[0], 200);
    assert_eq!(stage.statuses(&new)[0], 429);
}
