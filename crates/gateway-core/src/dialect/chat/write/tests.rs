//! Tests of requests for Chat Completions' upstreams.

use serde_json::{Value, json};

use super::*;
use crate::dialect::conversation::{
    Call, CallResult, Function, HostedKind, HostedTool, Item, Part, ReasoningItem, Sampling,
    Source, Text, Tool, ToolChoice,
};
use crate::dialect::effort::{Effort, Reasoning};
use crate::dialect::envelope::Origin;
use crate::dialect::traits::CallIdForm;
use crate::dialect::turns;
use crate::upstream::provider::Provider;

mod files;
mod properties;

fn traits() -> UpstreamTraits {
    let origin = Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    };
    UpstreamTraits::unknown("m", origin)
}

fn written(
    mut conversation: Conversation<'_>,
    traits: &UpstreamTraits,
) -> Result<Value, Untranslatable> {
    let items = std::mem::take(&mut conversation.items);
    let turns = turns::of_items(items, CallIdForm::Plain);
    let body = write(&conversation, &turns, traits)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn messages(items: Vec<Item<'_>>, traits: &UpstreamTraits) -> Result<Value, Untranslatable> {
    let conversation = Conversation {
        items,
        ..Conversation::default()
    };
    written(conversation, traits).map(|mut body| body["messages"].take())
}

fn text(text: &str) -> Part<'_> {
    Part::Text(Text::plain(text))
}

fn image() -> Part<'static> {
    Part::Image {
        source: Source::Base64 {
            media_type: "image/png".into(),
            data: "AAAA".into(),
        },
        detail: Some("low".into()),
    }
}

fn call<'a>(id: &'a str, arguments: &'a str) -> Item<'a> {
    Item::Call(Call {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
    })
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>, is_error: bool) -> Item<'a> {
    Item::Result(CallResult {
        id: id.into(),
        parts,
        is_error,
    })
}

fn user(text_: &str) -> Item<'_> {
    Item::User(vec![text(text_)])
}

#[test]
fn results_come_first_and_their_images_after_them() {
    let items = vec![
        user("u"),
        Item::AssistantText("a".into()),
        call("x", "{\"a\":1}"),
        Item::AssistantText("b".into()),
        call("y", ""),
        call("z", "{"),
        result("y", vec![image()], false),
        result("x", vec![text("1"), text("2"), image()], false),
        result("z", vec![], true),
        user("next"),
    ];
    let url = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}});
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let expected = json!([
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "ab", "tool_calls": [call("x", "{\"a\":1}"), call("y", "{}"), call("z", "{")]},
        {"role": "tool", "tool_call_id": "x", "content": "1\n2"},
        {"role": "tool", "tool_call_id": "y", "content": "[image attached below]"},
        {"role": "tool", "tool_call_id": "z", "content": "Error: "},
        {"role": "user", "content": [url, url, {"type": "text", "text": "next"}]},
    ]);
    assert_eq!(messages(items, &traits()).unwrap(), expected);
}

#[test]
fn an_error_is_said_once() {
    for (said, expected) in [("Error: no", "Error: no"), ("no", "Error: no")] {
        let items = vec![call("x", "{}"), result("x", vec![text(said)], true)];
        let messages = messages(items, &traits()).unwrap();
        assert_eq!(messages[1]["content"], expected);
        // Only calls: no text, and not an empty one.
        assert_eq!(messages[0]["content"], Value::Null);
    }
}

