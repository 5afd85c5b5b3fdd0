//! What a request's attempts have come to so far. Owns what is learnt from their failures for this request; what they mean
//! for others is the health record's.

use std::time::Duration;

use super::attempt::Attempt;
use super::channel_dialect::lacks;
use crate::attempt::plan::Candidate;
use crate::attempt::unsupported;
use crate::config::snapshot::Channel;
use crate::dialect::choice;
use crate::error::{ErrorBody, ErrorCode, GatewayError};
use crate::ports::{ProxyPorts, SendErrorKind};
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::dialect::Dialect;

/// The state of a request's attempts.
#[derive(Default)]
pub struct History<'a> {
    /// Attempts that were begun.
    pub attempts: usize,
    /// The channel that failed last.
    pub last: Option<&'a Channel>,
    /// The failures, but for requests that could not be translated.
    pub failed: Vec<FailedAttempt>,
    /// Why the request could not be sent to the first channel that it could not be translated for.
    pub untranslatable: Option<Box<ErrorBody>>,
    /// Whether each of them reports that the upstream has no such operation.
    pub lacks_operation: bool,
    /// Attempts in progress, the latest last, with the time after which they are late.
    under_way: Vec<(Candidate, Option<Duration>)>,
}

impl<'a> History<'a> {
    /// An attempt begins.
    pub fn begin<P: ProxyPorts>(&mut self, attempt: &Attempt<'a, P>) {
        self.attempts += 1;
        self.under_way
            .push((attempt.candidate, attempt.channel.hedge_after));
    }

    /// An attempt has failed.
    pub fn end<P: ProxyPorts>(&mut self, attempt: &Attempt<'a, P>, failed: FailedAttempt) {
        let names = attempt.model_names();
        if failed.failure == Failure::Untranslatable {
            self.untranslatable
                .get_or_insert_with(|| failed.error.clone());
        } else {
            let lacks_operation = unsupported::lacks_operation(&failed, names);
            let is_first = self.failed.is_empty();
            self.lacks_operation = lacks_operation && (self.lacks_operation || is_first);
            self.failed.push(failed);
        }
        self.last = Some(attempt.channel);
        self.under_way
            .retain(|(candidate, _)| *candidate != attempt.candidate);
    }

    /// Whether a failed attempt has shown that the channel lacks the operation, and that it can be called in another
    /// dialect instead.
    pub fn learns<P: ProxyPorts>(attempt: &Attempt<'a, P>, failed: &FailedAttempt) -> bool {
        let (context, channel) = (attempt.context, attempt.channel);
        let Some(own) = Dialect::of(context.operation.path) else {
            return false;
        };
        let names = attempt.model_names();
        let now = context.ports().now();
        unsupported::lacks_operation(failed, names)
            && choice::has_other(own, channel, |dialect| {
                Some(dialect) == attempt.translation.dialect
                    || lacks(&context.gateway, channel, &attempt.model, dialect, now)
            })
    }

    /// The error when the request cannot be said to any of the channels that have the operation.
    pub fn untranslatable(&self) -> Option<GatewayError> {
        let body = self.untranslatable.as_ref()?;
        (self.failed.is_empty() || self.lacks_operation).then(|| {
            let mut error = ErrorCode::Untranslatable.error("").as_exhausted();
            error.body.clone_from(body);
            error
        })
    }

    /// How long the latest attempt may go without an answer before another one starts in parallel.
    pub fn hedge_after(&self) -> Option<Duration> {
        self.under_way.last()?.1
    }

    /// Whether the calls were ended because the client disconnected.
    pub fn is_client_gone(&self) -> bool {
        let client_gone = Failure::Unreachable(SendErrorKind::ClientGone);
        self.failed
            .iter()
            .any(|failed| failed.failure == client_gone)
    }

    /// There is no candidate left to start.
    pub fn stop_hedging(&mut self) {
        for (_, hedge_after) in &mut self.under_way {
            *hedge_after = None;
        }
    }
}
