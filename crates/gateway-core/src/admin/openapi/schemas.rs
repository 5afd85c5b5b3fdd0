//! The schemas of the document: those of what the gateway sends and those of what it takes. Owns their names, which must
//! differ where the same type has two forms, and what of the generator's output is left out.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::ledger::audit::{AuditAction, AuditKind};
use crate::ledger::reason::Reason;
use crate::ledger::record::{AttemptOutcome, End};

const PREFIX: &str = "#/components/schemas/";

/// Two generators, since a type may be written in another form than it is read: a member with a default is always sent,
/// but may be left out.
pub struct Schemas {
    responses: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Schemas {
    /// No schema yet.
    pub fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = Cow::from("/components/schemas");
                settings.meta_schema = None;
            })
        };
        Self {
            responses: settings().for_serialize().into_generator(),
            requests: settings().for_deserialize().into_generator(),
        }
    }

    /// The schema of what is sent.
    pub fn of_responses(&mut self, schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
        schema(&mut self.responses).to_value()
    }

    /// The schema of what is taken. References in it are those of [`Self::finish`]: bodies and parameters have names that
    /// no response has.
    pub fn of_requests(&mut self, schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
        let mut schema = schema(&mut self.requests).to_value();
        tidy(&mut schema);
        schema
    }

    /// All schemas by name. Where both forms of a type differ, the one that is taken is called `…Input`.
    pub fn finish(mut self) -> Map<String, Value> {
        let mut sent = definitions(&mut self.responses);
        let mut taken = definitions(&mut self.requests);
        // A schema also differs when one that it refers to does.
        let mut differing: Vec<String> = Vec::new();
        loop {
            let found = taken
                .iter()
                .filter(|(name, schema)| {
                    !differing.contains(name)
                        && sent.get(*name).is_some_and(|sent| {
                            sent != *schema || differing.iter().any(|name| refers_to(schema, name))
                        })
                })
                .map(|(name, _)| name.clone())
                .next();
            match found {
                Some(name) => differing.push(name),
                None => break,
            }
        }
        for name in &differing {
            let input = format!("{name}Input");
            if let Some(schema) = taken.remove(name) {
                taken.insert(input.clone(), schema);
            }
            for schema in taken.values_mut() {
                rename(schema, name, &input);
            }
        }
        sent.append(&mut taken);
        sent
    }
}

fn definitions(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut definitions = generator.take_definitions(true);
    definitions.values_mut().for_each(tidy);
    definitions
}

fn refers_to(schema: &Value, name: &str) -> bool {
    match schema {
        Value::Object(members) => {
            let is_it = members
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix(PREFIX))
                .is_some_and(|target| target == name);
            is_it || members.values().any(|member| refers_to(member, name))
        }
        Value::Array(items) => items.iter().any(|item| refers_to(item, name)),
        _ => false,
    }
}

fn rename(schema: &mut Value, from: &str, to: &str) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && reference.strip_prefix(PREFIX) == Some(from)
            {
                *reference = format!("{PREFIX}{to}");
            }
            members
                .values_mut()
                .for_each(|member| rename(member, from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        _ => {}
    }
}

/// Leaves out what says nothing to a reader of the document: formats of Rust's numbers, line breaks of comments, and
/// that other members are refused, which holds for every request and for no response.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members
                .get("format")
                .is_some_and(|format| format != "date-time" && format.is_string())
            {
                members.remove("format");
            }
            if members.get("additionalProperties") == Some(&Value::Bool(false)) {
                members.remove("additionalProperties");
            }
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

schema_types! {
    /// How a request ended.
    RequestEnd as "RequestEnd": "How a request ended.", |_: &mut SchemaGenerator| Words(End::ALL.map(End::word));
    /// Why a request has no answer.
    ReasonCode as "Reason": "Why a request has no whole answer.", |_: &mut SchemaGenerator| Words(Reason::ALL.map(Reason::word));
    /// What was done.
    AuditActionWord as "AuditAction": "What was done.", |_: &mut SchemaGenerator| Words(AuditAction::ALL.map(AuditAction::word));
    /// To which kind of object.
    AuditKindWord as "AuditKind": "A kind of object.", |_: &mut SchemaGenerator| Words(AuditKind::ALL.map(AuditKind::word));
    /// What became of an attempt.
    AttemptEnd as "AttemptOutcome": "What became of an attempt.",
        |_: &mut SchemaGenerator| Words(AttemptOutcome::ALL.map(AttemptOutcome::word));
}

/// A list of words that the ledger owns.
struct Words<const N: usize>([&'static str; N]);

impl<const N: usize> Words<N> {
    fn described(self, description: &str) -> Schema {
        json_schema!({"type": "string", "description": description, "enum": self.0.to_vec()})
    }
}