#[test]
fn instructions_are_one_message_and_later_ones_stay_in_their_place() {
    let conversation = || Conversation {
        instructions: vec![Text::plain("1"), Text::plain("2")],
        items: vec![user("u"), Item::System(Text::plain("s")), user("v")],
        ..Conversation::default()
    };
    let body = written(conversation(), &traits()).unwrap();
    let expected = json!([
        {"role": "system", "content": "1\n2"},
        {"role": "user", "content": "u"},
        {"role": "system", "content": "s"},
        {"role": "user", "content": "v"},
    ]);
    assert_eq!(body["messages"], expected);
    let strict = UpstreamTraits {
        has_late_system: false,
        has_developer_role: true,
        ..traits()
    };
    let body = written(conversation(), &strict).unwrap();
    let part = |text: &str| json!({"type": "text", "text": text});
    let reminder = "<system-reminder>\ns\n</system-reminder>";
    let expected = json!([
        {"role": "developer", "content": "1\n2"},
        {"role": "user", "content": [part("u"), part(reminder), part("v")]},
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn reasoning_goes_where_the_upstream_expects_it() {
    let reasoning = |text: &'static str| {
        Item::Reasoning(ReasoningItem {
            text: text.into(),
            state: None,
        })
    };
    let items = || {
        vec![
            user("u"),
            reasoning("1"),
            reasoning("2"),
            Item::AssistantText("a".into()),
            user("v"),
            reasoning("alone"),
            user("w"),
        ]
    };
    let part = |text: &str| json!({"type": "text", "text": text});
    let rest = json!({"role": "user", "content": [part("v"), part("w")]});
    for member in ["reasoning_content", "reasoning", "thinking"] {
        let traits = UpstreamTraits {
            reasoning_member: Some(member),
            ..traits()
        };
        let messages = messages(items(), &traits).unwrap();
        assert_eq!(
            messages[1],
            json!({"role": "assistant", "content": "a", member: "12"})
        );
        assert_eq!(messages[2], rest);
    }
    let messages = messages(items(), &traits()).unwrap();
    assert_eq!(messages[1], json!({"role": "assistant", "content": "a"}));
}

#[test]
fn parts_have_chats_forms_or_are_rejected() {
    let document = |source, name: Option<&'static str>| Part::Document {
        source,
        name: name.map(Into::into),
    };
    let pdf = || Source::Base64 {
        media_type: "application/pdf".into(),
        data: "BBBB".into(),
    };
    let audio = Part::Audio {
        data: "CCCC".into(),
        format: "wav".into(),
    };
    let web = Part::Image {
        source: Source::Url("https://a/b.png".into()),
        detail: None,
    };
    let parts = vec![
        document(pdf(), None),
        document(pdf(), Some("a.pdf")),
        audio,
        web,
    ];
    let file = |name: &str| json!({"type": "file", "file": {"filename": name, "file_data": "data:application/pdf;base64,BBBB"}});
    let expected = json!([
        file("document.pdf"),
        file("a.pdf"),
        {"type": "input_audio", "input_audio": {"data": "CCCC", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
    ]);
    let written = messages(vec![Item::User(parts)], &traits()).unwrap();
    assert_eq!(written[0]["content"], expected);
    let remote = document(Source::Url("https://a/b.pdf".into()), None);
    let error = messages(vec![Item::User(vec![remote])], &traits()).unwrap_err();
    assert_eq!(error.param, "messages");
}

#[test]
fn a_trailing_turn_of_the_assistant_needs_an_upstream_that_continues_it() {
    let items = || vec![user("u"), Item::Refusal("pre".into())];
    let expected = json!({"role": "assistant", "content": "pre"});
    assert_eq!(messages(items(), &traits()).unwrap()[1], expected);
    let strict = UpstreamTraits {
        has_prefill: false,
        ..traits()
    };
    assert_eq!(messages(items(), &strict).unwrap_err().param, "messages");
    // Reasoning alone is no message.
    let reasoning = Item::Reasoning(ReasoningItem {
        text: "hm".into(),
        state: None,
    });
    assert!(messages(vec![user("u"), reasoning], &strict).is_ok());
    // A call of the last turn has a result, so that nothing is continued.
    assert!(messages(vec![user("u"), call("x", "{}")], &strict).is_ok());
}

fn function(name: &'static str, parameters: Option<&'static str>) -> Function<'static> {
    Function {
        name: name.into(),
        description: None,
        parameters: parameters.map(Into::into),
        strict: None,
        cache_control: None,
    }
}

#[test]
fn schemas_get_what_servers_require_and_keep_their_order() {
    const EMPTY: &str = r#"{"type":"object","properties":{}}"#;
    let rows = [
        (None, EMPTY),
        (Some("{}"), EMPTY),
        (Some(r#"{"type":"object"}"#), EMPTY),
        (
            Some(r#"{"type":"object","additionalProperties":false}"#),
            r#"{"type":"object","additionalProperties":false,"properties":{}}"#,
        ),
        (
            Some(
                r#"{"type":"object","properties":{"z":{"type":"string"},"a":{}},"required":["z"]}"#,
            ),
            r#"{"type":"object","properties":{"z":{"type":"string"},"a":{}},"required":["z"]}"#,
        ),
        (
            Some(r#"{"anyOf":[]}"#),
            r#"{"anyOf":[],"type":"object","properties":{}}"#,
        ),
        (Some(r##"{"$ref":"#/x"}"##), r##"{"$ref":"#/x"}"##),
    ];
    for (parameters, expected) in rows {
        let conversation = Conversation {
            tools: vec![Tool::Function(function("f", parameters))],
            ..Conversation::default()
        };
        let body = write(&conversation, &[], &traits()).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(
            body.contains(&format!("\"parameters\":{expected}")),
            "{body}"
        );
    }
    let conversation = Conversation {
        tools: vec![Tool::Function(function("f", Some("7")))],
        ..Conversation::default()
    };
    let error = write(&conversation, &[], &traits()).unwrap_err();
    assert_eq!(error.param, "tools");
}

#[test]
fn tools_and_choices_have_chats_forms() {
    let choice = |choice: ToolChoice<'static>| {
        let described = Function {
            description: Some("d".into()),
            strict: Some(true),
            ..function("g", None)
        };
        let lax = Function {
            strict: Some(false),
            ..function("f", None)
        };
        let conversation = Conversation {
            tools: vec![Tool::Function(lax), Tool::Function(described)],
            tool_choice: Some(choice),
            parallel_calls: Some(false),
            ..Conversation::default()
        };
        written(conversation, &traits()).unwrap()
    };
    let rows = [
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::Required, json!("required")),
        (ToolChoice::None, json!("none")),
        (
            ToolChoice::Function("g".into()),
            json!({"type": "function", "function": {"name": "g"}}),
        ),
    ];
    for (chosen, expected) in rows {
        let body = choice(chosen);
        assert_eq!(body["tool_choice"], expected);
        assert_eq!(body["parallel_tool_calls"], false);
        let parameters = json!({"type": "object", "properties": {}});
        let tools = json!([
            {"type": "function", "function": {"name": "f", "parameters": parameters}},
            {"type": "function", "function":
                {"name": "g", "description": "d", "parameters": parameters, "strict": true}},
        ]);
        assert_eq!(body["tools"], tools);
    }
    let none = Conversation {
        tool_choice: Some(ToolChoice::Auto),
        parallel_calls: Some(true),
        ..Conversation::default()
    };
    assert_eq!(
        written(none, &traits()).unwrap(),
        json!({"model": "m", "messages": []})
    );
}

#[test]
fn a_search_of_the_provider_is_a_member() {
    let raw: &RawValue = serde_json::from_str(
        r#"{"type":"web_search_20250305","user_location":{"type":"approximate","city":"Bern","country":"CH"},"max_uses":3}"#,
    )
    .unwrap();
    let hosted = |kind, declared: &'static str, raw| {
        Tool::Hosted(HostedTool {
            kind,
            declared: declared.into(),
            raw,
        })
    };
    let fetch: &RawValue = serde_json::from_str(r#"{"search_context_size":"low"}"#).unwrap();
    let conversation = Conversation {
        tools: vec![
            hosted(HostedKind::Other, "web_fetch_20250910", fetch),
            hosted(HostedKind::WebSearch, "web_search_20250305", raw),
        ],
        tool_choice: Some(ToolChoice::Hosted("web_search_20250305".into())),
        ..Conversation::default()
    };
    let expected = json!({"model": "m", "messages": [], "web_search_options":
        {"user_location": {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}}});
    assert_eq!(written(conversation, &traits()).unwrap(), expected);
}

/// A request that says everything.
fn full<'a>(schema: &'a RawValue, user: &'a str) -> Conversation<'a> {
    let number = |number: u32| Some(Number::from(number));
    Conversation {
        tools: vec![Tool::Function(function("f", None))],
        parallel_calls: Some(true),
        max_tokens: Some(9),
        stop: vec!["a".into(), "b".into()],
        sampling: Sampling {
            temperature: number(1),
            top_p: number(2),
            top_k: number(3),
            seed: number(4),
            frequency_penalty: number(5),
            presence_penalty: number(6),
        },
        reasoning: Some(Reasoning::of_effort(Effort::Max)),
        format: Some(OutputFormat::Schema {
            name: None,
            schema: Cow::Borrowed(schema),
            strict: None,
        }),
        verbosity: Some("low".into()),
        user: Some(user.into()),
        service_tier: Some("flex".into()),
        stream: true,
        ..Conversation::default()
    }
}

#[test]
fn members_are_written_by_the_traits_of_the_upstream() {
    let schema: &RawValue = serde_json::from_str(r#"{"b":1,"a":2}"#).unwrap();
    let user = "u".repeat(70);
    let full = || full(schema, &user);
    let mut plain = written(full(), &traits()).unwrap();
    plain["tools"].take();
    let expected = json!({
        "model": "m", "messages": [], "tools": null, "parallel_tool_calls": true, "max_tokens": 9, "stop": ["a", "b"],
        "temperature": 1, "top_p": 2, "seed": 4, "frequency_penalty": 5, "presence_penalty": 6,
        "response_format": {"type": "json_schema", "json_schema":
            {"name": "structured_output", "schema": {"b": 1, "a": 2}}},
        "stream": true, "stream_options": {"include_usage": true},
    });
    assert_eq!(plain, expected);
    let rich = UpstreamTraits {
        max_tokens_member: MaxTokensMember::MaxCompletionTokens,
        reasoning: ReasoningForm::Effort,
        max_effort: Effort::Xhigh,
        has_sampling: false,
        has_top_k: true,
        has_parallel_calls: false,
        has_openai_hints: true,
        has_cache_key: true,
        has_stream_options: false,
        ..traits()
    };
    let mut rich = written(full(), &rich).unwrap();
    rich["tools"].take();
    rich["response_format"].take();
    let hash = ids::hashed(&user, &user, 64);
    let expected = json!({
        "model": "m", "messages": [], "tools": null, "max_completion_tokens": 9, "stop": ["a", "b"], "seed": 4,
        "reasoning_effort": "xhigh", "response_format": null, "verbosity": "low", "user": hash,
        "prompt_cache_key": hash, "service_tier": "flex", "stream": true,
    });
    assert_eq!(rich, expected);
    assert!(hash.len() <= 64);
    let longest = "u".repeat(64);
    let kept = UpstreamTraits {
        has_openai_hints: true,
        ..traits()
    };
    let kept = written(self::full(schema, &longest), &kept).unwrap();
    assert_eq!(kept["user"], longest);
    let top_k = UpstreamTraits {
        has_top_k: true,
        ..traits()
    };
    assert_eq!(written(full(), &top_k).unwrap()["top_k"], 3);
}

#[test]
fn more_stop_sequences_than_the_upstream_accepts_are_rejected() {
    let one = UpstreamTraits {
        max_stop_sequences: 1,
        ..traits()
    };
    let conversation = |count: usize| Conversation {
        stop: vec!["a".into(); count],
        format: Some(OutputFormat::JsonObject),
        ..Conversation::default()
    };
    let body = written(conversation(1), &one).unwrap();
    assert_eq!(body["stop"], json!(["a"]));
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert_eq!(written(conversation(2), &one).unwrap_err().param, "stop");
}
