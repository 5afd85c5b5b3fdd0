//! Requests as Codex and OpenAI's SDKs send them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::conversation::{HostedKind, Item, Part, Tool, ToolChoice};
use crate::dialect::envelope::{Origin, ReasoningState, StateContent};
use crate::dialect::registry::DeclaredKind;
use crate::dialect::traits::CallIdForm;
use crate::dialect::turns::{self, Turn};
use crate::upstream::provider::Provider;

mod forms;

/// A conversation in short: a line for each item.
fn lines(conversation: &Conversation<'_>) -> Vec<String> {
    let parts = |parts: &[Part<'_>]| {
        let parts = parts.iter().map(|part| match part {
            Part::Text(text) => text.text.clone().into_owned(),
            Part::Image { source, .. } => format!("image {}", source.url()),
            Part::Document { source, name } => format!("file {name:?} {}", source.url()),
            Part::Audio { format, .. } => format!("audio {format}"),
        });
        parts.collect::<Vec<_>>().join("+")
    };
    let items = conversation.items.iter().map(|item| match item {
        Item::System(text) => format!("system {}", text.text),
        Item::User(list) => format!("user {}", parts(list)),
        Item::AssistantText(text) => format!("assistant {text}"),
        Item::Refusal(text) => format!("refusal {text}"),
        Item::Reasoning(item) => format!("reasoning {} {}", item.text, item.state.is_some()),
        Item::Call(call) => format!("call {} {} {}", call.id, call.name, call.arguments),
        Item::Result(result) => {
            let failed = if result.is_error { " failed" } else { "" };
            format!("result {} {}{failed}", result.id, parts(&result.parts))
        }
    });
    items.collect()
}

