//! An answer on its way to the client: what it says of the channel, key and model that gave it, and of what the
//! request took. Owns the telling of both; the record itself is `entry`'s.

use std::rc::Rc;

use http::StatusCode;

use super::Gateway;
use super::attempt::Attempt;
use super::routes::Operation;
use crate::config::snapshot::{Channel, Key};
use crate::error::ErrorBody;
use crate::health::record::{HealthEvent, Target};
use crate::ledger::entry::Entry;
use crate::ledger::record::End;
use crate::ports::ProxyPorts;
use crate::units::Timestamp;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::usage::Usage;

/// An answer that has begun. Dropped before it is closed, its client has left.
pub struct InFlightAnswer<P: ProxyPorts> {
    /// The instance.
    pub gateway: Rc<Gateway<P>>,
    /// The channel that answers.
    pub channel: Rc<Channel>,
    key: Rc<Key>,
    entry: Rc<Entry<P>>,
    request_id: String,
    model: String,
    operation: Operation,
    attempted: Timestamp,
}

impl<P: ProxyPorts> InFlightAnswer<P> {
    /// Begins when an attempt is answered with `status`.
    pub fn open(attempt: &Attempt<'_, P>, status: StatusCode) -> Self {
        attempt.entry.attempt_answered(
            attempt.index,
            attempt.channel,
            attempt.key,
            attempt.model,
            status,
        );
        Self {
            gateway: Rc::clone(attempt.gateway),
            channel: Rc::clone(attempt.channel),
            key: Rc::clone(attempt.key),
            entry: Rc::clone(attempt.entry),
            request_id: attempt.request_id.to_owned(),
            model: attempt.model.to_owned(),
            operation: attempt.operation,
            attempted: attempt.began,
        }
    }

    /// Takes in tokens that the upstream states.
    pub fn take_in(&self, usage: Usage) {
        self.entry.take_in(usage);
    }

    /// Notes that the client is given so many bytes of text.
    pub fn gave(&self, bytes: u64) {
        self.entry.gave(bytes);
    }

    /// Notes how the answer ended.
    pub fn close(&self, end: End) {
        self.entry.close(end);
    }

    /// The client has all of it, which says that channel, key and model work.
    pub fn complete(&self) {
        self.close(End::Complete);
        if self.gateway.knows_of(&self.channel) {
            self.gateway.learn(HealthEvent::Answered {
                who: self.who(),
                began: self.attempted,
                whole: true,
            });
        }
    }

    /// The upstream broke it off, which is told to the log and to all other requests. Gives the reason back, without
    /// what must stay secret.
    pub fn broke(&self, reason: &str, status: Option<StatusCode>, failure: Failure) -> String {
        self.close(End::UpstreamBroke);
        let message = self.key.redact(reason).into_owned();
        let ports = &self.gateway.ports;
        ports.line(format_args!(
            "{} answer of channel {:?} broke: {message:?}",
            self.request_id, self.channel.name
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
        let event = HealthEvent::failed(self.who(), &failed, self.attempted, ports.now());
        self.gateway.learn(event);
        message
    }

    fn who(&self) -> Target {
        Target {
            channel: self.channel.id.clone(),
            key: self.key.id.clone(),
            model: self.operation.health_name(&self.model).into_owned(),
        }
    }
}
