//! Channels: list, create, show, change, delete. Owns how they look from outside and what becomes of their keys;
//! the rules of their values are [`crate::config::validate`]'s.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;

use super::channel_view::{ChannelView, revision};
use super::duplicate_keys::Duplicates;
use super::list::{self, ListQuery, PagePosition};
use super::{AdminSettings, document, precondition};
use crate::config::import::{self, Refused};
use crate::config::model::{ChannelConfig, Document, StoredSecret, UpstreamKey};
use crate::config::seal;
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, Time};
use crate::config::validate::{ChannelChange, KeyChange, MAX_CHANNELS, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::health;
use crate::health::findings::KeyState;
use crate::health::record::Health;
use crate::ids;
use crate::ports::{AdminPorts, Random};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Reply};
use crate::secret;
use crate::units::Timestamp;

/// A key of a channel. The key itself is never shown.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "UpstreamKey")
)]
pub struct UpstreamKeyView<'a> {
    /// `uk_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// The first and last characters of the key.
    hint: &'a str,
    /// Whether it is used.
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    enabled: bool,
    /// Whether requests are sent to it. How its last call ended is in `GET status`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "ok")))]
    status: KeyState,
    /// When its cooldown ends.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    until: Option<String>,
}

/// All channels.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ChannelList")
)]
pub struct ChannelsView<'a> {
    /// In the order of their creation unless `sort` says otherwise.
    data: Vec<SingleChannel<'a>>,
    #[serde(flatten)]
    position: Option<PagePosition>,
}

/// What the list can be sorted by.
const SORTS: [&str; 8] = [
    list::CREATED,
    "name",
    "priority",
    "weight",
    "updated",
    "enabled",
    "models",
    "keys",
];

/// A channel by itself.
pub type SingleChannel<'a> = ChannelView<UpstreamKeyView<'a>>;

impl<'a> UpstreamKeyView<'a> {
    fn of(channel: &'a ChannelConfig, health: &Health, now: Timestamp) -> Vec<Self> {
        let known = health.channel(&channel.id);
        let view = |key: &'a UpstreamKey| {
            let (status, until) =
                KeyState::of(known.and_then(|known| known.keys.get(&key.id)), now);
            Self {
                id: &key.id,
                hint: &key.hint,
                enabled: key.enabled,
                status,
                until,
            }
        };
        channel.keys.iter().map(view).collect()
    }
}

fn view<'a>(channel: &'a ChannelConfig, health: &Health, now: Timestamp) -> SingleChannel<'a> {
    ChannelView::new(channel, UpstreamKeyView::of(channel, health, now))
}

/// A channel that was just written: whatever was known of its health is forgotten.
fn reply<P: AdminPorts>(
    ports: &P,
    status: StatusCode,
    channel: &ChannelConfig,
    duplicates: Duplicates,
) -> Reply {
    let view = view(channel, &Health::default(), ports.now());
    let view = view.without_duplicates(duplicates.skipped());
    precondition::tag(reply::json(status, &view), &revision(channel))
}

