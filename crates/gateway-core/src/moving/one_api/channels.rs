//! Channels of one-api and new-api. Owns what each of their columns means here. Their highest priority is tried first,
//! here the lowest; a list of models without entries serves none there, here all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::providers::{self, ChannelApi, ChannelType};
use super::row::Row;
use crate::config::bounds::MAX_RANK;
use crate::moving::MoveSource;
use crate::moving::plan::{ChannelPlan, MoveNote, NoteCode, UpstreamKeyPlan};
use crate::secret::Secret;

/// The status of a row that is in use, or was switched off by hand; every other one was set by the old gateway.
const ENABLED: i64 = 1;
const DISABLED: i64 = 2;
/// new-api adds this to every weight, so that a weight of zero still gets a share.
const WEIGHT_OFFSET: i64 = 10;
/// Since then new-api leaves the dots in the names of Azure's deployments (2025-05-10).
const DOTS_SINCE: i64 = 1_746_835_200;

/// The channels of these rows.
pub fn plan(
    rows: &[&Map<String, Value>],
    source: MoveSource,
    abilities: &BTreeMap<i64, Vec<String>>,
) -> Vec<ChannelPlan> {
    let priority = |row: &Map<String, Value>| Row(row).integer("priority").unwrap_or_default();
    let ranks: BTreeSet<i64> = rows.iter().map(|row| priority(row)).collect();
    let is_weighted = source == MoveSource::NewApi
        && rows
            .iter()
            .any(|row| Row(row).integer("weight").is_some_and(|weight| weight > 0));
    let mut channels = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let rank = ranks.range(priority(row) + 1..).count();
        let row = Row(row);
        let mut draft = ChannelReader {
            row,
            source,
            channel: ChannelPlan {
                item: format!("channels/{index}"),
                name: name(row, index),
                ..ChannelPlan::default()
            },
        };
        let rank = u64::try_from(rank).unwrap_or(MAX_RANK).min(MAX_RANK);
        draft.set("priority", json!(rank));
        if is_weighted {
            draft.set("weight", json!(weight(row)));
        }
        draft.read(abilities);
        channels.push(draft.channel);
    }
    channels
}

fn name(row: Row<'_>, index: usize) -> String {
    let name = row.text("name");
    if name.is_empty() {
        let id = row.text("id");
        return match id.as_str() {
            "" => format!("Channel {}", index + 1),
            id => format!("Channel {id}"),
        };
    }
    name
}

fn weight(row: Row<'_>) -> u64 {
    let weight = row.integer("weight").unwrap_or_default().max(0);
    u64::try_from(weight.saturating_add(WEIGHT_OFFSET))
        .unwrap_or(MAX_RANK)
        .min(MAX_RANK)
}

/// A channel that is being made of a row.
struct ChannelReader<'r> {
    row: Row<'r>,
    source: MoveSource,
    channel: ChannelPlan,
}

