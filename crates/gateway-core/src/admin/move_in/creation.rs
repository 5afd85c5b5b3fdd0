//! From a plan to a changed configuration. Owns names, duplicates and room; the rules of values are
//! [`crate::config::validate`]'s, so that nothing is stored that a form would reject.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::view::{
    CreatedCounts, MoveView, MovedAliasView, MovedChannelView, MovedKeyView, NoteView, SkipReason,
    VariableView, hints, texts,
};
use super::wishes::{DuplicateWish, MoveWishes, NameConflictWish};
use crate::admin::AdminSettings;
use crate::config::bounds::{MAX_ALIASES, MAX_KEYS, MAX_NAME_CHARS};
use crate::config::import::{self, Refused};
use crate::config::model::{ChannelConfig, ClientKey, Document, KeyLimits, UpstreamKey};
use crate::config::seal;
use crate::config::validate::{
    ChannelChange, ClientKeyChange, MAX_CHANNELS, MAX_CLIENT_KEYS, Problems, read_aliases,
};
use crate::error::GatewayError;
use crate::ids;
use crate::moving::plan::{AliasPlan, ChannelPlan, ClientKeyPlan, MoveNote, MovePlan, NoteCode};
use crate::ports::AdminPorts;
use crate::secret;
use crate::time_text;

/// One import into one configuration.
pub struct Creation<'c, P> {
    pub ports: &'c P,
    pub settings: &'c AdminSettings,
    pub wishes: &'c MoveWishes,
    pub document: &'c mut Document,
}

