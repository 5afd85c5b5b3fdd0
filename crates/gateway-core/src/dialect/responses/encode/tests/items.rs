//! The items of an answer: their ids, their order, and what their events say.

use super::*;

fn ids(last: &Value) -> Vec<&str> {
    let items = last["output"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn items_have_ids_of_their_kinds() {
    let search = || AnswerEvent::WebSearch {
        id: "".into(),
        query: "q".into(),
        results: Vec::new(),
    };
    let (_, last) = streamed(vec![
        start(),
        AnswerEvent::Reasoning("think".into()),
        search(),
        search(),
        AnswerEvent::Text("a".into()),
        call(0, "c", "f"),
        end(0),
        finish(StopReason::Calls),
        AnswerEvent::End,
    ]);
    let expected = [
        "rs_chatcmpl-1_0",
        "ws_chatcmpl-1_1",
        "ws_chatcmpl-1_2",
        "msg_chatcmpl-1_3",
        "fc_chatcmpl-1_4",
    ];
    assert_eq!(ids(&last), expected);
    assert_eq!(last["usage"], Value::Null);
}

#[test]
fn events_say_which_part_of_their_item_they_are_about() {
    let (events, _) = streamed(vec![
        start(),
        AnswerEvent::Reasoning("think".into()),
        AnswerEvent::Text("a".into()),
        AnswerEvent::Refusal("no".into()),
        finish(StopReason::Filtered),
        AnswerEvent::End,
    ]);
    let mut checked = 0;
    for event in &events {
        let kind = event["type"].as_str().unwrap();
        let is_text = kind.contains("output_text");
        let is_summary = kind.contains("reasoning_summary");
        let is_content = is_text || kind.contains("refusal") || kind.contains("content_part");
        let index = |is_there: bool| is_there.then(|| json!(0));
        assert_eq!(event.get("content_index").cloned(), index(is_content));
        assert_eq!(event.get("summary_index").cloned(), index(is_summary));
        // SDKs expect it in these events.
        assert_eq!(event.get("logprobs").is_some(), is_text, "{event}");
        checked += usize::from(is_content || is_summary);
    }
    // Four each: the part, its text, and the ends of both.
    assert_eq!(checked, 12);
}

#[test]
fn state_is_that_of_reasoning_and_never_of_a_text() {
    let (_, last) = streamed(vec![
        start(),
        AnswerEvent::Text("a".into()),
        AnswerEvent::ReasoningState(state()),
        AnswerEvent::Reasoning("think".into()),
        AnswerEvent::BlockEnd,
        AnswerEvent::ReasoningState(state()),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ]);
    let output = last["output"].as_array().unwrap();
    assert_eq!(output.len(), 4);
    assert_eq!(output[0].get("encrypted_content"), None);
    assert_eq!(output[2]["encrypted_content"], STATELESS);
    for place in [1, 3] {
        let envelope = output[place]["encrypted_content"].as_str().unwrap();
        assert_eq!(context().envelope.open(envelope), Some(state()));
    }
}

#[test]
fn what_is_open_at_the_end_is_done_in_the_order_of_its_beginning() {
    let mut encoder = ResponsesEncoder::new(context());
    let mut output = Vec::new();
    for event in [
        start(),
        call(0, "a", "f"),
        call(1, "b", "local_shell"),
        arguments(1, r#"{"command":["ls"]}"#),
        call(2, "c", "f"),
        AnswerEvent::Text("a".into()),
        finish(StopReason::Length),
        AnswerEvent::End,
    ] {
        encoder.event(event, &mut output);
    }
    let events = events(&output);
    checked(&events);
    let done = |event: &&Value| event["type"] == "response.output_item.done";
    let done = events.iter().filter(done);
    let done: Vec<_> = done
        .map(|event| event["item"]["type"].as_str().unwrap())
        .collect();
    // A shell's call is written when it is whole, behind the text that is closed for it.
    let expected = [
        "function_call",
        "message",
        "local_shell_call",
        "function_call",
    ];
    assert_eq!(done, expected);
}

#[test]
fn tokens_of_the_cache_are_shown_as_far_as_they_are_known() {
    let usage = Usage {
        prompt_tokens: 5,
        ..Usage::default()
    };
    let (_, last) = streamed(vec![
        start(),
        AnswerEvent::Text("a".into()),
        AnswerEvent::Usage(usage),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ]);
    let details = json!({"cached_tokens": 0});
    assert_eq!(last["usage"]["input_tokens_details"], details);
}
