//! What upstreams say they have, of channels that serve every model. Owns the instance's copy of their lists and the
//! tasks that refresh it. No request waits for an upstream: a list that is missing or old is asked for beside the request
//! that noticed, and is there for the next one, also of another instance: they share the lists in the store.

mod shared;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use http::{HeaderMap, Request};
use http_body::Body;

use super::Gateway;
use crate::body_buffer::BodyBuffer;
use crate::config::snapshot::{Channel, Snapshot};
use crate::config::validate::MAX_MODELS;
use crate::ports::{ProxyPorts, StoreKey, Timeouts};
use crate::store::{self, Edit, RetryLimits, UpdateError, bounded_call};
use crate::units::{MIB, Timestamp};
use crate::upstream::decoded::Decoded;
use crate::wire::model_list::{self, ModelPage};
use crate::wire::via;
use shared::{SharedList, SharedLists};

/// The age from which on a list is asked for again.
const MAX_AGE_MS: u64 = 5 * 60_000;
/// The same for an upstream that gave none.
const RETRY_AFTER_MS: u64 = 60_000;
/// How long an upstream may take for its whole list.
const PATIENCE: Duration = Duration::from_secs(15);
/// The size of a page. OpenRouter's list, the longest there is, has half a mebibyte.
const MAX_PAGE_BYTES: usize = MIB;
/// Lists that are asked for at once; others wait for the next request.
const MAX_AT_ONCE: usize = 3;
/// Channels whose lists are kept.
const MAX_CHANNELS: usize = 50;
/// The age from which on the shared lists are read again.
const SHARED_AFTER_MS: u64 = 2_000;
/// What a request waits for the shared lists.
const MAX_READ: Duration = Duration::from_millis(300);
/// How long a task tries to share a list.
const SHARE_RETRIES: RetryLimits = RetryLimits {
    attempts: 8,
    time: Duration::from_secs(10),
};

/// The lists, by the channels' ids.
#[derive(Debug, Default)]
pub struct Catalog {
    lists: RefCell<HashMap<String, Rc<UpstreamList>>>,
    /// When the shared lists were last read.
    read: Cell<Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct UpstreamList {
    /// The channel's address; with another one the list means nothing.
    address: String,
    /// When it was last asked for.
    asked: Cell<Option<Timestamp>>,
    is_known: Cell<bool>,
    names: RefCell<Rc<BTreeSet<String>>>,
}

impl UpstreamList {
    /// Takes in what was read from the upstream, here or elsewhere. Names that are known stay where there are no new ones.
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
    /// The models that its upstream says it has.
    pub names: Rc<BTreeSet<String>>,
}

impl<P: ProxyPorts> Gateway<P> {
    /// What is known of upstreams whose channels serve every model. Waits for the store alone, and not for long.
    pub async fn contributions(self: &Rc<Self>, snapshot: &Snapshot) -> Vec<Contribution> {
        let channels: Vec<(&Rc<Channel>, String)> = snapshot
            .serving_all()
            .filter(|channel| channel.enabled && !channel.dialect.is_azure())
            .take(MAX_CHANNELS)
            .filter_map(|channel| Some((channel, address(channel)?)))
            .collect();
        if channels.is_empty() {
            return Vec::new();
        }
        let shared = self.shared_lists().await;
        let mut lists = self.catalog.lists.borrow_mut();
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
                self.refresh_list(channel, list, snapshot.via.clone());
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
    ) {
        let (gateway, channel, list) = (Rc::clone(self), Rc::clone(channel), Rc::clone(list));
        self.ports.spawn(async move {
            let work = pin!(gateway.whole_list(&channel, via.as_ref()));
            let patience = pin!(gateway.ports.sleep(PATIENCE));
            let outcome = match future::select(work, patience).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => None,
            };
            if outcome.is_none() {
                gateway.ports.line(format_args!(
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
            if let Err(error) = gateway.share_list(&channel.id, &news).await {
                gateway.ports.line(format_args!(
                    "the models of channel {} could not be shared: {error}",
                    channel.id
                ));
            }
        });
    }

    /// What other instances have learned, unless that was read a moment ago, or the store does not answer.
    async fn shared_lists(&self) -> SharedLists {
        let now = self.ports.now();
        let read = self.catalog.read.get();
        if read.is_some_and(|read| now.since_ms(read) < SHARED_AFTER_MS) {
            return SharedLists::default();
        }
        self.catalog.read.set(Some(now));
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
            Ok(Edit::Replace(lists.into_bytes(), ()))
        })
        .await
    }

    async fn whole_list(
        &self,
        channel: &Channel,
        via: Option<&HeaderValue>,
    ) -> Option<BTreeSet<String>> {
        let first = channel.dialect.list_operation();
        let mut names = BTreeSet::new();
        let mut next: Option<String> = None;
        for _ in 0..model_list::MAX_PAGES {
            let operation = model_list::operation(first, next.as_deref());
            let page = self.page(channel, &operation, via).await?;
            names.extend(page.names);
            if page.next.is_none() || page.next == next || names.len() >= MAX_MODELS {
                break;
            }
            next = page.next;
        }
        while names.len() > MAX_MODELS {
            names.pop_last();
        }
        Some(names)
    }

    async fn page(
        &self,
        channel: &Channel,
        operation: &str,
        via: Option<&HeaderValue>,
    ) -> Option<ModelPage> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = channel.dialect.uri(operation, "").ok()?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.extend(channel.dialect.default_header());
        for (name, value) in &channel.headers {
            headers.insert(name, value.clone());
        }
        via::pass_on(&HeaderMap::new(), via, headers);
        // Any key will do; another one next time, should this one be refused.
        let count = u64::try_from(channel.keys.len()).ok()?;
        let place = usize::try_from(self.ports.next_u64().checked_rem(count)?).ok()?;
        if let Some((name, value)) = &channel.keys.get(place)?.credential {
            headers.insert(name, value.clone());
        }
        let timeouts = Timeouts {
            connect: channel.timeouts.connect.min(PATIENCE),
            first_byte: channel.timeouts.first_byte.min(PATIENCE),
            idle: channel.timeouts.idle.min(PATIENCE),
        };
        let response = self.ports.send(request, timeouts).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let (head, body) = response.into_parts();
        let (body, readable) = Decoded::new(body, &head.headers, self.memory());
        readable.ok()?;
        let body = whole(body).await?;
        model_list::read(&serde_json::from_slice(&body).ok()?)
    }
}

async fn whole(mut body: impl Body<Data = Bytes> + Unpin) -> Option<Bytes> {
    let mut joined = BodyBuffer::new(MAX_PAGE_BYTES);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(piece) = frame.ok()?.into_data() {
            joined.push(piece).ok()?;
        }
    }
    Some(joined.finish())
}

/// Where a channel's list comes from.
fn address(channel: &Channel) -> Option<String> {
    let uri = channel.dialect.uri("models", "").ok()?;
    Some(uri.to_string())
}
