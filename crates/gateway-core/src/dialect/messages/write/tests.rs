//! Requests for Messages upstreams. What Messages itself can say goes in through its own reader; the rest is made by hand.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::conversation::{
    Call, CallResult, Function, HostedKind, HostedTool, Item, Part, ReasoningItem, Source, Tool,
    ToolChoice,
};
use crate::dialect::effort::{Effort, Reasoning};
use crate::dialect::envelope::{EnvelopeKey, Origin, ReasoningState, StateContent};
use crate::dialect::messages::read::{self, tests::any_json};
use crate::dialect::traits::ReasoningForm;
use crate::dialect::turns;
use crate::upstream::provider::Provider;

mod reasoning;

mod turned;

fn origin(provider: Provider) -> Origin {
    Origin {
        provider,
        channel: "c".to_owned(),
    }
}

fn traits(reasoning: ReasoningForm) -> UpstreamTraits {
    UpstreamTraits {
        reasoning,
        ..UpstreamTraits::unknown("claude", origin(Provider::Anthropic))
    }
}

fn written_for(
    mut conversation: Conversation<'_>,
    traits: &UpstreamTraits,
) -> Result<Value, Untranslatable> {
    let items = std::mem::take(&mut conversation.items);
    let turns = turns::of_items(items, traits.call_ids);
    let body = write(&conversation, &turns, traits)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn written(conversation: Conversation<'_>) -> Value {
    written_for(conversation, &traits(ReasoningForm::Absent)).unwrap()
}

fn written_messages(items: Vec<Item<'_>>) -> Value {
    let conversation = Conversation {
        items,
        ..Conversation::default()
    };
    written(conversation)["messages"].take()
}

fn user(text: &str) -> Item<'_> {
    Item::User(vec![Part::Text(Text::plain(text))])
}

fn said(text: &str) -> Item<'_> {
    Item::AssistantText(text.into())
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

fn part(text: &str) -> Part<'_> {
    Part::Text(Text::plain(text))
}

fn base64<'a>(media_type: &'a str, data: &'a str) -> Source<'a> {
    Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    }
}

fn thought(provider: Provider, content: StateContent) -> Item<'static> {
    Item::Reasoning(ReasoningItem {
        text: "shown".into(),
        state: Some(ReasoningState {
            origin: origin(provider),
            content,
        }),
    })
}

fn signed() -> StateContent {
    StateContent::Signed {
        thinking: "hm".to_owned(),
        signature: "S".to_owned(),
    }
}

fn function(name: &'static str, parameters: Option<&'static str>) -> Tool<'static> {
    Tool::Function(Function {
        name: name.into(),
        description: None,
        parameters: parameters.map(Into::into),
        strict: Some(true),
        cache_control: None,
    })
}

#[test]
fn the_core_of_a_request_comes_back_as_it_was() {
    let request = json!({
        "model": "claude", "max_tokens": 10, "stream": true,
        "system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "f", "description": "D", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "stop_sequences": ["x"], "temperature": 0.5, "top_k": 3, "metadata": {"user_id": "u"},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}, "title": "T"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": [{"type": "text", "text": "e"}]},
                {"type": "text", "text": "next"}]}]
    });
    let body = serde_json::to_vec(&request).unwrap();
    let conversation = read::read(&body, &EnvelopeKey::default()).unwrap();
    assert_eq!(written(conversation), request);
}

#[test]
fn instructions_are_joined_and_json_is_asked_for_in_words() {
    let with = |texts: &[&'static str], format| {
        written(Conversation {
            instructions: texts.iter().map(|text| Text::plain(*text)).collect(),
            format,
            ..Conversation::default()
        })["system"]
            .take()
    };
    assert_eq!(with(&["a", " ", "b"], None), "a\nb");
    assert_eq!(with(&[], None), Value::Null);
    assert_eq!(
        with(&["a"], Some(OutputFormat::JsonObject)),
        format!("a\n{JSON_INSTRUCTION}")
    );
    assert_eq!(with(&[], Some(OutputFormat::JsonObject)), JSON_INSTRUCTION);
}

