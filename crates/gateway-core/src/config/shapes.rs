//! Forms of strings that several types of the API share, as schemas. Only the description of the API needs them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::bounds::{
    MAX_ALIAS_MODELS, MAX_ID_CHARS, MAX_KEY_BYTES, MAX_MODEL_CHARS, MAX_NAME_CHARS,
    MAX_PASSWORD_BYTES, MAX_TAG_CHARS, MIN_PASSWORD_CHARS,
};

/// Makes a type that describes a form of strings and is written out wherever it is used.
macro_rules! shapes {
    ($($(#[$doc:meta])* $shape:ident: { $($name:literal: $value:expr),* $(,)? };)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $shape;

            impl JsonSchema for $shape {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($shape).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", $($name: $value),* })
                }
            }
        )*
    };
}

shapes! {
    /// The id of an object.
    Id: { "pattern": format!("^[A-Za-z0-9_]{{1,{MAX_ID_CHARS}}}$") };
    /// A time of RFC 3339.
    Time: { "format": "date-time" };
    /// The name of a model.
    ModelName: { "minLength": 1, "maxLength": MAX_MODEL_CHARS };
    /// A display name, or the name of a parameter.
    Name: { "minLength": 1, "maxLength": MAX_NAME_CHARS };
    /// A tag; without a comma.
    Tag: { "minLength": 1, "maxLength": MAX_TAG_CHARS };
    /// A whole upstream key.
    WholeKey: { "minLength": 1, "maxLength": MAX_KEY_BYTES };
    /// A new password of an account.
    NewPassword: { "minLength": MIN_PASSWORD_CHARS, "maxLength": MAX_PASSWORD_BYTES };
    /// A SHA-256.
    Hash: { "pattern": "^[0-9a-fA-F]{64}$" };
}

/// The models of an alias: a list, or a single one as a string where it is taken.
#[derive(Clone, Copy, Debug)]
pub struct AliasModels;

impl JsonSchema for AliasModels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AliasModels".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let model = ModelName::json_schema(generator);
        let list = json_schema!({
            "type": "array", "items": model, "minItems": 1, "maxItems": MAX_ALIAS_MODELS
        });
        if generator.contract().is_serialize() {
            return list;
        }
        json_schema!({ "anyOf": [model, list] })
    }
}

/// Adds the default of each member that `default` has one for.
pub fn insert_defaults(schema: &mut Schema, default: impl Fn(&str, &Value) -> Option<Value>) {
    let members = schema
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    for (name, member) in members {
        if let Some(default) = default(name, member) {
            member["default"] = default;
        }
    }
}

/// [`never_null`] for a price, of which only `cached` may be null: its first version had it so.
pub fn never_null_but_cached(schema: &mut Schema) {
    let cached = schema.pointer("/properties/cached").cloned();
    never_null(schema);
    if let (Some(cached), Some(place)) = (cached, schema.pointer_mut("/properties/cached")) {
        *place = cached;
    }
}

/// Removes null from the optional members of an object: their types are `Option`s, but they are never null.
pub fn never_null(schema: &mut Schema) {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let members = schema
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    let optional = members.filter(|(name, _)| !required.contains(&Value::from(name.as_str())));
    for member in optional.filter_map(|(_, member)| member.as_object_mut()) {
        member.retain(|name, value| name != "default" || !value.is_null());
        if let Some(Value::Array(types)) = member.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                member.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(parts)) = member.get_mut("anyOf") {
            parts.retain(|part| part["type"] != "null");
            if let [Value::Object(only)] = parts.as_slice() {
                let only = only.clone();
                member.remove("anyOf");
                member.extend(only);
            }
        }
    }
}