impl<P: AdminPorts> Creation<'_, P> {
    /// Adds what can be created and is wanted.
    pub fn run(mut self, plan: &MovePlan) -> Result<MoveView, GatewayError> {
        let channels = self.document.channels.iter();
        let mut names = Names::new(channels.map(|channel| channel.name.as_str()));
        let stored = self.stored_keys();
        let mut channels = Vec::with_capacity(plan.channels.len());
        for planned in &plan.channels {
            channels.push(self.channel(planned, &mut names, &stored)?);
        }
        let mut names = Names::new(self.document.keys.iter().map(|key| key.name.as_str()));
        let hashes = self.document.keys.iter();
        let mut hashes: BTreeMap<String, String> = hashes
            .map(|key| (key.hash.clone(), key.id.clone()))
            .collect();
        let keys: Vec<MovedKeyView> = plan
            .keys
            .iter()
            .map(|planned| self.client_key(planned, &mut names, &mut hashes))
            .collect();
        let aliases = plan.aliases.iter().enumerate();
        let aliases: Vec<MovedAliasView> = aliases
            .map(|(index, planned)| self.alias(planned, index))
            .collect();
        let variables = plan.variables.iter().map(|(name, given)| VariableView {
            name: name.clone(),
            given: *given,
        });
        Ok(MoveView {
            applied: false,
            format: plan.source,
            created: CreatedCounts {
                channels: channels.iter().filter(|it| it.skipped.is_none()).count(),
                keys: keys.iter().filter(|it| it.skipped.is_none()).count(),
                aliases: aliases.iter().filter(|it| it.skipped.is_none()).count(),
            },
            channels,
            keys,
            aliases,
            notes: NoteView::all(&plan.notes),
            variables: variables.collect(),
        })
    }

    fn channel(
        &mut self,
        planned: &ChannelPlan,
        names: &mut Names,
        stored: &StoredKeys,
    ) -> Result<MovedChannelView, GatewayError> {
        let mut notes = planned.notes.clone();
        let mut members = planned.members.clone();
        members.insert("name".to_owned(), shortened(&planned.name, "").into());
        let mut problems = Problems::default();
        let drafted = self.draft(members, planned, &mut problems);
        let is_blocked = notes.iter().any(|note| note.code.blocks());
        if !is_blocked && let Err(error) = problems.check("channel") {
            notes.push(MoveNote::new(NoteCode::Invalid, error.body.message));
        }
        let duplicate_of = self.twin(&drafted, planned, stored);
        let is_taken = names.is_taken(&drafted.name);
        let skipped = self.skipped(&planned.item, &notes, is_taken, duplicate_of.is_some());
        let skipped = skipped
            .or_else(|| (self.document.channels.len() >= MAX_CHANNELS).then_some(SkipReason::Full));
        let mut view = channel_view(planned, &drafted, &notes);
        view.duplicate_of = duplicate_of;
        view.skipped = skipped;
        if skipped.is_none() {
            let mut channel = drafted;
            channel.name = names.take(&channel.name);
            channel.id = ids::object_id("ch", self.ports);
            channel.keys = self.upstream_keys(planned)?;
            view.name.clone_from(&channel.name);
            view.id = Some(channel.id.clone());
            self.document.channels.push(channel);
        }
        Ok(view)
    }

    /// The channel without its keys and its id.
    fn draft(
        &self,
        mut members: Map<String, Value>,
        planned: &ChannelPlan,
        problems: &mut Problems,
    ) -> ChannelConfig {
        let keys = planned.keys.iter().take(MAX_KEYS + 1);
        let keys: Vec<&String> = keys.map(|key| key.secret.expose()).collect();
        members.insert("keys".to_owned(), json!(keys));
        let change = ChannelChange::read(&Value::Object(members), problems);
        change.require_all(problems);
        let mut channel = ChannelConfig::blank(self.ports.now());
        change.apply(&mut channel, problems);
        channel
    }

    fn upstream_keys(&self, planned: &ChannelPlan) -> Result<Vec<UpstreamKey>, GatewayError> {
        let keys = planned.keys.iter().map(|key| {
            let (id, plain) = (ids::object_id("uk", self.ports), key.secret.expose());
            let secret = import::protect(self.settings.protection(), self.ports, plain, &id)
                .map_err(Refused::into_error)?;
            Ok(UpstreamKey {
                id,
                secret,
                hint: secret::hint(plain),
                enabled: key.enabled,
            })
        });
        keys.collect()
    }

    /// The channels that the gateway has, by their keys. A key that cannot be opened cannot be compared.
    fn stored_keys(&self) -> StoredKeys {
        let master = self.settings.master_key.as_ref();
        let mut stored = StoredKeys {
            channels: self.document.channels.len(),
            by_key: BTreeMap::new(),
        };
        for (index, channel) in self.document.channels.iter().enumerate() {
            for key in &channel.keys {
                if let Ok(opened) = seal::open(master, &key.secret, &key.id) {
                    let channels = stored.by_key.entry(opened.expose().clone());
                    channels.or_default().push(index);
                }
            }
        }
        stored
    }

    /// The id of a channel that the gateway had before, with the same address and one of the keys.
    fn twin(
        &self,
        drafted: &ChannelConfig,
        planned: &ChannelPlan,
        stored: &StoredKeys,
    ) -> Option<String> {
        let is_near = |channel: &&ChannelConfig| {
            channel.provider == drafted.provider
                && channel.base_url == drafted.base_url
                && !drafted.base_url.is_empty()
        };
        let twin = if planned.keys.is_empty() {
            let mut channels = self.document.channels.iter().take(stored.channels);
            channels.find(|channel| is_near(channel) && channel.name == drafted.name)
        } else {
            let keys = planned.keys.iter();
            let indexes = keys.filter_map(|key| stored.by_key.get(key.secret.expose()));
            let mut channels = indexes
                .flatten()
                .filter_map(|index| self.document.channels.get(*index));
            channels.find(is_near)
        };
        twin.map(|channel| channel.id.clone())
    }

    /// Why something is not created, besides a lack of room.
    fn skipped(
        &self,
        item: &str,
        notes: &[MoveNote],
        is_taken: bool,
        is_duplicate: bool,
    ) -> Option<SkipReason> {
        let is_unwanted = self.wishes.duplicates == DuplicateWish::Skip;
        if notes.iter().any(|note| note.code.blocks()) {
            Some(SkipReason::Impossible)
        } else if self.wishes.leave_out.contains(item) {
            Some(SkipReason::LeftOut)
        } else if is_duplicate && is_unwanted {
            Some(SkipReason::Duplicate)
        } else if is_taken && self.wishes.names == NameConflictWish::Skip {
            Some(SkipReason::NameTaken)
        } else {
            None
        }
    }

    fn client_key(
        &mut self,
        planned: &ClientKeyPlan,
        names: &mut Names,
        hashes: &mut BTreeMap<String, String>,
    ) -> MovedKeyView {
        let mut notes = planned.notes.clone();
        let name = shortened(&planned.name, "");
        let expires_at = planned.expires_at.map(time_text::format);
        let members = json!({"name": name, "tags": planned.tags, "enabled": planned.enabled, "models": planned.models,
            "expires_at": expires_at});
        let mut problems = Problems::default();
        let change = ClientKeyChange::read(&members, &mut problems);
        if let Err(error) = problems.check("client key") {
            notes.push(MoveNote::new(NoteCode::Invalid, error.body.message));
        }
        let plain = planned
            .secret
            .as_ref()
            .map(|secret| secret.expose().as_str());
        let hash = ids::hex(&ids::hash_client_key(plain.unwrap_or_default().as_bytes()));
        let duplicate_of = hashes.get(&hash).cloned();
        let is_taken = names.is_taken(&name);
        let mut skipped = self.skipped(&planned.item, &notes, is_taken, false);
        // The same key can only be there once.
        if skipped.is_none() && duplicate_of.is_some() {
            skipped = Some(SkipReason::Duplicate);
        }
        if skipped.is_none() && self.document.keys.len() >= MAX_CLIENT_KEYS {
            skipped = Some(SkipReason::Full);
        }
        let mut view = MovedKeyView {
            item: planned.item.clone(),
            name,
            skipped,
            id: None,
            duplicate_of,
            hint: plain.map(secret::hint),
            enabled: planned.enabled,
            models: planned.models.clone(),
            expires_at,
            tags: planned.tags.clone(),
            notes: NoteView::all(&notes),
        };
        if skipped.is_none() {
            let mut key = ClientKey {
                id: ids::object_id("ck", self.ports),
                name: String::new(),
                hash,
                hint: view.hint.clone().unwrap_or_default(),
                tags: Vec::new(),
                previous: None,
                enabled: true,
                models: Vec::new(),
                expires_at: None,
                limits: KeyLimits::default(),
                created_at: self.ports.now(),
            };
            change.apply(&mut key);
            key.name = names.take(&view.name);
            view.name.clone_from(&key.name);
            view.id = Some(key.id.clone());
            hashes.insert(key.hash.clone(), key.id.clone());
            self.document.keys.push(key);
        }
        view
    }

    fn alias(&mut self, planned: &AliasPlan, index: usize) -> MovedAliasView {
        let item = format!("aliases/{index}");
        let mut problems = Problems::default();
        let members = json!({ planned.name.as_str(): planned.models });
        let valid = read_aliases("aliases", &members, &mut problems);
        let aliases = &mut self.document.settings.aliases;
        let skipped = if problems.check("alias").is_err() {
            Some(SkipReason::Impossible)
        } else if self.wishes.leave_out.contains(&item) {
            Some(SkipReason::LeftOut)
        } else if let Some(known) = aliases.get(&planned.name) {
            let is_same = *known == planned.models;
            Some(if is_same {
                SkipReason::Duplicate
            } else {
                SkipReason::NameTaken
            })
        } else {
            (aliases.len() >= MAX_ALIASES).then_some(SkipReason::Full)
        };
        if skipped.is_none() {
            aliases.extend(valid.unwrap_or_default());
        }
        MovedAliasView {
            item,
            name: planned.name.clone(),
            skipped,
            models: planned.models.clone(),
        }
    }
}

