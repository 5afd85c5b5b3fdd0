//! A dry run: who would answer a request for a model, in which order, and why others would not. Owns the words; the
//! order comes from the code that routes requests ([`Snapshot::entries`], [`route::shuffle`], [`Plan`]), with the
//! most likely outcome in place of every draw: within a priority the greatest weight comes first, and a channel's
//! keys, which take turns, keep their order in the configuration.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use http::{StatusCode, Uri};
use serde::Serialize;

use super::{AdminSettings, document, query};
use crate::attempt::plan::{Candidate, KeyOrder, Plan, PlannedChannel};
#[cfg(feature = "schema")]
use crate::config::bounds::MAX_RANK;
use crate::config::model::{self, Document};
#[cfg(feature = "schema")]
use crate::config::shapes::Id;
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::config::validate::{MAX_MODEL_CHARS, is_text};
use crate::error::GatewayError;
use crate::health;
use crate::health::cooldown::Phase;
use crate::health::findings::{Finding, FindingState};
use crate::health::record::Health;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::route::{self, Balance, WeightedChannel};
use crate::units::Timestamp;
use crate::upstream::failure::Failure;

/// The candidates of a request for a model.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Route")
)]
pub struct RouteView<'a> {
    /// The client's name of the model.
    model: &'a str,
    /// The models that are tried, in this order: those of an alias, else the model itself.
    models: &'a [String],
    /// In the order in which a request tries them when each one fails. Within a priority the order is by chance; here the greatest weight comes first.
    data: Vec<CandidateView<'a>>,
    /// All others.
    excluded: Vec<ExcludedView<'a>>,
}

/// A channel.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelName<'a> {
    /// `ch_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// Its display name.
    name: &'a str,
}

/// An upstream key.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyName<'a> {
    /// `uk_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// The first and last characters of the key.
    hint: &'a str,
}

/// One (channel, key) pair that a request may try.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RouteCandidate")
)]
pub struct CandidateView<'a> {
    /// The channel.
    channel: ChannelName<'a>,
    /// The key; null for a channel that needs no key.
    key: Option<KeyName<'a>>,
    /// 0 is tried first.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_RANK)))]
    priority: u16,
    /// Share within its priority.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_RANK)))]
    weight: u16,
    /// How the channels of its priority share their requests.
    balance: Balance,
    /// The chance that the channel comes first within its priority, among those that may be called now, as its weight says; with `least_busy` it depends on the load of each instance. The same for all keys of the channel, which take turns.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    share: f64,
    /// The model that it is tried for: one of `models`.
    model: &'a str,
    /// The name that the upstream knows the model by.
    upstream_model: Cow<'a, str>,
    #[serde(flatten)]
    finding: Finding,
}

/// Why a channel, or a key of it, is no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Exclusion {
    Disabled,
    ModelNotServed,
    KeyMissing,
    NoUsableKey,
    KeyDisabled,
    KeyUnusable,
    RetryAfter,
    MaxAttempts,
}

impl Exclusion {
    const fn detail(self) -> &'static str {
        match self {
            Self::Disabled => "The channel is switched off.",
            Self::ModelNotServed => {
                "The channel names other models. Add this one to its models or to its model map."
            }
            Self::KeyMissing => "The channel has no key, and its provider requires one.",
            Self::NoUsableKey => "None of the channel's keys can be used.",
            Self::KeyDisabled => "The key is switched off.",
            Self::KeyUnusable => "The key cannot be decrypted, or cannot be sent in a header.",
            Self::RetryAfter => {
                "The upstream asked to leave the key alone, and of such keys a request calls only the one whose \
                 time ends first."
            }
            Self::MaxAttempts => {
                "A request has made all its attempts before (`settings.max_attempts`)."
            }
        }
    }
}

/// A channel or a key that a request does not try.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RouteExcluded")
)]
pub struct ExcludedView<'a> {
    /// The channel.
    channel: ChannelName<'a>,
    /// The key; null: the channel as a whole.
    key: Option<KeyName<'a>>,
    /// Why.
    reason: Exclusion,
    /// The reason in words.
    detail: &'static str,
}

