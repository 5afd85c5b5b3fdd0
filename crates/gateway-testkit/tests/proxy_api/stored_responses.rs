//! Stored responses: what continues one or asks for it goes to the channel and key that made it, and to no other client.

use std::cell::Cell;

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, ClientKey, Document};
use gateway_core::ids;
use gateway_core::ports::StoreKey;
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::{DatabaseFault, FakeReply, Recorded};
use http::{Method, Request};

use super::ledger::count;
use super::setup::*;

pub const OTHER_KEY: &str = "sk-other-client";
const NEW: &str = r#"{"model":"m","input":"hello"}"#;
const DAY_MS: u64 = 86_400_000;

pub fn document(channels: Vec<ChannelConfig>) -> Document {
    let other = ClientKey {
        id: "ck_other".to_owned(),
        hash: ids::hex(&ids::hash_client_key(OTHER_KEY.as_bytes())),
        ..client_key()
    };
    Document {
        channels,
        keys: vec![client_key(), other],
        ..Document::default()
    }
}

/// Two channels with two keys each, whose upstreams number their responses.
pub fn stage() -> Stage {
    let stage = Stage::with_ledger(&document(vec![channel("a", 2), channel("b", 2)]));
    let made = Cell::new(0);
    stage.upstream(move |call| {
        if call.head.method == Method::POST && call.head.uri.path() == "/v1/responses" {
            made.set(made.get() + 1);
            return FakeReply::json(200, response(&format!("resp_{}", made.get()), "completed"));
        }
        FakeReply::json(200, response("resp_1", "completed"))
    });
    stage
}

pub fn response(id: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"response","status":"{status}","error":null,"output":[{{"type":"message","role":"assistant",
        "content":[{{"type":"output_text","text":"hi"}}]}}],"usage":{{"input_tokens":5,"output_tokens":2,"total_tokens":7}}}}"#
    )
}

