//! What a simulated upstream answers, and how long each part of it takes. Owns no protocol.

use std::collections::VecDeque;

use bytes::Bytes;
use gateway_core::ports::SendErrorKind;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// One answer with its times. By default everything is there at once.
#[derive(Clone, Debug)]
pub struct SimReply {
    pub(super) head: Result<(StatusCode, HeaderMap), SendErrorKind>,
    pub(super) connect_ms: Option<u64>,
    pub(super) head_ms: Option<u64>,
    pub(super) pieces: VecDeque<(u64, Result<Bytes, SendErrorKind>)>,
    pub(super) is_silent: bool,
}

impl SimReply {
    /// A body in one piece, as JSON.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::pieces(status, "application/json", [(0, body.into())])
    }

    /// A body in pieces, each this many milliseconds after the one before.
    pub fn pieces(
        status: u16,
        content_type: &'static str,
        pieces: impl IntoIterator<Item = (u64, Bytes)>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
        let pieces = pieces
            .into_iter()
            .map(|(after_ms, piece)| (after_ms, Ok(piece)));
        Self {
            head: Ok((status, headers)),
            connect_ms: Some(0),
            head_ms: Some(0),
            pieces: pieces.collect(),
            is_silent: false,
        }
    }

    /// No answer but this failure. [`SendErrorKind::Connect`] comes after the time to connect, every other kind after
    /// the time to the head.
    pub fn failure(kind: SendErrorKind) -> Self {
        Self {
            head: Err(kind),
            connect_ms: Some(0),
            head_ms: Some(0),
            pieces: VecDeque::new(),
            is_silent: false,
        }
    }

    /// Takes the request and never answers.
    pub fn silence() -> Self {
        Self {
            head_ms: None,
            ..Self::failure(SendErrorKind::Timeout)
        }
    }

    /// Never accepts a connection.
    pub fn unconnectable() -> Self {
        Self {
            connect_ms: None,
            ..Self::failure(SendErrorKind::Connect)
        }
    }

    /// The time to a connection, in milliseconds.
    #[must_use]
    pub const fn connecting(mut self, milliseconds: u64) -> Self {
        if self.connect_ms.is_some() {
            self.connect_ms = Some(milliseconds);
        }
        self
    }

    /// The time from the connection to the head, in milliseconds.
    #[must_use]
    pub const fn thinking(mut self, milliseconds: u64) -> Self {
        if self.head_ms.is_some() {
            self.head_ms = Some(milliseconds);
        }
        self
    }

    /// Adds a header. An invalid value is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let (Ok((_, headers)), Ok(value)) = (&mut self.head, HeaderValue::from_str(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Lets the body break off right after its pieces.
    #[must_use]
    pub fn broken_by(mut self, kind: SendErrorKind) -> Self {
        self.pieces.push_back((0, Err(kind)));
        self
    }

    /// Lets the body stay open and silent after its pieces.
    #[must_use]
    pub const fn falling_silent(mut self) -> Self {
        self.is_silent = true;
        self
    }
}
