//! One call to a channel's upstream on behalf of an admin. Owns which key it is made with, and its bounds of time and
//! size; what is asked and what an answer means is its callers'.
//!
//! The channel is prepared by the code that prepares it for clients, so what works here works there. Switched off,
//! it can be called all the same: it is best tried before it is switched on.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT,
};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Body;

use super::{AdminSettings, document};
use crate::config::identity;
use crate::config::model::{self, Document};
use crate::config::snapshot::{self, Channel, Snapshot};
use crate::error::{ErrorCode, GatewayError, printable};
use crate::memory::Memory;
use crate::ports::{AdminPorts, SendError, SendErrorKind, Timeouts};
use crate::units::{MIB, Timestamp};
use crate::upstream::decoded::Decoded;
use crate::wire::coding::CodingError;
use crate::wire::{error_shape, via};

/// As much of an error's body is read; more of it would not make a better message.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// What the decoder of a compressed answer may take.
const DECODER_BYTES: usize = 20 * MIB;
const OWN_NAME: HeaderValue =
    HeaderValue::from_static(concat!("ai-gateway/", env!("CARGO_PKG_VERSION")));

/// A channel with the one key that is used.
#[derive(Debug)]
pub struct Outbound {
    snapshot: Snapshot,
}

impl Outbound {
    /// Prepares `channel` with the key `wanted`, or its first one that can be used.
    pub fn prepare(
        settings: &AdminSettings,
        channel: &model::ChannelConfig,
        wanted: Option<&str>,
    ) -> Result<Self, GatewayError> {
        let mut channel = channel.clone();
        let has_keys = !channel.keys.is_empty();
        match wanted {
            Some(id) => {
                channel.keys.retain(|key| key.id == id);
                channel.keys.iter_mut().for_each(|key| key.enabled = true);
                if channel.keys.is_empty() {
                    return Err(ErrorCode::InvalidValue
                        .error("`key` is not the id of a key of this channel.")
                        .with_param("key"));
                }
            }
            None => channel.keys.retain(|key| key.enabled),
        }
        if has_keys && channel.keys.is_empty() {
            return Err(ErrorCode::InvalidValue.error(
                "All keys of this channel are switched off. Switch one on, or say which one to use: `key`.",
            ).with_param("key"));
        }
        channel.enabled = true;
        let document = Document {
            channels: vec![channel],
            ..Document::default()
        };
        let snapshot = Snapshot::build(document, settings.master_key.as_ref(), || 0);
        let outbound = Self { snapshot };
        if outbound.parts().is_none() {
            let problems = outbound.snapshot.problems().join("; ");
            let reason = settings
                .master_key_error
                .as_ref()
                .map_or(problems, |reason| {
                    format!("the variable `master_key` cannot be used: {reason}")
                });
            return Err(
                ErrorCode::Misconfigured.error(format!("The channel cannot be called: {reason}."))
            );
        }
        Ok(outbound)
    }

    fn parts(&self) -> Option<(&Channel, &snapshot::Key)> {
        let channel = self.snapshot.channel(0)?;
        Some((channel, channel.keys.first()?))
    }

    /// The name that the upstream knows a client's model by.
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.parts()
            .map_or(model, |(channel, _)| channel.upstream_model(model))
    }

    /// `text` without the key: some upstreams repeat what they refuse.
    pub fn redact(&self, text: &str) -> String {
        match self.parts() {
            Some((_, key)) => key.redact(text).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The members that this upstream refuses.
    pub fn drop_params(&self) -> &[String] {
        self.parts()
            .map_or(&[], |(channel, _)| &channel.drop_params)
    }

    /// Sends `body` (`None`: a GET) to `operation`, a path below `/v1/`, and returns with the response's head. From
    /// here to the end of the body it takes at most `limits.time`. The error is in words for a person.
    pub async fn send<'a, P: AdminPorts>(
        &self,
        ports: &'a P,
        operation: &str,
        upstream_model: &str,
        body: Option<Bytes>,
        limits: CallBounds,
    ) -> Result<Incoming<'a, P>, String> {
        let Some((channel, key)) = self.parts() else {
            return Err("the channel cannot be called".to_owned());
        };
        let uri = channel
            .dialect
            .uri(operation, upstream_model)
            .map_err(|error| format!("no request could be built: {error}"))?;
        let mut request = Request::new(body.unwrap_or_default());
        *request.uri_mut() = uri;
        let length = request.body().len();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, OWN_NAME);
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((name, value)) = channel.dialect.default_header() {
            headers.insert(name, value);
        }
        for (name, value) in &channel.headers {
            headers.insert(name, value.clone());
        }
        if length > 0 {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            *request.method_mut() = Method::POST;
        }
        // Without it a channel that leads back to this gateway would call itself again and again.
        let document = document::load(ports).await.unwrap_or_default();
        let own = identity::via(&document);
        via::pass_on(&HeaderMap::new(), own.as_ref(), request.headers_mut());
        // The credential last: it always wins.
        if let Some((name, value)) = &key.credential {
            request.headers_mut().insert(name, value.clone());
        }
        let deadline = ports.now().plus_ms(milliseconds(limits.time));
        // Together within the limit: the host counts each phase on its own.
        let connect = channel.timeouts.connect.min(limits.time / 4);
        let timeouts = Timeouts {
            connect,
            first_byte: channel
                .timeouts
                .first_byte
                .min(limits.time.saturating_sub(connect)),
            idle: channel.timeouts.idle.min(limits.time),
        };
        let again = request.clone();
        let mut response = ports.send(request, timeouts).await;
        if matches!(&response, Err(error) if error.kind == SendErrorKind::MaybeStale) {
            response = ports.send(again, timeouts).await;
        }
        let response = response.map_err(|error| self.redact(&describe(&error)))?;
        let (head, body) = response.into_parts();
        let (body, readable) = Decoded::new(body, &head.headers, &Memory::new(DECODER_BYTES));
        Ok(Incoming {
            ports,
            status: head.status,
            headers: head.headers,
            body,
            readable,
            deadline,
            limits,
            bytes: 0,
        })
    }

    /// Why a response is no success, in the upstream's own words as far as it has some.
    pub async fn refusal<P: AdminPorts>(&self, incoming: &mut Incoming<'_, P>) -> String {
        let status = incoming.status;
        if status.is_redirection() {
            let target = incoming.headers.get(LOCATION);
            let target = target.and_then(|value| value.to_str().ok()).unwrap_or("?");
            return self.redact(&format!(
                "The upstream redirects to {}, which is not followed. Is the base URL right?",
                printable(target)
            ));
        }
        let text = incoming.beginning(MAX_ERROR_BYTES).await;
        let error = error_shape::normalise(status, &text);
        self.redact(&error.body.message)
    }
}

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallBounds {
    /// From the call to the end of the response's body.
    pub time: Duration,
    /// The body's size.
    pub bytes: usize,
}

