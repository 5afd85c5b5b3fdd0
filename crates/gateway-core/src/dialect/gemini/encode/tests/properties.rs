//! What holds for any answer.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

/// What any answer may consist of.
fn blocks() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let text = ".{1,8}".prop_map(|text| vec![AnswerEvent::Text(Cow::Owned(text))]);
    let thought = ".{1,8}".prop_map(|text| vec![AnswerEvent::Reasoning(Cow::Owned(text))]);
    let state = "[a-z]{0,6}".prop_map(|data| vec![redacted(&data)]);
    let call = prop::collection::vec("[ -~]{0,6}", 0..4).prop_map(|texts| {
        let json = serde_json::to_string_pretty(&json!({"list": texts})).unwrap();
        // The index is set when the order of calls is known.
        let mut events = vec![call(0, "c", "f")];
        events.extend(
            json.split_inclusive(',')
                .map(|piece| AnswerEvent::CallArguments {
                    index: 0,
                    json: Cow::Owned(piece.to_owned()),
                }),
        );
        events.push(call_end(0));
        events
    });
    prop::collection::vec(prop_oneof![text, thought, state, call], 0..12)
}

fn with_indices(blocks: Vec<Vec<Event>>) -> Vec<Event> {
    let mut calls = 0;
    let mut events = vec![start(), usage()];
    for mut block in blocks {
        let is_call = block.len() > 1;
        for event in &mut block {
            match event {
                AnswerEvent::CallStart { index, .. }
                | AnswerEvent::CallArguments { index, .. }
                | AnswerEvent::CallEnd { index } => *index = calls,
                _ => {}
            }
        }
        calls += usize::from(is_call);
        events.extend(block);
    }
    events.extend([finish(StopReason::Stop), AnswerEvent::End]);
    events
}

/// Parts with texts of one kind that follow each other made one, and without empty ones.
fn joined(parts: &[Value]) -> Vec<Value> {
    let mut list: Vec<Value> = Vec::new();
    for part in parts {
        let is_text = |part: &Value| part.get("text").is_some();
        let kind = |part: &Value| (part.get("thought").is_some(), is_text(part));
        let is_bare = part.get("thoughtSignature").is_none();
        match list.last_mut() {
            Some(before) if is_bare && is_text(part) && kind(before) == kind(part) => {
                let both = [&before["text"], &part["text"]]
                    .map(|it| it.as_str().unwrap())
                    .concat();
                before["text"] = both.into();
            }
            _ => list.push(part.clone()),
        }
    }
    list.retain(|part| *part != json!({"text": ""}));
    list
}

proptest! {
    #[test]
    fn stream_and_whole_answer_are_the_same(blocks in blocks()) {
        let events = with_indices(blocks);
        let chunks = chunks(&events);
        let whole = whole(&events).unwrap();
        let streamed: Vec<Value> = chunks.iter().flat_map(parts).cloned().collect();
        prop_assert_eq!(joined(&streamed), joined(parts(&whole)));
        let last = chunks.last().unwrap();
        prop_assert_eq!(&last["usageMetadata"], &whole["usageMetadata"]);
        let ends = chunks.iter().filter(|chunk| chunk["candidates"][0].get("finishReason").is_some());
        prop_assert_eq!(ends.count(), 1);
    }

    #[test]
    fn a_prefix_of_a_stream_has_no_end(blocks in blocks(), at in any::<prop::sample::Index>()) {
        let events = with_indices(blocks);
        let cut = &events[..at.index(events.len())];
        prop_assert!(!streamed(cut).contains("finishReason"));
    }

    #[test]
    fn a_text_is_written_with_its_event(text in ".{1,20}") {
        let mut encoder = GeminiEncoder::new(context());
        let mut output = Vec::new();
        encoder.event(AnswerEvent::Text(Cow::Borrowed(&text)), &mut output);
        let data = sse::data(&output).unwrap();
        let chunk: Value = serde_json::from_slice(&data).unwrap();
        prop_assert_eq!(&parts(&chunk)[0]["text"], &Value::from(text));
    }
}
