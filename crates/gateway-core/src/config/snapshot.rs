//! The configuration in the form that a request needs: keys by hash, channels by model, endpoints prepared.
//! Built once per change, then only read. Owns no cache and no store.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use crate::config::identity;
use crate::config::model::{self, ClientKey, Document, Price, Prices, Settings};
use crate::config::prices;
use crate::config::seal::{self, MasterKey, SealError};
use crate::ids;
use crate::ports::Timeouts;
use crate::route::WeightedChannel;
use crate::secret::{self, Secret};
use crate::upstream::endpoint::{Endpoint, InvalidBaseUrl};
use crate::wire::acted_on::ActedOn;
use crate::wire::dialect::Dialect;

/// Why a channel, or one of its keys, takes no requests.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("channel {channel} ({name}): {cause}")]
pub struct SnapshotProblem {
    channel: String,
    name: String,
    cause: ProblemCause,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum ProblemCause {
    #[error("{0}")]
    BaseUrl(#[from] InvalidBaseUrl),
    #[error("key {id}: {cause}")]
    Key { id: String, cause: KeyProblemCause },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum KeyProblemCause {
    #[error("{0}")]
    Sealed(SealError),
    #[error("it cannot be sent in a header")]
    NoHeaderValue,
}

/// A whole configuration, ready for routing.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Limits of the whole gateway.
    pub settings: Settings,
    /// The value of `Via` in outgoing requests; `None` without a channel to call.
    pub via: Option<HeaderValue>,
    /// Members of bodies that the gateway acts on, those that some channel drops included.
    pub acted_on: ActedOn,
    /// Authenticates reasoning that travels through clients; see [`Snapshot::state_secret`].
    state_secret: Option<Secret<Vec<u8>>>,
    channels: Vec<Rc<Channel>>,
    keys: HashMap<[u8; 32], ClientKey>,
    by_model: HashMap<String, Vec<usize>>,
    serving_all: Vec<usize>,
    problems: Vec<SnapshotProblem>,
}

/// One channel, prepared.
#[derive(Debug)]
pub struct Channel {
    /// `ch_…`
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Its name as a header's value: anything but visible ASCII is percent-encoded.
    pub name_header: HeaderValue,
    /// Whether it can take requests: switched on, and with a key that can be used.
    pub enabled: bool,
    /// 0 is tried first.
    pub priority: u16,
    /// Share within its priority.
    pub weight: u16,
    /// How it is called.
    pub endpoint: Endpoint,
    /// Enabled, usable keys; one without a credential for a channel without keys.
    pub keys: Vec<Rc<Key>>,
    /// Its own headers.
    pub headers: HeaderMap,
    /// Members that are removed from bodies.
    pub drop_params: Vec<String>,
    /// Its own limits of time.
    pub timeouts: Timeouts,
    /// How long an attempt may take to begin its answer before the next one starts in parallel.
    pub hedge_after: Option<Duration>,
    /// The dialects that it speaks, as configured; `None`: learnt.
    pub dialects: Option<Vec<Dialect>>,
    /// Whether the usage of streams can be requested from it.
    pub stream_usage: bool,
    model_map: BTreeMap<String, String>,
    prices: Prices,
    /// Unix seconds of its creation, for the model list.
    pub created: u64,
    rotation: Cell<usize>,
}

/// The members that the gateway acts on in every request.
const ACTED_ON: [&str; 7] = [
    "model",
    "stream",
    "stream_options",
    "prompt_cache_key",
    "user",
    "metadata",
    "previous_response_id",
];

/// Keeps the secret for reasoning state apart from other uses of the master key.
const STATE_PURPOSE: &str = "reasoning state";
/// Shorter keys are placeholders; redacting them would break words in messages.
const MIN_SECRET_BYTES: usize = 8;

/// One key, as the header that carries it.
#[derive(Debug)]
pub struct Key {
    /// `uk_…`; empty for a channel without keys.
    pub id: String,
    /// The header to send; `None`: the upstream wants no key.
    pub credential: Option<(HeaderName, HeaderValue)>,
    /// The key itself, to redact it from texts; see [`Key::redact`].
    secret: Option<Secret<String>>,
}

impl Key {
    /// Its id, or a placeholder in a channel that needs no key.
    pub fn name(&self) -> &str {
        if self.id.is_empty() { "none" } else { &self.id }
    }

    /// `text` without this key: some upstreams repeat the key that they reject in their error. Words such as `none` or
    /// `ollama`, which replace a key where none is needed, are not secrets and stay.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.secret.as_ref().map(Secret::expose) {
            Some(key) if key.len() >= MIN_SECRET_BYTES && text.contains(key.as_str()) => {
                Cow::Owned(text.replace(key, &secret::hint(key)))
            }
            _ => Cow::Borrowed(text),
        }
    }
}

