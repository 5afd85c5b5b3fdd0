//! Names of models: patterns in a channel's map, aliases with several models, and what else a channel changes in a body.

use std::collections::BTreeMap;

use gateway_core::config::model::{ChannelConfig, Document, Price};
use gateway_core::sql::SqlValue;
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::{FakeReply, Recorded};
use serde_json::{Value, json};

use super::setup::*;

const ANSWER: &str = r#"{"id":"x","model":"theirs","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000000,"completion_tokens":0}}"#;

fn serving(name: &str, models: &[&str]) -> ChannelConfig {
    ChannelConfig {
        models: models.iter().map(|&model| model.to_owned()).collect(),
        ..channel(name, 1)
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Channels, and an alias `smart` for the models `large` and `small`.
fn with_alias(channels: Vec<ChannelConfig>) -> Document {
    let mut document = Document {
        channels,
        keys: vec![client_key()],
        ..Document::default()
    };
    let models = ["large", "small"].map(str::to_owned).to_vec();
    document.settings.aliases.insert("smart".to_owned(), models);
    document
}

fn model(call: &Recorded) -> String {
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    body["model"].as_str().unwrap().to_owned()
}

/// The channels and models of all calls so far.
fn calls(stage: &Stage) -> Vec<String> {
    let requests = stage.ports.upstream().requests();
    let call = |call: &Recorded| format!("{} {}", host(call), model(call));
    requests.iter().map(call).collect()
}

#[test]
fn a_pattern_maps_what_it_matches() {
    let mut mapped = serving("a", &["claude-haiku-own"]);
    mapped.model_map = map(&[
        ("claude-*", "large"),
        ("claude-haiku-*", "small-*"),
        ("claude-haiku-4", "exact"),
    ]);
    let stage = Stage::new(vec![mapped]);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    for (name, sent) in [
        ("claude-opus", "large"),
        ("claude-haiku-4-5", "small-4-5"),
        ("claude-haiku-4", "exact"),
        ("claude-haiku-own", "claude-haiku-own"),
    ] {
        let body = format!(r#"{{"n":1.0,"model":"{name}","x":[1e3]}}"#);
        let answer = stage.chat(&body);
        assert_eq!((answer.status, answer.text()), (200, ANSWER));
        let calls = stage.ports.upstream().requests();
        let expected = format!(r#"{{"n":1.0,"model":"{sent}","x":[1e3]}}"#);
        assert_eq!(calls.last().unwrap().body, expected);
    }
    let unknown = stage.chat(r#"{"model":"gpt-4o"}"#);
    assert_eq!(unknown.error(), (404, "model_not_found".to_owned()));
}

#[test]
fn patterns_are_not_listed_but_what_they_match_can_be_looked_up() {
    let mut mapped = serving("a", &["m"]);
    mapped.model_map = map(&[("claude-*", "m"), ("named", "m")]);
    let mut document = with_alias(vec![mapped, serving("b", &["small"])]);
    let ids = |document: &Document| -> Vec<String> {
        let list = Stage::with(document).send(get("/v1/models")).json();
        let ids = list["data"].as_array().unwrap().iter();
        ids.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&document), ["m", "named", "small", "smart"]);
    let one = |id: &str| {
        let answer = Stage::with(&document).send(get(&format!("/v1/models/{id}")));
        (answer.status, answer.json()["owned_by"].clone())
    };
    assert_eq!(one("claude-1"), (200, json!("a")));
    assert_eq!(one("smart"), (200, json!("b")));
    assert_eq!(one("gpt-1").0, 404);
    document.keys[0].models = ["claude-1", "smart", "other"].map(str::to_owned).to_vec();
    assert_eq!(ids(&document), ["claude-1", "smart"]);
}

#[test]
fn the_next_model_of_an_alias_follows_when_all_channels_of_the_first_have_failed() {
    let document = with_alias(vec![
        serving("a", &["large"]),
        serving("b", &["large"]),
        serving("c", &["small"]),
    ]);
    let stage = Stage::with(&document);
    stage.upstream(|call| match host(call) {
        "c" => FakeReply::json(200, ANSWER),
        _ => FakeReply::json(500, "{}"),
    });
    let answer = stage.chat(r#"{"model":"smart"}"#);
    assert_eq!((answer.status, answer.text()), (200, ANSWER));
    assert_eq!(answer.header("x-gateway-channel"), Some("c"));
    assert_eq!(answer.header("x-gateway-attempts"), Some("3"));
    let mut made = calls(&stage);
    made[..2].sort_unstable();
    assert_eq!(made, ["a large", "b large", "c small"]);
}

#[test]
fn a_model_that_no_channel_serves_or_whose_channels_cool_is_passed_over() {
    let stage = Stage::with(&with_alias(vec![serving("c", &["small"])]));
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 200);
    assert_eq!(calls(&stage), ["c small"]);

    let stage = Stage::with(&with_alias(vec![
        serving("a", &["large"]),
        serving("c", &["small"]),
    ]));
    stage.upstream(|call| match host(call) {
        "c" => FakeReply::json(200, ANSWER),
        _ => FakeReply::json(429, "{}").with_header("retry-after", "60"),
    });
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 200);
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 200);
    assert_eq!(calls(&stage), ["a large", "c small", "c small"]);

    let stage = Stage::with(&with_alias(vec![serving("c", &["other"])]));
    let answer = stage.chat(r#"{"model":"smart"}"#);
    assert_eq!(answer.error(), (404, "model_not_found".to_owned()));
    let mut off = serving("c", &["small"]);
    off.enabled = false;
    let stage = Stage::with(&with_alias(vec![off]));
    let answer = stage.chat(r#"{"model":"smart"}"#);
    assert_eq!(answer.error(), (503, "no_channel_available".to_owned()));
}

#[test]
fn one_channel_is_tried_for_each_model_that_it_serves() {
    let stage = Stage::with(&with_alias(vec![channel("a", 1)]));
    stage.upstream(|call| match model(call).as_str() {
        "large" => FakeReply::json(
            404,
            r#"{"error":{"message":"The model `large` does not exist"}}"#,
        ),
        _ => FakeReply::json(200, ANSWER),
    });
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 200);
    assert_eq!(calls(&stage), ["a large", "a small"]);
    // The first model is known to be missing there.
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 200);
    assert_eq!(calls(&stage), ["a large", "a small", "a small"]);
}

#[test]
fn a_rejected_request_and_the_limit_of_attempts_stop_the_chain() {
    let mut document = with_alias(vec![serving("a", &["large"]), serving("c", &["small"])]);
    for code in ["invalid_value", "context_length_exceeded"] {
        let stage = Stage::with(&document);
        let error = json!({"error": {"message": "no", "code": code}}).to_string();
        stage.upstream(move |_| FakeReply::json(400, error.clone()));
        assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 400);
        assert_eq!(calls(&stage), ["a large"]);
    }
    document.settings.max_attempts = 1;
    let stage = Stage::with(&document);
    stage.upstream(|_| FakeReply::json(500, "{}"));
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 502);
    assert_eq!(calls(&stage), ["a large"]);
}

