//! `GET /v1/models`: in OpenAI's and in Anthropic's shape, with what upstreams say they have.

use gateway_core::config::model::Document;
use gateway_core::upstream::provider::Provider;
use gateway_testkit::fakes::FakeReply;
use gateway_testkit::packed;
use serde_json::{Value, json};

use super::setup::*;

fn ids(answer: &Answer) -> Vec<String> {
    let data = answer.json()["data"].as_array().unwrap().clone();
    data.iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

fn in_anthropics_manner(path: &str) -> http::Request<bytes::Bytes> {
    let mut request = get(path);
    let version = "2023-06-01".parse().unwrap();
    request.headers_mut().insert("anthropic-version", version);
    request
}

fn named(names: &[&str]) -> Stage {
    let mut only = channel("a", 1);
    only.models = names.iter().map(|&name| name.to_owned()).collect();
    Stage::new(vec![only])
}

#[test]
fn anthropics_clients_get_anthropics_list() {
    let stage = named(&["claude-a", "claude-b", "claude-c"]);
    let whole = stage.send(in_anthropics_manner("/v1/models"));
    let model = |id: &str| json!({"type": "model", "id": id, "display_name": id, "created_at": "2023-11-14T22:13:20Z"});
    assert_eq!(
        whole.json(),
        json!({
            "data": [model("claude-a"), model("claude-b"), model("claude-c")],
            "has_more": false, "first_id": "claude-a", "last_id": "claude-c"
        })
    );
    let page = stage.send(in_anthropics_manner("/v1/models?limit=1&after_id=claude-a"));
    assert_eq!(ids(&page), ["claude-b"]);
    assert_eq!(page.json()["has_more"], true);
    let page = stage.send(in_anthropics_manner(
        "/v1/models?before_id=claude-c&limit=1",
    ));
    assert_eq!(ids(&page), ["claude-b"]);
    let one = stage.send(in_anthropics_manner("/v1/models/claude-b"));
    assert_eq!(one.json(), model("claude-b"));
    assert_eq!(stage.send(get("/v1/models")).json()["object"], "list");
}

#[test]
fn their_errors_are_in_anthropics_envelope_too() {
    let stage = named(&["claude"]);
    let mut unknown_key = in_anthropics_manner("/v1/models");
    let wrong = "Bearer sk-wrong".parse().unwrap();
    unknown_key.headers_mut().insert("authorization", wrong);
    for (request, status, kind) in [
        (unknown_key, 401, "authentication_error"),
        (
            in_anthropics_manner("/v1/models/gpt"),
            404,
            "not_found_error",
        ),
        (
            in_anthropics_manner("/v1/models?limit=0"),
            400,
            "invalid_request_error",
        ),
        (in_anthropics_manner("/v1/models/"), 404, "not_found_error"),
    ] {
        let answer = stage.send(request);
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["type"]),
            (status, &json!("error")),
            "{body}"
        );
        assert_eq!(body["error"]["type"], kind);
    }
}

