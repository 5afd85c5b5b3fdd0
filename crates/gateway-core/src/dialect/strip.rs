//! Removes reasoning that came from an upstream of another dialect, out of a request that passes untranslated: the
//! upstream would reject the gateway's envelopes as forged. Everything else keeps its bytes.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

use super::envelope::PREFIX;
use crate::wire::dialect::Dialect;
use crate::wire::members::{MemberEdit, Members};

static ENVELOPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(PREFIX));

/// The body without the blocks that hold an envelope; `None`: there is none, which is nearly always so.
pub fn without_envelopes(dialect: Dialect, body: &[u8]) -> Option<Vec<u8>> {
    ENVELOPE.find(body)?;
    let (list, strip): (_, fn(&str) -> Stripped<'_>) = match dialect {
        Dialect::Messages => ("messages", |message| without_blocks(message, "content")),
        Dialect::Chat => ("messages", |message| {
            without_member(message, "reasoning_details")
        }),
        Dialect::Responses => ("input", reasoning_item),
        _ => return None,
    };
    let members = Members::parse(body).ok()?;
    let changed = filtered(members.raw(list)?, strip)?;
    members.rewrite(&[MemberEdit::Set(list, Cow::Owned(changed))])
}

/// What is left of an element of a list.
enum Stripped<'a> {
    /// All of it.
    Whole,
    /// This.
    Changed(Cow<'a, str>),
    /// Nothing.
    Removed,
}

/// A list with each element that mentions an envelope reduced; `None` when nothing changes.
fn filtered(list: &str, strip: fn(&str) -> Stripped<'_>) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    let mut kept = Vec::with_capacity(elements.len());
    let mut is_changed = false;
    for element in elements {
        let text = element.get();
        let fate = match ENVELOPE.find(text.as_bytes()) {
            None => Stripped::Whole,
            Some(_) => strip(text),
        };
        is_changed |= !matches!(fate, Stripped::Whole);
        match fate {
            Stripped::Whole => kept.push(Cow::Borrowed(text)),
            Stripped::Changed(changed) => kept.push(changed),
            Stripped::Removed => {}
        }
    }
    is_changed.then(|| format!("[{}]", kept.join(",")))
}

/// A message without the reasoning blocks that hold an envelope; a message of these alone is removed.
fn without_blocks<'m>(message: &'m str, list: &'static str) -> Stripped<'m> {
    let stripped = || {
        let members = Members::parse(message.as_bytes()).ok()?;
        let changed = filtered(members.raw(list)?, thinking_block)?;
        if changed == "[]" {
            return Some(Stripped::Removed);
        }
        let edited = members.rewrite(&[MemberEdit::Set(list, Cow::Owned(changed))])?;
        Some(Stripped::Changed(String::from_utf8(edited).ok()?.into()))
    };
    stripped().unwrap_or(Stripped::Whole)
}

fn without_member<'m>(message: &'m str, name: &'static str) -> Stripped<'m> {
    let stripped = || {
        let members = Members::parse(message.as_bytes()).ok()?;
        ENVELOPE.find(members.raw(name)?.as_bytes())?;
        let edited = members.rewrite(&[MemberEdit::Remove(name)])?;
        Some(Stripped::Changed(String::from_utf8(edited).ok()?.into()))
    };
    stripped().unwrap_or(Stripped::Whole)
}

fn thinking_block(block: &str) -> Stripped<'_> {
    remove_if(
        block,
        &["thinking", "redacted_thinking"],
        &["signature", "data"],
    )
}

fn reasoning_item(item: &str) -> Stripped<'_> {
    remove_if(item, &["reasoning"], &["encrypted_content"])
}

/// Removes an object of one of these types with an envelope in one of these members. A text that only quotes one stays.
fn remove_if<'e>(element: &'e str, types: &[&str], places: &[&str]) -> Stripped<'e> {
    let Ok(members) = Members::parse(element.as_bytes()) else {
        return Stripped::Whole;
    };
    let is_reasoning = members
        .string("type")
        .is_some_and(|kind| types.contains(&&*kind));
    let holds = |name: &&str| {
        let raw = members.raw(name).unwrap_or_default();
        raw.strip_prefix('"')
            .is_some_and(|text| text.starts_with(PREFIX))
    };
    if is_reasoning && places.iter().any(holds) {
        return Stripped::Removed;
    }
    Stripped::Whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(dialect: Dialect, body: &str) -> Option<String> {
        without_envelopes(dialect, body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn only_blocks_with_an_envelope_go() {
        let body = r#"{"model":"m", "messages":[{"role":"user","content":"gwrs1-x"},{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"gwrs1-x"},{"type":"thinking","thinking":"b","signature":"Eq=="},{"type":"text", "text":"gwrs1-"}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"gwrs1-y"}]}],"n":1.0}"#;
        let expected = r#"{"model":"m", "messages":[{"role":"user","content":"gwrs1-x"},{"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"Eq=="},{"type":"text", "text":"gwrs1-"}]}],"n":1.0}"#;
        assert_eq!(stripped(Dialect::Messages, body).as_deref(), Some(expected));
        assert_eq!(stripped(Dialect::Messages, expected), None);
        let input = r#"{"input":[{"type":"reasoning","id":"r","encrypted_content":"gwrs1-x","summary":[]},{"type":"message","content":"x"}]}"#;
        let expected = r#"{"input":[{"type":"message","content":"x"}]}"#;
        assert_eq!(
            stripped(Dialect::Responses, input).as_deref(),
            Some(expected)
        );
        let chat = r#"{"messages":[{"role":"assistant","content":"a","reasoning_details":[{"data":"gwrs1-x"}]}]}"#;
        let expected = r#"{"messages":[{"role":"assistant","content":"a"}]}"#;
        assert_eq!(stripped(Dialect::Chat, chat).as_deref(), Some(expected));
        assert_eq!(stripped(Dialect::Chat, r#"{"messages":[]}"#), None);
        assert_eq!(stripped(Dialect::Chat, r#"{"messages":["gwrs1-"]}"#), None);
    }
}
