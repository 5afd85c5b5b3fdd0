//! Responses that the gateway keeps, since their channels speak dialects without stored responses: they are continued on
//! any channel, read, listed and deleted, by the client that made them.

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, Document};
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::{FakeReply, Recorded};
use http::{Method, Request};
use serde_json::{Value, json};

use super::ledger::count;
use super::setup::*;
use super::stored_responses::{OTHER_KEY, call, document, elsewhere, last_call, make};

pub const NEW: &str = r#"{"model":"m","input":"one","instructions":"first"}"#;

pub fn speaking(name: &str, dialect: Dialect) -> ChannelConfig {
    ChannelConfig {
        dialects: Some(vec![dialect]),
        ..channel(name, 1)
    }
}

pub fn keeping(channels: Vec<ChannelConfig>) -> Document {
    let mut document = document(channels);
    document.settings.responses_store = true;
    document
}

/// The answer of an upstream: it counts the calls.
fn answered(call: &Recorded, number: usize) -> FakeReply {
    let text = format!("answer {number}");
    let path = call.head.uri.path();
    let body = if path.ends_with("/messages") {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "text", "text": text}],
            "usage": {"input_tokens": 5, "output_tokens": 2}})
    } else if path.ends_with("/responses") {
        json!({"id": format!("resp_{number}"), "object": "response", "status": "completed", "error": null, "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
            "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}})
    } else {
        // As some servers do, it gives the same id each time.
        json!({"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
    };
    FakeReply::json(200, body.to_string())
}

pub fn staged(document: &Document) -> Stage {
    let stage = Stage::with_ledger(document);
    let mut number = 0;
    stage.upstream(move |call| {
        number += 1;
        answered(call, number)
    });
    stage
}

/// A gateway that keeps responses, with one channel that has chat completions only.
pub fn stage() -> Stage {
    staged(&keeping(vec![speaking("a", Dialect::Chat)]))
}

pub fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

pub fn continuing(id: &str, input: &str) -> Request<Bytes> {
    let body = json!({"model": "m", "input": input, "previous_response_id": id});
    post("/v1/responses", &body.to_string())
}

pub fn kept(stage: &Stage) -> u64 {
    count(stage, "SELECT count(DISTINCT id) FROM kept_response")
}

pub fn sent(stage: &Stage) -> Value {
    serde_json::from_slice(&last_call(stage).body).unwrap()
}

/// The texts of the messages of a chat.
pub fn texts(chat: &Value) -> Vec<&str> {
    let messages = chat["messages"].as_array().unwrap();
    let texts = messages.iter().map(|message| message["content"].as_str());
    texts.flatten().collect()
}

pub fn of(id: &str, rest: &str, method: &Method) -> Request<Bytes> {
    call(method, &format!("/v1/responses/{id}{rest}"), KEY)
}

#[test]
fn a_conversation_goes_on_by_the_id_of_its_last_response() {
    let stage = stage();
    let first = make(&stage, NEW);
    assert_eq!(first.json()["store"], true);
    assert_eq!(first.json()["previous_response_id"], Value::Null);
    let second = elsewhere(&stage, continuing(&id(&first), "two"));
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(second.json()["previous_response_id"], id(&first));
    // Instructions are not inherited.
    assert_eq!(texts(&sent(&stage)), ["one", "answer 1", "two"]);
    let items = r#"[{"role":"user","content":"three"}]"#;
    let body = format!(
        r#"{{"previous_response_id":"{}","model":"m","input": {items} }}"#,
        id(&second)
    );
    let third = elsewhere(&stage, post("/v1/responses", &body));
    assert_eq!(third.status, 200, "{}", third.text());
    let whole = ["one", "answer 1", "two", "answer 2", "three"];
    assert_eq!(texts(&sent(&stage)), whole);
    assert_ne!(id(&first), id(&second));
    // Another branch from the first response.
    let branch = elsewhere(&stage, continuing(&id(&first), "other"));
    assert_eq!(branch.status, 200);
    assert_eq!(texts(&sent(&stage)), ["one", "answer 1", "other"]);
    assert_eq!(kept(&stage), 4);
    let rows = stage.ports.database().rows("SELECT * FROM request");
    assert!(
        !format!("{rows:?}").contains("answer 1"),
        "requests are free of content"
    );
}

#[test]
fn an_instance_continues_its_own_response_before_it_is_written() {
    let stage = stage();
    let first = stage.send(post("/v1/responses", NEW));
    let second = stage.send(continuing(&id(&first), "two"));
    let third = stage.send(continuing(&id(&second), "three"));
    assert_eq!(third.status, 200, "{}", third.text());
    let whole = ["one", "answer 1", "two", "answer 2", "three"];
    assert_eq!(texts(&sent(&stage)), whole);
    assert_eq!(stage.send(of(&id(&third), "", &Method::GET)).status, 200);
    stage.ports.run_background();
    assert_eq!(kept(&stage), 3);
}

#[test]
fn a_streamed_response_is_kept_as_its_last_event_has_it() {
    let stage = stage();
    stage.upstream(|_| {
        let chunk = |delta: &str, finish: &str| {
            format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
        };
        let text = chunk(r#"{"role":"assistant","content":"streamed"}"#, "null") + &chunk("{}", r#""length""#) + "data: [DONE]\n\n";
        FakeReply::pieces(200, "text/event-stream", [text.into()])
    });
    let body = r#"{"model":"m","input":"one","stream":true}"#;
    let answer = make(&stage, body);
    let events: Vec<Value> = answer
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    assert_eq!(events[0]["response"]["store"], true);
    let last = &events.last().unwrap()["response"];
    assert_eq!(
        (&last["status"], &last["store"]),
        (&json!("incomplete"), &json!(true))
    );
    let id = last["id"].as_str().unwrap();
    assert_eq!(events[0]["response"]["id"], id);
    let read = elsewhere(&stage, of(id, "", &Method::GET));
    assert_eq!(read.json(), *last);
    assert_eq!(elsewhere(&stage, continuing(id, "two")).status, 200);
    assert_eq!(texts(&sent(&stage)), ["one", "streamed", "two"]);
}

#[test]
fn what_breaks_off_is_not_kept() {
    let stage = stage();
    stage.upstream(|_| {
        let text = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
        FakeReply::pieces(200, "text/event-stream", [text.into()])
    });
    let answer = make(&stage, r#"{"model":"m","input":"one","stream":true}"#);
    let failed = answer.text().split("response.failed").last().unwrap();
    assert!(failed.contains(r#""store":false"#), "{failed}");
    assert_eq!(
        count(
            &stage,
            "SELECT count(*) FROM sqlite_master WHERE name = 'kept_response'"
        ),
        1
    );
    assert_eq!(kept(&stage), 0);
}

#[test]
fn the_next_turn_may_go_to_a_channel_of_any_dialect() {
    let mut document = keeping(vec![
        speaking("a", Dialect::Chat),
        speaking("b", Dialect::Messages),
        speaking("c", Dialect::Responses),
    ]);
    for (place, channel) in document.channels.iter_mut().enumerate() {
        channel.models = vec![format!("m{place}")];
    }
    let stage = staged(&document);
    let turn = |model: &str, previous: Option<&str>, input: &str| {
        let body = json!({"model": model, "input": input, "previous_response_id": previous});
        elsewhere(&stage, post("/v1/responses", &body.to_string()))
    };
    let first = turn("m1", None, "one");
    let second = turn("m0", Some(&id(&first)), "two");
    assert_eq!(texts(&sent(&stage)), ["one", "answer 1", "two"]);
    // Signed thinking goes back to where it is from.
    assert_eq!(turn("m1", Some(&id(&second)), "three").status, 200);
    let thinking = &sent(&stage)["messages"][1]["content"][0];
    assert_eq!(
        (&thinking["thinking"], &thinking["signature"]),
        (&json!("hm"), &json!("sig"))
    );
    // A channel with the API gets the conversation as input, stores its own response, and goes on with that.
    let native = turn("m2", Some(&id(&second)), "three");
    let request = sent(&stage);
    assert_eq!(request["previous_response_id"], Value::Null);
    let inputs = request["input"].as_array().unwrap();
    assert_eq!(inputs.len(), 5, "{request}");
    assert!(!request.to_string().contains("encrypted_content"));
    assert_eq!(
        (&inputs[0]["content"], &inputs[4]["content"]),
        (&json!("one"), &json!("three"))
    );
    assert_eq!(id(&native), "resp_4");
    assert_eq!(turn("m2", Some("resp_4"), "four").status, 200);
    assert_eq!(sent(&stage)["previous_response_id"], "resp_4");
    assert_eq!(kept(&stage), 3);
}

#[test]
fn failover_takes_the_conversation_along() {
    let stage = staged(&keeping(vec![
        speaking("a", Dialect::Chat),
        ChannelConfig {
            priority: 1,
            ..speaking("b", Dialect::Messages)
        },
    ]));
    let first = make(&stage, NEW);
    stage.upstream(|call| match host(call) {
        "a" => FakeReply::json(500, r#"{"error":{"message":"down"}}"#),
        _ => answered(call, 2),
    });
    let second = elsewhere(&stage, continuing(&id(&first), "two"));
    assert_eq!(
        (second.status, second.header("x-gateway-channel")),
        (200, Some("b"))
    );
    assert_eq!(sent(&stage)["messages"].as_array().unwrap().len(), 3);
    assert_eq!(kept(&stage), 2);
}

#[test]
fn a_response_is_read_listed_and_deleted() {
    let stage = stage();
    let first = make(&stage, NEW);
    let id = id(&first);
    let read = elsewhere(&stage, of(&id, "?include[]=x", &Method::GET));
    assert_eq!((read.status, read.json()), (200, first.json()));
    let items = elsewhere(&stage, of(&id, "/input_items", &Method::GET)).json();
    assert_eq!(
        items["data"][0]["content"][0],
        json!({"type": "input_text", "text": "one"})
    );
    assert_eq!(
        (&items["object"], &items["has_more"]),
        (&json!("list"), &json!(false))
    );
    for (rest, method) in [("?stream=true", Method::GET), ("/cancel", Method::POST)] {
        let answer = elsewhere(&stage, of(&id, rest, &method));
        assert_eq!(answer.error(), (400, "invalid_value".to_owned()), "{rest}");
    }
    let deleted = elsewhere(&stage, of(&id, "", &Method::DELETE));
    assert_eq!(
        deleted.json(),
        json!({"id": id, "object": "response", "deleted": true})
    );
    assert_eq!(kept(&stage), 0);
    for (rest, method) in [
        ("", Method::GET),
        ("", Method::DELETE),
        ("/input_items", Method::GET),
    ] {
        let answer = elsewhere(&stage, of(&id, rest, &method));
        assert_eq!(answer.error(), (404, "not_found".to_owned()));
    }
    let answer = elsewhere(&stage, continuing(&id, "two"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(stage.calls().len(), 1);
}

#[test]
fn a_conversation_without_one_of_its_turns_is_not_continued() {
    let stage = stage();
    let first = make(&stage, NEW);
    let second = elsewhere(&stage, continuing(&id(&first), "two"));
    assert_eq!(
        elsewhere(&stage, of(&id(&first), "", &Method::DELETE)).status,
        200
    );
    let third = elsewhere(&stage, continuing(&id(&second), "three"));
    assert_eq!(
        third.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(third.json()["error"]["param"], "previous_response_id");
    assert_eq!(
        elsewhere(&stage, of(&id(&second), "", &Method::GET)).status,
        200
    );
}

#[test]
fn what_is_deleted_before_it_is_written_is_not_written() {
    let stage = stage();
    let first = stage.send(post("/v1/responses", NEW));
    assert_eq!(stage.send(of(&id(&first), "", &Method::DELETE)).status, 200);
    stage.ports.run_background();
    assert_eq!(kept(&stage), 0);
    assert_eq!(stage.send(of(&id(&first), "", &Method::GET)).status, 404);
}

#[test]
fn another_client_reaches_nothing_that_is_kept() {
    let stage = stage();
    let id = id(&make(&stage, NEW));
    let mut request = continuing(&id, "two");
    let value = format!("Bearer {OTHER_KEY}").parse().unwrap();
    request.headers_mut().insert("authorization", value);
    let answer = elsewhere(&stage, request);
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    for (method, rest) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "/cancel"),
        (Method::GET, "/input_items"),
    ] {
        let path = format!("/v1/responses/{id}{rest}");
        let answer = elsewhere(&stage, call(&method, &path, OTHER_KEY));
        assert_eq!(
            answer.error(),
            (404, "not_found".to_owned()),
            "{method} {path}"
        );
    }
    assert_eq!(kept(&stage), 1);
}

#[test]
fn a_response_is_kept_only_if_settings_and_request_allow_it() {
    let off = staged(&document(vec![speaking("a", Dialect::Chat)]));
    assert_eq!(make(&off, NEW).json()["store"], false);
    let mut document = keeping(vec![speaking("a", Dialect::Chat)]);
    document.settings.ledger = false;
    let without_ledger = staged(&document);
    assert_eq!(make(&without_ledger, NEW).json()["store"], false);
    assert_eq!(without_ledger.ports.database().calls(), 0);

    let stage = stage();
    let first = make(&stage, NEW);
    let body =
        json!({"model": "m", "input": "two", "store": false, "previous_response_id": id(&first)});
    let second = make(&stage, &body.to_string());
    assert_eq!(second.json()["store"], false);
    assert_eq!(second.json()["previous_response_id"], id(&first));
    assert_eq!(texts(&sent(&stage)), ["one", "answer 1", "two"]);
    let answer = elsewhere(&stage, continuing(&id(&second), "three"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!((kept(&off), kept(&stage)), (0, 1));
}

#[test]
fn tokens_are_counted_over_the_whole_conversation() {
    let stage = stage();
    let long = format!(r#"{{"model":"m","input":"{}"}}"#, "word ".repeat(400));
    let first = make(&stage, &long);
    let body = json!({"model": "m", "input": "two", "previous_response_id": id(&first)});
    let counted = elsewhere(
        &stage,
        post("/v1/responses/input_tokens", &body.to_string()),
    );
    assert_eq!(counted.status, 200, "{}", counted.text());
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 400);
    let compacted = elsewhere(&stage, post("/v1/responses/compact", &body.to_string()));
    assert_eq!(compacted.status, 200);
    assert_eq!(sent(&stage)["input"].as_array().unwrap().len(), 3);
    assert_eq!(sent(&stage)["previous_response_id"], Value::Null);
}
