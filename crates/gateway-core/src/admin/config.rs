//! The whole configuration: export and import. Owns how it looks from outside and what an import means while others
//! write; the document's rules are [`crate::config::validate`]'s, what becomes of its keys is
//! [`crate::config::import`]'s.
//!
//! An import replaces everything. Of two at the same time the later one wins as a whole; a change that comes in
//! between is replaced like everything before it. A client that must replace only what it has seen sends the
//! `ETag` of its export as `If-Match`. An owner's import also replaces a stored configuration that is damaged: nobody has
//! seen that one, so that no `ETag` matches it.

use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;

use super::accounts::exported::ExportedAccount;
#[cfg(feature = "schema")]
use super::accounts::stored::MAX_ACCOUNTS;
use super::alerts::{self, ExportedAlerts};
use super::guard::Caller;
use super::principal::Role;
use super::{AdminSettings, accounts, document, precondition, query};
#[cfg(feature = "schema")]
use crate::config::bounds::{MAX_HINT_CHARS, MAX_MODELS, MAX_NAME_CHARS, MAX_TAGS};
use crate::config::import::{self, Refused};
use crate::config::model::{
    ChannelConfig, ClientKey, DOCUMENT_VERSION, Document, KeyLimits, PreviousKey, Settings,
    StoredSecret, UpstreamKey,
};
use crate::config::seal;
#[cfg(feature = "schema")]
use crate::config::shapes::{Hash, Id, ModelName, Tag, Time, never_null};
use crate::config::validate::{DocumentDraft, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::health;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::time_text::{self, TimeText};

/// The whole configuration.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Config")
)]
pub struct DocumentView<'a> {
    /// The version of the document's form.
    #[cfg_attr(feature = "schema", schemars(range(min = DOCUMENT_VERSION, max = DOCUMENT_VERSION)))]
    version: u32,
    /// Channels in the order of their creation.
    channels: Vec<ChannelConfig<ExportedKey<'a>, TimeText>>,
    /// Client keys in the order of their creation.
    keys: Vec<ExportedClientKey<'a>>,
    /// Limits of the whole gateway.
    settings: &'a Settings,
    /// Rules of alerts, and where messages are sent. Absent: the default rules, and no destination.
    #[cfg_attr(feature = "schema", schemars(with = "ExportedAlerts<'a>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<ExportedAlerts<'a>>,
    /// Accounts in the order of their creation; only for owners. Where an import has no such member they stay.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<ExportedAccount>", length(max = MAX_ACCOUNTS)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<ExportedAccount>>,
}

/// An upstream key as it is exported.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConfigUpstreamKey", transform = never_null)
)]
pub struct ExportedKey<'a> {
    /// `uk_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// The first and last characters of the key.
    hint: &'a str,
    /// Whether it is used.
    enabled: bool,
    /// The whole key; only with `?secrets=true`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Secret<String>>,
}

/// A client key as it is exported.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConfigClientKey")
)]
pub struct ExportedClientKey<'a> {
    /// `ck_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// Its display name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    name: &'a str,
    /// SHA-256 of the key, in hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(with = "Hash"))]
    hash: &'a str,
    /// The first and last characters of the key.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_HINT_CHARS)))]
    hint: &'a str,
    /// Words such as an owner, a team or a project. Absent: none.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Tag>", length(max = MAX_TAGS), extend("default" = [])))]
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    /// The key that this one has replaced.
    #[cfg_attr(feature = "schema", schemars(with = "ExportedPreviousKey<'a>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<ExportedPreviousKey<'a>>,
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
}

/// A replaced client key as it is exported.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConfigPreviousKey")
)]
pub struct ExportedPreviousKey<'a> {
    /// SHA-256 of the key, in hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(with = "Hash"))]
    hash: &'a str,
    /// The first and last characters of the key.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_HINT_CHARS)))]
    hint: &'a str,
    /// When it stops being accepted.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    valid_until: String,
}

impl<'a> From<&'a PreviousKey> for ExportedPreviousKey<'a> {
    fn from(key: &'a PreviousKey) -> Self {
        Self {
            hash: &key.hash,
            hint: &key.hint,
            valid_until: time_text::format(key.valid_until),
        }
    }
}

/// Whether `GET config` is to give whole upstream keys.
pub fn asks_for_secrets(uri: &Uri) -> bool {
    let secrets = query::read(uri, ["secrets"]);
    secrets.is_ok_and(|[secrets]| secrets.as_deref() == Some("true"))
}

/// `GET config`.
pub async fn export<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    uri: &Uri,
    caller: &Caller,
) -> Result<Reply, GatewayError> {
    let [with_secrets] = query::read(uri, ["secrets"])?;
    let with_secrets = query::boolean("secrets", with_secrets.as_deref())?;
    let (document, revision) = document::load_with_revision(ports).await?;
    let opened = with_secrets.then_some(settings);
    let mut view = view(&document, opened, |key| {
        opened.map(|settings| open(settings, key)).transpose()
    })?;
    view.accounts = exported_accounts(ports, &document, caller, |stored, id| {
        let open = || open_secret(settings, stored, id, "The secret of the account");
        with_secrets.then(open).transpose()
    })?;
    if with_secrets {
        ports.line(format_args!(
            "admin: the configuration was exported with its upstream keys"
        ));
    }
    Ok(precondition::tag(
        reply::json(StatusCode::OK, &view),
        &revision,
    ))
}

