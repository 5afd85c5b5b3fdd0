//! Base URLs as users paste them: the results of the channel's test, the list of its models and the rejection of a
//! value.

use bytes::Bytes;
use gateway_testkit::fakes::FakeReply;
use serde_json::json;

use crate::Gateway;

fn html() -> FakeReply {
    FakeReply::pieces(200, "text/html", [Bytes::from_static(b"<html>")])
}

#[test]
fn a_test_says_what_the_base_url_should_probably_be() {
    type Reply = fn() -> FakeReply;
    let not_found: Reply = || FakeReply::json(404, r#"{"detail":"Not Found"}"#);
    let wrong_method: Reply = || FakeReply::json(405, r#"{"detail":"Method Not Allowed"}"#);
    let no_model: Reply = || {
        FakeReply::json(
            404,
            r#"{"error":{"message":"The model `m` does not exist"}}"#,
        )
    };
    let no_answer: Reply = || FakeReply::json(200, r#"{"hello":"world"}"#);
    let refused: Reply = || FakeReply::json(401, r#"{"error":{"message":"bad key"}}"#);
    for (base_url, reply, suggested) in [
        (
            "https://llm.example.com",
            not_found,
            Some("https://llm.example.com/v1"),
        ),
        (
            "https://llm.example.com",
            wrong_method,
            Some("https://llm.example.com/v1"),
        ),
        (
            "https://llm.example.com",
            html,
            Some("https://llm.example.com/v1"),
        ),
        (
            "https://llm.example.com",
            no_answer,
            Some("https://llm.example.com/v1"),
        ),
        ("https://llm.example.com", no_model, None),
        ("https://llm.example.com", refused, None),
        ("https://llm.example.com/v1", not_found, None),
        (
            "https://llm.example.com/v1/chat/completions",
            not_found,
            Some("https://llm.example.com/v1"),
        ),
        (
            "https://api.openai.com",
            no_model,
            Some("https://api.openai.com/v1"),
        ),
    ] {
        let gateway = Gateway::new();
        let id = gateway.channel(&json!({"base_url": base_url, "models": ["m"]}));
        gateway.ports.upstream().script(move |_| reply());
        let outcome = gateway
            .call("POST", &format!("channels/{id}/test"), &json!({}))
            .expect(200);
        let error = outcome["error"].as_str().unwrap();
        match suggested {
            Some(url) => assert!(
                error.ends_with(&format!("The base URL should probably be {url}")),
                "{base_url}: {error}"
            ),
            None => assert!(!error.contains("should probably"), "{base_url}: {error}"),
        }
        if suggested.is_some() && error.contains("Found") {
            let answer = gateway
                .get(&format!("channels/{id}/models"))
                .expect_error(502, "upstream_failed");
            assert!(
                answer.message().contains("should probably be"),
                "{}",
                answer.message()
            );
        }
    }
}

#[test]
fn refused_base_urls_and_keys_say_what_to_write_instead() {
    let gateway = Gateway::new();
    for (base_url, suggested) in [
        ("api.openai.com", "https://api.openai.com/v1"),
        (
            "https://api.openai.com/v1?key=SECRET",
            "https://api.openai.com/v1",
        ),
        ("\"https://api.openai.com/v1\"", "https://api.openai.com/v1"),
        (
            "https://u:SECRET@api.openai.com/v1",
            "https://api.openai.com/v1",
        ),
    ] {
        let body = json!({"name": "a", "base_url": base_url, "keys": []});
        let answer = gateway
            .call("POST", "channels", &body)
            .expect_error(400, "invalid_value");
        assert!(
            answer.message().contains(&format!("use {suggested}")),
            "{}",
            answer.message()
        );
        assert!(!answer.message().contains("SECRET"), "{}", answer.message());
    }
    for (key, words) in [
        ("sk-1,sk-2", "a separate entry"),
        ("Bearer sk-1", "without `Bearer`"),
        ("'sk-1'", "without quotes"),
        ("OPENAI_API_KEY=sk-1", "without a name"),
    ] {
        let body = json!({"name": "a", "base_url": "https://h/v1", "keys": [key]});
        let answer = gateway
            .call("POST", "channels", &body)
            .expect_error(400, "invalid_value");
        assert!(answer.message().contains(words), "{}", answer.message());
        assert!(!answer.message().contains("sk-1"), "{}", answer.message());
    }
}
