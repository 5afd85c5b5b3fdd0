//! The rules of a channel. Owns ranges, defaults and what belongs together; makes no ids and no secrets.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Problems, converted, join, model_map, params, price, quirks, tags, upstream_key};
use crate::config::base_url;
use crate::config::bounds::{
    MAX_API_VERSION_CHARS, MAX_DEPLOYMENT_CHARS, MAX_HEADER_BYTES, MAX_HEADERS, MAX_KEY_BYTES,
    MAX_KEYS, MAX_MODEL_CHARS, MAX_MODELS, MAX_NAME_CHARS, MAX_RANK, MAX_TIMEOUT_MS, MAX_URL_BYTES,
};
use crate::config::model::ChannelConfig;
use crate::problem::{ExpectedType, ProblemKind, Uniqueness, UrlProblem};
use crate::secret::Secret;
use crate::upstream::provider::{Azure, Provider};
use crate::wire::dialect::Dialect;

/// Headers that the gateway sets itself, or that belong to one connection only.
const RESERVED_HEADERS: [&str; 17] = [
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An admin's draft of a channel: the given members, in the form in which they are stored.
#[derive(Clone, Debug, Default)]
pub struct ChannelChange {
    members: Map<String, Value>,
    /// `None`: unchanged.
    keys: Option<Vec<KeyChange>>,
}

/// One entry of a channel's `keys`.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// A new key.
    New(Secret<String>),
    /// An existing key.
    Kept {
        /// Its id.
        id: String,
        /// Whether it is enabled; `None`: unchanged.
        enabled: Option<bool>,
    },
}

impl ChannelChange {
    /// Reads a channel in the API's form. Invalid members are added to `problems` and left out.
    pub fn read(value: &Value, problems: &mut Problems) -> Self {
        let mut change = Self::default();
        let Some(members) = problems.object("", value) else {
            return change;
        };
        for (name, value) in members {
            change.read_member(name, value, problems);
        }
        change
    }

    fn read_member(&mut self, name: &str, value: &Value, problems: &mut Problems) {
        let valid = match name {
            "name" => problems.text(name, value, MAX_NAME_CHARS).map(Value::from),
            "tags" => tags::read(name, value, problems).map(Value::from),
            "enabled" | "stream_usage" => problems.boolean(name, value).map(Value::from),
            "provider" => provider(value, problems).map(|provider| json!(provider)),
            "base_url" => base_url(value, problems).map(Value::from),
            "keys" => {
                self.keys = keys(value, problems);
                None
            }
            "models" => problems
                .texts(name, value, MAX_MODEL_CHARS, MAX_MODELS)
                .map(Value::from),
            "model_map" => model_map::read(name, value, problems).map(|map| json!(map)),
            "priority" | "weight" => problems.integer(name, value, 0, MAX_RANK).map(Value::from),
            "headers" => headers(value, problems).map(|headers| json!(headers)),
            "drop_params" => params::dropped(name, value, problems).map(Value::from),
            "rename_params" => params::renamed(name, value, problems).map(|map| json!(map)),
            "default_params" => params::defaults(name, value, problems).map(Value::from),
            "dialects" | "quirks" if value.is_null() => Some(Value::Null),
            "dialects" => dialects(value, problems).map(|dialects| json!(dialects)),
            "quirks" => quirks::read(name, value, problems),
            "connect_timeout_ms" | "first_byte_timeout_ms" | "idle_timeout_ms" => problems
                .integer(name, value, 1, MAX_TIMEOUT_MS)
                .map(Value::from),
            "hedge_after_ms" => problems
                .nullable_integer(name, value, 1, MAX_TIMEOUT_MS)
                .map(Value::from),
            "azure" => azure(value, problems),
            "prices" => price::table(name, value, problems).map(|prices| json!(prices)),
            // Read-only members: ignored, so that a channel can be sent back as it was read.
            "id" | "created_at" | "updated_at" | "revision" => None,
            _ => {
                problems.unknown("", name);
                None
            }
        };
        if let Some(valid) = valid {
            self.members.insert(name.to_owned(), valid);
        }
    }

    /// Adds the required members that this new channel lacks.
    pub fn require_all(&self, problems: &mut Problems) {
        for (name, missing) in [
            ("name", !self.members.contains_key("name")),
            ("base_url", !self.members.contains_key("base_url")),
            ("keys", self.keys.is_none()),
        ] {
            if missing && !problems.touch(name) {
                problems.add(name, ProblemKind::Required);
            }
        }
    }

    /// The new keys; `None`: unchanged.
    pub fn keys(&self) -> Option<&[KeyChange]> {
        self.keys.as_deref()
    }

