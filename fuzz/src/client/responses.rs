//! A client of Responses: numbered events, items that begin and end once, and a last event that repeats all items.

use serde_json::Value;

use super::{StreamEnd, StreamView, is_clients_function, place, text};

/// An item with what its deltas have said.
struct SeenItem {
    id: String,
    kind: String,
    /// By deltas.
    said: String,
    done: Option<Value>,
}

/// Reads a stream.
pub fn read(events: &[(String, Value)], end: StreamEnd) -> StreamView {
    let mut items: Vec<SeenItem> = Vec::new();
    let mut view = StreamView::default();
    let last = events.len().checked_sub(1).expect("an event");
    for (at, (name, event)) in events.iter().enumerate() {
        let kind = text(event, "type");
        assert_eq!(name, kind);
        assert_eq!(place(event, "sequence_number"), at);
        assert_eq!(at == 0, kind == "response.created", "{event}");
        assert_eq!(at == 1, kind == "response.in_progress", "{event}");
        let is_last = matches!(
            kind,
            "response.completed" | "response.incomplete" | "response.failed"
        );
        assert_eq!(at == last, is_last, "{event}");
        match kind {
            "response.created" | "response.in_progress" => {
                assert!(text(&event["response"], "id").starts_with("resp_"));
            }
            "response.completed" | "response.incomplete" => {
                assert_eq!(end, StreamEnd::Whole);
                completed(&event["response"], &items, &mut view);
            }
            "response.failed" => {
                assert_eq!(end, StreamEnd::Failed);
                text(&event["response"]["error"], "message");
            }
            "response.output_item.added" => {
                assert_eq!(place(event, "output_index"), items.len());
                let item = &event["item"];
                items.push(SeenItem {
                    id: text(item, "id").to_owned(),
                    kind: text(item, "type").to_owned(),
                    said: String::new(),
                    done: None,
                });
            }
            _ => about_item(kind, event, &mut items),
        }
    }
    for item in &items {
        match (&*item.kind, &item.done) {
            ("message", _) => view.text.push_str(&item.said),
            ("reasoning", _) => view.reasoning.push_str(&item.said),
            ("function_call", Some(done)) if is_clients_function(text(done, "name")) => {
                let arguments = text(done, "arguments").to_owned();
                view.calls.push((text(done, "name").to_owned(), arguments));
            }
            _ => {}
        }
    }
    view
}

/// An event about an item that has begun and not ended.
fn about_item(kind: &str, event: &Value, items: &mut [SeenItem]) {
    let item = items
        .get_mut(place(event, "output_index"))
        .unwrap_or_else(|| panic!("no such item: {event}"));
    assert!(item.done.is_none(), "the item is done: {event}");
    if kind == "response.output_item.done" {
        let done = &event["item"];
        assert_eq!(text(done, "id"), item.id);
        assert_eq!(text(done, "type"), item.kind);
        assert_ne!(done["status"], "in_progress", "{event}");
        assert_eq!(said(done), item.said, "{event}");
        item.done = Some(done.clone());
        return;
    }
    assert_eq!(text(event, "item_id"), item.id);
    if kind.ends_with(".delta") {
        assert!(!text(event, "delta").is_empty(), "{event}");
        item.said.push_str(text(event, "delta"));
    }
    let whole = ["text", "refusal", "arguments", "input"];
    for member in whole
        .iter()
        .filter(|_| kind.ends_with("text.done") || kind.contains("_call_"))
    {
        if let Some(whole) = event[member].as_str() {
            let is_empty_object = whole == "{}" && item.said.is_empty();
            assert!(
                whole == item.said || is_empty_object,
                "{event}: {}",
                item.said
            );
            whole.clone_into(&mut item.said);
        }
    }
}

/// What a whole item says.
fn said(item: &Value) -> String {
    match text(item, "type") {
        "message" => parts(&item["content"]),
        "reasoning" => parts(&item["summary"]),
        "function_call" => text(item, "arguments").to_owned(),
        "custom_tool_call" => text(item, "input").to_owned(),
        _ => String::new(),
    }
}

fn parts(parts: &Value) -> String {
    let parts = parts.as_array().expect("a list of parts").iter();
    let texts = parts.map(|part| part["text"].as_str().or(part["refusal"].as_str()));
    texts.map(|text| text.expect("a text")).collect()
}

fn completed(response: &Value, items: &[SeenItem], view: &mut StreamView) {
    let output = response["output"].as_array().expect("a list of items");
    assert_eq!(output.len(), items.len());
    for (item, seen) in output.iter().zip(items) {
        assert_eq!(Some(item), seen.done.as_ref());
    }
    let usage = &response["usage"];
    view.completion_tokens = usage["output_tokens"].as_u64();
    if !usage.is_null() {
        let total = usage["input_tokens"].as_u64().zip(view.completion_tokens);
        assert_eq!(usage["total_tokens"].as_u64(), total.map(|(a, b)| a + b));
    }
}
