//! Answers as Responses' clients get them: each stream is checked against the grammar, and against the whole answer.

mod items;
mod properties;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::dialect::envelope::{Origin, ReasoningState, STATELESS, StateContent};
use crate::dialect::registry::{DeclaredKind, DeclaredTool, ToolRegistry};
use crate::dialect::responses::echo;
use crate::upstream::provider::Provider;

fn context() -> AnswerContext {
    let mut registry = ToolRegistry::default();
    let tools = [
        (DeclaredKind::Custom, "apply_patch", Some("functions")),
        (DeclaredKind::Function, "search", Some("mcp__docs")),
        (DeclaredKind::LocalShell, "local_shell", None),
        (DeclaredKind::Shell, "shell", None),
        (DeclaredKind::ApplyPatch, "apply_patch_file", None),
    ];
    for (kind, name, namespace) in tools {
        registry.wire_name(DeclaredTool {
            kind,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        });
    }
    AnswerContext {
        model: "m".to_owned(),
        request_id: "req1".to_owned(),
        created: 7,
        registry,
        echo: echo(b"{\"instructions\":\n\"x\",\"tools\":[{\"type\":\"custom\"}]}"),
        ..AnswerContext::default()
    }
}

fn start() -> AnswerEvent<'static> {
    AnswerEvent::Start {
        id: "chatcmpl-1".into(),
    }
}

fn finish(reason: StopReason) -> AnswerEvent<'static> {
    AnswerEvent::Finish {
        reason,
        sequence: None,
    }
}

fn call(index: usize, id: &'static str, name: &'static str) -> AnswerEvent<'static> {
    AnswerEvent::CallStart {
        index,
        id: id.into(),
        name: name.into(),
    }
}

fn arguments(index: usize, json: &'static str) -> AnswerEvent<'static> {
    AnswerEvent::CallArguments {
        index,
        json: json.into(),
    }
}

fn end(index: usize) -> AnswerEvent<'static> {
    AnswerEvent::CallEnd { index }
}

fn state() -> ReasoningState {
    ReasoningState {
        origin: Origin {
            provider: Provider::Anthropic,
            channel: "ch_1".to_owned(),
        },
        content: StateContent::Signed {
            thinking: "t".to_owned(),
            signature: "s".to_owned(),
        },
    }
}

/// The events of a stream, each with its kind.
fn events(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    let blocks = text.split_terminator("\n\n");
    let events = blocks.map(|block| {
        let (kind, data) = block
            .strip_prefix("event: ")
            .unwrap()
            .split_once("\ndata: ")
            .unwrap();
        let value: Value = serde_json::from_str(data).unwrap();
        assert_eq!(value["type"], kind);
        value
    });
    events.collect()
}

/// Checks a stream against the grammar; returns its last response.
fn checked(events: &[Value]) -> Value {
    let mut open: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    let mut done: BTreeMap<u64, Value> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
        let kind = event["type"].as_str().unwrap();
        let index = event["output_index"].as_u64();
        match kind {
            "response.created" => assert_eq!(number, 0),
            "response.in_progress" => assert_eq!(number, 1),
            "response.completed" | "response.incomplete" => {
                assert_eq!(number + 1, events.len());
            }
            "response.output_item.added" => {
                assert_eq!(index, Some((open.len() + done.len()) as u64));
                open.insert(index.unwrap(), (event["item"].clone(), String::new()));
            }
            "response.output_item.done" => {
                let (added, text) = open.remove(&index.unwrap()).unwrap();
                let item = &event["item"];
                assert_eq!((&added["id"], &added["type"]), (&item["id"], &item["type"]));
                let whole = ["/content/0/text", "/content/0/refusal", "/summary/0/text"];
                let whole = whole.iter().find_map(|path| item.pointer(path));
                let whole = whole.or(item.get("arguments")).or(item.get("input"));
                let whole = whole.and_then(Value::as_str).unwrap_or_default();
                assert!(
                    whole == text || (text.is_empty() && whole == "{}"),
                    "{event}"
                );
                done.insert(index.unwrap(), item.clone());
            }
            _ => {
                let (item, text) = open.get_mut(&index.unwrap()).unwrap();
                assert_eq!(event["item_id"], item["id"]);
                if let Some(delta) = event["delta"].as_str() {
                    assert!(!delta.is_empty());
                    text.push_str(delta);
                }
                let whole = ["text", "refusal", "arguments", "input"];
                if let Some(whole) = whole.iter().find_map(|name| event[*name].as_str()) {
                    assert!(
                        whole == text || (text.is_empty() && whole == "{}"),
                        "{event}"
                    );
                }
            }
        }
    }
    assert!(open.is_empty());
    let last = events.last().unwrap()["response"].clone();
    let all: Vec<Value> = done.into_values().collect();
    assert_eq!(last["output"], Value::from(all));
    last
}