/// `GET channels`.
pub async fn list<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let query = ListQuery::read(uri, &SORTS)?;
    let document = document::load_without_keys(ports).await?;
    let channels = document.channels.iter();
    let channels = channels.filter(|it| selects(&query, it)).collect();
    let page = query.page(channels, |channel, sort| sort_key(channel, sort));
    let (health, now) = (health::stored::load(ports).await, ports.now());
    let view = ChannelsView {
        data: page
            .rows
            .into_iter()
            .map(|channel| view(channel, &health, now).at(revision(channel)))
            .collect(),
        position: page.position,
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// Whether a list that is filtered so has the channel.
fn selects(query: &ListQuery, channel: &ChannelConfig) -> bool {
    query.selects(&channel.tags, || search_texts(channel))
}

/// What a channel is found by, beside its tags.
fn search_texts(channel: &ChannelConfig) -> impl Iterator<Item = &str> {
    let own = [&channel.name, &channel.id, &channel.base_url];
    let keys = channel.keys.iter().flat_map(|key| [&key.id, &key.hint]);
    let texts = own.into_iter().chain(keys).map(String::as_str);
    let mapped = channel.model_map.iter().flat_map(|(from, to)| [from, to]);
    texts
        .chain(channel.named_models())
        .chain(mapped.map(String::as_str))
}

fn sort_key(channel: &ChannelConfig, sort: &'static str) -> (String, String) {
    let key = match sort {
        "name" => list::text_key(&channel.name),
        "priority" => list::number_key(channel.priority),
        "weight" => list::number_key(channel.weight),
        "enabled" => list::number_key(channel.enabled),
        "models" => count_key(channel.served_models().count()),
        "keys" => count_key(channel.keys.len()),
        "updated" => list::time_key(Some(channel.updated_at)),
        _ => list::time_key(Some(channel.created_at)),
    };
    (key, channel.id.clone())
}

fn count_key(count: usize) -> String {
    list::number_key(u64::try_from(count).unwrap_or(u64::MAX))
}

/// `GET channels/{id}`.
pub async fn show<P: AdminPorts>(ports: &P, id: &str) -> Result<Reply, GatewayError> {
    let mut document = document::load_without_keys(ports).await?;
    let channel = find(&mut document, id)?;
    let health = health::stored::load(ports).await;
    let view = view(channel, &health, ports.now());
    Ok(precondition::tag(
        reply::json(StatusCode::OK, &view),
        &revision(channel),
    ))
}

/// `POST channels`.
pub async fn create<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    mut body: Value,
) -> Result<Reply, GatewayError> {
    let mut duplicates = Duplicates::read(&head.uri, &mut body)?;
    let mut problems = Problems::default();
    let change = ChannelChange::read(&body, &mut problems);
    change.require_all(&mut problems);
    let mut channel = ChannelConfig::blank(ports.now());
    channel.id = ids::object_id("ch", ports);
    apply(
        ports,
        settings,
        &change,
        &mut channel,
        (problems, &mut duplicates),
    )?;
    document::change_without_keys(ports, |document| {
        if document.channels.len() >= MAX_CHANNELS {
            let too_many = ProblemKind::TooMany { max: MAX_CHANNELS };
            return Err(ErrorCode::InvalidValue
                .error(format!(
                    "`channels` must have at most {MAX_CHANNELS} entries; delete one first."
                ))
                .with_details(vec![Problem::new("channels", too_many)]));
        }
        document.channels.push(channel.clone());
        Ok(())
    })
    .await?;
    ports.line(format_args!("admin: channel {} created", channel.id));
    Ok(reply(ports, StatusCode::CREATED, &channel, duplicates))
}

/// `PATCH channels/{id}`: members that are not named stay.
pub async fn change<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    id: &str,
    mut body: Value,
) -> Result<Reply, GatewayError> {
    let repeated = Duplicates::read(&head.uri, &mut body)?;
    let mut problems = Problems::default();
    let change = ChannelChange::read(&body, &mut problems);
    let (channel, duplicates) = document::change_without_keys(ports, |document| {
        let channel = find(document, id)?;
        precondition::check(&head.headers, &revision(channel), "channel")?;
        let mut duplicates = repeated;
        let notes = (problems.clone(), &mut duplicates);
        apply(ports, settings, &change, channel, notes)?;
        // Later than before even if the clock does not advance, so that a change can be seen.
        channel.updated_at = ports.now().max(channel.updated_at.plus_ms(1));
        Ok((channel.clone(), duplicates))
    })
    .await?;
    health::stored::forget(ports, &[id.to_owned()]).await;
    ports.line(format_args!("admin: channel {id} changed"));
    Ok(reply(ports, StatusCode::OK, &channel, duplicates))
}

/// `DELETE channels/{id}`.
pub async fn delete<P: AdminPorts>(
    ports: &P,
    head: &Parts,
    id: &str,
) -> Result<Reply, GatewayError> {
    document::change_without_keys(ports, |document| {
        let channel = find(document, id)?;
        precondition::check(&head.headers, &revision(channel), "channel")?;
        document.channels.retain(|channel| channel.id != id);
        Ok(())
    })
    .await?;
    health::stored::forget(ports, &[id.to_owned()]).await;
    ports.line(format_args!("admin: channel {id} deleted"));
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// A channel as `body` would make or change it, for a look at its upstream; nothing is stored.
pub fn draft<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    stored: Option<ChannelConfig>,
    body: &Value,
) -> Result<ChannelConfig, GatewayError> {
    let mut problems = Problems::default();
    let change = ChannelChange::read(body, &mut problems);
    let mut channel = stored.unwrap_or_else(|| ChannelConfig::blank(ports.now()));
    let notes = (problems, &mut Duplicates::Refuse);
    apply(ports, settings, &change, &mut channel, notes)?;
    Ok(channel)
}

