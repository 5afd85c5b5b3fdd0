//! Requests whose client has a wrong base URL, or requests a WebSocket. Owns which of them are recognised and the
//! messages that say what to change. Such requests are never served anyway: a wrong base URL that half works is found
//! later.

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{HeaderName, Method};

use super::{operation, routes, vendor_paths};
use crate::error::{ErrorCode, ErrorStyle, GatewayError, printable};
use crate::reply::Reply;

/// Sent with every WebSocket handshake, also by hosts that strip `Upgrade`.
const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const SEC_WEBSOCKET_VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
/// Longer paths are not examined.
const MAX_PATH_BYTES: usize = 1_000;

/// The path that was probably meant, with the usual mistakes corrected: `//`, a second `/v1`, a trailing slash, or a
/// missing `/v1`. `None` when that is no path of the gateway either.
fn meant(path: &str) -> Option<String> {
    if path.len() > MAX_PATH_BYTES {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    while let ["v1", "v1", ..] = parts.as_slice() {
        parts.remove(0);
    }
    if parts.first() != Some(&"v1") {
        parts.insert(0, "v1");
    }
    let meant = format!("/{}", parts.join("/"));
    (meant != path && routes::is_path(&meant)).then_some(meant)
}

/// The message for a client that requests `path`, which does not exist.
pub fn nothing_at(path: &str) -> GatewayError {
    let shown = printable(path);
    ErrorCode::NotFound.error(match meant(path) {
        None => format!("There is nothing at {shown}."),
        Some(meant) => format!(
            "There is nothing at {shown}; the path is {meant}. {} The client adds the rest of the path itself.",
            base_url(path, &meant)
        ),
    })
}

/// Which base URL leads to the path that was meant. Anthropic's SDKs add `/v1/…` to theirs, OpenAI's what comes after it.
fn base_url(path: &str, meant: &str) -> &'static str {
    let adds_v1 = meant.starts_with("/v1/messages");
    let has_two = path.trim_start_matches('/').starts_with("v1/");
    match (adds_v1, has_two) {
        (true, true) => {
            "Set the client's base URL to the gateway's address, without /v1 and without a slash at its end."
        }
        (false, true) => {
            "Set the client's base URL so that it ends in /v1 once, without a slash at its end."
        }
        (_, false) => {
            "Set the client's base URL to the gateway's address with /v1 at its end, such as https://gateway.example/v1."
        }
    }
}

/// The error shape that the client of a request expects for errors outside any operation.
pub fn error_style(parts: &Parts) -> ErrorStyle {
    let path = parts.uri.path();
    let meant = meant(path);
    let path = meant.as_deref().unwrap_or(path);
    let style = routes::error_style(path);
    if style != ErrorStyle::OpenAi || operation::is_operation(path) {
        return style;
    }
    // Paths of no operation are each vendor's, so that the client is known by its headers only.
    if vendor_paths::is_google_client(&parts.headers) {
        ErrorStyle::Gemini
    } else if parts.headers.contains_key("anthropic-version") {
        ErrorStyle::Anthropic
    } else {
        style
    }
}

/// Rejects a request for a WebSocket, which the gateway does not support: clients that prefer it fall back to plain
/// HTTP.
pub fn refuse_upgrade(parts: &Parts) -> Result<(), GatewayError> {
    if !is_upgrade(parts) {
        return Ok(());
    }
    Err(ErrorCode::UpgradeNotSupported
        .error("The gateway has no WebSockets. Send the request as an HTTP POST; streams come as server-sent events.")
        .as_exhausted())
}

fn is_upgrade(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let asks = |value: &HeaderValue| {
        let mut protocols = value.as_bytes().split(|byte| *byte == b',');
        protocols.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    };
    // An extended CONNECT (RFC 8441), or a handshake of HTTP/1.1 (RFC 6455).
    parts.method == Method::CONNECT
        || (parts.method == Method::GET
            && (headers.get_all(UPGRADE).iter().any(asks)
                || headers.contains_key(SEC_WEBSOCKET_KEY)
                || headers.contains_key(SEC_WEBSOCKET_VERSION)))
}

