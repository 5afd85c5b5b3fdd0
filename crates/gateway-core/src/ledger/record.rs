//! One request, as the ledger keeps it. Owns the words for how requests and attempts end.

use std::borrow::Cow;

use super::reason::Reason;
use crate::limits::usage::LimitStatus;
use crate::units::Timestamp;
use crate::wire::usage::Usage;

/// What a request took and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRecord {
    /// The request's id, as the client got it in `x-request-id`. Ids grow with time.
    pub id: String,
    /// When the request came.
    pub time: Timestamp,
    /// The client key.
    pub key: Actor,
    /// The channel that answered, or the last one that was tried; `None` when none was.
    pub channel: Option<Actor>,
    /// The id of that channel's key that was used; `None` for a channel without keys.
    pub upstream_key: Option<String>,
    /// The model that the client requested; empty when the request named none.
    pub model: String,
    /// Where the model is known, which decides whether it is counted by name.
    pub model_known: ModelKnown,
    /// The model's name at the upstream; `None` when none was asked.
    pub upstream_model: Option<String>,
    /// The path, such as `/v1/chat/completions`; of a path that the gateway does not have what may be shown of it.
    pub endpoint: Cow<'static, str>,
    /// Whether a stream was requested.
    pub stream: bool,
    /// The status that the client got; 499 when it left before (nginx's convention).
    pub status: u16,
    /// Attempts in the order in which they began.
    pub attempts: Vec<AttemptRecord>,
    /// Milliseconds to the first byte of the answer; `None` when there was none.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds to the answer's end.
    pub total_ms: u64,
    /// Tokens.
    pub usage: Usage,
    /// Whether the tokens are the gateway's estimate; otherwise they are the upstream's own figures.
    pub estimated: bool,
    /// How it ended.
    pub end: End,
    /// Why there is no whole answer; `None` when there is one, or when the client left before.
    pub reason: Option<Reason>,
    /// The limit of the client key that was exceeded.
    pub exceeded: Option<LimitStatus>,
    /// What the gateway said about it, where it refused the request; see [`detail`](super::detail).
    pub detail: Option<String>,
    /// What it cost by the price table, in millionths of a US dollar; 0 without a price.
    pub cost_micro_usd: u64,
}

impl RequestRecord {
    /// Whether the client waited for an answer and did not get a whole one.
    pub fn is_error(&self) -> bool {
        matches!(self.end, End::UpstreamBroke | End::Refused)
    }

    /// Whether another channel or key than the first had to answer.
    pub fn is_failover(&self) -> bool {
        self.attempts.len() > 1
            && self
                .attempts
                .iter()
                .any(|attempt| attempt.outcome == AttemptOutcome::Answered)
    }
}

/// A client key or a channel: both are known by an id, and by a name that may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// `ck_…` or `ch_…`
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Where the model that a client requested is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelKnown {
    /// Nowhere. It is not counted by name, so that made-up names cannot fill the sums.
    #[default]
    Nowhere,
    /// A channel without a list of models has answered for it. It may be made up all the same, since some upstreams
    /// answer to any name: the sums keep only so many of them apart.
    Answered,
    /// Some channel names it.
    Named,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The client was given the whole answer.
    Complete,
    /// The client left before. Until anything else is known, that is what the end of a request means.
    #[default]
    ClientGone,
    /// No upstream gave a whole answer: each candidate failed, or the answer broke off.
    UpstreamBroke,
    /// The request itself was refused, by the gateway (a limit, an unknown model) or by the upstream (a 400).
    Refused,
}

impl End {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [
        Self::Complete,
        Self::ClientGone,
        Self::UpstreamBroke,
        Self::Refused,
    ];

    /// The word for it in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::UpstreamBroke => "upstream_broke",
            Self::Refused => "refused",
        }
    }
}

/// One attempt of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The channel's id.
    pub channel: String,
    /// The upstream key's id; empty when the channel has none.
    pub key: String,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The upstream's status; `None` when there was no response.
    pub status: Option<u16>,
    /// Milliseconds from its begin until it was answered or had failed.
    pub ms: u64,
    /// What the upstream's error said, or how the call failed; see [`detail`](super::detail).
    pub detail: Option<String>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The upstream answered. The answer may still have broken off later, which the request's end says.
    Answered,
    /// No connection, or it broke.
    Unreachable,
    /// Nothing came in time.
    Timeout,
    /// A 5xx, or something that is no answer.
    ServerError,
    /// A 429.
    Throttled,
    /// A 401, 402 or 403.
    KeyRefused,
    /// The upstream does not know the model.
    ModelUnknown,
    /// The upstream found fault with the request.
    RequestRefused,
    /// It was ended since the client had left, or since another candidate answered first.
    Abandoned,
}

impl AttemptOutcome {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::Unreachable,
        Self::Timeout,
        Self::ServerError,
        Self::Throttled,
        Self::KeyRefused,
        Self::ModelUnknown,
        Self::RequestRefused,
        Self::Abandoned,
    ];

    /// The word for it in the API and in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::Throttled => "throttled",
            Self::KeyRefused => "key_refused",
            Self::ModelUnknown => "model_unknown",
            Self::RequestRefused => "request_refused",
            Self::Abandoned => "abandoned",
        }
    }
}
