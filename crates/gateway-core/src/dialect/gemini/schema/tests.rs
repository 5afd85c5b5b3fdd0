//! Gemini's schemas and the JSON schemas that they mean.

use proptest::prelude::*;

use super::*;

#[test]
fn schemas_become_json_schemas() {
    let rows = [
        ("{}", "{}"),
        (r#"{"type":"STRING"}"#, r#"{"type":"string"}"#),
        (r#"{"type":"string"}"#, r#"{"type":"string"}"#),
        (
            r#"{"type":"TYPE_UNSPECIFIED","title":"x"}"#,
            r#"{"title":"x"}"#,
        ),
        (
            r#"{"type":"INTEGER","format":"int32","nullable":true}"#,
            r#"{"type":["integer","null"],"format":"int32"}"#,
        ),
        (
            r#"{"nullable":false,"type":"NUMBER"}"#,
            r#"{"type":"number"}"#,
        ),
        (
            r#"{"type":["STRING","NULL"],"nullable":true}"#,
            r#"{"type":["string","null"]}"#,
        ),
        (
            r#"{"nullable":true,"type":"STRING","enum":["A","B"],"format":"enum"}"#,
            r#"{"type":["string","null"],"enum":["A","B",null],"format":"enum"}"#,
        ),
        (
            r#"{"nullable":true,"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]}"#,
            r#"{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}"#,
        ),
        // The type allows `null` already, where there is one.
        (
            r#"{"nullable":true,"type":"OBJECT","anyOf":[{"required":["a"]}]}"#,
            r#"{"type":["object","null"],"anyOf":[{"required":["a"]}]}"#,
        ),
        (
            r#"{"type":"STRING","enum":["A"]}"#,
            r#"{"type":"string","enum":["A"]}"#,
        ),
        (
            r#"{"type":"ARRAY","items":{"type":"BOOLEAN"},"minItems":"1","max_items":5}"#,
            r#"{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":5}"#,
        ),
        // Order is kept, names of properties are no keywords, and hints of Gemini's go.
        (
            r#"{"type":"OBJECT","required":["type"],"properties":{"type":{"type":"STRING","description":"\"STRING\""},"nullable":{"type":"OBJECT","properties":{}},"any_of":{"any_of":[{"type":"NULL"}]}},"propertyOrdering":["type"]}"#,
            r#"{"type":"object","required":["type"],"properties":{"type":{"type":"string","description":"\"STRING\""},"nullable":{"type":"object","properties":{}},"any_of":{"anyOf":[{"type":"null"}]}}}"#,
        ),
        (
            r##"{"defs":{"X":{"type":"STRING"}},"type":"OBJECT","properties":{"a":{"ref":"#/defs/X"}},"additional_properties":false}"##,
            r##"{"$defs":{"X":{"type":"string"}},"type":"object","properties":{"a":{"$ref":"#/$defs/X"}},"additionalProperties":false}"##,
        ),
        (
            r#"{"type":"STRING","default":null,"example":"STRING","title":null,"minLength":"x"}"#,
            r#"{"type":"string","default":null,"example":"STRING","minLength":"x"}"#,
        ),
    ];
    for (schema, expected) in rows {
        assert_eq!(to_json_schema(schema).as_deref(), Ok(expected), "{schema}");
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    let deep = format!("{}{}{}", r#"{"items":"#.repeat(70), "{}", "}".repeat(70));
    for schema in ["[]", "\"STRING\"", "true", r#"{"properties":[]}"#, &deep] {
        assert_eq!(to_json_schema(schema), Err(Unfit), "{schema:.40}");
    }
}

/// Schemas as Gemini's clients send them.
fn schemas() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::json!({"type": "STRING", "nullable": true})),
        Just(serde_json::json!({"type": "INTEGER", "minimum": 1})),
        Just(serde_json::json!({"type": "STRING", "enum": ["a"], "maxLength": "4"})),
        Just(serde_json::json!({})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|items| serde_json::json!({"type": "ARRAY", "items": items})),
            proptest::collection::vec(inner.clone(), 1..4)
                .prop_map(|any| serde_json::json!({"any_of": any, "nullable": true})),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|named| serde_json::json!({"type": "OBJECT", "properties": named})),
        ]
    })
}

proptest! {
    #[test]
    fn the_result_is_json_that_converts_to_itself(schema in schemas()) {
        let once = to_json_schema(&schema.to_string()).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&once).unwrap();
        prop_assert!(parsed.is_object());
        let twice = to_json_schema(&once);
        prop_assert_eq!(twice.as_deref(), Ok(&*once));
        prop_assert!(!once.contains("STRING") && !once.contains("any_of"));
        prop_assert!(!once.contains("\"nullable\":"));
    }

    #[test]
    fn any_json_is_read(text in r#"[{}\[\]",:a-z0-9]{0,40}"#) {
        let _ = to_json_schema(&text);
    }
}