impl Channel {
    /// The name that the upstream knows a client's model by.
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.endpoint
            .kind()
            .upstream_model(self.model_map.get(model).map_or(model, String::as_str))
    }

    /// The key that begins the next request's turn: one further each time, from a random start, so that
    /// keys are used evenly even when this memory lives for one request only.
    pub fn next_rotation(&self) -> usize {
        let start = self.rotation.get();
        self.rotation.set(start.wrapping_add(1));
        start
    }
}

/// A model of the model list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedModel<'a> {
    /// The name that clients use.
    pub id: &'a str,
    /// Unix seconds.
    pub created: u64,
    /// The name of the first channel that serves it.
    pub owner: &'a str,
}

impl Snapshot {
    /// Prepares a stored document. `random` gives each channel's rotation its start. A channel that cannot
    /// be prepared takes no requests; [`Self::problems`] says why.
    pub fn build(
        document: Document,
        master: Option<&MasterKey>,
        mut random: impl FnMut() -> u64,
    ) -> Self {
        let mut snapshot = Self {
            via: identity::via(&document),
            settings: document.settings,
            acted_on: ActedOn::new(ACTED_ON),
            state_secret: master.map(|master| Secret::new(master.derive(STATE_PURPOSE).to_vec())),
            ..Self::default()
        };
        for stored in document.channels {
            for name in &stored.drop_params {
                snapshot.acted_on.add(name);
            }
            let index = snapshot.channels.len();
            let channel = match prepare(&stored, master, random(), &mut snapshot.problems) {
                Ok(channel) => Rc::new(channel),
                Err(problem) => {
                    snapshot.problems.push(problem);
                    continue;
                }
            };
            if snapshot.state_secret.is_none() {
                let first = channel.keys.first().and_then(|key| key.secret.as_ref());
                snapshot.state_secret =
                    first.map(|key| Secret::new(key.expose().as_bytes().to_vec()));
            }
            let served: Vec<&str> = stored.served_models().collect();
            let kind = channel.endpoint.kind();
            if served.is_empty() || (stored.models.is_empty() && kind.serves_unlisted_models()) {
                snapshot.serving_all.push(index);
            }
            snapshot.channels.push(channel);
            for model in served {
                let list = snapshot.by_model.entry(model.to_owned()).or_default();
                if !list.contains(&index) {
                    list.push(index);
                }
            }
        }
        for key in document.keys {
            if let Some(hash) = ids::parse_hash(&key.hash) {
                snapshot.keys.insert(hash, key);
            }
        }
        snapshot
    }

    /// A secret of the gateway that lasts as long as its master key, or without one as the first key of its first channel.
    pub fn state_secret(&self) -> &[u8] {
        self.state_secret
            .as_ref()
            .map_or(&[], |secret| secret.expose())
    }

    /// What is wrong with the configuration, one sentence per problem, without secrets.
    pub fn problems(&self) -> &[SnapshotProblem] {
        &self.problems
    }

    /// The client key with this hash.
    pub fn client_key(&self, hash: &[u8; 32]) -> Option<&ClientKey> {
        self.keys.get(hash)
    }

    /// The channel at an index that came from [`Self::serving`].
    pub fn channel(&self, index: usize) -> Option<&Rc<Channel>> {
        self.channels.get(index)
    }

    /// The channel with an id, and its index.
    pub fn channel_with_id(&self, id: &str) -> Option<(usize, &Rc<Channel>)> {
        let mut channels = self.channels.iter().enumerate();
        channels.find(|(_, channel)| channel.id == id)
    }

