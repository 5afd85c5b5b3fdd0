//! The stored configuration document. Owns its shape and its defaults; [`super::bounds`] has the bounds. Checking what an
//! admin sends is the admin API's work, so every document in the store is valid already.
//!
//! Comments of members are also their descriptions in the API's document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alerts::Alerts;
#[cfg(feature = "schema")]
use super::bounds::OPERATIONS_WITH_DEFAULTS;
use super::model_map;
use super::network::Network;
pub use super::price::{Price, Prices};
#[cfg(feature = "schema")]
use super::shapes::{AliasModels, Id, ModelName, Name, Tag, insert_defaults};
#[cfg(feature = "schema")]
use crate::config::bounds::{
    MAX_ALIASES, MAX_ATTEMPTS, MAX_BALANCED, MAX_BUDGET, MAX_HEADERS, MAX_KEYS, MAX_LIMIT,
    MAX_LOG_DAYS, MAX_LOG_ROWS, MAX_MODELS, MAX_NAME_CHARS, MAX_PARAMS, MAX_PRICES, MAX_PROXIES,
    MAX_RANK, MAX_REQUEST_BYTES, MAX_SESSION_HEADERS, MAX_TAGS, MAX_TIMEOUT_MS, MAX_URL_BYTES,
    MIN_LOG_ROWS, MIN_REQUEST_BYTES,
};
use crate::route::Balance;
pub use crate::secret::StoredSecret;
use crate::units::{MIB, Timestamp};
use crate::upstream::provider::{Azure, Provider};
use crate::upstream::quirks::Quirks;
use crate::wire::dialect::Dialect;

/// The version of the document's shape.
pub const DOCUMENT_VERSION: u32 = 1;

/// Everything that an admin configures, in one value, so that a write is whole or not at all. Its record in the store may
/// have the names of other records in the place of its client keys, `K`; see [`crate::config::key_shards`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document<K = Vec<ClientKey>> {
    /// [`DOCUMENT_VERSION`].
    pub version: u32,
    /// Channels in the order of their creation.
    #[serde(default)]
    pub channels: Vec<ChannelConfig>,
    /// Client keys in the order of their creation.
    #[serde(default)]
    pub keys: K,
    /// Limits of the whole gateway.
    #[serde(default)]
    pub settings: Settings,
    /// When messages are sent about the gateway, and where.
    #[serde(default, skip_serializing_if = "Alerts::is_default")]
    pub alerts: Alerts,
    /// The accounts of people who use the panel. The admin API reads them (`admin::accounts`); nothing else does, so they
    /// are kept as they are here.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub accounts: Value,
    /// The revision of the variable `config` that was applied last; see [`crate::config::startup`]. It belongs to
    /// this gateway, so it is neither exported nor imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_variable: Option<String>,
    /// The gateway's own random id, the same for all of its instances; see [`crate::config::identity`]. Neither
    /// exported nor imported, as no two gateways may share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    /// The latest changes by their ids; see [`crate::config::changes`]. Neither exported nor imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent_changes: Vec<String>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: DOCUMENT_VERSION,
            channels: Vec::new(),
            keys: Vec::new(),
            settings: Settings::default(),
            alerts: Alerts::default(),
            accounts: Value::Null,
            applied_variable: None,
            gateway_id: None,
            recent_changes: Vec::new(),
        }
    }
}

