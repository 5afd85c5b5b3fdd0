//! What became of an answered request: whom it cost what, and how it ended. Owns the line that says so in the
//! gateway's log, for complete answers, clients that left and streams that broke alike. Estimates nothing.

use std::fmt;
use std::rc::Rc;

use http::StatusCode;

use super::Gateway;
use super::attempt::Attempt;
use super::routes::Operation;
use crate::attempt::health::{Event, Who};
use crate::attempt::{FailedAttempt, Failure};
use crate::config::snapshot::{Channel, Key};
use crate::error::ErrorBody;
use crate::ports::ProxyPorts;
use crate::units::Timestamp;
use crate::wire::usage::Usage;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client was given all of it.
    Complete,
    /// The client left before. Until anything else is known, that is what a dropped answer means.
    ClientGone,
    /// The upstream broke it off.
    UpstreamBroke,
}

/// An answer on its way to the client. Dropped with it, and then logged.
pub struct Account<P: ProxyPorts> {
    /// The instance.
    pub gateway: Rc<Gateway<P>>,
    /// The channel that answers.
    pub channel: Rc<Channel>,
    key: Rc<Key>,
    /// The request's id.
    request_id: String,
    /// Tokens so far.
    pub usage: Usage,
    end: End,
    model: String,
    operation: Operation,
    status: StatusCode,
    received: Timestamp,
    attempted: Timestamp,
    first_byte: Timestamp,
}

impl<P: ProxyPorts> Account<P> {
    /// Begins when an attempt is answered with `status`.
    pub fn open(attempt: &Attempt<'_, P>, status: StatusCode) -> Self {
        Self {
            gateway: Rc::clone(attempt.gateway),
            channel: Rc::clone(attempt.channel),
            key: Rc::clone(attempt.key),
            request_id: attempt.request_id.to_owned(),
            usage: Usage::default(),
            end: End::ClientGone,
            model: attempt.model.to_owned(),
            operation: attempt.operation,
            status,
            received: attempt.received,
            attempted: attempt.began,
            first_byte: attempt.ports().now(),
        }
    }

    /// Notes how the answer ended.
    pub const fn close(&mut self, end: End) {
        self.end = end;
    }

    /// The client has all of it, which says that channel, key and model work.
    pub fn complete(&mut self) {
        self.close(End::Complete);
        if self.gateway.knows_of(&self.channel) {
            self.gateway.learn(Event::Answered {
                who: self.who(),
                began: self.attempted,
                whole: true,
            });
        }
    }

    /// The upstream broke it off, which is told to the log and to all other requests. Gives the reason back, without
    /// what must stay secret.
    pub fn broke(&mut self, reason: &str, status: Option<StatusCode>, failure: Failure) -> String {
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
        let event = Event::failed(self.who(), &failed, self.attempted, ports.now());
        self.gateway.learn(event);
        message
    }

    fn who(&self) -> Who {
        Who {
            channel: self.channel.id.clone(),
            key: self.key.id.clone(),
            model: self.operation.health_name(&self.model).into_owned(),
        }
    }
}

impl<P: ProxyPorts> Drop for Account<P> {
    fn drop(&mut self) {
        let ports = &self.gateway.ports;
        ports.line(format_args!(
            "{} {} from channel {:?} key {} model {:?}: {} after {} ms, first byte after {} ms, {} + {} tokens",
            self.request_id,
            self.status.as_u16(),
            self.channel.name,
            self.key.name(),
            self.model,
            self.end,
            ports.now().since_ms(self.received),
            self.first_byte.since_ms(self.received),
            self.usage.prompt_tokens,
            self.usage.completion_tokens,
        ));
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Complete => "complete",
            Self::ClientGone => "client gone",
            Self::UpstreamBroke => "upstream broke",
        })
    }
}
