//! Streams that break after their first event: the client must be able to detect it.

use std::time::{Duration, Instant};

use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::Stage;
use serde_json::{Value, json};

use crate::Outcome;

const FIRST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"},\"finish_reason\":null}]}\n\n";
const HALF: &str = "data: {\"choices\":[{\"index\":0,\"del";
const FINISH: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// The `data:` payloads of a stream.
fn events(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect()
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_one_error_and_no_done() -> Outcome {
    let stage = Stage::start().await?;
    let piece = |text: &'static str| Chunk::new(text);
    let rows = [
        ("ends without a finish", Action::sse([piece(FIRST)])),
        ("is closed", Action::sse([piece(FIRST)]).then(End::Close)),
        (
            "is reset",
            Action::sse([piece(FIRST), piece(FIRST)]).then(End::Reset),
        ),
        (
            "is closed inside an event",
            Action::sse([piece(FIRST), piece(HALF)]).then(End::Close),
        ),
        (
            "ends inside an event",
            Action::sse([piece(FIRST), piece(HALF)]),
        ),
        ("idles", Action::sse([piece(FIRST)]).then(End::Hang)),
    ];
    let key = |name: &str| name.replace(' ', "-");
    // A channel that breaks often is left alone for a while, so each row has its own. Even with another one at hand
    // nothing is started again: the client has seen the first event.
    for (name, action) in rows.clone() {
        let first = json!({"keys": [key(name)], "models": [name], "idle_timeout_ms": 1000});
        stage.channel(name, &first).await?;
        let spare = json!({"keys": ["spare"], "models": [name], "priority": 1});
        stage.channel(&format!("{name}, spare"), &spare).await?;
        stage.upstream.rule(Rule::always(action).key(&key(name)));
    }
    for (name, _) in rows {
        let start = Instant::now();
        let reply = stage.whole_stream(name).await?;
        let text = reply.text();
        assert_eq!(reply.status, 200, "{name}: {text}");
        assert!(text.starts_with(FIRST), "{name}: {text}");
        let events = events(&text);
        assert!(!text.contains("[DONE]"), "{name}: {text}");
        assert_eq!(
            text.matches("stream_incomplete").count(),
            1,
            "{name}: {text}"
        );
        let last: Value = serde_json::from_str(events[events.len() - 1])?;
        assert_eq!(last["error"]["code"], "stream_incomplete", "{name}: {text}");
        for member in ["message", "type", "param"] {
            assert!(
                last["error"].get(member).is_some(),
                "{name}: {member} in {last}"
            );
        }
        assert!(text.ends_with("\n\n"), "{name}: the event is complete");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{name}: {:?}",
            start.elapsed()
        );
    }
    assert!(stage.upstream.records_of("spare").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_finish_reason_or_done_makes_a_stream_complete() -> Outcome {
    let stage = Stage::with_channel().await?;
    let piece = |text: &'static str| Chunk::new(text);
    for pieces in [
        vec![piece(FIRST), piece(FINISH)],
        vec![piece(FIRST), piece("data: [DONE]\n\n")],
    ] {
        stage.upstream.reset();
        stage.upstream.rule(Rule::always(Action::sse(pieces)));
        let text = stage.whole_stream("m").await?.text();
        assert!(text.starts_with(FIRST), "{text}");
        assert!(!text.contains("error"), "{text}");
    }
    Ok(())
}
