//! Schemas of Gemini's requests. Owns what differs from JSON Schema: types in upper case, `nullable`, figures in quotes,
//! and names in snake case. Members keep their order, which is part of the prompt.

use crate::wire::members::quoted;
use crate::wire::walk::{self, Unfit, WalkStep};

/// Schemas are nested at most so deeply: each level is a level of recursion here.
const MAX_DEPTH: u8 = 64;

/// Types in JSON Schema's spelling.
const TYPES: [&str; 7] = [
    "string", "number", "integer", "boolean", "array", "object", "null",
];

/// Names that JSON Schema spells in another way.
const RENAMED: [(&str, &str); 13] = [
    ("any_of", "anyOf"),
    ("one_of", "oneOf"),
    ("all_of", "allOf"),
    ("prefix_items", "prefixItems"),
    ("additional_properties", "additionalProperties"),
    ("min_items", "minItems"),
    ("max_items", "maxItems"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("min_properties", "minProperties"),
    ("max_properties", "maxProperties"),
    ("defs", "$defs"),
    ("ref", "$ref"),
];

/// A schema of Gemini's as JSON Schema. [`Unfit`]: it is no object, or is nested too deeply.
pub fn to_json_schema(schema: &str) -> Result<String, Unfit> {
    if !schema.starts_with('{') {
        return Err(Unfit);
    }
    let mut output = String::with_capacity(schema.len() + 32);
    write_schema(schema, MAX_DEPTH, &mut output)?;
    Ok(output)
}

/// What must be known before the first member is written.
#[derive(Clone, Copy, Default)]
struct SchemaTraits {
    is_nullable: bool,
    has_type: bool,
}

fn traits(json: &str) -> Result<SchemaTraits, Unfit> {
    let mut traits = SchemaTraits::default();
    walk::members(json, |name, raw| {
        match &*name {
            "nullable" => traits.is_nullable = raw == "true",
            "type" => traits.has_type = type_name(raw).is_some(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(traits)
}

fn write_schema(json: &str, depth: u8, output: &mut String) -> WalkStep {
    // Schemas may be `true` and `false` too.
    if !json.starts_with('{') {
        output.push_str(json);
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(Unfit)?;
    let traits = traits(json)?;
    output.push('{');
    let mut lead = "";
    walk::members(json, |name, raw| {
        let name = renamed(&name);
        if !is_kept(name, raw) {
            return Ok(());
        }
        output.push_str(lead);
        lead = ",";
        output.push_str(&quoted(name));
        output.push(':');
        write_value(name, raw, traits, depth, output)
    })?;
    output.push('}');
    Ok(())
}

fn renamed(name: &str) -> &str {
    let found = RENAMED.iter().find(|(other, _)| *other == name);
    found.map_or(name, |(_, renamed)| renamed)
}

fn is_kept(name: &str, raw: &str) -> bool {
    match name {
        "nullable" | "propertyOrdering" | "property_ordering" => false,
        "type" => raw.starts_with('[') || type_name(raw).is_some(),
        _ => raw != "null" || matches!(name, "default" | "example" | "const"),
    }
}

fn write_value(
    name: &str,
    raw: &str,
    traits: SchemaTraits,
    depth: u8,
    output: &mut String,
) -> WalkStep {
    match name {
        "type" => write_type(raw, traits.is_nullable, output),
        "properties" | "$defs" | "definitions" => write_named(raw, depth, output),
        "anyOf" if traits.is_nullable && !traits.has_type => {
            write_list(raw, Some(r#"{"type":"null"}"#), depth, output)
        }
        "items" | "anyOf" | "oneOf" | "allOf" | "prefixItems" | "additionalProperties" | "not" => {
            write_list(raw, None, depth, output)
        }
        "enum" if traits.is_nullable => write_nullable_enum(raw, output),
        "$ref" => {
            output.push_str(&raw.replacen("\"#/defs/", "\"#/$defs/", 1));
            Ok(())
        }
        "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
            output.push_str(unquoted(raw));
            Ok(())
        }
        _ => {
            output.push_str(raw);
            Ok(())
        }
    }
}

/// A figure without its quotes: the API's 64-bit numbers are strings.
fn unquoted(raw: &str) -> &str {
    let inside = walk::inside(raw);
    let is_number = |it: &&str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    inside.filter(is_number).unwrap_or(raw)
}

/// The name of a type in JSON Schema; `None` for anything else, such as `TYPE_UNSPECIFIED`.
fn type_name(raw: &str) -> Option<&'static str> {
    let name = walk::inside(raw)?;
    TYPES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn write_type(raw: &str, is_nullable: bool, output: &mut String) -> WalkStep {
    let mut names = Vec::new();
    if raw.starts_with('[') {
        walk::elements(raw, |raw| {
            names.extend(type_name(raw));
            Ok(())
        })?;
    } else {
        names.extend(type_name(raw));
    }
    if is_nullable && !names.contains(&"null") {
        names.push("null");
    }
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    match &names[..] {
        [only] => output.push_str(only),
        several => {
            output.push('[');
            output.push_str(&several.join(","));
            output.push(']');
        }
    }
    Ok(())
}

/// The allowed values with `null` among them.
fn write_nullable_enum(raw: &str, output: &mut String) -> WalkStep {
    let mut has_null = false;
    let mut values = Vec::new();
    walk::elements(raw, |raw| {
        has_null |= raw == "null";
        values.push(raw);
        Ok(())
    })?;
    if !has_null {
        values.push("null");
    }
    output.push('[');
    output.push_str(&values.join(","));
    output.push(']');
    Ok(())
}

/// An object whose members are schemas, such as `properties`: their names are no keywords.
fn write_named(json: &str, depth: u8, output: &mut String) -> WalkStep {
    if !json.starts_with('{') {
        return Err(Unfit);
    }
    output.push('{');
    let mut lead = "";
    walk::members(json, |name, raw| {
        output.push_str(lead);
        lead = ",";
        output.push_str(&quoted(&name));
        output.push(':');
        write_schema(raw, depth, output)
    })?;
    output.push('}');
    Ok(())
}

/// A schema, or a list of schemas, with one more at its end.
fn write_list(json: &str, last: Option<&str>, depth: u8, output: &mut String) -> WalkStep {
    if !json.starts_with('[') {
        return write_schema(json, depth, output);
    }
    output.push('[');
    let mut lead = "";
    walk::elements(json, |raw| {
        output.push_str(lead);
        lead = ",";
        write_schema(raw, depth, output)
    })?;
    if let Some(last) = last {
        output.push_str(lead);
        output.push_str(last);
    }
    output.push(']');
    Ok(())
}

#[cfg(test)]
mod tests;
