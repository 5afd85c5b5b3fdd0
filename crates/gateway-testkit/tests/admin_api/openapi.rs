//! Holds every request and response of these tests to the `OpenAPI` document. Owns the reading of the schemas, as far
//! as the document uses JSON Schema: an unknown keyword fails, so that nothing is taken for checked that is not.
//! Stricter than the standard in one point: members that the document does not name are mistakes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gateway_core::admin::{OPENAPI, openapi};
use gateway_core::time_text;
use serde_json::{Value, json};

use crate::Gateway;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap());

/// What a schema may say beside what is checked.
const REMARKS: [&str; 4] = ["description", "default", "readOnly", "format"];

/// One exchange as it went over the wire.
pub struct Exchange<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub sent: &'a [u8],
    pub status: u16,
    /// Null for an empty body.
    pub received: &'a Value,
}

impl Exchange<'_> {
    /// Fails unless the document describes what happened.
    #[track_caller]
    pub fn check(&self) {
        let is_head = self.method == "HEAD";
        let method = if is_head {
            "get"
        } else {
            &self.method.to_lowercase()
        };
        let place = format!("{} {} {}", self.method, self.path, self.status);
        let operation = item(self.path).and_then(|item| item.get(method));
        let (operation, response) = if let Some(operation) = operation {
            let response = &operation["responses"][self.status.to_string()];
            assert!(response.is_object(), "{place} is not described");
            (operation, resolve(response))
        } else {
            assert!(matches!(self.status, 404 | 405), "{place} is not described");
            (
                &Value::Null,
                &DOCUMENT["components"]["responses"]["NotFound"],
            )
        };
        if !is_head {
            let content = &response["content"];
            let schema = match &content["text/csv"]["schema"] {
                Value::Null => &content["application/json"]["schema"],
                table => table,
            };
            let mistakes = if schema.is_object() {
                mistakes(schema, self.received)
            } else {
                mistakes(&json!({"type": "null"}), self.received)
            };
            assert!(mistakes.is_empty(), "{place}: {mistakes:?}");
        }
        let wanted = &operation["requestBody"]["content"]["application/json"]["schema"];
        if (200..300).contains(&self.status) && !self.sent.is_empty() && wanted.is_object() {
            let sent = serde_json::from_slice(self.sent).unwrap();
            let mistakes = mistakes(wanted, &sent);
            assert!(
                mistakes.is_empty(),
                "{place} took what the document forbids: {mistakes:?}"
            );
        }
    }
}

/// What the document says of a path.
fn item(path: &str) -> Option<&'static Value> {
    let path = path.strip_prefix("/admin/api")?;
    let fits = |pattern: &str| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern
                .zip(path)
                .all(|(part, own)| part == own || (part == "{id}" && is_id(own)))
    };
    let paths = DOCUMENT["paths"].as_object()?;
    paths
        .iter()
        .find(|(pattern, _)| fits(pattern))
        .map(|(_, item)| item)
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn resolve(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let found = DOCUMENT.pointer(reference.strip_prefix('#').unwrap());
            resolve(found.unwrap())
        }
        None => value,
    }
}

/// Where `value` is not what `schema` says.
fn mistakes(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    check_parts(schema, value, place, found);
    let (mut known, mut is_open) = (BTreeSet::new(), false);
    members(schema, &mut known, &mut is_open);
    if let (Some(object), false) = (value.as_object(), is_open) {
        let unknown = object.keys().filter(|name| !known.contains(name.as_str()));
        found.extend(unknown.map(|name| format!("{place}/{name} is not described")));
    }
}

/// The members that a schema names, its parts included.
fn members<'s>(schema: &'s Value, known: &mut BTreeSet<&'s str>, is_open: &mut bool) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = DOCUMENT.pointer(reference.strip_prefix('#').unwrap());
        members(target.unwrap(), known, is_open);
    }
    *is_open |= schema.get("additionalProperties").is_some();
    // Each of them has been checked as a whole.
    *is_open |= schema.get("oneOf").is_some() || schema.get("anyOf").is_some();
    let properties = schema.get("properties").and_then(Value::as_object);
    known.extend(
        properties
            .into_iter()
            .flat_map(|map| map.keys())
            .map(String::as_str),
    );
    for part in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        members(part, known, is_open);
    }
}

fn check_parts(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let is_right = match keyword.as_str() {
            "$ref" => {
                let target = DOCUMENT.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap());
                check_parts(target.unwrap(), value, place, found);
                true
            }
            "allOf" => {
                for part in rule.as_array().unwrap() {
                    check_parts(part, value, place, found);
                }
                true
            }
            "oneOf" => fitting(rule, &beside(schema, value)) == 1,
            "anyOf" => fitting(rule, &beside(schema, value)) >= 1,
            "const" => value == rule,
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of_type(value, kind)),
                kind => is_of_type(value, kind),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(schema, member, &format!("{place}/{name}"), found);
                    }
                }
                true
            }
            // Says nothing of what is no object: a `null`, where the type allows one.
            "required" => value.as_object().is_none_or(|members| {
                let names = rule.as_array().unwrap().iter();
                names
                    .map(|name| name.as_str().unwrap())
                    .all(|name| members.contains_key(name))
            }),
            "additionalProperties" => {
                for (name, member) in value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|_| rule.is_object())
                {
                    check(rule, member, &format!("{place}/{name}"), found);
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, item, &format!("{place}/{index}"), found);
                }
                true
            }
            "propertyNames" => value.as_object().is_none_or(|members| {
                let names = members.keys().map(|name| json!(name));
                names
                    .into_iter()
                    .all(|name| mistakes(rule, &name).is_empty())
            }),
            bound => is_within(bound, rule, value),
        };
        if !is_right {
            let rule = rule.to_string();
            let rule: String = rule.chars().take(200).collect();
            found.push(format!("{place} breaks {keyword} {rule}"));
        }
    }
    let is_time = schema
        .get("format")
        .is_some_and(|format| format == "date-time");
    if is_time
        && value
            .as_str()
            .is_some_and(|text| time_text::parse(text).is_none())
    {
        found.push(format!("{place} is no time"));
    }
}

