//! Makes the schemas of answers fit. Owns which keywords Anthropic accepts in them. Members keep their order, which is part
//! of the prompt.

use serde_json::value::RawValue;

use crate::dialect::untranslatable::Untranslatable;
use crate::wire::members::quoted;
use crate::wire::walk;

/// Schemas of answers are nested at most so deeply: each level is a level of recursion here.
const MAX_DEPTH: u8 = 64;

/// Keywords that Anthropic refuses in schemas of answers. They only narrow what the schema allows.
const REFUSED: [&str; 27] = [
    "$schema",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "examples",
    "if",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedProperties",
    "uniqueItems",
];
/// The formats of strings that Anthropic accepts.
const FORMATS: [&str; 10] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
];

/// The schema of an answer.
pub(super) fn for_output(schema: &RawValue) -> Result<Box<RawValue>, Untranslatable> {
    let refused = || {
        Untranslatable::new(
            "response_format",
            "The schema of the answer must be a JSON schema that is an object and is not nested too deeply.",
        )
    };
    if !schema.get().starts_with('{') {
        return Err(refused());
    }
    let mut output = String::with_capacity(schema.get().len() + 64);
    write_schema(schema.get(), MAX_DEPTH, &mut output).map_err(|walk::Unfit| refused())?;
    RawValue::from_string(output).map_err(|_| refused())
}

fn write_schema(json: &str, depth: u8, output: &mut String) -> walk::WalkStep {
    // Schemas may be `true` and `false` too.
    if !json.starts_with('{') {
        output.push_str(json);
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(walk::Unfit)?;
    let mut is_object = false;
    let mut is_closed = false;
    output.push('{');
    let mut lead = "";
    walk::members(json, |name, raw| {
        if !is_kept(&name, raw) {
            return Ok(());
        }
        output.push_str(lead);
        lead = ",";
        // Anthropic has no `oneOf`; the difference is only that exactly one must match.
        let written = if name == "oneOf" { "anyOf" } else { &name };
        output.push_str(&quoted(written));
        output.push(':');
        match &*name {
            "additionalProperties" => {
                is_closed = true;
                output.push_str("false");
                Ok(())
            }
            "properties" | "$defs" | "definitions" => {
                is_object |= name == "properties";
                write_named(raw, depth, output)
            }
            "items" | "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
                write_listed(raw, depth, output)
            }
            _ => {
                is_object |= name == "type" && raw.contains("\"object\"");
                output.push_str(raw);
                Ok(())
            }
        }
    })?;
    if is_object && !is_closed {
        output.push_str(lead);
        output.push_str(r#""additionalProperties":false"#);
    }
    output.push('}');
    Ok(())
}

fn is_kept(name: &str, raw: &str) -> bool {
    match name {
        "minItems" => matches!(raw, "0" | "1"),
        "format" => walk::inside(raw).is_some_and(|format| FORMATS.contains(&format)),
        _ => !REFUSED.contains(&name),
    }
}

/// An object whose members are schemas, such as `properties`: their names are no keywords.
fn write_named(json: &str, depth: u8, output: &mut String) -> walk::WalkStep {
    if !json.starts_with('{') {
        output.push_str(json);
        return Ok(());
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

/// A schema, or a list of schemas.
fn write_listed(json: &str, depth: u8, output: &mut String) -> walk::WalkStep {
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
    output.push(']');
    Ok(())
}
