//! Whether a whole JSON answer has the content of its operation. Owns which member that is; only what is certainly not
//! an answer is rejected, since upstreams differ in everything else.

use memchr::memmem;

use super::members::Members;

/// What an answer must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// A list with something in it.
    Filled(&'static str),
    /// A list, which may be empty: a model may end its turn without text.
    Given(&'static str),
}

/// What an answer of the operation with this path below `/v1/` must contain.
fn due(path: &str) -> Option<Due> {
    match path {
        "chat/completions" | "completions" => Some(Due::Filled("choices")),
        // Empty lists of these can be correct: for no input, or with every image filtered out.
        "embeddings" | "images/generations" | "images/edits" | "images/variations" => {
            Some(Due::Given("data"))
        }
        "moderations" => Some(Due::Given("results")),
        "messages" => Some(Due::Given("content")),
        "responses" => Some(Due::Given("output")),
        _ => None,
    }
}

/// Whether the answer is none: the required member is null or empty, or replaced by an empty error.
pub fn is_missing(path: &str, body: &[u8]) -> bool {
    let Some(due) = due(path) else {
        return false;
    };
    let (Due::Filled(name) | Due::Given(name)) = due;
    if !is_suspect(name, body) {
        return false;
    }
    // A non-empty error was handled before.
    let Ok(members) = Members::parse(body) else {
        return false;
    };
    match members.raw(name) {
        Some("null") => true,
        Some(list) => {
            matches!(due, Due::Filled(_)) && {
                let inside = list
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'));
                inside.is_some_and(|inside| inside.trim().is_empty())
            }
        }
        None => members.raw("error").is_some_and(|error| error != "null"),
    }
}

/// Whether the body must be parsed: the member is nowhere, or null or an empty list somewhere.
fn is_suspect(name: &str, body: &[u8]) -> bool {
    let mut is_there = false;
    for start in memmem::find_iter(body, name.as_bytes()) {
        let after = body.get(start + name.len()..).unwrap_or_default();
        let Some(after) = after.strip_prefix(b"\"") else {
            continue;
        };
        is_there = true;
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let value = value.trim_ascii_start();
        let is_empty = value
            .strip_prefix(b"[")
            .is_some_and(|inside| inside.trim_ascii_start().starts_with(b"]"));
        if is_empty || value.starts_with(b"null") {
            return true;
        }
    }
    !is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_without_what_is_due_are_none() {
        let rows: &[(&str, &str, bool)] = &[
            ("chat/completions", r#"{"id":"x","choices":[]}"#, true),
            ("chat/completions", r#"{"choices" : [ ] ,"error":{}}"#, true),
            (
                "chat/completions",
                r#"{"choices":null,"base_resp":{"status_code":1008}}"#,
                true,
            ),
            ("chat/completions", r#"{"error":{}}"#, true),
            ("chat/completions", r#"{"error":""}"#, true),
            ("completions", r#"{"choices":[]}"#, true),
            (
                "chat/completions",
                r#"{"choices":[{"message":{"content":"a"}}]}"#,
                false,
            ),
            (
                "chat/completions",
                r#"{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{\"choices\":[]}"}}],"x":{"choices":[]}}}]}"#,
                false,
            ),
            // Another shape, which is left to the client.
            ("chat/completions", "{}", false),
            ("chat/completions", "[]", false),
            ("chat/completions", r#"{"response":"a"}"#, false),
            ("chat/completions", r#"{"choices":[]"#, false),
            (
                "embeddings",
                r#"{"object":"list","data":[],"usage":{}}"#,
                false,
            ),
            ("embeddings", r#"{"data":[{"embedding":[]}]}"#, false),
            ("images/generations", r#"{"created":1,"data":null}"#, true),
            ("moderations", r#"{"results":[]}"#, false),
            ("moderations", r#"{"results":null}"#, true),
            ("rerank", r#"{"results":[]}"#, false),
            ("audio/transcriptions", r#"{"text":""}"#, false),
            (
                "messages",
                r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#,
                false,
            ),
            ("messages", r#"{"type":"message","content":null}"#, true),
            (
                "messages",
                r#"{"content":[{"type":"tool_use","input":{"content":null}}]}"#,
                false,
            ),
            (
                "responses",
                r#"{"object":"response","status":"queued","output":[]}"#,
                false,
            ),
            (
                "responses",
                r#"{"object":"response","status":"completed","output":null}"#,
                true,
            ),
        ];
        for (path, body, expected) in rows {
            assert_eq!(
                is_missing(path, body.as_bytes()),
                *expected,
                "{path} {body}"
            );
        }
    }
}
