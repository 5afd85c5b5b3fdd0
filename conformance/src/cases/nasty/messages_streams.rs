//! Cases 1 to 10: streams of Chat Completions that a Messages client must be able to read.

use serde_json::{Value, json};

use super::{case, hello, messages};
use crate::case::{Case, Step};
use crate::dialect::Dialect;
use crate::node::{Verdict, same};
use crate::normal::{Answer, Part, Stop, Usage, json_text};
use crate::play::chat::{DONE, call, chunk, usage_chunk};
use crate::upstream::{Cut, Reply, Say};

const USAGE: Usage = Usage {
    input: 21,
    cached: 0,
    written: 0,
    output: 9,
    reasoning: 0,
};

fn role() -> String {
    chunk(&json!({"role": "assistant", "content": null}), None)
}

/// A stream from its first to its last delta, with a finish reason.
fn ending(mut events: Vec<String>, finish: &str) -> Vec<String> {
    events.insert(0, role());
    events.push(chunk(&json!({}), Some(finish)));
    events.push(usage_chunk(&USAGE));
    events.push(DONE.to_owned());
    events
}

fn delta(value: &Value) -> String {
    chunk(value, None)
}

fn new_call(index: usize, arguments: &str) -> String {
    let id = format!("call_{index}");
    let name = ["read_file", "list_files"][index];
    delta(&call(index, Some((&id, name)), arguments))
}

fn more(index: usize, arguments: &str) -> String {
    delta(&call(index, None, arguments))
}

fn stream_case(
    number: usize,
    about: &str,
    events: Vec<String>,
    check: fn(&Answer) -> Verdict<()>,
) -> Case {
    let step = Step::new(Dialect::Chat, &messages(&hello(), true))
        .reply(Reply::new(Say::Events(events)).cut(Cut::Bytes))
        .check(move |seen| check(seen.answer()?));
    case(number, (Dialect::Messages, Dialect::Chat), about, step)
}

/// The only call, with its arguments in one spelling.
fn one_call(answer: &Answer, arguments: &str) -> Verdict<()> {
    let calls = answer.calls();
    same("number of calls", &calls.len(), &1)?;
    same("name", &calls[0].name.as_str(), &"read_file")?;
    same(
        "arguments",
        &json_text(&calls[0].arguments),
        &json_text(arguments),
    )?;
    same("end", &answer.stop, &Stop::Calls)
}

pub(super) fn cases() -> Vec<Case> {
    let mut all = calls();
    all.extend(ends());
    all
}

fn calls() -> Vec<Case> {
    let alternating = vec![
        new_call(0, "{\"path\":"),
        new_call(1, "{\"pa"),
        more(0, "\"one\""),
        more(1, "th\":\"two\"}"),
        more(0, "}"),
    ];
    let late = |id: Option<&str>, name: Option<&str>, arguments: &str| {
        let mut delta_call = json!({"index": 0, "function": {"arguments": arguments}});
        if let Some(id) = id {
            delta_call["id"] = json!(id);
        }
        if let Some(name) = name {
            delta_call["type"] = json!("function");
            delta_call["function"]["name"] = json!(name);
        }
        delta(&json!({"tool_calls": [delta_call]}))
    };
    let late_id = vec![
        late(None, Some("read_file"), ""),
        late(None, None, "{\"path\":"),
        late(Some("call_late"), None, "\"a\"}"),
    ];
    let empty_names = vec![
        new_call(0, ""),
        late(Some("call_0"), Some(""), "{\"path\":"),
        late(Some("call_0"), Some(""), "\"a\"}"),
    ];
    vec![
        stream_case(
            1,
            "arguments of two calls alternate",
            ending(alternating, "tool_calls"),
            |answer| {
                let calls = answer.calls();
                same("number of calls", &calls.len(), &2)?;
                same(
                    "first",
                    &json_text(&calls[0].arguments),
                    &r#"{"path":"one"}"#.to_owned(),
                )?;
                same(
                    "second",
                    &json_text(&calls[1].arguments),
                    &r#"{"path":"two"}"#.to_owned(),
                )
            },
        ),
        stream_case(
            2,
            "the id comes two chunks after the name",
            ending(late_id, "tool_calls"),
            |answer| one_call(answer, r#"{"path":"a"}"#),
        ),
        stream_case(
            3,
            "each later delta has an empty name",
            ending(empty_names, "tool_calls"),
            |answer| one_call(answer, r#"{"path":"a"}"#),
        ),
        stream_case(
            4,
            "calls, but the finish reason `stop`",
            ending(vec![new_call(0, "{\"path\":\"a\"}")], "stop"),
            |answer| one_call(answer, r#"{"path":"a"}"#),
        ),
        stream_case(
            5,
            "cut in the middle of arguments",
            ending(vec![new_call(0, "{\"path\":"), more(0, "\"src/")], "length"),
            |answer| {
                same("end", &answer.stop, &Stop::Length)?;
                let calls = answer.calls();
                same("number of calls", &calls.len(), &1)?;
                // What is cut stays cut: repaired arguments would make a call that the model never made.
                same(
                    "arguments",
                    &calls[0].arguments.as_str(),
                    &"{\"path\":\"src/",
                )
            },
        ),
        stream_case(
            10,
            "a call without arguments",
            ending(vec![new_call(0, "")], "tool_calls"),
            |answer| one_call(answer, "{}"),
        ),
    ]
}

fn ends() -> Vec<Case> {
    let twice = vec![
        role(),
        delta(&json!({"content": "Hello."})),
        usage_chunk(&USAGE),
        chunk(&json!({}), Some("stop")),
        chunk(&json!({}), Some("stop")),
        DONE.to_owned(),
    ];
    let first = vec![
        delta(&json!({"role": "assistant", "content": "Hello"})),
        delta(&json!({"content": "."})),
        chunk(&json!({}), Some("stop")),
        usage_chunk(&USAGE),
        DONE.to_owned(),
    ];
    let mixed = vec![
        delta(&json!({"reasoning_content": "Hm."})),
        delta(&json!({"content": "Look."})),
        delta(&json!({"reasoning_content": "So."})),
        new_call(0, "{\"path\":\"a\"}"),
    ];
    let half = vec![role(), delta(&json!({"content": "Half a"}))];
    let step = Step::new(Dialect::Chat, &messages(&hello(), true))
        .reply(Reply::new(Say::Events(half)))
        .check(|seen| seen.broken().map(drop));
    let text = |answer: &Answer| same("text", &answer.text().as_str(), &"Hello.");
    vec![
        stream_case(
            6,
            "the finish reason twice, usage before it",
            twice,
            |answer| {
                same("text", &answer.text().as_str(), &"Hello.")?;
                same("usage", &answer.usage, &Some(USAGE))
            },
        ),
        stream_case(7, "the first chunk has text", first, text),
        stream_case(
            8,
            "reasoning, text, reasoning, call",
            ending(mixed, "tool_calls"),
            |answer| {
                let kinds: Vec<&str> = answer
                    .parts
                    .iter()
                    .map(|part| match part {
                        Part::Thinking { state: Some(_), .. } => "signed thinking",
                        Part::Thinking { .. } => "thinking",
                        Part::Text(_) => "text",
                        Part::Call(_) => "call",
                        _ => "other",
                    })
                    .collect();
                same(
                    "blocks",
                    &kinds,
                    &vec!["thinking", "text", "thinking", "call"],
                )
            },
        ),
        case(
            9,
            (Dialect::Messages, Dialect::Chat),
            "the upstream ends after half the text",
            step,
        ),
    ]
}
