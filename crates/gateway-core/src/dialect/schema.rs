//! JSON schemas of tools. Owns what servers demand beyond JSON Schema; members keep the client's order, since another
//! order is another prompt.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::untranslatable::Untranslatable;
use crate::wire::members::{MemberEdit, Members};

/// The schema of a tool without arguments.
const EMPTY: &str = r#"{"type":"object","properties":{}}"#;
/// The type of an object.
const OBJECT: &str = "\"object\"";

/// The parameters of a function: an object's schema that has `type` and `properties`. `None`: they are no JSON object.
pub fn of_parameters(parameters: Option<&str>) -> Option<Cow<'_, RawValue>> {
    completed(parameters, |members| {
        let is_reference = members.raw("$ref").is_some();
        let kind = members.raw("type");
        let is_object = !is_reference && kind.is_none_or(|kind| kind == OBJECT);
        let mut edits = Vec::new();
        if kind.is_none() && !is_reference {
            edits.push(MemberEdit::Set("type", Cow::Borrowed(OBJECT)));
        }
        if is_object && members.raw("properties").is_none() {
            edits.push(MemberEdit::Set("properties", Cow::Borrowed("{}")));
        }
        edits
    })
}

/// The parameters for servers that require only the type, of every schema. What is no JSON object is replaced by the empty
/// schema.
pub fn of_typed_parameters(parameters: Option<&str>) -> Cow<'_, RawValue> {
    let typed = completed(parameters, |members| {
        if members.raw("type") == Some(OBJECT) {
            return Vec::new();
        }
        let mut edits = vec![MemberEdit::Set("type", Cow::Borrowed(OBJECT))];
        if members.iter().next().is_none() {
            edits.push(MemberEdit::Set("properties", Cow::Borrowed("{}")));
        }
        edits
    });
    let empty = || crate::wire::json::from_str(EMPTY).ok().map(Cow::Borrowed);
    typed
        .or_else(empty)
        .unwrap_or(Cow::Borrowed(RawValue::NULL))
}

/// A schema, the empty one where there is none, with the members that `missing` names; `None`: it is no JSON object.
fn completed(
    schema: Option<&str>,
    missing: impl FnOnce(&Members<'_>) -> Vec<MemberEdit<'static>>,
) -> Option<Cow<'_, RawValue>> {
    let schema = schema.filter(|raw| *raw != "null").unwrap_or(EMPTY);
    if !schema.trim_ascii_start().starts_with('{') {
        return None;
    }
    let edited = Members::parse(schema.as_bytes())
        .ok()
        .and_then(|members| members.rewrite(&missing(&members)));
    match edited {
        None => crate::wire::json::from_str(schema).ok().map(Cow::Borrowed),
        Some(edited) => RawValue::from_string(String::from_utf8(edited).ok()?)
            .ok()
            .map(Cow::Owned),
    }
}

/// The error for a function whose parameters are no schema.
pub fn unreadable(name: &str) -> Untranslatable {
    Untranslatable::new(
        "tools",
        format!("The parameters of the tool {name:?} must be a JSON schema of an object."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_of_objects_get_what_servers_demand() {
        for (schema, expected) in [
            (None, Some(EMPTY)),
            (Some("null"), Some(EMPTY)),
            (Some("{}"), Some(r#"{"type":"object","properties":{}}"#)),
            (
                Some(r#"{"type":"object","additionalProperties":false}"#),
                Some(r#"{"type":"object","additionalProperties":false,"properties":{}}"#),
            ),
            (
                Some(r#"{ "properties":{"b":{},"a":{}},"type":"object"}"#),
                Some(r#"{ "properties":{"b":{},"a":{}},"type":"object"}"#),
            ),
            (Some(r##"{"$ref":"#/x"}"##), Some(r##"{"$ref":"#/x"}"##)),
            (Some("[]"), None),
            (Some("{\"a\":"), None),
        ] {
            let found = of_parameters(schema);
            assert_eq!(found.as_deref().map(RawValue::get), expected, "{schema:?}");
        }
    }
}
