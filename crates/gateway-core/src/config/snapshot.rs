//! The configuration in the form that a request needs: keys by hash, channels by model, endpoints prepared.
//! Built once per change, then only read. Owns no cache and no store.

pub mod alerts;
mod client_keys;
mod key_loading;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use crate::config::bounds::KEPT_PARAMS;
use crate::config::identity;
use crate::config::model::{self, Document, Price, Prices, Settings};
use crate::config::model_map::ModelMap;
use crate::config::prices;
use crate::config::seal::{self, MasterKey, SealError};
use crate::ports::Timeouts;
use crate::route::{Balance, WeightedChannel};
use crate::secret::{self, Secret};
use crate::sorting;
use crate::upstream::endpoint::{Endpoint, InvalidBaseUrl};
use crate::upstream::presets::{self, Preset};
use crate::upstream::provider::Provider;
use crate::upstream::quirks::Quirks;
use crate::wire::acted_on::ActedOn;
use crate::wire::body_params::BodyParams;
use crate::wire::dialect::Dialect;
use alerts::AlertPlan;
use client_keys::ClientKeys;

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
    /// Rules of alerts, and where messages are sent.
    pub alerts: AlertPlan,
    /// Members of bodies that the gateway acts on, those that some channel drops, renames or adds included.
    pub acted_on: ActedOn,
    /// Authenticates reasoning that travels through clients; see [`Snapshot::state_secret`].
    state_secret: Option<Secret<Vec<u8>>>,
    channels: Vec<Rc<Channel>>,
    client_keys: ClientKeys,
    by_model: HashMap<String, Vec<usize>>,
    with_patterns: Vec<usize>,
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
    /// Whether it can take requests: switched on, and with a key that can be used where one is needed.
    pub enabled: bool,
    /// Whether its provider requires a key and it has none.
    pub lacks_key: bool,
    /// 0 is tried first.
    pub priority: u16,
    /// Share within its priority.
    pub weight: u16,
    /// How the channels of its priority share their requests.
    pub balance: Balance,
    /// How it is called.
    pub endpoint: Endpoint,
    /// Enabled, usable keys; one without a credential for a channel without keys.
    pub keys: Vec<Rc<Key>>,
    /// Its own headers.
    pub headers: HeaderMap,
    /// What it changes in the parameters of bodies.
    pub params: BodyParams,
    /// Its own limits of time.
    pub timeouts: Timeouts,
    /// How long an attempt may take to begin its answer before the next one starts in parallel.
    pub hedge_after: Option<Duration>,
    /// The dialects that it speaks, as configured or known of its provider; `None`: learnt.
    pub dialects: Option<Vec<Dialect>>,
    /// How it differs from others of its dialect, as configured.
    pub quirks: Quirks,
    /// What is known of its provider.
    pub preset: Option<&'static Preset>,
    /// Whether the usage of streams can be requested from it.
    pub stream_usage: bool,
    model_map: ModelMap,
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
    /// The header to send; `None`: the upstream requires no key.
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
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> Cow<'a, str> {
        let kind = self.endpoint.kind();
        match self.model_map.upstream_model(model) {
            Cow::Borrowed(name) => Cow::Borrowed(kind.upstream_model(name)),
            Cow::Owned(name) => Cow::Owned(kind.upstream_model(&name).to_owned()),
        }
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
    fn of_channels(
        document: Document,
        master: Option<&MasterKey>,
        random: &mut dyn FnMut() -> u64,
    ) -> Self {
        let mut snapshot = Self {
            via: identity::via(&document),
            alerts: AlertPlan::new(&document.alerts, master),
            settings: document.settings,
            acted_on: ActedOn::new(ACTED_ON),
            state_secret: master.map(|master| Secret::new(master.derive(STATE_PURPOSE).to_vec())),
            ..Self::default()
        };
        for stored in document.channels {
            let index = snapshot.channels.len();
            let balance = snapshot.settings.balance_of(stored.priority);
            let channel = match prepare(&stored, master, random(), &mut snapshot.problems) {
                Ok(channel) => Rc::new(Channel { balance, ..channel }),
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
            for name in channel.params.names() {
                snapshot.acted_on.add(name);
            }
            let served: Vec<&str> = stored.served_models().collect();
            let names_none = served.is_empty() && stored.model_map.is_empty();
            let kind = channel.endpoint.kind();
            if names_none || (stored.models.is_empty() && kind.serves_unlisted_models()) {
                snapshot.serving_all.push(index);
            } else if channel.model_map.has_patterns() {
                snapshot.with_patterns.push(index);
            }
            snapshot.channels.push(channel);
            for model in served {
                let list = snapshot.by_model.entry(model.to_owned()).or_default();
                if !list.contains(&index) {
                    list.push(index);
                }
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

    /// The channel at an index that came from [`Self::serving`].
    pub fn channel(&self, index: usize) -> Option<&Rc<Channel>> {
        self.channels.get(index)
    }

    /// The channel with an id, and its index.
    pub fn channel_with_id(&self, id: &str) -> Option<(usize, &Rc<Channel>)> {
        let mut channels = self.channels.iter().enumerate();
        channels.find(|(_, channel)| channel.id == id)
    }

    /// The models that are tried for a client's name of one, in their order: those of an alias, else the name itself.
    pub fn chain<'a>(&'a self, model: &'a String) -> &'a [String] {
        let models = self.settings.aliases.get(model);
        models.map_or(std::slice::from_ref(model), Vec::as_slice)
    }

    /// Indexes of the channels that serve `model`, disabled ones included. Aliases are not looked up.
    pub fn serving<'a>(&'a self, model: &'a str) -> impl Iterator<Item = usize> + 'a {
        let named = self.by_model.get(model).map_or(&[][..], Vec::as_slice);
        let matches = |index: &&usize| {
            let channel = self.channels.get(**index);
            channel.is_some_and(|channel| channel.model_map.matches(model))
        };
        let others = self.with_patterns.iter().filter(matches);
        let others = others.chain(&self.serving_all);
        let others = others.filter(|index| !named.contains(index));
        named.iter().chain(others).copied()
    }

    /// The channels that serve every model, disabled ones included.
    pub fn serving_all(&self) -> impl Iterator<Item = &Rc<Channel>> {
        self.serving_all
            .iter()
            .filter_map(|index| self.channels.get(*index))
    }

    /// The channels that may answer a request for `model`, in no order: those that serve it and can take requests. Aliases
    /// are not looked up.
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

    /// Whether the settings or some channel, also one that is switched off, names the model.
    pub fn names(&self, model: &str) -> bool {
        self.by_model.contains_key(model) || self.settings.aliases.contains_key(model)
    }

    /// Every model that an enabled channel names, and the aliases that an enabled channel can answer, sorted.
    pub fn models(&self) -> Vec<ListedModel<'_>> {
        let mut list: Vec<ListedModel<'_>> = self
            .by_model
            .keys()
            .chain(self.settings.aliases.keys())
            .filter_map(|id| self.listed(id))
            .collect();
        sorting::sort_by_key(&mut list, |model| model.id);
        list.dedup_by_key(|model| model.id);
        list
    }

    /// The entry of one model or alias; for a model that only channels without a model list, or with a pattern for it,
    /// serve, `id` itself.
    pub fn listed<'a>(&'a self, id: &'a str) -> Option<ListedModel<'a>> {
        let serving = |model: &'a str| {
            let mut channels = self
                .serving(model)
                .filter_map(|index| self.channels.get(index));
            channels.find(|channel| channel.enabled)
        };
        let first = match self.settings.aliases.get(id) {
            Some(models) => models.iter().find_map(|model| serving(model)),
            None => serving(id),
        }?;
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
    // A header of its own may carry the credential.
    let has_credential = ["x-api-key", "x-goog-api-key"]
        .iter()
        .any(|name| headers.contains_key(*name));
    let lacks_key = stored.keys.is_empty()
        && !has_credential
        && presets::needs_key(stored.provider, endpoint.host());
    let quirks = stored.quirks.unwrap_or_default();
    let preset = presets::of(stored.provider, endpoint.host(), quirks.preset);
    let known = || preset.and_then(|preset| preset.dialects).map(<[_]>::to_vec);
    // Other paths of a provider may be other APIs, and other kinds have their own dialects.
    let is_usual = stored.provider == Provider::OpenAi;
    let dialects = match &stored.dialects {
        Some(configured) => Some(configured.clone()),
        None => known().filter(|_| is_usual),
    };
    let stream_usage = stored.stream_usage && endpoint.kind().has_stream_options();
    Ok(Channel {
        id: stored.id.clone(),
        name: stored.name.clone(),
        name_header: name_header(&stored.name),
        enabled: stored.enabled && !keys.is_empty() && !lacks_key,
        lacks_key,
        priority: stored.priority,
        weight: stored.weight,
        balance: Balance::Weight,
        endpoint,
        keys,
        headers,
        params: params(stored),
        timeouts: Timeouts {
            connect: Duration::from_millis(stored.connect_timeout_ms),
            first_byte: Duration::from_millis(stored.first_byte_timeout_ms),
            idle: Duration::from_millis(stored.idle_timeout_ms),
        },
        hedge_after: stored.hedge_after_ms.map(Duration::from_millis),
        dialects,
        quirks,
        preset,
        stream_usage,
        model_map: ModelMap::new(&stored.model_map, stored.named_models()),
        prices: stored.prices.clone(),
        created: stored.created_at.unix_seconds(),
        rotation: Cell::new(usize::try_from(rotation & 0xffff_ffff).unwrap_or(0)),
    })
}

/// Without the members that decide what a request is: a stored document may be older than the rule about them.
fn params(stored: &model::ChannelConfig) -> BodyParams {
    let may_change = |name: &str| !KEPT_PARAMS.contains(&name);
    let renamed = stored.rename_params.iter();
    let dropped = stored.drop_params.iter();
    let defaults = stored.default_params.iter();
    BodyParams {
        renamed: renamed
            .filter(|(from, to)| may_change(from) && may_change(to))
            .map(|(from, to)| (from.clone(), to.clone()))
            .collect(),
        dropped: dropped.filter(|name| may_change(name)).cloned().collect(),
        defaults: defaults
            .filter(|(name, _)| may_change(name))
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
    }
}

fn name_header(name: &str) -> HeaderValue {
    const OPAQUE: percent_encoding::AsciiSet = percent_encoding::CONTROLS.add(b'%');
    let text = percent_encoding::utf8_percent_encode(name, &OPAQUE).to_string();
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("?"))
}

#[cfg(test)]
pub mod tests;
