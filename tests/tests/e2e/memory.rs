//! What one client can do to an instance that serves others: bodies of any shape and size never end it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use gateway_testkit::packed;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Reply, Setup, Stage, instances_are_single_use};
use serde_json::json;

use crate::Outcome;

const CHAT: &str = "/v1/chat/completions";
const MIB: usize = 1 << 20;

/// Bodies of about `bytes`, with their content type and coding.
fn shapes(bytes: usize) -> Vec<(&'static str, Option<&'static str>, Bytes)> {
    let json = "application/json";
    let fill = |head: &str, part: &str, tail: &str| {
        let count = bytes.saturating_sub(head.len() + tail.len()) / part.len();
        Bytes::from([head, &part.repeat(count), tail].concat())
    };
    let depth = bytes / 2;
    let nested = format!(
        r#"{{"model":"alias","x":{}{}}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let form = fill(
        "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nalias\r\n",
        "--b\r\ncontent-disposition: form-data; name=\"x\"\r\n\r\ny\r\n",
        "--b--\r\n",
    );
    let upload = fill(
        "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nalias\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n",
        "0123456789abcdef",
        "\r\n--b--\r\n",
    );
    let text = fill(r#"{"model":"alias","x":""#, "text and ", r#""}"#);
    let multipart = "multipart/form-data; boundary=b";
    vec![
        (
            json,
            None,
            fill(r#"{"model":"alias","#, r#""":1,"#, r#""b":1}"#),
        ),
        (json, None, Bytes::from(nested)),
        (json, None, text.clone()),
        (
            json,
            None,
            fill(
                r#"{"model":"alias","messages":["#,
                r#"{"role":"user","content":"\u00e9"},"#,
                "null]}",
            ),
        ),
        (
            json,
            None,
            fill(r#"{"model":"alias","stream_options":{"x":""#, "y", r#""}}"#),
        ),
        (
            json,
            Some("gzip"),
            Bytes::from(packed::whole("gzip", &text)),
        ),
        (multipart, None, form),
        (multipart, None, upload),
    ]
}

/// A stage with one instance, and a stream of another key that goes on for `events` tenths of a second.
async fn stage(events: usize) -> anyhow::Result<(Stage, String)> {
    // Where an instance lives for one request, several of them are needed to serve any at once.
    let instances = if instances_are_single_use() {
        "16"
    } else {
        "1"
    };
    let stage = Stage::start_with(&Setup::default().option("--max-instances", instances)).await?;
    stage
        .channel(
            "many",
            &json!({"keys": ["k"], "model_map": {"alias": "the-real-name"}}),
        )
        .await?;
    stage
        .channel("slow", &json!({"keys": ["s"], "models": ["slow"]}))
        .await?;
    let (_, other) = stage.admin.client_key(&json!({"name": "other"})).await?;
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let events = std::iter::repeat_n(event, events).chain([end]);
    let chunks = events.map(|event| Chunk::after(Duration::from_millis(100), event));
    stage
        .upstream
        .rule(Rule::always(Action::sse(chunks)).key("s"));
    Ok((stage, other))
}

async fn slow_stream(stage: &Stage, key: &str) -> anyhow::Result<String> {
    let request = stage
        .http
        .post(stage.gateway.url(CHAT))
        .bearer_auth(key)
        .header("content-type", "application/json")
        .body(r#"{"model":"slow","stream":true}"#);
    Ok(Reply::of(request).await?.text())
}

/// One upload, with a length or without.
async fn upload(
    stage: &Stage,
    (content_type, coding, body): (&str, Option<&str>, Bytes),
    is_chunked: bool,
) -> anyhow::Result<u16> {
    let path = if content_type.starts_with("multipart") {
        "/v1/audio/transcriptions"
    } else {
        CHAT
    };
    let mut request = stage
        .http
        .post(stage.gateway.url(path))
        .bearer_auth(&stage.key)
        .header("content-type", content_type);
    if let Some(coding) = coding {
        request = request.header("content-encoding", coding);
    }
    let body = if is_chunked {
        let pieces: Vec<_> = (0..body.len())
            .step_by(100_000)
            .map(|at| Ok::<_, std::io::Error>(body.slice(at..body.len().min(at + 100_000))))
            .collect();
        reqwest::Body::wrap_stream(stream::iter(pieces))
    } else {
        reqwest::Body::from(body)
    };
    let reply = Reply::of(request.body(body)).await?;
    match reply.status {
        200 => {}
        503 => {
            assert_eq!(reply.failure()?, (503, "instance_busy".to_owned()));
            assert_eq!(reply.header("retry-after"), Some("5"));
        }
        _ => assert!(
            reply.status == 400 || reply.status == 413,
            "{}: {}",
            reply.status,
            reply.text()
        ),
    }
    Ok(reply.status)
}

fn assert_uncut(stream: &str, stage: &Stage) {
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    assert!(!stream.contains("error"), "{stream}");
    let log = stage.gateway.log();
    assert!(!log.contains("was ended"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_requests_at_once_of_any_shape_never_end_an_instance() -> Outcome {
    let (stage, other) = stage(150).await?;
    let (large, small) = (shapes(27 * MIB), shapes(3 * MIB));
    let uploads = (0..63).map(|number| {
        let shapes = if number % 4 == 0 { &large } else { &small };
        let shape = shapes[number / 4 % shapes.len()].clone();
        upload(&stage, shape, number % 3 == 0)
    });
    let (stream, statuses) = tokio::join!(slow_stream(&stage, &other), join_all(uploads));
    let statuses: Vec<u16> = statuses.into_iter().collect::<anyhow::Result<_>>()?;
    assert_uncut(&stream?, &stage);
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!(answered > 0, "{statuses:?}");
    assert_eq!(stage.chat("alias").await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_without_a_length_take_turns() -> Outcome {
    let (stage, other) = stage(60).await?;
    let body = shapes(31 * MIB).swap_remove(2);
    let uploads = (0..7).map(|_| upload(&stage, body.clone(), true));
    let (stream, statuses) = tokio::join!(slow_stream(&stage, &other), join_all(uploads));
    let statuses: Vec<u16> = statuses.into_iter().collect::<anyhow::Result<_>>()?;
    assert_uncut(&stream?, &stage);
    assert!(statuses.contains(&200), "{statuses:?}");
    Ok(())
}
