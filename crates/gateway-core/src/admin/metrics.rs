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
use super::{document, ledger_queries, usage};
use crate::config::model::{ChannelConfig, Document};
use crate::error::GatewayError;
use crate::health;
use crate::health::cooldown::{Cooldown, CooldownReason, Phase};
use crate::health::record::{ChannelHealth, Health};
use crate::ledger::batch;
use crate::ledger::histogram::{BOUNDS_MS, Histogram};
use crate::ledger::schema;
use crate::ports::{AdminPorts, StoreKey};
use crate::reply::{Reply, ReplyBody};
use crate::sql::{SqlRow, SqlValue, Statement};
use crate::units::Timestamp;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// In place of channels and models that the configuration does not name.
const OTHER: &str = "other";
/// In place of the channel of requests for which none was asked.
const NONE: &str = "none";
/// Models that are told apart at most.
const MAX_MODELS: usize = 500;

const TALLIES: &str = "SELECT kind, channel, word, count FROM tally_hour WHERE hour = -1";

/// What a channel's label says: the id, then the name.
type ChannelLabel<'d> = (&'d str, &'d str);

/// What was counted of one channel and one model.
#[derive(Default)]
struct ModelSums {
    failed: u64,
    failovers: u64,
    /// In the order of [`KINDS`].
    tokens: [u64; KINDS.len()],
    cost_micro_usd: u64,
    total: Histogram,
    first_byte: Histogram,
}

/// Kinds of tokens, in the order of their columns.
const KINDS: [&str; 4] = ["prompt", "completion", "cached", "reasoning"];

/// Who may be named.
struct NameLabels<'d> {
    channels: BTreeMap<&'d str, &'d str>,
    models: BTreeSet<&'d str>,
}

/// Everything that the ledger has counted.
#[derive(Default)]
struct Counters<'d> {
    usage: BTreeMap<(ChannelLabel<'d>, &'d str), ModelSums>,
    /// By `status` or `attempt`, channel and word.
    tallies: BTreeMap<(String, ChannelLabel<'d>, String), u64>,
}

/// Answers the call. Without its database the ledger's metrics are missing, and one of them says why.
pub async fn show<P: AdminPorts>(ports: &P) -> Result<Reply, GatewayError> {
    let document = document::load(ports).await?;
    let health = health::stored::load(ports).await;
    let labels = NameLabels::of(&document);
    let counted = Counters::read(ports, &labels).await;
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
        let models = |channel: &'d ChannelConfig| {
            let deployments = channel.azure.iter().flat_map(|azure| &azure.deployments);
            let named = channel
                .model_map
                .keys()
                .chain(deployments.map(|pair| pair.0));
            channel.models.iter().chain(named).map(String::as_str)
        };
        let all: BTreeSet<&str> = document.channels.iter().flat_map(models).collect();
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

impl<'d> Counters<'d> {
    async fn read<P: AdminPorts>(ports: &P, labels: &NameLabels<'d>) -> Result<Self, GatewayError> {
        let columns: Vec<String> = schema::summed_columns().collect();
        let usage = format!(
            "SELECT channel, model, {} FROM usage_hour WHERE hour = {}",
            columns.join(", "),
            schema::ALL_HOURS
        );
        let usage = ledger_queries::rows(ports, Statement::new(usage)).await?;
        let tallies = ledger_queries::rows(ports, Statement::new(TALLIES)).await?;
        let mut counted = Self::default();
        for row in &usage {
            let text = |column: usize| row.get(column).and_then(SqlValue::text).unwrap_or_default();
            let labels = (labels.channel(text(0)), labels.model(text(1)));
            counted.usage.entry(labels).or_default().add(row);
        }
        for row in &tallies {
            if let [
                SqlValue::Text(kind),
                SqlValue::Text(channel),
                SqlValue::Text(word),
                count,
            ] = row.as_slice()
            {
                let labels = (kind.clone(), labels.channel(channel), word.clone());
                *counted.tallies.entry(labels).or_default() += count.count();
            }
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
        let mut counter = |name: &str, help: &str, value: fn(&ModelSums) -> u64| {
            text.family(name, MetricKind::Counter, help);
            for (channel, sums) in &by_channel {
                text.sample(name, &of_channel(*channel), value(sums));
            }
        };
        counter(
            "ai_gateway_failed_requests_total",
            "Requests that were refused or whose answer broke off, whatever their status.",
            |sums| sums.failed,
        );
        counter(
            "ai_gateway_failovers_total",
            "Requests that were answered after another attempt had failed or was late.",
            |sums| sums.failovers,
        );
        let mut histogram = |name: &str, help: &str, value: fn(&ModelSums) -> &Histogram| {
            text.family(name, MetricKind::Histogram, help);
            for (channel, sums) in &by_channel {
                write_histogram(text, name, *channel, value(sums));
            }
        };
        histogram(
            "ai_gateway_request_duration_seconds",
            "From a request to the end of its answer.",
            |sums| &sums.total,
        );
        histogram(
            "ai_gateway_first_byte_duration_seconds",
            "From a request to the first byte of its answer.",
            |sums| &sums.first_byte,
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
        for (((id, channel), model), sums) in &self.usage {
            for (kind, tokens) in KINDS.iter().zip(sums.tokens) {
                let labels = [
                    ("channel", *channel),
                    ("channel_id", *id),
                    ("model", *model),
                    ("kind", *kind),
                ];
                text.sample(name, &labels, tokens);
            }
        }
        let name = "ai_gateway_cost_usd_total";
        text.family(
            name,
            MetricKind::Counter,
            "Cost by the price tables, in US dollars.",
        );
        for (((id, channel), model), sums) in &self.usage {
            let labels = [
                ("channel", *channel),
                ("channel_id", *id),
                ("model", *model),
            ];
            text.sample(name, &labels, Millionths(sums.cost_micro_usd));
        }
    }

    fn by_channel(&self) -> BTreeMap<ChannelLabel<'d>, ModelSums> {
        let mut by_channel: BTreeMap<ChannelLabel<'d>, ModelSums> = BTreeMap::new();
        for ((channel, _), sums) in &self.usage {
            by_channel.entry(*channel).or_default().merge(sums);
        }
        by_channel
    }
}

impl ModelSums {
    /// Adds a row whose sums begin at its third column, in the order of [`schema::summed_columns`].
    fn add(&mut self, row: &SqlRow) {
        let mut values = row.iter().skip(2).map(SqlValue::count);
        let mut next = || values.next().unwrap_or_default();
        // Requests are told by status.
        next();
        self.failed += next();
        self.failovers += next();
        // Estimates are the usage API's.
        next();
        for tokens in &mut self.tokens {
            *tokens += next();
        }
        self.cost_micro_usd += next();
        self.total.merge(&usage::histogram(&mut next));
        self.first_byte.merge(&usage::histogram(&mut next));
    }

    fn merge(&mut self, other: &Self) {
        self.failed += other.failed;
        self.failovers += other.failovers;
        for (mine, theirs) in self.tokens.iter_mut().zip(other.tokens) {
            *mine += theirs;
        }
        self.cost_micro_usd += other.cost_micro_usd;
        self.total.merge(&other.total);
        self.first_byte.merge(&other.first_byte);
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
