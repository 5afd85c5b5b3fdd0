//! What a write of the configuration did to its objects. Owns the form in which each kind of object is compared; pure.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::super::accounts::stored::Account;
use super::difference::{MemberChanges, between};
use super::policy::{
    ACCOUNT, ALERT_RULES, CHANNEL, CLIENT_KEY, DESTINATION, MemberPolicy, SETTINGS,
};
use crate::config::alerts::Destination;
use crate::config::model::{ChannelConfig, ClientKey, Document};
use crate::ledger::audit::{AuditAction, AuditKind};
use crate::time_text::{self, TimeText};

/// What was done to one object.
#[derive(Debug)]
pub struct ObjectChange {
    /// What was done.
    pub action: AuditAction,
    /// To which kind of object.
    pub kind: AuditKind,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its members that changed.
    pub changes: MemberChanges,
}

/// What differs between two configurations: channels, client keys, alerts, accounts, then settings.
pub fn changed(before: &Document, after: &Document) -> Vec<ObjectChange> {
    let mut found = Vec::new();
    let channels = ObjectComparison {
        kind: AuditKind::Channel,
        policy: &CHANNEL,
        id: |channel: &ChannelConfig| &channel.id,
        name: |channel: &ChannelConfig| &channel.name,
        view: channel,
    };
    channels.compare(&before.channels, &after.channels, &mut found);
    let keys = ObjectComparison {
        kind: AuditKind::Key,
        policy: &CLIENT_KEY,
        id: |key: &ClientKey| &key.id,
        name: |key: &ClientKey| &key.name,
        view: client_key,
    };
    keys.compare(&before.keys, &after.keys, &mut found);
    let rules = [before.alerts.rules, after.alerts.rules].map(|it| json!(it));
    found.extend(only(AuditKind::Alerts, rules, &ALERT_RULES));
    let destinations = ObjectComparison {
        kind: AuditKind::Destination,
        policy: &DESTINATION,
        id: |destination: &Destination| &destination.id,
        name: |destination: &Destination| &destination.name,
        view: |destination| json!(destination),
    };
    let [old, new] = [&before.alerts, &after.alerts].map(|it| &it.destinations);
    destinations.compare(old, new, &mut found);
    let accounts = ObjectComparison {
        kind: AuditKind::Account,
        policy: &ACCOUNT,
        id: |account: &Account| &account.id,
        name: |account: &Account| &account.name,
        view: |account| json!(account),
    };
    let [old, new] = [&before.accounts, &after.accounts].map(accounts_in);
    accounts.compare(&old, &new, &mut found);
    let settings = [&before.settings, &after.settings].map(|it| json!(it));
    found.extend(only(AuditKind::Settings, settings, &SETTINGS));
    found
}

/// The change of what there is one of.
fn only(
    kind: AuditKind,
    [before, after]: [Value; 2],
    policy: &MemberPolicy,
) -> Option<ObjectChange> {
    (before != after).then(|| ObjectChange {
        action: AuditAction::Change,
        kind,
        id: String::new(),
        name: String::new(),
        changes: between(&before, &after, policy),
    })
}

/// Accounts as they are stored; none where they cannot be read.
pub fn accounts_in(stored: &Value) -> Vec<Account> {
    Vec::deserialize(stored).unwrap_or_default()
}

/// How objects of one kind are compared.
struct ObjectComparison<T> {
    kind: AuditKind,
    policy: &'static MemberPolicy,
    id: fn(&T) -> &String,
    name: fn(&T) -> &String,
    view: fn(&T) -> Value,
}

impl<T: PartialEq> ObjectComparison<T> {
    fn compare(&self, before: &[T], after: &[T], found: &mut Vec<ObjectChange>) {
        let mut known: BTreeMap<&str, &T> = before
            .iter()
            .map(|it| ((self.id)(it).as_str(), it))
            .collect();
        for object in after {
            match known.remove((self.id)(object).as_str()) {
                Some(old) if old == object => {}
                Some(old) => {
                    let change = self.change(AuditAction::Change, Some(old), Some(object));
                    found.extend(change.filter(|change| !change.changes.is_empty()));
                }
                None => found.extend(self.change(AuditAction::Create, None, Some(object))),
            }
        }
        // In the order in which they were.
        let gone = before
            .iter()
            .filter(|it| known.contains_key((self.id)(it).as_str()));
        for object in gone {
            found.extend(self.change(AuditAction::Delete, Some(object), None));
        }
    }

    fn change(
        &self,
        action: AuditAction,
        old: Option<&T>,
        new: Option<&T>,
    ) -> Option<ObjectChange> {
        let object = new.or(old)?;
        let [before, after] = [old, new].map(|it| it.map_or(Value::Null, self.view));
        Some(ObjectChange {
            action,
            kind: self.kind,
            id: (self.id)(object).clone(),
            name: (self.name)(object).clone(),
            changes: between(&before, &after, self.policy),
        })
    }
}

/// A channel with what may be seen of its keys, by their ids.
fn channel(channel: &ChannelConfig) -> Value {
    let keys = channel.keys.iter();
    let keys: Map<String, Value> = keys
        .map(|key| {
            let shown = json!({"hint": key.hint, "enabled": key.enabled});
            (key.id.clone(), shown)
        })
        .collect();
    let none: Vec<(&String, &String, bool)> = Vec::new();
    let mut value = json!(channel.with_keys(none, TimeText::from));
    if let Some(members) = value.as_object_mut() {
        members.insert("keys".to_owned(), keys.into());
    }
    value
}

/// A client key without its hashes.
fn client_key(key: &ClientKey) -> Value {
    let previous = key.previous.as_ref().map(|previous| {
        json!({"hint": previous.hint, "valid_until": time_text::format(previous.valid_until)})
    });
    json!({
        "name": key.name,
        "hint": key.hint,
        "tags": key.tags,
        "previous": previous,
        "enabled": key.enabled,
        "models": key.models,
        "expires_at": key.expires_at.map(time_text::format),
        "limits": key.limits,
    })
}

#[cfg(test)]
mod tests;