/// Limits of the whole gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = settings_defaults))]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent setting"
)]
pub struct Settings {
    /// Attempts per request, over all channels and keys.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_ATTEMPTS)))]
    pub max_attempts: u32,
    /// To the first byte of a response, over all attempts.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_TIMEOUT_MS)))]
    pub total_timeout_ms: u64,
    /// The largest body of a request.
    #[cfg_attr(feature = "schema", schemars(range(min = MIN_REQUEST_BYTES, max = MAX_REQUEST_BYTES)))]
    pub max_request_bytes: usize,
    /// How channels of the same priority share their requests: in proportion to their weights, or to the less busy one of
    /// two that are drawn by weight (calls in flight, times the time to the first byte, by weight).
    pub balance: Balance,
    /// Priorities whose channels share their requests in another way.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Balance>", extend("maxProperties" = MAX_BALANCED, "propertyNames" = {"pattern": "^(0|[1-9][0-9]{0,2}|1000)$"})))]
    pub balance_by_priority: BTreeMap<String, String>,
    /// Whether requests of one session stay with one channel of a priority, so that the provider's prompt cache stays
    /// warm.
    pub session_affinity: bool,
    /// Headers that name a session, in lower case. They come before the ones that are known.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Name>", length(max = MAX_SESSION_HEADERS)))]
    pub session_headers: Vec<String>,
    /// Whether requests are recorded: usage, request log, metrics.
    pub ledger: bool,
    /// Whether the request log keeps the beginning of errors' messages, without credentials: those of upstreams, which may
    /// repeat a part of the prompt, and the gateway's own.
    pub log_error_details: bool,
    /// Rows that the request log keeps.
    #[cfg_attr(feature = "schema", schemars(range(min = MIN_LOG_ROWS, max = MAX_LOG_ROWS)))]
    pub request_log_rows: u64,
    /// Days for which the request log keeps its rows.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_LOG_DAYS)))]
    pub request_log_days: u64,
    /// Days for which it is recorded which channel and key made a response that an upstream stores.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_LOG_DAYS)))]
    pub response_record_days: u64,
    /// Days for which usage by the hour is kept, and at least the current month; 0: for good.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_LOG_DAYS)))]
    pub usage_days: u64,
    /// Days for which the audit log keeps its entries; 0: for good.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_LOG_DAYS)))]
    pub audit_days: u64,
    /// Whether the gateway keeps responses of the Responses API that it translates, so that `previous_response_id` works on
    /// channels without that API. What clients send and get is then in the database, for `response_record_days`.
    pub responses_store: bool,
    /// Prices of models, by the client's name for them or the upstream's; a channel's own prices come first.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_PRICES)))]
    pub prices: Prices,
    /// The models of requests that name none, by the operation's path below /v1/, such as `moderations`,
    /// `images/generations` or `responses`.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, ModelName>", extend("propertyNames" = {"enum": OPERATIONS_WITH_DEFAULTS})))]
    pub default_models: BTreeMap<String, String>,
    /// Other names of models for clients, each with the models that are tried for it, one after the other. A single
    /// model may be given as a string. These models are not looked up here again.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, AliasModels>", extend("maxProperties" = MAX_ALIASES)))]
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Reverse proxies, as IP addresses or networks in CIDR notation, whose `Forwarded` and `X-Forwarded-For` say from
    /// which address a login comes.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>", length(max = MAX_PROXIES)))]
    pub trusted_proxies: Vec<Network>,
    /// Whether a client key can log in to the panel, where it sees its own limits, usage and requests and nothing else.
    pub member_login: bool,
}

impl Settings {
    /// How channels of a priority share their requests.
    pub fn balance_of(&self, priority: u16) -> Balance {
        if self.balance_by_priority.is_empty() {
            return self.balance;
        }
        let own = self.balance_by_priority.get(&priority.to_string());
        let own = own.and_then(|name| Balance::from_name(name));
        own.unwrap_or(self.balance)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            total_timeout_ms: 120_000,
            max_request_bytes: 32 * MIB,
            balance: Balance::Weight,
            balance_by_priority: BTreeMap::new(),
            session_affinity: true,
            session_headers: Vec::new(),
            ledger: true,
            log_error_details: true,
            request_log_rows: 100_000,
            request_log_days: 30,
            response_record_days: 30,
            // What was spent, and by whom, is not removed without being asked.
            usage_days: 0,
            audit_days: 400,
            responses_store: false,
            prices: Prices::new(),
            default_models: BTreeMap::new(),
            aliases: BTreeMap::new(),
            trusted_proxies: Vec::new(),
            member_login: false,
        }
    }
}

