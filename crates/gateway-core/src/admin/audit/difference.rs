//! What changed between two states of an object, member by member. Owns the paths, the bounds, and what is hidden; pure.
//!
//! Only members that are known to hold no secret are shown. Of all others numbers and booleans are, and texts are not: a
//! member that is added to the configuration is hidden until somebody lists it.

use serde_json::{Map, Value};

use super::policy::MemberPolicy;

/// In place of a text that may be a secret.
pub const HIDDEN: &str = "[hidden]";
/// Bytes of a value as JSON; what is longer is cut.
const MAX_VALUE_BYTES: usize = 2 * 1024;
/// Bytes of all changes of an entry.
pub const MAX_CHANGES_BYTES: usize = 15 * 1024;
/// Entries of a list up to which it is shown as a whole; of longer ones only what was removed and added.
const MAX_WHOLE_LIST: usize = 20;
/// Characters of a path.
const MAX_PATH_CHARS: usize = 400;

/// The changes of an object, as many as there is room for.
#[derive(Debug, Default)]
pub struct MemberChanges {
    list: Vec<Value>,
    bytes: usize,
    /// How many there was no room for.
    pub omitted: u64,
}

impl MemberChanges {
    /// The changes as a JSON list.
    pub fn text(&self) -> String {
        Value::from(self.list.clone()).to_string()
    }

    /// Whether nothing has changed.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty() && self.omitted == 0
    }

    /// Adds a change whose values hold no secret.
    pub fn add(&mut self, path: &str, before: &Value, after: &Value) {
        self.push(path, bounded(before), bounded(after), false);
    }

    fn push(&mut self, path: &str, before: Value, after: Value, is_partial: bool) {
        let mut change = Map::new();
        let path: String = path.chars().take(MAX_PATH_CHARS).collect();
        change.insert("path".to_owned(), path.into());
        change.insert("before".to_owned(), before);
        change.insert("after".to_owned(), after);
        if is_partial {
            change.insert("partial".to_owned(), true.into());
        }
        let change = Value::from(change);
        let bytes = change.to_string().len() + 1;
        // Once one had no room no later one is shown, so that the list has no gaps.
        if self.omitted > 0 || self.bytes + bytes > MAX_CHANGES_BYTES {
            self.omitted += 1;
            return;
        }
        self.bytes += bytes;
        self.list.push(change);
    }
}

/// What differs between two states of an object; `Null`: there was none, or there is none any more.
pub fn between(before: &Value, after: &Value, policy: &MemberPolicy) -> MemberChanges {
    let mut changes = MemberChanges::default();
    let names = names(before, after);
    for name in names {
        if policy.ignores(name) {
            continue;
        }
        let walk = Walk {
            policy,
            member: name,
        };
        walk.compare(
            &segment("", name),
            (member(before, name), member(after, name)),
            &mut changes,
        );
    }
    changes
}

/// A walk through one member of the object.
struct Walk<'a> {
    policy: &'a MemberPolicy,
    member: &'a str,
}

impl Walk<'_> {
    fn compare(&self, path: &str, (before, after): (&Value, &Value), changes: &mut MemberChanges) {
        if before == after || (is_nothing(before) && is_nothing(after)) {
            return;
        }
        if is_object_or_nothing(before) && is_object_or_nothing(after) {
            for name in names(before, after) {
                let path = segment(path, name);
                self.compare(&path, (member(before, name), member(after, name)), changes);
            }
            return;
        }
        if let Some((removed, added)) = long_lists(before, after) {
            let [removed, added] = [removed, added].map(|list| self.shown(path, &list));
            changes.push(path, removed, added, true);
            return;
        }
        let [before, after] = [before, after].map(|value| self.shown(path, value));
        changes.push(path, before, after, false);
    }

    fn shown(&self, path: &str, value: &Value) -> Value {
        bounded(&self.without_secrets(path, value))
    }

    fn without_secrets(&self, path: &str, value: &Value) -> Value {
        match value {
            Value::String(text) if !self.policy.shows(self.member, path, text) => HIDDEN.into(),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.without_secrets(path, item));
                items.collect()
            }
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| {
                    let path = segment(path, name);
                    (name.clone(), self.without_secrets(&path, value))
                };
                Value::Object(members.iter().map(member).collect())
            }
            other => other.clone(),
        }
    }
}

/// What was removed from and added to a list that is too long to be shown; `None`: it is shown as a whole.
fn long_lists(before: &Value, after: &Value) -> Option<(Value, Value)> {
    let (before, after) = (before.as_array()?, after.as_array()?);
    if before.len().max(after.len()) <= MAX_WHOLE_LIST {
        return None;
    }
    let texts = |list: &[Value]| -> std::collections::BTreeSet<String> {
        list.iter().map(Value::to_string).collect()
    };
    let (known, now) = (texts(before), texts(after));
    let without = |list: &[Value], other: &std::collections::BTreeSet<String>| -> Value {
        let left = list
            .iter()
            .filter(|item| !other.contains(&item.to_string()));
        left.cloned().collect()
    };
    Some((without(before, &now), without(after, &known)))
}

/// The value, or its beginning as a text.
fn bounded(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        _ => return value.clone(),
    };
    if text.len() <= MAX_VALUE_BYTES {
        return value.clone();
    }
    let (beginning, _) = text.split_at(text.floor_char_boundary(MAX_VALUE_BYTES));
    format!("{beginning}…").into()
}

/// Nothing, and what is as good as nothing: an empty list or map is often not written at all.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn is_object_or_nothing(value: &Value) -> bool {
    value.is_object() || value.is_null()
}

fn member<'v>(object: &'v Value, name: &str) -> &'v Value {
    object.get(name).unwrap_or(&Value::Null)
}

/// The names of both, those of `after` first.
fn names<'v>(before: &'v Value, after: &'v Value) -> Vec<&'v str> {
    let of = |object: &'v Value| object.as_object().into_iter().flatten();
    let mut names: Vec<&str> = of(after).map(|(name, _)| name.as_str()).collect();
    let gone = of(before).map(|(name, _)| name.as_str());
    names.extend(gone.filter(|name| after.get(*name).is_none()));
    names
}

/// The path of a member: `a.b`, or `a["gpt-4.1"]` where the name has other characters.
fn segment(path: &str, name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if name.is_empty() || !name.chars().all(is_plain) {
        format!("{path}[{}]", Value::from(name))
    } else if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests;