#[test]
fn sampling_is_what_anthropic_takes() {
    let with =
        |temperature: Option<f64>, top_p: Option<f64>, reasoning, traits: &UpstreamTraits| {
            let number = |value: Option<f64>| value.and_then(Number::from_f64);
            let body = written_for(
                Conversation {
                    sampling: Sampling {
                        temperature: number(temperature),
                        top_p: number(top_p),
                        top_k: Some(5.into()),
                        ..Sampling::default()
                    },
                    reasoning,
                    max_tokens: Some(9000),
                    ..Conversation::default()
                },
                traits,
            )
            .unwrap();
            json!([body["temperature"], body["top_p"], body["top_k"]])
        };
    let budget = traits(ReasoningForm::Budget);
    assert_eq!(with(Some(1.7), None, None, &budget), json!([1, null, 5]));
    assert_eq!(
        with(Some(0.3), Some(0.9), None, &budget),
        json!([0.3, null, 5])
    );
    assert_eq!(with(None, Some(0.9), None, &budget), json!([null, 0.9, 5]));
    let high = Some(Reasoning::of_effort(Effort::High));
    assert_eq!(
        with(Some(0.3), Some(0.9), high, &budget),
        json!([null, null, null])
    );
    let fixed = UpstreamTraits {
        has_sampling: false,
        ..budget
    };
    assert_eq!(
        with(Some(0.3), None, None, &fixed),
        json!([null, null, null])
    );
}

