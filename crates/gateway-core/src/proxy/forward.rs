//! One call, over as many attempts as it needs. Owns the loop that drives [`Plan`]; what an answer is
//! worth is decided in `answer`, what a failure means in `attempt`.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::payload::Payload;
use super::routes::Operation;
use super::{Gateway, answer, authenticate, models, outgoing};
use crate::attempt::plan::{Candidate, Plan, Turn};
use crate::attempt::{FailedAttempt, Failure, exhausted};
use crate::config::model::ClientKey;
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::error::{Case, ErrorBody, ErrorStyle, GatewayError, printable};
use crate::ports::{ProxyPorts, SendError, SendErrorKind, Timeouts};
use crate::reply::Reply;
use crate::route::{self, Entry};
use crate::units::Timestamp;

/// The channel that answered, or the last one that was tried.
const X_GATEWAY_CHANNEL: HeaderName = HeaderName::from_static("x-gateway-channel");
/// How many attempts the request took.
const X_GATEWAY_ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");

/// One call of a client.
pub struct Call<'a> {
    /// What is asked for.
    pub operation: Operation,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The client's body, as it came.
    pub body: Bytes,
    /// Who calls.
    pub client: &'a ClientKey,
    /// The request's id, for the log.
    pub request_id: &'a str,
}

/// Tries candidates until one answers or none is left.
pub async fn run<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Snapshot,
    call: &Call<'_>,
) -> Result<Reply, GatewayError> {
    // 1. Find the model: it decides who may be asked.
    let payload = Payload::parse(call.headers, &call.body)?;
    let model = payload.model()?;
    if !authenticate::may_use(call.client, &model) {
        return Err(models::not_found(&model));
    }
    // 2. Put the channels that serve it in order.
    let ports = &gateway.ports;
    let mut plan = plan(snapshot, &model, || ports.next_u64())?;
    // 3. Attempts, one after the other, until the time to the first byte is over.
    let deadline = ports.now().plus_ms(snapshot.settings.total_timeout_ms);
    let mut failed: Vec<FailedAttempt> = Vec::new();
    let mut last: Option<&Channel> = None;
    loop {
        let left_ms = deadline.since_ms(ports.now());
        let candidate = if left_ms == 0 {
            None
        } else {
            plan.next_candidate()
        };
        let Some((channel, key)) = candidate.and_then(|candidate| resolve(snapshot, candidate))
        else {
            let reply = exhausted::error(&model, &failed, left_ms == 0)
                .into_reply_as(call.operation.errors);
            return Ok(labelled(reply, last, failed.len()));
        };
        let attempt = Attempt {
            ports,
            channel,
            key,
            operation: call.operation,
            request_id: call.request_id,
            deadline,
        };
        let outcome = match outgoing::build(call, &payload, &model, channel, key) {
            Ok(request) => attempt.make(request, timeouts(channel, left_ms)).await,
            Err(error) => Err(attempt.unreachable(not_sendable(&error))),
        };
        match outcome {
            Ok(reply) => return Ok(labelled(reply, Some(channel), failed.len() + 1)),
            Err(failure) => {
                attempt.log(&failure, failed.len() + 1);
                if failure.failure == Failure::RequestRefused {
                    let reply = refused(failure, call.operation.errors);
                    return Ok(labelled(reply, Some(channel), failed.len() + 1));
                }
                plan.failed(failure.failure);
                failed.push(failure);
                last = Some(channel);
            }
        }
    }
}

/// One attempt and what it needs to tell of itself.
pub struct Attempt<'a, P> {
    /// The host.
    pub ports: &'a P,
    /// The channel that is tried.
    pub channel: &'a Channel,
    /// Its key.
    pub key: &'a Rc<Key>,
    /// What is asked for.
    pub operation: Operation,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// When the time to the first byte is over.
    pub deadline: Timestamp,
}

