//! Requests of Gemini's clients and what they become.

use proptest::prelude::*;

use super::*;
use crate::dialect::conversation::{HostedKind, Item, Part, Source, Tool, ToolChoice};
use crate::dialect::envelope::{Origin, ReasoningState, StateContent};
use crate::dialect::gemini::signature;
use crate::dialect::traits::CallIdForm;
use crate::dialect::turns::{self, Turn};
use crate::upstream::provider::Provider;

mod contents;
mod tools;

fn key() -> EnvelopeKey {
    EnvelopeKey::derive(b"secret")
}

fn conversation(body: &str) -> Conversation<'_> {
    read(body.as_bytes(), false, &key()).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// A request with these members besides its contents.
fn with(members: &str) -> String {
    format!(r#"{{"contents":[{{"parts":[{{"text":"hi"}}]}}],{members}}}"#)
}

fn refused(body: &str) -> (String, String) {
    let error = read(body.as_bytes(), false, &key()).expect_err(body);
    (error.param.into_owned(), error.message.into_owned())
}

fn state() -> ReasoningState {
    ReasoningState {
        origin: Origin {
            provider: Provider::Anthropic,
            channel: "ch_1".to_owned(),
        },
        content: StateContent::Redacted {
            data: "secret".to_owned(),
        },
    }
}

fn source(source: &Source<'_>) -> String {
    match source {
        Source::Base64 { media_type, data } => format!("{media_type}:{data}"),
        Source::Url(url) => url.clone().into_owned(),
    }
}

fn part(part: &Part<'_>) -> String {
    match part {
        Part::Text(text) => text.text.clone().into_owned(),
        Part::Image { source: it, .. } => format!("image {}", source(it)),
        Part::Document { source: it, name } => {
            format!("document {} {}", source(it), name.as_deref().unwrap_or("-"))
        }
        Part::Audio { data, format } => format!("audio {format}:{data}"),
    }
}

fn parts(list: &[Part<'_>]) -> String {
    let list: Vec<String> = list.iter().map(part).collect();
    list.join("|")
}

fn item(item: &Item<'_>) -> String {
    match item {
        Item::System(text) => format!("system {}", text.text),
        Item::User(list) => format!("user {}", parts(list)),
        Item::AssistantText(text) => format!("model {text}"),
        Item::Refusal(text) => format!("refusal {text}"),
        Item::Reasoning(it) => {
            format!(
                "thought {}{}",
                it.text,
                if it.state.is_some() { "+state" } else { "" }
            )
        }
        Item::Call(call) => format!("call {} {} {}", call.id, call.name, call.arguments),
        Item::Result(result) => {
            let mark = if result.is_error { "!" } else { "" };
            format!("result{mark} {} {}", result.id, parts(&result.parts))
        }
    }
}

fn items(body: &str) -> Vec<String> {
    conversation(body).items.iter().map(item).collect()
}

#[test]
fn generation_config_is_read_in_both_spellings() {
    let camel = with(
        r#""generationConfig":{"maxOutputTokens":100,"temperature":0.5,"topP":0.9,"topK":40,"seed":7,"presencePenalty":0.1,"frequencyPenalty":-0.2,"stopSequences":["a","b"],"candidateCount":1,"responseModalities":["TEXT"],"logprobs":3,"unknown":{}},"safetySettings":[{}],"labels":{"a":"b"}"#,
    );
    let snake = with(
        r#""generation_config":{"max_output_tokens":"100","temperature":0.5,"top_p":0.9,"top_k":40,"seed":7,"presence_penalty":0.1,"frequency_penalty":-0.2,"stop_sequences":["a","b"],"candidate_count":1,"response_modalities":["text"]}"#,
    );
    for body in [camel, snake] {
        let read = conversation(&body);
        assert_eq!(read.max_tokens, Some(100));
        assert_eq!(read.stop, ["a", "b"]);
        let sampling = &read.sampling;
        let numbers = [
            &sampling.temperature,
            &sampling.top_p,
            &sampling.top_k,
            &sampling.seed,
            &sampling.presence_penalty,
            &sampling.frequency_penalty,
        ];
        let numbers = numbers.map(|it| it.as_ref().unwrap().to_string());
        assert_eq!(numbers, ["0.5", "0.9", "40", "7", "0.1", "-0.2"]);
        assert!(read.format.is_none() && read.reasoning.is_none() && !read.stream);
    }
    let nulls = with(
        r#""generationConfig":{"maxOutputTokens":null,"stopSequences":null,"thinkingConfig":null},"tools":null,"toolConfig":null,"systemInstruction":null,"cachedContent":null"#,
    );
    let read = conversation(&nulls);
    assert!(read.max_tokens.is_none() && read.stop.is_empty() && read.tools.is_empty());
    assert!(super::read(nulls.as_bytes(), true, &key()).unwrap().stream);
}

/// Effort, budget, and whether it is shown.
type Thinking = (Effort, Option<u64>, bool);

#[test]
fn thinking_is_effort_or_budget() {
    let rows: [(&str, Option<Thinking>); 13] = [
        ("{}", None),
        (r#"{"includeThoughts":false}"#, None),
        (
            r#"{"includeThoughts":true}"#,
            Some((Effort::Medium, None, true)),
        ),
        (r#"{"thinkingBudget":0}"#, Some((Effort::None, None, false))),
        (
            r#"{"thinkingBudget":-1,"includeThoughts":true}"#,
            Some((Effort::Medium, None, true)),
        ),
        (
            r#"{"thinking_budget":4096}"#,
            Some((Effort::High, Some(4_096), false)),
        ),
        (
            r#"{"thinkingBudget":"1024","include_thoughts":true}"#,
            Some((Effort::Low, Some(1_024), true)),
        ),
        (
            r#"{"thinkingLevel":"HIGH"}"#,
            Some((Effort::High, None, false)),
        ),
        (
            r#"{"thinkingLevel":"low"}"#,
            Some((Effort::Low, None, false)),
        ),
        (
            r#"{"thinking_level":"MINIMAL"}"#,
            Some((Effort::Minimal, None, false)),
        ),
        (
            r#"{"thinkingLevel":"MEDIUM","thinkingBudget":9}"#,
            Some((Effort::Medium, None, false)),
        ),
        (r#"{"thinkingLevel":"THINKING_LEVEL_UNSPECIFIED"}"#, None),
        (
            r#"{"thinkingLevel":"auto","thinkingBudget":16384}"#,
            Some((Effort::Max, Some(16_384), false)),
        ),
    ];
    for (config, expected) in rows {
        let body = with(&format!(
            r#""generationConfig":{{"thinkingConfig":{config}}}"#
        ));
        let found = conversation(&body).reasoning;
        let found = found.map(|it| (it.effort, it.budget_tokens, it.is_shown));
        assert_eq!(found, expected, "{config}");
    }
}

#[test]
fn forms_of_answers_are_json_schemas() {
    let rows = [
        (r#""responseMimeType":"text/plain""#, None),
        (r#""responseMimeType":"application/json""#, Some("object")),
        (
            r#""responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"b":{"type":"STRING"},"a":{"type":"INTEGER","nullable":true}}}"#,
            Some(
                r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"type":["integer","null"]}}}"#,
            ),
        ),
        (
            r#""response_mime_type":"application/json","response_schema":{"type":"ARRAY","items":{"type":"STRING"}}"#,
            Some(r#"{"type":"array","items":{"type":"string"}}"#),
        ),
        (
            r#""responseJsonSchema":{"type":"object", "nullable":true}"#,
            Some(r#"{"type":"object", "nullable":true}"#),
        ),
    ];
    for (config, expected) in rows {
        let body = with(&format!(r#""generationConfig":{{{config}}}"#));
        let found = conversation(&body).format.map(|format| match format {
            OutputFormat::JsonObject => "object".to_owned(),
            OutputFormat::Schema { schema, .. } => schema.get().to_owned(),
        });
        assert_eq!(found.as_deref(), expected, "{config}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let rows = [
        (
            r#""generationConfig":{"candidateCount":2}"#,
            "generationConfig.candidateCount",
        ),
        (
            r#""generationConfig":{"responseModalities":["TEXT","IMAGE"]}"#,
            "generationConfig.responseModalities",
        ),
        (
            r#""generationConfig":{"responseModalities":["AUDIO"]}"#,
            "generationConfig.responseModalities",
        ),
        (r#""cachedContent":"cachedContents/x""#, "cachedContent"),
        (r#""cached_content":"cachedContents/x""#, "cachedContent"),
        (
            r#""generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"}}"#,
            "generationConfig.responseMimeType",
        ),
        (
            r#""generationConfig":{"responseSchema":"x"}"#,
            "generationConfig.responseSchema",
        ),
        (
            r#""generationConfig":{"responseJsonSchema":[]}"#,
            "generationConfig.responseJsonSchema",
        ),
        (
            r#""generationConfig":{"maxOutputTokens":-1}"#,
            "generationConfig.maxOutputTokens",
        ),
        (
            r#""generationConfig":{"maxOutputTokens":1.5}"#,
            "generationConfig.maxOutputTokens",
        ),
        (
            r#""generationConfig":{"temperature":"hot"}"#,
            "generationConfig.temperature",
        ),
        (
            r#""generationConfig":{"stopSequences":["a",1]}"#,
            "generationConfig.stopSequences[1]",
        ),
        (
            r#""generationConfig":{"topK":1,"top_k":2}"#,
            "generationConfig",
        ),
        (r#""generationConfig":[]"#, "generationConfig"),
        (
            r#""generationConfig":{"thinkingConfig":{"includeThoughts":1}}"#,
            "generationConfig.thinkingConfig.includeThoughts",
        ),
        (
            r#""systemInstruction":{"parts":[{"inlineData":{}}]}"#,
            "systemInstruction.parts[0]",
        ),
        (r#""systemInstruction":7"#, "systemInstruction"),
    ];
    for (members, param) in rows {
        let (found, message) = refused(&with(members));
        assert_eq!(found, param, "{members}");
        assert!(message.starts_with(&format!("`{param}`")), "{message}");
        assert!(!message.contains("hot") && !message.contains("cachedContents/"));
    }
    assert_eq!(refused(r#"{"tools":[],"tools":[]}"#).0, "");
}

#[test]
fn tokens_are_counted_of_contents_or_of_a_whole_request() {
    let inner = r#"{"model":"models/m","systemInstruction":{"parts":{"text":"be brief"}},"contents":{"role":"user","parts":{"text":"hi"}}}"#;
    let outer = format!(r#"{{"generateContentRequest":{inner}}}"#);
    for body in [inner, &outer] {
        let read = conversation(body);
        assert_eq!(read.instructions[0].text, "be brief");
        assert_eq!(read.items.iter().map(item).collect::<Vec<_>>(), ["user hi"]);
    }
    let wrong = r#"{"generateContentRequest":{"contents":[{"role":"x"}]}}"#;
    assert_eq!(refused(wrong).0, "generateContentRequest.contents[0].role");
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let names = prop::sample::select(vec![
        "contents",
        "role",
        "parts",
        "text",
        "thought",
        "thoughtSignature",
        "inlineData",
        "mimeType",
        "data",
        "fileData",
        "fileUri",
        "functionCall",
        "functionResponse",
        "name",
        "id",
        "args",
        "response",
        "tools",
        "functionDeclarations",
        "parameters",
        "type",
        "properties",
        "toolConfig",
        "functionCallingConfig",
        "mode",
        "generationConfig",
        "thinkingConfig",
        "systemInstruction",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        prop::sample::select(vec![
            "",
            "user",
            "model",
            "ANY",
            "image/png",
            "STRING",
            "f",
            "é\n"
        ])
        .prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(|map| {
                let map = map
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                serde_json::Value::Object(map.collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(contents in json(), config in json(), tools in json()) {
        let body = serde_json::json!({"contents": contents, "generationConfig": config, "tools": tools});
        let body = body.to_string();
        let first = read(body.as_bytes(), true, &key()).map(|it| it.items.len());
        let again = read(body.as_bytes(), true, &key()).map(|it| it.items.len());
        prop_assert_eq!(first, again);
    }

    #[test]
    fn number_and_order_of_texts_calls_and_results_are_kept(kinds in prop::collection::vec(0_u8..3, 1..24)) {
        // Each turn of the model makes calls of f and g, each answered in the opposite order and without ids.
        let mut contents = Vec::new();
        let mut expected = Vec::new();
        for (turn, kind) in kinds.iter().enumerate() {
            contents.push(serde_json::json!({"role": "user", "parts": [{"text": format!("u{turn}")}]}));
            expected.push(format!("user u{turn}"));
            if *kind == 0 {
                contents.push(serde_json::json!({"role": "model", "parts": [{"text": format!("m{turn}")}]}));
                expected.push(format!("model m{turn}"));
                continue;
            }
            let call = |name: &str| serde_json::json!({"functionCall": {"name": name, "args": {"turn": turn}}});
            let result = |name: &str| serde_json::json!({"functionResponse": {"name": name, "response": {"output": format!("{name}{turn}")}}});
            let names: &[&str] = if *kind == 1 { &["f"] } else { &["f", "g"] };
            let calls: Vec<_> = names.iter().map(|name| call(name)).collect();
            let results: Vec<_> = names.iter().rev().map(|name| result(name)).collect();
            contents.push(serde_json::json!({"role": "model", "parts": calls}));
            contents.push(serde_json::json!({"role": "user", "parts": results}));
            expected.extend(names.iter().map(|name| format!("call {name}")));
            expected.extend(names.iter().map(|name| format!("result {name}{turn}")));
        }
        let body = serde_json::json!({"contents": contents}).to_string();
        let read = conversation(&body);
        let turns = turns::of_items(read.items, CallIdForm::Plain);
        let mut found = Vec::new();
        for turn in &turns {
            match turn {
                Turn::System(_) => {}
                Turn::User { results, parts: said } => {
                    found.extend(results.iter().map(|it| format!("result {}", parts(&it.parts))));
                    found.extend(said.iter().map(|it| format!("user {}", part(it))));
                }
                Turn::Assistant(list) => found.extend(list.iter().map(|it| match it {
                    Item::Call(call) => format!("call {}", call.name),
                    other => item(other),
                })),
            }
        }
        prop_assert_eq!(found, expected);
    }
}
