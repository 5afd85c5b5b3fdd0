//! Client keys: list, create, show, change, delete. Owns how they look from outside, and the one moment at which
//! a key is shown; the rules of their values are [`crate::config::validate`]'s.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;

use super::key_state::{self, ListedKeyState};
use super::list::{self, ListQuery, PagePosition};
use super::{document, ledger_queries, limit_usage, precondition};
use crate::config::bounds::{DEFAULT_GRACE_S, MAX_GRACE_S};
#[cfg(feature = "schema")]
use crate::config::bounds::{MAX_MODELS, MAX_NAME_CHARS, MAX_TAGS};
use crate::config::model::{ClientKey, Document, KeyLimits, PreviousKey};
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, ModelName, Tag, Time, never_null};
use crate::config::stored::object_revision;
use crate::config::validate::{ClientKeyChange, MAX_CLIENT_KEYS, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::AdminPorts;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Reply};
use crate::secret::{self, Secret};
use crate::time_text;
use crate::units::Timestamp;

/// A client key. The key itself is shown once, when it is made.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ClientKey", transform = never_null)
)]
pub struct ClientKeyView<'a> {
    /// `ck_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// Its display name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    name: &'a str,
    /// The first and last characters of the key.
    hint: &'a str,
    /// Words such as an owner, a team or a project. Absent: none.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Tag>", length(max = MAX_TAGS), extend("default" = [])))]
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    /// The key that this one has replaced, while it is still accepted; null in a change ends that at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousKeyView<'a>>,
    /// Whether it is accepted.
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    enabled: bool,
    /// Models that it may use; none: all.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<ModelName>", length(max = MAX_MODELS)))]
    models: &'a [String],
    /// When it stops being accepted; null: never.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    expires_at: Option<String>,
    /// How much it may use.
    limits: KeyLimits,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    created_at: String,
    /// When a request last used it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    last_used_at: Option<String>,
    /// Only in lists: names this state of the object, as the `ETag` of its `GET` does, for `If-Match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// What the list can be sorted by.
const SORTS: [&str; 4] = [list::CREATED, "name", "expires", LAST_USED];
const LAST_USED: &str = "last_used";
/// A key of the playground that lasts longer is not left out of lists.
pub const MAX_HIDDEN_MS: u64 = 2 * 60 * 60 * 1000;

/// A client key that was replaced and is still accepted.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "PreviousKey")
)]
pub struct PreviousKeyView<'a> {
    /// The first and last characters of the key.
    hint: &'a str,
    /// When it stops being accepted.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    valid_until: String,
}

impl<'a> From<&'a PreviousKey> for PreviousKeyView<'a> {
    fn from(key: &'a PreviousKey) -> Self {
        Self {
            hint: &key.hint,
            valid_until: time_text::format(key.valid_until),
        }
    }
}

/// A new client key, with the key itself: the only time it is shown.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ClientKeyCreated")
)]
pub struct CreatedKeyView<'a> {
    #[serde(flatten)]
    view: ClientKeyView<'a>,
    /// `sk-…`
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    key: &'a Secret<String>,
}

/// All client keys.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ClientKeyList")
)]
pub struct ClientKeysView<'a> {
    /// In the order of their creation unless `sort` says otherwise.
    data: Vec<ClientKeyView<'a>>,
    #[serde(flatten)]
    position: Option<PagePosition>,
}

impl<'a> ClientKeyView<'a> {
    fn new(key: &'a ClientKey, now: Timestamp) -> Self {
        let previous = key.previous.as_ref();
        let previous = previous.filter(|previous| previous.valid_until > now);
        Self {
            id: &key.id,
            name: &key.name,
            hint: &key.hint,
            tags: &key.tags,
            previous: previous.map(PreviousKeyView::from),
            enabled: key.enabled,
            models: &key.models,
            expires_at: key.expires_at.map(time_text::format),
            limits: key.limits,
            created_at: time_text::format(key.created_at),
            last_used_at: None,
            revision: None,
        }
    }

    /// With the time of its last use, out of `uses`.
    fn used(mut self, uses: &BTreeMap<String, u64>) -> Self {
        let time = uses.get(self.id).copied();
        self.last_used_at = time.map(|time| time_text::format(Timestamp(time)));
        self
    }
}

fn reply(status: StatusCode, key: &ClientKey, view: &impl Serialize) -> Reply {
    precondition::tag(reply::json(status, view), &object_revision(key))
}