/// The last response of a stream, which is the whole answer as well.
fn streamed(sent: Vec<AnswerEvent<'_>>) -> (Vec<Value>, Value) {
    let mut encoder = ResponsesEncoder::new(context());
    let mut answer = Answer::default();
    let mut output = Vec::new();
    for event in sent {
        answer.take_in(event.clone());
        encoder.event(event, &mut output);
    }
    let events = events(&output);
    let last = checked(&events);
    encoder.event(AnswerEvent::Text("late".into()), &mut output);
    let late = StreamFailure {
        kind: "server_error",
        code: "late",
        message: "late",
    };
    encoder.fail(&late, &mut output);
    assert_eq!(self::events(&output).len(), events.len());
    let whole = encode_whole(&answer, &context()).unwrap();
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    // Items are numbered in the order of their beginnings in both.
    assert_eq!(whole, last);
    (events, last)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str().unwrap());
    kinds
        .map(|kind| kind.strip_prefix("response.").unwrap())
        .collect()
}

#[test]
fn reasoning_without_state_is_recognisable_when_it_comes_back() {
    // An upstream of this dialect does not know the item, and would look for its id.
    let (_, last) = streamed(vec![
        start(),
        AnswerEvent::Reasoning("think".into()),
        AnswerEvent::Text("a".into()),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ]);
    assert_eq!(last["output"][0]["encrypted_content"], STATELESS);
    assert_eq!(context().envelope.open(STATELESS), None);
}

#[test]
fn texts_and_reasoning_are_items_with_all_their_events() {
    let usage = Usage {
        prompt_tokens: 125,
        completion_tokens: 3,
        cached_tokens: 100,
        cache_write_tokens: 20,
        reasoning_tokens: 1,
        ..Usage::default()
    };
    let (events, last) = streamed(vec![
        start(),
        AnswerEvent::Reasoning("think".into()),
        AnswerEvent::ReasoningState(state()),
        AnswerEvent::Text("a".into()),
        AnswerEvent::Text("\u{e4}".into()),
        AnswerEvent::Citation(Citation {
            url: "https://x".into(),
            title: "X".into(),
        }),
        AnswerEvent::BlockEnd,
        AnswerEvent::Text("b".into()),
        AnswerEvent::Usage(usage),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ]);
    let message = [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ];
    let reasoning = [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ];
    let found = kinds(&events);
    assert_eq!(found[2..8], reasoning);
    assert_eq!(found[8..16], message);
    assert_eq!(last["id"], "resp_chatcmpl-1");
    assert_eq!(
        (&last["model"], &last["created_at"]),
        (&json!("m"), &json!(7))
    );
    assert_eq!(last["status"], "completed");
    assert_eq!(last["instructions"], "x");
    assert_eq!(last["store"], false);
    assert_eq!(last["tools"], json!([{"type": "custom"}]));
    let envelope = last["output"][0]["encrypted_content"].as_str().unwrap();
    assert_eq!(context().envelope.open(envelope), Some(state()));
    let annotation = &last["output"][1]["content"][0]["annotations"][0];
    assert_eq!(
        (&annotation["url"], &annotation["end_index"]),
        (&json!("https://x"), &json!(2))
    );
    assert_eq!(last["output"][2]["content"][0]["text"], "b");
    let expected = json!({
        "input_tokens": 125, "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 128,
    });
    assert_eq!(last["usage"], expected);
}

