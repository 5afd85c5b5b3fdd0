//! One attempt at one candidate, as data, and where its outcome is recorded: the log, the request's record, and the
//! health of upstreams. Sends nothing and decides nothing about what comes next.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::context::RequestContext;
use super::flight::Flight;
use super::{headers, operation};
use crate::attempt::plan::Candidate;
use crate::config::snapshot::{Channel, Key};
use crate::dialect::Translation;
use crate::dialect::answer::AnswerContext;
use crate::dialect::envelope::Origin;
use crate::dialect::untranslatable::Untranslatable;
use crate::error::{ErrorBody, ErrorCode};
use crate::health::record::{HealthEvent, Target};
use crate::health::service::Probe;
use crate::ledger::entry::AttemptIndex;
use crate::memory::Memory;
use crate::ports::{ProxyPorts, SendError, SendErrorKind, Timeouts};
use crate::units::Timestamp;
use crate::upstream::body::{self, UpstreamBody};
use crate::upstream::classify;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::dialect::Dialect;
use crate::wire::error_shape;

/// The tolerance between a host's timers and its clock, in milliseconds.
const CLOCK_SLACK_MS: u64 = 20;
/// An attempt that begins within this time after its request had practically all of the request's time.
const SOON_MS: u64 = 1_000;

/// The longest code that is logged, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// One attempt.
pub struct Attempt<'a, P: ProxyPorts> {
    /// The request.
    pub context: &'a Rc<RequestContext<P>>,
    /// The candidate.
    pub candidate: Candidate,
    /// Its channel.
    pub channel: &'a Rc<Channel>,
    /// Its key.
    pub key: &'a Rc<Key>,
    /// The model, by the upstream's name.
    pub model: Cow<'a, str>,
    /// The translation for this channel.
    pub translation: Translation,
    /// The attempt's place in the request's record.
    pub index: AttemptIndex,
    /// When it began.
    pub began: Timestamp,
    /// The right to probe, when the candidate's cooldown has just ended.
    pub probe: Cell<Option<Probe<P>>>,
    /// The call as part of its channel's load, where that is of interest; an answer that has begun takes it over.
    pub flight: RefCell<Option<Flight<P>>>,
    /// What the translation of the answer needs, once the request was translated.
    pub answer_context: RefCell<Option<AnswerContext>>,
    /// Parts of the request that its translation left out.
    pub dropped: RefCell<Vec<Cow<'static, str>>>,
}

