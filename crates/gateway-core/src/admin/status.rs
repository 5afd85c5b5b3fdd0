//! How all upstreams are: every channel, key and model with what the proxies have found out about it. Owns the shape
//! of the overview.

use http::StatusCode;
use serde::Serialize;

use super::last_call::{CallStatus, KeyRecords, LastCall};
use super::{AdminSettings, document, ledger_queries, precondition};
use crate::config::model::{ChannelConfig, UpstreamKey};
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, Time};
use crate::config::snapshot::Snapshot;
use crate::config::stored::object_revision;
use crate::error::GatewayError;
use crate::health;
use crate::health::findings::{About, Finding};
use crate::health::record::{ChannelHealth, Health};
use crate::ledger::batch;
use crate::ports::{AdminPorts, StoreKey};
use crate::reply::{self, Reply};
use crate::time_text;
use crate::units::{DAY_MS, Timestamp};

/// How long the panel says that the ledger began anew.
const NOTICE_MS: u64 = 30 * DAY_MS;

/// The health of all upstreams.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Status")
)]
pub struct StatusView<'a> {
    /// The gateway's clock, by which `until` is to be read.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    now: String,
    /// All channels.
    data: Vec<ChannelStatusView<'a>>,
    /// Parts of the configuration that cannot be used, such as keys that cannot be decrypted; one sentence each.
    problems: Vec<String>,
    /// Records of requests that the ledger lost since it began, since its database did not take them in time.
    dropped_records: u64,
    /// The ledger began anew in the last 30 days, since its database was damaged; null: it did not.
    replaced_ledger: Option<ReplacedLedgerView>,
}

/// A damaged ledger that a new one has replaced.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ReplacedLedger")
)]
pub struct ReplacedLedgerView {
    /// When the new one began.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    at: String,
    /// The file of the damaged one, in the state directory.
    file: String,
}

/// The health of a channel.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "StatusChannel")
)]
pub struct ChannelStatusView<'a> {
    /// `ch_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// Its display name.
    name: &'a str,
    /// Whether it takes requests.
    enabled: bool,
    #[serde(flatten)]
    finding: Finding,
    /// Of its keys that are switched on together, or of a channel without keys: `ok` if one works, `failed` if the last
    /// calls of all failed.
    #[serde(flatten)]
    last: LastCall,
    /// Its keys.
    keys: Vec<KeyStatusView<'a>>,
    /// Models in cooldown or being probed.
    models: Vec<ModelStatusView<'a>>,
}

/// The health of an upstream key.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "StatusKey")
)]
pub struct KeyStatusView<'a> {
    /// `uk_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// The first and last characters of the key.
    hint: &'a str,
    /// Whether it is used.
    enabled: bool,
    #[serde(flatten)]
    finding: Finding,
    #[serde(flatten)]
    last: LastCall,
}

/// The health of a model of a channel.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "StatusModel")
)]
pub struct ModelStatusView<'a> {
    /// By the upstream's name.
    model: &'a str,
    #[serde(flatten)]
    finding: Finding,
}

/// `GET status`.
pub async fn show<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
) -> Result<Reply, GatewayError> {
    let document = document::load_without_keys(ports).await?;
    let (health, now) = (health::stored::load(ports).await, ports.now());
    let dropped = ports.read(StoreKey::DroppedRecords).await.unwrap_or(None);
    let (channels, is_recorded) = (&document.channels, document.settings.ledger);
    let records = ledger_queries::key_records(ports, is_recorded, channels).await;
    let noticed = Timestamp(now.0.saturating_sub(NOTICE_MS));
    let replaced = ledger_queries::replaced(ports, noticed).await;
    let snapshot = Snapshot::build(document.clone(), settings.master_key.as_ref(), || 0);
    let view = StatusView {
        now: time_text::format(now),
        data: document
            .channels
            .iter()
            .map(|channel| {
                let prepared = snapshot.channel_with_id(&channel.id);
                let lacks_key = prepared.is_some_and(|(_, prepared)| prepared.lacks_key);
                ChannelStatusView::new(channel, lacks_key, (&health, &records), now)
            })
            .collect(),
        problems: snapshot
            .problems()
            .iter()
            .map(ToString::to_string)
            .collect(),
        dropped_records: batch::dropped(dropped.as_deref()),
        replaced_ledger: replaced.map(|replaced| ReplacedLedgerView {
            at: time_text::format(replaced.at),
            file: replaced.file,
        }),
    };
    // The time alone is no change: a client that polls gets a new answer only when something else is different.
    let losses = (view.dropped_records, &view.replaced_ledger);
    let state = object_revision(&(&view.data, &view.problems, losses));
    Ok(precondition::weak_tag(
        reply::json(StatusCode::OK, &view),
        &state,
    ))
}

impl<'a> ChannelStatusView<'a> {
    fn new(
        channel: &'a ChannelConfig,
        lacks_key: bool,
        (health, records): (&'a Health, &KeyRecords),
        now: Timestamp,
    ) -> Self {
        let known = health.channel(&channel.id);
        let of_key = |key: &'a UpstreamKey| {
            let cooldown = known.and_then(|known| known.keys.get(&key.id));
            let last = LastCall::of(&key.id, cooldown, records);
            KeyStatusView {
                id: &key.id,
                hint: &key.hint,
                enabled: key.enabled,
                finding: last.complete(Finding::of(About::Key, cooldown, now)),
                last,
            }
        };
        let keys: Vec<_> = channel.keys.iter().map(of_key).collect();
        let cooldown = known.and_then(|known| known.channel.as_ref());
        let last = if lacks_key {
            LastCall::without_call(CallStatus::NotReady)
        } else if keys.is_empty() {
            LastCall::of(&channel.id, cooldown, records)
        } else {
            let enabled = keys.iter().filter(|key| key.enabled);
            let last: Vec<_> = enabled.map(|key| &key.last).collect();
            LastCall::of_keys(&last).with_cooldown(cooldown)
        };
        let models = |known: &'a ChannelHealth| {
            known
                .models
                .iter()
                .map(move |(model, cooldown)| ModelStatusView {
                    model,
                    finding: Finding::of(About::Model, Some(cooldown), now),
                })
        };
        Self {
            id: &channel.id,
            name: &channel.name,
            enabled: channel.enabled,
            finding: last.complete(Finding::of(About::Channel, cooldown, now)),
            last,
            keys,
            models: known
                .into_iter()
                .flat_map(models)
                .filter(|model| model.finding.about.is_some())
                .collect(),
        }
    }
}
