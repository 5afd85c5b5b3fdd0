//! The client key's limits on a request's way. Owns when they are checked: before the body is read, so that a rejection
//! costs little, unless a limit of tokens or money asks what the request may use, which its body says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::config::model::ClientKey;
use crate::error::GatewayError;
use crate::ledger::entry::Entry;
use crate::limits::headers::RateLimitHeaders;
use crate::limits::rejection::Rejection;
use crate::limits::service::{Admission, LimitsService};
use crate::limits::usage::Consumed;
use crate::ports::ProxyPorts;

/// The check of one request.
pub struct LimitCheck<'a, P: ProxyPorts> {
    limits: &'a LimitsService<P>,
    client: &'a ClientKey,
    entry: &'a Rc<Entry<P>>,
    is_decided: Cell<bool>,
    /// What the answer says about the limits; `None`: the key has none.
    headers: RefCell<Option<RateLimitHeaders>>,
}

impl<'a, P: ProxyPorts> LimitCheck<'a, P> {
    /// The check of a request of `client`, which is not made yet.
    pub fn new(
        limits: &'a LimitsService<P>,
        client: &'a ClientKey,
        entry: &'a Rc<Entry<P>>,
    ) -> Self {
        Self {
            limits,
            client,
            entry,
            is_decided: Cell::new(client.limits.is_empty()),
            headers: RefCell::new(None),
        }
    }

    /// Whether the decision is still to be made.
    pub fn is_due(&self) -> bool {
        !self.is_decided.get()
    }

    /// The check before the body is read: the decision, or at least whether the key is known to be over a limit.
    pub async fn before_body(&self) -> Result<(), GatewayError> {
        if self.is_due() && self.client.limits.count_usage() && !self.entry.is_free() {
            let rejection = self.limits.known_rejection(self.client);
            return rejection.map_or(Ok(()), |rejection| Err(self.reject(rejection)));
        }
        self.pass(Consumed::default()).await
    }

    /// Makes the decision, unless it is made already, and reserves what the request may consume.
    pub async fn pass(&self, estimate: Consumed) -> Result<(), GatewayError> {
        if self.is_decided.replace(true) {
            return Ok(());
        }
        match self.limits.admit(self.client, estimate).await {
            Admission::Unlimited => Ok(()),
            Admission::Admitted(headers, reservation) => {
                self.entry.reserved(reservation);
                self.headers.replace(Some(headers));
                Ok(())
            }
            Admission::Rejected(rejection) => Err(self.reject(*rejection)),
        }
    }

    fn reject(&self, rejection: Rejection) -> GatewayError {
        self.is_decided.set(true);
        if !rejection.is_recorded {
            self.entry.leave_out();
        }
        if let Some(exceeded) = rejection.exceeded {
            self.entry.over_limit(exceeded);
        }
        self.headers.replace(Some(rejection.headers));
        rejection.error
    }

    /// The headers of the answer, which replace the upstream's; `None`: those stay.
    pub fn take_headers(&self) -> Option<RateLimitHeaders> {
        self.headers.take()
    }
}
