//! Turns as messages: their order, their files, and the state in them.

use super::*;

#[test]
fn results_come_first_in_the_order_of_the_calls() {
    // Cases 19 and 20.
    let seen = written_messages(vec![
        result("lost", vec![part("old")], false),
        user("hi"),
        call("a", ""),
        call("b", "{\"x\":1}"),
        call("c", "{}"),
        result("c", vec![], true),
        result("a", vec![part("1"), part(" ")], false),
        user("and"),
    ]);
    let expected = json!([
        {"role": "user", "content": [{"type": "text", "text": "Tool result: old"}, {"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
            {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "No result"}], "is_error": true},
            {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "Error"}], "is_error": true},
            {"type": "text", "text": "and"}]},
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn turns_alternate_and_texts_are_never_blank() {
    let seen = written_messages(vec![
        said("I begin"),
        user(" \n"),
        Item::Refusal("no".into()),
        said("  "),
        user("a"),
        Item::System(Text::plain("s")),
        Item::System(Text::plain(" \n")),
        user("b"),
    ]);
    let expected = json!([
        {"role": "user", "content": [{"type": "text", "text": "Please continue."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I begin"}, {"type": "text", "text": "no"}]},
        {"role": "user", "content": [
            {"type": "text", "text": "a"},
            {"type": "text", "text": "<system-reminder>\ns\n</system-reminder>"},
            {"type": "text", "text": "b"}]},
    ]);
    assert_eq!(seen, expected);
    assert_eq!(written_messages(Vec::new())[0]["role"], "user");
    let seen = written_messages(vec![user("a"), said("pre \n")]);
    assert_eq!(seen[1]["content"][0]["text"], "pre");
    let traits = UpstreamTraits {
        has_prefill: false,
        ..traits(ReasoningForm::Absent)
    };
    let conversation = Conversation {
        items: vec![user("a"), said("b")],
        ..Conversation::default()
    };
    assert_eq!(
        written_for(conversation, &traits).unwrap_err().param,
        "messages"
    );
}

#[test]
fn broken_arguments_are_refused_with_the_calls_name() {
    // Case 21.
    for arguments in ["{\"a\":", "[]", "7", "\"x\"", "null", "{} {}"] {
        let conversation = Conversation {
            items: vec![user("a"), call("call_7", arguments)],
            ..Conversation::default()
        };
        let error = written_for(conversation, &traits(ReasoningForm::Absent)).unwrap_err();
        assert_eq!(error.param, "arguments");
        assert!(
            error.message.contains("call_7") && error.message.contains("\"f\""),
            "{error}"
        );
    }
}

#[test]
fn files_have_the_forms_that_anthropic_reads() {
    let written = |part: Part<'_>| {
        let conversation = Conversation {
            items: vec![Item::User(vec![part])],
            ..Conversation::default()
        };
        let body = written_for(conversation, &traits(ReasoningForm::Absent));
        body.map(|mut body| body["messages"][0]["content"][0].take())
            .map_err(|error| error.param.into_owned())
    };
    let image = |source| Part::Image {
        source,
        detail: None,
    };
    let document = |source, name: Option<&'static str>| Part::Document {
        source,
        name: name.map(Into::into),
    };
    let rows = [
        (
            image(base64("image/jpg", "QQ==")),
            Ok(
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "QQ=="}}),
            ),
        ),
        (
            image(base64("Image/PNG", "QQ==")),
            Ok(
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}),
            ),
        ),
        (
            image(Source::Url("https://x".into())),
            Ok(json!({"type": "image", "source": {"type": "url", "url": "https://x"}})),
        ),
        (
            document(base64("", "JVBERi0x"), Some("n.pdf")),
            Ok(
                json!({"type": "document", "title": "n.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}}),
            ),
        ),
        (
            document(base64("text/csv", "YSxi"), None),
            Ok(
                json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}}),
            ),
        ),
        (
            document(base64("image/png", "QQ=="), None),
            Ok(
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}),
            ),
        ),
        (
            document(Source::Url("https://x".into()), None),
            Ok(json!({"type": "document", "source": {"type": "url", "url": "https://x"}})),
        ),
        (
            document(base64("application/zip", "UEsDBAAAAP8="), None),
            Err("file".to_owned()),
        ),
        // White space, and a text with a zero byte.
        (
            document(base64("text/plain", "IAo="), None),
            Err("file".to_owned()),
        ),
        (
            document(base64("text/plain", "YQBi"), None),
            Err("file".to_owned()),
        ),
        (
            Part::Audio {
                data: "QQ==".into(),
                format: "wav".into(),
            },
            Err("input_audio".to_owned()),
        ),
    ];
    for (part, expected) in rows {
        assert_eq!(written(part), expected);
    }
}

#[test]
fn only_its_own_state_reaches_an_upstream() {
    // Cases 12 and 30.
    let encrypted = StateContent::Encrypted {
        id: "rs".to_owned(),
        content: "gAAA".to_owned(),
    };
    let redacted = StateContent::Redacted {
        data: "R".to_owned(),
    };
    let seen = written_messages(vec![
        user("a"),
        thought(Provider::Anthropic, signed()),
        thought(Provider::OpenAi, encrypted),
        thought(Provider::OpenAi, signed()),
        thought(Provider::Anthropic, redacted),
        said("b"),
        user("c"),
    ]);
    let expected = json!([
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        {"type": "text", "text": "b"}]);
    assert_eq!(seen[1]["content"], expected);
}
