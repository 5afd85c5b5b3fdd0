//! `GET /metrics`: what the ledger has counted since its beginning, over all instances, and how upstreams are now.
//! Owns which metrics there are and what their labels may be. docs/operate/metrics.md tells people of each.
//!
//! Labels are bounded by the configuration: channels that are in it, models that it names; all others together are one
//! more. Client keys are no labels: the usage API has them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use super::exposition::{Exposition, MetricKind, Millionths, Thousandths};
use super::{document, ledger_queries};
use crate::config::model::{ChannelConfig, Document};
use crate::error::GatewayError;
use crate::health;
use crate::health::cooldown::{Cooldown, CooldownReason, Phase};
use crate::health::record::{ChannelHealth, Health};
use crate::ledger::batch;
use crate::ledger::columns::usage::{Latency, Sum};
use crate::ledger::histogram::{BOUNDS_MS, Histogram};
use crate::ledger::port::Ledger as _;
use crate::ledger::queries::counters::TallyCount;
use crate::ledger::totals::UsageTotals;
use crate::ports::{AdminPorts, StoreKey};
use crate::reply::{Reply, ReplyBody};
use crate::units::Timestamp;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// In place of channels and models that the configuration does not name.
const OTHER: &str = "other";
/// In place of the channel of requests for which none was asked.
const NONE: &str = "none";
/// Models with a label of their own, at most.
const MAX_MODELS: usize = 500;

/// What a channel's label says: the id, then the name.
type ChannelLabel<'d> = (&'d str, &'d str);

/// Kinds of tokens, with their sums.
const KINDS: [(&str, Sum); 5] = [
    ("prompt", Sum::PromptTokens),
    ("completion", Sum::CompletionTokens),
    ("cached", Sum::CachedTokens),
    ("cache_write", Sum::CacheWriteTokens),
    ("reasoning", Sum::ReasoningTokens),
];

/// Channels and models that have labels of their own.
struct NameLabels<'d> {
    channels: BTreeMap<&'d str, &'d str>,
    models: BTreeSet<&'d str>,
}

/// Everything that the ledger has counted.
#[derive(Default)]
struct LabelledCounters<'d> {
    usage: BTreeMap<(ChannelLabel<'d>, &'d str), UsageTotals>,
    /// By `status` or `attempt`, channel and word.
    tallies: BTreeMap<(String, ChannelLabel<'d>, String), u64>,
}

/// Answers the call. Without its database the ledger's metrics are missing, and one of them says why.
pub async fn show<P: AdminPorts>(ports: &P) -> Result<Reply, GatewayError> {
    let document = document::load_without_keys(ports).await?;
    let health = health::stored::load(ports).await;
    let labels = NameLabels::of(&document);
    let counted = LabelledCounters::read(ports, &labels).await;
    let dropped = ports.read(StoreKey::DroppedRecords).await.ok().flatten();

    let mut text = Exposition::default();
    text.family(
        "ai_gateway_build_info",
        MetricKind::Gauge,
        "1, for the version in the label.",
    );
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.sample("ai_gateway_build_info", &version, 1);
    text.family(
        "ai_gateway_ledger_up",
        MetricKind::Gauge,
        "Whether the ledger's database answers.",
    );
    text.sample("ai_gateway_ledger_up", &[], u8::from(counted.is_ok()));
    text.family(
        "ai_gateway_dropped_records_total",
        MetricKind::Counter,
        "Records of requests that were lost, since the database did not take them.",
    );
    let dropped = batch::dropped(dropped.as_deref());
    text.sample("ai_gateway_dropped_records_total", &[], dropped);
    if let Ok(counted) = counted {
        counted.write(&mut text);
    }
    write_health(&mut text, &document, &health, ports.now());
    let mut reply = Response::new(ReplyBody::Whole(Bytes::from(text.into_text())));
    *reply.status_mut() = StatusCode::OK;
    reply.headers_mut().insert(CONTENT_TYPE, TEXT);
    Ok(reply)
}

