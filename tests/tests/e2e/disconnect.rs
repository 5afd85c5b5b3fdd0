//! Clients that go: the upstream's request must end with them.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Stage, eventually};

use crate::Outcome;

/// The contract's second, and some for the record to be read.
const WITHIN: Duration = Duration::from_millis(1_200);

#[tokio::test]
async fn leaving_a_stream_ends_the_upstreams_request() -> Outcome {
    let stage = Stage::with_channel().await?;
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
    stage.upstream.rule(Rule::always(
        Action::sse([Chunk::new(first)]).then(End::Hang),
    ));
    let mut body = stage.stream("m").await?.bytes_stream();
    assert!(body.next().await.is_some());
    assert_eq!(stage.upstream.records()[0].client_gone_at_us, None);
    drop(body);
    eventually(WITHIN, "the upstream sees the stream's end", async || {
        Ok(stage.upstream.records()[0].client_gone_at_us.is_some())
    })
    .await
}

#[tokio::test]
async fn leaving_before_the_first_byte_ends_the_upstreams_request() -> Outcome {
    let stage = Stage::with_channel().await?;
    stage.upstream.rule(Rule::always(Action::hang()));
    let waiting = tokio::spawn(
        stage
            .request("/v1/chat/completions")
            .body(r#"{"model":"m"}"#)
            .send(),
    );
    eventually(Duration::from_secs(5), "the request arrives", async || {
        Ok(!stage.upstream.records().is_empty())
    })
    .await?;
    waiting.abort();
    let left = Instant::now();
    eventually(WITHIN, "the upstream sees the request's end", async || {
        Ok(stage.upstream.records()[0].client_gone_at_us.is_some())
    })
    .await?;
    assert!(left.elapsed() < WITHIN);
    assert_eq!(
        stage.upstream.records().len(),
        1,
        "nothing was tried again for nobody"
    );
    Ok(())
}
