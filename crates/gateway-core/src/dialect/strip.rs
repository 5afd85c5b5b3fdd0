//! Removes reasoning that the upstream would reject: the gateway's envelopes, which hold that of an upstream of another
//! dialect, and thinking with signatures that the upstream does not accept. Everything else keeps its bytes.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::PREFIX;
use crate::wire::dialect::Dialect;
use crate::wire::members::{MemberEdit, Members};

/// The blocks of thinking in Messages.
const THINKING: [&str; 2] = ["thinking", "redacted_thinking"];
/// The members of Messages that turn thinking on, or need it.
const NEEDS_THINKING: [&str; 2] = ["thinking", "context_management"];

static ENVELOPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(PREFIX));

/// Unsigned thinking as clients write it.
static UNSIGNED: LazyLock<[Finder<'_>; 2]> = LazyLock::new(|| {
    [
        Finder::new("\"signature\":\"\""),
        Finder::new("\"signature\": \"\""),
    ]
});

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

/// The body of a request to Anthropic itself without thinking blocks that no one has signed, as upstreams of other dialects
/// and some of this one make them: Anthropic rejects them. `None`: there is none.
pub fn without_unsigned(body: &[u8]) -> Option<Vec<u8>> {
    if !UNSIGNED.iter().any(|text| text.find(body).is_some()) {
        return None;
    }
    let members = Members::parse(body).ok()?;
    let changed = stripped(members.raw("messages")?, &|message| {
        edited_list(message, "content", &|block| {
            remove_if(block, &THINKING, |members| {
                members.raw("signature") == Some("\"\"")
            })
        })
    })?;
    members.rewrite(&[MemberEdit::Set("messages", Cow::Owned(changed))])
}

/// The body of a request to Messages without any thinking block, for an upstream that rejects a signature; `None`: there
/// is none. Where the last turn of the assistant calls tools, the API requires its thinking as well, unless thinking is
/// off.
pub fn without_thinking(body: &[u8]) -> Option<Vec<u8>> {
    let members = Members::parse(body).ok()?;
    let messages = members.raw("messages")?;
    let changed = stripped(messages, &|message| {
        edited_list(message, "content", &|block| {
            remove_if(block, &THINKING, |_| true)
        })
    })?;
    let mut edits = vec![MemberEdit::Set("messages", Cow::Owned(changed))];
    if ends_with_calls(messages) {
        edits.extend(NEEDS_THINKING.map(MemberEdit::Remove));
    }
    members.rewrite(&edits)
}

/// Whether the last turn of the assistant calls tools.
fn ends_with_calls(messages: &str) -> bool {
    #[derive(Deserialize)]
    struct RoleAndContent<'a> {
        role: &'a str,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct BlockType<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
    }
    let messages: Vec<&RawValue> = crate::wire::json::from_str(messages).unwrap_or_default();
    let last = messages.iter().rev().find_map(|message| {
        let message: RoleAndContent<'_> = crate::wire::json::from_str(message.get()).ok()?;
        (message.role == "assistant").then_some(message.content)
    });
    let blocks: Vec<&RawValue> = last
        .flatten()
        .and_then(|content| crate::wire::json::from_str(content.get()).ok())
        .unwrap_or_default();
    blocks.iter().any(|block| {
        crate::wire::json::from_str(block.get()).is_ok_and(|BlockType { kind }| kind == "tool_use")
    })
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
    stripped(list, &|element| match ENVELOPE.find(element.as_bytes()) {
        None => Stripped::Whole,
        Some(_) => strip(element),
    })
}

