//! Converts upstreams' errors to OpenAI's four members. Owns the shapes that were seen in the wild: OpenAI, OpenRouter
//! (numeric codes), NIM (problem details), FastAPI (`detail`), plain text, web pages. Real payloads with their results
//! are in `fixtures/upstream`.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::signals::{self, Signal};
use super::sse::{self, EventScanner};
use crate::error::ErrorBody;

/// The longest message that is passed on, in characters; an upstream's HTML error page is useless to the client.
const MAX_MESSAGE_CHARS: usize = 2_000;

/// The longest type, param or code; they are machine-readable words.
const MAX_WORD_CHARS: usize = 200;

/// An upstream's error in a uniform shape, with what classification needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// The four members as a client may see them.
    pub body: ErrorBody,
    /// A status that the body itself names, as OpenRouter's numeric `code` does inside a 200.
    pub status: Option<StatusCode>,
}

/// An error longer than this is not parsed, which would take many times its size; real ones are far shorter.
const MAX_PARSED_BYTES: usize = 64 * 1024;

/// Reads an error body of any shape. `status` is the response's own and gives the defaults.
pub fn normalise(status: StatusCode, body: &[u8]) -> UpstreamError {
    // An event stream in place of an error may hold one.
    if looks_like_events(body) {
        let beginning = body.get(..MAX_PARSED_BYTES).unwrap_or(body);
        return of_body(status, &error_event(beginning));
    }
    of_body(status, body)
}

fn of_body(status: StatusCode, body: &[u8]) -> UpstreamError {
    let beginning = body.get(..MAX_PARSED_BYTES).unwrap_or(body);
    let value: Option<Value> = if beginning.len() == body.len() {
        serde_json::from_slice(body).ok()
    } else {
        None
    };
    let body = beginning;
    let found = value.as_ref().and_then(|value| match value {
        Value::Object(_) => Some(from_object(value)),
        Value::String(text) => Some(Parts {
            message: Some(text.clone()).filter(|text| !text.trim().is_empty()),
            ..Parts::default()
        }),
        // Gemini wraps its errors into an array.
        Value::Array(list) => list
            .first()
            .filter(|first| first.is_object())
            .map(from_object),
        _ => None,
    });
    let found = found.unwrap_or_default();
    let message = found
        .message
        .or_else(|| plain_text(body))
        .unwrap_or_else(|| default_message(status, body));
    UpstreamError {
        body: ErrorBody {
            message: shorten(&message, MAX_MESSAGE_CHARS),
            kind: found.kind.map_or_else(
                || default_type(found.status.unwrap_or(status)).to_owned(),
                |kind| shorten(&kind, MAX_WORD_CHARS),
            ),
            param: found.param.map(|param| shorten(&param, MAX_WORD_CHARS)),
            code: found.code.map(|code| shorten(&code, MAX_WORD_CHARS)),
        },
        status: found.status,
    }
}

/// The members found in an error body.
#[derive(Default)]
struct Parts {
    message: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    code: Option<String>,
    status: Option<StatusCode>,
}

fn from_object(value: &Value) -> Parts {
    // On top, in a failed event of `/v1/responses`, or in the choice that failed.
    let on_top = [value.get("error"), value.pointer("/response/error")];
    let choices = value.get("choices").and_then(Value::as_array);
    let of_choices = choices
        .into_iter()
        .flatten()
        .map(|choice| choice.get("error"));
    let mut errors = on_top.into_iter().chain(of_choices).flatten();
    let is_error = |error: &&Value| match error {
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.trim().is_empty(),
        _ => false,
    };
    match errors.find(is_error) {
        Some(Value::String(message)) => Parts {
            message: Some(message.clone()),
            code: text(value.get("code")),
            status: status(value),
            ..Parts::default()
        },
        Some(error) => from_error(error),
        None => from_problem(value),
    }
}

fn from_error(error: &Value) -> Parts {
    let metadata = error.get("metadata");
    let own_status = error.get("code").and_then(number).and_then(to_error_status);
    // OpenRouter nests the provider's own message below a generic one.
    let raw = metadata
        .and_then(|metadata| metadata.get("raw"))
        .and_then(Value::as_str);
    let message = words(error.get("message")).or_else(|| words(error.get("msg")));
    let message = message.map(|message| match raw {
        Some(raw) if !raw.is_empty() && !message.contains(raw) => format!("{message}: {raw}"),
        _ => message,
    });
    // OpenRouter's moderation answers 403, as for a key without rights; only this member distinguishes them.
    let is_flagged = metadata.is_some_and(|metadata| metadata.get("flagged_input").is_some());
    Parts {
        message,
        kind: text(error.get("type")),
        param: text(error.get("param")),
        code: if is_flagged {
            Some("content_filter".to_owned())
        } else {
            text(error.get("code"))
        },
        status: own_status,
    }
}

