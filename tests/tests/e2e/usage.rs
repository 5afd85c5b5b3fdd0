//! `stream_options.include_usage`: asked of the upstream for the gateway's own accounting, and nothing of it reaches a
//! client that did not ask.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

/// What is added to a body, and nothing else.
const ASKED: &str = r#","stream_options":{"include_usage":true}"#;

/// Sends `body` unchanged; returns the client's stream and what the upstream got.
async fn send(stage: &Stage, path: &str, body: &str) -> anyhow::Result<(String, String)> {
    let reply = Reply::of(stage.request(path).body(body.to_owned())).await?;
    assert_eq!(reply.status, 200, "{body}: {}", reply.text());
    let record = stage
        .upstream
        .records()
        .pop()
        .context("a request was answered")?;
    Ok((
        reply.text(),
        String::from_utf8_lossy(&record.body).into_owned(),
    ))
}

#[tokio::test]
async fn the_upstream_is_asked_and_gets_every_other_byte_as_it_came() -> Outcome {
    let stage = Stage::with_channel().await?;
    let bodies = [
        r#"{"model":"m","stream":true}"#,
        "{ \"stream\" : true ,\n\t\"model\":\"m\", \"temperature\": 1.0e0, \"seed\":12345678901234567890123, \"x\": \"\\u00e9é\" }\n",
        r#"{"stream":true,"model":"m","messages":[{"role":"user","content":"say \"stream_options\""}]}"#,
    ];
    for path in ["/v1/chat/completions", "/v1/completions"] {
        for body in bodies {
            let (text, got) = send(&stage, path, body).await?;
            assert_eq!(got.matches(ASKED).count(), 1, "{path}: {got}");
            assert_eq!(got.replace(ASKED, ""), body, "{path}");
            assert!(!text.contains("prompt_tokens"), "{path}: {text}");
            assert!(text.ends_with("data: [DONE]\n\n"), "{path}: {text}");
        }
    }
    // What the client says of its stream stays beside it.
    let rows = [
        (
            r#"{"include_obfuscation": false}"#,
            r#"{"include_obfuscation": false,"include_usage":true}"#,
        ),
        (
            r#"{"include_usage": false, "x": 1.50}"#,
            r#"{"include_usage": true, "x": 1.50}"#,
        ),
        ("{}", r#"{"include_usage":true}"#),
        ("null", r#"{"include_usage":true}"#),
    ];
    let body =
        |options: &str| format!(r#"{{"model":"m","stream_options": {options},"stream":true}}"#);
    for (options, expected) in rows {
        let (text, got) = send(&stage, "/v1/chat/completions", &body(options)).await?;
        assert_eq!(got, body(expected));
        assert!(!text.contains("prompt_tokens"), "{options}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_added_for_upstreams_that_do_not_support_it() -> Outcome {
    let stage = Stage::with_channel().await?;
    let drops = json!({"keys": ["d"], "models": ["drops"], "drop_params": ["stream_options"]});
    stage.channel("drops", &drops).await?;
    let rows = [
        // The client asks itself, however it spells that.
        (
            "/v1/chat/completions",
            r#"{"model":"m","stream":true,"stream_options":{ "include_usage" : true }}"#,
        ),
        ("/v1/chat/completions", r#"{"model":"m"}"#),
        ("/v1/chat/completions", r#"{"model":"m","stream":false}"#),
        ("/v1/chat/completions", r#"{"model":"m","stream":null}"#),
        (
            "/v1/embeddings",
            r#"{"model":"m","input":"x","stream":true}"#,
        ),
        (
            "/v1/responses",
            r#"{"model":"m","input":"x","stream":true}"#,
        ),
        ("/v1/chat/completions", r#"{"model":"drops","stream":true}"#),
    ];
    for (path, body) in rows {
        let (_, got) = send(&stage, path, body).await?;
        assert_eq!(got, body, "{path}");
    }
    Ok(())
}

const CONTENT: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const FINISH: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
/// What opens a stream of Azure: no choice either, but no usage.
const FILTER: &str =
    "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}],\"usage\":null}\n\n";
/// The end of an answer that says its usage in the same breath.
const FINISH_WITH_USAGE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9}}\n\n";

#[tokio::test]
async fn the_extra_chunk_and_nothing_else_is_removed() -> Outcome {
    let stage = Stage::with_channel().await?;
    let streams: [(&str, &[&str]); 5] = [
        (
            "as OpenAI sends it",
            &[CONTENT, CONTENT, FINISH, USAGE, DONE],
        ),
        ("as Azure does", &[FILTER, CONTENT, FINISH, USAGE, DONE]),
        ("without an end mark", &[CONTENT, FINISH, USAGE]),
        ("before the end", &[CONTENT, USAGE, FINISH, DONE]),
        ("inside the last chunk", &[CONTENT, FINISH_WITH_USAGE, DONE]),
    ];
    for (name, events) in streams {
        for (size, is_crlf) in [
            (1 << 20, false),
            (1 << 20, true),
            (1, false),
            (17, true),
            (100, false),
        ] {
            let ends = |text: String| {
                if is_crlf {
                    text.replace('\n', "\r\n")
                } else {
                    text
                }
            };
            let whole = ends(events.concat());
            // Nor is the null of the other chunks, which they have only since the gateway asked.
            let without = events.concat().replace(USAGE, "");
            let without = ends(without.replace(",\"usage\":null", ""));
            let pieces = whole.as_bytes().chunks(size).map(Bytes::copy_from_slice);
            // Now and then a pause, so that the kernel does not put all of them together again.
            let pieces = pieces.enumerate().map(|(number, piece)| {
                Chunk::after(Duration::from_millis(u64::from(number % 40 == 39)), piece)
            });
            stage.upstream.reset();
            stage.upstream.rule(Rule::always(Action::sse(pieces)));
            let silent = r#"{"model":"m","stream":true}"#;
            let (text, _) = send(&stage, "/v1/chat/completions", silent).await?;
            assert_eq!(text, without, "{name}, pieces of {size}");
            let asking = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
            let (text, _) = send(&stage, "/v1/chat/completions", asking).await?;
            assert_eq!(text, whole, "{name}, pieces of {size}, requested");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_client_sees_usage_only_when_it_asked() -> Outcome {
    let stage = Stage::with_channel().await?;
    let ask = async |body: serde_json::Value| {
        let reply = stage.post("/v1/chat/completions", &body).await?;
        anyhow::Ok(reply.text())
    };
    let silent = ask(json!({"model": "m", "stream": true})).await?;
    assert!(
        !silent.contains("prompt_tokens") && silent.ends_with("data: [DONE]\n\n"),
        "{silent}"
    );
    assert_eq!(silent.matches("\"choices\":[]").count(), 0, "{silent}");
    let refused =
        ask(json!({"model": "m", "stream": true, "stream_options": {"include_usage": false}}))
            .await?;
    assert!(!refused.contains("prompt_tokens"), "{refused}");
    let asked =
        ask(json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}}))
            .await?;
    assert_eq!(asked.matches("\"prompt_tokens\":9").count(), 1, "{asked}");
    Ok(())
}

#[tokio::test]
async fn usage_is_not_asked_where_the_channel_cannot_or_nothing_streams() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "plain",
            &json!({"keys": ["plain"], "models": ["p"], "stream_usage": false}),
        )
        .await?;
    stage
        .channel("usual", &json!({"keys": ["usual"], "models": ["m"]}))
        .await?;
    let stream = r#"{"model":"p","stream":true}"#;
    let reply = Reply::of(stage.request("/v1/chat/completions").body(stream)).await?;
    assert!(reply.text().ends_with("data: [DONE]\n\n"));
    let plain = r#"{"model":"m","stream":false}"#;
    Reply::of(stage.request("/v1/chat/completions").body(plain)).await?;
    assert_eq!(stage.upstream.records_of("plain")[0].body, stream);
    assert_eq!(stage.upstream.records_of("usual")[0].body, plain);
    Ok(())
}
