//! The response when every candidate failed. Owns the choice among the contract's four answers and the message that
//! names each attempt.

use std::fmt::Write as _;

use http::StatusCode;

use crate::error::{ErrorCode, GatewayError, printable};
use crate::ports::SendErrorKind;
use crate::upstream::failure::{FailedAttempt, Failure};

/// How long a throttled client waits when no upstream said so, in seconds.
const DEFAULT_RETRY_AFTER_S: u64 = 5;

/// The final error of a request for `model` whose `attempts` all failed; `out_of_time` when the total time to the first
/// byte was over before the candidates were. `spared_ms`: the shortest wait of keys that were not called, since their
/// upstream had said how long it throttles them.
pub fn error(
    model: &str,
    attempts: &[FailedAttempt],
    spared_ms: Option<u64>,
    out_of_time: bool,
) -> GatewayError {
    let all = |failure: Failure| {
        !attempts.is_empty() && attempts.iter().all(|attempt| attempt.failure == failure)
    };
    let error = if out_of_time {
        let story = if attempts.is_empty() {
            String::new()
        } else {
            format!(" Tried: {}.", tell(attempts))
        };
        ErrorCode::UpstreamTimeout.error(format!(
            "No upstream began to answer within the total time.{story}"
        ))
    } else if is_loop(attempts) {
        ErrorCode::LoopDetected.error(format!(
            "Loop detected: every channel for the model `{}` leads back to a gateway that the request has passed. Change \
             the base URLs of these channels to the provider's own, or disable them. Tried: {}.",
            printable(model),
            tell(attempts)
        ))
    } else if all(Failure::ModelUnknown) {
        ErrorCode::ModelNotFound
            .error(format!(
                "No channel knows the model `{}`. Tried: {}.",
                printable(model),
                tell(attempts)
            ))
            .with_param("model")
    } else if is_too_large_for_all(attempts) {
        ErrorCode::RequestTooLarge.error(format!(
            "The request is larger than any upstream key's rate limit allows. Tried: {}.",
            tell(attempts)
        ))
    } else if all(Failure::Throttled) {
        ErrorCode::RateLimited
            .error(format!(
                "Every upstream is over its rate limit. Tried: {}.",
                tell(attempts)
            ))
            .with_retry_after_s(shortest_wait_s(attempts, spared_ms))
    } else if all(Failure::KeyRefused) {
        ErrorCode::CredentialsExhausted.error(format!(
            "Every upstream key was refused; an admin must check the keys of these channels. Tried: {}.",
            tell(attempts)
        ))
    } else {
        ErrorCode::UpstreamFailed
            .error(format!("Every upstream failed. Tried: {}.", tell(attempts)))
    };
    error.as_exhausted()
}

/// Whether every upstream reported that the request has more tokens than its key may spend in a minute: waiting does
/// not help.
fn is_too_large_for_all(attempts: &[FailedAttempt]) -> bool {
    let is_too_large = |attempt: &FailedAttempt| {
        attempt.failure == Failure::Throttled
            && attempt.status == Some(StatusCode::PAYLOAD_TOO_LARGE)
    };
    !attempts.is_empty() && attempts.iter().all(is_too_large)
}

/// Whether every candidate has reported a loop.
fn is_loop(attempts: &[FailedAttempt]) -> bool {
    let is_loop = |attempt: &FailedAttempt| attempt.status == Some(StatusCode::LOOP_DETECTED);
    !attempts.is_empty() && attempts.iter().all(is_loop)
}

fn shortest_wait_s(attempts: &[FailedAttempt], spared_ms: Option<u64>) -> u64 {
    let shortest = attempts
        .iter()
        .filter_map(|attempt| attempt.retry_after_ms)
        .chain(spared_ms)
        .min();
    shortest.map_or(DEFAULT_RETRY_AFTER_S, |wait| wait.div_ceil(1000))
}

/// `NIM: 500 (message); OpenRouter: connection failed (…)`.
pub fn tell(attempts: &[FailedAttempt]) -> String {
    let mut story = String::new();
    for attempt in attempts {
        if !story.is_empty() {
            story.push_str("; ");
        }
        story.push_str(&attempt.channel);
        let _ = match (attempt.status, attempt.failure) {
            (Some(status), _) => write!(story, ": {}", status.as_u16()),
            (None, Failure::Unreachable(kind)) => write!(story, ": {}", phase(kind)),
            (None, _) => write!(story, ": no answer"),
        };
        let _ = write!(story, " ({})", short(&attempt.error.message));
    }
    story
}

