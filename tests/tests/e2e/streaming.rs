//! Streams that go well: timing, bytes, the usage flag.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Stage, now_us};

use crate::Outcome;

fn event(index: usize) -> String {
    format!(
        "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"é{index} \"}},\"finish_reason\":null}}]}}\n\n"
    )
}

const END: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn two_hundred_chunks_arrive_one_by_one_as_they_are_sent() -> Outcome {
    let stage = Stage::with_channel().await?;
    let mut pieces: Vec<String> = (0..199).map(event).collect();
    pieces.push(END.to_owned());
    let whole = pieces.concat();
    let interval = Duration::from_millis(20);
    stage.upstream.rule(Rule::always(Action::sse(
        pieces
            .into_iter()
            .map(|piece| Chunk::after(interval, piece)),
    )));

    let response = stage.stream("m").await?;
    assert_eq!(response.status().as_u16(), 200);
    let mut arrivals = Vec::new();
    let mut bytes = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        let piece: Bytes = piece?;
        arrivals.push(now_us());
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(String::from_utf8_lossy(&bytes), whole, "byte for byte");

    let record = stage.upstream.records().swap_remove(0);
    let first_sent = record.at_us + 20_000;
    let first_delay = arrivals[0].saturating_sub(first_sent);
    assert!(
        first_delay < 100_000,
        "the first chunk came {first_delay} µs after the upstream's"
    );
    let last_sent = record.ended_at_us.unwrap_or_default();
    let last_delay = arrivals[arrivals.len() - 1].saturating_sub(last_sent);
    assert!(
        last_delay < 100_000,
        "the last chunk came {last_delay} µs after the upstream's"
    );
    // A busy machine may join a few neighbours; a gateway that collects would join many.
    assert!(arrivals.len() >= 150, "{} pieces arrived", arrivals.len());
    Ok(())
}

#[tokio::test]
async fn any_chunk_boundaries_and_line_ends_pass_byte_for_byte() -> Outcome {
    let stage = Stage::with_channel().await?;
    let mut long = event(0);
    long.insert_str(
        long.len() - 4,
        &format!(",\"pad\":\"{}\"", "ü".repeat(1024 * 1024)),
    );
    let lf = format!("{}{}{END}", event(1), event(2));
    let crlf = lf.replace('\n', "\r\n");
    let bodies = [
        (lf.clone(), 1),
        (crlf, 7),
        (format!("{}{long}{END}", event(3)), 60_000),
        (lf, 1 << 20),
    ];
    for (body, size) in bodies {
        let pieces = body.as_bytes().chunks(size).map(Bytes::copy_from_slice);
        // A pause between pieces, so that the kernel does not put them together again.
        let pause = Duration::from_millis(1);
        stage.upstream.reset();
        stage.upstream.rule(Rule::always(Action::sse(
            pieces.map(|piece| Chunk::after(pause, piece)),
        )));
        let reply = stage.whole_stream("m").await?;
        assert_eq!(reply.status, 200);
        assert!(
            reply.text() == body,
            "pieces of {size}: {} bytes of {}",
            reply.body.len(),
            body.len()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_first_event_of_megabytes_in_small_pieces_passes() -> Outcome {
    let stage = Stage::with_channel().await?;
    let mut first = event(0);
    first.insert_str(
        first.len() - 4,
        &format!(",\"pad\":\"{}\"", "x".repeat(4 * 1024 * 1024)),
    );
    let body = format!("{first}{END}");
    let pieces = body.as_bytes().chunks(2_000).map(Bytes::copy_from_slice);
    stage
        .upstream
        .rule(Rule::always(Action::sse(pieces.map(Chunk::new))));
    let reply = stage.whole_stream("m").await?;
    assert_eq!(reply.status, 200);
    assert!(
        reply.text() == body,
        "{} bytes of {}",
        reply.body.len(),
        body.len()
    );
    Ok(())
}
