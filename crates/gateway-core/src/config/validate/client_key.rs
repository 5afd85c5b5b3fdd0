//! The rules of a client key. Owns ranges and defaults; makes no keys.
#![expect(
    clippy::option_option,
    reason = "a member of a change can be absent, null or a value, and JSON knows all three"
)]

use serde_json::Value;

use super::{MAX_MODEL_CHARS, MAX_MODELS, MAX_NAME_CHARS, Problems, join, tags};
use crate::config::bounds::{MAX_BUDGET, MAX_LIMIT};
use crate::config::model::{ClientKey, KeyLimits};
use crate::problem::ProblemKind;
use crate::time_text;
use crate::units::Timestamp;

/// An admin's draft of a client key; `None`: unchanged.
#[derive(Clone, Debug, Default)]
pub struct ClientKeyChange {
    name: Option<String>,
    tags: Option<Vec<String>>,
    enabled: Option<bool>,
    models: Option<Vec<String>>,
    expires_at: Option<Option<Timestamp>>,
    ends_grace: bool,
    requests_per_minute: Option<Option<u64>>,
    tokens_per_minute: Option<Option<u64>>,
    tokens_per_day: Option<Option<u64>>,
    daily_budget_micro_usd: Option<Option<u64>>,
    monthly_budget_micro_usd: Option<Option<u64>>,
}

impl ClientKeyChange {
    /// Reads a client key in the API's form. Invalid members are added to `problems` and left out.
    pub fn read(value: &Value, problems: &mut Problems) -> Self {
        let mut change = Self::default();
        let Some(members) = problems.object("", value) else {
            return change;
        };
        for (name, value) in members {
            match name.as_str() {
                "name" => change.name = problems.text(name, value, MAX_NAME_CHARS),
                "tags" => change.tags = tags::read(name, value, problems),
                "enabled" => change.enabled = problems.boolean(name, value),
                "models" => {
                    change.models = problems.texts(name, value, MAX_MODEL_CHARS, MAX_MODELS);
                }
                "expires_at" => change.expires_at = time(name, value, problems),
                "limits" => change.read_limits(value, problems),
                // Null ends the grace time of the key that was replaced.
                "previous" if value.is_null() => change.ends_grace = true,
                // Read-only members: ignored, so that a key can be sent back as it was read.
                "id" | "hint" | "previous" | "created_at" | "last_used_at" | "revision" => {}
                _ => problems.unknown("", name),
            }
        }
        change
    }

    fn read_limits(&mut self, value: &Value, problems: &mut Problems) {
        let Some(members) = problems.object("limits", value) else {
            return;
        };
        for (name, value) in members {
            let path = join("limits", name);
            let mut limit = |most| problems.nullable_integer(&path, value, 1, most);
            match name.as_str() {
                "requests_per_minute" => self.requests_per_minute = limit(MAX_LIMIT),
                "tokens_per_minute" => self.tokens_per_minute = limit(MAX_LIMIT),
                "tokens_per_day" => self.tokens_per_day = limit(MAX_LIMIT),
                "daily_budget_micro_usd" => self.daily_budget_micro_usd = limit(MAX_BUDGET),
                "monthly_budget_micro_usd" => self.monthly_budget_micro_usd = limit(MAX_BUDGET),
                _ => problems.unknown("limits", name),
            }
        }
    }

    /// Adds the required members that this new key lacks.
    pub fn require_all(&self, problems: &mut Problems) {
        if self.name.is_none() && !problems.touch("name") {
            problems.add("name", ProblemKind::Required);
        }
    }

    /// Changes `key`. Limits that are not named stay.
    pub fn apply(&self, key: &mut ClientKey) {
        if let Some(name) = &self.name {
            key.name.clone_from(name);
        }
        if let Some(models) = &self.models {
            key.models.clone_from(models);
        }
        if let Some(tags) = &self.tags {
            key.tags.clone_from(tags);
        }
        key.enabled = self.enabled.unwrap_or(key.enabled);
        key.expires_at = self.expires_at.unwrap_or(key.expires_at);
        if self.ends_grace {
            key.previous = None;
        }
        let old = key.limits;
        key.limits = KeyLimits {
            requests_per_minute: self.requests_per_minute.unwrap_or(old.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.unwrap_or(old.tokens_per_minute),
            tokens_per_day: self.tokens_per_day.unwrap_or(old.tokens_per_day),
            daily_budget_micro_usd: self
                .daily_budget_micro_usd
                .unwrap_or(old.daily_budget_micro_usd),
            monthly_budget_micro_usd: self
                .monthly_budget_micro_usd
                .unwrap_or(old.monthly_budget_micro_usd),
        };
    }
}

/// The outer `None`: not acceptable; the inner one: null.
fn time(path: &str, value: &Value, problems: &mut Problems) -> Option<Option<Timestamp>> {
    if value.is_null() {
        return Some(None);
    }
    let time = value.as_str().and_then(time_text::parse);
    if time.is_none() {
        problems.add(path, ProblemKind::InvalidTime { nullable: true });
    }
    time.map(Some)
}
