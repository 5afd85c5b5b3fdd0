//! What an upstream receives, held to the vendor's published schema and rules. Owns the choice of the validator.
//!
//! Strict: an unknown field, a wrong type or a broken rule is a violation, also where a lenient server would let it pass.

pub mod chat;
pub mod messages;
pub mod messages_rules;
pub mod messages_tools;
pub mod responses;
pub mod responses_items;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::node::Verdict;
use crate::normal::Asked;

/// Reads a request strictly; `Gemini` has no scripted upstream.
pub fn read(dialect: Dialect, body: &Value) -> Verdict<Asked> {
    match dialect {
        Dialect::Chat => chat::read(body),
        Dialect::Messages => messages::read(body),
        Dialect::Responses => responses::read(body),
        Dialect::Gemini => Err("there is no scripted upstream for this dialect".to_owned()),
    }
}

/// Reads a request that only counts its input: it has no limits of an answer, and no stream.
pub fn read_count(dialect: Dialect, body: &Value) -> Verdict<Asked> {
    let forbidden: &[&str] = match dialect {
        Dialect::Messages => &[
            "max_tokens",
            "stream",
            "temperature",
            "stop_sequences",
            "metadata",
        ],
        _ => &[
            "max_output_tokens",
            "stream",
            "temperature",
            "store",
            "metadata",
        ],
    };
    for name in forbidden {
        if body.get(name).is_some() {
            return Err(format!(
                "body: `{name}` is an unknown field of an operation that counts"
            ));
        }
    }
    let mut whole = body.clone();
    if dialect == Dialect::Messages
        && let Some(members) = whole.as_object_mut()
    {
        members.insert("max_tokens".to_owned(), Value::from(1));
    }
    read(dialect, &whole)
}
