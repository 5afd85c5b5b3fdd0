//! The rules of a whole configuration document, as it is exported and imported. Owns what must be there, what must
//! differ from what, and where in the document a problem is; the rules of its parts are their own files'.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::channel::secret;
use super::{
    ChannelChange, ClientKeyChange, MAX_CHANNELS, MAX_CLIENT_KEYS, MAX_NAME_CHARS, Problems,
    alerts::AlertsDraft, join, parse_id, settings,
};
use crate::config::alerts::AlertRules;
use crate::config::bounds::{MAX_HINT_CHARS, MAX_ID_CHARS, MAX_KEYS};
use crate::config::model::{
    ChannelConfig, ClientKey, DOCUMENT_VERSION, KeyLimits, PreviousKey, Settings,
};
use crate::ids;
use crate::problem::{ExpectedType, ProblemKind, Uniqueness};
use crate::secret::Secret;
use crate::time_text;
use crate::units::Timestamp;

/// A document whose parts are valid. Its upstream keys are still as given: a whole key, or the id of an existing one.
#[derive(Clone, Debug, Default)]
pub struct DocumentDraft {
    /// Channels in their order.
    pub channels: Vec<ChannelDraft>,
    /// Client keys in their order.
    pub keys: Vec<ClientKey>,
    /// Limits of the whole gateway.
    pub settings: Settings,
    /// Rules of alerts, and where messages are sent.
    pub alerts: AlertsDraft,
}

/// A channel of a document.
#[derive(Clone, Debug)]
pub struct ChannelDraft {
    /// The channel without its keys.
    pub channel: ChannelConfig,
    /// Its keys as given.
    pub keys: Vec<KeyDraft>,
}

/// An upstream key of a document: at least one of `id` and `secret` is there.
#[derive(Clone, Debug)]
pub struct KeyDraft {
    /// The key's id; `None`: that of the same key of this channel, or a new one.
    pub id: Option<String>,
    /// The whole key; `None`: the gateway has it under this id.
    pub secret: Option<Secret<String>>,
    /// Whether it is used.
    pub enabled: bool,
}

impl DocumentDraft {
    /// Reads a document. All problems are added to `problems`; with any, the draft must not be used. Times that the
    /// document leaves out are `now`.
    pub fn read(value: &Value, now: Timestamp, problems: &mut Problems) -> Self {
        let mut draft = Self::default();
        let Some(members) = problems.object("", value) else {
            return draft;
        };
        // In an unknown shape nothing else can be checked.
        if members.get("version").and_then(Value::as_u64) != Some(u64::from(DOCUMENT_VERSION)) {
            problems.add(
                "version",
                ProblemKind::UnsupportedVersion {
                    supported: DOCUMENT_VERSION,
                },
            );
            return draft;
        }
        for (name, value) in members {
            match name.as_str() {
                "channels" => draft.channels = channels(value, now, problems),
                "keys" => draft.keys = client_keys(value, now, problems),
                // The admin API's import reads them; the variable `config` leaves accounts as they are.
                "version" | "accounts" => {}
                "settings" => draft.settings = settings::read(value, problems),
                "alerts" => {
                    draft.alerts = AlertsDraft::read(name, value, AlertRules::default(), problems);
                }
                _ => problems.unknown("", name),
            }
        }
        // A document says everything: destinations that it does not have are removed.
        draft.alerts.destinations.get_or_insert_default();
        // A document without them would remove them all; who intends that can state it explicitly.
        for name in ["channels", "keys"] {
            if !members.contains_key(name) {
                problems.add(name, ProblemKind::ListRequired);
            }
        }
        draft
    }
}

/// The hint of a client key whose document has none.
const NO_HINT: &str = "…";

/// Values that must not repeat within a document.
#[derive(Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    /// The value, unless it was there before.
    fn first(&mut self, path: &str, value: String, problems: &mut Problems) -> Option<String> {
        if self.0.insert(value.clone()) {
            Some(value)
        } else {
            problems.add(
                path,
                ProblemKind::Duplicate {
                    within: Uniqueness::Document,
                },
            );
            None
        }
    }
}

