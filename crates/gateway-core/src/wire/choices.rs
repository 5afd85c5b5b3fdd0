//! The choices of an answer or of one event of a stream: which there are, which have ended, and whether any of them has
//! content. Owns what counts as a finish reason. They are read one after the other and not kept: there may be millions
//! in an event of a hostile upstream.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{content, emptiness};

/// Some choices, by their index. More than OpenAI's 128 share the last place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexes(u128);

impl Indexes {
    const LAST: u32 = u128::BITS - 1;

    fn add(&mut self, index: u32) {
        self.0 |= 1 << index.min(Self::LAST);
    }
}

/// The choices of one answer or event, combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Which there are.
    pub seen: Indexes,
    /// Which of them have ended, with a finish reason.
    pub ended: Indexes,
    /// Whether one of them has failed.
    pub failed: bool,
    /// Whether one of them holds anything but its role.
    pub has_content: bool,
    /// Bytes of text in them, as JSON spells them.
    pub content_bytes: u64,
}

impl Choices {
    /// Whether there is one.
    pub fn any(&self) -> bool {
        self.seen != Indexes::default()
    }

    /// Whether one of them has ended.
    pub fn any_ended(&self) -> bool {
        self.ended != Indexes::default()
    }

    /// Whether there are choices and all of them have ended.
    pub fn all_ended(&self) -> bool {
        self.any() && self.seen == self.ended
    }

    /// Adds a later event of the same stream.
    pub fn take_in(&mut self, later: Self) {
        self.seen.0 |= later.seen.0;
        self.ended.0 |= later.ended.0;
        self.failed |= later.failed;
        self.has_content |= later.has_content;
        self.content_bytes = self.content_bytes.saturating_add(later.content_bytes);
    }

    fn add(&mut self, choice: &ChunkChoice<'_>) {
        let index = choice.index.map_or(0, index);
        self.seen.add(index);
        let reason = choice.finish_reason.and_then(finish_reason);
        if reason.is_some() {
            self.ended.add(index);
        }
        self.failed |= choice
            .error
            .is_some_and(|error| !emptiness::is_empty(error))
            || reason.is_some_and(|reason| reason.eq_ignore_ascii_case("error"));
        let parts = [choice.delta, choice.message, choice.text];
        let bytes: u64 = parts.into_iter().flatten().map(content::bytes).sum();
        self.content_bytes += bytes;
        // Most events have text, and need no second pass.
        self.has_content = self.has_content
            || bytes > 0
            || parts
                .into_iter()
                .flatten()
                .any(|part| !emptiness::is_empty_but_for(part, &["role"]));
    }
}

#[derive(Deserialize)]
struct ChunkChoice<'a> {
    #[serde(borrow, default)]
    index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ChoicesVisitor)
    }
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Choices;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices, A::Error> {
        let mut choices = Choices::default();
        while let Some(choice) = list.next_element::<ChunkChoice<'de>>()? {
            choices.add(&choice);
        }
        Ok(choices)
    }
}

/// A choice's index; one without a number counts as the first.
fn index(raw: &RawValue) -> u32 {
    raw.get().trim_matches('"').parse().unwrap_or(0)
}

/// Words in the place of a reason that are none: how other languages write that there is no value.
const NO_REASONS: &[&str] = &[
    "",
    "null",
    "none",
    "nil",
    "nan",
    "undefined",
    "false",
    "in_progress",
    "finish_reason_unspecified",
];

