//! The order of blocks: parallel calls, and what waits for them.

use super::*;

#[test]
fn reasoning_text_reasoning_call_are_four_blocks() {
    // Cases 7 and 8.
    let content = vec![
        AnswerEvent::Reasoning("h".into()),
        AnswerEvent::Reasoning("m".into()),
        text("a"),
        text("b"),
        AnswerEvent::Reasoning("again".into()),
        call(0, "t", "f"),
        arguments(0, "{\"x\""),
        arguments(0, ":1}"),
        AnswerEvent::CallEnd { index: 0 },
    ];
    let message = answered(content, StopReason::Calls);
    assert_eq!(
        contents(&message),
        ["thinking hm", "text ab", "thinking again", "t f {\"x\":1}"]
    );
    assert_eq!(message["content"][0]["signature"], "");
    assert_eq!(message["id"], "msg_up");
    assert_eq!(message["model"], "claude-x");
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["stop_sequence"], Value::Null);
}

#[test]
fn parallel_calls_never_interleave() {
    // Case 1: the second waits for the first.
    let content = || {
        vec![
            call(0, "a", "f"),
            call(1, "b", "g"),
            arguments(0, "{\"x\":"),
            arguments(1, "{\"y\":"),
            arguments(0, "\"}\"}"),
            arguments(1, "2}"),
            AnswerEvent::CallEnd { index: 0 },
            AnswerEvent::CallEnd { index: 1 },
        ]
    };
    let message = answered(content(), StopReason::Calls);
    assert_eq!(contents(&message), ["a f {\"x\":\"}\"}", "b g {\"y\":2}"]);
    // What waited comes as soon as the first is whole, and the rest at once.
    let mut encoder = MessagesEncoder::new(context());
    let mut counts = Vec::new();
    for event in content() {
        let mut output = Vec::new();
        encoder.event(event, &mut output);
        counts.push(parsed(&output).len());
    }
    // The message and the block; nothing; a delta; nothing; delta, stop, start, delta; a delta; nothing; stop.
    assert_eq!(counts, [2, 0, 1, 0, 4, 1, 0, 1]);
}

#[test]
fn a_call_that_was_followed_by_another_block_takes_no_more_arguments() {
    // White space after the value; what else comes could only make a whole value invalid.
    for more in ["\n ", "}", "{\"x\":1}"] {
        let content = || {
            vec![
                call(0, "a", "f"),
                arguments(0, "{\"x\":1}"),
                call(1, "b", "g"),
                arguments(0, more),
                arguments(1, "{\"y\":2}"),
                AnswerEvent::CallEnd { index: 0 },
                AnswerEvent::CallEnd { index: 1 },
            ]
        };
        let events = with_end(content(), StopReason::Calls);
        let streamed = message(&encoded(&events, context()));
        assert_eq!(contents(&streamed), ["a f {\"x\":1}", "b g {\"y\":2}"]);
    }
}

#[test]
fn other_blocks_wait_for_a_call_that_is_not_whole() {
    let content = vec![
        call(0, "a", "f"),
        arguments(0, "{"),
        text("one "),
        text("text"),
        AnswerEvent::BlockEnd,
        text("other"),
        AnswerEvent::Reasoning("hm".into()),
        AnswerEvent::ReasoningState(state()),
        call(1, "b", "g"),
        AnswerEvent::CallEnd { index: 1 },
        AnswerEvent::WebSearch {
            id: "ws".into(),
            query: "q".into(),
            results: Vec::new(),
        },
        arguments(0, "}"),
        text("last"),
    ];
    let message = answered(content, StopReason::Calls);
    let expected = [
        "a f {}",
        "text one text",
        "text other",
        "thinking hm",
        "b g {}",
        "server_tool_use",
        "web_search_tool_result",
        "text last",
    ];
    assert_eq!(contents(&message), expected);
    let envelope = message["content"][3]["signature"].as_str().unwrap();
    assert_eq!(context().envelope.open(envelope), Some(state()));
}

#[test]
fn a_text_goes_on_in_the_block_that_has_waited() {
    let content = vec![
        call(0, "a", "f"),
        arguments(0, "{"),
        text("one "),
        arguments(0, "}"),
        text("text"),
    ];
    let message = answered(content, StopReason::Calls);
    assert_eq!(contents(&message), ["a f {}", "text one text"]);
    // Thinking that has ended has no state any more.
    let content = vec![
        call(0, "a", "f"),
        arguments(0, "{"),
        AnswerEvent::Reasoning("hm".into()),
        AnswerEvent::BlockEnd,
        AnswerEvent::ReasoningState(state()),
        AnswerEvent::ReasoningState(state()),
        arguments(0, "}"),
    ];
    let message = answered(content, StopReason::Calls);
    let expected = ["a f {}", "thinking hm", "thinking ", "thinking "];
    assert_eq!(contents(&message), expected);
    assert_eq!(message["content"][1]["signature"], "");
}

#[test]
fn a_call_that_has_ended_while_it_waited_holds_up_nothing() {
    let mut encoder = MessagesEncoder::new(context());
    let mut output = Vec::new();
    for event in [
        call(0, "a", "f"),
        arguments(0, "{"),
        call(1, "b", "g"),
        AnswerEvent::CallEnd { index: 1 },
        text("next"),
        arguments(0, "}"),
    ] {
        encoder.event(event, &mut output);
    }
    let last = parsed(&output).pop().unwrap();
    let delta = json!({"type": "text_delta", "text": "next"});
    assert_eq!(last["delta"], delta);
}

#[test]
fn a_cut_call_is_never_repaired() {
    // Case 5.
    let content = || vec![text("a"), call(0, "t", "f"), arguments(0, "{\"x\":")];
    let events = with_end(content(), StopReason::Length);
    let streamed = message(&encoded(&events, context()));
    assert_eq!(streamed["stop_reason"], "max_tokens");
    assert_eq!(
        streamed["content"][1]["input"],
        json!({"broken": "{\"x\":"})
    );
    let whole_message = whole(&events).unwrap();
    assert_eq!(contents(&whole_message), ["text a"]);
    assert_eq!(whole_message["stop_reason"], "max_tokens");
    for broken in ["{\"x\":", "[]", "7", "{} {}"] {
        let content = vec![call(0, "t", "f"), arguments(0, broken)];
        assert!(
            whole(&with_end(content, StopReason::Calls)).is_err(),
            "{broken}"
        );
    }
}