fn channels(value: &Value, now: Timestamp, problems: &mut Problems) -> Vec<ChannelDraft> {
    let (mut ids, mut key_ids) = (Seen::default(), Seen::default());
    let mut channels = Vec::new();
    let items = problems.array("channels", value, MAX_CHANNELS);
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let mut own = Problems::default();
        channels.extend(channel(item, now, &mut ids, &mut key_ids, &mut own));
        problems.absorb(&format!("channels[{index}]"), own);
    }
    channels
}

fn channel(
    value: &Value,
    now: Timestamp,
    ids: &mut Seen,
    key_ids: &mut Seen,
    problems: &mut Problems,
) -> Option<ChannelDraft> {
    let members = problems.object("", value)?;
    let mut channel = ChannelConfig::blank(now);
    let mut keys = Vec::new();
    let mut rest = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "id" => channel.id = id(name, value, ids, problems).unwrap_or_default(),
            "created_at" => channel.created_at = time(name, value, problems).unwrap_or(now),
            "updated_at" => channel.updated_at = time(name, value, problems).unwrap_or(now),
            "keys" => {
                keys = upstream_keys(value, key_ids, problems);
                // This satisfies the channel's rule that keys must be given.
                rest.insert(name.clone(), Value::Array(Vec::new()));
            }
            _ => {
                rest.insert(name.clone(), value.clone());
            }
        }
    }
    require_id(members, problems);
    let change = ChannelChange::read(&Value::Object(rest), problems);
    change.require_all(problems);
    change.apply(&mut channel, problems);
    Some(ChannelDraft { channel, keys })
}

fn upstream_keys(value: &Value, ids: &mut Seen, problems: &mut Problems) -> Vec<KeyDraft> {
    let mut secrets = BTreeSet::new();
    let mut keys = Vec::new();
    let items = problems.array("keys", value, MAX_KEYS);
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = format!("keys[{index}]");
        let Some(key) = upstream_key(&path, item, ids, problems) else {
            continue;
        };
        let is_new = key
            .secret
            .as_ref()
            .is_none_or(|secret| secrets.insert(secret.expose().clone()));
        if is_new {
            keys.push(key);
        } else {
            problems.add(
                path,
                ProblemKind::Duplicate {
                    within: Uniqueness::List,
                },
            );
        }
    }
    keys
}

fn upstream_key(
    path: &str,
    value: &Value,
    ids: &mut Seen,
    problems: &mut Problems,
) -> Option<KeyDraft> {
    let mut key = KeyDraft {
        id: None,
        secret: None,
        enabled: true,
    };
    // As in the channel's own call, a text is a new key.
    if let Value::String(text) = value {
        key.secret = Some(secret(path, text, problems)?);
        return Some(key);
    }
    let Some(members) = value.as_object() else {
        problems.add(
            path,
            ProblemKind::WrongType {
                expected: ExpectedType::DocumentKey,
            },
        );
        return None;
    };
    let before = problems.list().len();
    for (name, value) in members {
        let path = join(path, name);
        match name.as_str() {
            "id" => key.id = id(&path, value, ids, problems),
            "key" => match value.as_str() {
                Some(text) => key.secret = secret(&path, text, problems),
                None => problems.add(
                    path,
                    ProblemKind::WrongType {
                        expected: ExpectedType::WholeKey,
                    },
                ),
            },
            "enabled" => key.enabled = problems.boolean(&path, value).unwrap_or_default(),
            // Read-only members: ignored, so that a key can be sent back as it was read.
            "hint" | "status" | "until" => {}
            _ => problems.add(path, ProblemKind::UnknownField),
        }
    }
    let is_whole = key.id.is_some() || key.secret.is_some();
    if !is_whole && problems.list().len() == before {
        problems.add(path, ProblemKind::KeyOrIdRequired);
    }
    is_whole.then_some(key)
}