impl<'d> NameLabels<'d> {
    fn of(document: &'d Document) -> Self {
        let channels = document.channels.iter();
        let served = channels.flat_map(ChannelConfig::served_models);
        let aliases = document.settings.aliases.keys().map(String::as_str);
        let all: BTreeSet<&str> = served.chain(aliases).collect();
        Self {
            channels: document
                .channels
                .iter()
                .map(|channel| (channel.id.as_str(), channel.name.as_str()))
                .collect(),
            models: all.into_iter().take(MAX_MODELS).collect(),
        }
    }

    fn channel(&self, id: &str) -> ChannelLabel<'d> {
        if id.is_empty() {
            return ("", NONE);
        }
        let known = self.channels.get_key_value(id);
        known.map_or(("", OTHER), |(id, name)| (*id, *name))
    }

    fn model(&self, name: &str) -> &'d str {
        self.models.get(name).copied().unwrap_or(OTHER)
    }
}

impl<'d> LabelledCounters<'d> {
    async fn read<P: AdminPorts>(ports: &P, labels: &NameLabels<'d>) -> Result<Self, GatewayError> {
        let counters = ledger_queries::ledger(ports).query_counters().await;
        let counters = counters.map_err(|error| ledger_queries::unavailable(ports, &error))?;
        let mut counted = Self::default();
        for row in &counters.usage {
            let labels = (labels.channel(&row.channel), labels.model(&row.model));
            counted.usage.entry(labels).or_default().merge(&row.totals);
        }
        for TallyCount {
            kind,
            channel,
            word,
            count,
        } in counters.tallies
        {
            let labels = (kind, labels.channel(&channel), word);
            *counted.tallies.entry(labels).or_default() += count;
        }
        Ok(counted)
    }

    fn write(&self, text: &mut Exposition) {
        self.write_tallies(
            text,
            ("ai_gateway_requests_total", "status", "status"),
            "Requests with a valid client key, by the status that the client got and the channel that answered or was tried last.",
        );
        self.write_tallies(
            text,
            ("ai_gateway_attempts_total", "attempt", "outcome"),
            "Calls to upstreams, by what became of them.",
        );
        self.write_tokens(text);
        let by_channel = self.by_channel();
        let mut counter = |name: &str, help: &str, sum: Sum| {
            text.family(name, MetricKind::Counter, help);
            for (channel, totals) in &by_channel {
                text.sample(name, &of_channel(*channel), totals.sum(sum));
            }
        };
        counter(
            "ai_gateway_failed_requests_total",
            "Requests that were refused or whose answer broke off, whatever their status.",
            Sum::Errors,
        );
        counter(
            "ai_gateway_failovers_total",
            "Requests that were answered after another attempt had failed or was late.",
            Sum::Failovers,
        );
        let mut histogram = |name: &str, help: &str, latency: Latency| {
            text.family(name, MetricKind::Histogram, help);
            for (channel, totals) in &by_channel {
                write_histogram(text, name, *channel, totals.latency(latency));
            }
        };
        histogram(
            "ai_gateway_request_duration_seconds",
            "From a request to the end of its answer.",
            Latency::Total,
        );
        histogram(
            "ai_gateway_first_byte_duration_seconds",
            "From a request to the first byte of its answer.",
            Latency::FirstByte,
        );
    }

    fn write_tallies(
        &self,
        text: &mut Exposition,
        (name, wanted, label): (&str, &str, &str),
        help: &str,
    ) {
        text.family(name, MetricKind::Counter, help);
        for ((kind, (id, channel), word), count) in &self.tallies {
            if kind == wanted {
                let labels = [("channel", *channel), ("channel_id", *id), (label, word)];
                text.sample(name, &labels, count);
            }
        }
    }