/// One upstream service with its keys. In the store its keys are [`UpstreamKey`]s and its times milliseconds; the API
/// shows both in other forms, `K` and `T`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(rename = "ConfigChannel", description = "A channel as it is exported.", transform = channel_defaults)
)]
pub struct ChannelConfig<K = UpstreamKey, T = Timestamp> {
    /// `ch_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: String,
    /// Its display name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    pub name: String,
    /// Words such as an owner, a team or a project, by which lists are filtered and usage is grouped. Absent: none.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Tag>", length(max = MAX_TAGS)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it takes requests.
    pub enabled: bool,
    /// The kind of upstream.
    pub provider: Provider,
    /// What an OpenAI SDK would be given, usually ending in `/v1`; for Azure the resource's root. No credentials, query
    /// or fragment. Redirects are not followed.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_URL_BYTES)))]
    pub base_url: String,
    /// Its keys; a channel without any sends no credential.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_KEYS)))]
    pub keys: Vec<K>,
    /// Models that it serves by their own names. Without any (and without a map) it serves every model.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<ModelName>", length(max = MAX_MODELS)))]
    pub models: Vec<String>,
    /// Models that it serves under another name: the client's name to the upstream's. One `*` in the client's name stands
    /// for any text, and one in the upstream's name for the same text; exact names come first, then longer prefixes.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_MODELS)))]
    pub model_map: BTreeMap<String, String>,
    /// 0 is tried first.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_RANK)))]
    pub priority: u16,
    /// Share within its priority; 0: only when nothing else of its priority is left.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_RANK)))]
    pub weight: u16,
    /// Additional headers, sent with every request.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_HEADERS)))]
    pub headers: BTreeMap<String, String>,
    /// Top-level members that are removed from request bodies, since the upstream refuses them.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Name>", length(max = MAX_PARAMS)))]
    pub drop_params: Vec<String>,
    /// Top-level members of JSON bodies that are renamed, the client's name to the upstream's; before others are dropped
    /// and added. Absent: none.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Name>", extend("maxProperties" = MAX_PARAMS)))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename_params: BTreeMap<String, String>,
    /// Top-level members that are added to JSON bodies without them, with their values. Absent: none.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_PARAMS)))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub default_params: BTreeMap<String, Value>,
    /// Whether the upstream understands `stream_options.include_usage`.
    pub stream_usage: bool,
    /// The dialects that the upstream speaks; requests of other dialects are translated. Absent or null: learnt from its
    /// answers.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 3)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialects: Option<Vec<Dialect>>,
    /// How the upstream differs from others of its dialect; absent or null: as its preset says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quirks: Option<Quirks>,
    /// To an established connection.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_TIMEOUT_MS)))]
    pub connect_timeout_ms: u64,
    /// From the sent request to the response's head.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_TIMEOUT_MS)))]
    pub first_byte_timeout_ms: u64,
    /// Between two pieces of a response.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_TIMEOUT_MS)))]
    pub idle_timeout_ms: u64,
    /// Without the beginning of an answer for so long, the next candidate is started beside this one; absent or null:
    /// never.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_TIMEOUT_MS)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_after_ms: Option<u64>,
    /// Required for the provider `azure`, null for all others.
    pub azure: Option<Azure>,
    /// Prices of models here, by the client's name for them or the upstream's; absent: none. Others cost
    /// what the settings say.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_PRICES)))]
    #[serde(default, skip_serializing_if = "Prices::is_empty")]
    pub prices: Prices,
    /// When it was made.
    pub created_at: T,
    /// When it was last changed.
    pub updated_at: T,
}

impl ChannelConfig {
    /// A channel with every default, made now; its name, URL and id are still empty.
    pub const fn blank(now: Timestamp) -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            tags: Vec::new(),
            enabled: true,
            provider: Provider::OpenAi,
            base_url: String::new(),
            keys: Vec::new(),
            models: Vec::new(),
            model_map: BTreeMap::new(),
            priority: 0,
            weight: 1,
            headers: BTreeMap::new(),
            drop_params: Vec::new(),
            rename_params: BTreeMap::new(),
            default_params: BTreeMap::new(),
            stream_usage: true,
            dialects: None,
            quirks: None,
            connect_timeout_ms: 5000,
            first_byte_timeout_ms: 60_000,
            idle_timeout_ms: 60_000,
            hedge_after_ms: None,
            azure: None,
            prices: Prices::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// The channel with its keys and times in another form.
    pub fn with_keys<K, T>(
        &self,
        keys: Vec<K>,
        time: impl Fn(Timestamp) -> T,
    ) -> ChannelConfig<K, T> {
        let stored = self.clone();
        ChannelConfig {
            id: stored.id,
            name: stored.name,
            tags: stored.tags,
            enabled: stored.enabled,
            provider: stored.provider,
            base_url: stored.base_url,
            keys,
            models: stored.models,
            model_map: stored.model_map,
            priority: stored.priority,
            weight: stored.weight,
            headers: stored.headers,
            drop_params: stored.drop_params,
            rename_params: stored.rename_params,
            default_params: stored.default_params,
            stream_usage: stored.stream_usage,
            dialects: stored.dialects,
            quirks: stored.quirks,
            connect_timeout_ms: stored.connect_timeout_ms,
            first_byte_timeout_ms: stored.first_byte_timeout_ms,
            idle_timeout_ms: stored.idle_timeout_ms,
            hedge_after_ms: stored.hedge_after_ms,
            azure: stored.azure,
            prices: stored.prices,
            created_at: time(stored.created_at),
            updated_at: time(stored.updated_at),
        }
    }

