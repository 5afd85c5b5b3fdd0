//! Reading an upstream's body. Owns the waits for its pieces; what they mean is for the caller to judge.
//!
//! Not `http_body_util::Limited` and `collect`: a body over its limit must not lose what came before, and memory is counted
//! while it is read.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;

use super::decoded::Decoded;
use crate::body_buffer::{BodyBuffer, TooLong};
use crate::ports::{Clock, SendError, SendErrorKind, Upstream};
use crate::timeout::timeout;
use crate::units::Timestamp;

/// How much of an error's body is read; more would not improve the message.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// An upstream's body without compression.
pub type UpstreamBody<P> = Decoded<<P as Upstream>::Body>;

/// The next piece of data; empty pieces and trailers are skipped.
pub async fn next<B>(body: &mut B) -> Option<Result<Bytes, SendError>>
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    loop {
        match body.frame().await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Some(Ok(data)),
                _ => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

/// The next piece of data, or a timeout at `end`. The body itself times out after `idle`: a timer is needed only where that
/// would be later.
pub async fn next_before<B>(
    clock: &impl Clock,
    body: &mut B,
    end: Timestamp,
    idle: Duration,
) -> Result<Option<Bytes>, SendError>
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    let left = Duration::from_millis(end.since_ms(clock.now()));
    let piece = if left.is_zero() {
        None
    } else if idle <= left {
        Some(next(body).await)
    } else {
        timeout(clock, left, next(body)).await
    };
    piece.ok_or_else(out_of_time).and_then(Option::transpose)
}

/// The body of an error, up to [`MAX_ERROR_BYTES`]. Of one that breaks off, or is not there by `end`, the beginning is
/// returned.
pub async fn error_text<B>(
    clock: &impl Clock,
    body: &mut B,
    end: Timestamp,
    idle: Duration,
) -> Bytes
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    let mut text = BodyBuffer::new(MAX_ERROR_BYTES);
    while let Ok(Some(piece)) = next_before(clock, body, end, idle).await {
        if let Err(TooLong(mut piece)) = text.push(piece) {
            piece.truncate(MAX_ERROR_BYTES - text.bytes().len());
            // It fits now.
            let _ = text.push(piece);
            break;
        }
    }
    text.finish()
}

fn out_of_time() -> SendError {
    SendError {
        kind: SendErrorKind::Timeout,
        detail: "no content came within the time to the first byte".to_owned(),
    }
}
