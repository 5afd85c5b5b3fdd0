//! What events and whole answers of every kind mean.

use super::*;
use crate::wire::usage::ServiceTier;

#[test]
fn events_mean_what_upstreams_mean() {
    let cases: &[(&str, Signal)] = &[
        ("", Signal::Nothing),
        ("[DONE]", Signal::Done),
        (
            r#"{"choices":[],"prompt_filter_results":[]}"#,
            Signal::Nothing,
        ),
        (
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
            Signal::Content,
        ),
        (
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            Signal::Finish,
        ),
        (
            r#"{"error":{"code":502,"message":"x"},"choices":[{"delta":{},"finish_reason":"error"}]}"#,
            Signal::Error,
        ),
        (r#"{"choices":[{"finish_reason":"error"}]}"#, Signal::Error),
        (r#"{"error":{"message":"x"}}"#, Signal::Error),
        (
            r#"{"error":null,"choices":[{"delta":{}}]}"#,
            Signal::Nothing,
        ),
        (
            r#"{"type":"response.created","response":{"error":null}}"#,
            Signal::Nothing,
        ),
        (
            r#"{"type":"response.output_text.delta","delta":"x"}"#,
            Signal::Content,
        ),
        (r#"{"type":"response.completed"}"#, Signal::Finish),
        (r#"{"type":"response.failed"}"#, Signal::Error),
        ("plain text", Signal::Content),
    ];
    for (data, expected) in cases {
        assert_eq!(read(Some(data.as_bytes())).signal, *expected, "{data}");
    }
    assert_eq!(read(None), EventSignal::of(Signal::Nothing));
}

#[test]
fn usage_is_found_in_every_kind_of_stream() {
    let read = |data: &str| read(Some(data.as_bytes()));
    let tokens = |data: &str| {
        read(data)
            .usage
            .map(|usage| (usage.prompt_tokens, usage.completion_tokens))
    };
    let extra = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#;
    assert_eq!(tokens(extra), Some((9, 12)));
    assert!(read(extra).is_usage_only);
    let last = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#;
    assert_eq!(tokens(last), Some((9, 12)));
    assert!(!read(last).is_usage_only, "it ends the answer as well");
    let plain = r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
    assert_eq!(read(plain).signal, Signal::Content);
    assert_eq!((read(plain).usage, read(plain).content_bytes), (None, 1));
    let filter = r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    assert!(
        !read(filter).is_usage_only,
        "Azure's start-up chunk is passed on"
    );
    let completed = r#"{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":3,"output_tokens":4}}}"#;
    assert_eq!(tokens(completed), Some((3, 4)));
    let start =
        r#"{"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}"#;
    assert_eq!(tokens(start), Some((25, 1)));
    let groq = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"queue_time":0.01,"prompt_tokens":5,"completion_tokens":6}}}"#;
    assert_eq!(tokens(groq), Some((5, 6)));
    let failed = r#"{"error":{"code":502,"message":"x"},"choices":[],"usage":{"prompt_tokens":9}}"#;
    assert!(!read(failed).is_usage_only, "an error is never dropped");
    let odd = r#"{"choices":[],"usage":{"queue_time":3}}"#;
    assert!(read(odd).is_usage_only && read(odd).usage.is_none());
    let tier = |data: &str| read(data).usage.and_then(|usage| usage.service_tier);
    let flex = r#"{"service_tier":"flex","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}"#;
    assert_eq!(tier(flex), Some(ServiceTier::Flex));
    let priority = r#"{"type":"response.completed","response":{"service_tier":"priority","usage":{"input_tokens":3}}}"#;
    assert_eq!(tier(priority), Some(ServiceTier::Priority));
    let batch =
        r#"{"type":"message_start","message":{"usage":{"input_tokens":2,"service_tier":"batch"}}}"#;
    assert_eq!(tier(batch), Some(ServiceTier::Batch));
    assert_eq!(tier(extra), None);
    let heard = r#"{"type":"transcript.text.done","usage":{"type":"duration","seconds":3}}"#;
    assert_eq!(read(heard).usage.map(|usage| usage.media_ms), Some(3_000));
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}"#;
    assert_eq!(tokens(delta), Some((0, 15)));
}

#[test]
fn good_bodies_that_mention_errors_stay_good() {
    assert!(!body_is_error(
        br#"{"choices":[{"message":{"content":"an error"},"finish_reason":"stop"}]}"#
    ));
    assert!(!body_is_error(br#"{"error":null,"data":[]}"#));
    assert!(body_is_error(br#"{"error":{"code":429,"message":"slow"}}"#));
    assert!(body_is_error(
        br#"{"choices":[{"error":{"code":502,"message":"x"},"finish_reason":"error"}]}"#
    ));
    assert!(!body_is_error(b"error: plain text"));
}

fn signal_of(data: &str) -> Signal {
    read(Some(data.as_bytes())).signal
}

#[test]
fn what_only_begins_proves_nothing() {
    let nothing = [
        // Chat completions and completions.
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[]},"finish_reason":""}]}"#,
        r#"{"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":null}]}"#,
        r#"{"choices":[]}"#,
        r#"{"error":{}}"#,
        // Anthropic's messages.
        r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":25}}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":""}}"#,
        // Responses.
        r#"{"type":"response.created","response":{"id":"r","output":[]}}"#,
        r#"{"type":"response.in_progress","response":{"id":"r"}}"#,
        r#"{"type":"response.output_item.added","item":{"id":"m","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_item.added","item":{"id":"rs","type":"reasoning","summary":[]}}"#,
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}}"#,
        r#"{"type":"response.reasoning_summary_part.added","part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.output_text.delta","delta":"","logprobs":[]}"#,
    ];
    for data in nothing {
        assert_eq!(signal_of(data), Signal::Nothing, "{data}");
    }
    let content = [
        r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#,
        r#"{"type":"chunk","choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_start","content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        r#"{"type":"response.output_item.added","item":{"id":"f","type":"function_call","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_text.delta","delta":"x"}"#,
        r#"{"type":"response.output_text.done","text":"x"}"#,
        r#"{"type":"speech.audio.delta","audio":"UklG"}"#,
        r#"{"type":"image_generation.partial_image","b64_json":"x"}"#,
    ];
    for data in content {
        assert_eq!(signal_of(data), Signal::Content, "{data}");
    }
}

