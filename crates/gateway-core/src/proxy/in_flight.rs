//! An answer being sent to the client: the outcome for its channel, key and model, and the usage of the request. Owns
//! the reporting of both; the record itself is `entry`'s.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use http::StatusCode;

use super::attempt::{self, Attempt};
use super::context::RequestContext;
use super::flight::Flight;
use crate::config::snapshot::{Channel, Key};
use crate::error::ErrorBody;
use crate::health::record::{HealthEvent, Target};
use crate::ledger::record::End;
use crate::ports::ProxyPorts;
use crate::units::Timestamp;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::usage::Usage;

/// An answer that has begun. If it is dropped before it is closed, its client has disconnected.
pub struct InFlightAnswer<P: ProxyPorts> {
    /// The request.
    pub context: Rc<RequestContext<P>>,
    /// The channel that answers.
    pub channel: Rc<Channel>,
    key: Rc<Key>,
    /// The model, by the upstream's name.
    model: String,
    /// The operation at the upstream.
    operation: &'static str,
    /// When the attempt began.
    began: Timestamp,
    flight: RefCell<Option<Flight<P>>>,
}

impl<P: ProxyPorts> InFlightAnswer<P> {
    /// Begins when an attempt is answered with `status`.
    pub fn open(attempt: &Attempt<'_, P>, status: StatusCode) -> Self {
        attempt.context.entry.attempt_answered(
            attempt.index,
            attempt.channel,
            attempt.key,
            [attempt.chosen_model(), &attempt.model],
            status,
        );
        Self {
            context: Rc::clone(attempt.context),
            channel: Rc::clone(attempt.channel),
            key: Rc::clone(attempt.key),
            model: attempt.model.clone().into_owned(),
            operation: attempt.translation.operation,
            began: attempt.began,
            flight: RefCell::new(attempt.flight.take()),
        }
    }

    /// Adds tokens that the upstream states.
    pub fn take_in(&self, usage: Usage) {
        self.context.entry.take_in(usage);
    }

    /// Adds bytes of text that the client is given.
    pub fn gave(&self, bytes: u64) {
        self.context.entry.gave(bytes);
    }

    /// Records how the answer ended.
    pub fn close(&self, end: End) {
        self.context.entry.close(end);
        self.flight.take();
    }

    fn target(&self) -> Target {
        attempt::target(self.operation, &self.channel, &self.key, &self.model)
    }

    /// The client has all of it, which proves that channel, key and model work.
    pub fn complete(&self) {
        self.close(End::Complete);
        self.context.keep_response();
        if let Some(followed) = self.context.followed.take() {
            self.context.entry.set_free(false);
            self.context.gateway.responses.settled(followed);
        }
        let health = &self.context.gateway.health;
        if health.has_failures(&self.channel.id) {
            health.record(HealthEvent::Answered {
                target: self.target(),
                began: self.began,
                whole: true,
            });
        }
    }

    /// The upstream broke it off, which is logged and recorded for all other requests. Returns the reason, redacted.
    pub fn broke(&self, reason: &str, status: Option<StatusCode>, failure: Failure) -> String {
        let message = self.key.redact(reason).into_owned();
        // What the upstream itself says in an answer that had begun is the client's only.
        let why = match status {
            None => Cow::Borrowed(&*message),
            Some(status) => format!("an error with status {status} came in the stream").into(),
        };
        self.context.entry.broke(&why, &self.channel);
        let ports = self.context.ports();
        ports.line(format_args!(
            "{} answer of channel {:?} broke: {why:?}",
            self.context.request_id, self.channel.name
        ));
        let failed = FailedAttempt {
            channel: String::new(),
            key: String::new(),
            failure,
            status,
            error: Box::new(ErrorBody {
                message: message.clone(),
                kind: String::new(),
                param: None,
                code: None,
            }),
            retry_after_ms: None,
            headers: Box::default(),
        };
        let event = HealthEvent::failed(self.target(), &failed, self.began, ports.now());
        self.context.gateway.health.record(event);
        if let Some(flight) = self.flight.take() {
            flight.failed(failure);
        }
        message
    }
}
