//! The second half of the matrix: every way in which a stream fails after its first event × one or two channels × one
//! or three keys. The client has seen the event, so nothing is retried; it must be able to detect the failure.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::Stage;
use serde_json::{Value, json};

use crate::Outcome;

const IDLE_MS: u64 = 500;
const FIRST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"},\"finish_reason\":null}]}\n\n";
const HALF: &str = "data: {\"choices\":[{\"index\":0,\"del";

fn faults() -> Vec<(String, Action)> {
    let first = || Chunk::new(FIRST);
    let mut faults = vec![
        ("ends".to_owned(), Action::sse([first()])),
        (
            "ends-in-event".to_owned(),
            Action::sse([first(), Chunk::new(HALF)]),
        ),
        ("close".to_owned(), Action::sse([first()]).then(End::Close)),
        (
            "close-in-event".to_owned(),
            Action::sse([first(), Chunk::new(HALF)]).then(End::Close),
        ),
        (
            "reset".to_owned(),
            Action::sse([first(), first()]).then(End::Reset),
        ),
        ("idle".to_owned(), Action::sse([first()]).then(End::Hang)),
        (
            "idle-in-event".to_owned(),
            Action::sse([first(), Chunk::new(HALF)]).then(End::Hang),
        ),
    ];
    for status in [400, 401, 402, 404, 408, 429, 500, 503] {
        let error = json!({"error": {"code": status, "message": "it broke"}});
        let pause = Duration::from_millis(5);
        let action = Action::sse([
            first(),
            Chunk::after(pause, format!("data: {error}\n\n")),
            Chunk::new("data: [DONE]\n\n"),
        ]);
        faults.push((format!("error-{status}"), action));
    }
    let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\",\"error\":{\"code\":502,\"message\":\"x\"}}]}\n\n";
    faults.push((
        "finish-error".to_owned(),
        Action::sse([first(), Chunk::new(finish), Chunk::new("data: [DONE]\n\n")]),
    ));
    faults
}

#[tokio::test]
async fn streams_that_fail_after_their_first_event() -> Outcome {
    let stage = Stage::start().await?;
    let mut models = Vec::new();
    for (fault, action) in faults() {
        for (channels, keys) in [(1, 1), (1, 3), (2, 1), (2, 3)] {
            let model = format!("{fault}.{channels}x{keys}");
            for channel in 0..channels {
                let keys: Vec<String> = (0..keys)
                    .map(|key| format!("{model}.{channel}.{key}"))
                    .collect();
                let members = json!({"keys": keys, "models": [model], "priority": channel, "idle_timeout_ms": IDLE_MS});
                stage
                    .channel(&format!("{model}.channel-{channel}"), &members)
                    .await?;
            }
            stage
                .upstream
                .rule(Rule::always(action.clone()).model(&model));
            models.push(model);
        }
    }
    try_join_all(models.iter().map(|model| check(&stage, model))).await?;
    Ok(())
}

async fn check(stage: &Stage, model: &str) -> Outcome {
    let start = Instant::now();
    let reply = stage.whole_stream(model).await?;
    let text = reply.text();
    assert_eq!(reply.status, 200, "{model}: {text}");
    assert_eq!(reply.header("x-gateway-attempts"), Some("1"), "{model}");
    let channel = format!("{model}.channel-0");
    assert_eq!(
        reply.header("x-gateway-channel"),
        Some(&*channel),
        "{model}"
    );
    assert!(text.starts_with(FIRST), "{model}: {text}");
    assert!(!text.contains("[DONE]"), "{model}: {text}");
    assert_eq!(
        text.matches("stream_incomplete").count(),
        1,
        "{model}: {text}"
    );
    assert_eq!(
        text.matches("\"error\"").count(),
        1,
        "{model}: one error, ours: {text}"
    );
    assert!(
        text.ends_with("\n\n"),
        "{model}: the event is complete: {text}"
    );
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back();
    let error: Value = serde_json::from_str(last.unwrap_or_default())?;
    assert_eq!(
        error["error"]["code"], "stream_incomplete",
        "{model}: {text}"
    );
    for member in ["message", "type", "param"] {
        assert!(
            error["error"].get(member).is_some(),
            "{model}: {member}: {text}"
        );
    }
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{model}: {:?}",
        start.elapsed()
    );
    let records = stage.upstream.records();
    let calls: Vec<_> = records
        .iter()
        .filter(|record| record.model.as_deref() == Some(model))
        .collect();
    assert_eq!(calls.len(), 1, "{model}: nothing is tried again");
    let key = calls[0].key.as_deref().unwrap_or_default();
    assert!(key.starts_with(&format!("{model}.0.")), "{model}: {key}");
    Ok(())
}