/// Whether a value keeps a bound: a keyword that is about the value alone.
fn is_within(keyword: &str, rule: &Value, value: &Value) -> bool {
    match keyword {
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() >= count(rule)),
        "maxLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() <= count(rule)),
        "maxProperties" => value
            .as_object()
            .is_none_or(|members| members.len() <= count(rule)),
        "minItems" => value
            .as_array()
            .is_none_or(|list| list.len() >= count(rule)),
        "maxItems" => value
            .as_array()
            .is_none_or(|list| list.len() <= count(rule)),
        "pattern" => value
            .as_str()
            .is_none_or(|text| matches(rule.as_str().unwrap(), text)),
        remark => {
            assert!(REMARKS.contains(&remark), "{remark} is not checked");
            true
        }
    }
}

/// What of an object the alternatives in a schema are about: the members that the schema itself does not name.
fn beside(schema: &Value, value: &Value) -> Value {
    let mut value = value.clone();
    if let (Some(members), Some(own)) = (value.as_object_mut(), schema["properties"].as_object()) {
        members.retain(|name, _| !own.contains_key(name));
    }
    value
}

/// How many of several schemas a value fits.
fn fitting(schemas: &Value, value: &Value) -> usize {
    let schemas = schemas.as_array().unwrap().iter();
    schemas
        .filter(|schema| mistakes(schema, value).is_empty())
        .count()
}

fn is_of_type(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => unreachable!("there is no type {other}"),
    }
}

fn count(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}

/// The few patterns that the document has.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[A-Za-z0-9_]{1,64}$" => is_id(text) && text.len() <= 64,
        "^[0-9a-fA-F]{64}$" => {
            text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        // A priority as JSON writes it.
        "^(0|[1-9][0-9]{0,2}|1000)$" => {
            let number: Option<u16> = text.parse().ok();
            number.is_some_and(|number| number <= 1000 && number.to_string() == text)
        }
        other => unreachable!("the pattern {other} is not checked"),
    }
}

/// `UPDATE_OPENAPI=1 cargo test -p gateway-testkit --test admin_api the_stored_document` writes the document anew.
#[test]
fn the_stored_document_is_what_the_routes_and_types_say() {
    let made = openapi::document::document();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../gateway-core/src/admin/openapi.json"
        );
        std::fs::write(path, made).unwrap();
        return;
    }
    let different = made
        .lines()
        .zip(OPENAPI.lines())
        .find(|(new, old)| new != old);
    assert!(
        made == OPENAPI,
        "the stored document is out of date ({different:?}): run this test with UPDATE_OPENAPI=1"
    );
}

#[test]
fn the_document_is_served_unchanged_to_those_who_are_logged_in() {
    let gateway = Gateway::new();
    let answer = gateway.get("openapi.json");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.expect(200), *DOCUMENT);
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    let mut used = BTreeSet::new();
    let mut open = vec![&*DOCUMENT];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "{reference}");
            used.insert(reference);
        }
    }
    for kind in ["schemas", "responses", "parameters"] {
        for name in DOCUMENT["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(used.contains(reference.as_str()), "{reference} is not used");
        }
    }
}

#[test]
fn mistakes_are_found() {
    let good = json!({"id": "ch_1", "name": "a", "enabled": true, "state": "ready", "until": null, "about": null,
        "reason": null, "detail": null, "failed_at": null, "keys": [], "models": [], "status": "ok", "since": null,
        "outcome": null, "last_success_at": null});
    let schema = json!({"$ref": "#/components/schemas/StatusChannel"});
    assert_eq!(mistakes(&schema, &good), Vec::<String>::new());
    for (change, expected) in [
        (json!({"id": 5}), "/id breaks type"),
        (json!({"id": "a-b"}), "/id breaks pattern"),
        (json!({"state": "fine"}), "/state breaks oneOf"),
        (json!({"until": "tomorrow"}), "/until is no time"),
        (json!({"about": "nobody"}), "/about breaks anyOf"),
        (json!({"more": 1}), "/more is not described"),
        (json!({"keys": [{}]}), "/keys/0 breaks required"),
    ] {
        let mut bad = good.clone();
        bad.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let found = mistakes(&schema, &bad).join("; ");
        assert!(found.contains(expected), "{found}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("name");
    assert_eq!(mistakes(&schema, &bad).len(), 1);
    let limit = json!({"$ref": "#/components/schemas/SettingsInput"});
    assert_eq!(mistakes(&limit, &json!({"max_attempts": 101})).len(), 1);
    assert_eq!(mistakes(&limit, &json!({"max_attempts": 0})).len(), 1);
}