    /// Changes `channel`, except its keys, and adds contradictions in the result to `problems`.
    pub fn apply(&self, channel: &mut ChannelConfig, problems: &mut Problems) {
        let keys = std::mem::take(&mut channel.keys);
        match self.applied_to(channel) {
            Ok(changed) => *channel = changed,
            // Every member was checked, so this does not happen.
            Err(_) => problems.add(
                "",
                ProblemKind::WrongType {
                    expected: ExpectedType::Object,
                },
            ),
        }
        channel.keys = keys;
        params::check(channel, problems);
        // Users often paste more than the root.
        let kind = channel.provider.kind(channel.azure.as_ref());
        let root = kind.root(&channel.base_url).trim_end_matches('/').len();
        channel.base_url.truncate(root);
        if problems.touch("azure") || problems.touch("provider") {
            return;
        }
        match (channel.provider, &channel.azure) {
            (Provider::Azure, None) => problems.add("azure", ProblemKind::AzureRequired),
            (Provider::Azure, Some(_)) | (_, None) => {}
            (_, Some(_)) => problems.add("azure", ProblemKind::AzureForbidden),
        }
    }

    fn applied_to(&self, channel: &ChannelConfig) -> serde_json::Result<ChannelConfig> {
        let mut stored: Map<String, Value> = converted(channel)?;
        stored.extend(self.members.clone());
        converted(&stored)
    }
}

fn provider(value: &Value, problems: &mut Problems) -> Option<Provider> {
    let provider = value.as_str().and_then(Provider::from_name);
    if provider.is_none() {
        let choices = Provider::ALL.iter().map(|(name, _)| *name).collect();
        problems.add("provider", ProblemKind::InvalidChoice { choices });
    }
    provider
}

fn base_url(value: &Value, problems: &mut Problems) -> Option<String> {
    let Some(text) = value.as_str() else {
        problems.add(
            "base_url",
            ProblemKind::WrongType {
                expected: ExpectedType::String,
            },
        );
        return None;
    };
    match parse_base_url(text.trim()) {
        Ok(url) => Some(url),
        Err(reason) => {
            // The suggestion has neither credentials nor a query, so that no secret is repeated.
            let suggestion = base_url::suggestion(Provider::OpenAi, text);
            let max = MAX_URL_BYTES;
            problems.add(
                "base_url",
                ProblemKind::InvalidUrl {
                    reason,
                    max,
                    suggestion,
                },
            );
            None
        }
    }
}

fn parse_base_url(text: &str) -> Result<String, UrlProblem> {
    let url = absolute_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlProblem::Query);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A URL that the gateway may call: of a host, by HTTP or HTTPS, without credentials in it.
pub(super) fn absolute_url(text: &str) -> Result<Url, UrlProblem> {
    if text.len() > MAX_URL_BYTES {
        return Err(UrlProblem::TooLong);
    }
    // The URL parser also accepts `https:host`, `https:///host`, line breaks and backslashes, which are mistakes in a
    // setting.
    let odd =
        |character: char| character.is_whitespace() || character.is_control() || character == '\\';
    let after_scheme = text
        .split_once("://")
        .filter(|(scheme, _)| {
            ["https", "http"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known))
        })
        .map(|(_, rest)| rest);
    if after_scheme.is_none_or(|rest| rest.starts_with('/')) || text.contains(odd) {
        return Err(UrlProblem::NotAbsolute);
    }
    let url = Url::parse(text).map_err(|_| UrlProblem::NotAbsolute)?;
    if !url.has_host() {
        return Err(UrlProblem::NotAbsolute);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::Credentials);
    }
    Ok(url)
}