/// A list with each element reduced; `None` when nothing changes.
fn stripped(list: &str, strip: &dyn Fn(&str) -> Stripped<'_>) -> Option<String> {
    let elements: Vec<&RawValue> = crate::wire::json::from_str(list).ok()?;
    let mut kept = Vec::with_capacity(elements.len());
    let mut is_changed = false;
    for element in elements {
        let text = element.get();
        let fate = strip(text);
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
    edited_list(
        message,
        list,
        &|block| match ENVELOPE.find(block.as_bytes()) {
            None => Stripped::Whole,
            Some(_) => thinking_block(block),
        },
    )
}

/// A message with a list of it reduced; a message of which nothing is left is removed.
fn edited_list<'m>(
    message: &'m str,
    list: &'static str,
    strip: &dyn Fn(&str) -> Stripped<'_>,
) -> Stripped<'m> {
    let edited = || {
        let members = Members::parse(message.as_bytes()).ok()?;
        let changed = stripped(members.raw(list)?, strip)?;
        if changed == "[]" {
            return Some(Stripped::Removed);
        }
        let edited = members.rewrite(&[MemberEdit::Set(list, Cow::Owned(changed))])?;
        Some(Stripped::Changed(String::from_utf8(edited).ok()?.into()))
    };
    edited().unwrap_or(Stripped::Whole)
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
    remove_if(block, &THINKING, holding_envelope(&["signature", "data"]))
}

fn reasoning_item(item: &str) -> Stripped<'_> {
    remove_if(
        item,
        &["reasoning"],
        holding_envelope(&["encrypted_content"]),
    )
}

/// Whether an object has an envelope in one of these members. A text that only quotes one is none.
fn holding_envelope<'p>(places: &'p [&'p str]) -> impl Fn(&Members<'_>) -> bool + 'p {
    |members| {
        places.iter().any(|name| {
            let raw = members.raw(name).unwrap_or_default();
            raw.strip_prefix('"')
                .is_some_and(|text| text.starts_with(PREFIX))
        })
    }
}

/// Removes an object of one of these types of which `is_meant`.
fn remove_if<'e>(
    element: &'e str,
    types: &[&str],
    is_meant: impl Fn(&Members<'_>) -> bool,
) -> Stripped<'e> {
    let Ok(members) = Members::parse(element.as_bytes()) else {
        return Stripped::Whole;
    };
    let is_reasoning = members
        .string("type")
        .is_some_and(|kind| types.contains(&&*kind));
    if is_reasoning && is_meant(&members) {
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
    fn thinking_goes_and_is_turned_off_where_its_turn_calls_tools() {
        let without = |body: &str| {
            let body = without_thinking(body.as_bytes())?;
            Some(String::from_utf8(body).unwrap())
        };
        let thinking = r#"{"type":"thinking","thinking":"a","signature":"E"}"#;
        let redacted = r#"{"type":"redacted_thinking","data":"E"}"#;
        let call = r#"{"type":"tool_use","id":"c","name":"f","input":{}}"#;
        let text = r#"{"type":"text","text":"thinking"}"#;
        let body = |first: &str, last: &str, rest: &str| {
            format!(
                r#"{{"messages":[{{"role":"assistant","content":[{first}]}},{{"role":"user","content":"x"}},{{"role":"assistant","content":[{last}]}},{{"role":"user","content":"y"}}]{rest}}}"#
            )
        };
        let on = r#","thinking":{"type":"adaptive"},"context_management":{}"#;
        let with = body(
            &format!("{thinking},{call}"),
            &format!("{redacted},{text}"),
            on,
        );
        assert_eq!(without(&with), Some(body(call, text, on)));
        let with = body(
            &format!("{thinking},{text}"),
            &format!("{thinking},{call}"),
            on,
        );
        assert_eq!(without(&with), Some(body(text, call, "")));
        assert_eq!(without(&body(text, call, on)), None);
        assert_eq!(without("{}"), None);
    }

    #[test]
    fn unsigned_thinking_goes_and_signed_stays() {
        let without = |body: &str| {
            let body = without_unsigned(body.as_bytes())?;
            Some(String::from_utf8(body).unwrap())
        };
        let body = |blocks: &str| {
            format!(r#"{{"model":"m", "messages":[{{"role":"assistant","content":[{blocks}]}}]}}"#)
        };
        let signed = r#"{"type":"thinking","thinking":"","signature":"E"}"#;
        let text = r#"{"type":"text","text":"\"signature\":\"\""}"#;
        for unsigned in [
            r#"{"type":"thinking","thinking":"a","signature":""}"#,
            r#"{"type":"thinking","thinking":"a","signature": ""}"#,
        ] {
            let with = body(&format!("{signed},{unsigned},{text}"));
            assert_eq!(without(&with), Some(body(&format!("{signed},{text}"))));
        }
        assert_eq!(without(&body(&format!("{signed},{text}"))), None);
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
