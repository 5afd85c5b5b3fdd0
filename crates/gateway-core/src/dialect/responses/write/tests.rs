//! Requests for Responses' upstreams, from conversations of other dialects.

use serde_json::{Value, json};

use super::*;
use crate::dialect::conversation::{
    Call, CallResult, Function, HostedKind, HostedTool, Item, Part, ReasoningItem, Source, Text,
    Tool, ToolChoice,
};
use crate::dialect::effort::Reasoning;
use crate::dialect::envelope::{Origin, ReasoningState, StateContent};
use crate::dialect::turns;
use crate::upstream::provider::Provider;

fn origin(channel: &str) -> Origin {
    Origin {
        provider: Provider::OpenAi,
        channel: channel.to_owned(),
    }
}

fn traits() -> UpstreamTraits {
    UpstreamTraits {
        reasoning: ReasoningForm::Effort,
        has_openai_hints: true,
        has_developer_role: true,
        ..UpstreamTraits::unknown("up", origin("ch_1"))
    }
}

fn written(
    mut conversation: Conversation<'_>,
    traits: &UpstreamTraits,
) -> Result<Value, Untranslatable> {
    let items = std::mem::take(&mut conversation.items);
    let turns = turns::of_items(items, traits.call_ids);
    let body = write(&conversation, &turns, traits)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn call(id: &str, arguments: &'static str) -> Item<'static> {
    Item::Call(Call {
        id: id.to_owned().into(),
        name: "f".into(),
        arguments: arguments.into(),
    })
}

fn result(id: &str, parts: Vec<Part<'static>>, is_error: bool) -> Item<'static> {
    Item::Result(CallResult {
        id: id.to_owned().into(),
        parts,
        is_error,
    })
}

fn text(text: &'static str) -> Part<'static> {
    Part::Text(Text::plain(text))
}

fn image() -> Part<'static> {
    Part::Image {
        source: Source::Base64 {
            media_type: "image/png".into(),
            data: "AA".into(),
        },
        detail: None,
    }
}

fn reasoning(channel: &str) -> Item<'static> {
    Item::Reasoning(ReasoningItem {
        text: "t".into(),
        state: Some(ReasoningState {
            origin: origin(channel),
            content: StateContent::Encrypted {
                id: "rs_1".to_owned(),
                content: "gAAA".to_owned(),
            },
        }),
    })
}

#[test]
fn items_keep_their_order_and_ids_fit() {
    let long = "x".repeat(94);
    let conversation = Conversation {
        instructions: vec![Text::plain("a"), Text::plain("b")],
        items: vec![
            Item::User(vec![text("hi"), image()]),
            reasoning("ch_1"),
            reasoning("ch_2"),
            Item::AssistantText("first".into()),
            call(&long, ""),
            Item::Refusal("no".into()),
            call("c2", "{\"broken"),
            result(&long, vec![image()], false),
            result("c2", vec![text("bad")], true),
            Item::User(vec![text("go on")]),
            Item::System(Text::plain("late")),
        ],
        ..Conversation::default()
    };
    let body = written(conversation, &traits()).unwrap();
    assert_eq!(body["instructions"], "a\nb");
    let id = ids::call_id(&long);
    assert!(id.len() <= 64);
    let image =
        json!({"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "auto"});
    let said = |part: Value| json!({"type": "message", "role": "assistant", "content": [part]});
    let expected = json!([
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, image]},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA", "summary": [{"type": "summary_text", "text": "t"}]},
        said(json!({"type": "output_text", "text": "first"})),
        {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"},
        said(json!({"type": "refusal", "refusal": "no"})),
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{\"broken"},
        {"type": "function_call_output", "call_id": id, "output": "[image attached below]"},
        {"type": "function_call_output", "call_id": "c2", "output": "Error: bad"},
        {"type": "message", "role": "user", "content": [image, {"type": "input_text", "text": "go on"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "late"}]},
    ]);
    assert_eq!(body["input"], expected);
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(body["model"], "up");
}

#[test]
fn reasoning_of_others_or_without_an_answer_is_left_out() {
    for items in [
        vec![reasoning("ch_2"), Item::AssistantText("a".into())],
        vec![Item::AssistantText("a".into()), reasoning("ch_1")],
    ] {
        let conversation = Conversation {
            items,
            ..Conversation::default()
        };
        let body = written(conversation, &traits()).unwrap().to_string();
        assert!(
            body.contains("output_text") && !body.contains("gAAA"),
            "{body}"
        );
    }
}

#[test]
fn documents_stay_in_results() {
    let document = |source| Part::Document { source, name: None };
    let base64 = Source::Base64 {
        media_type: "application/pdf".into(),
        data: "QQ".into(),
    };
    let parts = vec![
        text("see"),
        document(base64),
        document(Source::Url("https://x".into())),
    ];
    let conversation = Conversation {
        items: vec![call("c", "{}"), result("c", parts, false)],
        ..Conversation::default()
    };
    let body = written(conversation, &traits()).unwrap();
    let expected = json!([
        {"type": "input_text", "text": "see"},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,QQ"},
        {"type": "input_file", "file_url": "https://x"},
    ]);
    assert_eq!(body["input"][1]["output"], expected);
}

#[test]
fn results_have_their_text_beside_their_files() {
    let pdf = || Part::Document {
        source: Source::Url("https://x".into()),
        name: None,
    };
    let file = json!({"type": "input_file", "file_url": "https://x"});
    let rows = [
        (vec![], false, json!("")),
        (vec![], true, json!("Error: ")),
        (vec![text("Error: no")], true, json!("Error: no")),
        (vec![image()], false, json!("[image attached below]")),
        (vec![text("seen"), image()], false, json!("seen")),
        (vec![pdf()], false, json!([file])),
    ];
    for (parts, is_error, expected) in rows {
        let conversation = Conversation {
            items: vec![call("c", "{}"), result("c", parts, is_error)],
            ..Conversation::default()
        };
        let body = written(conversation, &traits()).unwrap();
        assert_eq!(body["input"][1]["output"], expected);
    }
}

#[test]
fn a_setting_is_written_without_those_beside_it() {
    let body = |conversation| written(conversation, &traits()).unwrap();
    let verbose = body(Conversation {
        verbosity: Some("low".into()),
        ..Conversation::default()
    });
    assert_eq!(verbose["text"], json!({"verbosity": "low"}));
    let formatted = body(Conversation {
        format: Some(OutputFormat::JsonObject),
        ..Conversation::default()
    });
    assert_eq!(
        formatted["text"],
        json!({"format": {"type": "json_object"}})
    );
    assert_eq!(body(Conversation::default()).get("text"), None);
    let hidden = Reasoning {
        is_shown: false,
        ..Reasoning::of_effort(Effort::High)
    };
    for (reasoning, expected) in [
        (hidden, json!({"effort": "high"})),
        (
            Reasoning::of_effort(Effort::None),
            json!({"effort": "none"}),
        ),
    ] {
        let body = body(Conversation {
            reasoning: Some(reasoning),
            ..Conversation::default()
        });
        assert_eq!(body["reasoning"], expected);
    }
    let longest = "u".repeat(64);
    let named = body(Conversation {
        user: Some(longest.clone().into()),
        ..Conversation::default()
    });
    assert_eq!(named["user"], longest);
}

#[test]
fn tools_are_flat_and_strict_only_when_that_was_requested() {
    let function = |name: &'static str, parameters: Option<&'static str>, strict| {
        Tool::Function(Function {
            name: name.into(),
            description: Some("d".into()),
            parameters: parameters.map(Into::into),
            strict,
            cache_control: None,
        })
    };
    let raw = r#"{"type":"web_search_20250305","allowed_domains":["x.org"],"user_location":{"type":"approximate","city":"Kiel"},"max_uses":3}"#;
    let tools = || {
        vec![
            function("a", None, None),
            function("b", Some(r#"{"type":"object"}"#), Some(true)),
            function("c", Some(r#"{"z":1,"properties":{},"a":2}"#), Some(false)),
            Tool::Hosted(HostedTool {
                kind: HostedKind::WebSearch,
                declared: "web_search_20250305".into(),
                raw: serde_json::from_str(raw).unwrap(),
            }),
        ]
    };
    let rows = [
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::Required, json!("required")),
        (ToolChoice::None, json!("none")),
        (
            ToolChoice::Function("a".into()),
            json!({"type": "function", "name": "a"}),
        ),
        (
            ToolChoice::Hosted("web_search_20250305".into()),
            json!({"type": "web_search"}),
        ),
    ];
    for (choice, expected) in rows {
        let conversation = Conversation {
            items: vec![Item::User(vec![text("hi")])],
            tools: tools(),
            tool_choice: Some(choice),
            parallel_calls: Some(false),
            ..Conversation::default()
        };
        let turns = Vec::new();
        let bytes = write(&conversation, &turns, &traits()).unwrap();
        // The client's order of members.
        let order = r#"{"z":1,"properties":{},"a":2,"type":"object"}"#;
        assert!(String::from_utf8(bytes).unwrap().contains(order));
        let body = written(conversation, &traits()).unwrap();
        assert_eq!(body["tool_choice"], expected);
        assert_eq!(body["parallel_tool_calls"], false);
        let empty = json!({"type": "object", "properties": {}});
        let function = |name: &str, parameters: &Value, strict: bool| json!({"type": "function", "name": name, "description": "d", "parameters": parameters, "strict": strict});
        let expected = json!([
            function("a", &empty, false),
            function("b", &empty, true),
            function("c", &json!({"z": 1, "properties": {}, "a": 2, "type": "object"}), false),
            {"type": "web_search", "filters": {"allowed_domains": ["x.org"]}, "user_location": {"type": "approximate", "city": "Kiel"}},
        ]);
        assert_eq!(body["tools"], expected);
    }
}

#[test]
fn settings_have_their_names_and_bounds() {
    let schema = serde_json::from_str(r#"{"type":"object"}"#).unwrap();
    let conversation = || Conversation {
        instructions: vec![Text::plain("only")],
        max_tokens: Some(1),
        sampling: crate::dialect::conversation::Sampling {
            temperature: serde_json::Number::from_f64(0.5),
            top_k: Some(5.into()),
            ..Default::default()
        },
        reasoning: Some(Reasoning::of_effort(Effort::Max)),
        format: Some(OutputFormat::Schema {
            name: None,
            schema: Cow::Borrowed(schema),
            strict: None,
        }),
        verbosity: Some("low".into()),
        user: Some("u".repeat(100).into()),
        cache_key: Some("k".into()),
        stream: true,
        ..Conversation::default()
    };
    let body = written(conversation(), &traits()).unwrap();
    let user = body["user"].as_str().unwrap().to_owned();
    assert_eq!(user.len(), 64);
    let expected = json!({
        "model": "up", "max_output_tokens": 16, "temperature": 0.5, "stream": true, "store": false,
        "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "structured_output", "schema": {"type": "object"}}, "verbosity": "low"},
        "user": user, "prompt_cache_key": "k",
        "input": [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "only"}]}],
    });
    assert_eq!(body, expected);
    let plain = UpstreamTraits {
        has_sampling: false,
        ..UpstreamTraits::unknown("up", origin("ch_1"))
    };
    let body = written(conversation(), &plain).unwrap();
    for name in [
        "reasoning",
        "include",
        "temperature",
        "user",
        "prompt_cache_key",
    ] {
        assert_eq!(body.get(name), None, "{name}");
    }
    assert_eq!(body["input"][0]["role"], "system");
}

#[test]
fn what_has_no_equivalent_is_rejected() {
    let audio = Part::Audio {
        data: "AA".into(),
        format: "wav".into(),
    };
    let user = |part| Conversation {
        items: vec![Item::User(vec![part])],
        ..Conversation::default()
    };
    let error = written(user(audio), &traits()).unwrap_err();
    assert!(error.message.contains("Audio"));
    let stop = Conversation {
        stop: vec!["x".into()],
        ..user(text("hi"))
    };
    let error = written(stop, &traits()).unwrap_err();
    assert_eq!(error.param, "stop");
    assert!(error.message.contains("stop_sequences"));
    let prefill = || Conversation {
        items: vec![Item::AssistantText("so".into())],
        ..Conversation::default()
    };
    let without = UpstreamTraits {
        has_prefill: false,
        ..traits()
    };
    assert!(written(prefill(), &without).is_err());
    assert!(written(prefill(), &traits()).is_ok());
}