#[test]
fn tools_have_schemas_with_types() {
    let rows = [
        (None, r#"{"type":"object","properties":{}}"#),
        (Some("null"), r#"{"type":"object","properties":{}}"#),
        (Some("{}"), r#"{"type":"object","properties":{}}"#),
        (Some("{\"a\":"), r#"{"type":"object","properties":{}}"#),
        (
            Some(r#"{"properties":{"z":{},"a":{}}}"#),
            r#"{"properties":{"z":{},"a":{}},"type":"object"}"#,
        ),
        (
            Some(r#"{"type":null,"required":[]}"#),
            r#"{"type":"object","required":[]}"#,
        ),
        (
            Some(r#"{"z":1,"type":"object"}"#),
            r#"{"z":1,"type":"object"}"#,
        ),
        (
            Some(r##"{"$ref":"#/x"}"##),
            r##"{"$ref":"#/x","type":"object"}"##,
        ),
        (Some("[]"), r#"{"type":"object","properties":{}}"#),
    ];
    for (parameters, expected) in rows {
        let schema = crate::dialect::schema::of_typed_parameters(parameters);
        assert_eq!(schema.get(), expected);
    }
    let body = written(Conversation {
        tools: vec![function("f", None)],
        ..Conversation::default()
    });
    assert_eq!(
        body["tools"],
        json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}])
    );
}

#[test]
fn the_web_search_is_declared_in_anthropics_words() {
    let raw: &RawValue = serde_json::from_str(
        r#"{"type":"web_search","filters":{"allowed_domains":["x.org"]},"user_location":{"type":"approximate","country":"DE","city":null}}"#,
    )
    .unwrap();
    let body = written(Conversation {
        tools: vec![
            Tool::Hosted(HostedTool {
                kind: HostedKind::WebSearch,
                declared: "web_search".into(),
                raw,
            }),
            function("web_search", None),
            function("f", None),
        ],
        tool_choice: Some(ToolChoice::Hosted("web_search".into())),
        ..Conversation::default()
    });
    let search = json!({"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["x.org"],
        "user_location": {"type": "approximate", "country": "DE"}});
    assert_eq!(body["tools"][0]["name"], "f");
    assert_eq!(body["tools"][1], search);
    assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    // A function may have its name where it is not declared.
    let alone = written(Conversation {
        tools: vec![function("web_search", None)],
        ..Conversation::default()
    });
    assert_eq!(alone["tools"][0]["name"], "web_search");
    assert!(alone["tools"][0]["input_schema"].is_object());
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "web_search"})
    );
}

#[test]
fn choices_and_parallel_calls_go_together() {
    let choice = |tool_choice, parallel_calls, has_tools: bool| {
        written(Conversation {
            tools: has_tools.then(|| function("f", None)).into_iter().collect(),
            tool_choice,
            parallel_calls,
            ..Conversation::default()
        })["tool_choice"]
            .take()
    };
    // Case 22.
    assert_eq!(
        choice(None, Some(false), true),
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    assert_eq!(choice(None, Some(true), true), Value::Null);
    assert_eq!(choice(None, Some(false), false), Value::Null);
    assert_eq!(
        choice(Some(ToolChoice::None), Some(false), true),
        json!({"type": "none"})
    );
    assert_eq!(
        choice(Some(ToolChoice::Required), None, true),
        json!({"type": "any"})
    );
    let named = Some(ToolChoice::Function("f".into()));
    assert_eq!(
        choice(named, None, true),
        json!({"type": "tool", "name": "f"})
    );
}

#[test]
fn schemas_of_answers_lose_what_anthropic_refuses() {
    let fitted = |schema: &str| {
        let raw: &RawValue = serde_json::from_str(schema).unwrap();
        schema::for_output(raw).map(|raw| raw.get().to_owned())
    };
    let rows = [
        (
            r#"{"type":"object","properties":{"minimum":{"type":"integer","minimum":1},"b":{"type":["object","null"],"properties":{}}},"required":["minimum"]}"#,
            r#"{"type":"object","properties":{"minimum":{"type":"integer"},"b":{"type":["object","null"],"properties":{},"additionalProperties":false}},"required":["minimum"],"additionalProperties":false}"#,
        ),
        (
            r#"{"type":"object","additionalProperties":true,"properties":{"a":{"type":"array","items":{"type":"string","maxLength":3,"format":"uuid"},"minItems":1,"maxItems":2}}}"#,
            r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"array","items":{"type":"string","format":"uuid"},"minItems":1}}}"#,
        ),
        (
            r##"{"$schema":"x","oneOf":[{"$ref":"#/$defs/A"},true],"$defs":{"A":{"properties":{},"minItems":2,"format":"color"}}}"##,
            r##"{"anyOf":[{"$ref":"#/$defs/A"},true],"$defs":{"A":{"properties":{},"additionalProperties":false}}}"##,
        ),
        (r#"{"minimum":1}"#, "{}"),
        (
            r#"{"enum":[{"minimum":1}],"default":{"maximum":2}}"#,
            r#"{"enum":[{"minimum":1}],"default":{"maximum":2}}"#,
        ),
    ];
    for (schema, expected) in rows {
        assert_eq!(fitted(schema).as_deref(), Ok(expected));
    }
    assert!(fitted("[]").is_err());
    let deep = format!("{}1{}", r#"{"items":"#.repeat(100), "}".repeat(100));
    assert!(fitted(&deep).is_err());
    let raw: &RawValue = serde_json::from_str(r#"{"type":"object"}"#).unwrap();
    let body = written(Conversation {
        format: Some(OutputFormat::Schema {
            name: None,
            schema: Cow::Borrowed(raw),
            strict: None,
        }),
        ..Conversation::default()
    });
    let format = json!({"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}});
    assert_eq!(body["output_config"], format);
}

#[test]
fn small_settings_are_made_to_fit() {
    let long = "u".repeat(300);
    let body = written(Conversation {
        stop: vec![" \n".into(), "END".into(), "".into()],
        user: Some((&*long).into()),
        ..Conversation::default()
    });
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(
        body["metadata"]["user_id"].as_str().unwrap().len(),
        HASHED_USER_BYTES
    );
    assert_eq!(body["max_tokens"], 4096);
    assert_eq!(body.get("stream"), None);
    let longest = "\u{e4}".repeat(MAX_USER_CHARS);
    let body = written(Conversation {
        user: Some((&*longest).into()),
        ..Conversation::default()
    });
    assert_eq!(body["metadata"]["user_id"], longest);
    let body = written(Conversation {
        user: Some("".into()),
        ..Conversation::default()
    });
    assert_eq!(body.get("metadata"), None);
}

proptest! {
    #[test]
    fn what_can_be_read_is_written_or_refused(content in any_json(), schema in any_json()) {
        for role in ["user", "assistant"] {
            let request = json!({"messages": [{"role": role, "content": [content]}], "tools": [{"name": "f", "input_schema": schema}],
                "thinking": {"type": "adaptive"}, "output_format": {"type": "json_schema", "schema": schema}});
            let body = serde_json::to_vec(&request).unwrap();
            let Ok(conversation) = read::read(&body, &EnvelopeKey::default()) else { continue };
            let Ok(written) = written_for(conversation, &traits(ReasoningForm::Adaptive)) else { continue };
            let messages = written["messages"].as_array().unwrap();
            for (place, message) in messages.iter().enumerate() {
                prop_assert_eq!(&message["role"], if place % 2 == 0 { "user" } else { "assistant" });
                prop_assert!(!message["content"].as_array().unwrap().is_empty());
            }
            prop_assert_eq!(&written["tools"][0]["input_schema"]["type"], "object");
        }
    }
}