/// Adds the headers by which a 426 names the required protocol (RFC 9110, 15.5.22).
pub fn label(reply: &mut Reply) {
    if reply.status() == http::StatusCode::UPGRADE_REQUIRED {
        let headers = reply.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn paths_that_were_meant_are_found() {
        for (path, expected) in [
            ("/v1/v1/chat/completions", Some("/v1/chat/completions")),
            ("/v1/v1/v1/models", Some("/v1/models")),
            ("//v1/chat/completions", Some("/v1/chat/completions")),
            ("/v1//chat/completions", Some("/v1/chat/completions")),
            ("/v1/chat/completions/", Some("/v1/chat/completions")),
            ("/v1/models/", Some("/v1/models")),
            ("/chat/completions", Some("/v1/chat/completions")),
            ("/messages", Some("/v1/messages")),
            ("/models", Some("/v1/models")),
            ("/models/meta/llama", Some("/v1/models/meta/llama")),
            ("/responses", Some("/v1/responses")),
            ("/embeddings", Some("/v1/embeddings")),
            ("/v1", None),
            ("/", None),
            ("/nope", None),
            ("/v1/nope", None),
            ("/v1/chat/completions", None),
            ("/api/v1/chat/completions", None),
        ] {
            assert_eq!(meant(path).as_deref(), expected, "{path}");
        }
        assert_eq!(meant(&"/v1".repeat(1_000)), None);
    }

    #[test]
    fn the_answer_says_what_to_set() {
        let message = |path| nothing_at(path).body.message;
        let twice = message("/v1/v1/chat/completions");
        assert!(
            twice.contains("the path is /v1/chat/completions"),
            "{twice}"
        );
        assert!(twice.contains("ends in /v1 once"), "{twice}");
        assert!(message("/v1/v1/messages").contains("without /v1"));
        assert!(message("/chat/completions").contains("with /v1 at its end"));
        assert_eq!(message("/nope"), "There is nothing at /nope.");
    }

    #[test]
    fn errors_are_in_the_manner_of_the_client() {
        for (path, version, expected) in [
            ("/v1/messages", false, ErrorStyle::Anthropic),
            ("/v1/v1/messages", false, ErrorStyle::Anthropic),
            ("/messages", false, ErrorStyle::Anthropic),
            ("/v1/models", true, ErrorStyle::Anthropic),
            ("/v1/models", false, ErrorStyle::OpenAi),
            ("/v1/chat/completions", true, ErrorStyle::OpenAi),
            ("/nope", true, ErrorStyle::Anthropic),
            ("/v1beta/nope", true, ErrorStyle::Gemini),
            ("/v1/models/m:countTokens", false, ErrorStyle::Gemini),
        ] {
            let mut request = Request::get(path).body(()).unwrap();
            if version {
                let value = HeaderValue::from_static("2023-06-01");
                request.headers_mut().insert("anthropic-version", value);
            }
            let (parts, ()) = request.into_parts();
            assert_eq!(error_style(&parts), expected, "{path} {version}");
        }
    }

    #[test]
    fn websockets_are_recognised_however_they_are_asked_for() {
        for (method, header, expected) in [
            (Method::GET, Some(("upgrade", "WebSocket")), true),
            (Method::GET, Some(("upgrade", "h2c, websocket")), true),
            (Method::GET, Some(("sec-websocket-key", "x")), true),
            (Method::GET, Some(("sec-websocket-version", "13")), true),
            (Method::CONNECT, None, true),
            (Method::GET, Some(("upgrade", "h2c")), false),
            (Method::POST, Some(("upgrade", "websocket")), false),
            (Method::GET, None, false),
        ] {
            let mut request = Request::builder().method(&method).uri("/v1/responses");
            if let Some((name, value)) = header {
                request = request.header(name, value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(
                refuse_upgrade(&parts).is_err(),
                expected,
                "{method} {header:?}"
            );
        }
    }
}