fn client_keys(value: &Value, now: Timestamp, problems: &mut Problems) -> Vec<ClientKey> {
    let (mut ids, mut hashes) = (Seen::default(), Seen::default());
    let mut keys = Vec::new();
    let items = problems.array("keys", value, MAX_CLIENT_KEYS);
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let mut own = Problems::default();
        keys.extend(client_key(item, now, &mut ids, &mut hashes, &mut own));
        problems.absorb(&format!("keys[{index}]"), own);
    }
    keys
}

fn client_key(
    value: &Value,
    now: Timestamp,
    ids: &mut Seen,
    hashes: &mut Seen,
    problems: &mut Problems,
) -> Option<ClientKey> {
    let members = problems.object("", value)?;
    let mut key = ClientKey {
        id: String::new(),
        name: String::new(),
        hash: String::new(),
        hint: NO_HINT.to_owned(),
        tags: Vec::new(),
        previous: None,
        enabled: true,
        models: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        created_at: now,
    };
    let mut rest = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "id" => key.id = id(name, value, ids, problems).unwrap_or_default(),
            "hash" => key.hash = hash(name, value, hashes, problems).unwrap_or_default(),
            "hint" => {
                if let Some(hint) = problems.text(name, value, MAX_HINT_CHARS) {
                    key.hint = hint;
                }
            }
            "previous" => key.previous = previous_key(name, value, hashes, problems),
            "created_at" => key.created_at = time(name, value, problems).unwrap_or(now),
            "key" => problems.add(name, ProblemKind::ClientKeyForbidden),
            _ => {
                rest.insert(name.clone(), value.clone());
            }
        }
    }
    require_id(members, problems);
    if !members.contains_key("hash") {
        problems.add("hash", ProblemKind::Required);
    }
    let change = ClientKeyChange::read(&Value::Object(rest), problems);
    change.require_all(problems);
    change.apply(&mut key);
    Some(key)
}

/// The key that a client key has replaced.
fn previous_key(
    path: &str,
    value: &Value,
    hashes: &mut Seen,
    problems: &mut Problems,
) -> Option<PreviousKey> {
    let members = problems.object(path, value)?;
    let (mut own_hash, mut valid_until, mut hint) = (None, None, None);
    for (name, value) in members {
        let place = join(path, name);
        match name.as_str() {
            "hash" => own_hash = hash(&place, value, hashes, problems),
            "hint" => hint = problems.text(&place, value, MAX_HINT_CHARS),
            "valid_until" => valid_until = time(&place, value, problems),
            _ => problems.unknown(path, name),
        }
    }
    for name in ["hash", "valid_until"] {
        if !members.contains_key(name) {
            problems.add(join(path, name), ProblemKind::Required);
        }
    }
    Some(PreviousKey {
        hash: own_hash?,
        hint: hint.unwrap_or_else(|| NO_HINT.to_owned()),
        valid_until: valid_until?,
    })
}

fn require_id(members: &Map<String, Value>, problems: &mut Problems) {
    if !members.contains_key("id") {
        problems.add("id", ProblemKind::Required);
    }
}

fn id(path: &str, value: &Value, seen: &mut Seen, problems: &mut Problems) -> Option<String> {
    let Some(id) = parse_id(value) else {
        problems.add(path, ProblemKind::InvalidId { max: MAX_ID_CHARS });
        return None;
    };
    seen.first(path, id, problems)
}

fn hash(path: &str, value: &Value, seen: &mut Seen, problems: &mut Problems) -> Option<String> {
    let hash = value
        .as_str()
        .filter(|text| text.len() <= MAX_NAME_CHARS)
        .and_then(ids::parse_hash);
    let Some(hash) = hash else {
        problems.add(path, ProblemKind::InvalidHash);
        return None;
    };
    seen.first(path, ids::hex(&hash), problems)
}

fn time(path: &str, value: &Value, problems: &mut Problems) -> Option<Timestamp> {
    let time = value.as_str().and_then(time_text::parse);
    if time.is_none() {
        problems.add(path, ProblemKind::InvalidTime { nullable: false });
    }
    time
}