#[test]
fn upstreams_of_channels_for_every_model_say_what_they_have() {
    let mut listed = channel("listed", 1);
    listed.models = vec!["own".to_owned()];
    let mut other = channel("other", 1);
    other.provider = Provider::Anthropic;
    let mut off = channel("off", 1);
    off.enabled = false;
    let stage = Stage::new(vec![listed, channel("all", 1), other, off, azure(None)]);
    stage.upstream(|call| {
        FakeReply::json(
            200,
            match (host(call), call.head.uri.query()) {
                ("all", _) => r#"{"models":[{"name":"models/gemini"},{"name":"own"}]}"#,
                ("other", Some("limit=1000")) => {
                    r#"{"data":[{"id":"claude"}],"has_more":true,"last_id":"claude"}"#
                }
                ("other", _) => r#"{"data":[{"id":"opus"}],"has_more":false}"#,
                _ => "{}",
            },
        )
    });
    let list = || stage.send(get("/v1/models"));
    // The first request does not wait for any upstream.
    assert_eq!(ids(&list()), ["gpt-4.1", "own"]);
    assert!(stage.calls().is_empty());
    stage.ports.run_background();
    let calls = stage.ports.upstream().requests();
    assert_eq!(calls.len(), 3);
    assert!(
        calls
            .iter()
            .all(|call| call.head.headers.contains_key("via"))
    );
    let known = list();
    assert_eq!(ids(&known), ["claude", "gemini", "gpt-4.1", "opus", "own"]);
    let owner = |id: &str| -> Value {
        let data = known.json()["data"].clone();
        let models = data.as_array().unwrap();
        models.iter().find(|model| model["id"] == id).unwrap()["owned_by"].clone()
    };
    assert_eq!(
        (owner("gemini"), owner("own")),
        (json!("all"), json!("listed"))
    );
    // It is queried again after some minutes, and its old list stays when the new one is empty.
    stage.ports.run_background();
    assert_eq!(stage.calls().len(), 3);
    stage.ports.advance_ms(6 * 60_000);
    stage.upstream(|_| FakeReply::json(500, ""));
    assert_eq!(ids(&list()).len(), 5);
    stage.ports.run_background();
    assert_eq!(stage.calls().len(), 5);
    assert_eq!(ids(&list()).len(), 5);
}

#[test]
fn a_key_sees_only_its_own_models_of_them() {
    let mut key = client_key();
    key.models = vec!["gemini".to_owned(), "unlisted".to_owned()];
    let stage = Stage::with(&Document {
        channels: vec![channel("all", 1)],
        keys: vec![key],
        ..Document::default()
    });
    stage.upstream(|_| FakeReply::json(200, r#"["gemini","secret"]"#));
    stage.send(get("/v1/models"));
    stage.ports.run_background();
    let list = stage.send(get("/v1/models"));
    assert_eq!(ids(&list), ["gemini", "unlisted"]);
}

#[test]
fn an_upstream_without_an_end_costs_little() {
    let stage = Stage::new(vec![channel("all", 1)]);
    stage.upstream(|_| {
        let pieces = std::iter::repeat_n(bytes::Bytes::from(vec![b' '; 1 << 20]), 50);
        FakeReply::pieces(200, "application/json", pieces)
    });
    stage.send(get("/v1/models"));
    stage.ports.run_background();
    stage.upstream(|_| FakeReply::json(200, "[").silent());
    stage.ports.advance_ms(61_000);
    assert_eq!(ids(&stage.send(get("/v1/models"))).len(), 0);
    stage.ports.run_background();
    assert_eq!(stage.ports.upstream().open_bodies(), 0);
    assert_eq!(stage.calls().len(), 2);
}

#[test]
fn an_instance_knows_the_lists_that_another_one_has_read() {
    let stage = Stage::new(vec![channel("all", 1)]);
    stage.upstream(|_| FakeReply::json(200, r#"["gemini"]"#));
    stage.send(get("/v1/models"));
    stage.ports.run_background();
    let second = stage.another_instance();
    assert_eq!(ids(&second.send(get("/v1/models"))), ["gemini"]);
    second.ports.run_background();
    assert_eq!(stage.calls().len(), 1, "the upstream was asked once");
    // A store that fails costs the list of others, not the answer.
    let third = stage.another_instance();
    third.chat(r#"{"model":"m"}"#);
    stage.ports.store().break_reads(true);
    assert_eq!(ids(&third.send(get("/v1/models"))).len(), 0);
}

#[test]
fn a_compressed_list_is_read_as_well() {
    let stage = Stage::new(vec![channel("all", 1)]);
    stage.upstream(|call| {
        assert_eq!(call.head.headers["accept-encoding"], "identity");
        let body = bytes::Bytes::from(packed::whole("gzip", br#"["gemini"]"#));
        FakeReply::pieces(200, "application/json", [body]).with_header("content-encoding", "gzip")
    });
    stage.send(get("/v1/models"));
    stage.ports.run_background();
    assert_eq!(ids(&stage.send(get("/v1/models"))), ["gemini"]);
}