/// NIM's `{"status","title","detail"}`, FastAPI's `{"detail": …}`, and `{"message": …}`.
fn from_problem(value: &Value) -> Parts {
    let title = text(value.get("title"));
    let message = match (title, words(value.get("detail"))) {
        (Some(title), Some(detail)) => Some(format!("{title}: {detail}")),
        (title, detail) => detail
            .or(title)
            .or_else(|| words(value.get("message")))
            .or_else(|| words(value.get("msg")))
            // MiniMax.
            .or_else(|| words(value.pointer("/base_resp/status_msg"))),
    };
    let place = value.pointer("/detail/0/loc").and_then(Value::as_array);
    let param = place.and_then(|place| text(place.last()));
    // `error` is the name of an event, and a problem's type is a URI.
    let is_type = |kind: &String| !kind.contains(':') && kind != "error";
    Parts {
        message,
        kind: text(value.get("type")).filter(is_type),
        param: param.or_else(|| text(value.get("param"))),
        code: text(value.get("code")),
        status: status(value),
    }
}

/// A message, which some upstreams send as a list of problems, or nested one level deeper.
fn words(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Array(list) if !list.is_empty() => {
            Some(list.iter().map(field_error).collect::<Vec<_>>().join("; "))
        }
        Value::Object(inner) => match inner.get("detail")? {
            Value::Array(list) if !list.is_empty() => {
                Some(list.iter().map(field_error).collect::<Vec<_>>().join("; "))
            }
            other => text(Some(other)),
        },
        other => text(Some(other)),
    }
}

fn field_error(item: &Value) -> String {
    let place = item.get("loc").and_then(Value::as_array).map(|location| {
        let parts: Vec<String> = location
            .iter()
            .filter_map(|part| text(Some(part)))
            .collect();
        parts.join(".")
    });
    // The other members repeat the client's input.
    let message = text(item.get("msg")).or_else(|| text(Some(item)));
    let message = message.unwrap_or_else(|| "is not valid".to_owned());
    place.map_or(message.clone(), |place| format!("{place}: {message}"))
}

fn status(value: &Value) -> Option<StatusCode> {
    let names = ["status", "statusCode", "status_code", "raw_status_code"];
    names
        .iter()
        .find_map(|name| value.get(name).and_then(Value::as_u64))
        .and_then(to_error_status)
}

/// A number, also a quoted one.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn to_error_status(number: u64) -> Option<StatusCode> {
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A body that is only an error's text. JSON does not count, even when cut off: without a message it may be an answer,
/// or contain the client's input, and neither may be passed on as a message or logged.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    let is_other = text.is_empty() || text.starts_with(['<', '{', '[', '"']);
    (!is_other).then(|| text.to_owned())
}

fn looks_like_events(body: &[u8]) -> bool {
    let text = body.trim_ascii_start();
    let fields: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    fields.iter().any(|field| text.starts_with(field))
}

/// The data of the first event that is an error; empty when there is none.
fn error_event(stream: &[u8]) -> Vec<u8> {
    let mut scanner = EventScanner::default();
    let Ok(block) = scanner.push(Bytes::copy_from_slice(stream)) else {
        return Vec::new();
    };
    let (last, rest) = scanner.finish();
    let events = block.events().chain(last.events()).chain([&rest[..]]);
    let mut errors = events.filter(|event| signals::of(event).signal == Signal::Error);
    let data = errors.next().and_then(sse::data);
    data.map_or_else(Vec::new, Cow::into_owned)
}

fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn default_message(status: StatusCode, body: &[u8]) -> String {
    let code = status.as_u16();
    if let Some(title) = page_title(body) {
        return format!("The upstream answered {code} with a web page: {title}");
    }
    if status.is_success() {
        return format!("The upstream sent no answer and no message of an error (status {code}).");
    }
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    format!("The upstream answered {code} ({reason}) without a message.")
}

/// The subject of a proxy's error page; the rest is useless to the client.
fn page_title(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    let title: Vec<&str> = title.split_whitespace().collect();
    (!title.is_empty()).then(|| title.join(" "))
}

const fn default_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "requests",
        400..=499 => "invalid_request_error",
        // Also for an error inside a good status without a known kind.
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests;