impl<'a, P: ProxyPorts> Attempt<'a, P> {
    /// The host.
    pub fn ports(&self) -> &'a P {
        self.context.ports()
    }

    /// The instance's memory for bodies.
    pub fn memory(&self) -> &'a Arc<Memory> {
        self.context.gateway.memory()
    }

    /// What the outcome is about, for the health of upstreams.
    pub fn target(&self) -> Target {
        target(
            self.translation.operation,
            self.channel,
            self.key,
            &self.model,
        )
    }

    /// The names of the model that an upstream's message may mention.
    pub fn model_names(&self) -> [&str; 2] {
        [self.chosen_model(), &self.model]
    }

    /// The model that is tried, by the name that channels are chosen by.
    pub fn chosen_model(&self) -> &'a str {
        self.context.model_of(self.candidate)
    }

    /// Where reasoning comes from that this attempt's answer holds.
    pub fn origin(&self) -> Origin {
        Origin::of(self.channel)
    }

    /// Takes what the translation of the answer needs.
    pub fn take_answer_context(&self) -> AnswerContext {
        self.answer_context.take().unwrap_or_default()
    }

    /// No attempt may take longer than what is left of the request's time to the first byte.
    pub fn timeouts(&self) -> Timeouts {
        let left_ms = self.context.deadline.since_ms(self.ports().now());
        let left = Duration::from_millis(left_ms);
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
        self.context.deadline.min(self.began.plus(own))
    }

    /// The next piece of the answer's body, while the client has seen nothing of it: none is waited for beyond `end`.
    pub async fn next_before(
        &self,
        body: &mut UpstreamBody<P>,
        end: Timestamp,
    ) -> Result<Option<Bytes>, FailedAttempt> {
        let idle = self.channel.timeouts.idle;
        let piece = body::next_before(self.ports(), body, end, idle).await;
        piece.map_err(|error| self.unreachable(error))
    }

    /// The next piece of an answer that has begun: only the idle timeout applies.
    pub async fn next_piece(
        &self,
        body: &mut UpstreamBody<P>,
    ) -> Result<Option<Bytes>, FailedAttempt> {
        let piece = body::next(body).await.transpose();
        piece.map_err(|error| self.unreachable(error))
    }

    /// The upstream has answered; `whole`: the answer is complete and cannot break any more.
    pub fn answered(&self, whole: bool) {
        let probe = self.probe.take();
        if let Some(flight) = &*self.flight.borrow() {
            flight.answered(probe.is_some());
        }
        let health = &self.context.gateway.health;
        if probe.is_none() && !health.has_failures(&self.channel.id) {
            return;
        }
        let event = HealthEvent::Answered {
            target: self.target(),
            began: self.began,
            whole,
        };
        health.settle(event, probe);
    }

    /// The attempt has failed: recorded for all requests.
    pub fn failed_with(&self, failed: &FailedAttempt) {
        let entry = &self.context.entry;
        entry.attempt_failed(self.index, failed, self.channel);
        // The attempt was inconclusive; the right to probe is released with it.
        if self.is_blameless(failed) {
            return;
        }
        if let Some(flight) = &*self.flight.borrow() {
            flight.failed(failed.failure);
        }
        let probe = self.probe.take();
        let now = self.ports().now();
        let event = HealthEvent::failed(self.target(), failed, self.began, now);
        self.context.gateway.health.settle(event, probe);
    }

    /// Whether a failure says nothing about the upstream, so that it must not affect other requests.
    fn is_blameless(&self, failed: &FailedAttempt) -> bool {
        match failed.failure {
            // The upstream was never called, or the client has left.
            Failure::Unreachable(SendErrorKind::Denied | SendErrorKind::ClientGone)
            | Failure::Untranslatable => true,
            // A later attempt had less time left than the channel's timeout. A first one had all of it.
            Failure::Unreachable(SendErrorKind::Timeout) => {
                let now = self.ports().now();
                let may_take = self.channel.timeouts.first_byte.as_millis();
                now.plus_ms(CLOCK_SLACK_MS) >= self.context.deadline
                    && self.began.since_ms(self.context.received) > SOON_MS
                    && u128::from(now.since_ms(self.began) + CLOCK_SLACK_MS) < may_take
            }
            failure => classify::is_of_one_request(failure, failed.status, &failed.error),
        }
    }

    /// A failed attempt without an upstream's response.
    pub fn unreachable(&self, error: SendError) -> FailedAttempt {
        let body = server_error(error.detail);
        FailedAttempt {
            status: None,
            ..self.failed(
                Failure::Unreachable(error.kind.repeated()),
                StatusCode::BAD_GATEWAY,
                body,
            )
        }
    }

    /// A failed attempt whose request cannot be said in the channel's dialect; nothing was sent.
    pub fn untranslatable(&self, error: &Untranslatable) -> FailedAttempt {
        let code = match &*error.param {
            "previous_response_id" => ErrorCode::PreviousResponseNotFound,
            _ => ErrorCode::Untranslatable,
        };
        let error = code.error(error.message.clone()).with_param(&*error.param);
        FailedAttempt {
            status: None,
            ..self.failed(Failure::Untranslatable, error.status, *error.body)
        }
    }

    /// A failed attempt whose response broke off.
    pub fn broken(&self, what: &str) -> FailedAttempt {
        self.unreachable(SendError {
            kind: SendErrorKind::Reset,
            detail: what.to_owned(),
        })
    }

    /// A failed attempt whose response is not an API's answer.
    pub fn useless(&self, what: &str) -> FailedAttempt {
        let error = server_error(what.to_owned());
        self.failed(Failure::ServerError, StatusCode::BAD_GATEWAY, error)
    }

    /// A failed attempt from an upstream's error, in the status or in the body.
    pub fn rejected(&self, status: StatusCode, headers: &HeaderMap, text: &[u8]) -> FailedAttempt {
        let found = error_shape::normalise(status, text);
        let outcome = classify::outcome(status, &found, headers, self.ports().now());
        FailedAttempt {
            retry_after_ms: outcome.retry_after_ms,
            headers: Box::new(headers::from_upstream(headers)),
            ..self.failed(
                outcome.failure,
                outcome.status,
                classify::typed(outcome.failure, found.body),
            )
        }
    }

    /// A failed attempt with an upstream's response. The upstream's message is passed on to clients and recorded, so
    /// the key is redacted here.
    fn failed(&self, failure: Failure, status: StatusCode, mut error: ErrorBody) -> FailedAttempt {
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

    /// Whether the upstream rejected a signature of thinking: made by another account or model, or cut by the client. The
    /// request is then repeated once without any thinking. Otherwise the conversation could never go on.
    pub fn learns_signature(&self, failed: &FailedAttempt) -> bool {
        let is_meant = failed.failure == Failure::RequestRefused
            && self.translation.dialect == Some(Dialect::Messages)
            && classify::is_bad_signature(&failed.error.message);
        is_meant && !self.context.leaves_out_thinking.replace(true)
    }

    /// One line for a repeated call.
    pub fn log_repeated(&self, error: &SendError) {
        self.ports().line(format_args!(
            "{} at channel {} key {}: no response ({}), perhaps the end of a kept connection: retried once",
            self.context.request_id,
            self.channel.id,
            self.key.name(),
            error.detail
        ));
    }

    /// One line for the gateway's own log. What an upstream says is not in it, since some repeat the prompt: only the word
    /// for its error is. The whole message is the request log's, if its settings allow that.
    pub fn log(&self, failed: &FailedAttempt, number: usize) {
        let error = &failed.error;
        let (status, reason) = match &failed.status {
            None => ("no response", &*error.message),
            Some(status) => {
                let code = error.code.as_deref().filter(|code| is_word(code));
                (status.as_str(), code.unwrap_or_default())
            }
        };
        let rule = self.context.chosen_by.rule(self.channel);
        self.ports().line(format_args!(
            "{} attempt {number} at channel {} key {}{}{}: {status}, {:?}: {reason:?}",
            self.context.request_id,
            self.channel.id,
            self.key.name(),
            if rule.is_some() { " by " } else { "" },
            rule.unwrap_or_default(),
            failed.failure,
        ));
    }
}

/// What an outcome of a request is about: a channel with a key and a model, for an operation of the upstream.
pub fn target(operation: &str, channel: &Channel, key: &Key, model: &str) -> Target {
    Target {
        channel: channel.id.clone(),
        key: key.id.clone(),
        model: operation::health_name(operation, model).into_owned(),
    }
}

/// Whether a code is for programs and no sentence.
fn is_word(code: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    code.len() <= MAX_CODE_BYTES && code.bytes().all(is_of_word)
}

fn server_error(message: String) -> ErrorBody {
    ErrorBody {
        message,
        kind: "server_error".to_owned(),
        param: None,
        code: None,
    }
}
