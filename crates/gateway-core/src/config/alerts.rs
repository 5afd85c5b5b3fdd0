//! The alerts in the stored configuration: when there is one, and where its messages are sent. Owns shapes and defaults;
//! what admins may send is [`super::validate`]'s, what becomes of the rules is `alerts`'.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::bounds::{
    MAX_ALERT_MINUTES, MAX_ALERT_REQUESTS, MAX_BUDGET, MAX_ERROR_MINUTES, MAX_REPEAT_MINUTES,
    MIN_REPEAT_MINUTES,
};
#[cfg(feature = "schema")]
use super::shapes::insert_defaults;
use crate::secret::StoredSecret;

/// Rules, and where messages about them are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// When there is an alert.
    pub rules: AlertRules,
    /// Where messages are sent. Without one that is switched on, no rule is evaluated.
    pub destinations: Vec<Destination>,
}

impl Alerts {
    /// Whether nothing was ever configured.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any message could be sent.
    pub fn is_active(&self) -> bool {
        self.destinations.iter().any(|it| it.enabled)
    }
}

/// When there is an alert. A rule whose number is null, or whose value is false, is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = rule_defaults))]
#[serde(default)]
pub struct AlertRules {
    /// A client key, or the gateway, has used so much of a budget, in percent.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 99)))]
    pub budget_near_percent: Option<u64>,
    /// A client key, or the gateway, has used up a budget.
    pub budget_over: bool,
    /// The budget of the whole gateway within a UTC day, in millionths of a dollar. It rejects nothing.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_BUDGET)))]
    pub gateway_daily_budget_micro_usd: Option<u64>,
    /// The same within a UTC month.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_BUDGET)))]
    pub gateway_monthly_budget_micro_usd: Option<u64>,
    /// A channel, or one of its keys, has not worked for so many minutes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_ALERT_MINUTES)))]
    pub channel_down_minutes: Option<u64>,
    /// So many percent of the requests got no whole answer from any upstream.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub error_rate_percent: Option<u64>,
    /// Within so many minutes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_ERROR_MINUTES)))]
    pub error_rate_minutes: u64,
    /// If there were at least so many requests.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_ALERT_REQUESTS)))]
    pub error_rate_requests: u64,
    /// An upstream rejects one of its keys.
    pub key_rejected: bool,
    /// Records of requests were lost.
    pub records_lost: bool,
    /// From one message to the next while an alert lasts; null: there is only one.
    #[cfg_attr(feature = "schema", schemars(range(min = MIN_REPEAT_MINUTES, max = MAX_REPEAT_MINUTES)))]
    pub repeat_minutes: Option<u64>,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            budget_near_percent: Some(80),
            budget_over: true,
            gateway_daily_budget_micro_usd: None,
            gateway_monthly_budget_micro_usd: None,
            channel_down_minutes: Some(5),
            error_rate_percent: Some(50),
            error_rate_minutes: 10,
            error_rate_requests: 20,
            key_rejected: true,
            records_lost: true,
            repeat_minutes: Some(1440),
        }
    }
}

/// Adds the defaults of the rules.
#[cfg(feature = "schema")]
fn rule_defaults(schema: &mut schemars::Schema) {
    let defaults = serde_json::json!(AlertRules::default());
    insert_defaults(schema, |name, _| defaults.get(name).cloned());
}

/// A webhook that is sent messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// `ad_…`
    pub id: String,
    /// Its display name.
    pub name: String,
    /// What its messages look like.
    pub kind: DestinationKind,
    /// Whether messages are sent to it.
    pub enabled: bool,
    /// The webhook's URL, which is a credential.
    pub url: StoredSecret,
    /// The URL's host and its end, for people.
    pub hint: String,
    /// Signs messages, or authenticates them, as the kind has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<StoredSecret>,
    /// For Telegram: the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

impl Destination {
    /// The name under which the secret of the destination `id` is sealed: not that of its URL.
    pub fn secret_id(id: &str) -> String {
        format!("{id}/secret")
    }
}

/// What the messages to a destination look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DestinationKind {
    /// A JSON object for programs; a secret is sent as a bearer token.
    Json,
    /// Slack, and what takes its messages, such as Mattermost.
    Slack,
    /// Discord.
    Discord,
    /// A Telegram bot: the URL is that of the bot, the recipient its chat.
    Telegram,
    /// A topic of ntfy; a secret is sent as a bearer token.
    Ntfy,
    /// A bot of Feishu or Lark; a secret signs its messages.
    Feishu,
    /// A robot of `DingTalk`; a secret signs its messages.
    Dingtalk,
    /// A group robot of `WeCom`.
    Wecom,
}

impl DestinationKind {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 8] = [
        ("json", Self::Json),
        ("slack", Self::Slack),
        ("discord", Self::Discord),
        ("telegram", Self::Telegram),
        ("ntfy", Self::Ntfy),
        ("feishu", Self::Feishu),
        ("dingtalk", Self::Dingtalk),
        ("wecom", Self::Wecom),
    ];

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(known, kind)| (known == name).then_some(kind))
    }
}
