//! What the content blocks of a request become.

use super::*;

#[test]
fn every_block_of_the_user_is_kept() {
    let rows = [
        (json!("hi"), vec!["user hi"]),
        (json!(""), vec![]),
        (
            json!([{"type": "text", "text": ""}, {"type": "text", "text": "a"}]),
            vec!["user a"],
        ),
        (
            json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
                   {"type": "image", "source": {"type": "url", "url": "https://x/i.png"}}]),
            vec!["user image(data:image/png;base64,QQ==)|image(https://x/i.png)"],
        ),
        (
            json!([{"type": "document", "title": "T", "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}},
                   {"type": "document", "source": {"type": "url", "url": "https://x/d.pdf"}},
                   {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
                   {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}}]),
            vec![
                "user document(data:application/pdf;base64,QQ==,T)|document(https://x/d.pdf,-)|plain|inner",
            ],
        ),
        (
            json!([{"type": "search_result", "title": "T", "source": "https://x", "content": [{"type": "text", "text": "found"}]}]),
            vec!["user T\nhttps://x|found"],
        ),
        // Cases 13 and 14.
        (
            json!([{"type": "tool_result", "tool_use_id": "t", "content": [
                        {"type": "text", "text": "out"},
                        {"type": "image", "source": {"type": "url", "url": "https://u"}},
                        {"type": "tool_reference", "tool_name": "grep"}]},
                   {"type": "tool_result", "tool_use_id": "u", "is_error": true, "content": []},
                   {"type": "tool_result", "tool_use_id": "v"},
                   {"type": "tool_result", "tool_use_id": "w", "content": "plain"},
                   {"type": "text", "text": "next"}]),
            vec![
                "result t out|image(https://u)|[Loaded tool: grep]",
                "result! u ",
                "result v ",
                "result w plain",
                "user next",
            ],
        ),
    ];
    for (content, expected) in rows {
        assert_eq!(user(&content), expected, "{content}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let rows = [
        (
            json!({"type": "url", "url": "ftp://x"}),
            "source.url",
            "an http or https URL",
        ),
        (
            json!({"type": "file", "file_id": "f"}),
            "source",
            "Uploaded files are at Anthropic",
        ),
        (json!({"type": "url"}), "source", "the type `base64`"),
        (json!({"type": "base64"}), "source", "the type `base64`"),
        (
            json!({"type": "base64", "media_type": "a,b", "data": "QQ=="}),
            "source.media_type",
            "a media type",
        ),
    ];
    for (source, member, reason) in rows {
        let content = json!([{"type": "image", "source": source}]);
        let body = body(json!({"messages": [{"role": "user", "content": content}]}));
        let error = read(&body, &EnvelopeKey::default()).unwrap_err();
        assert_eq!(error.param, format!("messages[0].content[0].{member}"));
        assert!(error.message.contains(reason), "{error}");
    }
}

#[test]
fn every_block_of_the_assistant_has_its_place() {
    let rows = [
        (json!("done"), vec!["said done"]),
        (
            json!([{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": 2}},
                   {"type": "tool_use", "id": "u", "name": "f"},
                   {"type": "tool_use", "id": "v", "name": "f", "input": "{\"x\":1}"},
                   {"type": "text", "text": "b"}]),
            vec![
                "said a",
                r#"call t f {"a":2,"b":1}"#,
                "call u f ",
                r#"call v f {"x":1}"#,
                "said b",
            ],
        ),
        // Case 12: foreign signatures leave the text, and nothing where there is none.
        (
            json!([{"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                   {"type": "thinking", "thinking": "", "signature": "EqQB"},
                   {"type": "redacted_thinking", "data": "EqQB"}, {"type": "text", "text": "a"}]),
            vec!["thought hm false", "said a"],
        ),
        (
            json!([{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                   {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                        {"type": "web_search_result", "title": "T", "url": "https://x", "encrypted_content": "E"}]},
                   {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_2", "content":
                        {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}},
                   {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": "a \"b\""}]),
            vec![
                r#"call srvtoolu_1 web_search {"query":"q"}"#,
                "result srvtoolu_1 T\nhttps://x",
                r#"result! srvtoolu_2 {"error_code":"max_uses_exceeded","type":"web_search_tool_result_error"}"#,
                "result mcptoolu_1 a \"b\"",
            ],
        ),
        (
            json!([{"type": "compaction", "content": "so far"}, {"type": "new_kind"}]),
            vec!["said so far"],
        ),
    ];
    for (content, expected) in rows {
        assert_eq!(assistant(&content), expected, "{content}");
    }
}

#[test]
fn our_own_envelopes_open_and_forged_ones_do_not() {
    let key = EnvelopeKey::derive(b"k");
    let state = ReasoningState {
        origin: Origin {
            provider: Provider::OpenAi,
            channel: "c".to_owned(),
        },
        content: StateContent::Encrypted {
            id: "rs_1".to_owned(),
            content: "gAAA".to_owned(),
        },
    };
    let sealed = key.seal(&state);
    let forged = EnvelopeKey::derive(b"other").seal(&state);
    let request = body(json!({"messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "", "signature": sealed},
        {"type": "redacted_thinking", "data": sealed},
        {"type": "thinking", "thinking": "", "signature": forged}]}]}));
    let conversation = read(&request, &key).unwrap();
    let states = conversation.items.iter().map(|item| match item {
        Item::Reasoning(it) => it.state.clone(),
        _ => None,
    });
    assert_eq!(
        states.collect::<Vec<_>>(),
        [Some(state.clone()), Some(state)]
    );
}

#[test]
fn blocks_nest_only_so_deeply() {
    let mut block = json!({"type": "text", "text": "x"});
    for _ in 0..200 {
        block = json!({"type": "document", "source": {"type": "content", "content": [block]}});
    }
    let request = json!({"messages": [{"role": "user", "content": [block]}]});
    assert!(refused(request).starts_with("messages[0].content[0].source"));
}
