//! Calls of webhooks. Owns their bounds of time and size, and that no error says what a URL holds; what is sent is
//! [`super::template`]'s. Redirects are not followed, as with every call of the gateway.

use std::time::Duration;

use http::StatusCode;

use super::message::AlertMessage;
use super::template;
use crate::config::snapshot::alerts::{Webhook, WebhookCredentials};
use crate::ports::{Clock, SendError, SendErrorKind, Timeouts, Upstream};
use crate::units::Timestamp;
use crate::upstream::body;
use crate::upstream::send::send;

/// From the call to the end of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(4),
    first_byte: Duration::from_secs(6),
    idle: Duration::from_secs(6),
};
/// Characters of an error that are kept.
const MAX_ERROR_CHARS: usize = 200;

/// Sends a message once; the error says why it was not taken, without any part of the URL behind its host and without the
/// secret.
pub async fn deliver<P: Upstream + Clock>(
    ports: &P,
    webhook: &Webhook,
    message: &AlertMessage,
) -> Result<(), String> {
    let credentials = match &webhook.credentials {
        Ok(credentials) => credentials,
        Err(error) => return Err(error.to_string()),
    };
    let outcome = call(ports, webhook, credentials, message).await;
    outcome.map_err(|error| redacted(&error, credentials))
}

async fn call<P: Upstream + Clock>(
    ports: &P,
    webhook: &Webhook,
    credentials: &WebhookCredentials,
    message: &AlertMessage,
) -> Result<(), String> {
    let now = ports.now();
    let request = template::request(webhook, credentials, message, now)?;
    let deadline = now.plus(TIME_LIMIT);
    let once = async || ports.send(request.clone(), TIMEOUTS).await;
    let (status, text) = answer(ports, deadline, once)
        .await
        .map_err(|error| said(&error))?;
    template::verdict(webhook.kind, status, &text)
}

async fn answer<P: Upstream + Clock>(
    ports: &P,
    deadline: Timestamp,
    once: impl AsyncFnMut() -> Result<http::Response<P::Body>, SendError>,
) -> Result<(StatusCode, bytes::Bytes), SendError> {
    let (head, mut body) = send(ports, deadline, once, |_| {}).await?.into_parts();
    let text = body::error_text(ports, &mut body, deadline, TIMEOUTS.idle).await;
    Ok((head.status, text))
}

fn said(error: &SendError) -> String {
    let what = match error.kind {
        SendErrorKind::Dns => "the host's name cannot be resolved",
        SendErrorKind::Connect => "there was no connection",
        SendErrorKind::Tls => "the TLS handshake failed",
        SendErrorKind::Reset | SendErrorKind::MaybeStale => "the connection broke",
        SendErrorKind::Timeout => "there was no answer in time",
        SendErrorKind::Denied => "the gateway's host does not allow the call",
        SendErrorKind::ClientGone => "the call was ended",
    };
    what.to_owned()
}

/// An error without credentials, which some vendors repeat.
fn redacted(error: &str, credentials: &WebhookCredentials) -> String {
    let url = credentials.url.expose();
    let behind_host = url.splitn(4, '/').nth(3).unwrap_or_default();
    let parts = behind_host.split(['/', '?', '&', '=']);
    let secret = credentials
        .secret
        .as_ref()
        .map(|secret| secret.expose().as_str());
    let mut text = error.to_owned();
    for part in [url.as_str(), behind_host]
        .into_iter()
        .chain(secret)
        .chain(parts)
    {
        if part.len() >= 8 {
            text = text.replace(part, "…");
        }
    }
    let text: String = text
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    text.chars().take(MAX_ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn errors_do_not_repeat_credentials() {
        let credentials = WebhookCredentials {
            url: Secret::new("https://api.telegram.org/bot12345:ABCDEF".to_owned()),
            secret: Some(Secret::new("SECRET-OF-HOOK".to_owned())),
        };
        let error = "404: no bot12345:ABCDEF at api.telegram.org\n(SECRET-OF-HOOK)";
        assert_eq!(
            redacted(error, &credentials),
            "404: no … at api.telegram.org(…)"
        );
        assert_eq!(
            redacted(&"x".repeat(999), &credentials).len(),
            MAX_ERROR_CHARS
        );
    }
}