    /// Indexes of the channels that serve `model`, disabled ones included.
    pub fn serving<'a>(&'a self, model: &str) -> impl Iterator<Item = usize> + 'a {
        let named = self.by_model.get(model).map_or(&[][..], Vec::as_slice);
        let others = self
            .serving_all
            .iter()
            .filter(|index| !named.contains(index));
        named.iter().chain(others).copied()
    }

    /// The channels that serve every model, disabled ones included.
    pub fn serving_all(&self) -> impl Iterator<Item = &Rc<Channel>> {
        self.serving_all
            .iter()
            .filter_map(|index| self.channels.get(*index))
    }

    /// The channels that may answer a request for `model`, in no order: those that serve it and can take requests.
    pub fn entries(&self, model: &str) -> Vec<WeightedChannel> {
        let entry = |index| {
            let channel = self.channel(index).filter(|channel| channel.enabled)?;
            Some(WeightedChannel {
                index,
                priority: channel.priority,
                weight: channel.weight,
            })
        };
        self.serving(model).filter_map(entry).collect()
    }

    /// What a model costs that `channel` answers for, under the client's and the upstream's name for it.
    pub fn price<'a>(
        &'a self,
        channel: &'a Channel,
        model: &str,
        upstream_model: &str,
    ) -> Option<&'a Price> {
        prices::find(
            &channel.prices,
            &self.settings.prices,
            model,
            upstream_model,
        )
    }

    /// Whether some channel names the model, also one that is switched off.
    pub fn names(&self, model: &str) -> bool {
        self.by_model.contains_key(model)
    }

    /// Every model that an enabled channel names, sorted.
    pub fn models(&self) -> Vec<ListedModel<'_>> {
        let mut list: Vec<ListedModel<'_>> = self
            .by_model
            .keys()
            .filter_map(|id| self.listed(id))
            .collect();
        list.sort_unstable_by_key(|model| model.id);
        list
    }

    /// The entry of one model; for a model that only channels without a model list serve, `id` itself.
    pub fn listed<'a>(&'a self, id: &'a str) -> Option<ListedModel<'a>> {
        let first = self
            .serving(id)
            .filter_map(|index| self.channels.get(index))
            .find(|channel| channel.enabled)?;
        Some(ListedModel {
            id,
            created: first.created,
            owner: &first.name,
        })
    }
}

fn prepare(
    stored: &model::ChannelConfig,
    master: Option<&MasterKey>,
    rotation: u64,
    problems: &mut Vec<SnapshotProblem>,
) -> Result<Channel, SnapshotProblem> {
    let problem = |cause| SnapshotProblem {
        channel: stored.id.clone(),
        name: stored.name.clone(),
        cause,
    };
    let endpoint = Endpoint::new(stored.provider, &stored.base_url, stored.azure.as_ref())
        .map_err(|error| problem(error.into()))?;
    let mut keys = Vec::with_capacity(stored.keys.len().max(1));
    for key in stored.keys.iter().filter(|key| key.enabled) {
        let credential = seal::open(master, &key.secret, &key.id)
            .map_err(KeyProblemCause::Sealed)
            .and_then(|secret| match endpoint.credential(secret.expose()) {
                Some(credential) => Ok((credential, secret)),
                None => Err(KeyProblemCause::NoHeaderValue),
            });
        match credential {
            Ok((credential, secret)) => keys.push(Rc::new(Key {
                secret: Some(secret),
                id: key.id.clone(),
                credential: Some(credential),
            })),
            Err(cause) => {
                let id = key.id.clone();
                problems.push(problem(ProblemCause::Key { id, cause }));
            }
        }
    }
    if stored.keys.is_empty() {
        keys.push(Rc::new(Key {
            id: String::new(),
            credential: None,
            secret: None,
        }));
    }
    let mut headers = HeaderMap::with_capacity(stored.headers.len());
    for (name, value) in &stored.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    let stream_usage = stored.stream_usage && endpoint.kind().has_stream_options();
    Ok(Channel {
        id: stored.id.clone(),
        name: stored.name.clone(),
        name_header: name_header(&stored.name),
        enabled: stored.enabled && !keys.is_empty(),
        priority: stored.priority,
        weight: stored.weight,
        endpoint,
        keys,
        headers,
        drop_params: stored.drop_params.clone(),
        timeouts: Timeouts {
            connect: Duration::from_millis(stored.connect_timeout_ms),
            first_byte: Duration::from_millis(stored.first_byte_timeout_ms),
            idle: Duration::from_millis(stored.idle_timeout_ms),
        },
        hedge_after: stored.hedge_after_ms.map(Duration::from_millis),
        dialects: stored.dialects.clone(),
        stream_usage,
        model_map: stored.model_map.clone(),
        prices: stored.prices.clone(),
        created: stored.created_at.unix_seconds(),
        rotation: Cell::new(usize::try_from(rotation & 0xffff_ffff).unwrap_or(0)),
    })
}

fn name_header(name: &str) -> HeaderValue {
    const OPAQUE: percent_encoding::AsciiSet = percent_encoding::CONTROLS.add(b'%');
    let text = percent_encoding::utf8_percent_encode(name, &OPAQUE).to_string();
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("?"))
}

#[cfg(test)]
pub mod tests;
