//! A client of Gemini: chunks with parts, the last of which has the finish reason.

use serde_json::Value;

use super::{StreamEnd, StreamView, is_clients_function, text};

/// Reads a stream.
pub fn read(events: &[(String, Value)], end: StreamEnd) -> StreamView {
    let mut view = StreamView::default();
    let last = events.len().checked_sub(1).expect("a chunk");
    for (at, (_, chunk)) in events.iter().enumerate() {
        if at == last && end == StreamEnd::Failed {
            text(&chunk["error"], "message");
            break;
        }
        let candidate = &chunk["candidates"][0];
        let is_end = candidate["finishReason"].is_string();
        assert_eq!(at == last, is_end, "{chunk}");
        let usage = &chunk["usageMetadata"];
        if let Some(candidates) = usage["candidatesTokenCount"].as_u64() {
            let thoughts = usage["thoughtsTokenCount"].as_u64().unwrap_or(0);
            view.completion_tokens = Some(candidates + thoughts);
        }
        for part in candidate["content"]["parts"].as_array().expect("parts") {
            if let Some(more) = part["text"].as_str() {
                if part["thought"] == true {
                    view.reasoning.push_str(more);
                } else {
                    view.text.push_str(more);
                }
            }
            let call = &part["functionCall"];
            if !call.is_null() && is_clients_function(text(call, "name")) {
                assert!(call["args"].is_object(), "{chunk}");
                // Not as they were written: this client sees values.
                view.calls
                    .push((text(call, "name").to_owned(), String::new()));
            }
        }
    }
    view
}
