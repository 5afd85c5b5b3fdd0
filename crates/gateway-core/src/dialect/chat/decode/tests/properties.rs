//! Properties of the decoder, over answers and over anything.

use serde_json::{Value, json};

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "id",
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "index",
        "finish_reason",
        "usage",
        "annotations",
        "url_citation",
        "reasoning",
        "refusal",
        "function_call",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z{}\"\\\\]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// A call's arguments, and where they are cut.
fn any_calls() -> impl Strategy<Value = Vec<(String, Vec<usize>)>> {
    let arguments = prop::collection::btree_map(
        "[a-z\"{}\\\\\u{e4}]{1,4}",
        "[a-z\"{}\\[\\\\\u{1f600}]{0,8}",
        0..4,
    )
    .prop_map(|members| serde_json::to_string(&members).unwrap());
    let cuts = prop::collection::vec(1_usize..6, 0..6);
    prop::collection::vec((arguments, cuts), 1..4)
}

fn pieces(text: &str, cuts: &[usize]) -> Vec<String> {
    let mut characters = text.chars();
    let mut pieces: Vec<String> = cuts
        .iter()
        .map(|length| characters.by_ref().take(*length).collect())
        .collect();
    pieces.push(characters.collect());
    pieces
}

/// The stream of an answer with these calls. `round_robin`: their deltas are interleaved.
fn stream_of(text: &str, calls: &[(String, Vec<usize>)], round_robin: bool) -> Vec<String> {
    let chunk =
        |delta: Value| json!({"id": "c", "choices": [{"index": 0, "delta": delta}]}).to_string();
    let mut events = vec![chunk(json!({"role": "assistant", "content": text}))];
    let mut deltas: Vec<Vec<String>> = Vec::new();
    for (index, (arguments, cuts)) in calls.iter().enumerate() {
        let head = json!({"index": index, "id": format!("id{index}"), "function": {"name": "f", "arguments": ""}});
        let mut list = vec![chunk(json!({"tool_calls": [head]}))];
        list.extend(pieces(arguments, cuts).into_iter().map(|piece| {
            chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
        }));
        deltas.push(list);
    }
    if round_robin {
        let longest = deltas.iter().map(Vec::len).max().unwrap_or_default();
        for place in 0..longest {
            events.extend(deltas.iter().filter_map(|list| list.get(place).cloned()));
        }
    } else {
        events.extend(deltas.into_iter().flatten());
    }
    events.push(
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            .to_string(),
    );
    events.push(
        json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})
            .to_string(),
    );
    events.push("[DONE]".to_owned());
    events
}

fn whole_of(text: &str, calls: &[(String, Vec<usize>)]) -> String {
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(index, (arguments, _))| json!({"id": format!("id{index}"), "type": "function", "function": {"name": "f", "arguments": arguments}}))
        .collect();
    let message = json!({"role": "assistant", "content": text, "tool_calls": calls});
    json!({
        "id": "c",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    })
    .to_string()
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(first in any_json(), second in any_json(), third in any_json()) {
        let wrapped = json!({"choices": [{"delta": first, "message": third, "finish_reason": null}]});
        let nested = json!({"choices": [{"delta": {"tool_calls": [second], "content": third}}]});
        for event in [&first, &second, &wrapped, &nested] {
            let _ = gathered(&event.to_string());
        }
        let events = [first.to_string(), nested.to_string(), wrapped.to_string(), second.to_string()];
        let _ = streamed(&events);
    }

    #[test]
    fn stream_and_whole_answer_are_the_same(text in "[a-z\"\u{e4}]{0,8}", calls in any_calls(), round_robin: bool) {
        let mut answer = Answer::default();
        let mut decoder = ChatDecoder::new(origin());
        let mut sink = |event: AnswerEvent<'_>| answer.take_in(event);
        for event in stream_of(&text, &calls, round_robin) {
            decoder.event(event.as_bytes(), &mut sink).unwrap();
        }
        let whole = gathered(&whole_of(&text, &calls)).unwrap();
        prop_assert_eq!(&answer.usage, &whole.usage);
        prop_assert_eq!(&answer, &whole);
        let arguments: Vec<_> = answer.blocks.iter().filter_map(|block| match block {
            Block::Call { arguments, .. } => Some(arguments.clone()),
            _ => None,
        }).collect();
        let expected: Vec<_> = calls.iter().map(|(arguments, _)| arguments.clone()).collect();
        prop_assert_eq!(arguments, expected);
    }

    /// Cut anywhere before the usage, which comes last, the events so far are the beginning of all events, and there is no
    /// end among them.
    #[test]
    fn a_beginning_of_a_stream_is_the_beginning_of_its_events(calls in any_calls(), cut in 0_usize..30) {
        let events = stream_of("a", &calls, false);
        let all = streamed(&events).unwrap();
        let cut = cut.min(events.len() - 2);
        let mut decoder = ChatDecoder::new(origin());
        let mut lines = Vec::new();
        for event in &events[..cut] {
            decoder.event(event.as_bytes(), &mut |event| lines.push(line(&event))).unwrap();
        }
        prop_assert!(all.starts_with(&lines));
        prop_assert!(!lines.iter().any(|line| line == "end"));
    }
}
