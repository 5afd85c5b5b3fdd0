//! What a response object repeats of its request. Owns the list of these members and the API's defaults for them.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of a request that its response repeats.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EchoedMembers<'a> {
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    parallel_tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    safety_identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    top_logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    top_p: Option<&'a RawValue>,
    #[serde(borrow)]
    truncation: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
}

/// The members for [`AnswerContext::echo`](crate::dialect::answer::AnswerContext), each with a comma after it. A body that
/// is not an object has the defaults.
pub fn echo(body: &[u8]) -> String {
    let request: EchoedMembers<'_> = serde_json::from_slice(body).unwrap_or_default();
    let members = [
        ("background", None, "false"),
        ("instructions", request.instructions, "null"),
        ("max_output_tokens", request.max_output_tokens, "null"),
        ("max_tool_calls", request.max_tool_calls, "null"),
        ("metadata", request.metadata, "{}"),
        ("parallel_tool_calls", request.parallel_tool_calls, "true"),
        ("prompt_cache_key", request.prompt_cache_key, "null"),
        (
            "reasoning",
            request.reasoning,
            r#"{"effort":null,"summary":null}"#,
        ),
        ("safety_identifier", request.safety_identifier, "null"),
        ("service_tier", None, r#""default""#),
        ("temperature", request.temperature, "1.0"),
        ("text", request.text, r#"{"format":{"type":"text"}}"#),
        ("tool_choice", request.tool_choice, r#""auto""#),
        ("tools", request.tools, "[]"),
        ("top_logprobs", request.top_logprobs, "0"),
        ("top_p", request.top_p, "1.0"),
        ("truncation", request.truncation, r#""disabled""#),
        ("user", request.user, "null"),
    ];
    let mut echo = String::new();
    for (name, raw, default) in members {
        echo.push('"');
        echo.push_str(name);
        echo.push_str("\":");
        let value = raw.map_or(default, RawValue::get);
        // In JSON, line breaks are only between tokens; in an event they would end its line.
        echo.extend(value.split(['\n', '\r']));
        echo.push(',');
    }
    echo
}
