//! Requests of Messages clients.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::conversation::{HostedKind, Item, Part, Tool, ToolChoice};
use crate::dialect::envelope::{Origin, ReasoningState, StateContent};
use crate::upstream::provider::Provider;

mod blocks;

fn body(mut request: Value) -> Vec<u8> {
    let object = request.as_object_mut().unwrap();
    object.entry("messages").or_insert(json!([]));
    serde_json::to_vec(&request).unwrap()
}

fn with<R>(request: Value, check: impl FnOnce(Conversation<'_>) -> R) -> R {
    let body = body(request);
    check(read(&body, &EnvelopeKey::default()).unwrap())
}

/// The member that an error names.
fn refused(request: Value) -> String {
    let body = body(request);
    let error = read(&body, &EnvelopeKey::default()).unwrap_err();
    error.param.into_owned()
}

fn shown_part(part: &Part<'_>) -> String {
    match part {
        Part::Text(text) => text.text.to_string(),
        Part::Image { source, .. } => format!("image({})", source.url()),
        Part::Document { source, name } => {
            format!(
                "document({},{})",
                source.url(),
                name.as_deref().unwrap_or("-")
            )
        }
        Part::Audio { .. } => "audio".to_owned(),
    }
}

fn shown_parts(parts: &[Part<'_>]) -> String {
    parts.iter().map(shown_part).collect::<Vec<_>>().join("|")
}

fn shown_item(item: &Item<'_>) -> String {
    match item {
        Item::System(text) => format!("system {}", text.text),
        Item::User(parts) => format!("user {}", shown_parts(parts)),
        Item::AssistantText(text) => format!("said {text}"),
        Item::Refusal(text) => format!("refused {text}"),
        Item::Reasoning(it) => format!("thought {} {}", it.text, it.state.is_some()),
        Item::Call(it) => format!("call {} {} {}", it.id, it.name, it.arguments),
        Item::Result(it) => {
            let mark = if it.is_error { "!" } else { "" };
            format!("result{mark} {} {}", it.id, shown_parts(&it.parts))
        }
    }
}

fn items(messages: &Value) -> Vec<String> {
    with(json!({"messages": messages}), |conversation| {
        conversation.items.iter().map(shown_item).collect()
    })
}

fn user(content: &Value) -> Vec<String> {
    items(&json!([{"role": "user", "content": content}]))
}

fn assistant(content: &Value) -> Vec<String> {
    items(&json!([{"role": "assistant", "content": content}]))
}

#[test]
fn the_system_prompt_loses_the_billing_header_only() {
    let rows = [
        (json!("Be brief."), vec!["Be brief."]),
        (json!(null), vec![]),
        (json!(""), vec![]),
        (
            json!([{"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"},
                   {"type": "text", "text": "A"}, {"type": "text", "text": ""}, {"type": "text", "text": "B"}]),
            vec!["A", "B"],
        ),
    ];
    for (system, expected) in rows {
        with(json!({"system": system}), |conversation| {
            let texts: Vec<_> = conversation
                .instructions
                .iter()
                .map(|it| &*it.text)
                .collect();
            assert_eq!(texts, expected);
        });
    }
    with(
        json!({"system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}]}),
        |conversation| {
            let mark = conversation.instructions[0].cache_control.unwrap();
            assert_eq!(mark.get(), r#"{"type":"ephemeral"}"#);
        },
    );
    assert_eq!(refused(json!({"system": 7})), "system");
}

#[test]
fn system_messages_stay_in_place_but_for_leading_ones() {
    let request = json!({"system": "A", "messages": [
        {"role": "system", "content": "B"}, {"role": "user", "content": "hi"},
        {"role": "system", "content": [{"type": "text", "text": "C"}]}]});
    with(request, |conversation| {
        assert_eq!(conversation.instructions.len(), 2);
        let items: Vec<_> = conversation.items.iter().map(shown_item).collect();
        assert_eq!(items, ["user hi", "system C"]);
    });
}

#[test]
fn tools_are_functions_hosted_or_refused() {
    let request = json!({"tools": [
        {"name": "f", "description": "D", "input_schema": {"type": "object", "properties": {"z": {}, "a": {}}}},
        {"type": "custom", "name": "g g", "strict": true},
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "web_fetch_20250910", "name": "web_fetch"}]});
    let body = br#"{"messages":[],"tools":[{"name":"f","input_schema":{"z":1,"a":2}}]}"#;
    let conversation = read(body, &EnvelopeKey::default()).unwrap();
    assert!(
        matches!(&conversation.tools[0], Tool::Function(it) if it.parameters.as_deref() == Some(r#"{"z":1,"a":2}"#))
    );
    with(request, |conversation| {
        let shown = conversation.tools.iter().map(|tool| match tool {
            Tool::Function(it) => (it.name.to_string(), it.strict, None),
            Tool::Hosted(it) => (it.declared.to_string(), None, Some(it.kind)),
        });
        let shown: Vec<_> = shown.collect();
        assert_eq!(shown[0], ("f".to_owned(), None, None));
        assert_ne!(shown[1].0, "g g");
        assert_eq!(conversation.registry.client_name(&shown[1].0), "g g");
        assert_eq!(shown[1].1, Some(true));
        let search = (
            "web_search_20250305".to_owned(),
            None,
            Some(HostedKind::WebSearch),
        );
        assert_eq!(shown[2], search);
        assert_eq!(shown[3].2, Some(HostedKind::Other));
    });
    for kind in [
        "bash_20250124",
        "text_editor_20250728",
        "computer_20250124",
        "memory_20250818",
    ] {
        let tools = json!([{"name": "f", "input_schema": {}}, {"type": kind, "name": "x"}]);
        assert_eq!(refused(json!({"tools": tools})), "tools[1]", "{kind}");
    }
    assert_eq!(
        refused(json!({"tools": [{"input_schema": {}}]})),
        "tools[0]"
    );
}

#[test]
fn calls_of_the_history_have_the_names_of_the_declarations() {
    let request = json!({"tools": [{"name": "a.b", "input_schema": {}}],
        "tool_choice": {"type": "tool", "name": "a.b"},
        "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "a.b", "input": {}}]}]});
    with(request, |conversation| {
        let (Tool::Function(function), Item::Call(call)) =
            (&conversation.tools[0], &conversation.items[0])
        else {
            panic!("{conversation:?}");
        };
        assert_eq!(function.name, call.name);
        let choice = ToolChoice::Function(function.name.clone());
        assert_eq!(conversation.tool_choice, Some(choice));
    });
}

#[test]
fn the_choice_of_tools_is_kept() {
    let rows = [
        (json!({"type": "auto"}), Some(ToolChoice::Auto), None),
        (
            json!({"type": "any", "disable_parallel_tool_use": true}),
            Some(ToolChoice::Required),
            Some(false),
        ),
        (
            json!({"type": "none", "disable_parallel_tool_use": false}),
            Some(ToolChoice::None),
            Some(true),
        ),
        (
            json!({"type": "tool", "name": "f"}),
            Some(ToolChoice::Function("f".into())),
            None,
        ),
        // Case 15.
        (
            json!({"type": "tool", "name": "web_search"}),
            Some(ToolChoice::Hosted("web_search_20250305".into())),
            None,
        ),
        (json!(null), None, None),
    ];
    for (choice, expected, parallel) in rows {
        let request = json!({"tool_choice": choice, "tools": [{"type": "web_search_20250305", "name": "web_search"}]});
        with(request, |conversation| {
            assert_eq!(conversation.tool_choice, expected);
            assert_eq!(conversation.parallel_calls, parallel);
        });
    }
    assert_eq!(
        refused(json!({"tool_choice": {"type": "some"}})),
        "tool_choice"
    );
}

#[test]
fn thinking_becomes_effort_and_budget() {
    let rows = [
        (json!({}), None),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 5000}}),
            Some((Effort::High, Some(5000), true)),
        ),
        (
            json!({"thinking": {"type": "adaptive"}}),
            Some((Effort::High, None, true)),
        ),
        (
            json!({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}}),
            Some((Effort::Low, None, false)),
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "auto"}}),
            Some((Effort::High, None, true)),
        ),
        (
            json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
            Some((Effort::None, None, true)),
        ),
        (
            json!({"output_config": {"effort": "max"}}),
            Some((Effort::Max, None, true)),
        ),
    ];
    for (request, expected) in rows {
        with(request.clone(), |conversation| {
            let reasoning = conversation.reasoning;
            let seen = reasoning.map(|it| (it.effort, it.budget_tokens, it.is_shown));
            assert_eq!(seen, expected, "{request}");
        });
    }
}

