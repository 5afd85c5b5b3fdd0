//! The model lists of upstreams, for channels that serve every model. Owns the instance's copy of their lists and the
//! tasks that refresh it. No request waits for an upstream: a missing or old list is fetched in the background of the
//! request that noticed, and is there for the next one, also in another instance: they share the lists in the store.

mod shared;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::config::snapshot::{Channel, Snapshot};
use crate::memory::Memory;
use crate::ports::{ProxyPorts, StoreKey};
use crate::store::{self, RecordEdit, RetryLimits, UpdateError, bounded_call};
use crate::timeout::timeout;
use crate::units::{MIB, Timestamp};
use crate::upstream::call::{CallBounds, UpstreamClient};
use crate::upstream::model_list;
use shared::{SharedList, SharedLists};

/// The age from which a list is fetched again.
const MAX_AGE_MS: u64 = 5 * 60_000;
/// The same for an upstream that returned none.
const RETRY_AFTER_MS: u64 = 60_000;
/// How long an upstream may take for its whole list, and the size of a page: OpenRouter's list, the longest there is, has
/// half a mebibyte.
const CALL: CallBounds = CallBounds {
    time: Duration::from_secs(15),
    bytes: MIB,
};
/// Lists that are fetched at once; others wait for the next request.
const MAX_AT_ONCE: usize = 3;
/// Channels whose lists are kept.
const MAX_CHANNELS: usize = 50;
/// The age from which on the shared lists are read again.
const SHARED_AFTER_MS: u64 = 2_000;
/// How long a request waits for the shared lists.
const MAX_READ: Duration = Duration::from_millis(300);
/// How long a task tries to share a list.
const SHARE_RETRIES: RetryLimits = RetryLimits {
    attempts: 8,
    time: Duration::from_secs(10),
};

/// The lists, by the channels' ids.
#[derive(Debug)]
pub struct CatalogService<P> {
    ports: P,
    lists: RefCell<HashMap<String, Rc<UpstreamList>>>,
    /// When the shared lists were last read.
    read: Cell<Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct UpstreamList {
    /// The channel's address; with another one the list is invalid.
    address: String,
    /// When it was last requested.
    asked: Cell<Option<Timestamp>>,
    is_known: Cell<bool>,
    names: RefCell<Rc<BTreeSet<String>>>,
}

impl UpstreamList {
    /// Records what was read from the upstream, here or elsewhere. Known names stay when there are no new ones.
    fn take_in(&self, news: Option<&SharedList>) {
        let Some(news) = news else {
            return;
        };
        self.asked.set(Some(news.asked));
        if let Some(names) = &news.names {
            self.is_known.set(true);
            *self.names.borrow_mut() = Rc::new(names.clone());
        }
    }
}

/// What one channel adds to the list of models.
pub struct Contribution {
    /// The channel.
    pub channel: Rc<Channel>,
    /// The models that its upstream lists.
    pub names: Rc<BTreeSet<String>>,
}

impl<P: ProxyPorts> CatalogService<P> {
    /// A catalog without lists.
    pub fn new(ports: P) -> Rc<Self> {
        Rc::new(Self {
            ports,
            lists: RefCell::default(),
            read: Cell::default(),
        })
    }

