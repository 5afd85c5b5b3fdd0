//! What kind of answer a response is: judged by the request and by the body's first bytes, since content types are
//! often wrong. Owns the choice, and the content type that the client gets with it.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use super::attempt::Attempt;
use crate::ports::ProxyPorts;
use crate::upstream::body::UpstreamBody;
use crate::upstream::failure::FailedAttempt;
use crate::wire::dialect::Dialect;
use crate::wire::media;
use crate::wire::opening::{Looks, Opening};

/// How a response is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// A stream of events.
    Events,
    /// One JSON text.
    Json,
    /// A page, as from a captive portal, a login page or a wrong base URL.
    Page,
    /// Not an API's answer to such a call.
    Useless,
    /// Anything else, which is passed on as it comes.
    Other,
}

/// A response whose kind is known.
pub struct Opened {
    /// Its kind.
    pub kind: AnswerKind,
    /// What was read of its body.
    pub first: Bytes,
    /// Whether that is all of it.
    pub has_ended: bool,
    /// Whether JSON must be valid: it is said to be some, or nothing else answers such a call.
    pub must_be_json: bool,
}

/// What a content type means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Events,
    Json,
    Page,
    /// Audio, an image or a video.
    Media,
    Other,
}

/// Reads the body until it shows what it is. Nothing is held longer than a stream's first event would be.
pub async fn read<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    headers: &HeaderMap,
    body: &mut UpstreamBody<P>,
) -> Result<Opened, FailedAttempt> {
    let label = label(headers);
    let is_binary = attempt.translation.operation == "audio/speech" && label == Label::Other;
    if is_binary || label == Label::Media {
        return Ok(Opened {
            kind: AnswerKind::Other,
            first: Bytes::new(),
            has_ended: false,
            must_be_json: false,
        });
    }
    let mut opening = Opening::default();
    let (begun, has_ended) = loop {
        let end = attempt.first_event_by();
        match attempt.next_before(body, end).await? {
            Some(piece) => {
                if let Some(begun) = opening.push(piece) {
                    break (begun, false);
                }
            }
            None => break (opening.finish(), true),
        }
    };
    let is_strict = attempt.translation.dialect.is_some_and(Dialect::is_strict);
    // A transcript may begin with a bracketed note.
    let is_remark = !is_strict && label == Label::Other && begun.content().starts_with(b"[");
    let looks = if is_remark { Looks::Other } else { begun.looks };
    let kind = kind(label, looks, is_strict, attempt.context.wants_stream);
    Ok(Opened {
        kind,
        first: if kind == AnswerKind::Other {
            begun.bytes
        } else {
            begun.content()
        },
        has_ended,
        must_be_json: is_strict || label == Label::Json,
    })
}

/// The kind of a response; `is_strict`: nothing but JSON and events can be an answer to the call.
fn kind(label: Label, looks: Looks, is_strict: bool, wants_stream: bool) -> AnswerKind {
    match (looks, label) {
        (Looks::Json, _) => AnswerKind::Json,
        (Looks::Events, Label::Events) => AnswerKind::Events,
        (Looks::Events, _) if is_strict || wants_stream => AnswerKind::Events,
        (Looks::Page, Label::Events | Label::Json | Label::Page) => AnswerKind::Page,
        (Looks::Page, _) if is_strict => AnswerKind::Page,
        (_, Label::Page) => AnswerKind::Page,
        // Events of another format, or none at all.
        (_, Label::Events) => AnswerKind::Events,
        (_, Label::Json) => AnswerKind::Json,
        _ if is_strict => AnswerKind::Useless,
        _ => AnswerKind::Other,
    }
}

fn label(headers: &HeaderMap) -> Label {
    let essence = media::essence(headers);
    // As nearly everyone writes them.
    match essence {
        "text/event-stream" => return Label::Events,
        "application/json" => return Label::Json,
        _ => {}
    }
    match essence.to_ascii_lowercase().as_str() {
        "text/event-stream" => Label::Events,
        "application/json" => Label::Json,
        "text/html" => Label::Page,
        other if other.ends_with("+json") => Label::Json,
        other => match other.split('/').next() {
            Some("audio" | "image" | "video") => Label::Media,
            _ => Label::Other,
        },
    }
}

/// Gives an answer that is known to be events or JSON the matching content type. A correct one keeps its parameters.
pub fn relabel(headers: &mut HeaderMap, kind: AnswerKind, path: &str) {
    let right = match kind {
        AnswerKind::Events => "text/event-stream",
        // A transcript may look like any other format.
        AnswerKind::Json if !path.starts_with("audio/") => "application/json",
        _ => return,
    };
    let is_right = media::essence(headers) == right
        || (kind == AnswerKind::Json && label(headers) == Label::Json);
    if !is_right {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(right));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide_and_labels_only_where_they_leave_it_open() {
        let rows = [
            (Label::Other, Looks::Events, true, false, AnswerKind::Events),
            (Label::Json, Looks::Events, true, true, AnswerKind::Events),
            (Label::Events, Looks::Json, true, true, AnswerKind::Json),
            (Label::Other, Looks::Json, true, true, AnswerKind::Json),
            (Label::Other, Looks::Page, true, true, AnswerKind::Page),
            (Label::Json, Looks::Page, false, false, AnswerKind::Page),
            (Label::Page, Looks::Other, false, false, AnswerKind::Page),
            (Label::Page, Looks::Json, true, false, AnswerKind::Json),
            (Label::Other, Looks::Other, true, false, AnswerKind::Useless),
            (Label::Other, Looks::Empty, true, true, AnswerKind::Useless),
            // A transcript may begin like an event or like markup.
            (Label::Other, Looks::Events, false, false, AnswerKind::Other),
            (Label::Other, Looks::Page, false, false, AnswerKind::Other),
            (Label::Other, Looks::Events, false, true, AnswerKind::Events),
            (Label::Events, Looks::Other, true, true, AnswerKind::Events),
            (Label::Json, Looks::Other, false, false, AnswerKind::Json),
        ];
        for (label, looks, is_strict, wants_stream, expected) in rows {
            let kind = kind(label, looks, is_strict, wants_stream);
            assert_eq!(
                kind, expected,
                "{label:?} {looks:?} {is_strict} {wants_stream}"
            );
        }
    }

    #[test]
    fn labels_are_read_in_any_spelling_and_set_right() {
        let rows = [
            (
                "Text/Event-Stream; charset=utf-8",
                AnswerKind::Events,
                "text/event-stream",
            ),
            (
                "text/event-stream; charset=utf-8",
                AnswerKind::Events,
                "text/event-stream; charset=utf-8",
            ),
            ("text/plain", AnswerKind::Events, "text/event-stream"),
            (
                "application/octet-stream",
                AnswerKind::Json,
                "application/json",
            ),
            (
                "application/problem+json",
                AnswerKind::Json,
                "application/problem+json",
            ),
            ("text/plain", AnswerKind::Other, "text/plain"),
        ];
        for (before, kind, after) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(before));
            relabel(&mut headers, kind, "chat/completions");
            assert_eq!(headers[CONTENT_TYPE], after, "{before}");
        }
        let mut headers = HeaderMap::new();
        relabel(&mut headers, AnswerKind::Json, "chat/completions");
        assert_eq!(headers[CONTENT_TYPE], "application/json");
    }
}
