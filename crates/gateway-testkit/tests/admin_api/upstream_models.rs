//! The models that an upstream says it has.

use bytes::Bytes;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::{FakeReply, Recorded};
use http::Method;
use serde_json::{Value, json};

use crate::{Gateway, UPSTREAM_KEY};

fn gateway(members: &Value, reply: FakeReply) -> (Gateway, String) {
    let gateway = Gateway::new();
    let path = format!("channels/{}/models", gateway.channel(members));
    gateway.ports.upstream().script(move |_| reply.clone());
    (gateway, path)
}

#[test]
fn models_come_sorted_and_each_once() {
    let list = r#"{"object":"list","data":[{"id":"b"},{"id":"a/x"},{"id":"b"},{"id":"<b>&"}]}"#;
    for (members, url, header) in [
        (
            json!({"enabled": false}),
            "https://up.example/v1/models",
            "authorization",
        ),
        (
            json!({"provider": "anthropic"}),
            "https://up.example/v1/models?limit=1000",
            "x-api-key",
        ),
    ] {
        let (gateway, path) = gateway(&members, FakeReply::json(200, list));
        assert_eq!(
            gateway.get(&path).expect(200),
            json!({"data": [{"id": "<b>&"}, {"id": "a/x"}, {"id": "b"}], "truncated": false})
        );
        let sent = gateway.ports.upstream().requests().pop().unwrap();
        assert_eq!(
            (sent.head.method, sent.head.uri.to_string(), sent.body.len()),
            (Method::GET, url.to_owned(), 0)
        );
        assert!(
            sent.head.headers[header]
                .to_str()
                .unwrap()
                .contains(UPSTREAM_KEY)
        );
        assert!(!sent.head.headers.contains_key("content-type"));
        assert_eq!(gateway.ports.upstream().open_bodies(), 0);
    }
}

#[test]
fn a_list_that_is_too_long_is_cut_and_says_so() {
    let entries: Vec<Value> = (0..6000)
        .map(|number| json!({"id": format!("m{number}")}))
        .collect();
    let (gateway, path) = gateway(&json!({}), FakeReply::json(200, json!(entries).to_string()));
    let answer = gateway.get(&path).expect(200);
    assert_eq!(
        (
            answer["data"].as_array().unwrap().len(),
            &answer["truncated"]
        ),
        (5000, &json!(true))
    );
}

#[test]
fn pages_are_read_to_the_last_one_and_no_further() {
    let gateway = Gateway::new();
    let path = format!(
        "channels/{}/models",
        gateway.channel(&json!({"provider": "anthropic"}))
    );
    gateway.ports.upstream().script(|call| {
        let uri = call.head.uri.to_string();
        FakeReply::json(
            200,
            match uri.split("after_id=").nth(1) {
                None => r#"{"data":[{"id":"a"},{"id":"b"}],"has_more":true,"last_id":"b"}"#,
                Some("b") => r#"{"data":[{"id":"c"}],"has_more":true,"last_id":"c d"}"#,
                Some("c+d") => r#"{"data":[{"id":"e"}],"has_more":false,"last_id":"e"}"#,
                Some(_) => r#"{"error":"no such page"}"#,
            },
        )
    });
    let names = |answer: &Value| -> Vec<String> {
        let data = answer["data"].as_array().unwrap().iter();
        data.map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&gateway.get(&path).expect(200)), ["a", "b", "c", "e"]);
    assert_eq!(gateway.ports.upstream().requests().len(), 3);

    // Gemini's.
    let path = format!("channels/{}/models", gateway.channel(&json!({})));
    gateway.ports.upstream().script(|call| {
        FakeReply::json(
            200,
            match call.head.uri.query() {
                None => r#"{"models":[{"name":"models/a"}],"nextPageToken":"2"}"#,
                _ => r#"{"models":[{"name":"models/b"}]}"#,
            },
        )
    });
    assert_eq!(names(&gateway.get(&path).expect(200)), ["a", "b"]);

    // One that never ends: always the same mark, or always another one.
    let before = gateway.ports.upstream().requests().len();
    gateway.ports.upstream().script(|_| {
        FakeReply::json(
            200,
            r#"{"models":[{"name":"models/a"}],"nextPageToken":"2"}"#,
        )
    });
    assert_eq!(names(&gateway.get(&path).expect(200)), ["a"]);
    assert_eq!(gateway.ports.upstream().requests().len(), before + 2);
    let mut page = 0;
    gateway.ports.upstream().script(move |_| {
        page += 1;
        FakeReply::json(
            200,
            format!(r#"{{"models":["m{page}"],"nextPageToken":"{page}"}}"#),
        )
    });
    assert_eq!(names(&gateway.get(&path).expect(200)).len(), 20);
}

#[test]
fn azure_says_what_to_do_instead() {
    for version in [json!("2024-10-21"), Value::Null] {
        let members =
            json!({"provider": "azure", "azure": {"api_version": version, "deployments": {}}});
        let (gateway, path) = gateway(&members, FakeReply::json(200, "{}"));
        let answer = gateway.get(&path).expect_error(400, "invalid_value");
        assert!(
            answer.message().contains("azure.deployments"),
            "{}",
            answer.message()
        );
        assert!(gateway.ports.upstream().requests().is_empty());
    }
}

