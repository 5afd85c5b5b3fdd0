//! Testing a channel and reading its upstream's models, on the shipped components: these are the admin component's
//! only calls to the outside.

use std::time::Duration;

use bytes::Bytes;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::Stage;
use reqwest::Method;
use serde_json::{Value, json};

use crate::Outcome;

const KEY: &str = "k-of-the-tested-channel";

/// A stage with a channel for the model `m`, and the path of its calls.
async fn stage() -> anyhow::Result<(Stage, String)> {
    let stage = Stage::start().await?;
    let members = json!({"keys": [KEY], "models": ["m"], "first_byte_timeout_ms": 1000, "idle_timeout_ms": 1000, "enabled": false});
    let channel = stage.channel("tested", &members).await?;
    let path = format!("/channels/{}", channel["id"].as_str().unwrap_or_default());
    Ok((stage, path))
}

#[tokio::test]
async fn a_channel_that_works_is_found_to_work() -> Outcome {
    let (stage, path) = stage().await?;
    let path = format!("{path}/test");
    let slow = Action::usual().after(Duration::from_millis(120));
    stage.upstream.rule(Rule::always(slow));
    let outcome = stage.admin.post(&path, &json!({})).await?;
    assert_eq!(
        (&outcome["ok"], &outcome["status"], &outcome["error"]),
        (&json!(true), &json!(200), &Value::Null),
        "{outcome}"
    );
    assert!(outcome["latency_ms"].as_u64() >= Some(100), "{outcome}");
    assert_eq!(outcome["first_token_ms"], Value::Null);

    let first = r#"data: {"choices":[{"delta":{"content":"a"}}]}"#.to_owned() + "\n\n";
    let last = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#.to_owned()
        + "\n\ndata: [DONE]\n\n";
    let stream = Action::sse([
        Chunk::new(Bytes::from(first)),
        Chunk::after(Duration::from_millis(300), Bytes::from(last)),
    ]);
    stage.upstream.rule(Rule::always(stream));
    let outcome = stage.admin.post(&path, &json!({"stream": true})).await?;
    assert_eq!(outcome["ok"], true, "{outcome}");
    let times = (
        outcome["first_token_ms"].as_u64(),
        outcome["latency_ms"].as_u64(),
    );
    let (Some(first_token_ms), Some(latency_ms)) = times else {
        anyhow::bail!("{outcome}");
    };
    assert!(first_token_ms + 200 < latency_ms, "{outcome}");
    let records = stage.upstream.records_of(KEY);
    assert_eq!(records.len(), 2);
    assert!(
        records
            .iter()
            .all(|record| record.model.as_deref() == Some("m"))
    );
    Ok(())
}

#[tokio::test]
async fn a_channel_that_fails_is_shown_with_the_reason() -> Outcome {
    let (stage, path) = stage().await?;
    let path = format!("{path}/test");
    let half = Action::sse([Chunk::new(
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
    )]);
    let refusal = format!("Incorrect API key provided: {KEY}");
    for (action, status, stream, expected) in [
        (
            Action::error(401, "invalid_api_key", &refusal),
            json!(401),
            false,
            "Incorrect API key provided: k-of…nnel",
        ),
        (Action::hang(), Value::Null, false, "no answer in time"),
        (Action::reset(), Value::Null, true, ""),
        (half.then(End::Reset), json!(200), true, ""),
        (
            Action::raw(302, "text/plain", "").header("location", "http://127.0.0.1:1/"),
            json!(302),
            false,
            "not followed",
        ),
    ] {
        stage.upstream.reset();
        stage.upstream.rule(Rule::always(action));
        let outcome = stage.admin.post(&path, &json!({"stream": stream})).await?;
        assert_eq!(
            (&outcome["ok"], &outcome["status"]),
            (&json!(false), &status),
            "{outcome}"
        );
        let error = outcome["error"].as_str().unwrap_or_default();
        assert!(error.len() > 10 && error.contains(expected), "{outcome}");
        assert_eq!(stage.upstream.records().len(), 1, "one call: {outcome}");
    }
    assert!(!stage.gateway.log().contains(KEY));
    // A closed port, and a host name that does not exist.
    for base_url in ["http://127.0.0.1:1/v1", "https://nothing.invalid/v1"] {
        let members = json!({"keys": [KEY], "models": ["m"], "base_url": base_url});
        let channel = stage.channel("nobody", &members).await?;
        let path = format!(
            "/channels/{}/test",
            channel["id"].as_str().unwrap_or_default()
        );
        let outcome = stage.admin.post(&path, &json!({})).await?;
        assert_eq!(
            (&outcome["ok"], &outcome["status"]),
            (&json!(false), &Value::Null),
            "{outcome}"
        );
        assert!(
            outcome["error"]
                .as_str()
                .is_some_and(|error| error.len() > 10),
            "{outcome}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_upstreams_models_are_listed() -> Outcome {
    let (stage, path) = stage().await?;
    let path = format!("{path}/models");
    let list = stage.admin.get(&path).await?;
    assert_eq!(
        list["data"],
        json!([{"id": "gpt-4o-mini"}, {"id": "meta/llama-3.1-405b-instruct"}, {"id": "text-embedding-3-small"}])
    );
    let records = stage.upstream.records_of(KEY);
    assert_eq!(
        (
            records.len(),
            records[0].method.as_str(),
            records[0].path.as_str()
        ),
        (1, "GET", "/v1/models")
    );

    stage
        .upstream
        .rule(Rule::always(Action::error(403, "forbidden", "not for you")));
    let reply = stage.admin.call(Method::GET, &path, None).await?;
    assert_eq!(reply.failure()?, (502, "upstream_failed".to_owned()));
    assert!(
        reply.message()?.contains("403. not for you"),
        "{}",
        reply.text()
    );
    Ok(())
}
