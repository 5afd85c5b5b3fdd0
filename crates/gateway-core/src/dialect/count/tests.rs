//! Figures of texts and files, and that nothing is left out.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::dialect::conversation::{Call, HostedKind, HostedTool, Text};
use crate::dialect::envelope::{Origin, ReasoningState};
use crate::upstream::provider::Provider;

fn text(text: &str) -> Part<'_> {
    Part::Text(Text::plain(text))
}

fn base64<'a>(media_type: &'a str, data: &'a str) -> Source<'a> {
    Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    }
}

fn document(source: Source<'_>) -> Part<'_> {
    Part::Document { source, name: None }
}

fn reasoning(text: &'static str, content: Option<StateContent>) -> Item<'static> {
    let origin = Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    };
    Item::Reasoning(ReasoningItem {
        text: text.into(),
        state: content.map(|content| ReasoningState { origin, content }),
    })
}

#[test]
fn texts_count_by_script() {
    let rows = [
        ("", 0),
        ("a", 1),
        ("four", 1),
        ("fours", 2),
        ("The quick brown fox jumps over the lazy dog.", 11),
        // Six letters of two bytes.
        ("привет", 3),
        ("日本語", 3),
        ("한국어", 3),
        ("🙂", 2),
    ];
    for (text, tokens) in rows {
        assert_eq!(text_tokens(text), tokens, "{text}");
    }
}

#[test]
fn files_count_by_kind_and_size() {
    let long = "A".repeat(400_000);
    let rows = [
        (text("four"), 1),
        (
            Part::Image {
                source: base64("image/png", &long),
                detail: None,
            },
            IMAGE_TOKENS,
        ),
        (
            document(Source::Url("https://x/y.pdf".into())),
            DOCUMENT_TOKENS,
        ),
        (document(base64("application/pdf", "AAAA")), DOCUMENT_TOKENS),
        (document(base64("application/pdf", &long)), 18_750),
        (document(base64("text/plain", &long)), 75_000),
        (document(base64("text/plain", "")), 1),
        (
            Part::Audio {
                data: long.clone().into(),
                format: "mp3".into(),
            },
            632,
        ),
    ];
    for (part, tokens) in rows {
        assert_eq!(part_tokens(&part), tokens, "{part:.40?}");
    }
}

/// Everything that a request can have, one after the other.
fn additions() -> Vec<fn(&mut Conversation<'static>)> {
    fn raw(json: &'static str) -> &'static RawValue {
        serde_json::from_str(json).unwrap()
    }
    fn function(
        description: Option<&'static str>,
        parameters: Option<&'static str>,
    ) -> Tool<'static> {
        Tool::Function(Function {
            name: "f".into(),
            description: description.map(Into::into),
            parameters: parameters.map(Into::into),
            strict: None,
            cache_control: None,
        })
    }
    fn result(parts: Vec<Part<'static>>) -> Item<'static> {
        Item::Result(CallResult {
            id: "c".into(),
            parts,
            is_error: false,
        })
    }
    fn call(arguments: &'static str) -> Item<'static> {
        Item::Call(Call {
            id: "c".into(),
            name: "f".into(),
            arguments: arguments.into(),
        })
    }
    vec![
        |it| it.instructions.push(Text::plain("a")),
        |it| it.items.push(Item::System(Text::plain("a"))),
        |it| it.items.push(Item::User(vec![text("a")])),
        |it| it.items.push(Item::AssistantText("a".into())),
        |it| it.items.push(Item::Refusal("a".into())),
        |it| it.items.push(call("")),
        |it| it.items.push(result(Vec::new())),
        |it| it.items.push(reasoning("a", None)),
        |it| {
            let thinking = "hidden".to_owned();
            let signature = String::new();
            let content = StateContent::Signed {
                thinking,
                signature,
            };
            it.items.push(reasoning("", Some(content)));
        },
        |it| {
            let data = "x".to_owned();
            let content = StateContent::Redacted { data };
            it.items.push(reasoning("", Some(content)));
        },
        |it| {
            let source = Source::Url("https://x/y.png".into());
            let image = Part::Image {
                source,
                detail: None,
            };
            it.items.push(result(vec![image]));
        },
        |it| it.tools.push(function(None, None)),
        |it| {
            it.tools.push(Tool::Hosted(HostedTool {
                kind: HostedKind::WebSearch,
                declared: "web_search".into(),
                raw: raw("{}"),
            }));
        },
    ]
}

#[test]
fn what_parts_hold_is_counted() {
    let of = |item: Item<'_>| item_tokens(&item);
    let call = |arguments: &'static str| {
        of(Item::Call(Call {
            id: "c".into(),
            name: "read_file".into(),
            arguments: arguments.into(),
        }))
    };
    assert_eq!(call(r#"{"path":"/a/long/path"}"#), ITEM_TOKENS + 3 + 6);
    let encrypted = StateContent::Encrypted {
        id: "rs".to_owned(),
        content: "A".repeat(800),
    };
    assert_eq!(of(reasoning("", Some(encrypted))), ITEM_TOKENS + 100);
    let signed = |text| {
        let content = StateContent::Signed {
            thinking: "12345678".to_owned(),
            signature: "long".repeat(100),
        };
        of(reasoning(text, Some(content)))
    };
    // The shown text is the same one.
    assert_eq!(signed("12345678"), ITEM_TOKENS + 2);
    assert_eq!(signed(""), ITEM_TOKENS + 2);
    let function = |description: &str, parameters: &str| {
        tool_tokens(&Tool::Function(Function {
            name: "name".into(),
            description: Some(description.to_owned().into()),
            parameters: Some(parameters.to_owned().into()),
            strict: None,
            cache_control: None,
        }))
    };
    assert_eq!(function("", ""), TOOL_TOKENS + 1);
    assert_eq!(
        function("12345678", r#"{"type":"object"}"#),
        TOOL_TOKENS + 1 + 2 + 5
    );
}

#[test]
fn a_request_is_the_sum_of_its_parts() {
    let format = |format| Conversation {
        format: Some(format),
        ..Conversation::default()
    };
    let schema: &RawValue = serde_json::from_str(r#"{"type":1}"#).unwrap();
    let schema = OutputFormat::Schema {
        name: None,
        schema: std::borrow::Cow::Borrowed(schema),
        strict: None,
    };
    let instructed = Conversation {
        instructions: vec![Text::plain("12345678")],
        ..Conversation::default()
    };
    let named = Part::Document {
        source: base64("text/plain", "AAAAAAAA"),
        name: Some("name.txt".into()),
    };
    let asked = Conversation {
        items: vec![Item::User(vec![text("four"), named])],
        ..Conversation::default()
    };
    for (conversation, tokens) in [
        (instructed, ITEM_TOKENS + 2),
        (format(OutputFormat::JsonObject), ITEM_TOKENS),
        (format(schema), ITEM_TOKENS + 3),
        (asked, ITEM_TOKENS + 1 + 1 + 2),
    ] {
        assert_eq!(input_tokens(&conversation), REQUEST_TOKENS + tokens);
    }
}

#[test]
fn no_request_counts_nothing() {
    assert_eq!(input_tokens(&Conversation::default()), REQUEST_TOKENS);
}

proptest! {
    #[test]
    fn every_addition_adds(order in proptest::collection::vec(0_usize..13, 1..40)) {
        let additions = additions();
        prop_assert_eq!(additions.len(), 13);
        let mut conversation = Conversation::default();
        let mut before = input_tokens(&conversation);
        for place in order {
            additions[place](&mut conversation);
            let after = input_tokens(&conversation);
            prop_assert!(after > before, "addition {} added nothing", place);
            before = after;
        }
    }

    #[test]
    fn longer_texts_never_count_less(one in ".{0,60}", other in ".{0,60}") {
        let whole = text_tokens(&format!("{one}{other}"));
        prop_assert!(whole >= text_tokens(&one).max(text_tokens(&other)));
        prop_assert!(whole <= text_tokens(&one) + text_tokens(&other));
    }
}