    /// The known lists of upstreams whose channels serve every model. Waits for the store only, and not for long.
    pub async fn contributions(
        self: &Rc<Self>,
        snapshot: &Snapshot,
        memory: &Arc<Memory>,
    ) -> Vec<Contribution> {
        let channels: Vec<(&Rc<Channel>, String)> = snapshot
            .serving_all()
            .filter(|channel| channel.enabled && channel.endpoint.kind().model_list().is_ok())
            .take(MAX_CHANNELS)
            .filter_map(|channel| Some((channel, address(channel)?)))
            .collect();
        if channels.is_empty() {
            return Vec::new();
        }
        let shared = self.shared_lists().await;
        let mut lists = self.lists.borrow_mut();
        lists.retain(|id, _| channels.iter().any(|(channel, _)| channel.id == *id));
        let mut contributions = Vec::new();
        let mut refreshed = 0;
        for (channel, address) in channels {
            let list = lists.entry(channel.id.clone()).or_default();
            if list.address != address {
                *list = Rc::new(UpstreamList {
                    address,
                    ..UpstreamList::default()
                });
            }
            list.take_in(shared.newer(&channel.id, &list.address, list.asked.get()));
            let now = self.ports.now();
            let max_age_ms = if list.is_known.get() {
                MAX_AGE_MS
            } else {
                RETRY_AFTER_MS
            };
            let is_old = list
                .asked
                .get()
                .is_none_or(|asked| now.since_ms(asked) >= max_age_ms);
            if is_old && refreshed < MAX_AT_ONCE {
                refreshed += 1;
                list.asked.set(Some(now));
                self.refresh_list(channel, list, snapshot.via.clone(), Arc::clone(memory));
            }
            contributions.push(Contribution {
                channel: Rc::clone(channel),
                names: Rc::clone(&list.names.borrow()),
            });
        }
        contributions
    }

    fn refresh_list(
        self: &Rc<Self>,
        channel: &Rc<Channel>,
        list: &Rc<UpstreamList>,
        via: Option<HeaderValue>,
        memory: Arc<Memory>,
    ) {
        let (catalog, channel, list) = (Rc::clone(self), Rc::clone(channel), Rc::clone(list));
        self.ports.spawn(async move {
            let work = catalog.whole_list(&channel, via.as_ref(), &memory);
            let outcome = timeout(&catalog.ports, CALL.time, work).await.flatten();
            if outcome.is_none() {
                catalog.ports.line(format_args!(
                    "the models of channel {} could not be read from its upstream",
                    channel.id
                ));
            }
            let news = SharedList {
                address: list.address.clone(),
                asked: list.asked.get().unwrap_or_default(),
                names: outcome,
            };
            list.take_in(Some(&news));
            if let Err(error) = catalog.share_list(&channel.id, &news).await {
                catalog.ports.line(format_args!(
                    "the models of channel {} could not be shared: {error}",
                    channel.id
                ));
            }
        });
    }

    /// Reads the lists of other instances, unless that was done a moment ago, or the store does not answer.
    async fn shared_lists(&self) -> SharedLists {
        let now = self.ports.now();
        let read = self.read.get();
        if read.is_some_and(|read| now.since_ms(read) < SHARED_AFTER_MS) {
            return SharedLists::default();
        }
        self.read.set(Some(now));
        let read = bounded_call(&self.ports, MAX_READ, self.ports.read(StoreKey::ModelLists)).await;
        SharedLists::parse(read.ok().flatten().as_deref())
    }

    async fn share_list(
        &self,
        channel: &str,
        list: &SharedList,
    ) -> Result<(), UpdateError<Infallible>> {
        store::update(&self.ports, StoreKey::ModelLists, SHARE_RETRIES, |stored| {
            let mut lists = SharedLists::parse(stored);
            lists.put(channel, list.clone());
            Ok(RecordEdit::Replace(lists.into_bytes(), ()))
        })
        .await
    }

    /// The models that the upstream lists, read with any of the channel's keys: a different one next time, in case this
    /// one is rejected.
    async fn whole_list(
        &self,
        channel: &Channel,
        via: Option<&HeaderValue>,
        memory: &Arc<Memory>,
    ) -> Option<BTreeSet<String>> {
        let count = u64::try_from(channel.keys.len()).ok()?;
        let index = usize::try_from(self.ports.next_u64().checked_rem(count)?).ok()?;
        let caller = UpstreamClient {
            ports: &self.ports,
            channel,
            key: channel.keys.get(index)?,
            via,
            memory,
            bounds: CALL,
        };
        let list = model_list::read(&caller).await.ok()?;
        Some(list.names)
    }
}

/// Where a channel's list comes from.
fn address(channel: &Channel) -> Option<String> {
    let uri = channel.endpoint.uri("models", "").ok()?;
    Some(uri.to_string())
}
