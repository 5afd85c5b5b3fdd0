//! `LiteLLM`'s `config.yaml`. Owns how the entries of `model_list` become channels: those with the same provider,
//! address, key and settings are one. One entry is [`deployment`]'s, names of models are [`router`]'s.

mod deployment;
mod providers;
mod router;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::MoveSource;
use super::plan::{ChannelPlan, MoveNote, MovePlan, NoteCode};
use deployment::Deployment;

/// Entries of one file.
const MAX_ENTRIES: usize = 5_000;

/// What a configuration becomes; `None` if it is none of `LiteLLM`'s.
pub fn plan(config: &Value, variables: &BTreeMap<String, String>) -> Option<MovePlan> {
    let entries = config.get("model_list")?.as_array()?;
    let mut plan = MovePlan::new(MoveSource::Litellm);
    let mut environment = Environment::new(config, variables);
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries.iter().take(MAX_ENTRIES) {
        let deployment = Deployment::read(entry, &mut environment);
        let Some(deployment) = deployment else {
            continue;
        };
        match groups.iter_mut().find(|group| group.takes(&deployment)) {
            Some(group) => group.add(deployment),
            None => groups.push(Group::new(deployment)),
        }
    }
    if entries.len() > MAX_ENTRIES {
        let most = MAX_ENTRIES.to_string();
        plan.notes.push(MoveNote::new(NoteCode::TooMany, most));
    }
    let groups = merged(groups);
    let most = groups.iter().filter_map(|group| group.first.share).max();
    let channels = groups.into_iter().enumerate();
    plan.channels = channels
        .map(|(index, group)| group.into_channel(index, most.unwrap_or(1)))
        .collect();
    router::read(config, &mut plan);
    plan.variables = environment.into_used();
    Some(plan)
}

/// The variables that a file names.
struct Environment<'v> {
    given: &'v BTreeMap<String, String>,
    /// Those that the file sets itself.
    own: BTreeMap<String, String>,
    used: BTreeMap<String, bool>,
}

impl<'v> Environment<'v> {
    fn new(config: &Value, given: &'v BTreeMap<String, String>) -> Self {
        let own = config.get("environment_variables");
        let own = own.and_then(Value::as_object).into_iter().flatten();
        Self {
            given,
            own: own
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            used: BTreeMap::new(),
        }
    }

    /// A setting's value: as it is, or of the variable that it names. `Err`: the name of a variable without a value.
    fn value(&mut self, text: &str) -> Result<String, String> {
        match text.strip_prefix("os.environ/") {
            None => Ok(text.trim().to_owned()),
            Some(name) => self.variable(name),
        }
    }

    fn variable(&mut self, name: &str) -> Result<String, String> {
        if let Some(value) = self.own.get(name) {
            return Ok(value.clone());
        }
        let value = self.given.get(name).map(|value| value.trim());
        let value = value.filter(|value| !value.is_empty());
        self.used.insert(name.to_owned(), value.is_some());
        value.map(str::to_owned).ok_or_else(|| name.to_owned())
    }

    fn into_used(self) -> Vec<(String, bool)> {
        self.used.into_iter().collect()
    }
}

/// Entries that are one channel.
struct Group {
    first: Deployment,
    /// The client's names of models, and the upstream's.
    models: BTreeMap<String, String>,
    /// The keys of groups that were merged.
    more_keys: Vec<String>,
}

impl Group {
    fn new(first: Deployment) -> Self {
        let models = BTreeMap::from([(first.model.clone(), first.upstream.clone())]);
        Self {
            first,
            models,
            more_keys: Vec::new(),
        }
    }

    fn takes(&self, other: &Deployment) -> bool {
        let known = self.models.get(&other.model);
        self.first.is_like(other)
            && self.first.key == other.key
            && known.is_none_or(|upstream| *upstream == other.upstream)
    }

    fn add(&mut self, other: Deployment) {
        for note in other.notes {
            if !self.first.notes.contains(&note) {
                self.first.notes.push(note);
            }
        }
        self.models.insert(other.model, other.upstream);
    }

    fn into_channel(self, index: usize, most: u64) -> ChannelPlan {
        let mut channel = self.first.into_channel(index, most, &self.models);
        channel
            .keys
            .extend(self.more_keys.into_iter().map(deployment::key));
        channel
    }
}

/// Groups that differ in their keys only are one channel with several keys.
fn merged(groups: Vec<Group>) -> Vec<Group> {
    let mut merged: Vec<Group> = Vec::new();
    for mut group in groups {
        let is_same = |other: &&mut Group| {
            other.first.is_like(&group.first)
                && other.models == group.models
                && other.first.key.is_ok()
        };
        match (merged.iter_mut().find(is_same), &group.first.key) {
            (Some(other), Ok(Some(key))) => {
                other.more_keys.push(key.clone());
                let notes = std::mem::take(&mut group.first.notes);
                other.first.notes.extend(notes);
                other.first.notes.dedup();
            }
            _ => merged.push(group),
        }
    }
    merged
}

/// The members of an object; empty for anything else.
fn members<'v>(value: &'v Value, name: &str) -> Option<&'v Map<String, Value>> {
    value.get(name)?.as_object()
}