/// `PUT config`: answers with the configuration as it is then, without whole keys.
pub async fn import<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    headers: &HeaderMap,
    caller: &Caller,
    value: &Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let draft = DocumentDraft::read(value, ports.now(), &mut problems);
    problems.check("configuration")?;
    let ((document, changed), revision) = document::replace(ports, |document, former| {
        precondition::check(headers, &former.revision, "configuration")?;
        if former.is_damaged && accounts::stored::of(ports, document).is_err() {
            document.accounts = Value::Null;
        }
        let new = import::resolve(&draft, document, settings.protection(), ports)
            .map_err(Refused::into_error)?;
        let new = with_accounts(ports, settings, value, document, new)?;
        let is_settings_only = !former.is_damaged && differs_in_settings_only(document, &new);
        if caller.principal.role < Role::Owner && !is_settings_only {
            return Err(caller.principal.lacks(Role::Owner));
        }
        let old = std::mem::replace(document, new);
        Ok((document.clone(), changed_channels(old, document)))
    })
    .await?;
    health::stored::forget(ports, &changed).await;
    ports.line(format_args!(
        "admin: a configuration was imported: {} channels, {} client keys",
        document.channels.len(),
        document.keys.len()
    ));
    let mut view = view(&document, None, |_| Ok(None))?;
    view.accounts = exported_accounts(ports, &document, caller, |_, _| Ok(None))?;
    Ok(precondition::tag(
        reply::json(StatusCode::OK, &view),
        &revision,
    ))
}

/// The ids of the channels that are not what they were, or are gone: what is known of their health may be wrong.
fn changed_channels(old: Document, new: &Document) -> Vec<String> {
    old.channels
        .into_iter()
        .filter(|channel| !new.channels.contains(channel))
        .map(|channel| channel.id)
        .collect()
}

fn view<'d>(
    document: &'d Document,
    opened: Option<&AdminSettings>,
    mut whole_key: impl FnMut(&UpstreamKey) -> Result<Option<Secret<String>>, GatewayError>,
) -> Result<DocumentView<'d>, GatewayError> {
    let mut channels = Vec::with_capacity(document.channels.len());
    for channel in &document.channels {
        let mut keys = Vec::with_capacity(channel.keys.len());
        for key in &channel.keys {
            keys.push(ExportedKey {
                id: &key.id,
                hint: &key.hint,
                enabled: key.enabled,
                key: whole_key(key)?,
            });
        }
        channels.push(channel.with_keys(keys, TimeText::from));
    }
    Ok(DocumentView {
        version: DOCUMENT_VERSION,
        channels,
        keys: document.keys.iter().map(ExportedClientKey::new).collect(),
        settings: &document.settings,
        alerts: (!document.alerts.is_default())
            .then(|| alerts::exported(&document.alerts, opened))
            .transpose()?,
        accounts: None,
    })
}

/// The accounts for an owner; `None` for others, to whom their hashes would be of use, and where there are none.
fn exported_accounts<P: AdminPorts>(
    ports: &P,
    document: &Document,
    caller: &Caller,
    open: impl Fn(&StoredSecret, &str) -> Result<Option<Secret<String>>, GatewayError>,
) -> Result<Option<Vec<ExportedAccount>>, GatewayError> {
    let accounts = accounts::stored::of(ports, document)?;
    if caller.principal.role < Role::Owner || accounts.is_empty() {
        return Ok(None);
    }
    let accounts = accounts
        .iter()
        .map(|account| ExportedAccount::new(account, |secret| open(secret, &account.id)));
    accounts.collect::<Result<_, _>>().map(Some)
}

/// The new document with the accounts that were imported, or with those that there are.
fn with_accounts<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    imported: &Value,
    current: &Document,
    mut new: Document,
) -> Result<Document, GatewayError> {
    if let Some(value) = imported.get("accounts") {
        let before = accounts::stored::of(ports, current)?;
        let after = accounts::exported::read(value, &before, settings.protection(), ports)?;
        accounts::keep_an_owner(&before, &after, settings)?;
        accounts::stored::put(ports, &mut new, &after)?;
    }
    Ok(new)
}

/// What an admin may import: the panel saves settings so.
fn differs_in_settings_only(old: &Document, new: &Document) -> bool {
    old.channels == new.channels && old.keys == new.keys && old.accounts == new.accounts
}

fn open(settings: &AdminSettings, key: &UpstreamKey) -> Result<Secret<String>, GatewayError> {
    open_secret(settings, &key.secret, &key.id, "The upstream key")
}

fn open_secret(
    settings: &AdminSettings,
    stored: &StoredSecret,
    id: &str,
    what: &str,
) -> Result<Secret<String>, GatewayError> {
    seal::open(settings.master_key.as_ref(), stored, id).map_err(|error| {
        let reason = match &settings.master_key_error {
            Some(reason) => format!("the variable `master_key` cannot be used: {reason}"),
            None => error.to_string(),
        };
        ErrorCode::Misconfigured.error(format!(
            "{what} {id} cannot be exported: {reason}. Without ?secrets=true the export works.",
        ))
    })
}

impl<'a> ExportedClientKey<'a> {
    fn new(key: &'a ClientKey) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            hash: &key.hash,
            hint: &key.hint,
            tags: &key.tags,
            previous: key.previous.as_ref().map(ExportedPreviousKey::from),
            enabled: key.enabled,
            models: &key.models,
            expires_at: key.expires_at.map(time_text::format),
            limits: key.limits,
            created_at: time_text::format(key.created_at),
        }
    }
}
