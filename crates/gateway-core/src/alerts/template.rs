//! The request that each kind of webhook takes, and what its answers mean. Owns the vendors' forms, as they document them:
//! members, signatures, the longest text. Pure; calls nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT,
};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use super::episodes::AlertEvent;
use super::message::AlertMessage;
use crate::config::alerts::DestinationKind;
use crate::config::snapshot::alerts::{Webhook, WebhookCredentials};
use crate::config::validate::webhook_url;
use crate::time_text;
use crate::units::Timestamp;

const OWN_NAME: HeaderValue =
    HeaderValue::from_static(concat!("ai-gateway/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// ntfy shows it above the text; headers have no room for other scripts.
const TITLE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("title"),
    HeaderValue::from_static("AI gateway"),
);

/// Why no request could be built: a stored URL or secret that cannot be one. Without any part of it.
const NOT_BUILDABLE: &str = "the stored URL or secret cannot be used";

/// The longest text, in bytes, which are never fewer than characters.
const fn longest(kind: DestinationKind) -> usize {
    match kind {
        DestinationKind::Wecom => 2_048,
        DestinationKind::Discord => 2_000,
        DestinationKind::Telegram | DestinationKind::Ntfy => 4_000,
        _ => 16_000,
    }
}

/// The request that sends `message` at `now`.
pub fn request(
    webhook: &Webhook,
    credentials: &WebhookCredentials,
    message: &AlertMessage,
    now: Timestamp,
) -> Result<Request<Bytes>, String> {
    let kind = webhook.kind;
    let secret = credentials
        .secret
        .as_ref()
        .map(|secret| secret.expose().as_str());
    let url = webhook_url(credentials.url.expose()).map_err(|_| NOT_BUILDABLE.to_owned())?;
    let url = prepared(kind, url, secret, now)?;
    let text = shortened(&message.text(), longest(kind));
    let (content_type, body) = match kind {
        DestinationKind::Ntfy => (TEXT, text),
        _ => (
            JSON,
            json_body(webhook, message, &text, secret, now)?.to_string(),
        ),
    };
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.as_str().parse().map_err(|_| NOT_BUILDABLE.to_owned())?;
    let length = request.body().len();
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, OWN_NAME);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if kind == DestinationKind::Ntfy {
        headers.insert(TITLE.0, TITLE.1);
    }
    if let (DestinationKind::Json | DestinationKind::Ntfy, Some(secret)) = (kind, secret) {
        let bearer = HeaderValue::try_from(format!("Bearer {secret}"));
        let mut bearer = bearer.map_err(|_| NOT_BUILDABLE.to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(request)
}

/// The URL with what the kind adds to it.
fn prepared(
    kind: DestinationKind,
    mut url: Url,
    secret: Option<&str>,
    now: Timestamp,
) -> Result<Url, String> {
    match (kind, secret) {
        (DestinationKind::Telegram, _) if !url.path().ends_with("/sendMessage") => {
            let path = format!("{}/sendMessage", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        (DestinationKind::Dingtalk, Some(secret)) => {
            let signature = sign(secret, &format!("{}\n{secret}", now.0))?;
            url.query_pairs_mut()
                .append_pair("timestamp", &now.0.to_string())
                .append_pair("sign", &signature);
        }
        _ => {}
    }
    Ok(url)
}

fn json_body(
    webhook: &Webhook,
    message: &AlertMessage,
    text: &str,
    secret: Option<&str>,
    now: Timestamp,
) -> Result<Value, String> {
    Ok(match webhook.kind {
        DestinationKind::Json | DestinationKind::Ntfy => json!({
            "source": "ai-gateway",
            "title": message.title,
            "text": text,
            "time": time_text::format(message.time),
            "alerts": message.events.iter().map(event).collect::<Vec<_>>(),
        }),
        DestinationKind::Slack => json!({ "text": escaped(text) }),
        // Names of channels and keys must not call people.
        DestinationKind::Discord => json!({ "content": text, "allowed_mentions": { "parse": [] } }),
        DestinationKind::Telegram => json!({
            "chat_id": webhook.recipient,
            "text": text,
            "link_preview_options": { "is_disabled": true },
        }),
        DestinationKind::Feishu => {
            let mut body = json!({ "msg_type": "text", "content": { "text": text } });
            if let Some(secret) = secret {
                let seconds = now.unix_seconds().to_string();
                body["sign"] = sign(&format!("{seconds}\n{secret}"), "")?.into();
                body["timestamp"] = seconds.into();
            }
            body
        }
        DestinationKind::Dingtalk | DestinationKind::Wecom => {
            json!({ "msgtype": "text", "text": { "content": text } })
        }
    })
}

fn event(event: &AlertEvent) -> Value {
    json!({
        "event": event.change,
        "kind": event.kind,
        "level": event.level,
        "subject": event.subject,
        "text": event.text,
        "since": time_text::format(event.since),
    })
}

/// HMAC-SHA-256 in base64.
fn sign(key: &str, text: &str) -> Result<String, String> {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut mac = mac.map_err(|_| NOT_BUILDABLE.to_owned())?;
    mac.update(text.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

/// Slack's three control characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let most = longest - '…'.len_utf8();
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at <= most)
        .last();
    format!(
        "{}…",
        text.get(..end.unwrap_or_default()).unwrap_or_default()
    )
}

/// Whether a destination has taken a message, or why not. Some vendors answer 200 with an error in the body.
pub fn verdict(kind: DestinationKind, status: StatusCode, body: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = [
        "errmsg",
        "msg",
        "description",
        "message",
        "StatusMessage",
        "error",
    ];
    let words = words.into_iter().find_map(|name| value.get(name)?.as_str());
    let code = match kind {
        DestinationKind::Feishu => value.get("code").or_else(|| value.get("StatusCode")),
        DestinationKind::Dingtalk | DestinationKind::Wecom => value.get("errcode"),
        _ => None,
    };
    let is_refused = match kind {
        DestinationKind::Feishu | DestinationKind::Dingtalk | DestinationKind::Wecom => {
            code.and_then(Value::as_i64) != Some(0)
        }
        DestinationKind::Telegram => value.get("ok") != Some(&Value::Bool(true)),
        _ => false,
    };
    if status.is_success() && !is_refused {
        return Ok(());
    }
    if status.is_redirection() {
        return Err(format!("{}: redirects are not followed", status.as_u16()));
    }
    let number = code.and_then(Value::as_i64).filter(|_| status.is_success());
    let number = number.unwrap_or_else(|| status.as_u16().into());
    Err(match words {
        Some(words) => format!("{number}: {words}"),
        None if status.is_success() => format!("{number}: not the answer of such a webhook"),
        None => format!(
            "{number}: {}",
            status.canonical_reason().unwrap_or("rejected")
        ),
    })
}

#[cfg(test)]
mod tests;
