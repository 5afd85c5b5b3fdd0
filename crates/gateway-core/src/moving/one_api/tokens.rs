//! Tokens of one-api and new-api, which are client keys here. Owns what their columns mean. The database has a key
//! without the `sk-` with which clients send it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::row::Row;
use crate::moving::plan::{ClientKeyPlan, MoveNote, NoteCode};
use crate::secret::Secret;
use crate::units::Timestamp;

const ENABLED: i64 = 1;
const EXPIRED: i64 = 3;
const EXHAUSTED: i64 = 4;
/// Units of a quota that are one dollar, unless an operator changed it.
const UNITS_PER_DOLLAR: i64 = 500_000;

/// The client keys of these rows.
pub fn plan(rows: &[&Map<String, Value>], users: &BTreeMap<i64, String>) -> Vec<ClientKeyPlan> {
    let keys = rows.iter().enumerate();
    keys.map(|(index, row)| key(Row(row), index, users))
        .collect()
}

fn key(row: Row<'_>, index: usize, users: &BTreeMap<i64, String>) -> ClientKeyPlan {
    let mut notes = Vec::new();
    let secret = secret(&row.text("key"));
    if secret.is_none() {
        notes.push(MoveNote::new(NoteCode::ClientKeyHidden, ""));
    }
    let mut key = ClientKeyPlan {
        item: format!("keys/{index}"),
        name: name(row, index),
        secret,
        enabled: is_enabled(row, &mut notes),
        tags: Vec::new(),
        models: models(row),
        expires_at: expires_at(row),
        notes,
    };
    let user = row.integer("user_id").and_then(|id| users.get(&id));
    key.tags.extend(user.map(|name| name.replace(',', " ")));
    let group = row.list("group");
    if !group.is_empty() {
        key.notes
            .push(MoveNote::new(NoteCode::Groups, group.join(", ")));
        key.tags.extend(group);
    }
    key.tags.sort_unstable();
    key.tags.dedup();
    let addresses = [row.text("subnet"), row.text("allow_ips")];
    let addresses: Vec<&str> = addresses
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    if !addresses.is_empty() {
        let addresses = addresses.join(" ");
        key.notes
            .push(MoveNote::new(NoteCode::AllowedAddresses, addresses));
    }
    key
}

fn name(row: Row<'_>, index: usize) -> String {
    let name = row.text("name");
    if name.is_empty() {
        let id = row.text("id");
        return match id.as_str() {
            "" => format!("Token {}", index + 1),
            id => format!("Token {id}"),
        };
    }
    name
}

/// The key as clients send it; `None` for a masked one. Answers of newer versions show only its ends.
fn secret(key: &str) -> Option<Secret<String>> {
    let is_whole = key.len() >= 16
        && key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'*');
    let plain = key.strip_prefix("sk-").unwrap_or(key);
    is_whole.then(|| Secret::new(format!("sk-{plain}")))
}

fn is_enabled(row: Row<'_>, notes: &mut Vec<MoveNote>) -> bool {
    let mut is_enabled = true;
    match row.integer("status").unwrap_or(ENABLED) {
        ENABLED => {}
        EXPIRED => {
            is_enabled = false;
            notes.push(MoveNote::new(NoteCode::Expired, ""));
        }
        // A quota is noted below.
        EXHAUSTED => is_enabled = false,
        _ => {
            is_enabled = false;
            notes.push(MoveNote::new(NoteCode::Disabled, ""));
        }
    }
    if !row.flag("unlimited_quota") {
        let left = row.integer("remain_quota").unwrap_or_default();
        if left <= 0 {
            is_enabled = false;
            notes.push(MoveNote::new(NoteCode::Exhausted, ""));
        } else {
            notes.push(MoveNote::new(NoteCode::Quota, dollars(left)));
        }
    }
    is_enabled
}

/// A quota as dollars and cents, rounded down.
fn dollars(quota: i64) -> String {
    let cents = quota / (UNITS_PER_DOLLAR / 100);
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// one-api has a list, and new-api one that can be switched off.
fn models(row: Row<'_>) -> Vec<String> {
    let limited = row.list("model_limits");
    if row.flag("model_limits_enabled") && !limited.is_empty() {
        return limited;
    }
    row.list("models")
}

/// Seconds of the Unix epoch; -1 and 0: never.
fn expires_at(row: Row<'_>) -> Option<Timestamp> {
    let seconds = row
        .integer("expired_time")
        .and_then(|time| u64::try_from(time).ok());
    let seconds = seconds.filter(|seconds| (1..LAST_SECOND).contains(seconds))?;
    Some(Timestamp(seconds * 1000))
}

/// The end of the year 9999, the last that RFC 3339 can write.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_dollars_and_keys_have_their_prefix() {
        assert_eq!(dollars(500_000), "$1.00");
        assert_eq!(dollars(6_249_999), "$12.49");
        assert_eq!(dollars(1), "$0.00");
        let plain = "a".repeat(48);
        assert_eq!(secret(&plain).unwrap().expose(), &format!("sk-{plain}"));
        let prefixed = format!("sk-{plain}");
        assert_eq!(secret(&prefixed).unwrap().expose(), &prefixed);
        for hidden in [
            "",
            "abcd**********wxyz",
            "short",
            "has a space in its middle",
        ] {
            assert!(secret(hidden).is_none(), "{hidden}");
        }
    }
}