#[test]
fn the_models_of_an_alias_are_final() {
    let mut document = with_alias(vec![serving("a", &["large"]), serving("c", &["small"])]);
    let aliases = &mut document.settings.aliases;
    aliases.insert(
        "large".to_owned(),
        vec!["smart".to_owned(), "small".to_owned()],
    );
    aliases.insert("loop".to_owned(), vec!["loop".to_owned()]);
    let stage = Stage::with(&document);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    for name in ["smart", "large"] {
        assert_eq!(stage.chat(&format!(r#"{{"model":"{name}"}}"#)).status, 200);
    }
    assert_eq!(calls(&stage), ["a large", "c small"]);
    assert_eq!(stage.chat(r#"{"model":"loop"}"#).status, 404);
}

#[test]
fn a_key_needs_the_alias_in_its_list_not_the_models() {
    let status = |allowed: &str, asked: &str| {
        let mut document = with_alias(vec![channel("a", 1)]);
        document.keys[0].models = vec![allowed.to_owned()];
        let stage = Stage::with(&document);
        stage.upstream(|_| FakeReply::json(200, ANSWER));
        stage.chat(&format!(r#"{{"model":"{asked}"}}"#)).status
    };
    assert_eq!(status("smart", "smart"), 200);
    assert_eq!(status("large", "smart"), 404);
    assert_eq!(status("smart", "large"), 404);
}

#[test]
fn the_record_has_the_clients_name_the_upstreams_and_the_price_of_the_model_that_answered() {
    let mut mapped = serving("c", &[]);
    mapped.models = vec!["none".to_owned()];
    mapped.model_map = map(&[("small", "theirs")]);
    let mut document = with_alias(vec![serving("a", &["large"]), mapped]);
    let price = |prompt| Price {
        prompt,
        ..Price::default()
    };
    let prices = [("large", 5), ("small", 3), ("theirs", 9), ("smart", 7)];
    document.settings.prices = prices
        .map(|(name, prompt)| (name.to_owned(), price(prompt)))
        .into();
    let stage = Stage::with_ledger(&document);
    stage.upstream(|call| match host(call) {
        "c" => FakeReply::json(200, ANSWER),
        _ => FakeReply::json(500, "{}"),
    });
    assert_eq!(stage.chat(r#"{"model":"smart"}"#).status, 200);
    stage.ports.run_background();
    let columns = "SELECT model, upstream_model, cost_micro_usd FROM request";
    let row = stage.ports.database().rows(columns).remove(0);
    let text = |text: &str| SqlValue::Text(text.to_owned());
    assert_eq!(row, [text("smart"), text("theirs"), SqlValue::Integer(3)]);
}

#[test]
fn a_translated_answer_has_the_name_that_the_client_asked_for() {
    let mut chat = serving("c", &["small"]);
    chat.dialects = Some(vec![Dialect::Chat]);
    let stage = Stage::with(&with_alias(vec![chat]));
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    let body = r#"{"model":"smart","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = stage.send(post("/v1/messages", body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["model"], "smart");
    assert_eq!(calls(&stage), ["c small"]);
}

fn changing() -> ChannelConfig {
    ChannelConfig {
        drop_params: vec!["user".to_owned()],
        rename_params: map(&[("max_tokens", "max_completion_tokens")]),
        default_params: [
            ("top_k".to_owned(), json!(40)),
            ("user".to_owned(), json!({"a": [1]})),
            ("temperature".to_owned(), json!(0.5)),
        ]
        .into(),
        ..channel("a", 1)
    }
}

#[test]
fn parameters_are_renamed_dropped_and_added_in_place() {
    let stage = Stage::new(vec![changing()]);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    for (body, sent) in [
        (
            r#"{"model":"m" ,"max_tokens": 1.0,"temperature":null, "n":1e1}"#,
            r#"{"model":"m" ,"max_completion_tokens": 1.0,"temperature":null, "n":1e1,"top_k":40,"user":{"a":[1]}}"#,
        ),
        (
            r#"{"user":"u","model":"m","top_k":1,"temperature":0}"#,
            r#"{"user":{"a":[1]},"model":"m","top_k":1,"temperature":0}"#,
        ),
    ] {
        assert_eq!(stage.chat(body).status, 200);
        assert_eq!(stage.ports.upstream().requests().last().unwrap().body, sent);
    }
    // What the gateway acts on has one spelling and occurs once.
    for body in [
        r#"{"model":"m","Max_Tokens":1}"#,
        r#"{"model":"m","TOP_K":1}"#,
        r#"{"model":"m","max_completion_tokens":1,"max_completion_tokens":2}"#,
    ] {
        assert_eq!(
            stage.chat(body).error(),
            (400, "ambiguous_body".to_owned()),
            "{body}"
        );
    }
}

#[test]
fn parameters_of_translated_bodies_are_changed_too() {
    let mut chat = changing();
    chat.dialects = Some(vec![Dialect::Chat]);
    chat.drop_params.push("messages".to_owned());
    let stage = Stage::new(vec![chat]);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    let body = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = stage.send(post("/v1/messages", body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = stage.ports.upstream().requests();
    let sent: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(
        sent,
        json!({"model": "m", "max_completion_tokens": 5, "top_k": 40, "user": {"a": [1]}, "temperature": 0.5})
    );
}

#[test]
fn forms_get_no_parameters() {
    let stage = Stage::new(vec![changing()]);
    stage.upstream(|_| FakeReply::json(200, r#"{"text":"hi"}"#));
    let part = |name: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let kept = format!("{}{}", part("model", "m"), part("max_tokens", "1"));
    let form = format!("{kept}{}--B--\r\n", part("user", "u"));
    let mut request = post("/v1/audio/transcriptions", &form);
    let content_type = "multipart/form-data; boundary=B".parse().unwrap();
    request.headers_mut().insert("content-type", content_type);
    let answer = stage.send(request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = stage.ports.upstream().requests();
    assert_eq!(calls[0].body, format!("{kept}--B--\r\n"));
}
