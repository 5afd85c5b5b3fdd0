//! JSON schemas of tools. Owns what servers demand beyond JSON Schema; members keep the client's order, since another
//! order is another prompt.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::untranslatable::Untranslatable;
use crate::wire::members::{MemberEdit, Members};

/// The schema of a tool without arguments.
pub const EMPTY: &str = r#"{"type":"object","properties":{}}"#;

/// The parameters of a function: an object's schema that has `type` and `properties`. `None`: they are no JSON object.
pub fn of_parameters(parameters: Option<&str>) -> Option<Box<RawValue>> {
    let parameters = parameters.filter(|raw| *raw != "null").unwrap_or(EMPTY);
    let members = Members::parse(parameters.as_bytes()).ok()?;
    let mut edits = Vec::new();
    if members.raw("type").is_none() && members.raw("$ref").is_none() {
        edits.push(MemberEdit::Set("type", Cow::Borrowed("\"object\"")));
    }
    let is_object = members.raw("type").is_none_or(|raw| raw == "\"object\"");
    if is_object && members.raw("properties").is_none() && members.raw("$ref").is_none() {
        edits.push(MemberEdit::Set("properties", Cow::Borrowed("{}")));
    }
    let text = match members.rewrite(&edits).filter(|_| !edits.is_empty()) {
        Some(edited) => String::from_utf8(edited).ok()?,
        None => parameters.to_owned(),
    };
    RawValue::from_string(text).ok()
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
        ] {
            let found = of_parameters(schema);
            assert_eq!(found.as_deref().map(RawValue::get), expected, "{schema:?}");
        }
    }
}
