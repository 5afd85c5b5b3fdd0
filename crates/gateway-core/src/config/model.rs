//! The stored configuration document. Owns its shape and its defaults; checking what an admin sends is
//! the admin API's work, so every document in the store is valid already.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::network::Network;
use crate::secret::Secret;
use crate::units::Timestamp;
use crate::upstream::provider::{Azure, Provider};

/// The version of the document's shape.
pub const DOCUMENT_VERSION: u32 = 1;

/// Everything that an admin configures, in one value, so that a write is whole or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`DOCUMENT_VERSION`].
    pub version: u32,
    /// Channels in the order of their creation.
    #[serde(default)]
    pub channels: Vec<ChannelConfig>,
    /// Client keys in the order of their creation.
    #[serde(default)]
    pub keys: Vec<ClientKey>,
    /// Limits of the whole gateway.
    #[serde(default)]
    pub settings: Settings,
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
            applied_variable: None,
            gateway_id: None,
            recent_changes: Vec::new(),
        }
    }
}

/// Limits of the whole gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Attempts per request, over all channels and keys; 1 to 100.
    pub max_attempts: u32,
    /// From the request to the first byte of its response, over all attempts; milliseconds.
    pub total_timeout_ms: u64,
    /// The largest request body, in bytes.
    pub max_request_bytes: usize,
    /// Whether requests of one session go to the same channel as long as it is there, so that the provider's
    /// prompt cache stays warm.
    pub session_affinity: bool,
    /// Whether requests are recorded in the ledger.
    pub ledger: bool,
    /// Rows that the request log keeps; 1,000 to 10,000,000.
    pub request_log_rows: u64,
    /// Days for which the request log keeps its rows; 1 to 3,650.
    pub request_log_days: u64,
    /// What models cost, by the client's or the upstream's name for them; a channel's own prices come first.
    pub prices: Prices,
    /// The models of requests that name none, by the operation's path below `/v1/`, such as `moderations`.
    pub default_models: BTreeMap<String, String>,
    /// Reverse proxies whose `Forwarded` and `X-Forwarded-For` say who called; see [`crate::admin`]. At most 100.
    pub trusted_proxies: Vec<Network>,
}

/// What models cost, by name.
pub type Prices = BTreeMap<String, Price>;

/// What tokens of a model cost, in millionths of a dollar per million tokens: 2,500,000 is $2.50 per million.
/// 0 to 10¹² each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Tokens that are read.
    pub prompt: u64,
    /// Those of them that came from the provider's cache; `None`: as the others.
    #[serde(default)]
    pub cached: Option<u64>,
    /// Tokens that are written.
    pub completion: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            total_timeout_ms: 120_000,
            max_request_bytes: 32 * crate::units::MIB,
            session_affinity: false,
            ledger: true,
            request_log_rows: 100_000,
            request_log_days: 30,
            prices: Prices::new(),
            default_models: BTreeMap::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// One upstream service with its keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelConfig {
    /// `ch_…`
    pub id: String,
    /// What people call it; 1 to 100 characters.
    pub name: String,
    /// Whether it takes requests at all.
    pub enabled: bool,
    /// The kind of upstream.
    pub provider: Provider,
    /// Absolute `http` or `https` URL without credentials, query or fragment, and without a trailing slash.
    pub base_url: String,
    /// Its keys; a channel without any sends no credential.
    pub keys: Vec<UpstreamKey>,
    /// Models that it serves by their own names; empty (and no map): every model.
    pub models: Vec<String>,
    /// Models that it serves under another name: client's name to upstream's name.
    pub model_map: BTreeMap<String, String>,
    /// 0 (first) to 1000.
    pub priority: u16,
    /// Share within its priority, 0 to 1000; 0: only when nothing else of its group is left.
    pub weight: u16,
    /// Headers of its own, sent with every request.
    pub headers: BTreeMap<String, String>,
    /// Top-level members that are removed from request bodies, since the upstream refuses them.
    pub drop_params: Vec<String>,
    /// Whether it understands `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Milliseconds to a connection.
    pub connect_timeout_ms: u64,
    /// Milliseconds from the sent request to the response's head.
    pub first_byte_timeout_ms: u64,
    /// Milliseconds between two pieces of a response.
    pub idle_timeout_ms: u64,
    /// Milliseconds without the beginning of an answer after which the next candidate is tried beside this one;
    /// `None`: never.
    #[serde(default)]
    pub hedge_after_ms: Option<u64>,
    /// What only Azure needs.
    pub azure: Option<Azure>,
    /// What models cost here, by the client's or the upstream's name for them; others cost what the settings say.
    #[serde(default, skip_serializing_if = "Prices::is_empty")]
    pub prices: Prices,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl ChannelConfig {
    /// The names by which clients ask for its models; none where it serves every model.
    pub fn served_models(&self) -> impl Iterator<Item = &str> {
        let deployments = self.azure.iter().flat_map(|azure| azure.deployments.keys());
        self.models
            .iter()
            .chain(self.model_map.keys())
            .chain(deployments)
            .map(String::as_str)
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

/// An upstream key as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredSecret {
    /// In clear: no master key was set when it was written.
    Clear(Secret<String>),
    /// Encrypted with the master key; see [`crate::config::seal`].
    Sealed(String),
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

/// How much a client key may use; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// Requests within a minute, as [`crate::limits::window`] counts it.
    pub requests_per_minute: Option<u64>,
    /// Tokens within a minute, likewise.
    pub tokens_per_minute: Option<u64>,
    /// Tokens within a UTC day.
    pub tokens_per_day: Option<u64>,
    /// Millionths of a dollar within a UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_budget_micro_usd: Option<u64>,
    /// Millionths of a dollar within a UTC month.
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