/// `GET keys`.
pub async fn list<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let (query, state) = ListQuery::read_with(uri, &SORTS, key_state::STATE)?;
    let state = ListedKeyState::read(state.as_deref())?;
    let document = document::load(ports).await?;
    let now = ports.now();
    let keys = document.keys.iter();
    let mut keys: Vec<&ClientKey> = keys
        .filter(|key| !is_hidden(key, now) || is_playground_asked_for(query.words()))
        .filter(|key| query.selects(&key.tags, || search_texts(key)))
        .collect();
    if let Some(state) = state {
        keys = state.keep(ports, keys, now).await?;
    }
    let mut uses = BTreeMap::new();
    if query.sort() == Some(LAST_USED) {
        uses = last_uses(ports, &keys).await;
    }
    let page = query.page(keys, |key, sort| {
        (sort_key(key, sort, &uses), key.id.clone())
    });
    if query.sort() != Some(LAST_USED) {
        uses = last_uses(ports, &page.rows).await;
    }
    let view = ClientKeysView {
        data: page
            .rows
            .iter()
            .map(|key| key_view(key, &uses, now))
            .collect(),
        position: page.position,
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// Whether lists leave the key out: the playground's, as long as it expires as soon as the playground makes it. A key that
/// was imported or changed so that it lasts is listed.
fn is_hidden(key: &ClientKey, now: Timestamp) -> bool {
    let expires_soon = |end| end <= now.plus_ms(MAX_HIDDEN_MS);
    key.id == ids::PLAYGROUND_KEY && key.expires_at.is_some_and(expires_soon)
}

/// Whether a search with these words means the playground's key.
fn is_playground_asked_for(words: &[String]) -> bool {
    words
        .iter()
        .any(|word| word == "playground" || word == ids::PLAYGROUND_KEY)
}

async fn last_uses<P: AdminPorts>(ports: &P, keys: &[&ClientKey]) -> BTreeMap<String, u64> {
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    ledger_queries::last_uses(ports, &ids).await
}

/// What a client key is found by, beside its tags.
fn search_texts(key: &ClientKey) -> impl Iterator<Item = &str> {
    let own = [&key.name, &key.id, &key.hint];
    let previous = key.previous.as_ref().map(|previous| &previous.hint);
    let own = own.into_iter().chain(previous);
    own.chain(&key.models).map(String::as_str)
}

fn sort_key(key: &ClientKey, sort: &str, uses: &BTreeMap<String, u64>) -> String {
    match sort {
        "name" => list::text_key(&key.name),
        // Never is later than any time.
        "expires" => key
            .expires_at
            .map_or("~".to_owned(), |time| list::time_key(Some(time))),
        LAST_USED => list::time_key(uses.get(&key.id).copied().map(Timestamp)),
        _ => list::time_key(Some(key.created_at)),
    }
}

/// A key as lists have it.
fn key_view<'k>(
    key: &'k ClientKey,
    uses: &BTreeMap<String, u64>,
    now: Timestamp,
) -> ClientKeyView<'k> {
    ClientKeyView {
        revision: Some(object_revision(key)),
        ..ClientKeyView::new(key, now).used(uses)
    }
}

/// `GET keys/{id}`.
pub async fn show<P: AdminPorts>(ports: &P, id: &str) -> Result<Reply, GatewayError> {
    let key = document::load_key(ports, id).await?.ok_or_else(unknown)?;
    let uses = ledger_queries::last_uses(ports, &[id]).await;
    Ok(reply(
        StatusCode::OK,
        &key,
        &ClientKeyView::new(&key, ports.now()).used(&uses),
    ))
}

/// `POST keys`: the only answer that holds the key.
pub async fn create<P: AdminPorts>(ports: &P, body: Value) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let change = ClientKeyChange::read(&body, &mut problems);
    change.require_all(&mut problems);
    problems.check("client key")?;
    let plain = Secret::new(ids::client_key(ports));
    let mut key = ClientKey {
        id: ids::object_id("ck", ports),
        name: String::new(),
        hash: ids::hex(&ids::hash_client_key(plain.expose().as_bytes())),
        hint: secret::hint(plain.expose()),
        tags: Vec::new(),
        previous: None,
        enabled: true,
        models: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        created_at: ports.now(),
    };
    change.apply(&mut key);
    document::change_keys(ports, &[&key.id], |document, others| {
        add(document, others, key.clone())
    })
    .await?;
    ports.line(format_args!("admin: client key {} created", key.id));
    Ok(reply_with_value(
        StatusCode::CREATED,
        &key,
        &plain,
        key.created_at,
    ))
}

