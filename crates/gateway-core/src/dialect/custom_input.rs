//! The input of custom (freeform) tools, whose upstreams have functions only. Owns the schema of the function in the place
//! of a custom tool, its description, and how the input is wrapped into its arguments and comes out of them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;

/// The schema of the function in the place of a custom tool.
pub const SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool, as plain text."}},"required":["input"],"additionalProperties":false}"#;

/// A description with the grammar of the input after it.
pub fn with_grammar(description: &str, syntax: &str, definition: &str) -> String {
    let mut fence = String::from("```");
    while definition.contains(&fence) {
        fence.push('`');
    }
    let gap = if description.is_empty() { "" } else { "\n\n" };
    let end = if definition.ends_with('\n') { "" } else { "\n" };
    format!(
        "{description}{gap}`input` must match this grammar:\n{fence}{syntax}\n{definition}{end}{fence}"
    )
}

/// The arguments that hold an input, which is a string of the request or the answer. A string is the same text in all
/// JSON, so that it is copied as it was sent; an absent input is an empty one.
pub fn wrapped(input: Option<&RawValue>) -> String {
    let input = input.map_or(r#""""#, RawValue::get);
    format!(r#"{{"input":{input}}}"#)
}

/// The input that arguments hold; `None`: they have another form, and are the input themselves.
pub fn unwrapped(arguments: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct InputWrapper<'a> {
        #[serde(borrow)]
        input: &'a RawValue,
    }
    let wrapper: InputWrapper<'_> = crate::wire::json::from_str(arguments).ok()?;
    json::text(wrapper.input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_comes_out_as_it_went_in() {
        let patch = "*** Begin Patch\n+\"a\"\t\\\u{1f600}\n";
        let sent = serde_json::to_string(patch).unwrap();
        let raw: &RawValue = serde_json::from_str(&sent).unwrap();
        assert_eq!(unwrapped(&wrapped(Some(raw))).as_deref(), Some(patch));
        assert_eq!(unwrapped(&wrapped(None)).as_deref(), Some(""));
        for raw in ["", "*** Begin", r#"{"input":7}"#, r#"{"patch":"x"}"#] {
            assert_eq!(unwrapped(raw), None);
        }
    }

    #[test]
    fn a_grammar_is_fenced_in_more_marks_than_it_has() {
        let cases = [
            ("", "a", "`input` must match this grammar:\n```lark\na\n```"),
            (
                "d",
                "a\n",
                "d\n\n`input` must match this grammar:\n```lark\na\n```",
            ),
            (
                "d",
                "```",
                "d\n\n`input` must match this grammar:\n````lark\n```\n````",
            ),
        ];
        for (description, definition, expected) in cases {
            assert_eq!(with_grammar(description, "lark", definition), expected);
        }
    }
}