    /// The names by which clients ask for its models; none where it serves every model. Patterns are no names.
    pub fn served_models(&self) -> impl Iterator<Item = &str> {
        let mapped = self.model_map.keys().map(String::as_str);
        self.named_models()
            .chain(mapped.filter(|name| model_map::pattern(name).is_none()))
    }

    /// The models among them that have no other name in its map.
    pub fn named_models(&self) -> impl Iterator<Item = &str> {
        let deployments = self.azure.iter().flat_map(|azure| azure.deployments.keys());
        self.models.iter().chain(deployments).map(String::as_str)
    }
}

/// One key of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamKey {
    /// `uk_…`
    pub id: String,
    /// The key itself.
    pub secret: StoredSecret,
    /// Its ends, for people; see [`crate::secret::hint`].
    pub hint: String,
    /// Whether it is used.
    pub enabled: bool,
}

/// One client's key: its hash and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// `ck_…`
    pub id: String,
    /// What people call it; 1 to 100 characters.
    pub name: String,
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub hash: String,
    /// The key's ends, for people.
    pub hint: String,
    /// Words by which lists are filtered and usage is grouped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The key that this one has replaced; absent: none, or it is not accepted any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousKey>,
    /// Whether it is accepted.
    pub enabled: bool,
    /// Models it may use; empty: all.
    pub models: Vec<String>,
    /// When it stops being accepted.
    pub expires_at: Option<Timestamp>,
    /// How much it may use.
    pub limits: KeyLimits,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key that was replaced, and is accepted for a grace time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousKey {
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub hash: String,
    /// The key's ends, for people.
    pub hint: String,
    /// When it stops being accepted.
    pub valid_until: Timestamp,
}

/// How much a client key may use; null: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Limits")
)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// Requests within a minute.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_LIMIT)))]
    pub requests_per_minute: Option<u64>,
    /// Tokens within a minute.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_LIMIT)))]
    pub tokens_per_minute: Option<u64>,
    /// Tokens within a UTC day.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_LIMIT)))]
    pub tokens_per_day: Option<u64>,
    /// Cost within a UTC day, in millionths of a dollar; absent: no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_BUDGET)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_budget_micro_usd: Option<u64>,
    /// Cost within a UTC month, in millionths of a dollar; absent: no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_BUDGET)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_budget_micro_usd: Option<u64>,
}

impl KeyLimits {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether what a request has taken counts, not only that it was made.
    pub const fn count_usage(&self) -> bool {
        self.tokens_per_minute.is_some()
            || self.tokens_per_day.is_some()
            || self.daily_budget_micro_usd.is_some()
            || self.monthly_budget_micro_usd.is_some()
    }
}

/// Adds the defaults of a channel's settings. Some are not written when they have theirs: null, or an empty map or list.
#[cfg(feature = "schema")]
fn channel_defaults(schema: &mut schemars::Schema) {
    use serde_json::json;

    const GIVEN: [&str; 6] = ["id", "name", "base_url", "keys", "created_at", "updated_at"];
    let written = json!(ChannelConfig::blank(Timestamp(0)));
    let default = |name: &str, member: &Value| match written.get(name) {
        _ if GIVEN.contains(&name) => None,
        Some(default) => Some(default.clone()),
        None if member["type"] == "object" => Some(json!({})),
        None if member["type"] == "array" => Some(json!([])),
        None => Some(Value::Null),
    };
    insert_defaults(schema, default);
}

/// Adds the defaults of the gateway's settings.
#[cfg(feature = "schema")]
fn settings_defaults(schema: &mut schemars::Schema) {
    let defaults = serde_json::json!(Settings::default());
    insert_defaults(schema, |name, _| defaults.get(name).cloned());
}