/// `GET route?model=…`.
pub async fn run<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    uri: &Uri,
) -> Result<Reply, GatewayError> {
    let [model] = query::read(uri, ["model"])?;
    let model = model
        .filter(|model| is_text(model, MAX_MODEL_CHARS))
        .ok_or_else(|| query::invalid("model", "must name a model of 1 to 256 characters"))?;
    let document = document::load_without_keys(ports).await?;
    let snapshot = Snapshot::build(document.clone(), settings.master_key.as_ref(), || 0);
    let run = DryRun {
        document: &document,
        snapshot: &snapshot,
        health: &health::stored::load(ports).await,
        model: &model,
        chain: snapshot.chain(&model),
        now: ports.now(),
    };
    Ok(reply::json(StatusCode::OK, &run.view()))
}

struct DryRun<'a> {
    document: &'a Document,
    snapshot: &'a Snapshot,
    health: &'a Health,
    model: &'a str,
    /// The models that are tried for it.
    chain: &'a [String],
    now: Timestamp,
}

impl<'a> DryRun<'a> {
    fn view(&self) -> RouteView<'a> {
        let entries: Vec<_> = self.chain.iter().map(|model| self.entries(model)).collect();
        let order = self.order(&entries);
        let most = usize::try_from(self.snapshot.settings.max_attempts).unwrap_or(usize::MAX);
        let mut data = Vec::new();
        for candidate in order.iter().take(most) {
            data.extend(self.candidate(*candidate, &entries));
        }
        let late: BTreeSet<_> = order
            .iter()
            .skip(most)
            .filter_map(|one| self.ids(*one))
            .collect();
        let tried: BTreeSet<_> = order
            .iter()
            .take(most)
            .filter_map(|one| self.ids(*one))
            .collect();
        let excluded = self
            .document
            .channels
            .iter()
            .flat_map(|channel| self.excluded(channel, &tried, &late))
            .collect();
        RouteView {
            model: self.model,
            models: self.chain,
            data,
            excluded,
        }
    }

    /// The channels for one model in their most likely order.
    fn entries(&self, model: &str) -> Vec<WeightedChannel> {
        let mut entries = self.snapshot.entries(model);
        entries.sort_by_key(|entry| Reverse(entry.weight));
        // Every draw takes the first that is left.
        route::shuffle(&mut entries, || 0);
        entries
    }

    /// All candidates in the order in which a request tries them when each is refused.
    fn order(&self, entries: &[Vec<WeightedChannel>]) -> Vec<Candidate> {
        let places = entries.iter().enumerate();
        let entries =
            places.flat_map(|(model, entries)| entries.iter().map(move |one| (model, one)));
        let turns = entries.filter_map(|(model, entry)| {
            let count = self.snapshot.channel(entry.index)?.keys.len();
            Some(PlannedChannel {
                model,
                channel: entry.index,
                keys: KeyOrder::Rotation { count, start: 0 },
            })
        });
        let mut plan = Plan::new(turns, u32::MAX);
        let phase = |candidate: Candidate| {
            let Some((channel, key)) = self.parts(candidate) else {
                return Phase::Ready;
            };
            let model = channel.upstream_model(self.model_of(candidate));
            self.health.phase(&channel.id, &key.id, &model, self.now)
        };
        let mut order = Vec::new();
        while let Some(next) = plan.next(phase) {
            plan.failed(next.candidate, Failure::KeyRefused);
            order.push(next.candidate);
        }
        order
    }

    fn model_of(&self, candidate: Candidate) -> &'a str {
        self.chain
            .get(candidate.model)
            .map_or(self.model, String::as_str)
    }

    fn parts(&self, candidate: Candidate) -> Option<(&'a Channel, &'a Key)> {
        let channel = self.snapshot.channel(candidate.channel)?;
        Some((channel, channel.keys.get(candidate.key)?))
    }

    fn ids(&self, candidate: Candidate) -> Option<(&'a str, &'a str)> {
        let (channel, key) = self.parts(candidate)?;
        Some((&channel.id, &key.id))
    }

    fn finding(&self, channel: &Channel, key: &Key, model: &str) -> Finding {
        let known = self.health.channel(&channel.id);
        Finding::of_candidate(known, &key.id, &channel.upstream_model(model), self.now)
    }

    fn candidate(
        &self,
        candidate: Candidate,
        entries: &[Vec<WeightedChannel>],
    ) -> Option<CandidateView<'a>> {
        let (channel, key) = self.parts(candidate)?;
        let model = self.model_of(candidate);
        let entries = entries.get(candidate.model)?;
        let stored = self
            .document
            .channels
            .iter()
            .find(|one| one.id == channel.id)?;
        Some(CandidateView {
            channel: name(stored),
            key: stored
                .keys
                .iter()
                .find(|one| one.id == key.id)
                .map(key_name),
            priority: channel.priority,
            weight: channel.weight,
            balance: channel.balance,
            share: self.share(candidate.channel, model, entries),
            model,
            upstream_model: channel.upstream_model(model),
            finding: self.finding(channel, key, model),
        })
    }

    /// Weight by sum of weights of those of the same priority that may be called now. Those of weight 0 count only
    /// when there is no other, and then as equals.
    fn share(&self, index: usize, model: &str, entries: &[WeightedChannel]) -> f64 {
        let Some(own) = entries.iter().find(|entry| entry.index == index) else {
            return 0.0;
        };
        let group: Vec<&WeightedChannel> = entries
            .iter()
            .filter(|entry| {
                entry.priority == own.priority && self.may_be_called(entry.index, model)
            })
            .collect();
        if group.iter().all(|entry| entry.index != index) {
            return 0.0;
        }
        let sum: u32 = group.iter().map(|entry| u32::from(entry.weight)).sum();
        if sum > 0 {
            return f64::from(own.weight) / f64::from(sum);
        }
        u32::try_from(group.len()).map_or(0.0, |count| 1.0 / f64::from(count))
    }

    fn may_be_called(&self, index: usize, model: &str) -> bool {
        let Some(channel) = self.snapshot.channel(index) else {
            return false;
        };
        let states = channel
            .keys
            .iter()
            .map(|key| self.finding(channel, key, model).state);
        states
            .into_iter()
            .any(|state| matches!(state, FindingState::Ready | FindingState::Probing))
    }

    /// Why the channel, or keys of it, are no candidates.
    fn excluded(
        &self,
        stored: &'a model::ChannelConfig,
        tried: &BTreeSet<(&str, &str)>,
        late: &BTreeSet<(&str, &str)>,
    ) -> Vec<ExcludedView<'a>> {
        let whole = |reason| {
            vec![ExcludedView {
                channel: name(stored),
                key: None,
                reason,
                detail: Exclusion::detail(reason),
            }]
        };
        let chain = self.chain.iter();
        let mut serving = chain.flat_map(|model| self.snapshot.serving(model));
        let prepared = serving.find_map(|index| {
            self.snapshot
                .channel(index)
                .filter(|channel| channel.id == stored.id)
        });
        let Some(prepared) = prepared else {
            return whole(Exclusion::ModelNotServed);
        };
        if !stored.enabled {
            return whole(Exclusion::Disabled);
        }
        if prepared.lacks_key {
            return whole(Exclusion::KeyMissing);
        }
        if !prepared.enabled {
            return whole(Exclusion::NoUsableKey);
        }
        let is_late = |key: &str| late.contains(&(stored.id.as_str(), key));
        let is_tried = |key: &str| tried.contains(&(stored.id.as_str(), key));
        if stored.keys.is_empty() {
            return if is_tried("") {
                Vec::new()
            } else {
                whole(left_out(is_late("")))
            };
        }
        let reason = |key: &model::UpstreamKey| {
            if is_tried(&key.id) {
                None
            } else if !key.enabled {
                Some(Exclusion::KeyDisabled)
            } else if prepared.keys.iter().all(|usable| usable.id != key.id) {
                Some(Exclusion::KeyUnusable)
            } else {
                Some(left_out(is_late(&key.id)))
            }
        };
        let keys = stored.keys.iter().filter_map(|key| {
            let reason = reason(key)?;
            Some(ExcludedView {
                channel: name(stored),
                key: Some(key_name(key)),
                reason,
                detail: reason.detail(),
            })
        });
        keys.collect()
    }
}

/// Why a candidate was not tried: it came too late, or was not given out at all.
const fn left_out(is_late: bool) -> Exclusion {
    if is_late {
        Exclusion::MaxAttempts
    } else {
        Exclusion::RetryAfter
    }
}

fn name(channel: &model::ChannelConfig) -> ChannelName<'_> {
    ChannelName {
        id: &channel.id,
        name: &channel.name,
    }
}

fn key_name(key: &model::UpstreamKey) -> KeyName<'_> {
    KeyName {
        id: &key.id,
        hint: &key.hint,
    }
}