impl ChannelReader<'_> {
    fn set(&mut self, name: &str, value: Value) {
        self.channel.members.insert(name.to_owned(), value);
    }

    fn note(&mut self, code: NoteCode, subject: impl Into<String>) {
        self.channel.notes.push(MoveNote::new(code, subject));
    }

    fn read(&mut self, abilities: &BTreeMap<i64, Vec<String>>) {
        let number = self.row.integer("type").unwrap_or_default();
        let Some(kind) = providers::find(self.source, number) else {
            return self.note(NoteCode::UnknownType, number.to_string());
        };
        if kind.api == ChannelApi::Unsupported {
            return self.note(NoteCode::UnsupportedType, kind.name);
        }
        self.read_address(kind);
        self.read_keys();
        let is_enabled = self.read_models(kind, abilities) & self.read_status();
        self.set("enabled", json!(is_enabled));
        self.read_tags();
        self.read_headers();
        self.note_ignored();
    }

    fn read_address(&mut self, kind: &ChannelType) {
        let given = self.row.text("base_url");
        let root = if given.is_empty() {
            kind.base_url
        } else {
            &given
        };
        if root.is_empty() {
            return self.note(NoteCode::BaseUrlMissing, "");
        }
        let provider = match kind.api {
            ChannelApi::Azure => "azure",
            ChannelApi::Anthropic => "anthropic",
            _ => "openai",
        };
        self.set("provider", json!(provider));
        self.set("base_url", json!(providers::base_url(kind.api, root)));
        if matches!(kind.api, ChannelApi::Compatible(_)) {
            self.note(NoteCode::Compatible, "");
        }
    }

    fn read_keys(&mut self) {
        let info = self.row.object("channel_info");
        let statuses = info.get("multi_key_status_list");
        let status = |index: usize| statuses?.get(index.to_string())?.as_i64();
        let text = self.row.text("key");
        let (mut seen, mut invalid) = (BTreeSet::new(), 0);
        for (index, key) in text.lines().map(str::trim).enumerate() {
            if key.is_empty() || !seen.insert(key) {
                continue;
            }
            if key.contains(char::is_whitespace) {
                invalid += 1;
                continue;
            }
            self.channel.keys.push(UpstreamKeyPlan {
                secret: Secret::new(key.to_owned()),
                enabled: status(index).is_none_or(|status| status == ENABLED),
            });
        }
        if invalid > 0 {
            self.note(NoteCode::KeyInvalid, invalid.to_string());
        } else if self.channel.keys.is_empty() {
            self.note(NoteCode::KeyMissing, "");
        }
    }

    /// Whether the channel may serve anything.
    fn read_models(&mut self, kind: &ChannelType, abilities: &BTreeMap<i64, Vec<String>>) -> bool {
        let mut models = self.row.list("models");
        if models.is_empty()
            && let Some(found) = self.row.integer("id").and_then(|id| abilities.get(&id))
        {
            models.clone_from(found);
        }
        let mapping = self.row.object("model_mapping");
        // What is not among its models is not served there.
        let mapped: BTreeMap<&str, &str> = models
            .iter()
            .filter_map(|model| Some((model.as_str(), mapping.get(model)?.as_str()?.trim())))
            .filter(|(model, upstream)| model != upstream && !upstream.is_empty())
            .collect();
        if kind.api == ChannelApi::Azure {
            let azure = self.azure(&models, &mapped);
            self.set("azure", azure);
        } else if !mapped.is_empty() {
            self.set("model_map", json!(mapped));
        }
        let has_models = !models.is_empty();
        self.set("models", json!(models));
        if !has_models {
            self.note(NoteCode::NoModels, "");
        }
        has_models
    }

    /// Azure's deployments are named as the models, in older channels without their dots.
    fn azure(&self, models: &[String], mapped: &BTreeMap<&str, &str>) -> Value {
        let created = self.row.integer("created_time").unwrap_or_default();
        let keeps_dots = self.source == MoveSource::NewApi && created >= DOTS_SINCE;
        let mut deployments = BTreeMap::new();
        for model in models {
            let upstream = mapped.get(model.as_str()).copied().unwrap_or(model);
            let deployment = if keeps_dots {
                upstream.to_owned()
            } else {
                upstream.replace('.', "")
            };
            if deployment != *model {
                deployments.insert(model.as_str(), deployment);
            }
        }
        let version = self.row.text("other");
        let config = self.row.object("config");
        let in_config = config.get("api_version").and_then(Value::as_str);
        let version = if version.is_empty() {
            in_config.unwrap_or("2024-10-21").to_owned()
        } else {
            version
        };
        json!({"api_version": version, "deployments": deployments})
    }

    fn read_status(&mut self) -> bool {
        match self.row.integer("status").unwrap_or(ENABLED) {
            ENABLED => return true,
            DISABLED => self.note(NoteCode::Disabled, ""),
            _ => self.note(NoteCode::AutoDisabled, ""),
        }
        false
    }

    fn read_tags(&mut self) {
        let groups = self.row.list("group");
        let mut tags: Vec<String> = self.row.list("tag");
        if groups.iter().any(|group| group != "default") {
            self.note(NoteCode::Groups, groups.join(", "));
            tags.extend(groups);
        }
        tags.truncate(crate::config::bounds::MAX_TAGS);
        if !tags.is_empty() {
            self.set("tags", json!(tags));
        }
    }

    fn read_headers(&mut self) {
        let mut headers = Map::new();
        let organization = self.row.text("openai_organization");
        if !organization.is_empty() {
            headers.insert("openai-organization".to_owned(), organization.into());
        }
        for (name, value) in self.row.object("header_override") {
            // Placeholders such as {api_key} and {client_header:…} have no counterpart.
            match value.as_str().filter(|text| !text.contains('{')) {
                Some(text) => {
                    headers.insert(name, text.into());
                }
                None => self.note(NoteCode::SettingIgnored, format!("header_override.{name}")),
            }
        }
        if !headers.is_empty() {
            self.set("headers", headers.into());
        }
    }

    fn note_ignored(&mut self) {
        for name in [
            "param_override",
            "status_code_mapping",
            "setting",
            "settings",
            "config",
        ] {
            let is_set = self
                .row
                .object(name)
                .values()
                .any(|value| !matches!(value, Value::Null | Value::Bool(false)) && value != "");
            if is_set {
                self.note(NoteCode::SettingIgnored, name);
            }
        }
        if !self.row.text("system_prompt").is_empty() {
            self.note(NoteCode::SettingIgnored, "system_prompt");
        }
    }
}