/// Adds a client key, if there is room for one more beside the `others` that are not in the document.
pub fn add(document: &mut Document, others: usize, key: ClientKey) -> Result<(), GatewayError> {
    if others + document.keys.len() >= MAX_CLIENT_KEYS {
        let too_many = ProblemKind::TooMany {
            max: MAX_CLIENT_KEYS,
        };
        return Err(ErrorCode::InvalidValue
            .error(format!(
                "`keys` must have at most {MAX_CLIENT_KEYS} entries; delete one first."
            ))
            .with_details(vec![Problem::new("keys", too_many)]));
    }
    document.keys.push(key);
    Ok(())
}

/// An answer with the key itself.
pub fn reply_with_value(
    status: StatusCode,
    key: &ClientKey,
    value: &Secret<String>,
    now: Timestamp,
) -> Reply {
    let view = CreatedKeyView {
        view: ClientKeyView::new(key, now),
        key: value,
    };
    reply(status, key, &view)
}

/// `POST keys/{id}/rotate`: a new key in the place of the old one, which stays valid for the grace time. A key that was
/// replaced before is rejected from now on, so that at most two are valid.
pub async fn rotate<P: AdminPorts>(
    ports: &P,
    headers: &HeaderMap,
    id: &str,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let grace_s = read_grace(body)?;
    let plain = Secret::new(ids::client_key(ports));
    let now = ports.now();
    let key = document::change_keys(ports, &[id], |document, _| {
        let key = find(document, id)?;
        precondition::check(headers, &object_revision(key), "client key")?;
        let hash = ids::hex(&ids::hash_client_key(plain.expose().as_bytes()));
        let hash = std::mem::replace(&mut key.hash, hash);
        let hint = std::mem::replace(&mut key.hint, secret::hint(plain.expose()));
        key.previous = (grace_s > 0).then(|| PreviousKey {
            hash,
            hint,
            valid_until: now.plus_ms(grace_s * 1000),
        });
        Ok(key.clone())
    })
    .await?;
    ports.line(format_args!(
        "admin: client key {id} rotated, the old one is valid for {grace_s} s"
    ));
    let uses = ledger_queries::last_uses(ports, &[id]).await;
    let view = CreatedKeyView {
        view: ClientKeyView::new(&key, now).used(&uses),
        key: &plain,
    };
    Ok(reply(StatusCode::OK, &key, &view))
}

/// For how long the old key stays valid.
fn read_grace(body: &Value) -> Result<u64, GatewayError> {
    let (mut grace, mut problems) = (Some(DEFAULT_GRACE_S), Problems::default());
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.as_str() {
            "grace_s" => grace = problems.integer(name, value, 0, MAX_GRACE_S),
            _ => problems.unknown("", name),
        }
    }
    problems.check("rotation")?;
    Ok(grace.unwrap_or(DEFAULT_GRACE_S))
}

/// `PATCH keys/{id}`: members that are not named stay.
pub async fn change<P: AdminPorts>(
    ports: &P,
    headers: &HeaderMap,
    id: &str,
    body: Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let change = ClientKeyChange::read(&body, &mut problems);
    let key = document::change_keys(ports, &[id], |document, _| {
        let key = find(document, id)?;
        precondition::check(headers, &object_revision(key), "client key")?;
        problems.check("client key")?;
        change.apply(key);
        Ok(key.clone())
    })
    .await?;
    ports.line(format_args!("admin: client key {id} changed"));
    let uses = ledger_queries::last_uses(ports, &[id]).await;
    Ok(reply(
        StatusCode::OK,
        &key,
        &ClientKeyView::new(&key, ports.now()).used(&uses),
    ))
}

/// `DELETE keys/{id}`.
pub async fn delete<P: AdminPorts>(
    ports: &P,
    headers: &HeaderMap,
    id: &str,
) -> Result<Reply, GatewayError> {
    document::change_keys(ports, &[id], |document, _| {
        let key = find(document, id)?;
        precondition::check(headers, &object_revision(key), "client key")?;
        document.keys.retain(|key| key.id != id);
        Ok(())
    })
    .await?;
    limit_usage::forget(ports, id).await;
    ports.line(format_args!("admin: client key {id} deleted"));
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

fn find<'d>(document: &'d mut Document, id: &str) -> Result<&'d mut ClientKey, GatewayError> {
    let found = document.keys.iter_mut().find(|key| key.id == id);
    found.ok_or_else(unknown)
}

fn unknown() -> GatewayError {
    ErrorCode::NotFound.error("There is no client key with this id.")
}
