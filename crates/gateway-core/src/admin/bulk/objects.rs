//! What channels and client keys have in common when many of them are changed at once. Owns which members make sense
//! for many, and their former values; the rules of values are [`crate::config::validate`]'s.

use serde_json::{Map, Value, json};

use crate::admin::channel_view;
use crate::config::key_shards::edit::KeyScope;
use crate::config::model::{ChannelConfig, ClientKey, Document};
use crate::config::stored::object_revision;
use crate::config::validate::{ChannelChange, ClientKeyChange, Problems};
use crate::time_text::{self, TimeText};
use crate::units::Timestamp;

/// The member with an object's tags.
pub const TAGS: &str = "tags";
/// The member with an object's models.
pub const MODELS: &str = "models";

/// The members of a channel that can be the same for many.
pub const CHANNEL_MEMBERS: &[&str] = &[
    TAGS,
    "enabled",
    MODELS,
    "model_map",
    "priority",
    "weight",
    "headers",
    "drop_params",
    "rename_params",
    "default_params",
    "stream_usage",
    "dialects",
    "quirks",
    "connect_timeout_ms",
    "first_byte_timeout_ms",
    "idle_timeout_ms",
    "hedge_after_ms",
    "prices",
];
/// The members of a client key that can be the same for many.
pub const KEY_MEMBERS: &[&str] = &[TAGS, "enabled", MODELS, "expires_at", "limits"];

/// A stored object of which many can be changed at once.
pub trait BulkObject: Clone + PartialEq + Sized {
    /// Some of its members.
    type Change;
    /// What it is, in messages.
    const WHAT: &'static str;
    /// The members that a bulk change may name.
    const MEMBERS: &'static [&'static str];

    /// What a change of those with these ids is about.
    fn scope<'a>(ids: &'a [&'a str]) -> KeyScope<'a>;
    /// All of them that are in the document.
    fn all(document: &mut Document) -> &mut Vec<Self>;
    /// Its id.
    fn id(&self) -> &str;
    /// The name of its state.
    fn state(&self) -> String;
    /// Reads a change in the API's form.
    fn read(value: &Value, problems: &mut Problems) -> Self::Change;
    /// Changes the members that `change` names; what contradicts others is added to `problems`.
    fn apply(&mut self, change: &Self::Change, problems: &mut Problems);
    /// Its tags.
    fn tags(&mut self) -> &mut Vec<String>;
    /// Its models.
    fn models(&mut self) -> &mut Vec<String>;
    /// Whether it has no list of models, which means all.
    fn has_all_models(&self) -> bool;
    /// Its members in the API's form; without those that are not written.
    fn members(&self) -> Map<String, Value>;
    /// Notes the time of the change.
    fn mark_changed(&mut self, now: Timestamp);
}

/// The value of a member that is not written.
pub fn absent(name: &str) -> Value {
    match name {
        TAGS => json!([]),
        "rename_params" | "default_params" | "prices" => json!({}),
        _ => Value::Null,
    }
}

impl BulkObject for ChannelConfig {
    type Change = ChannelChange;
    const WHAT: &'static str = "channel";
    const MEMBERS: &'static [&'static str] = CHANNEL_MEMBERS;

    fn scope<'a>(_: &'a [&'a str]) -> KeyScope<'a> {
        KeyScope::None
    }

    fn all(document: &mut Document) -> &mut Vec<Self> {
        &mut document.channels
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn state(&self) -> String {
        channel_view::revision(self)
    }

    fn read(value: &Value, problems: &mut Problems) -> ChannelChange {
        ChannelChange::read(value, problems)
    }

    fn apply(&mut self, change: &ChannelChange, problems: &mut Problems) {
        change.apply(self, problems);
    }

    fn tags(&mut self) -> &mut Vec<String> {
        &mut self.tags
    }

    fn models(&mut self) -> &mut Vec<String> {
        &mut self.models
    }

    fn has_all_models(&self) -> bool {
        self.named_models().next().is_none() && self.model_map.is_empty()
    }

    fn members(&self) -> Map<String, Value> {
        let shown = self.with_keys(Vec::<String>::new(), TimeText::from);
        let written = serde_json::to_vec(&shown).unwrap_or_default();
        serde_json::from_slice(&written).unwrap_or_default()
    }

    fn mark_changed(&mut self, now: Timestamp) {
        // Later than before even if the clock does not advance, so that a change can be seen.
        self.updated_at = now.max(self.updated_at.plus_ms(1));
    }
}

impl BulkObject for ClientKey {
    type Change = ClientKeyChange;
    const WHAT: &'static str = "client key";
    const MEMBERS: &'static [&'static str] = KEY_MEMBERS;

    fn scope<'a>(ids: &'a [&'a str]) -> KeyScope<'a> {
        KeyScope::Ids(ids)
    }

    fn all(document: &mut Document) -> &mut Vec<Self> {
        &mut document.keys
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn state(&self) -> String {
        object_revision(self)
    }

    fn read(value: &Value, problems: &mut Problems) -> ClientKeyChange {
        ClientKeyChange::read(value, problems)
    }

    fn apply(&mut self, change: &ClientKeyChange, _: &mut Problems) {
        change.apply(self);
    }

    fn tags(&mut self) -> &mut Vec<String> {
        &mut self.tags
    }

    fn models(&mut self) -> &mut Vec<String> {
        &mut self.models
    }

    fn has_all_models(&self) -> bool {
        self.models.is_empty()
    }

    fn members(&self) -> Map<String, Value> {
        // Limits with null for none: a change leaves those as they are that it does not name.
        let limits = self.limits;
        let limits = json!({
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "tokens_per_day": limits.tokens_per_day,
            "daily_budget_micro_usd": limits.daily_budget_micro_usd,
            "monthly_budget_micro_usd": limits.monthly_budget_micro_usd,
        });
        let members = [
            (TAGS, Value::from(self.tags.clone())),
            ("enabled", Value::from(self.enabled)),
            (MODELS, Value::from(self.models.clone())),
            (
                "expires_at",
                Value::from(self.expires_at.map(time_text::format)),
            ),
            ("limits", limits),
        ];
        let members = members.into_iter();
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn mark_changed(&mut self, _: Timestamp) {}
}
