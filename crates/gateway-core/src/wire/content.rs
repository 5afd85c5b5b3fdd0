//! How much text an answer holds, for estimates of tokens where no upstream states them. Owns the members that contain
//! text: contents, reasoning, tool arguments. Copies nothing.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The text in a message, or in the part of a message that a stream's event brings.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    // DeepSeek and vLLM.
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    // OpenRouter and Groq.
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    // Anthropic's deltas.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partial_json: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<CalledFunction<'a>>,
}

#[derive(Deserialize)]
struct CalledFunction<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Bytes of text in a message, a delta or a plain string, as JSON spells them. Unknown shapes have none.
pub fn bytes(raw: &RawValue) -> u64 {
    if raw.get().starts_with('"') {
        return string(raw);
    }
    let Ok(message) = crate::wire::json::from_str::<Message<'_>>(raw.get()) else {
        return 0;
    };
    let texts = [
        message.content,
        message.reasoning_content,
        message.reasoning,
        message.refusal,
        message.text,
        message.thinking,
        message.partial_json,
    ];
    let of_texts: u64 = texts.into_iter().flatten().map(string).sum();
    of_texts + message.tool_calls.map_or(0, tool_calls)
}

/// A run of base64 of at least this many bytes is an image, audio or a file, not text.
const MIN_BLOB: usize = 512;

/// Bytes of a request's JSON without its base64: an image of a megabyte is a thousand tokens, not 250,000.
pub fn text_bytes(json: &[u8]) -> u64 {
    // A long run has at least one byte at these positions, so that few other bytes are examined.
    let (step, mut blobs, mut place) = (MIN_BLOB / 2, 0, 0);
    while let Some(text) = json.get(place..) {
        if text.first().is_some_and(|byte| is_base64(*byte)) {
            let before = json.iter().take(place).rev();
            let before = before.take_while(|byte| is_base64(**byte)).take(step);
            let after = text.iter().take_while(|byte| is_base64(**byte));
            let after = after.take(MIN_BLOB).count();
            let run = before.count() + after;
            if run >= MIN_BLOB {
                // It ends with its string.
                let end = memchr::memchr2(b'"', b' ', text).unwrap_or(text.len());
                blobs += run - after + end;
                place += end;
            }
        }
        place += step;
    }
    u64::try_from(json.len().saturating_sub(blobs)).unwrap_or(u64::MAX)
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Bytes between the quotes; 0 for other values.
fn string(raw: &RawValue) -> u64 {
    let inside = raw
        .get()
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.map_or(0, |text| u64::try_from(text.len()).unwrap_or(u64::MAX))
}

/// The calls are read one after the other and not kept: there may be millions in a hostile answer.
struct ToolCalls(u64);

impl<'de> Deserialize<'de> for ToolCalls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ToolCallsVisitor)
    }
}

struct ToolCallsVisitor;

impl<'de> Visitor<'de> for ToolCallsVisitor {
    type Value = ToolCalls;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of calls")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ToolCalls, A::Error> {
        let mut bytes = 0;
        while let Some(call) = list.next_element::<ToolCall<'de>>()? {
            let texts = call.function.map(|call| [call.name, call.arguments]);
            bytes += texts
                .into_iter()
                .flatten()
                .flatten()
                .map(string)
                .sum::<u64>();
        }
        Ok(ToolCalls(bytes))
    }
}

fn tool_calls(raw: &RawValue) -> u64 {
    crate::wire::json::from_str(raw.get()).map_or(0, |ToolCalls(bytes)| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_sounds_are_no_text() {
        let words = "The quick brown fox jumps over the lazy dog. ".repeat(500);
        let chinese = "\u{6a21}\u{578b}".repeat(5_000);
        for text in [words.as_str(), &chinese, "", "x"] {
            for size in [0, 511, 512, 513, 700, 1_000_000] {
                let blob = "iVBORw0KGgo/+AAA".repeat(size / 16 + 1);
                let blob = &blob[..size];
                let json = |blob: &str| {
                    format!(
                        r#"{{"a":"{text}","url":"data:image/png;base64,{blob}","b":[{{"data":"{blob}"}}],"c":"{text}"}}"#
                    )
                };
                let (without, with) = (json("").len(), json(blob).len());
                let expected = if size < MIN_BLOB { with } else { without };
                let counted = usize::try_from(text_bytes(json(blob).as_bytes())).unwrap();
                assert!(
                    counted.abs_diff(expected) <= 2 * MIN_BLOB,
                    "{size}: {counted} of {expected}"
                );
            }
        }
        let code = r#"{"content":"fn main() { println!(\"hi\"); }\n"}"#.repeat(100);
        assert_eq!(
            text_bytes(code.as_bytes()),
            u64::try_from(code.len()).unwrap()
        );
    }

    #[test]
    fn text_is_counted_wherever_it_is() {
        let rows = [
            (r#""hello""#, 5),
            (r#"{"role":"assistant","content":"hello"}"#, 5),
            (
                r#"{"content":null,"reasoning_content":"hm","reasoning":"x"}"#,
                3,
            ),
            (
                r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"x"}]}"#,
                10,
            ),
            (r#"{"type":"text_delta","text":"hi"}"#, 2),
            (r#"{"type":"input_json_delta","partial_json":"{"}"#, 1),
            (r#"{"content":[{"type":"text","text":"hi"}]}"#, 0),
            (r#"{"content":7,"tool_calls":{}}"#, 0),
            ("null", 0),
            ("[]", 0),
        ];
        for (json, expected) in rows {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(bytes(raw), expected, "{json}");
        }
    }
}
