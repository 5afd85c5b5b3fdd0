//! Templates about failures: errors before and within answers, and answers that break off.

use serde_json::json;

use super::{Pair, TEXT, Template, question, streaming};
use crate::case::Step;
use crate::dialect::Dialect;
use crate::node::{ensure, same};
use crate::normal::{Answer, Part, Stop};
use crate::play;
use crate::read::Outcome;
use crate::upstream::{Cut, Reply, Say};

pub(super) const TEMPLATES: &[Template] = &[
    (
        "truncation",
        "a stream that ends early ends in an error",
        |pair| breaks(pair, Reply::new(half()).cut(Cut::Bytes)),
    ),
    (
        "truncation-reset",
        "a connection that breaks ends in an error",
        |pair| breaks(pair, Reply::new(half()).broken()),
    ),
    (
        "truncation-whole",
        "half a body is an error or a broken connection, not an answer",
        truncated_whole,
    ),
    (
        "error-mid-stream",
        "an error after text ends the stream as an error",
        mid_stream,
    ),
    (
        "error-first-event",
        "an error as the first event is no success",
        first_event,
    ),
    (
        "error-400",
        "a bad request keeps status and message, and is not repeated",
        bad_request,
    ),
    (
        "error-context",
        "an input that is too long is reported in the words that clients know",
        context,
    ),
    ("error-429", "a rate limit stays one", rate_limit),
    (
        "error-500",
        "an upstream's failure is a failure",
        server_error,
    ),
    (
        "error-401",
        "an upstream's refused key is not the client's",
        refused_key,
    ),
];

fn half() -> Say {
    Say::Half(Answer::new(vec![Part::text(TEXT)], Stop::End))
}

fn breaks(pair: Pair, reply: Reply) -> Step {
    let step = pair.step(&streaming(question())).reply(reply);
    step.check(|seen| seen.broken().map(drop))
}

fn truncated_whole(pair: Pair) -> Step {
    let reply = Reply::new(half()).broken();
    pair.step(&question()).reply(reply).check(|seen| {
        // A gateway that passes bytes has sent its status before: it can only break off as well.
        if matches!(seen.outcome, Outcome::Broken(_)) {
            return Ok(());
        }
        let (status, _) = seen.refused()?;
        ensure(status >= 500, || format!("the status is {status}"))
    })
}

/// The upstream's way to say in a stream that it failed; the number is that of the event.
fn failure(upstream: Dialect, number: usize) -> String {
    let message = "conf: overloaded in the middle";
    match upstream {
        Dialect::Messages => play::named(&play::error(upstream, "overloaded_error", None, message)),
        Dialect::Responses => play::named(&json!({
            "type": "error",
            "code": "server_error",
            "message": message,
            "param": null,
            "sequence_number": number,
        })),
        _ => play::data(&play::error(upstream, "server_error", None, message)),
    }
}

fn mid_stream(pair: Pair) -> Step {
    let answer = Answer::new(vec![Part::text(TEXT)], Stop::End);
    let mut events = play::stream(pair.upstream, &answer);
    events.truncate(events.len() / 2);
    events.push(failure(pair.upstream, events.len()));
    breaks(pair, Reply::new(Say::Events(events)))
}

fn first_event(pair: Pair) -> Step {
    let reply = Reply::new(Say::Events(vec![failure(pair.upstream, 0)]));
    let step = pair.step(&streaming(question())).reply(reply);
    step.check(|seen| {
        let is_error = !matches!(seen.outcome, Outcome::Answer(_));
        ensure(is_error, || "an answer, want an error".to_owned())
    })
}

fn failing(pair: Pair, status: u16, kind: &str, code: Option<&str>, message: &str) -> Step {
    let body = play::error(pair.upstream, kind, code, message);
    pair.step(&question()).reply(Reply::error(status, body))
}

fn bad_request(pair: Pair) -> Step {
    let message = "conf: the value of top_p is not one";
    let step = failing(pair, 400, "invalid_request_error", None, message);
    step.check(move |seen| {
        let (status, error) = seen.refused()?;
        same("status", &status, &400)?;
        ensure(error.message.contains(message), || {
            format!("the message is {:?}", error.message)
        })?;
        let kinds: &[&str] = match pair.client {
            Dialect::Gemini => &["INVALID_ARGUMENT", "FAILED_PRECONDITION"],
            _ => &["invalid_request_error"],
        };
        ensure(kinds.contains(&error.kind.as_str()), || {
            format!("the type is {:?}", error.kind)
        })?;
        same("calls of the upstream", &seen.received.len(), &1)
    })
}

fn context(pair: Pair) -> Step {
    let (code, message) = match pair.upstream {
        Dialect::Messages => (None, "prompt is too long: 208310 tokens > 200000 maximum"),
        _ => (
            Some("context_length_exceeded"),
            "This model's maximum context length is 128000 tokens. However, your messages resulted in \
             130511 tokens. Please reduce the length of the messages.",
        ),
    };
    let step = failing(pair, 400, "invalid_request_error", code, message);
    step.check(move |seen| {
        let (status, error) = seen.refused()?;
        same("status", &status, &400)?;
        match pair.client {
            Dialect::Chat | Dialect::Responses => same(
                "code",
                &error.code.as_deref(),
                &Some("context_length_exceeded"),
            ),
            Dialect::Messages => {
                let words = ["prompt is too long", "exceed context limit"];
                let is_known = words.iter().any(|word| error.message.contains(word));
                ensure(is_known, || format!("the message is {:?}", error.message))
            }
            Dialect::Gemini => same("status", &error.kind.as_str(), &"INVALID_ARGUMENT"),
        }
    })
}

fn rate_limit(pair: Pair) -> Step {
    let kind = match pair.upstream {
        Dialect::Messages => "rate_limit_error",
        _ => "requests",
    };
    let code = (pair.upstream != Dialect::Messages).then_some("rate_limit_exceeded");
    let mut step = failing(pair, 429, kind, code, "conf: slow down");
    for reply in &mut step.replies {
        reply.headers.push(("retry-after", "1"));
    }
    step.check(move |seen| {
        let (status, error) = seen.refused()?;
        same("status", &status, &429)?;
        match pair.client {
            Dialect::Messages => same("type", &error.kind.as_str(), &"rate_limit_error"),
            Dialect::Gemini => same("status", &error.kind.as_str(), &"RESOURCE_EXHAUSTED"),
            _ => same("code", &error.code.as_deref(), &Some("rate_limit_exceeded")),
        }
    })
}

fn server_error(pair: Pair) -> Step {
    let kind = match pair.upstream {
        Dialect::Messages => "api_error",
        _ => "server_error",
    };
    failing(pair, 500, kind, None, "conf: something broke").check(|seen| {
        let (status, error) = seen.refused()?;
        ensure(status >= 500, || format!("the status is {status}"))?;
        let blames = error.kind == "invalid_request_error" || error.kind == "INVALID_ARGUMENT";
        ensure(!blames, || format!("the type is {:?}", error.kind))
    })
}

fn refused_key(pair: Pair) -> Step {
    let (kind, code) = match pair.upstream {
        Dialect::Messages => ("authentication_error", None),
        _ => ("invalid_request_error", Some("invalid_api_key")),
    };
    failing(pair, 401, kind, code, "conf: the upstream's key is wrong").check(|seen| {
        let (status, _) = seen.refused()?;
        ensure(status >= 500, || {
            format!("the status is {status}: the client's key is not the one that was refused")
        })
    })
}
