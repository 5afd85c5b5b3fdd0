//! What an upstream's response is worth: an answer for the client, or a failed attempt.
//! Owns the decision whether a response counts; nothing of it reaches the client before that.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;

use super::forward::{Attempt, out_of_time};
use super::headers;
use super::relay::Relay;
use crate::attempt::{FailedAttempt, classify, retry_after};
use crate::ports::{ProxyPorts, SendError};
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::units::MIB;
use crate::wire::error_shape;
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, Block, Scanner};

/// As much of an error body is read; more of it would not make a better message.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// JSON answers up to this size are read whole and looked at before they are passed on; longer ones
/// (some embeddings) are passed on as they come.
const MAX_WHOLE_BYTES: usize = 8 * MIB;
/// A stream's start-up events are held back up to these bounds, then released as they are.
const MAX_HELD_BYTES: usize = 256 * 1024;
const MAX_HELD_EVENTS: usize = 64;

/// Reads a response as far as it takes to know whether it is an answer.
pub async fn read<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    response: Response<P::Body>,
) -> Result<Reply, FailedAttempt> {
    let (parts, mut body) = response.into_parts();
    if !parts.status.is_success() {
        let text = read_error(attempt, &mut body).await;
        return Err(error(attempt, parts.status, &parts.headers, &text));
    }
    match content_kind(&parts.headers) {
        Kind::Events => events(attempt, parts.status, &parts.headers, body).await,
        Kind::Json => json(attempt, parts.status, &parts.headers, body).await,
        Kind::Other => Ok(reply(
            parts.status,
            &parts.headers,
            pieces(Bytes::new(), body),
        )),
    }
}

enum Kind {
    Events,
    Json,
    Other,
}

fn content_kind(headers: &HeaderMap) -> Kind {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/json");
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/event-stream") {
        Kind::Events
    } else if essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json") {
        Kind::Json
    } else {
        Kind::Other
    }
}

async fn json<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    mut body: P::Body,
) -> Result<Reply, FailedAttempt> {
    let (whole, is_complete) = read_whole(attempt, &mut body, MAX_WHOLE_BYTES).await?;
    if !is_complete {
        return Ok(reply(status, headers, pieces(whole, body)));
    }
    let padding = signals::padding_before_json(&whole);
    let whole = whole.slice(padding..);
    if signals::body_is_error(&whole) {
        return Err(error(attempt, status, headers, &whole));
    }
    Ok(reply(status, headers, ReplyBody::Whole(whole)))
}

/// Holds a stream back until its first real event: until then it can still fail unseen.
async fn events<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    mut body: P::Body,
) -> Result<Reply, FailedAttempt> {
    let mut scanner = Scanner::default();
    let mut held: Vec<Block> = Vec::new();
    let (mut held_bytes, mut held_events) = (0, 0);
    loop {
        let block = match next(&mut body).await {
            Some(Ok(chunk)) => scanner
                .push(chunk)
                .map_err(|_| broken(attempt, "its first event never ends"))?,
            Some(Err(error)) => return Err(attempt.unreachable(error)),
            None => return Err(broken(attempt, "the stream ended before its first event")),
        };
        held_bytes += block.bytes.len();
        let mut is_committed = false;
        for event in block.events() {
            held_events += 1;
            match signals::of_event(sse::data(event).as_deref()) {
                Signal::Nothing => {}
                Signal::Error => {
                    let data = sse::data(event).unwrap_or_default();
                    return Err(error(attempt, status, headers, &data));
                }
                Signal::Content | Signal::Finish | Signal::Done => {
                    is_committed = true;
                    break;
                }
            }
        }
        // A chunk that completes no event gives an empty block: an event sent byte by byte would fill the
        // memory with them.
        if !block.bytes.is_empty() {
            held.push(block);
        }
        if is_committed || held_bytes > MAX_HELD_BYTES || held_events > MAX_HELD_EVENTS {
            let relay = Relay::new(attempt, body, scanner, &held);
            return Ok(reply(
                status,
                headers,
                ReplyBody::Pieces(relay.into_pieces()),
            ));
        }
        if attempt.ports.now() >= attempt.deadline {
            return Err(attempt.unreachable(out_of_time()));
        }
    }
}

fn reply(status: StatusCode, upstream: &HeaderMap, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = headers::from_upstream(upstream);
    reply
}

/// A body that is passed on as it comes. When it breaks, the client's connection breaks as well: there
/// is no other way to say so.
fn pieces<B>(first: Bytes, body: B) -> ReplyBody
where
    B: Body<Data = Bytes, Error = SendError> + Unpin + 'static,
{
    let rest = stream::unfold((first, Some(body)), |(first, body)| async move {
        if !first.is_empty() {
            return Some((Ok(first), (Bytes::new(), body)));
        }
        let mut body = body?;
        match next(&mut body).await? {
            Ok(chunk) => Some((Ok(chunk), (Bytes::new(), Some(body)))),
            Err(_) => Some((Err(BrokenBody), (Bytes::new(), None))),
        }
    });
    ReplyBody::Pieces(Box::pin(rest))
}

/// The next piece of data; trailers are skipped.
pub async fn next<B>(body: &mut B) -> Option<Result<Bytes, SendError>>
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Some(Ok(data)),
                Err(_) => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Reads a body up to `limit` bytes; tells whether that was all. A body in one piece is not copied.
async fn read_whole<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    body: &mut P::Body,
    limit: usize,
) -> Result<(Bytes, bool), FailedAttempt> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(chunk) = next(body).await {
        let chunk = chunk.map_err(|error| attempt.unreachable(error))?;
        if attempt.ports.now() >= attempt.deadline && first.is_empty() {
            return Err(attempt.unreachable(out_of_time()));
        }
        if first.is_empty() && joined.is_empty() {
            first = chunk;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&chunk);
        }
        if first.len().max(joined.len()) > limit {
            return Ok((
                if joined.is_empty() {
                    first
                } else {
                    joined.freeze()
                },
                false,
            ));
        }
    }
    Ok((
        if joined.is_empty() {
            first
        } else {
            joined.freeze()
        },
        true,
    ))
}

/// Reads what there is of an error body; a body that breaks off is still worth its beginning. One that
/// comes in drops must not hold up the request beyond its total time.
async fn read_error<P: ProxyPorts>(attempt: &Attempt<'_, P>, body: &mut P::Body) -> Bytes {
    let mut text = BytesMut::new();
    while let Some(Ok(chunk)) = next(body).await {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ERROR_BYTES || attempt.ports.now() >= attempt.deadline {
            break;
        }
    }
    text.freeze()
}

/// A failed attempt from an upstream's error, wherever it stood.
fn error<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    text: &[u8],
) -> FailedAttempt {
    let found = error_shape::normalise(status, text);
    let status = if status.is_success() {
        classify::status_inside_success(found.status, &found.body)
    } else {
        status
    };
    let failure = classify::failure(status, &found.body);
    FailedAttempt {
        retry_after_ms: retry_after::read(headers, attempt.ports.now()),
        ..attempt.failed(failure, status, found.body)
    }
}

fn broken<P: ProxyPorts>(attempt: &Attempt<'_, P>, what: &str) -> FailedAttempt {
    attempt.unreachable(SendError {
        kind: crate::ports::SendErrorKind::Reset,
        detail: what.to_owned(),
    })
}