impl<P: ProxyPorts> Attempt<'_, P> {
    async fn make(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<Reply, FailedAttempt> {
        let response = self
            .ports
            .send(request, timeouts)
            .await
            .map_err(|error| self.unreachable(error))?;
        answer::read(self, response).await
    }

    /// A failed attempt without an upstream's response.
    pub fn unreachable(&self, error: SendError) -> FailedAttempt {
        let body = ErrorBody {
            message: error.detail,
            kind: "server_error".to_owned(),
            param: None,
            code: None,
        };
        FailedAttempt {
            status: None,
            ..self.failed(
                Failure::Unreachable(error.kind),
                http::StatusCode::BAD_GATEWAY,
                body,
            )
        }
    }

    /// A failed attempt with an upstream's response.
    /// The upstream's words go on to clients and into the log, so the key is taken out of them here.
    pub fn failed(
        &self,
        failure: Failure,
        status: http::StatusCode,
        mut error: ErrorBody,
    ) -> FailedAttempt {
        for text in [
            Some(&mut error.message),
            Some(&mut error.kind),
            error.param.as_mut(),
            error.code.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            *text = self.key.redact(text).into_owned();
        }
        FailedAttempt {
            channel: self.channel.name.clone(),
            key: self.key.id.clone(),
            failure,
            status: Some(status),
            error: Box::new(error),
            retry_after_ms: None,
            headers: Box::default(),
        }
    }

    fn log(&self, failed: &FailedAttempt, number: usize) {
        let status = failed
            .status
            .map_or(Cow::Borrowed("no response"), |status| {
                status.as_str().to_owned().into()
            });
        self.ports.line(format_args!(
            "{} attempt {number} at channel {} key {}: {status}, {:?}: {:?}",
            self.request_id,
            self.channel.id,
            self.key.name(),
            failed.failure,
            failed.error.message
        ));
    }
}

fn plan(
    snapshot: &Snapshot,
    model: &str,
    random: impl FnMut() -> u64,
) -> Result<Plan, GatewayError> {
    let mut serves = false;
    let mut entries: Vec<Entry> = snapshot
        .serving(model)
        .inspect(|_| serves = true)
        .filter_map(|index| {
            let channel = snapshot.channel(index).filter(|channel| channel.enabled)?;
            Some(Entry {
                index,
                priority: channel.priority,
                weight: channel.weight,
            })
        })
        .collect();
    if !serves {
        return Err(models::not_found(model));
    }
    if entries.is_empty() {
        return Err(Case::NoChannelAvailable.error(format!(
            "Only disabled channels serve the model `{}`. An admin can enable one in the panel.",
            printable(model)
        )));
    }
    route::shuffle(&mut entries, random);
    let turns = entries.iter().filter_map(|entry| {
        let channel = snapshot.channel(entry.index)?;
        Some(Turn {
            channel: entry.index,
            keys: channel.keys.len(),
            start: channel.next_rotation(),
        })
    });
    Ok(Plan::new(turns, snapshot.settings.max_attempts))
}

fn resolve(snapshot: &Snapshot, candidate: Candidate) -> Option<(&Channel, &Rc<Key>)> {
    let channel = snapshot.channel(candidate.channel)?;
    Some((channel, channel.keys.get(candidate.key)?))
}

/// No attempt may take longer than what is left of the request's time to the first byte.
fn timeouts(channel: &Channel, left_ms: u64) -> Timeouts {
    let left = Duration::from_millis(left_ms);
    Timeouts {
        connect: channel.timeouts.connect.min(left),
        first_byte: channel.timeouts.first_byte.min(left),
        idle: channel.timeouts.idle,
    }
}

/// The upstream found fault with the request itself: its own status and words, in our shape.
fn refused(failure: FailedAttempt, style: ErrorStyle) -> Reply {
    let status = failure.status.unwrap_or(http::StatusCode::BAD_REQUEST);
    let error = GatewayError {
        status,
        body: failure.error,
        retry_after_s: None,
        exhausted: false,
        allow: None,
    };
    let mut reply = error.into_reply_as(style);
    // The error's own content type stays: it is our JSON, whatever the upstream's was.
    failure.headers.into_iter().for_each(|(name, value)| {
        if let Some(name) = name.filter(|name| *name != CONTENT_TYPE) {
            reply.headers_mut().append(name, value);
        }
    });
    reply
}

/// The channel's settings and the model's name make no URL.
fn not_sendable(error: &http::Error) -> SendError {
    SendError {
        kind: SendErrorKind::Denied,
        detail: format!("no request could be built: {error}"),
    }
}

fn labelled(mut reply: Reply, channel: Option<&Channel>, attempts: usize) -> Reply {
    let headers = reply.headers_mut();
    if let Some(channel) = channel {
        headers.insert(X_GATEWAY_CHANNEL, channel.name_header.clone());
    }
    headers.insert(X_GATEWAY_ATTEMPTS, HeaderValue::from(attempts));
    reply
}

/// The time to the first byte ended while an answer was being read.
pub fn out_of_time() -> SendError {
    SendError {
        kind: SendErrorKind::Timeout,
        detail: "no content came within the request's total time".to_owned(),
    }
}