#[test]
fn an_upstream_that_fails_is_a_502_with_its_words() {
    let echo = format!(r#"{{"error":{{"message":"Incorrect API key provided: {UPSTREAM_KEY}"}}}}"#);
    let page = FakeReply::pieces(200, "text/html", [Bytes::from_static(b"<html>")]);
    let endless = std::iter::repeat_n(Bytes::from(vec![b' '; 1 << 20]), 9);
    for (reply, expected) in [
        (
            FakeReply::json(401, echo),
            "it answered 401. Incorrect API key provided: nvap…wxyz",
        ),
        (FakeReply::json(404, ""), "it answered 404"),
        (
            FakeReply::json(307, "").with_header("location", "http://169.254.169.254/"),
            "redirects to http://169.254.169.254/",
        ),
        (page, "no list of models"),
        (FakeReply::json(200, r#"{"ok":true}"#), "entered by hand"),
        (
            FakeReply::json(200, "[").silent(),
            "not complete within 10 s",
        ),
        (
            FakeReply::pieces(200, "application/json", endless),
            "longer than",
        ),
        (FakeReply::failure(SendErrorKind::Connect), "no connection"),
    ] {
        let (gateway, path) = gateway(&json!({}), reply);
        let answer = gateway.get(&path).expect_error(502, "upstream_failed");
        assert!(answer.message().contains(expected), "{}", answer.message());
        assert!(!answer.message().contains("MIDDLE-OF-THE-SECRET"));
        assert_eq!(gateway.ports.upstream().requests().len(), 1);
    }
    Gateway::new()
        .get("channels/ch_none/models")
        .expect_error(404, "not_found");
}

const LIST: &str = r#"{"data":[{"id":"m"}]}"#;

/// Answers only who comes with the key `good`.
fn accepts(good: &'static str) -> impl FnMut(&Recorded) -> FakeReply {
    move |call| {
        let header = call.head.headers.get("authorization");
        if header.is_some_and(|value| value == &format!("Bearer {good}")) {
            FakeReply::json(200, LIST)
        } else {
            FakeReply::json(401, r#"{"error":{"message":"no such key"}}"#)
        }
    }
}

#[test]
fn the_next_key_is_tried_when_one_is_refused() {
    let gateway = Gateway::new();
    let keys = json!({"keys": ["one", "two", "three", "four"]});
    let path = format!("channels/{}/models", gateway.channel(&keys));
    gateway.ports.upstream().script(accepts("three"));
    assert_eq!(gateway.get(&path).expect(200)["data"], json!([{"id": "m"}]));
    assert_eq!(gateway.ports.upstream().requests().len(), 3);
    gateway.ports.upstream().script(accepts("four"));
    let answer = gateway.get(&path).expect_error(502, "upstream_failed");
    assert!(answer.message().contains("no such key"), "{answer:?}");
    assert_eq!(gateway.ports.upstream().requests().len(), 6, "not all keys");
}

#[test]
fn a_channel_can_be_asked_before_it_is_stored() {
    let gateway = Gateway::new();
    gateway.ports.upstream().script(accepts("good"));
    let draft = json!({"base_url": "https://new.example/v1/", "keys": ["good"], "headers": {"x-org": "acme"}});
    let answer = gateway.call("POST", "models", &draft).expect(200);
    assert_eq!(answer, json!({"data": [{"id": "m"}], "truncated": false}));
    let sent = gateway.ports.upstream().requests().pop().unwrap();
    assert_eq!(sent.head.uri, "https://new.example/v1/models");
    assert_eq!(sent.head.headers["x-org"], "acme");
    assert_eq!(gateway.get("channels").expect(200)["data"], json!([]));

    // A channel that is being changed: its keys stay where they are.
    let id = gateway.channel(&json!({"keys": ["good"]}));
    let changed = json!({"channel_id": id, "base_url": "https://moved.example/v1"});
    gateway.call("POST", "models", &changed).expect(200);
    let sent = gateway.ports.upstream().requests().pop().unwrap();
    assert_eq!(sent.head.uri, "https://moved.example/v1/models");
    let stored = gateway.get(&format!("channels/{id}")).expect(200);
    assert_eq!(stored["base_url"], "https://up.example/v1");
}

#[test]
fn a_draft_that_cannot_be_asked_says_why() {
    let gateway = Gateway::new();
    for (draft, param) in [
        (json!({}), "base_url"),
        (json!({"keys": ["k"]}), "base_url"),
        (json!({"base_url": "nonsense"}), "base_url"),
        (
            json!({"base_url": "https://a.example", "prvider": "openai"}),
            "prvider",
        ),
        (
            json!({"base_url": "https://a.example", "keys": [{"id": "uk_1"}]}),
            "keys[0].id",
        ),
        (
            json!({"base_url": "https://a.example", "provider": "azure", "azure": {"api_version": null, "deployments": {}}}),
            "",
        ),
    ] {
        let answer = gateway.call("POST", "models", &draft);
        let answer = answer.expect_error(400, "invalid_value");
        let found = answer.body["error"]["param"].as_str().unwrap_or_default();
        assert_eq!(found, param, "{draft}");
    }
    let gone = json!({"channel_id": "ch_gone"});
    gateway
        .call("POST", "models", &gone)
        .expect_error(404, "not_found");
    assert!(gateway.ports.upstream().requests().is_empty());
}