fn continuing(id: &str) -> Request<Bytes> {
    let body = format!(r#"{{"model":"m","input":"more","previous_response_id":"{id}"}}"#);
    post("/v1/responses", &body)
}

pub fn call(method: &Method, path: &str, key: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .body(Bytes::new())
        .unwrap()
}

/// Sends the request to an instance that knows nothing yet.
pub fn elsewhere(stage: &Stage, request: Request<Bytes>) -> Answer {
    let answer = stage.another_instance().send(request);
    stage.ports.run_background();
    answer
}

pub fn make(stage: &Stage, body: &str) -> Answer {
    let answer = stage.send(post("/v1/responses", body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    stage.ports.run_background();
    answer
}

pub fn last_call(stage: &Stage) -> Recorded {
    stage.ports.upstream().requests().pop().unwrap()
}

fn records(stage: &Stage) -> u64 {
    count(stage, "SELECT count(*) FROM response")
}

#[test]
fn a_response_is_continued_by_the_channel_and_key_that_made_it() {
    let stage = stage();
    make(&stage, NEW);
    let origin = stage.calls().pop().unwrap();
    for _ in 0..8 {
        assert_eq!(elsewhere(&stage, continuing("resp_1")).status, 200);
        assert_eq!(stage.calls().pop().unwrap(), origin);
    }
    let sent = last_call(&stage).body;
    assert!(
        std::str::from_utf8(&sent)
            .unwrap()
            .contains(r#""previous_response_id":"resp_1""#)
    );
}

#[test]
fn an_instance_knows_its_own_responses_before_they_are_written() {
    let stage = stage();
    assert_eq!(stage.send(post("/v1/responses", NEW)).status, 200);
    let calls = stage.ports.database().calls();
    assert_eq!(stage.send(continuing("resp_1")).status, 200);
    assert_eq!(
        stage.ports.database().calls(),
        calls,
        "no request waited for a write"
    );
}

#[test]
fn no_other_channel_or_key_is_tried_when_the_origin_fails() {
    let stage = stage();
    make(&stage, NEW);
    let before = stage.calls();
    let origin = before.last().unwrap().clone();
    stage.upstream(|_| FakeReply::json(503, r#"{"error":{"message":"down"}}"#));
    let answer = elsewhere(&stage, continuing("resp_1"));
    assert_eq!(answer.error(), (502, "upstream_failed".to_owned()));
    assert_eq!(stage.calls()[before.len()..], [origin]);
}

#[test]
fn a_stream_is_recorded_by_its_first_event() {
    let stage = stage();
    stage.upstream(|_| {
        let events = [
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_s","status":"in_progress"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"hi"}"#,
            r#"{"type":"response.completed","response":{"id":"resp_s","status":"completed","usage":{"input_tokens":1,"output_tokens":1}}}"#,
        ];
        let pieces = events.map(|data| Bytes::from(format!("data: {data}\n\n")));
        FakeReply::pieces(200, "text/event-stream", pieces)
    });
    make(&stage, r#"{"model":"m","input":"x","stream":true}"#);
    let origin = stage.calls().pop().unwrap();
    for _ in 0..4 {
        elsewhere(&stage, continuing("resp_s"));
        assert_eq!(stage.calls().pop().unwrap(), origin);
    }
    assert_eq!(count(&stage, "SELECT unsettled FROM response"), 0);
}

#[test]
fn what_is_not_stored_is_not_recorded() {
    let stage = stage();
    make(&stage, r#"{"model":"m","input":"x","store":false}"#);
    let answer = elsewhere(&stage, continuing("resp_1"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(answer.json()["error"]["param"], "previous_response_id");
    assert_eq!(records(&stage), 0);
    assert_eq!(stage.calls().len(), 1);
}

#[test]
fn a_translated_response_is_not_recorded() {
    let chat_only = ChannelConfig {
        dialects: Some(vec![Dialect::Chat]),
        ..channel("a", 1)
    };
    let stage = Stage::with_ledger(&document(vec![chat_only]));
    stage.upstream(|_| FakeReply::json(200, super::ledger::ANSWER));
    let id = make(&stage, NEW).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(records(&stage), 0);
    let answer = elsewhere(&stage, continuing(&id));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
}

#[test]
fn another_client_reaches_nothing() {
    let stage = stage();
    make(&stage, NEW);
    let mut request = continuing("resp_1");
    let value = format!("Bearer {OTHER_KEY}").parse().unwrap();
    request.headers_mut().insert("authorization", value);
    let answer = elsewhere(&stage, request);
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    for (method, path) in [
        (Method::GET, "/v1/responses/resp_1"),
        (Method::DELETE, "/v1/responses/resp_1"),
        (Method::POST, "/v1/responses/resp_1/cancel"),
        (Method::GET, "/v1/responses/resp_1/input_items"),
    ] {
        let answer = elsewhere(&stage, call(&method, path, OTHER_KEY));
        assert_eq!(
            answer.error(),
            (404, "not_found".to_owned()),
            "{method} {path}"
        );
    }
    assert_eq!(stage.calls().len(), 1);
    assert_eq!(records(&stage), 1);
}

#[test]
fn calls_about_a_response_go_where_it_is() {
    let stage = stage();
    make(&stage, NEW);
    let origin = stage.calls().pop().unwrap();
    for (method, path, sent) in [
        (
            Method::GET,
            "/v1/responses/resp_1?include[]=x&key=sk-1",
            "/v1/responses/resp_1?include[]=x",
        ),
        (
            Method::POST,
            "/v1/responses/resp_1/cancel",
            "/v1/responses/resp_1/cancel",
        ),
        (
            Method::GET,
            "/v1/responses/resp_1/input_items?limit=5&after=a",
            "/v1/responses/resp_1/input_items?limit=5&after=a",
        ),
        (
            Method::DELETE,
            "/v1/responses/resp_1",
            "/v1/responses/resp_1",
        ),
    ] {
        let answer = elsewhere(&stage, call(&method, path, KEY));
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        assert_eq!(answer.text(), response("resp_1", "completed"));
        let made = last_call(&stage).head;
        assert_eq!(made.method, method);
        assert_eq!(made.uri.path_and_query().unwrap().as_str(), sent);
        assert_eq!(stage.calls().pop().unwrap(), origin);
        assert!(answer.header("x-gateway-channel").is_some());
    }
    // Deleted.
    assert_eq!(records(&stage), 0);
    let calls = stage.calls().len();
    let answer = elsewhere(&stage, call(&Method::GET, "/v1/responses/resp_1", KEY));
    assert_eq!(answer.error(), (404, "not_found".to_owned()));
    assert_eq!(stage.calls().len(), calls);
    let logged = "SELECT count(*) FROM request WHERE endpoint = '/v1/responses/{id}/cancel' AND status = 200";
    assert_eq!(count(&stage, logged), 1);
    // Reading costs nothing: only the response itself has taken tokens.
    assert_eq!(count(&stage, "SELECT sum(prompt_tokens) FROM request"), 5);
}

#[test]
fn the_upstreams_verdict_is_passed_on_and_affects_no_other_request() {
    let stage = stage();
    make(&stage, NEW);
    for (status, body, code) in [
        (
            404,
            r#"{"error":{"message":"Response not found.","type":"invalid_request_error","param":null,"code":"gone"}}"#,
            "gone",
        ),
        (
            400,
            r#"{"error":{"message":"Not in the background.","type":"invalid_request_error","param":null,"code":"late"}}"#,
            "late",
        ),
    ] {
        stage.upstream(move |_| FakeReply::json(status, body));
        let path = "/v1/responses/resp_1/cancel";
        let answer = elsewhere(&stage, call(&Method::POST, path, KEY));
        assert_eq!(answer.error(), (status, code.to_owned()));
    }
    // A response that has failed is an answer.
    let failed = r#"{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"x"},"output":[]}"#;
    stage.upstream(move |_| FakeReply::json(200, failed));
    let answer = elsewhere(&stage, call(&Method::GET, "/v1/responses/resp_1", KEY));
    assert_eq!((answer.status, answer.text()), (200, failed));
    assert_eq!(stage.ports.store().get(StoreKey::Health), None);
}

#[test]
fn what_is_about_a_response_is_counted_and_compacted_where_it_is() {
    let stage = stage();
    make(&stage, NEW);
    let origin = stage.calls().pop().unwrap();
    let tokens = "SELECT sum(prompt_tokens + completion_tokens) FROM request";
    for path in ["/v1/responses/input_tokens", "/v1/responses/compact"] {
        let body = r#"{"model":"m","previous_response_id":"resp_1"}"#;
        for _ in 0..4 {
            assert_eq!(elsewhere(&stage, post(path, body)).status, 200);
            assert_eq!(stage.calls().pop().unwrap(), origin);
            assert_eq!(last_call(&stage).head.uri.path(), path);
        }
        let expected = if path.ends_with("compact") { 5 * 7 } else { 7 };
        assert_eq!(count(&stage, tokens), expected, "{path}");
        // Without a response before, any channel does.
        assert_eq!(elsewhere(&stage, post(path, NEW)).status, 200);
    }
    assert_eq!(records(&stage), 1);
}

#[test]
fn a_channel_or_key_that_is_gone_has_lost_the_response() {
    let stage = stage();
    make(&stage, NEW);
    let origin = stage.calls().pop().unwrap();
    let change = |edit: &dyn Fn(&mut ChannelConfig)| {
        let mut channels = vec![channel("a", 2), channel("b", 2)];
        channels
            .iter_mut()
            .filter(|channel| origin.starts_with(&channel.name))
            .for_each(edit);
        let text = serde_json::to_vec(&document(channels)).unwrap();
        stage.ports.store().put(StoreKey::Config, text);
    };
    let disabled_key = origin.replace('-', "");
    let edits: [&dyn Fn(&mut ChannelConfig); 3] = [
        &|channel| channel.enabled = false,
        &|channel| channel.id = "ch_new".to_owned(),
        &|channel| {
            let mut keys = channel.keys.iter_mut();
            let key = keys.find(|key| key.id == format!("uk_{disabled_key}"));
            key.unwrap().enabled = false;
        },
    ];
    for edit in edits {
        change(edit);
        let answer = elsewhere(&stage, continuing("resp_1"));
        assert_eq!(
            answer.error(),
            (400, "previous_response_not_found".to_owned())
        );
        assert!(
            answer.text().contains("removed or disabled"),
            "{}",
            answer.text()
        );
        let answer = elsewhere(&stage, call(&Method::GET, "/v1/responses/resp_1", KEY));
        assert_eq!(answer.error(), (404, "not_found".to_owned()));
    }
    assert_eq!(stage.calls().len(), 1);
}

#[test]
fn a_response_is_continued_with_a_model_of_its_channel_only() {
    let with_models = |name: &str, model: &str| ChannelConfig {
        models: vec![model.to_owned()],
        ..channel(name, 1)
    };
    let channels = vec![with_models("a", "m"), with_models("b", "n")];
    let stage = Stage::with_ledger(&document(channels));
    stage.upstream(|_| FakeReply::json(200, response("resp_1", "completed")));
    make(&stage, NEW);
    let body = r#"{"model":"n","input":"x","previous_response_id":"resp_1"}"#;
    let answer = elsewhere(&stage, post("/v1/responses", body));
    assert_eq!(answer.error(), (400, "invalid_value".to_owned()));
    assert_eq!(answer.json()["error"]["param"], "model");
    assert_eq!(stage.calls(), ["a-1"]);
}

#[test]
fn records_are_kept_as_long_as_the_setting_says() {
    let mut document = document(vec![channel("a", 1)]);
    document.settings.response_record_days = 2;
    let stage = Stage::with_ledger(&document);
    stage.upstream(|_| FakeReply::json(200, response("resp_1", "completed")));
    make(&stage, NEW);
    stage.ports.advance_ms(2 * DAY_MS - 60_000);
    let get = || elsewhere(&stage, call(&Method::GET, "/v1/responses/resp_1", KEY));
    assert_eq!(get().status, 200);
    stage.ports.advance_ms(60_000);
    assert_eq!(get().status, 404);
    // Old records are removed after writes, from time to time.
    stage.upstream(|_| FakeReply::json(200, response("resp_2", "completed")));
    for _ in 0..600 {
        if count(&stage, "SELECT count(*) FROM response WHERE id = 'resp_1'") == 0 {
            return;
        }
        make(&stage, NEW);
    }
    panic!("the record is still there");
}

#[test]
fn without_records_the_answer_says_so() {
    let stage = Stage::with(&document(vec![channel("a", 1)]));
    stage.upstream(|_| FakeReply::json(200, response("resp_1", "completed")));
    make(&stage, NEW);
    let answer = elsewhere(&stage, call(&Method::GET, "/v1/responses/resp_1", KEY));
    assert_eq!(answer.error(), (400, "unsupported_operation".to_owned()));
    let answer = elsewhere(&stage, continuing("resp_1"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert!(answer.text().contains("`ledger`"), "{}", answer.text());
    assert_eq!(stage.ports.database().calls(), 0);
}

#[test]
fn a_database_that_does_not_answer_is_no_missing_response() {
    let stage = stage();
    make(&stage, NEW);
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        stage.ports.database().set_fault(fault);
        for request in [
            continuing("resp_1"),
            call(&Method::GET, "/v1/responses/resp_1", KEY),
        ] {
            let answer = stage.another_instance().send(request);
            assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
        }
    }
    stage.ports.database().set_fault(DatabaseFault::None);
    assert_eq!(elsewhere(&stage, continuing("resp_1")).status, 200);
}

#[test]
fn a_record_whose_write_fails_is_written_again() {
    let stage = stage();
    make(&stage, NEW);
    for (fault, id) in [
        (DatabaseFault::Refuse, "resp_2"),
        (DatabaseFault::FailAfterCommit, "resp_3"),
    ] {
        stage.ports.database().fault_next(fault, 3);
        make(&stage, NEW);
        assert_eq!(elsewhere(&stage, continuing(id)).status, 200);
    }
}

#[test]
fn ids_that_are_no_single_segment_are_no_path_and_no_statement() {
    let stage = stage();
    make(&stage, NEW);
    for path in [
        "/v1/responses/..%2Fmodels",
        "/v1/responses/resp_1/other",
        "/v1/responses/resp_1/",
    ] {
        let answer = elsewhere(&stage, call(&Method::GET, path, KEY));
        assert_eq!(answer.status, 404, "{path}");
    }
    let answer = elsewhere(&stage, continuing("' OR 1=1 --"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    let body = r#"{"model":"m","input":"x","previous_response_id":7}"#;
    let answer = elsewhere(&stage, post("/v1/responses", body));
    assert_eq!(answer.error(), (400, "invalid_value".to_owned()));
    let answer = elsewhere(&stage, call(&Method::PUT, "/v1/responses/resp_1", KEY));
    assert_eq!(answer.header("allow"), Some("GET, HEAD, DELETE, OPTIONS"));
    assert_eq!(stage.calls().len(), 1);
}
