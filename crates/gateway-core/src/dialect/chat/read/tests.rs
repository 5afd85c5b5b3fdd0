//! Tests of a Chat client's requests.

use serde_json::{Value, json};

use super::*;
use crate::dialect::conversation::{HostedKind, Item, Part, Source, Tool, ToolChoice};
use crate::dialect::envelope::{Origin, ReasoningState, StateContent};
use crate::dialect::registry::DeclaredKind;
use crate::upstream::provider::Provider;

mod properties;
mod rejections;
mod tools;

fn key() -> EnvelopeKey {
    EnvelopeKey::derive(b"secret")
}

/// Reads a request; its text lives as long as the test.
fn conversation(request: &Value) -> Result<Conversation<'static>, Untranslatable> {
    let body: &'static str = request.to_string().leak();
    read(body.as_bytes(), &key())
}

/// A request with these messages, and one of the user before them.
fn items(messages: Value) -> Vec<String> {
    let mut all = vec![json!({"role": "user", "content": "u"})];
    let Value::Array(messages) = messages else {
        panic!("not a list: {messages}");
    };
    all.extend(messages);
    let conversation = conversation(&json!({"messages": all})).unwrap();
    conversation.items.iter().skip(1).map(line).collect()
}

/// One line per item, so that tables can show them.
fn line(item: &Item<'_>) -> String {
    match item {
        Item::System(text) => format!("system {}", text.text),
        Item::User(parts) => format!("user{}", parts.iter().map(part).collect::<String>()),
        Item::AssistantText(text) => format!("text {text}"),
        Item::Refusal(text) => format!("refusal {text}"),
        Item::Reasoning(reasoning) => match &reasoning.state {
            None => format!("reasoning {}", reasoning.text),
            Some(state) => format!("reasoning {} {}", reasoning.text, state.origin.channel),
        },
        Item::Call(call) => format!("call {} {} {}", call.id, call.name, call.arguments),
        Item::Result(result) => {
            let parts: String = result.parts.iter().map(part).collect();
            format!("result {}{parts}", result.id)
        }
    }
}

fn part(part: &Part<'_>) -> String {
    match part {
        Part::Text(text) => match text.cache_control {
            None => format!(" [{}]", text.text),
            Some(mark) => format!(" [{} {mark}]", text.text),
        },
        Part::Image { source, detail } => format!(" image {} {detail:?}", place(source)),
        Part::Document { source, name } => format!(" document {} {name:?}", place(source)),
        Part::Audio { data, format } => format!(" audio {format} {data}"),
    }
}

fn place(source: &Source<'_>) -> String {
    match source {
        Source::Url(url) => format!("at {url}"),
        Source::Base64 { media_type, data } => format!("{media_type} {data}"),
    }
}