fn find<'d>(document: &'d mut Document, id: &str) -> Result<&'d mut ChannelConfig, GatewayError> {
    let found = document
        .channels
        .iter_mut()
        .find(|channel| channel.id == id);
    found.ok_or_else(|| ErrorCode::NotFound.error("There is no channel with this id."))
}

/// Changes the channel as a whole or, when anything is wrong, not at all as far as the store is concerned.
fn apply(
    random: &impl Random,
    settings: &AdminSettings,
    change: &ChannelChange,
    channel: &mut ChannelConfig,
    (mut problems, duplicates): (Problems, &mut Duplicates),
) -> Result<(), GatewayError> {
    change.apply(channel, &mut problems);
    let wanted = change
        .keys()
        .map(|keys| plan_keys(settings, keys, &channel.keys, &mut problems, duplicates));
    problems.check("channel")?;
    let keys = match wanted {
        Some(wanted) => wanted,
        None => channel.keys.iter().cloned().map(KeyEdit::Kept).collect(),
    };
    channel.keys = keys
        .into_iter()
        .map(|key| key.into_stored(random, settings))
        .collect::<Result<_, _>>()?;
    Ok(())
}

/// A key that a channel shall have.
enum KeyEdit<'c> {
    New(&'c str),
    Kept(UpstreamKey),
}

/// Finds the kept keys among those that are there, and refuses new ones that are there already.
fn plan_keys<'c>(
    settings: &AdminSettings,
    changes: &'c [KeyChange],
    stored: &[UpstreamKey],
    problems: &mut Problems,
    duplicates: &mut Duplicates,
) -> Vec<KeyEdit<'c>> {
    let master = settings.master_key.as_ref();
    // A key that cannot be opened cannot be compared; it is of no use anyway.
    let opened: BTreeMap<String, &str> = stored
        .iter()
        .filter_map(|key| {
            Some((
                seal::open(master, &key.secret, &key.id)
                    .ok()?
                    .expose()
                    .clone(),
                key.id.as_str(),
            ))
        })
        .collect();
    let keeps = |id: &str| {
        changes
            .iter()
            .any(|change| matches!(change, KeyChange::Kept { id: kept, .. } if kept == id))
    };
    let mut wanted = Vec::with_capacity(changes.len());
    for (index, change) in changes.iter().enumerate() {
        let path = format!("keys[{index}]");
        match change {
            KeyChange::New(secret) => match opened.get(secret.expose()) {
                Some(id) if keeps(id) => {
                    if !duplicates.skip() {
                        problems.add(path, ProblemKind::KeyAlreadyInChannel);
                    }
                }
                _ => wanted.push(KeyEdit::New(secret.expose())),
            },
            KeyChange::Kept { id, enabled } => match stored.iter().find(|key| key.id == *id) {
                Some(key) => {
                    let enabled = enabled.unwrap_or(key.enabled);
                    wanted.push(KeyEdit::Kept(UpstreamKey {
                        enabled,
                        ..key.clone()
                    }));
                }
                None => problems.add(format!("{path}.id"), ProblemKind::UnknownKey),
            },
        }
    }
    wanted
}

impl KeyEdit<'_> {
    fn into_stored(
        self,
        random: &impl Random,
        settings: &AdminSettings,
    ) -> Result<UpstreamKey, GatewayError> {
        match self {
            Self::New(key) => {
                let id = ids::object_id("uk", random);
                let secret = protect(random, settings, key, &id)?;
                Ok(UpstreamKey {
                    secret,
                    hint: secret::hint(key),
                    enabled: true,
                    id,
                })
            }
            Self::Kept(mut key) => {
                // A key from the time before the master key is encrypted at the first opportunity.
                if let (StoredSecret::Clear(clear), Some(_)) = (&key.secret, &settings.master_key) {
                    key.secret = protect(random, settings, clear.expose(), &key.id)?;
                }
                Ok(key)
            }
        }
    }
}

fn protect(
    random: &impl Random,
    settings: &AdminSettings,
    key: &str,
    id: &str,
) -> Result<StoredSecret, GatewayError> {
    import::protect(settings.protection(), random, key, id).map_err(Refused::into_error)
}
