//! One attempt at one candidate. Owns the call, its time, and what is told of its end: to the log and to the
//! instance's knowledge of upstreams. Decides nothing about what comes next.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;

use super::body::Received;
use super::forward::Call;
use super::health::Probe;
use super::payload::Payload;
use super::routes::Operation;
use super::{Gateway, answer, outgoing};
use crate::attempt::plan::Candidate;
use crate::config::snapshot::{Channel, Key};
use crate::error::ErrorBody;
use crate::health::record::{HealthEvent, Target};
use crate::ledger::entry::{AttemptIndex, Entry};
use crate::ports::{ProxyPorts, SendError, SendErrorKind, Timeouts};
use crate::reply::Reply;
use crate::units::Timestamp;
use crate::upstream::classify;
use crate::upstream::failure::{FailedAttempt, Failure};

/// Timers and clocks of a host may differ by so much, in milliseconds.
const CLOCK_SLACK_MS: u64 = 20;
/// A call that met the end of a kept connection fails within this time, in milliseconds.
const STALE_WITHIN_MS: u64 = 2_000;
/// An attempt that begins so soon after its request had practically all of the request's time.
const SOON_MS: u64 = 1_000;

/// One attempt and what it needs to tell of itself.
pub struct Attempt<'a, P: ProxyPorts> {
    /// The instance.
    pub gateway: &'a Rc<Gateway<P>>,
    /// Whom it calls.
    pub candidate: Candidate,
    /// The channel that is tried.
    pub channel: &'a Rc<Channel>,
    /// Its key.
    pub key: &'a Rc<Key>,
    /// The model, by the upstream's name.
    pub model: &'a str,
    /// What is asked for.
    pub operation: Operation,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// The request's record.
    pub entry: &'a Rc<Entry<P>>,
    /// The attempt's place in it.
    pub index: AttemptIndex,
    /// When the request came.
    pub received: Timestamp,
    /// When the request's time to the first byte is over.
    pub deadline: Timestamp,
    /// When the attempt began.
    pub began: Timestamp,
    /// Whether the client wants a stream.
    pub wants_stream: bool,
    /// Whether it wants the stream's usage, in a chunk of its own.
    pub wants_usage: bool,
    /// Whether the upstream is asked for a stream's usage that the client did not ask for.
    pub asks_usage: bool,
    /// The right to probe, when the candidate's cooldown has just ended.
    pub probe: Cell<Option<Probe<P>>>,
}

/// An attempt that has come to its end.
pub struct Finished<'a, P: ProxyPorts> {
    /// Which one.
    pub attempt: Attempt<'a, P>,
    /// What became of it.
    pub outcome: Result<Reply, FailedAttempt>,
}

impl<P: ProxyPorts> Finished<'_, P> {
    /// Whether no other candidate can change what the client gets.
    pub fn is_last(&self) -> bool {
        match &self.outcome {
            Ok(_) => true,
            Err(failed) => matches!(
                failed.failure,
                Failure::RequestRefused | Failure::Unreachable(SendErrorKind::ClientGone)
            ),
        }
    }
}

