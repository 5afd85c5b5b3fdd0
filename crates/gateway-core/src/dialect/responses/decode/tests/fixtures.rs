//! A stream as OpenAI's API sends it.

use serde_json::json;

use super::event;

/// A stream of the API, and its response.
pub fn whole_stream() -> (Vec<serde_json::Value>, serde_json::Value) {
    let usage = json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}});
    let item = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA", "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}]});
    let message = json!({"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "hello", "annotations": [{"type": "url_citation", "url": "https://x", "title": "X"}]}]});
    let function = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"});
    let response = json!({"id": "resp_1", "status": "completed", "output": [item, message, function], "usage": usage});
    let data = vec![
        json!({"type": "response.created", "response": {"id": "resp_1", "output": [], "usage": null}}),
        event(
            "output_item.added",
            0,
            &json!({"item": {"type": "reasoning", "id": "rs_1", "summary": []}}),
        ),
        event(
            "reasoning_summary_text.delta",
            0,
            &json!({"item_id": "rs_1", "summary_index": 0, "delta": "one"}),
        ),
        event(
            "reasoning_summary_text.done",
            0,
            &json!({"item_id": "rs_1", "summary_index": 0, "text": "one"}),
        ),
        event(
            "reasoning_summary_text.delta",
            0,
            &json!({"item_id": "rs_1", "summary_index": 1, "delta": "two"}),
        ),
        event("output_item.done", 0, &json!({"item": item})),
        event(
            "output_item.added",
            1,
            &json!({"item": {"type": "message", "id": "msg_1", "content": []}}),
        ),
        event(
            "output_text.delta",
            1,
            &json!({"item_id": "msg_1", "content_index": 0, "delta": "hel"}),
        ),
        event(
            "output_text.delta",
            1,
            &json!({"item_id": "other", "content_index": 0, "delta": "lo"}),
        ),
        event(
            "output_text.done",
            1,
            &json!({"item_id": "msg_1", "content_index": 0, "text": "hello"}),
        ),
        event("output_item.done", 1, &json!({"item": message})),
        event(
            "output_item.added",
            2,
            &json!({"item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": ""}}),
        ),
        event(
            "function_call_arguments.delta",
            2,
            &json!({"item_id": "fc_1", "delta": "{\"a\":"}),
        ),
        event(
            "function_call_arguments.delta",
            2,
            &json!({"item_id": "fc_1", "delta": "1}"}),
        ),
        event(
            "function_call_arguments.done",
            2,
            &json!({"item_id": "fc_1", "arguments": "{\"a\":1}"}),
        ),
        event("output_item.done", 2, &json!({"item": function})),
        json!({"type": "response.completed", "response": response}),
    ];
    (data, response)
}
