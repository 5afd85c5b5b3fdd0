//! Reasoning state, on its way through a client and back.

use super::*;
use crate::dialect::conversation::Item;
use crate::dialect::gemini::read;

/// The model's turn that a client sends back, read again.
fn sent_back(parts: &[Value]) -> Vec<(String, Option<ReasoningState>)> {
    let body = json!({"contents": [{"role": "model", "parts": parts}]}).to_string();
    let read = read(body.as_bytes(), false, &context().envelope).unwrap();
    let shown = |item: &Item<'_>| match item {
        Item::Reasoning(it) => (format!("thought {}", it.text), it.state.clone()),
        Item::Call(call) => (format!("call {} {}", call.name, call.arguments), None),
        Item::AssistantText(text) => (format!("text {text}"), None),
        other => panic!("{other:?}"),
    };
    read.items.iter().map(shown).collect()
}

#[test]
fn reasoning_state_survives_the_client() {
    let of = |data: &str| {
        Some(state(StateContent::Redacted {
            data: data.to_owned(),
        }))
    };
    let end = [finish(StopReason::Calls), AnswerEvent::End];
    let rows = [
        (
            vec![
                thought("Hm"),
                thought("m."),
                redacted("1"),
                call(0, "c", "f"),
                call_end(0),
            ],
            vec![("thought Hmm.", of("1")), ("call f {}", None)],
            true,
        ),
        (
            vec![
                redacted("1"),
                text("a"),
                redacted("2"),
                call(0, "c", "f"),
                call_end(0),
            ],
            vec![
                ("thought ", of("1")),
                ("text a", None),
                ("thought ", of("2")),
                ("call f {}", None),
            ],
            true,
        ),
        (
            vec![
                thought("A"),
                redacted("1"),
                thought("B"),
                redacted("2"),
                text("a"),
            ],
            vec![
                ("thought A", of("1")),
                ("thought B", of("2")),
                ("text a", None),
            ],
            false,
        ),
        (
            vec![redacted("1"), redacted("2"), text("a")],
            vec![
                ("thought ", of("1")),
                ("thought ", of("2")),
                ("text a", None),
            ],
            false,
        ),
        (
            vec![text("a"), redacted("1")],
            vec![("text a", None), ("thought ", of("1"))],
            true,
        ),
    ];
    for (mut events, expected, survives_without_thoughts) in rows {
        events.insert(0, start());
        events.extend(end.clone());
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(text, state)| (text.to_owned(), state))
            .collect();
        let streamed: Vec<Value> = chunks(&events).iter().flat_map(parts).cloned().collect();
        assert_eq!(sent_back(&streamed), expected);
        assert_eq!(sent_back(parts(&whole(&events).unwrap())), expected);
        // Clients may leave thoughts out of what they send back.
        let kept: Vec<Value> = streamed
            .into_iter()
            .filter(|part| part.get("thought").is_none())
            .collect();
        let states = |list: Vec<(String, Option<ReasoningState>)>| -> Vec<ReasoningState> {
            list.into_iter().filter_map(|(_, state)| state).collect()
        };
        if survives_without_thoughts {
            assert_eq!(states(sent_back(&kept)), states(expected));
        }
    }
}