impl<'a, P: ProxyPorts> Attempt<'a, P> {
    /// Calls the upstream and reads its response as far as it takes to know what it is worth. Dropped before its
    /// end, the call ends as well. `said`: the model that the body names; empty: none.
    pub async fn make(
        self,
        call: &Call<'_, P>,
        payload: &Payload<'_>,
        body: &Received,
        said: &str,
    ) -> Finished<'a, P> {
        let outcome = self.call(call, payload, body, said).await;
        Finished {
            attempt: self,
            outcome,
        }
    }

    async fn call(
        &self,
        call: &Call<'_, P>,
        payload: &Payload<'_>,
        body: &Received,
        said: &str,
    ) -> Result<Reply, FailedAttempt> {
        let once = || async {
            let room = body.room_for_copy(self.ports()).await?;
            let request = outgoing::build(call, payload, &body.bytes, said, self)
                .map_err(|error| not_sendable(&error))?;
            let request = request.map(|copy| body.keep(copy, room));
            self.ports().send(request, self.timeouts()).await
        };
        let began = self.ports().now();
        let mut outcome = once().await;
        if let Err(error) = &outcome
            && error.kind == SendErrorKind::MaybeStale
            && self.may_repeat(began)
        {
            self.log_repeated(error);
            outcome = once().await;
        }
        let response = outcome.map_err(|error| self.unreachable(error))?;
        answer::read(self, response).await
    }

    /// Whether a call that began at `began` and met the end of a connection is made once more. That of a kept
    /// connection shows at once; after a while the upstream has the request, and may have done what it asks for.
    fn may_repeat(&self, began: Timestamp) -> bool {
        let now = self.ports().now();
        now.since_ms(began) <= STALE_WITHIN_MS && now < self.deadline
    }

    /// The host.
    pub fn ports(&self) -> &'a P {
        &self.gateway.ports
    }

    /// Whom it is about, for the knowledge of upstreams.
    pub fn who(&self) -> Target {
        Target {
            channel: self.channel.id.clone(),
            key: self.key.id.clone(),
            model: self.operation.health_name(self.model).into_owned(),
        }
    }

    /// No attempt may take longer than what is left of the request's time to the first byte.
    fn timeouts(&self) -> Timeouts {
        let left = Duration::from_millis(self.deadline.since_ms(self.ports().now()));
        let own = self.channel.timeouts;
        Timeouts {
            connect: own.connect.min(left),
            first_byte: own.first_byte.min(left),
            idle: own.idle,
        }
    }

    /// When a stream's first real event must be there: comments keep a connection open, but they are no first byte.
    pub fn first_event_by(&self) -> Timestamp {
        let own = self.channel.timeouts.connect + self.channel.timeouts.first_byte;
        let own_ms = u64::try_from(own.as_millis()).unwrap_or(u64::MAX);
        self.deadline.min(self.began.plus_ms(own_ms))
    }

    /// The upstream has answered; `whole`: and nothing of the answer can break any more.
    pub fn answered(&self, whole: bool) {
        let probe = self.probe.take();
        if probe.is_none() && !self.gateway.knows_of(self.channel) {
            return;
        }
        let event = HealthEvent::Answered {
            who: self.who(),
            began: self.began,
            whole,
        };
        self.gateway.settle(event, probe);
    }

    /// The attempt has failed: what that says is for all requests.
    pub fn failed_with(&self, failed: &FailedAttempt) {
        self.entry.attempt_failed(self.index, failed);
        // Nothing was found out; the right to probe is given back with the attempt.
        if self.is_blameless(failed) {
            return;
        }
        let probe = self.probe.take();
        let now = self.ports().now();
        let event = HealthEvent::failed(self.who(), failed, self.began, now);
        self.gateway.settle(event, probe);
    }

    /// Whether a failure says nothing of the upstream, so that no other request may suffer from it.
    fn is_blameless(&self, failed: &FailedAttempt) -> bool {
        match failed.failure {
            // The upstream was never called, or the client has left.
            Failure::Unreachable(SendErrorKind::Denied | SendErrorKind::ClientGone) => true,
            // A later attempt had less time left than the channel may take. A first one had all there is.
            Failure::Unreachable(SendErrorKind::Timeout) => {
                let now = self.ports().now();
                let may_take = self.channel.timeouts.first_byte.as_millis();
                now.plus_ms(CLOCK_SLACK_MS) >= self.deadline
                    && self.began.since_ms(self.received) > SOON_MS
                    && u128::from(now.since_ms(self.began) + CLOCK_SLACK_MS) < may_take
            }
            failure => classify::is_of_one_request(failure, failed.status, &failed.error),
        }
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
                Failure::Unreachable(error.kind.repeated()),
                StatusCode::BAD_GATEWAY,
                body,
            )
        }
    }

    /// A failed attempt with an upstream's response.
    /// The upstream's words go on to clients and into the log, so the key is taken out of them here.
    pub fn failed(
        &self,
        failure: Failure,
        status: StatusCode,
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

    /// One line for a call that is made again.
    fn log_repeated(&self, error: &SendError) {
        self.ports().line(format_args!(
            "{} at channel {} key {}: no response ({}), perhaps the end of a kept connection: retried once",
            self.request_id,
            self.channel.id,
            self.key.name(),
            error.detail
        ));
    }

    /// One line for the gateway's own log.
    pub fn log(&self, failed: &FailedAttempt, number: usize) {
        let status = failed
            .status
            .map_or(Cow::Borrowed("no response"), |status| {
                status.as_str().to_owned().into()
            });
        self.ports().line(format_args!(
            "{} attempt {number} at channel {} key {}: {status}, {:?}: {:?}",
            self.request_id,
            self.channel.id,
            self.key.name(),
            failed.failure,
            failed.error.message
        ));
    }
}

/// The channel's settings and the model's name make no URL.
fn not_sendable(error: &http::Error) -> SendError {
    SendError {
        kind: SendErrorKind::Denied,
        detail: format!("no request could be built: {error}"),
    }
}

/// The request's or the channel's time to the first byte ended while an answer was being read.
pub fn out_of_time() -> SendError {
    SendError {
        kind: SendErrorKind::Timeout,
        detail: "no content came within the time to the first byte".to_owned(),
    }
}
