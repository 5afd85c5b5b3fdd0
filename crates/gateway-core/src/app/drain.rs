//! Bodies of requests that were answered before they were read. Owns which of them are drained, and how far.

use http::header::EXPECT;
use http::request::Parts;
use http_body_util::BodyExt as _;

use super::RequestBody;

/// How much of an unread body is read and dropped. Larger bodies are cut off: they are not sent by mistake.
pub const DRAIN_BYTES: u64 = 64 * 1024 * 1024;

/// Whether the client sends its body without waiting for an answer. Safe methods have no body, and clients that wait for
/// `100 Continue` have not sent theirs.
pub fn is_sending(head: &Parts) -> bool {
    !head.method.is_safe() && !head.headers.contains_key(EXPECT)
}

/// Whether a body has an unread rest that is small enough to be drained.
pub fn is_drained<B: RequestBody>(body: &B) -> bool {
    !body.is_end_stream() && body.size_hint().lower() <= DRAIN_BYTES
}

/// Reads and drops the rest of a body, up to [`DRAIN_BYTES`].
pub async fn drain<B: RequestBody>(mut rest: B) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = rest.frame().await {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        if length >= left {
            return;
        }
        left -= length;
    }
}
