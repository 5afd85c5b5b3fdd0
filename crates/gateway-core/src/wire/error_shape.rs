//! Brings what upstreams send as errors into OpenAI's four members. Owns the shapes that were seen in
//! the wild: OpenAI, OpenRouter (numeric codes), NIM (problem details), FastAPI (`detail`), plain text.

use http::StatusCode;
use serde_json::Value;

use crate::error::ErrorBody;

/// The longest message that is passed on, in characters; an upstream's HTML error page helps nobody.
const MAX_MESSAGE_CHARS: usize = 2_000;

/// An upstream's error in one shape, with what classification needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// The four members as a client may see them.
    pub body: ErrorBody,
    /// A status that the body itself names, as OpenRouter's numeric `code` does inside a 200.
    pub status: Option<StatusCode>,
}

/// Reads an error body of any shape. `status` is the response's own and gives the defaults.
pub fn normalise(status: StatusCode, body: &[u8]) -> UpstreamError {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let found = value.as_ref().and_then(|value| match value {
        Value::Object(_) => Some(from_object(value)),
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
        .unwrap_or_else(|| default_message(status));
    UpstreamError {
        body: ErrorBody {
            message: shorten(&message),
            kind: found
                .kind
                .unwrap_or_else(|| default_type(found.status.unwrap_or(status)).to_owned()),
            param: found.param,
            code: found.code,
        },
        status: found.status,
    }
}

/// What an error body says, as far as it says it.
#[derive(Default)]
struct Parts {
    message: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    code: Option<String>,
    status: Option<StatusCode>,
}

fn from_object(value: &Value) -> Parts {
    match value.get("error") {
        Some(Value::Object(_)) => from_error(&value["error"]),
        Some(Value::String(message)) => Parts {
            message: Some(message.clone()),
            code: text(value.get("code")),
            status: status(value),
            ..Parts::default()
        },
        _ => match value
            .get("choices")
            .and_then(|choices| choices.get(0))
            .and_then(|first| first.get("error"))
        {
            Some(error) if error.is_object() => from_error(error),
            _ => from_problem(value),
        },
    }
}

fn from_error(error: &Value) -> Parts {
    let own_status = error.get("code").and_then(number).and_then(to_error_status);
    // OpenRouter puts the provider's own words below a message that only says that there was an error.
    let raw = error
        .get("metadata")
        .and_then(|metadata| metadata.get("raw"))
        .and_then(Value::as_str);
    let message = text(error.get("message")).map(|message| match raw {
        Some(raw) if !raw.is_empty() && !message.contains(raw) => format!("{message}: {raw}"),
        _ => message,
    });
    Parts {
        message,
        kind: text(error.get("type")),
        param: text(error.get("param")),
        code: text(error.get("code")),
        status: own_status,
    }
}

/// NIM's `{"status","title","detail"}`, FastAPI's `{"detail": …}`, and `{"message": …}`.
fn from_problem(value: &Value) -> Parts {
    let title = text(value.get("title"));
    let detail = match value.get("detail") {
        Some(Value::Array(list)) => {
            Some(list.iter().map(field_error).collect::<Vec<_>>().join("; "))
        }
        other => text(other),
    };
    let param = value
        .get("detail")
        .and_then(|detail| detail.get(0))
        .and_then(|first| first.get("loc"))
        .and_then(Value::as_array)
        .and_then(|location| location.last())
        .and_then(Value::as_str)
        .map(str::to_owned);
    let message = match (title, detail) {
        (Some(title), Some(detail)) => Some(format!("{title}: {detail}")),
        (title, detail) => detail.or(title).or_else(|| text(value.get("message"))),
    };
    Parts {
        message,
        kind: text(value.get("type")).filter(|kind| !kind.contains(':')),
        param,
        code: text(value.get("code")),
        status: status(value),
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
    let message = text(item.get("msg")).unwrap_or_else(|| item.to_string());
    place.map_or(message.clone(), |place| format!("{place}: {message}"))
}

fn status(value: &Value) -> Option<StatusCode> {
    value
        .get("status")
        .and_then(Value::as_u64)
        .and_then(to_error_status)
}

/// A number, also one that was put into quotes.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn to_error_status(number: u64) -> Option<StatusCode> {
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn plain_text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| text.to_owned())
}

fn shorten(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

fn default_message(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    format!(
        "The upstream answered {} ({reason}) without a message.",
        status.as_u16()
    )
}

const fn default_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests;
