//! A client of Chat Completions: chunks of one id, calls by index, one finish reason, `[DONE]`.

use serde_json::Value;

use super::{StreamEnd, StreamView, is_clients_function, place, text};

/// Reads a stream.
pub fn read(events: &[(String, Value)], end: StreamEnd) -> StreamView {
    let mut view = StreamView::default();
    let mut calls: Vec<Option<(String, String)>> = Vec::new();
    let mut id = None;
    let mut finishes = 0;
    let chunks = match (events.split_last(), end) {
        (Some(((_, last), chunks)), StreamEnd::Whole) => {
            assert!(last.is_null(), "it ends with the mark: {last}");
            chunks
        }
        (Some(((_, last), chunks)), StreamEnd::Failed) => {
            text(&last["error"], "message");
            chunks
        }
        (None, _) => panic!("a stream without an event"),
    };
    for (_, chunk) in chunks {
        assert_eq!(text(chunk, "object"), "chat.completion.chunk");
        let first = *id.get_or_insert(text(chunk, "id"));
        assert!(first == text(chunk, "id") && !first.is_empty());
        if let Some(tokens) = chunk["usage"]["completion_tokens"].as_u64() {
            assert_eq!(view.completion_tokens.replace(tokens), None);
            assert_eq!(finishes, 1, "the usage comes after the finish reason");
        }
        for choice in chunk["choices"].as_array().expect("a list of choices") {
            assert_eq!(finishes, 0, "nothing comes after the finish reason");
            finishes += usize::from(choice["finish_reason"].is_string());
            delta(&choice["delta"], &mut view, &mut calls);
        }
    }
    if end == StreamEnd::Whole {
        assert_eq!(finishes, 1);
    }
    let calls = calls.into_iter().flatten();
    view.calls = calls
        .filter(|(name, _)| is_clients_function(name))
        .collect();
    view
}

fn delta(delta: &Value, view: &mut StreamView, calls: &mut Vec<Option<(String, String)>>) {
    for member in ["content", "refusal"] {
        view.text
            .push_str(delta[member].as_str().unwrap_or_default());
    }
    let reasoning = delta["reasoning_content"].as_str();
    view.reasoning.push_str(reasoning.unwrap_or_default());
    for call in delta["tool_calls"].as_array().into_iter().flatten() {
        let index = place(call, "index");
        if calls.len() <= index {
            calls.resize(index + 1, None);
        }
        let known = &mut calls[index];
        if call["id"].is_string() {
            assert!(known.is_none(), "a call begins once: {call}");
            let of = match text(call, "type") {
                "custom" => &call["custom"],
                _ => &call["function"],
            };
            let arguments = of["arguments"].as_str().or(of["input"].as_str());
            let arguments = arguments.expect("arguments").to_owned();
            *known = Some((text(of, "name").to_owned(), arguments));
        } else {
            let (_, arguments) = known.as_mut().expect("it has begun");
            arguments.push_str(match &call["custom"] {
                Value::Null => text(&call["function"], "arguments"),
                custom => text(custom, "input"),
            });
        }
    }
}
