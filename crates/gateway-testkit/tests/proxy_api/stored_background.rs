//! Responses that are made in the background: their usage is counted once, by the request that gets their end.

use bytes::Bytes;
use gateway_testkit::fakes::FakeReply;
use http::Method;

use super::ledger::count;
use super::setup::*;
use super::stored_responses::{call, elsewhere, last_call, make, response, stage};

#[test]
fn the_usage_of_a_response_in_the_background_is_counted_once() {
    let stage = stage();
    let queued =
        r#"{"id":"resp_1","object":"response","status":"queued","output":[],"usage":null}"#;
    stage.upstream(move |_| FakeReply::json(200, queued));
    make(
        &stage,
        r#"{"model":"m","input":"a long question","background":true}"#,
    );
    let tokens = "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM request";
    assert_eq!(count(&stage, tokens), 0);
    let poll = || elsewhere(&stage, call(&Method::GET, "/v1/responses/resp_1", KEY));
    assert_eq!(poll().json()["status"], "queued");
    assert_eq!(count(&stage, tokens), 0);
    stage.upstream(|_| FakeReply::json(200, response("resp_1", "completed")));
    for _ in 0..3 {
        assert_eq!(poll().json()["status"], "completed");
        assert_eq!(count(&stage, tokens), 7);
    }
    assert_eq!(count(&stage, "SELECT unsettled FROM response"), 0);
}

#[test]
fn the_usage_is_also_counted_when_the_response_is_followed_as_a_stream() {
    let stage = stage();
    let queued =
        r#"{"id":"resp_1","object":"response","status":"queued","output":[],"usage":null}"#;
    stage.upstream(move |_| FakeReply::json(200, queued));
    make(&stage, r#"{"model":"m","input":"x","background":true}"#);
    let done = r#"data: {"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":4,"output_tokens":2}}}"#;
    stage.upstream(move |_| {
        FakeReply::pieces(
            200,
            "text/event-stream",
            [Bytes::from(format!("{done}\n\n"))],
        )
    });
    let path = "/v1/responses/resp_1?stream=true&starting_after=3";
    for _ in 0..2 {
        let answer = elsewhere(&stage, call(&Method::GET, path, KEY));
        assert_eq!(answer.text(), format!("{done}\n\n"));
        assert_eq!(
            last_call(&stage).head.uri.query(),
            Some("stream=true&starting_after=3")
        );
    }
    let tokens = "SELECT sum(prompt_tokens + completion_tokens) FROM request";
    assert_eq!(count(&stage, tokens), 6);
}

#[test]
fn a_background_stream_is_counted_by_the_request_that_gets_its_end() {
    let begin = r#"data: {"type":"response.created","response":{"id":"resp_1","status":"queued","background":true}}"#;
    let text = r#"data: {"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"some text"}"#;
    let end = r#"data: {"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":5,"output_tokens":2}}}"#;
    let tokens = "SELECT sum(prompt_tokens + completion_tokens) FROM request";
    let asking = r#"{"model":"m","input":"x","background":true,"stream":true}"#;
    // When the stream breaks off, the client asks for the rest.
    for is_whole in [true, false] {
        let stage = stage();
        stage.upstream(move |call| {
            if call.head.method == Method::GET {
                return FakeReply::json(200, response("resp_1", "completed"));
            }
            let lines = if is_whole {
                vec![begin, text, end]
            } else {
                vec![begin, text]
            };
            let pieces = lines
                .into_iter()
                .map(|line| Bytes::from(format!("{line}\n\n")));
            FakeReply::pieces(200, "text/event-stream", pieces)
        });
        make(&stage, asking);
        assert_eq!(count(&stage, tokens), if is_whole { 7 } else { 0 });
        for _ in 0..2 {
            let path = "/v1/responses/resp_1";
            assert_eq!(elsewhere(&stage, call(&Method::GET, path, KEY)).status, 200);
            assert_eq!(count(&stage, tokens), 7);
        }
    }
}
