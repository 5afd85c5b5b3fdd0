//! Alerts of a gateway without requests: they are evaluated when an admin looks at it, whichever way it is hosted.

use gateway_core::app::{AdminApp, App, Peer};
use gateway_core::ports::{StoreKey, Variable};
use gateway_testkit::fakes::{FakePorts, FakeReply, block_on};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::{Answer, FakeVariables, PASSWORD, login};

fn variables() -> FakeVariables {
    let configuration = json!({
        "version": 1, "keys": [], "channels": [],
        "alerts": {"destinations": [{"name": "ops", "kind": "json", "url": "https://hook.example/x"}]},
    });
    FakeVariables::default()
        .with(Variable::Config, configuration.to_string())
        .with(Variable::AdminPassword, PASSWORD)
}

fn lost(ports: &FakePorts, count: &str) {
    let count = count.as_bytes().to_vec();
    ports.store().put(StoreKey::DroppedRecords, count);
}

/// What the webhook was sent after looks of an admin, with lost records between them; and after a look of a stranger.
fn sent_after_looks(
    ports: &FakePorts,
    ask: &dyn Fn(Request<Full<bytes::Bytes>>) -> Answer,
) -> Vec<Value> {
    ports.upstream().script(|_| FakeReply::json(200, "{}"));
    let token = ask(login()).json()["token"].as_str().unwrap().to_owned();
    let look = |token: &str| {
        let request =
            Request::get("/admin/api/status").header("authorization", format!("Bearer {token}"));
        let answer = ask(request.body(Full::default()).unwrap());
        ports.run_background();
        ports.advance_ms(31_000);
        answer.status
    };
    lost(ports, "5");
    assert_eq!(look(&token), 200);
    lost(ports, "7");
    assert_eq!(look("stranger"), 401);
    assert!(ports.upstream().requests().is_empty());
    assert_eq!(look(&token), 200);
    assert_eq!(look(&token), 200);
    let sent = ports.upstream().requests();
    sent.iter()
        .map(|it| serde_json::from_slice(&it.body).unwrap())
        .collect()
}

#[test]
fn a_look_of_an_admin_is_enough() {
    let ports = FakePorts::default();
    let admin = AdminApp::new(ports.clone(), variables());
    let ask = |request| Answer::of(block_on(admin.handle(Peer::default(), request)));
    let sent = sent_after_looks(&ports, &ask);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0]["alerts"][0]["subject"], "records");

    let ports = FakePorts::default();
    let app = App::new(ports.clone(), ports.clone(), variables());
    let ask = |request| Answer::of(block_on(app.handle(Peer::default(), request)));
    let sent = sent_after_looks(&ports, &ask);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(
        sent[0]["text"]
            .as_str()
            .unwrap()
            .contains("2 records of requests are lost")
    );
}
