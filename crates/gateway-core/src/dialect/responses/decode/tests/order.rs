//! Which item an event belongs to, what of several items at once comes first, and what a stream leaves open.

use serde_json::json;

use super::*;

fn delta(index: u64, part: u64, text: &str) -> serde_json::Value {
    event(
        "output_text.delta",
        index,
        &json!({"item_id": format!("m{index}"), "content_index": part, "delta": text}),
    )
}

fn added(item: &serde_json::Value) -> serde_json::Value {
    json!({"type": "response.output_item.added", "item": item})
}

fn function(id: &str, call_id: &str, name: &str) -> serde_json::Value {
    json!({"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": ""})
}

fn more(id: &str, json: &str) -> serde_json::Value {
    json!({"type": "response.function_call_arguments.delta", "item_id": id, "delta": json})
}

#[test]
fn every_kind_of_text_is_read_in_pieces_and_whole() {
    let refusal = || vec![Block::Refusal("no".to_owned())];
    let thought = || vec![reasoning("no", None)];
    let rows = [
        ("output_text", "text", vec![text("no")]),
        ("refusal", "refusal", refusal()),
        ("reasoning_summary_text", "text", thought()),
        ("reasoning_text", "text", thought()),
        ("reasoning", "text", thought()),
        ("audio_transcript", "text", vec![]),
    ];
    for (name, member, expected) in rows {
        let pieces = ["n", "o"].map(|piece| {
            let kind = format!("{name}.delta");
            event(&kind, 0, &json!({"delta": piece}))
        });
        assert_eq!(blocks(&pieces), expected, "{name}");
        let whole = event(&format!("{name}.done"), 0, &json!({member: "no"}));
        assert_eq!(blocks(&[whole]), expected, "{name}");
    }
}

#[test]
fn the_mark_of_another_dialect_means_nothing_and_neither_do_late_events() {
    let data = [delta(0, 0, "a").to_string(), "[DONE]".to_owned()];
    assert_eq!(decoded(&data).unwrap().0.blocks, [text("a")]);
    let completed = json!({"type": "response.completed", "response": {}});
    let data = [delta(0, 0, "a"), completed, delta(0, 0, "late")];
    assert_eq!(blocks(&data), [text("a")]);
}

#[test]
fn texts_at_different_places_are_different_ones_also_without_ids() {
    let piece = |index: u64, text: &str| event("output_text.delta", index, &json!({"delta": text}));
    let data = [piece(0, "a"), piece(1, "x"), piece(0, "b"), piece(1, "y")];
    assert_eq!(blocks(&data), [text("ab"), text("xy")]);
}

#[test]
fn a_call_may_begin_before_its_item_is_known() {
    let named = function("fc", "c", "f");
    let rows = [
        // Arguments first.
        (
            vec![more("fc", "{"), added(&named), more("fc", "}")],
            vec![call(0, "c", "f", "{}")],
        ),
        // The name comes last.
        (
            vec![
                added(&function("fc", "c", "")),
                more("fc", "{}"),
                json!({"type": "response.output_item.done", "item": named}),
            ],
            vec![call(0, "c", "f", "{}")],
        ),
        // Without any ids of items the last one goes on.
        (
            vec![
                added(&function("", "a", "f")),
                more("", "[1]"),
                added(&function("", "b", "g")),
                more("", "[2]"),
            ],
            vec![call(0, "a", "f", "[1]"), call(1, "b", "g", "[2]")],
        ),
        // Without an id of the call it gets one.
        (
            vec![added(&function("fc", "", "f"))],
            vec![call(0, &crate::dialect::ids::made_call_id("", 0), "f", "")],
        ),
    ];
    for (data, expected) in rows {
        assert_eq!(blocks(&data), expected, "{data:?}");
    }
}

#[test]
fn a_message_that_only_the_last_event_has_is_not_lost_behind_calls() {
    let message =
        json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]});
    let function = function("fc", "c", "f");
    let data = [
        event("output_item.added", 1, &json!({"item": function})),
        event("output_item.done", 1, &json!({"item": function})),
        json!({"type": "response.completed", "response": {"output": [message, function]}}),
    ];
    assert_eq!(blocks(&data), [call(0, "c", "f", ""), text("hi")]);
}

#[test]
fn what_is_open_at_the_end_ends() {
    let message = json!({"type": "message", "id": "m0", "content": []});
    let data = [
        added(&message),
        added(&function("fc", "c", "f")),
        json!({"type": "response.completed", "response": {"id": "r"}}),
    ];
    let data = data.map(|event| event.to_string());
    let (answer, shown) = decoded(&data).unwrap();
    assert_eq!(answer.blocks, [call(0, "c", "f", "")]);
    assert_eq!(shown, [AnswerEvent::CallEnd { index: 0 }, AnswerEvent::End]);
}

#[test]
fn a_text_that_goes_on_after_all_holds_up_the_others_again() {
    let done = event(
        "output_text.done",
        0,
        &json!({"item_id": "m0", "content_index": 0, "text": "a"}),
    );
    let data = [
        delta(0, 0, "a"),
        done,
        delta(0, 1, "b"),
        delta(1, 0, "x"),
        delta(0, 1, "c"),
    ];
    assert_eq!(blocks(&data), [text("a"), text("bc"), text("x")]);
}

#[test]
fn parts_that_have_waited_are_the_same_blocks() {
    let summary = |part: u64, text: &str| {
        event(
            "reasoning_summary_text.delta",
            1,
            &json!({"item_id": "rs_1", "summary_index": part, "delta": text}),
        )
    };
    let data = [
        delta(0, 0, "a"),
        summary(0, "one"),
        summary(1, "two"),
        delta(2, 0, "x"),
        delta(2, 0, "y"),
        delta(2, 1, "z"),
    ];
    let expected = [
        text("a"),
        reasoning("one\n\ntwo", None),
        text("xy"),
        text("z"),
    ];
    assert_eq!(blocks(&data), expected);
}
