//! What one JSON answer or one stream event says about the fate of a request: content, an error, the end.
//! Owns the reading of OpenAI-shaped payloads; classifying an error is `attempt`'s work.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What an event of a stream means for relaying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// No payload, or a start-up chunk without choices: proves nothing yet.
    Nothing,
    /// Content of an answer.
    Content,
    /// Content that ends the answer: a finish reason.
    Finish,
    /// The `[DONE]` mark.
    Done,
    /// An error in place of content.
    Error,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Reads the data of one event; `None` stands for an event without data.
pub fn of_event(data: Option<&[u8]>) -> Signal {
    let Some(data) = data else {
        return Signal::Nothing;
    };
    let data = data.trim_ascii();
    if data.is_empty() {
        return Signal::Nothing;
    }
    if data.starts_with(b"[DONE]") {
        return Signal::Done;
    }
    let Ok(payload) = serde_json::from_slice::<Payload<'_>>(data) else {
        // Not our shape: somebody's own payload, passed on as content.
        return Signal::Content;
    };
    let is_set = |raw: Option<&RawValue>| raw.is_some_and(|raw| raw.get() != "null");
    if is_set(payload.error) {
        return Signal::Error;
    }
    if let Some(kind) = payload.kind {
        return of_typed_event(kind.get());
    }
    match payload.choices {
        Some(choices) if choices.is_empty() => Signal::Nothing,
        Some(choices) => {
            let failed = |choice: &Choice<'_>| {
                is_set(choice.error)
                    || choice
                        .finish_reason
                        .is_some_and(|reason| reason.get() == "\"error\"")
            };
            if choices.iter().any(failed) {
                Signal::Error
            } else if choices.iter().any(|choice| is_set(choice.finish_reason)) {
                Signal::Finish
            } else {
                Signal::Content
            }
        }
        None => Signal::Content,
    }
}

/// Events of `/v1/responses` carry their meaning in `type`, a JSON string with its quotes here.
fn of_typed_event(kind: &str) -> Signal {
    match kind {
        "\"error\"" | "\"response.failed\"" => Signal::Error,
        "\"response.completed\"" | "\"response.incomplete\"" | "\"message_stop\"" => Signal::Finish,
        "\"response.created\""
        | "\"response.queued\""
        | "\"response.in_progress\""
        | "\"message_start\""
        | "\"ping\"" => Signal::Nothing,
        _ => Signal::Content,
    }
}

/// Whether a whole JSON answer with a good status is an error all the same: a top-level `error` that is
/// set, or a choice that ended with one.
pub fn body_is_error(body: &[u8]) -> bool {
    // Only objects that mention an error at all are worth parsing.
    if contains(body, b"error") && body.first() == Some(&b'{') {
        let typed_answer =
            |payload: &Payload<'_>| payload.choices.is_none() && payload.kind.is_some();
        return serde_json::from_slice::<Payload<'_>>(body).is_ok_and(|payload| {
            let set = payload.error.is_some_and(|raw| raw.get() != "null");
            set || (!typed_answer(&payload)
                && payload.choices.iter().flatten().any(|choice| {
                    choice.error.is_some_and(|raw| raw.get() != "null")
                        || choice
                            .finish_reason
                            .is_some_and(|raw| raw.get() == "\"error\"")
                }))
        });
    }
    false
}

/// An answer's body without what may stand in front of its JSON: white space and `: …` comment lines, as
/// OpenRouter sends to keep connections open. Gives the number of bytes to skip.
pub fn padding_before_json(body: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        match rest.first() {
            Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
            Some(b':') => match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => at += end + 1,
                None => return 0,
            },
            _ => return at,
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_mean_what_upstreams_mean() {
        let cases: &[(&str, Signal)] = &[
            ("", Signal::Nothing),
            ("[DONE]", Signal::Done),
            (
                r#"{"choices":[],"prompt_filter_results":[]}"#,
                Signal::Nothing,
            ),
            (
                r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
                Signal::Content,
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                Signal::Finish,
            ),
            (
                r#"{"error":{"code":502,"message":"x"},"choices":[{"delta":{},"finish_reason":"error"}]}"#,
                Signal::Error,
            ),
            (r#"{"choices":[{"finish_reason":"error"}]}"#, Signal::Error),
            (r#"{"error":{"message":"x"}}"#, Signal::Error),
            (
                r#"{"error":null,"choices":[{"delta":{}}]}"#,
                Signal::Content,
            ),
            (
                r#"{"type":"response.created","response":{"error":null}}"#,
                Signal::Nothing,
            ),
            (
                r#"{"type":"response.output_text.delta","delta":"x"}"#,
                Signal::Content,
            ),
            (r#"{"type":"response.completed"}"#, Signal::Finish),
            (r#"{"type":"response.failed"}"#, Signal::Error),
            ("plain text", Signal::Content),
        ];
        for (data, expected) in cases {
            assert_eq!(of_event(Some(data.as_bytes())), *expected, "{data}");
        }
        assert_eq!(of_event(None), Signal::Nothing);
    }

    #[test]
    fn good_bodies_that_mention_errors_stay_good() {
        assert!(!body_is_error(
            br#"{"choices":[{"message":{"content":"an error"},"finish_reason":"stop"}]}"#
        ));
        assert!(!body_is_error(br#"{"error":null,"data":[]}"#));
        assert!(body_is_error(br#"{"error":{"code":429,"message":"slow"}}"#));
        assert!(body_is_error(
            br#"{"choices":[{"error":{"code":502,"message":"x"},"finish_reason":"error"}]}"#
        ));
        assert!(!body_is_error(b"error: plain text"));
    }

    #[test]
    fn padding_is_skipped() {
        assert_eq!(
            padding_before_json(b"\n : OPENROUTER PROCESSING\n\n{\"a\":1}"),
            27
        );
        assert_eq!(padding_before_json(b"{}"), 0);
        assert_eq!(padding_before_json(b": never ends"), 0);
    }
}