#[test]
fn settings_are_kept_and_hints_are_dropped() {
    let request = json!({"max_tokens": 9, "stop_sequences": ["a", "b"], "temperature": 0.5, "top_p": 1, "top_k": 40,
        "metadata": {"user_id": "u"}, "stream": true, "service_tier": "auto", "unknown_field": {"x": 1},
        "context_management": {"edits": []}, "mcp_servers": [], "container": null,
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}});
    with(request, |conversation| {
        assert_eq!(conversation.max_tokens, Some(9));
        assert_eq!(conversation.stop, ["a", "b"]);
        assert_eq!(conversation.sampling.temperature, Number::from_f64(0.5));
        assert_eq!(conversation.sampling.top_p, Some(1.into()));
        assert_eq!(conversation.sampling.top_k, Some(40.into()));
        assert_eq!(conversation.user.as_deref(), Some("u"));
        assert_eq!(conversation.cache_key.as_deref(), Some("u"));
        assert!(conversation.stream);
        assert_eq!(conversation.dropped, ["context_management"]);
        let Some(OutputFormat::Schema { schema, .. }) = conversation.format else {
            panic!();
        };
        assert_eq!(schema.get(), r#"{"type":"object"}"#);
    });
    with(
        json!({"output_format": {"type": "json_schema", "schema": {}}}),
        |conversation| assert!(conversation.format.is_some()),
    );
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let user = |block: Value| json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}, block]}]});
    let file = json!({"type": "file", "file_id": "f"});
    let rows = [
        (json!({"mcp_servers": [{}]}), "mcp_servers"),
        (json!({"container": "c"}), "container"),
        (json!({"output_format": {"type": "other"}}), "output_format"),
        (json!({"max_tokens": "9"}), "max_tokens"),
        (json!({"stop_sequences": "x"}), "stop_sequences"),
        (json!({"messages": {}}), "messages"),
        (json!({"messages": [7]}), "messages[0]"),
        (
            json!({"messages": [{"role": "robot", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[0].content",
        ),
        (
            user(json!({"type": "image", "source": file})),
            "messages[1].content[1].source",
        ),
        (
            user(json!({"type": "document", "source": file})),
            "messages[1].content[1].source",
        ),
        (
            user(json!({"type": "container_upload", "file_id": "f"})),
            "messages[1].content[1]",
        ),
        (
            user(json!({"type": "text", "text": 7})),
            "messages[1].content[1]",
        ),
        (
            user(json!({"type": "tool_result", "content": [{"type": "image", "source": file}]})),
            "messages[1].content[1].content[0].source",
        ),
    ];
    for (request, param) in rows {
        assert_eq!(refused(request.clone()), param, "{request}");
    }
}

/// Any JSON, with members that the reader acts on.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "text",
            "user",
            "assistant",
            "system",
            "tool_use",
            "tool_result",
            "image",
            "document",
            "base64",
            "url",
            "content",
            "thinking",
            "json_schema",
            "object",
            "web_search_20250305",
            "{}",
            "{\"a\":",
            "x y",
            "server_tool_use",
            "web_search_tool_result",
            "search_result",
            "enabled",
            "tool",
            "input_json_delta",
        ])
        .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "type",
        "role",
        "content",
        "text",
        "source",
        "messages",
        "system",
        "tools",
        "name",
        "id",
        "input",
        "tool_use_id",
        "thinking",
        "signature",
        "data",
        "url",
        "tool_choice",
        "output_config",
        "format",
        "schema",
        "properties",
        "budget_tokens",
        "title",
        "usage",
        "input_tokens",
        "index",
        "delta",
        "partial_json",
        "content_block",
        "message",
        "stop_reason",
        "citations",
        "citation",
    ]);
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..7)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_request_is_read_or_refused(content in any_json(), system in any_json(), tools in any_json()) {
        for role in ["user", "assistant", "system"] {
            let request = json!({"messages": [{"role": role, "content": [content]}], "system": system, "tools": [tools]});
            let body = serde_json::to_vec(&request).unwrap();
            let once = format!("{:?}", read(&body, &EnvelopeKey::default()));
            prop_assert_eq!(once, format!("{:?}", read(&body, &EnvelopeKey::default())));
        }
    }
}
