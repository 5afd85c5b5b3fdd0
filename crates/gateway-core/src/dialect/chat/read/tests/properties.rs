//! Properties of the reader, over requests and over anything.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_request_makes_it_panic(content in any_json(), message in any_json(), tool in any_json(), choice in any_json()) {
        let request = json!({
            "messages": [{"role": "user", "content": content}, {"role": "assistant", "tool_calls": [tool.clone()]},
                message, {"role": "tool", "content": content}],
            "tools": [tool], "tool_choice": choice, "response_format": choice, "reasoning": choice,
        });
        let _ = conversation(&request);
        let _ = conversation(&message);
    }

    /// Texts, calls and results keep their number and order.
    #[test]
    fn histories_keep_what_was_said(turns in prop::collection::vec(("[a-z\"\\\\]{1,5}", any::<bool>()), 0..8)) {
        let mut messages = Vec::new();
        let mut expected = Vec::new();
        for (index, (text, has_call)) in turns.iter().enumerate() {
            messages.push(json!({"role": "user", "content": text}));
            expected.push(format!("user [{text}]"));
            if *has_call {
                let id = format!("id{index}");
                messages.push(json!({"role": "assistant", "content": text,
                    "tool_calls": [{"id": id, "type": "function", "function": {"name": "f", "arguments": text}}]}));
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
                expected.push(format!("text {text}"));
                expected.push(format!("call {id} f {text}"));
                expected.push(format!("result {id} [{text}]"));
            }
        }
        let read = conversation(&json!({"messages": messages})).unwrap();
        let lines: Vec<_> = read.items.iter().map(line).collect();
        prop_assert_eq!(lines, expected);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "file",
        "file_data",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "custom",
        "allowed_tools",
        "tools",
        "mode",
        "json_schema",
        "schema",
        "effort",
        "messages",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "text",
            "image_url",
            "user",
            "assistant",
            "function",
            "json_schema",
            "data:,\u{e4}"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 4, move |inner| {
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