fn with<T>(
    body: &serde_json::Value,
    look: impl FnOnce(Result<Conversation<'_>, Untranslatable>) -> T,
) -> T {
    look(read(body.to_string().as_bytes(), &EnvelopeKey::default()))
}

fn input(items: &serde_json::Value) -> Vec<String> {
    with(&json!({"input": items}), |read| lines(&read.unwrap()))
}

#[test]
fn items_become_the_conversation() {
    let state = ReasoningState {
        origin: Origin {
            provider: Provider::Anthropic,
            channel: "c".to_owned(),
        },
        content: StateContent::Redacted {
            data: "d".to_owned(),
        },
    };
    let envelope = EnvelopeKey::default().seal(&state);
    let rows = [
        (json!("hi"), vec!["user hi"]),
        (json!([{"role": "user", "content": "hi"}]), vec!["user hi"]),
        (
            json!([{"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "a"}, {"type": "input_text", "text": ""},
                {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
                {"type": "input_file", "filename": "a.txt", "file_data": "QQ=="},
                {"type": "input_file", "file_url": "https://x"},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ]}]),
            vec![
                "user a+image data:image/png;base64,AA+file Some(\"a.txt\") data:text/plain;base64,QQ==+file None https://x+audio wav",
            ],
        ),
        (
            json!([{"role": "user", "content": []}, {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}, {"role": "developer", "content": "late"}]),
            vec!["assistant a", "refusal no", "system late"],
        ),
        (
            json!([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":", "id": "fc_1"}, {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": "https://i"}]}]),
            vec!["call c f {\"a\":", "result c x+image https://i"],
        ),
        (
            json!([{"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "a\n\"b\""}, {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"}]),
            vec!["call c p {\"input\":\"a\\n\\\"b\\\"\"}", "result c ok"],
        ),
        (
            json!([{"type": "local_shell_call", "id": "lsh", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}, {"type": "local_shell_call_output", "id": "lsh", "output": "o"}]),
            vec![
                "call c local_shell {\"command\":[\"ls\"],\"type\":\"exec\"}",
                "result c o",
            ],
        ),
        (
            json!([{"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "o", "stderr": "e", "outcome": {"type": "exit", "exit_code": 2}}, {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}}]}]),
            vec![
                "call c shell {\"commands\":[\"ls\"]}",
                "result c o\ne\nExit code: 2\nTimed out",
            ],
        ),
        (
            json!([{"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}}, {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no"}]),
            vec![
                "call c apply_patch {\"path\":\"a\",\"type\":\"delete_file\"}",
                "result c no failed",
            ],
        ),
        (
            json!([{"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}], "encrypted_content": "gAAA"}, {"type": "reasoning", "summary": [], "encrypted_content": envelope}, {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "content": [{"type": "reasoning_text", "text": "raw"}]}, {"type": "reasoning", "summary": []}]),
            vec![
                "reasoning a\n\nb false",
                "reasoning  true",
                "reasoning raw false",
            ],
        ),
        (
            json!([{"type": "web_search_call", "id": "ws"}, {"type": "mcp_call", "name": "m"}, {"type": "image_generation_call"}, {"type": "unheard_of"}]),
            vec![],
        ),
    ];
    for (items, expected) in rows {
        assert_eq!(input(&items), expected, "{items}");
    }
}

#[test]
fn codex_has_its_tools_in_an_item() {
    let grammar = "start: \"```\"";
    let body = json!({"tools": [], "tool_choice": "auto", "input": [
        {"type": "additional_tools", "role": "developer", "tools": [
            {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "apply_patch", "description": "Patches.", "format": {"type": "grammar", "syntax": "lark", "definition": grammar}}]},
            {"type": "namespace", "name": "mcp__docs", "tools": [{"type": "function", "name": "search", "parameters": {"type": "object"}, "strict": true, "defer_loading": true}]},
            {"type": "tool_search"}, {"type": "local_shell"}, {"type": "shell"}, {"type": "apply_patch"},
            {"type": "shell", "environment": {"type": "container_auto"}}, {"type": "web_search"}, {"type": "new_kind"},
            {"type": "function", "function": {"name": "nested"}},
        ]},
        {"role": "developer", "content": "be brief"},
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "namespace": "functions", "input": "x"},
        {"type": "function_call", "call_id": "d", "name": "search", "namespace": "mcp__docs", "arguments": "{}"},
        {"type": "function_call", "call_id": "e", "name": "mcp__docs__search", "arguments": "{}"},
    ]});
    with(&body, |read| {
        let conversation = read.unwrap();
        assert_eq!(
            lines(&conversation),
            [
                "call c apply_patch {\"input\":\"x\"}",
                "call d mcp__docs__search {}",
                "call e mcp__docs__search {}"
            ]
        );
        assert_eq!(conversation.instructions[0].text, "be brief");
        let names: Vec<&str> = conversation
            .tools
            .iter()
            .map(|tool| match tool {
                Tool::Function(function) => &*function.name,
                Tool::Hosted(hosted) => &*hosted.declared,
            })
            .collect();
        assert_eq!(
            names[..4],
            ["apply_patch", "mcp__docs__search", "local_shell", "shell"]
        );
        assert!(names[4].starts_with("apply_patch_"));
        assert_eq!(names[5..], ["shell", "web_search", "new_kind", "nested"]);
        let kinds: Vec<HostedKind> = conversation
            .tools
            .iter()
            .filter_map(|tool| match tool {
                Tool::Hosted(hosted) => Some(hosted.kind),
                Tool::Function(_) => None,
            })
            .collect();
        assert_eq!(
            kinds,
            [HostedKind::Other, HostedKind::WebSearch, HostedKind::Other]
        );
        let Tool::Function(custom) = &conversation.tools[0] else {
            panic!()
        };
        assert_eq!(
            custom.description.as_deref(),
            Some("Patches.\n\n`input` must match this grammar:\n````lark\nstart: \"```\"\n````")
        );
        assert_eq!(
            custom.parameters.as_deref(),
            Some(crate::dialect::custom_input::SCHEMA)
        );
        let declared = conversation.registry.declared("apply_patch").unwrap();
        assert_eq!(
            (declared.kind, declared.namespace.as_deref()),
            (DeclaredKind::Custom, Some("functions"))
        );
        let Tool::Function(function) = &conversation.tools[1] else {
            panic!()
        };
        assert_eq!(
            (function.parameters.as_deref(), function.strict),
            (Some("{\"type\":\"object\"}"), Some(true))
        );
    });
}

#[test]
fn every_form_of_choice_is_read() {
    let tools = json!([{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}, {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]}, {"type": "web_search"}, {"type": "shell"}]);
    let function = |name: &'static str| ToolChoice::Function(name.into());
    let rows = [
        (json!("auto"), ToolChoice::Auto, 5),
        (json!("required"), ToolChoice::Required, 5),
        (json!("none"), ToolChoice::None, 5),
        (json!({"type": "function", "name": "f"}), function("f"), 5),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            function("f"),
            5,
        ),
        (
            json!({"type": "function", "name": "g"}),
            function("n__g"),
            5,
        ),
        (json!({"type": "custom", "name": "c"}), function("c"), 5),
        (json!({"type": "shell"}), function("shell"), 5),
        (
            json!({"type": "web_search_preview"}),
            ToolChoice::Hosted("web_search".into()),
            5,
        ),
        (
            json!({"type": "file_search"}),
            ToolChoice::Hosted("file_search".into()),
            5,
        ),
        (
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}, {"type": "web_search"}]}),
            ToolChoice::Required,
            2,
        ),
        (
            json!({"type": "allowed_tools", "mode": "auto", "tools": []}),
            ToolChoice::Auto,
            0,
        ),
    ];
    for (choice, expected, count) in rows {
        let body = json!({"input": "x", "tools": tools, "tool_choice": choice});
        with(&body, |read| {
            let conversation = read.unwrap();
            assert_eq!(conversation.tool_choice, Some(expected), "{choice}");
            assert_eq!(conversation.tools.len(), count, "{choice}");
        });
    }
}

#[test]
fn settings_are_read_and_the_rest_is_left_out() {
    let body = json!({"model": "m", "input": "x", "instructions": "i", "max_output_tokens": 9, "temperature": 0.5, "top_p": 1,
        "reasoning": {"effort": "high", "summary": "auto"}, "parallel_tool_calls": false, "user": "u", "service_tier": "flex",
        "prompt_cache_key": "k", "stop": "s", "stream": true, "background": false, "previous_response_id": null,
        "store": true, "include": [], "client_metadata": {}, "truncation": "auto", "metadata": {"a": "b"}, "new": {"x": 1},
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}}});
    with(&body, |read| {
        let read = read.unwrap();
        assert_eq!(read.instructions[0].text, "i");
        assert_eq!(
            (read.max_tokens, read.parallel_calls, read.stream),
            (Some(9), Some(false), true)
        );
        assert_eq!(
            read.sampling
                .temperature
                .map(|number| number.to_string())
                .as_deref(),
            Some("0.5")
        );
        assert_eq!(read.reasoning, Some(Reasoning::of_effort(Effort::High)));
        let names = [
            &read.user,
            &read.service_tier,
            &read.cache_key,
            &read.verbosity,
        ]
        .map(|name| name.as_deref());
        assert_eq!(names, [Some("u"), Some("flex"), Some("k"), Some("low")]);
        assert_eq!(read.stop, ["s"]);
        assert!(
            matches!(read.format, Some(OutputFormat::Schema { name: Some(name), strict: Some(true), .. }) if name == "n")
        );
    });
}

#[test]
fn what_cannot_be_translated_is_named() {
    let item = |item: serde_json::Value| json!({"input": [item]});
    let rows = [
        (
            json!({"input": "x", "previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (
            json!({"input": "x", "conversation": {"id": "c"}}),
            "conversation",
        ),
        (json!({"input": "x", "background": true}), "background"),
        (json!({"input": "x", "temperature": "hot"}), "temperature"),
        (
            json!({"input": "x", "text": {"format": {"type": "json_schema"}}}),
            "text.format.schema",
        ),
        (
            json!({"input": "x", "tools": [{"type": "function"}]}),
            "tools[0].name",
        ),
        (json!({"input": 7}), "input"),
        (json!({}), "input"),
        (
            item(json!({"type": "item_reference", "id": "msg_1"})),
            "input[0]",
        ),
        (
            item(json!({"type": "compaction", "encrypted_content": "x"})),
            "input[0]",
        ),
        (item(json!({"content": "x"})), "input[0]"),
        (
            item(json!({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]})),
            "input[0].content[0].file_id",
        ),
        (
            item(json!({"role": "user", "content": 7})),
            "input[0].content",
        ),
        (
            item(json!({"role": "robot", "content": "x"})),
            "input[0].role",
        ),
        (
            item(json!({"type": "function_call_output", "output": "x"})),
            "input[0].id",
        ),
    ];
    for (body, param) in rows {
        with(&body, |read| {
            assert_eq!(read.unwrap_err().param, param, "{body}");
        });
    }
}

#[test]
fn calls_with_text_between_them_and_their_results_are_one_turn() {
    let body = json!({"input": [
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "working"},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
    ]});
    with(&body, |read| {
        let turns = turns::of_items(read.unwrap().items, CallIdForm::Plain);
        let [Turn::Assistant(items), Turn::User { results, .. }] = &turns[..] else {
            panic!("{turns:?}")
        };
        assert_eq!(items.len(), 3);
        let results: Vec<_> = results.iter().map(|result| result.text()).collect();
        assert_eq!(results, ["1", "2"]);
    });
}

#[test]
fn a_response_repeats_its_request_on_one_line() {
    let echoed = echo(
        b"{\"instructions\": \"a\\nb\", \"tools\": [\r\n{\"type\":\"custom\"}\n], \"top_p\": null}",
    );
    assert!(!echoed.contains(['\n', '\r']) && echoed.ends_with(','));
    let object: serde_json::Value =
        serde_json::from_str(&format!("{{{}}}", echoed.trim_end_matches(','))).unwrap();
    assert_eq!(object["instructions"], "a\nb");
    assert_eq!(object["tools"], json!([{"type": "custom"}]));
    let defaults = [
        ("tool_choice", json!("auto")),
        ("top_p", json!(1.0)),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
    ];
    for (name, value) in defaults {
        assert_eq!(object[name], value, "{name}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(kind in "(message|function_call|reasoning|custom_tool_call|local_shell_call|shell_call_output|additional_tools)", value in "(7|\"x\"|\\[\\]|\\{\\}|null|\\[\\{\"type\":\"input_text\",\"text\":\"\"\\}\\])") {
        let body = format!(r#"{{"input":[{{"type":"{kind}","role":"user","content":{value},"call_id":{value},"name":{value},"action":{value},"output":{value},"summary":{value},"tools":{value}}}],"tools":{value},"tool_choice":{value},"text":{value},"reasoning":{value}}}"#);
        let _ = read(body.as_bytes(), &EnvelopeKey::default());
        let _ = read(value.as_bytes(), &EnvelopeKey::default());
        serde_json::from_str::<serde_json::Value>(&format!("{{{}}}", echo(body.as_bytes()).trim_end_matches(','))).unwrap();
    }
}