#[test]
fn calls_come_back_as_their_tools_were_declared() {
    let (events, last) = streamed(vec![
        start(),
        call(0, "c0", "apply_patch"),
        call(1, "functions.Bash:0", "mcp__docs__search"),
        arguments(0, "{\"inp"),
        arguments(1, "{\"q\":"),
        arguments(0, "ut\":\"*** Begin\\"),
        arguments(1, "1}"),
        arguments(0, "nPatch\"}"),
        end(1),
        end(0),
        call(2, "c2", "local_shell"),
        arguments(2, "{\"command\":[\"ls\"],"),
        arguments(2, "\"timeout_ms\":5}"),
        end(2),
        call(3, "c3", "shell"),
        arguments(3, r#"{"commands":["ls"]}"#),
        end(3),
        call(4, "c4", "apply_patch_file"),
        arguments(4, r#"{"type":"delete_file","path":"a"}"#),
        end(4),
        call(5, "c5", "local_shell"),
        arguments(5, r#"{"cmd":1}"#),
        end(5),
        call(6, "c6", "undeclared"),
        end(6),
        call(7, "c6", "undeclared"),
        arguments(7, "{\"cut"),
        end(7),
        finish(StopReason::Calls),
        AnswerEvent::End,
    ]);
    let output = last["output"].as_array().unwrap();
    let custom = &output[0];
    assert_eq!(custom["type"], "custom_tool_call");
    assert_eq!(custom["input"], "*** Begin\nPatch");
    assert_eq!(
        (&custom["name"], &custom["namespace"]),
        (&json!("apply_patch"), &json!("functions"))
    );
    let function = &output[1];
    assert_eq!(function["type"], "function_call");
    assert_eq!(
        (&function["name"], &function["namespace"]),
        (&json!("search"), &json!("mcp__docs"))
    );
    assert_eq!(function["arguments"], "{\"q\":1}");
    assert_eq!(function["call_id"], *ids::call_id("functions.Bash:0"));
    let shell = json!({"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 5});
    assert_eq!(
        (&output[2]["type"], &output[2]["action"]),
        (&json!("local_shell_call"), &shell)
    );
    let shell = json!({"commands": ["ls"], "timeout_ms": null, "max_output_length": null});
    assert_eq!(
        (&output[3]["type"], &output[3]["action"]),
        (&json!("shell_call"), &shell)
    );
    let patch = json!({"type": "delete_file", "path": "a"});
    assert_eq!(
        (&output[4]["type"], &output[4]["operation"]),
        (&json!("apply_patch_call"), &patch)
    );
    assert_eq!(
        (&output[5]["type"], &output[5]["name"]),
        (&json!("function_call"), &json!("local_shell"))
    );
    assert_eq!(
        (&output[6]["arguments"], &output[6]["status"]),
        (&json!("{}"), &json!("completed"))
    );
    assert_eq!(
        (&output[7]["arguments"], &output[7]["status"]),
        (&json!("{\"cut"), &json!("incomplete"))
    );
    assert_ne!(output[6]["call_id"], output[7]["call_id"]);
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.custom_tool_call_input.delta");
    assert_eq!(deltas.count(), 2);
}

#[test]
fn a_search_is_an_item() {
    let (events, last) = streamed(vec![
        start(),
        AnswerEvent::WebSearch {
            id: "srvtoolu_1".into(),
            query: "q".into(),
            results: vec![WebResult {
                url: "https://x".into(),
                title: "X".into(),
            }],
        },
        AnswerEvent::Text("found".into()),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ]);
    assert_eq!(
        kinds(&events)[3..6],
        [
            "web_search_call.in_progress",
            "web_search_call.searching",
            "web_search_call.completed"
        ]
    );
    let expected = json!({"id": "ws_srvtoolu_1", "type": "web_search_call", "status": "completed",
        "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://x"}]}});
    assert_eq!(last["output"][0], expected);
}

#[test]
fn the_end_says_why() {
    let rows = [
        (StopReason::Stop, false, "completed", Value::Null),
        (StopReason::Paused, false, "completed", Value::Null),
        (
            StopReason::Length,
            false,
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (
            StopReason::Filtered,
            false,
            "incomplete",
            json!({"reason": "content_filter"}),
        ),
        (StopReason::Filtered, true, "completed", Value::Null),
    ];
    for (reason, is_refused, status, details) in rows {
        let text = if is_refused {
            AnswerEvent::Refusal("no".into())
        } else {
            AnswerEvent::Text("yes".into())
        };
        let sent = vec![
            start(),
            text,
            AnswerEvent::BlockEnd,
            finish(reason),
            AnswerEvent::End,
        ];
        let (events, last) = streamed(sent);
        assert_eq!(events.last().unwrap()["type"], format!("response.{status}"));
        assert_eq!(
            (&last["status"], &last["incomplete_details"]),
            (&json!(status), &details)
        );
        assert_eq!(last["output"][0]["status"], status);
        assert_eq!(last["usage"], Value::Null);
        let part = &last["output"][0]["content"][0];
        assert_eq!(part["refusal"].is_string(), is_refused);
    }
}

#[test]
fn a_broken_stream_fails_and_does_not_end() {
    let mut encoder = ResponsesEncoder::new(context());
    let mut output = Vec::new();
    encoder.event(start(), &mut output);
    encoder.event(AnswerEvent::Text("half".into()), &mut output);
    let failure = StreamFailure {
        kind: "server_error",
        code: "stream_incomplete",
        message: "It broke.",
    };
    encoder.fail(&failure, &mut output);
    encoder.event(AnswerEvent::End, &mut output);
    let events = events(&output);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["sequence_number"], events.len() - 1);
    assert_eq!(last["response"]["status"], "failed");
    let error = json!({"code": "stream_incomplete", "message": "It broke."});
    assert_eq!(last["response"]["error"], error);
    assert!(last["response"]["id"].is_string());
    assert!(!kinds(&events).contains(&"output_item.done"));
}

#[test]
fn every_item_is_done_also_when_nothing_ended_before() {
    let (events, last) = streamed(vec![
        AnswerEvent::Start { id: "".into() },
        call(0, "", "f"),
        arguments(0, "{}"),
        AnswerEvent::Text("text".into()),
        call(1, "", "local_shell"),
        arguments(1, r#"{"command":"ls"}"#),
        finish(StopReason::Calls),
        AnswerEvent::End,
    ]);
    let done = kinds(&events)
        .iter()
        .filter(|kind| **kind == "output_item.done")
        .count();
    assert_eq!(done, 3);
    assert_eq!(last["id"], "resp_req1");
    assert_eq!(
        last["output"][2]["action"]["command"],
        json!(["bash", "-lc", "ls"])
    );
    assert_ne!(last["output"][0]["call_id"], last["output"][2]["call_id"]);
}