/// The reason for which an answer has ended; `None`: it has not. A reason is any string that is not one of the words for
/// "no value".
pub fn finish_reason(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct BorrowedString<'t>(#[serde(borrow)] Cow<'t, str>);
    // Most events have none.
    if !raw.get().starts_with('"') {
        return None;
    }
    let BorrowedString(reason) = crate::wire::json::from_str(raw.get()).ok()?;
    let word = reason.trim();
    let is_none = NO_REASONS
        .iter()
        .any(|none| none.eq_ignore_ascii_case(word));
    (!is_none).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Choices {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_reasons_end_a_choice() {
        let none = [
            "null",
            r#""""#,
            r#"" ""#,
            r#""null""#,
            r#""None""#,
            r#""NULL""#,
            r#""undefined""#,
            r#""nil""#,
            r#""NaN""#,
            r#""FINISH_REASON_UNSPECIFIED""#,
            "0",
            "1",
            "true",
            "false",
            "[]",
            r#"["stop"]"#,
            "{}",
            r#"{"type":"stop"}"#,
        ];
        for reason in none {
            let choices = read(&format!(r#"[{{"delta":{{}},"finish_reason":{reason}}}]"#));
            assert!(choices.any() && !choices.any_ended(), "{reason}");
        }
        assert!(!read(r#"[{"delta":{}}]"#).any_ended());
        let reasons = [
            "stop",
            "length",
            "tool_calls",
            "content_filter",
            "function_call",
            "eos",
            "end_turn",
            "STOP",
            "model_length",
            "insufficient_system_resource",
            "st\\u006fp",
            "whatever_comes",
        ];
        for reason in reasons {
            let choices = read(&format!(r#"[{{"delta":{{}},"finish_reason":"{reason}"}}]"#));
            assert!(choices.all_ended() && !choices.failed, "{reason}");
        }
        assert!(read(r#"[{"finish_reason":"error"}]"#).failed);
    }

    #[test]
    fn an_answer_is_whole_when_all_choices_that_were_seen_have_ended() {
        let event = |index: &str, reason: &str| {
            read(&format!(
                r#"[{{"index":{index},"delta":{{}},"finish_reason":{reason}}}]"#
            ))
        };
        let whole = |events: &[(&str, &str)]| {
            let mut sum = Choices::default();
            for (index, reason) in events {
                sum.take_in(event(index, reason));
            }
            sum.all_ended()
        };
        let (open, stop) = ("null", r#""stop""#);
        assert!(!whole(&[]));
        assert!(whole(&[("0", stop)]));
        assert!(!whole(&[("0", open), ("1", open), ("1", stop)]));
        assert!(!whole(&[("0", stop), ("1", open)]), "one came later");
        assert!(whole(&[("0", open), ("1", open), ("1", stop), ("0", stop)]));
        assert!(
            whole(&[("0", stop), ("0", open)]),
            "what has ended stays so"
        );
        assert!(whole(&[("127", open), ("127", stop)]));
        assert!(!whole(&[("127", open), ("0", stop)]));
        // Unusual indexes take no more room.
        for strange in ["4294967295", "-1", "1e9", "null", "\"x\"", "{}"] {
            assert!(whole(&[(strange, open), (strange, stop)]), "{strange}");
        }
        assert!(
            !whole(&[("\"1\"", open), ("0", stop)]),
            "a number in quotes"
        );
        let both = read(r#"[{"index":0,"finish_reason":"stop"},{"index":1,"finish_reason":""}]"#);
        assert!(both.any_ended() && !both.all_ended());
    }

    #[test]
    fn a_role_alone_is_no_content() {
        let nothing = [
            r#"{"delta":{}}"#,
            r#"{"delta":null}"#,
            r#"{"delta":{"role":"assistant"}}"#,
            r#"{"delta":{"role":"assistant","content":""}}"#,
            r#"{"delta":{"role":"assistant","content":null,"refusal":null}}"#,
            r#"{"delta":{"content":"","tool_calls":[],"function_call":null}}"#,
            r#"{"delta":{"role":"assistant","content":"","reasoning":"","reasoning_content":"","reasoning_details":[]}}"#,
            r#"{"delta":{"content":[{"text":""}],"annotations":[]}}"#,
            r#"{"text":""}"#,
            r#"{"text":"","logprobs":null,"index":1}"#,
            r#"{"message":{"role":"assistant","content":""}}"#,
            r#"{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}"#,
        ];
        for choice in nothing {
            assert!(!read(&format!("[{choice}]")).has_content, "{choice}");
        }
        let something = [
            r#"{"delta":{"content":"a"}}"#,
            r#"{"delta":{"content":" "}}"#,
            r#"{"delta":{"role":"assistant","content":"","reasoning_content":"hm"}}"#,
            r#"{"delta":{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"f","arguments":""}}]}}"#,
            r#"{"delta":{"function_call":{"name":"f"}}}"#,
            r#"{"delta":{"audio":{"id":"a","data":"UklGRg=="}}}"#,
            r#"{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}}"#,
            r#"{"text":"a"}"#,
        ];
        for choice in something {
            let choices = format!(r#"[{{"delta":{{}}}},{choice}]"#);
            assert!(read(&choices).has_content, "{choice}");
        }
    }

    #[test]
    fn an_empty_error_of_a_choice_is_none() {
        for (error, failed) in [
            ("null", false),
            ("{}", false),
            (r#""""#, false),
            ("false", false),
            ("[]", false),
            (r#"{"code":502,"message":"x"}"#, true),
            (r#""overloaded""#, true),
        ] {
            let choices = read(&format!(
                r#"[{{"error":{error},"delta":{{"content":"a"}}}}]"#
            ));
            assert_eq!(choices.failed, failed, "{error}");
        }
    }
}
