//! A call of a channel as long as it counts as in flight: from its attempt until the client has the last byte or has left.
//! Owns the count, and when a call has shown how fast its channel is; the estimate is `route::load`'s.

use std::cell::Cell;
use std::rc::Rc;

use super::context::RequestContext;
use crate::config::snapshot::Channel;
use crate::ports::ProxyPorts;
use crate::route::Balance;
use crate::route::load::{ChannelLoad, Measured};
use crate::units::Timestamp;
use crate::upstream::failure::Failure;

/// A call in flight. It ends when this is dropped.
pub struct Flight<P: ProxyPorts> {
    context: Rc<RequestContext<P>>,
    load: Rc<ChannelLoad>,
    began: Timestamp,
    /// Whether its answer has not begun.
    is_waiting: Cell<bool>,
}

impl<P: ProxyPorts> Flight<P> {
    /// A call begins; `None` where the load of a channel decides nothing.
    pub fn begin(context: &Rc<RequestContext<P>>, channel: &Channel) -> Option<Self> {
        if channel.balance == Balance::Weight {
            return None;
        }
        let (load, now) = (context.gateway.loads.of(&channel.id), context.ports().now());
        load.begin(now);
        Some(Self {
            context: Rc::clone(context),
            load,
            began: now,
            is_waiting: Cell::new(true),
        })
    }

    /// Its answer has begun; `is_probe`: the channel had been out of service before.
    pub fn answered(&self, is_probe: bool) {
        self.measure(Some(if is_probe {
            Measured::Recovered
        } else {
            Measured::Answered
        }));
    }

    /// It has failed. What does not concern the channel says nothing about its speed.
    pub fn failed(&self, failure: Failure) {
        let is_channels = match failure {
            Failure::Unreachable(_)
            | Failure::ServerError
            | Failure::Throttled
            | Failure::KeyRefused => true,
            Failure::ModelUnknown
            | Failure::OperationUnsupported
            | Failure::Untranslatable
            | Failure::RequestRefused => false,
        };
        if self.is_waiting.get() {
            self.measure(is_channels.then_some(Measured::Failed));
        } else if is_channels {
            let now = self.context.ports().now();
            self.load.fail(now.since_ms(self.began), now);
        }
    }

    fn measure(&self, measured: Option<Measured>) {
        if self.is_waiting.replace(false) {
            let now = self.context.ports().now();
            self.load.measure(self.began, now, measured);
        }
    }
}

impl<P: ProxyPorts> Drop for Flight<P> {
    fn drop(&mut self) {
        // Another attempt was faster, or the client has left.
        self.measure(Some(Measured::Abandoned));
        self.load.end();
    }
}