fn keys(value: &Value, problems: &mut Problems) -> Option<Vec<KeyChange>> {
    let items = problems.array("keys", value, MAX_KEYS)?;
    let (mut secrets, mut ids) = (BTreeSet::new(), BTreeSet::new());
    let mut keys = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("keys[{index}]");
        let Some(key) = key(&path, item, problems) else {
            continue;
        };
        let fresh = match &key {
            KeyChange::New(secret) => secrets.insert(secret.expose().clone()),
            KeyChange::Kept { id, .. } => ids.insert(id.clone()),
        };
        if fresh {
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
    Some(keys)
}

fn key(path: &str, value: &Value, problems: &mut Problems) -> Option<KeyChange> {
    match value {
        Value::String(text) => secret(path, text, problems).map(KeyChange::New),
        Value::Object(members) => {
            let (mut id, mut enabled, before) = (None, None, problems.list().len());
            for (name, value) in members {
                match name.as_str() {
                    "id" => id = problems.text(&join(path, name), value, MAX_NAME_CHARS),
                    "enabled" => enabled = problems.boolean(&join(path, name), value),
                    // Read-only; see `read_member`.
                    "hint" | "status" | "until" => {}
                    _ => problems.unknown(path, name),
                }
            }
            if id.is_none() && problems.list().len() == before {
                problems.add(path, ProblemKind::KeyIdRequired);
            }
            id.map(|id| KeyChange::Kept { id, enabled })
        }
        _ => {
            problems.add(
                path,
                ProblemKind::WrongType {
                    expected: ExpectedType::ChannelKey,
                },
            );
            None
        }
    }
}

/// A whole upstream key.
pub(super) fn secret(path: &str, text: &str, problems: &mut Problems) -> Option<Secret<String>> {
    let text = text.trim();
    if let Some(reason) = upstream_key::problem(text) {
        let max = MAX_KEY_BYTES;
        problems.add(path, ProblemKind::InvalidKey { reason, max });
        return None;
    }
    Some(Secret::new(text.to_owned()))
}

fn headers(value: &Value, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let members = problems.object("headers", value)?;
    if members.len() > MAX_HEADERS {
        problems.add("headers", ProblemKind::TooMany { max: MAX_HEADERS });
        return None;
    }
    let mut headers = BTreeMap::new();
    for (name, value) in members {
        let path = join("headers", name);
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            problems.add(path, ProblemKind::InvalidHeaderName);
            continue;
        };
        if RESERVED_HEADERS.contains(&parsed.as_str()) {
            problems.add(path, ProblemKind::ReservedHeader);
            continue;
        }
        let text = value.as_str().map(str::trim);
        let text = text.filter(|text| {
            text.len() <= MAX_HEADER_BYTES && text.is_ascii() && HeaderValue::from_str(text).is_ok()
        });
        let Some(text) = text else {
            problems.add(
                path,
                ProblemKind::InvalidHeaderValue {
                    max: MAX_HEADER_BYTES,
                },
            );
            continue;
        };
        if headers
            .insert(parsed.as_str().to_owned(), text.to_owned())
            .is_some()
        {
            problems.add(
                path,
                ProblemKind::Duplicate {
                    within: Uniqueness::Headers,
                },
            );
        }
    }
    Some(headers)
}

fn dialects(value: &Value, problems: &mut Problems) -> Option<Vec<Dialect>> {
    let choices = || Dialect::OF_CHANNELS.iter().map(|(name, _)| *name);
    let items = problems.array("dialects", value, Dialect::OF_CHANNELS.len())?;
    let mut dialects = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("dialects[{index}]");
        let known = item.as_str().and_then(|name| {
            Dialect::OF_CHANNELS
                .iter()
                .find(|(known, _)| *known == name)
        });
        match known {
            None => problems.add(
                path,
                ProblemKind::InvalidChoice {
                    choices: choices().collect(),
                },
            ),
            Some((_, dialect)) if dialects.contains(dialect) => {
                let within = Uniqueness::List;
                problems.add(path, ProblemKind::Duplicate { within });
            }
            Some((_, dialect)) => dialects.push(*dialect),
        }
    }
    if items.is_empty() {
        problems.add(
            "dialects",
            ProblemKind::InvalidChoice {
                choices: choices().collect(),
            },
        );
    }
    Some(dialects)
}

fn azure(value: &Value, problems: &mut Problems) -> Option<Value> {
    if value.is_null() {
        return Some(Value::Null);
    }
    let members = problems.object("azure", value)?;
    let mut azure = Azure::default();
    for (name, value) in members {
        let path = join("azure", name);
        match name.as_str() {
            "api_version" if value.is_null() => {}
            "api_version" => {
                azure.api_version = url_part(problems, &path, value, MAX_API_VERSION_CHARS);
            }
            "deployments" => {
                azure.deployments = problems
                    .model_map(&path, value, MAX_MODELS, deployment)
                    .unwrap_or_default();
            }
            _ => problems.unknown("azure", name),
        }
    }
    Some(json!(azure))
}

fn deployment(problems: &mut Problems, path: &str, value: &Value) -> Option<String> {
    url_part(problems, path, value, MAX_DEPLOYMENT_CHARS)
}

/// A text that becomes part of a URL, so it must not be able to change the URL's meaning.
fn url_part(problems: &mut Problems, path: &str, value: &Value, most: usize) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let text = value.as_str().map(str::trim).filter(|text| {
        (1..=most).contains(&text.len())
            && text.bytes().all(allowed)
            && text.bytes().any(|byte| byte != b'.')
    });
    if text.is_none() {
        problems.add(path, ProblemKind::InvalidUrlPart { max: most });
    }
    text.map(str::to_owned)
}