    fn write_tokens(&self, text: &mut Exposition) {
        let name = "ai_gateway_tokens_total";
        text.family(
            name,
            MetricKind::Counter,
            "Tokens; cached ones are among the prompt's, reasoning among the completion's.",
        );
        for (((id, channel), model), totals) in &self.usage {
            for (kind, sum) in KINDS {
                let labels = [
                    ("channel", *channel),
                    ("channel_id", *id),
                    ("model", *model),
                    ("kind", kind),
                ];
                text.sample(name, &labels, totals.sum(sum));
            }
        }
        let name = "ai_gateway_cost_usd_total";
        text.family(
            name,
            MetricKind::Counter,
            "Cost by the price tables, in US dollars.",
        );
        for (((id, channel), model), totals) in &self.usage {
            let labels = [
                ("channel", *channel),
                ("channel_id", *id),
                ("model", *model),
            ];
            text.sample(name, &labels, Millionths(totals.sum(Sum::CostMicroUsd)));
        }
    }

    fn by_channel(&self) -> BTreeMap<ChannelLabel<'d>, UsageTotals> {
        let mut by_channel: BTreeMap<ChannelLabel<'d>, UsageTotals> = BTreeMap::new();
        for ((channel, _), totals) in &self.usage {
            by_channel.entry(*channel).or_default().merge(totals);
        }
        by_channel
    }
}

const fn of_channel((id, name): ChannelLabel<'_>) -> [(&'static str, &str); 2] {
    [("channel", name), ("channel_id", id)]
}

fn write_histogram(
    text: &mut Exposition,
    name: &str,
    (id, channel): ChannelLabel<'_>,
    histogram: &Histogram,
) {
    let bucket = format!("{name}_bucket");
    let mut below = 0_u64;
    let bounds = BOUNDS_MS
        .iter()
        .map(|bound| Thousandths(*bound).to_string());
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(histogram.buckets) {
        below = below.saturating_add(count);
        let labels = [("channel", channel), ("channel_id", id), ("le", &*bound)];
        text.sample(&bucket, &labels, below);
    }
    let labels = of_channel((id, channel));
    text.sample(
        &format!("{name}_sum"),
        &labels,
        Thousandths(histogram.sum_ms),
    );
    text.sample(&format!("{name}_count"), &labels, below);
}

/// How channels, keys and models are at the moment.
fn write_health(text: &mut Exposition, document: &Document, health: &Health, now: Timestamp) {
    let name = "ai_gateway_channel_enabled";
    text.family(
        name,
        MetricKind::Gauge,
        "Whether the channel is switched on.",
    );
    for channel in &document.channels {
        let labels = of_channel((&channel.id, &channel.name));
        text.sample(name, &labels, u8::from(channel.enabled));
    }
    let name = "ai_gateway_cooldowns";
    text.family(
        name,
        MetricKind::Gauge,
        "What of a channel is left alone now: the channel itself (1), so many of its keys, so many of its models.",
    );
    for channel in &document.channels {
        let known = health.channel(&channel.id);
        let rests = |cooldown: &Cooldown| matches!(cooldown.phase(now), Phase::Cooling { .. });
        let keys = |known: &ChannelHealth, refused: bool| {
            let is_so = |cooldown: &&Cooldown| {
                rests(cooldown) && (cooldown.reason == CooldownReason::Refused) == refused
            };
            let keys = channel
                .keys
                .iter()
                .filter_map(|key| known.keys.get(&key.id));
            keys.filter(is_so).count()
        };
        let counts = known.map_or([0; 4], |known| {
            [
                usize::from(known.channel.as_ref().is_some_and(rests)),
                keys(known, false),
                keys(known, true),
                known.models.values().filter(|model| rests(model)).count(),
            ]
        });
        let of = ["channel", "key", "rejected_key", "model"];
        for (of, count) in of.iter().zip(counts) {
            let labels = [
                ("channel", channel.name.as_str()),
                ("channel_id", channel.id.as_str()),
                ("of", *of),
            ];
            text.sample(name, &labels, count);
        }
    }
}
