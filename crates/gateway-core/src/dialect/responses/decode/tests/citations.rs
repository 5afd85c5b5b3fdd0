//! Which text a source belongs to.

use serde_json::json;

use super::{blocks, event};
use crate::dialect::answer::Block;

/// The texts of a message with their sources.
fn cited(data: &[serde_json::Value]) -> Vec<(String, Vec<String>)> {
    let blocks = blocks(data).into_iter();
    blocks
        .filter_map(|block| match block {
            Block::Text { text, citations } => {
                let urls = citations.into_iter().map(|it| it.url.into_owned());
                Some((text, urls.collect()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn sources_belong_to_the_text_of_their_part() {
    let source = |url: &str| json!({"type": "url_citation", "url": url, "title": "T"});
    let item = json!({"type": "message", "id": "m", "content": [
        {"type": "output_text", "text": "one", "annotations": [source("https://a"), source("https://b")]},
        {"type": "refusal", "refusal": "no"},
        {"type": "output_text", "text": "two", "annotations": [source("https://c")]},
    ]});
    let expected = [
        (
            "one".to_owned(),
            vec!["https://a".to_owned(), "https://b".to_owned()],
        ),
        ("two".to_owned(), vec!["https://c".to_owned()]),
    ];
    let done = event("output_item.done", 0, &json!({ "item": item }));
    assert_eq!(cited(std::slice::from_ref(&done)), expected);
    // What came before is not repeated.
    let begun = [
        event(
            "output_text.delta",
            0,
            &json!({"item_id": "m", "content_index": 0, "delta": "one"}),
        ),
        event(
            "output_text.annotation.added",
            0,
            &json!({"item_id": "m", "content_index": 0, "annotation": source("https://a")}),
        ),
        done,
    ];
    assert_eq!(cited(&begun), expected);
}

#[test]
fn a_source_may_come_in_its_own_event_alone() {
    let about = |more: serde_json::Value| {
        let mut members = json!({"item_id": "m", "content_index": 0});
        members
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        members
    };
    let source = json!({"type": "url_citation", "url": "https://a", "title": "T"});
    let file = json!({"type": "file_citation", "file_id": "f"});
    let added = |source: &serde_json::Value| {
        event(
            "output_text.annotation.added",
            0,
            &about(json!({ "annotation": source })),
        )
    };
    let data = [
        event("output_text.delta", 0, &about(json!({"delta": "one"}))),
        added(&source),
        added(&file),
        event(
            "output_item.done",
            0,
            &json!({"item": {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "one"}]}}),
        ),
    ];
    let expected = [("one".to_owned(), vec!["https://a".to_owned()])];
    assert_eq!(cited(&data), expected);
}
