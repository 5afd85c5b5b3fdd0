//! The configuration of a request: from the instance's memory, and from the store when that is too old. Owns the reads and
//! how long a request waits for them; the ages are [`super::cache`]'s.

use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future;

use super::cache::{Cache, Checking, Lookup};
use super::key_shards::StoredClientKeys;
use super::key_shards::read::{MAX_REREADS, ShardError};
use super::model::Document;
use super::seal::{MasterKey, MasterKeyResult};
use super::snapshot::Snapshot;
use super::stored;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{Background, Clock, Log, Random, ReadStore, StoreDistance, StoreKey};
use crate::timeout::timeout;
use crate::units::{Timestamp, milliseconds};

/// A store that takes longer counts as failed: requests go on with the copy. Requests do not wait for a longer
/// background check, so that an instance under load never waits.
const MAX_WAIT: Duration = Duration::from_millis(300);
/// The same of a far store.
const MAX_FAR_WAIT: Duration = Duration::from_millis(800);
/// A check in the background gives up after this, and so does a request of an instance without a configuration.
const MAX_READ: Duration = Duration::from_secs(5);

/// The ports that the service needs.
pub trait ConfigPorts: Clock + Random + Log + Background + ReadStore + 'static {}

impl<T: Clock + Random + Log + Background + ReadStore + 'static> ConfigPorts for T {}

/// The instance's configuration, and its ports.
#[derive(Debug)]
pub struct ConfigService<P> {
    ports: P,
    master_key: MasterKeyResult,
    cache: Cache,
}

impl<P: ConfigPorts> ConfigService<P> {
    /// A service without a configuration yet. With a master key that cannot be read (`Err`, with the reason) there is
    /// none.
    pub fn new(ports: P, master_key: MasterKeyResult) -> Rc<Self> {
        let cache = Cache::new(ports.distance());
        Rc::new(Self {
            ports,
            master_key,
            cache,
        })
    }

    fn max_wait(&self) -> Duration {
        match self.ports.distance() {
            StoreDistance::Near => MAX_WAIT,
            StoreDistance::Far => MAX_FAR_WAIT,
        }
    }

    /// The configuration in force: from memory when it is young enough, else from the store, else, when the store
    /// fails, the last known one. `alongside` is read in parallel whenever the store is read: an instance that lives
    /// for one request waits for the store only here.
    pub async fn current<F: Future<Output = ()> + 'static>(
        self: &Rc<Self>,
        alongside: impl FnOnce() -> F,
    ) -> Result<Rc<Snapshot>, GatewayError> {
        match self.cache.lookup(self.ports.now()) {
            Lookup::Fresh(snapshot) => Ok(snapshot),
            Lookup::Revalidate(snapshot, checking) => {
                let (service, alongside) = (Rc::clone(self), alongside());
                self.ports.spawn(async move {
                    future::join(service.revalidate(checking), alongside).await;
                });
                Ok(snapshot)
            }
            Lookup::Load(known) => {
                let master = self.master()?;
                let limit = match known {
                    Some(_) => self.max_wait(),
                    None => MAX_READ,
                };
                let load = self.load_within(limit, master);
                let (loaded, ()) = future::join(load, alongside()).await;
                loaded.or_else(|error| known.ok_or(error))
            }
        }
    }

    /// The configuration in which it is known which client key has one of these hashes: `snapshot`, or a newer one if the
    /// store has replaced the keys that it names. A store that fails makes no key unknown.
    pub async fn with_keys(
        self: &Rc<Self>,
        mut snapshot: Rc<Snapshot>,
        hashes: &[[u8; 32]],
    ) -> Result<Rc<Snapshot>, GatewayError> {
        for _ in 0..MAX_REREADS {
            if snapshot.knows_keys(hashes) {
                return Ok(snapshot);
            }
            let load = snapshot.load_keys(&self.ports, hashes);
            match timeout(&self.ports, MAX_READ, load).await {
                Some(Ok(())) => return Ok(snapshot),
                Some(Err(ShardError::Gone)) => {
                    snapshot = self.load_within(MAX_READ, self.master()?).await?;
                }
                Some(Err(ShardError::Store(error))) => return Err(self.unavailable(&error)),
                None => return Err(self.unavailable(&"no answer in time")),
            }
        }
        Err(self.unavailable(&ShardError::Gone.into_store_error()))
    }

    fn master(&self) -> Result<Option<&MasterKey>, GatewayError> {
        let master = self.master_key.as_ref().map_err(|reason| {
            ErrorCode::Misconfigured
                .error(format!("The gateway's master_key is not usable: {reason}."))
        })?;
        Ok(master.as_ref())
    }

    /// Reads the store in the background.
    async fn revalidate(&self, _checking: Checking) {
        // Without a usable master key there is no copy to check.
        let Ok(master) = self.master() else { return };
        let ports = &self.ports;
        let mut load = pin!(self.load(master));
        if timeout(ports, self.max_wait(), load.as_mut())
            .await
            .is_some()
        {
            return;
        }
        // The answer may still arrive. Until then no request waits for it.
        let longest_ms = milliseconds(MAX_READ);
        self.cache.wait(ports.now(), longest_ms);
        if timeout(ports, MAX_READ, load).await.is_none() {
            self.cache.keep(ports.now());
            self.log_not_read(&"no answer in time");
        }
    }

    async fn load_within(
        &self,
        limit: Duration,
        master: Option<&MasterKey>,
    ) -> Result<Rc<Snapshot>, GatewayError> {
        let outcome = timeout(&self.ports, limit, self.load(master)).await;
        outcome.unwrap_or_else(|| Err(self.unavailable(&"no answer in time")))
    }

    async fn load(&self, master: Option<&MasterKey>) -> Result<Rc<Snapshot>, GatewayError> {
        let began = self.ports.now();
        let config = self.ports.read(StoreKey::Config).await;
        let raw = config.map_err(|error| self.unavailable(&error))?;
        // With a slow store no copy would otherwise be young enough.
        let longest_ms = milliseconds(self.max_wait());
        let soonest = Timestamp(self.ports.now().0.saturating_sub(longest_ms));
        let began = began.max(soonest);
        let raw = match self.cache.confirm(raw, began) {
            Ok(snapshot) => return Ok(snapshot),
            Err(raw) => raw,
        };
        let document = match raw.as_deref() {
            None => {
                Document::default()
                    .replace_keys(StoredClientKeys::default())
                    .0
            }
            Some(bytes) => stored::document(bytes).map_err(|error| self.unavailable(&error))?,
        };
        let snapshot = Snapshot::build(document, master, || self.ports.next_u64());
        for problem in snapshot.problems() {
            self.ports.line(format_args!("configuration: {problem}"));
        }
        if let Some(older) = self.cache.held() {
            match snapshot.adopt_keys(&self.ports, &older).await {
                // What is gone has been replaced meanwhile; whoever needs it reads the configuration again.
                Ok(()) | Err(ShardError::Gone) => {}
                Err(ShardError::Store(error)) => return Err(self.unavailable(&error)),
            }
        }
        Ok(self.cache.accept(raw, began, snapshot))
    }

    fn unavailable(&self, reason: &dyn fmt::Display) -> GatewayError {
        self.log_not_read(reason);
        self.cache.keep(self.ports.now());
        ErrorCode::StoreUnavailable
            .error("The gateway cannot read its configuration right now. Try again shortly.")
    }

    fn log_not_read(&self, reason: &dyn fmt::Display) {
        self.ports
            .line(format_args!("configuration not read: {reason}"));
    }
}