/// The beginning of an upstream's message: ten attempts must stay readable in one line.
fn short(message: &str) -> &str {
    let line = message
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    line.char_indices()
        .nth(200)
        .map_or(line, |(end, _)| &line[..end])
}

const fn phase(kind: SendErrorKind) -> &'static str {
    match kind {
        SendErrorKind::Dns => "name not resolved",
        SendErrorKind::Connect => "no connection",
        SendErrorKind::Tls => "TLS failed",
        SendErrorKind::Reset | SendErrorKind::MaybeStale => "connection broke",
        SendErrorKind::Timeout => "timed out",
        SendErrorKind::Denied => "not allowed by the host",
        SendErrorKind::ClientGone => "the client left",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorBody;

    fn failed(
        channel: &str,
        failure: Failure,
        status: Option<u16>,
        wait: Option<u64>,
    ) -> FailedAttempt {
        FailedAttempt {
            channel: channel.to_owned(),
            key: String::new(),
            failure,
            status: status.map(|status| StatusCode::from_u16(status).unwrap()),
            error: Box::new(ErrorBody {
                message: "why.".to_owned(),
                kind: String::new(),
                param: None,
                code: None,
            }),
            retry_after_ms: wait,
            headers: Box::default(),
        }
    }

    fn outcome(attempts: &[FailedAttempt], out_of_time: bool) -> (u16, String, Option<u64>) {
        let error = error("m", attempts, None, out_of_time);
        assert!(error.exhausted);
        (
            error.status.as_u16(),
            error.body.code.unwrap(),
            error.retry_after_s,
        )
    }

    #[test]
    fn the_four_answers() {
        let unreachable = failed(
            "b",
            Failure::Unreachable(SendErrorKind::Connect),
            None,
            None,
        );
        let server = failed("a", Failure::ServerError, Some(500), None);
        let throttled = |wait| failed("t", Failure::Throttled, Some(429), wait);
        let refused = failed("k", Failure::KeyRefused, Some(401), None);
        let unknown = failed("u", Failure::ModelUnknown, Some(404), None);
        let code = |code: &str| code.to_owned();
        assert_eq!(
            outcome(&[server.clone(), unreachable], false),
            (502, code("upstream_failed"), None)
        );
        assert_eq!(
            outcome(
                &[
                    throttled(Some(9_000)),
                    throttled(Some(1_200)),
                    throttled(None)
                ],
                false
            ),
            (429, code("rate_limit_exceeded"), Some(2))
        );
        assert_eq!(
            outcome(&[throttled(None)], false).2,
            Some(DEFAULT_RETRY_AFTER_S)
        );
        assert_eq!(
            outcome(&[throttled(None), refused.clone()], false).1,
            "upstream_failed"
        );
        assert_eq!(
            outcome(&[refused.clone(), refused], false),
            (502, code("upstream_credentials_exhausted"), None)
        );
        assert_eq!(
            outcome(&[unknown.clone(), unknown], false),
            (404, code("model_not_found"), None)
        );
        let too_large = failed("g", Failure::Throttled, Some(413), None);
        assert_eq!(
            outcome(&[too_large.clone(), too_large.clone()], false),
            (413, code("request_too_large"), None)
        );
        assert_eq!(
            outcome(&[too_large, throttled(None)], false).0,
            429,
            "another key may take it later"
        );
        let looped = failed("l", Failure::ModelUnknown, Some(508), None);
        assert_eq!(
            outcome(&[looped.clone(), looped.clone()], false),
            (508, code("loop_detected"), None)
        );
        assert_eq!(
            outcome(&[looped, server.clone()], false).1,
            "upstream_failed"
        );
        assert_eq!(
            outcome(&[server], true),
            (504, code("upstream_timeout"), None)
        );
        assert_eq!(outcome(&[], true).0, 504);
    }

    #[test]
    fn the_message_names_every_channel_and_status() {
        let attempts = [
            failed("NIM", Failure::ServerError, Some(500), None),
            failed(
                "OpenRouter",
                Failure::Unreachable(SendErrorKind::Dns),
                None,
                None,
            ),
        ];
        assert_eq!(
            error("m", &attempts, None, false).body.message,
            "Every upstream failed. Tried: NIM: 500 (why); OpenRouter: name not resolved (why)."
        );
    }
}