/// A response that is being read.
pub struct Incoming<'a, P: AdminPorts> {
    ports: &'a P,
    /// The upstream's status.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    body: Decoded<P::Body>,
    readable: Result<(), CodingError>,
    deadline: Timestamp,
    limits: CallBounds,
    bytes: usize,
}

impl<P: AdminPorts> Incoming<'_, P> {
    /// Why the body cannot be read, if it is compressed in a way that has no decoder here.
    pub fn unreadable(&self) -> Option<String> {
        self.readable.as_ref().err().map(ToString::to_string)
    }

    /// Whether the content type is this one, whatever its parameters.
    pub fn is(&self, content_type: &str) -> bool {
        let value = self.headers.get(CONTENT_TYPE);
        let essence = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(content_type))
    }

    /// The next piece of the body; `None` at its end. The error is in words for a person.
    pub async fn next(&mut self) -> Result<Option<Bytes>, String> {
        let left_ms = self.deadline.since_ms(self.ports.now());
        let piece = if left_ms == 0 {
            None
        } else {
            let timer = pin!(self.ports.sleep(Duration::from_millis(left_ms)));
            match future::select(pin!(next(&mut self.body)), timer).await {
                Either::Left((piece, _)) => Some(piece),
                Either::Right(_) => None,
            }
        };
        match piece {
            None => Err(format!(
                "the answer was not complete within {} s",
                self.limits.time.as_secs()
            )),
            Some(None) => Ok(None),
            Some(Some(Err(error))) => Err(describe(&error)),
            Some(Some(Ok(bytes))) => {
                self.bytes += bytes.len();
                if self.bytes > self.limits.bytes {
                    return Err(format!(
                        "the answer is longer than {} bytes",
                        self.limits.bytes
                    ));
                }
                Ok(Some(bytes))
            }
        }
    }

    /// The whole body.
    pub async fn whole(&mut self) -> Result<Vec<u8>, String> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// What there is of the first `most` bytes of the body; one that breaks off is still worth its beginning.
    async fn beginning(&mut self, most: usize) -> Vec<u8> {
        let mut text = Vec::new();
        if self.readable.is_err() {
            return text;
        }
        while let Ok(Some(piece)) = self.next().await {
            text.extend_from_slice(&piece);
            if text.len() >= most {
                text.truncate(most);
                break;
            }
        }
        text
    }
}

/// The next piece of data; trailers are skipped.
async fn next<B>(body: &mut B) -> Option<Result<Bytes, SendError>>
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A call that got no whole answer, in words for a person.
fn describe(error: &SendError) -> String {
    let what = match error.kind {
        SendErrorKind::Dns => "the host's name cannot be resolved",
        SendErrorKind::Connect => "there was no connection",
        SendErrorKind::Tls => "the TLS handshake failed",
        SendErrorKind::Reset | SendErrorKind::MaybeStale => "the connection broke",
        SendErrorKind::Timeout => "there was no answer in time",
        SendErrorKind::Denied => "the gateway's host does not allow the call",
        SendErrorKind::ClientGone => "the page was left",
    };
    format!("{what}: {}", error.detail)
}