fn channel_view(
    planned: &ChannelPlan,
    drafted: &ChannelConfig,
    notes: &[MoveNote],
) -> MovedChannelView {
    let members = &planned.members;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let deployments = drafted.azure.as_ref().map(|azure| &azure.deployments);
    MovedChannelView {
        item: planned.item.clone(),
        name: drafted.name.clone(),
        skipped: None,
        id: None,
        duplicate_of: None,
        provider: text("provider").map(str::to_owned),
        base_url: text("base_url").map(str::to_owned),
        enabled: drafted.enabled,
        keys: hints(&planned.keys),
        models: texts(members.get("models")),
        model_map: deployments.unwrap_or(&drafted.model_map).clone(),
        priority: u64::from(drafted.priority),
        weight: u64::from(drafted.weight),
        tags: drafted.tags.clone(),
        notes: NoteView::all(notes),
    }
}

/// The channels that the gateway had before, as indexes by their whole keys.
struct StoredKeys {
    channels: usize,
    by_key: BTreeMap<String, Vec<usize>>,
}

/// The names that there are, before and after.
struct Names {
    before: BTreeSet<String>,
    all: BTreeSet<String>,
    /// The last number after a name: hundreds of tokens can have the same one.
    numbers: BTreeMap<String, u32>,
}

impl Names {
    fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let before: BTreeSet<String> = names.map(str::to_owned).collect();
        Self {
            all: before.clone(),
            before,
            numbers: BTreeMap::new(),
        }
    }

    /// Whether the gateway had this name before the import.
    fn is_taken(&self, name: &str) -> bool {
        self.before.contains(name)
    }

    /// This name, or the first one with a number after it that is free.
    fn take(&mut self, name: &str) -> String {
        let mut free = name.to_owned();
        while !self.all.insert(free.clone()) {
            let number = self.numbers.entry(name.to_owned()).or_insert(1);
            *number += 1;
            free = shortened(name, &format!(" ({number})"));
        }
        free
    }
}

/// A name with an end, within its bounds; control characters are no part of one.
fn shortened(name: &str, end: &str) -> String {
    let room = MAX_NAME_CHARS.saturating_sub(end.chars().count());
    let name = name
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    let name: String = name.take(room).collect();
    format!("{}{end}", name.trim())
}