#[test]
fn empty_errors_are_none() {
    let empty = [
        "null",
        r#""""#,
        "{}",
        "[]",
        "false",
        "0",
        r#"{"message":"","code":null}"#,
    ];
    for error in empty {
        let body = format!(
            r#"{{"error":{error},"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop","error":{error}}}]}}"#
        );
        assert!(!body_is_error(body.as_bytes()), "{error}");
        let event = format!(r#"{{"error":{error},"choices":[{{"delta":{{"content":"a"}}}}]}}"#);
        assert_eq!(signal_of(&event), Signal::Content, "{error}");
        let typed = format!(r#"{{"type":"response.completed","error":{error}}}"#);
        assert_eq!(signal_of(&typed), Signal::Finish, "{error}");
    }
    for error in [
        r#""x""#,
        r#"{"message":"x"}"#,
        r#"{"code":429}"#,
        "true",
        "1",
        "[1]",
    ] {
        let body = format!(r#"{{"error":{error},"choices":[{{"delta":{{"content":"a"}}}}]}}"#);
        assert!(body_is_error(body.as_bytes()), "{error}");
        assert_eq!(signal_of(&body), Signal::Error, "{error}");
    }
}

#[test]
fn errors_in_other_shapes_are_errors() {
    let errors = [
        r#"{"code":"DataInspectionFailed","message":"x","request_id":"r"}"#,
        r#"{"code":1113,"msg":"no balance"}"#,
        r#"{"object":"response","status":"failed","error":null,"output":[]}"#,
        r#"{"object":"response","status":"failed","error":{"code":"invalid_image","message":"x"}}"#,
    ];
    for body in errors {
        assert!(body_is_error(body.as_bytes()), "{body}");
        assert_eq!(signal_of(body), Signal::Error, "{body}");
    }
    let answers = [
        r#"{"code":200,"msg":"success","data":{"a":1}}"#,
        r#"{"code":0,"message":"ok"}"#,
        r#"{"code":"x","message":"y","data":[1]}"#,
        r#"{"code":"x","message":{"role":"assistant","content":"a"}}"#,
        r#"{"object":"response","status":"incomplete","error":null,"output":[]}"#,
        r#"{"status":"failed"}"#,
        r#"{"id":"x","object":"list","code":"a","message":"b"}"#,
    ];
    for body in answers {
        assert!(!body_is_error(body.as_bytes()), "{body}");
    }
}

#[test]
fn the_extra_chunk_is_known_by_its_usage_and_by_having_nothing_else() {
    let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":12}"#;
    for choices in [r#""choices":[],"#, r#""choices":null,"#, ""] {
        let chunk = format!(r#"{{"id":"c","object":"chat.completion.chunk",{choices}{usage}}}"#);
        let event = read(Some(chunk.as_bytes()));
        assert!(event.is_usage_only && event.usage.is_some(), "{chunk}");
        assert_eq!(event.signal, Signal::Nothing, "{chunk}");
    }
    for other in [
        r#""choices":[{"delta":{}}]"#,
        r#""content":"a""#,
        r#""output":["a"]"#,
        r#""data":[{"b64_json":"x"}]"#,
        r#""type":"message_delta","delta":{"stop_reason":"end_turn"}"#,
        r#""error":{"message":"x"}"#,
    ] {
        let event = format!("{{{other},{usage}}}");
        assert!(!read(Some(event.as_bytes())).is_usage_only, "{event}");
    }
}

#[test]
fn a_stream_is_whole_with_a_final_event_or_when_all_choices_have_ended() {
    let whole = |events: &[&str]| {
        let mut ending = Ending::default();
        for data in events {
            ending.take_in(&read(Some(data.as_bytes())));
        }
        ending.is_whole()
    };
    let open = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":""},{"index":1,"delta":{"content":"b"}}]}"#;
    let first = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let second = r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#;
    assert!(!whole(&[open]));
    assert!(!whole(&[open, first]));
    assert!(whole(&[open, first, second]));
    assert!(whole(&[first]));
    assert!(!whole(&[
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#
    ]));
    assert!(whole(&[r#"{"type":"message_stop"}"#]));
    assert!(whole(&[r#"{"type":"response.incomplete"}"#]));
    assert!(
        !whole(&["[DONE]"]),
        "the mark is not an event of the answer"
    );
}
