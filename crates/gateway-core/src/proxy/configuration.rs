//! The configuration of a request: from the instance's memory, and from the store when that is too old. Owns the reading
//! and how long anybody waits for it; the ages are `config::cache`'s.

use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future;

use super::Gateway;
use crate::config::cache::{Checking, Lookup};
use crate::config::model::Document;
use crate::config::snapshot::Snapshot;
use crate::error::{ErrorCode, GatewayError};
use crate::patience::timeout;
use crate::ports::{ProxyPorts, StoreKey};
use crate::units::Timestamp;

/// A store that takes longer is as good as one that fails: requests go on with what is known. A check in the background
/// that takes longer is not waited for, so that an instance under load never waits at all.
const MAX_WAIT: Duration = Duration::from_millis(300);
/// A check in the background gives up after this, and so does a request of an instance that knows nothing yet.
const MAX_READ: Duration = Duration::from_secs(5);

impl<P: ProxyPorts> Gateway<P> {
    /// The configuration in force: from memory when it is young enough, else from the store, else, when
    /// the store fails, the last known one.
    pub(super) async fn configuration(self: &Rc<Self>) -> Result<Rc<Snapshot>, GatewayError> {
        match self.cache.lookup(self.ports.now()) {
            Lookup::Fresh(snapshot) => Ok(snapshot),
            Lookup::Revalidate(snapshot, checking) => {
                let gateway = Rc::clone(self);
                self.ports
                    .spawn(async move { gateway.revalidate(checking).await });
                Ok(snapshot)
            }
            Lookup::Load(None) => self.load_within(MAX_READ).await,
            Lookup::Load(Some(known)) => Ok(self.load_within(MAX_WAIT).await.unwrap_or(known)),
        }
    }

    /// Reads the store beside the requests.
    async fn revalidate(self: &Rc<Self>, _checking: Checking) {
        let ports = &self.ports;
        let mut load = pin!(self.load());
        if timeout(ports, MAX_WAIT, load.as_mut()).await.is_some() {
            return;
        }
        // It may still come. Until then nobody waits for it.
        let longest_ms = u64::try_from(MAX_READ.as_millis()).unwrap_or(u64::MAX);
        self.cache.wait(ports.now(), longest_ms);
        if timeout(ports, MAX_READ, load).await.is_none() {
            self.cache.keep(ports.now());
            self.line_not_read(&"no answer in time");
        }
    }

    async fn load_within(self: &Rc<Self>, limit: Duration) -> Result<Rc<Snapshot>, GatewayError> {
        let outcome = timeout(&self.ports, limit, self.load()).await;
        outcome.unwrap_or_else(|| Err(self.unavailable(&"no answer in time")))
    }

    async fn load(self: &Rc<Self>) -> Result<Rc<Snapshot>, GatewayError> {
        let began = self.ports.now();
        let master = self.master_key.as_ref().map_err(|reason| {
            ErrorCode::Misconfigured
                .error(format!("The gateway's master_key is not usable: {reason}."))
        })?;
        // Both at once: an instance that lives for one request waits for the store only here.
        let (config, ()) = future::join(self.ports.read(StoreKey::Config), self.check()).await;
        let raw = config.map_err(|error| self.unavailable(&error))?;
        // A slow store would otherwise never give a copy that is young enough.
        let longest_ms = u64::try_from(MAX_WAIT.as_millis()).unwrap_or(u64::MAX);
        let soonest = Timestamp(self.ports.now().0.saturating_sub(longest_ms));
        self.cache
            .accept(raw, began.max(soonest), |raw| {
                let document: Document =
                    raw.map_or_else(|| Ok(Document::default()), serde_json::from_slice)?;
                let snapshot = Snapshot::build(document, master.as_ref(), || self.ports.next_u64());
                for problem in snapshot.problems() {
                    self.ports.line(format_args!("configuration: {problem}"));
                }
                Ok::<_, serde_json::Error>(snapshot)
            })
            .map_err(|error| self.unavailable(&error))
    }

    fn unavailable(&self, reason: &dyn fmt::Display) -> GatewayError {
        self.line_not_read(reason);
        self.cache.keep(self.ports.now());
        ErrorCode::StoreUnavailable
            .error("The gateway cannot read its configuration right now. Try again shortly.")
    }

    fn line_not_read(&self, reason: &dyn fmt::Display) {
        self.ports
            .line(format_args!("configuration not read: {reason}"));
    }
}
