//! Why a call to an upstream failed. Owns the kinds of failures and the data of one; what a response means is
//! [`classify`](super::classify)'s.

use http::{HeaderMap, StatusCode};

use crate::error::ErrorBody;
use crate::ports::SendErrorKind;

/// Why an attempt failed, by what it concerns. Each kind is handled differently; see [`plan`](crate::attempt::plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No whole response head: connect, DNS or TLS error, reset, first-byte timeout. Concerns the channel.
    Unreachable(SendErrorKind),
    /// 5xx, 408, 409 and 425 (try again), and any invalid response. Concerns the channel, once it repeats.
    ServerError,
    /// 429. Concerns the key.
    Throttled,
    /// 401, 402, 403. Concerns the key.
    KeyRefused,
    /// 404, 410, or a 400 that says that the model or function is unknown or degraded. Concerns the channel
    /// together with the model.
    ModelUnknown,
    /// 405, 501: the channel has no such operation. Concerns the channel together with this kind of call.
    OperationUnsupported,
    /// The request cannot be said in the channel's dialect, and was not sent. Concerns no channel or key; another channel may
    /// speak the client's dialect.
    Untranslatable,
    /// 400, 413, 422, content filter: the request itself. Concerns no channel or key; returned to the client.
    RequestRefused,
}

/// One attempt that failed, for the next decision, the client's message and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The channel's name.
    pub channel: String,
    /// The upstream key's id; empty when the channel has none.
    pub key: String,
    /// What it means.
    pub failure: Failure,
    /// The upstream's status; `None` when there was no response.
    pub status: Option<StatusCode>,
    /// The upstream's error in OpenAI's members, or the host's.
    pub error: Box<ErrorBody>,
    /// How long the upstream asks to wait before a retry, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Headers of the upstream's response that a client may see; they go with an error that is returned.
    pub headers: Box<HeaderMap>,
}