#[test]
fn leading_instructions_are_gathered_and_later_ones_stay() {
    let mark = json!({"type": "ephemeral"});
    let read = conversation(&json!({"messages": [
        {"role": "system", "content": "1"},
        {"role": "developer", "content": [{"type": "text", "text": "2", "cache_control": mark}, {"type": "text", "text": ""}]},
        {"role": "system", "content": null},
        {"role": "user", "content": "u"},
        {"role": "system", "content": [{"type": "text", "text": "3"}, {"type": "text", "text": "4"}]},
        {"role": "developer", "content": ""},
    ]}))
    .unwrap();
    let texts: Vec<_> = read.instructions.iter().map(|text| &*text.text).collect();
    assert_eq!(texts, ["1", "2"]);
    let marks: Vec<_> = read
        .instructions
        .iter()
        .map(|text| text.cache_control.map(RawValue::get))
        .collect();
    assert_eq!(marks, [None, Some(r#"{"type":"ephemeral"}"#)]);
    let lines: Vec<_> = read.items.iter().map(line).collect();
    assert_eq!(lines, ["user [u]", "system 3\n4"]);
}

#[test]
fn parts_of_users_are_kept() {
    let rows = [
        (json!(""), None),
        (Value::Null, None),
        (json!("a"), Some("user [a]")),
        (json!([{"type": "text", "text": ""}]), None),
        (
            json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]),
            Some(r#"user [a {"type":"ephemeral"}] [b]"#),
        ),
        (
            json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]),
            Some(r#"user image image/png AAAA Some("low")"#),
        ),
        (
            json!([{"type": "image_url", "image_url": "https://a/b.png"}]),
            Some("user image at https://a/b.png None"),
        ),
        (
            json!([{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}}]),
            Some(r#"user document application/pdf BBBB Some("a.pdf")"#),
        ),
        (
            json!([{"type": "file", "file": {"filename": "A.TXT", "file_data": "BBBB"}}]),
            Some(r#"user document text/plain BBBB Some("A.TXT")"#),
        ),
        (
            json!([{"type": "file", "file": {"file_data": "https://a/b.pdf"}}]),
            Some("user document at https://a/b.pdf None"),
        ),
        // A file that is sent as well as named needs no upload.
        (
            json!([{"type": "file", "file": {"file_id": "f", "file_data": "https://a/b.pdf"}}]),
            Some("user document at https://a/b.pdf None"),
        ),
        (
            json!([{"type": "input_audio", "input_audio": {"data": "CCCC", "format": "wav"}}]),
            Some("user audio wav CCCC"),
        ),
    ];
    for (content, expected) in rows {
        let read = items(json!([{"role": "user", "content": content}]));
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(read, expected, "{content}");
    }
}

#[test]
fn a_mark_of_a_whole_message_is_behind_its_last_text() {
    let mark = json!({"type": "ephemeral"});
    let text = |text: &str| json!({"type": "text", "text": text});
    let marked =
        |text: &str, mark: &Value| json!({"type": "text", "text": text, "cache_control": mark});
    let own = json!({"type": "ephemeral", "ttl": "1h"});
    let rows = [
        (json!("a"), r#"user [a {"type":"ephemeral"}]"#),
        (
            json!([text("a"), text("b")]),
            r#"user [a] [b {"type":"ephemeral"}]"#,
        ),
        (
            json!([marked("a", &own)]),
            r#"user [a {"ttl":"1h","type":"ephemeral"}]"#,
        ),
    ];
    for (content, expected) in rows {
        let message = json!({"role": "user", "content": content, "cache_control": mark});
        assert_eq!(items(json!([message])), [expected], "{content}");
    }
}

#[test]
fn an_assistants_message_becomes_items_in_the_order_of_their_making() {
    let function = |id: &str, name: &str, arguments: Value| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let rows = [
        (
            json!({"content": "t", "reasoning_content": "r", "refusal": "no",
                "tool_calls": [function("x", "f", json!("{\"a\":1}"))]}),
            vec!["reasoning r", "text t", "refusal no", "call x f {\"a\":1}"],
        ),
        (
            // Broken arguments stay as they are; an object is its JSON; a name that upstreams reject is changed.
            json!({"content": null, "tool_calls": [
                function("x", "f", json!("{\"a\":")), function("y", "f", json!({"a": 1})), function("z", "f", json!(""))]}),
            vec!["call x f {\"a\":", "call y f {\"a\":1}", "call z f "],
        ),
        (
            json!({"content": "", "tool_calls": [
                {"id": "x", "type": "custom", "custom": {"name": "patch", "input": "+\"a\"\n"}}]}),
            vec!["call x patch {\"input\":\"+\\\"a\\\"\\n\"}"],
        ),
        (json!({"content": ""}), vec![]),
        (
            json!({"content": "a", "reasoning": "r"}),
            vec!["reasoning r", "text a"],
        ),
        (
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                {"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}),
            vec!["reasoning r", "text a", "refusal no"],
        ),
    ];
    for (mut message, expected) in rows {
        message["role"] = json!("assistant");
        assert_eq!(items(json!([message])), expected);
    }
}

#[test]
fn only_our_own_reasoning_states_are_kept() {
    let state = |channel: &str| ReasoningState {
        origin: Origin {
            provider: Provider::Anthropic,
            channel: channel.to_owned(),
        },
        content: StateContent::Redacted {
            data: "d".to_owned(),
        },
    };
    let sealed =
        |channel| json!({"type": "reasoning.encrypted", "data": key().seal(&state(channel))});
    let foreign = json!({"type": "reasoning.text", "text": "shown", "signature": "sig"});
    let forged = json!({"type": "reasoning.encrypted",
        "data": EnvelopeKey::derive(b"other").seal(&state("forged"))});
    let message = |details: Value, shown: Option<&str>| {
        items(
            json!([{"role": "assistant", "content": "t", "reasoning_content": shown, "reasoning_details": details}]),
        )
    };
    assert_eq!(
        message(json!([sealed("one"), forged, sealed("two")]), Some("r")),
        ["reasoning r one", "reasoning  two", "text t"]
    );
    assert_eq!(
        message(json!([foreign, foreign]), None),
        ["reasoning shownshown", "text t"]
    );
    assert_eq!(
        message(json!([foreign]), Some("r")),
        ["reasoning r", "text t"]
    );
    assert_eq!(message(json!([forged, 7, "a"]), None), ["text t"]);
    assert_eq!(message(json!("nonsense"), None), ["text t"]);
}

#[test]
fn results_belong_to_their_calls_also_without_ids() {
    let results = items(json!([
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "https://a"}}]},
        {"role": "tool", "tool_call_id": "y", "content": ""},
        {"role": "tool", "content": "z"},
    ]));
    assert_eq!(
        results,
        [
            "result x [a] image at https://a None",
            "result y",
            "result  [z]"
        ]
    );
    let call = |name: &str| json!({"role": "assistant", "content": null, "function_call": {"name": name, "arguments": "{}"}});
    let result = |name: &str| json!({"role": "function", "name": name, "content": name});
    let lines = items(json!([
        call("f"),
        result("f"),
        call("g"),
        call("f"),
        result("f"),
        result("g"),
        result("h")
    ]));
    let ids: Vec<_> = (0..3)
        .map(|index| crate::dialect::ids::made_call_id("function_call", index))
        .collect();
    let expected = [
        format!("call {} f {{}}", ids[0]),
        format!("result {} [f]", ids[0]),
        format!("call {} g {{}}", ids[1]),
        format!("call {} f {{}}", ids[2]),
        format!("result {} [f]", ids[2]),
        format!("result {} [g]", ids[1]),
        "result  [h]".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn members_become_those_of_the_conversation() {
    let read = conversation(&json!({
        "messages": [], "max_tokens": 5, "max_completion_tokens": 7, "stop": ["a", "b"], "temperature": 0.50,
        "top_p": 1, "top_k": 40, "seed": 3, "frequency_penalty": -1, "presence_penalty": 1, "verbosity": "low",
        "reasoning_effort": "high", "parallel_tool_calls": false, "user": "me", "prompt_cache_key": "k",
        "service_tier": "flex", "stream": true, "n": 1, "modalities": ["text"], "unknown": {"x": 1},
        "logprobs": true, "logit_bias": {}, "store": false, "prediction": null,
        "response_format": {"type": "json_schema", "json_schema":
            {"name": "s", "strict": true, "schema": {"type": "object", "properties": {}}}},
    }))
    .unwrap();
    assert_eq!(read.max_tokens, Some(7));
    assert_eq!(read.stop, ["a", "b"]);
    assert_eq!(
        read.sampling.temperature,
        Some(Number::from_f64(0.5).unwrap())
    );
    assert_eq!(read.sampling.top_k, Some(Number::from(40)));
    let drawn = [
        &read.sampling.top_p,
        &read.sampling.seed,
        &read.sampling.frequency_penalty,
        &read.sampling.presence_penalty,
    ];
    let drawn: Vec<_> = drawn
        .iter()
        .map(|number| number.as_ref().unwrap().as_i64().unwrap())
        .collect();
    assert_eq!(drawn, [1, 3, -1, 1]);
    assert_eq!(read.reasoning, Some(Reasoning::of_effort(Effort::High)));
    assert_eq!(read.parallel_calls, Some(false));
    let words = [
        &read.verbosity,
        &read.user,
        &read.cache_key,
        &read.service_tier,
    ];
    let words: Vec<_> = words.iter().map(|word| word.as_deref().unwrap()).collect();
    assert_eq!(words, ["low", "me", "k", "flex"]);
    assert!(read.stream);
    assert_eq!(read.dropped, ["logprobs", "logit_bias"]);
    let Some(OutputFormat::Schema {
        name,
        schema,
        strict,
    }) = read.format
    else {
        panic!("{:?}", read.format);
    };
    assert_eq!((name.as_deref(), strict), (Some("s"), Some(true)));
    assert!(schema.get().starts_with('{'));
}

#[test]
fn absent_members_and_null_are_the_same() {
    let read = conversation(&json!({
        "messages": [], "max_tokens": 5, "max_completion_tokens": null, "stop": null, "tools": null, "n": null,
        "reasoning_effort": "auto", "response_format": {"type": "text"}, "audio": null, "stream": null, "user": "",
        "safety_identifier": "me",
    }))
    .unwrap();
    assert_eq!(read.max_tokens, Some(5));
    assert_eq!(
        (read.stop.len(), read.reasoning, read.stream),
        (0, None, false)
    );
    assert!(read.format.is_none());
    assert_eq!(read.user.as_deref(), Some("me"));
}

#[test]
fn reasoning_is_read_in_both_spellings() {
    let rows = [
        (
            json!({"effort": "low"}),
            Some(Reasoning::of_effort(Effort::Low)),
        ),
        (
            json!({"max_tokens": 2048, "effort": "low"}),
            Some(Reasoning::of_budget(2048)),
        ),
        (
            json!({"enabled": true}),
            Some(Reasoning::of_effort(Effort::Medium)),
        ),
        (
            json!({"enabled": false}),
            Some(Reasoning::of_effort(Effort::None)),
        ),
        (json!({}), None),
        (
            json!({"effort": "low", "exclude": true}),
            Some(Reasoning {
                is_shown: false,
                ..Reasoning::of_effort(Effort::Low)
            }),
        ),
    ];
    for (reasoning, expected) in rows {
        let read = conversation(&json!({"messages": [], "reasoning": reasoning})).unwrap();
        assert_eq!(read.reasoning, expected, "{reasoning}");
    }
}
