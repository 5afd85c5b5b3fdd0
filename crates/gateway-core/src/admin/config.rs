//! The whole configuration: export and import. Owns how it looks from outside and what an import means while others
//! write; the document's rules are [`crate::config::validate`]'s, what becomes of its keys is
//! [`crate::config::import`]'s.
//!
//! An import replaces everything. Of two at the same time the later one wins as a whole; a change that comes in
//! between is replaced like everything before it. Who wants to be sure to replace only what they have seen sends the
//! `ETag` of their export as `If-Match`.

use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;

use super::channel_view::ChannelView;
use super::{AdminSettings, document, precondition, query};
use crate::config::import::{self, Refused};
use crate::config::model::{
    ClientKey, DOCUMENT_VERSION, Document, KeyLimits, Settings, UpstreamKey,
};
use crate::config::seal;
use crate::config::validate::{DocumentDraft, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::health;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::time_text;

/// The document as it travels.
#[derive(Serialize)]
struct DocumentView<'a> {
    version: u32,
    channels: Vec<ChannelView<'a, UpstreamKeyView<'a>>>,
    keys: Vec<ClientKeyView<'a>>,
    settings: &'a Settings,
}

/// An upstream key as it travels; whole only when that was asked for.
#[derive(Serialize)]
struct UpstreamKeyView<'a> {
    id: &'a str,
    hint: &'a str,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Secret<String>>,
}

/// A client key as it travels: its hash stands for it.
#[derive(Serialize)]
struct ClientKeyView<'a> {
    id: &'a str,
    name: &'a str,
    hash: &'a str,
    hint: &'a str,
    enabled: bool,
    models: &'a [String],
    expires_at: Option<String>,
    limits: KeyLimits,
    created_at: String,
}

/// `GET config`.
pub async fn export<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    uri: &Uri,
) -> Result<Reply, GatewayError> {
    let [with_secrets] = query::read(uri, ["secrets"])?;
    let with_secrets = query::boolean("secrets", with_secrets.as_deref())?;
    let (document, revision) = document::load_with_revision(ports).await?;
    let view = view(&document, |key| {
        with_secrets.then(|| open(settings, key)).transpose()
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
    value: &Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let draft = DocumentDraft::read(value, ports.now(), &mut problems);
    problems.check("configuration")?;
    let ((document, changed), revision) =
        document::change_at_revision(ports, |document, revision| {
            precondition::check(headers, revision, "configuration")?;
            let new = import::resolve(&draft, document, settings.protection(), ports)
                .map_err(Refused::into_error)?;
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
    let view = view(&document, |_| Ok(None))?;
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

fn view(
    document: &Document,
    mut whole_key: impl FnMut(&UpstreamKey) -> Result<Option<Secret<String>>, GatewayError>,
) -> Result<DocumentView<'_>, GatewayError> {
    let mut channels = Vec::with_capacity(document.channels.len());
    for channel in &document.channels {
        let mut keys = Vec::with_capacity(channel.keys.len());
        for key in &channel.keys {
            keys.push(UpstreamKeyView {
                id: &key.id,
                hint: &key.hint,
                enabled: key.enabled,
                key: whole_key(key)?,
            });
        }
        channels.push(ChannelView::new(channel, keys));
    }
    Ok(DocumentView {
        version: DOCUMENT_VERSION,
        channels,
        keys: document.keys.iter().map(ClientKeyView::new).collect(),
        settings: &document.settings,
    })
}

fn open(settings: &AdminSettings, key: &UpstreamKey) -> Result<Secret<String>, GatewayError> {
    seal::open(settings.master_key.as_ref(), &key.secret, &key.id).map_err(|error| {
        let reason = match &settings.master_key_error {
            Some(reason) => format!("the variable `master_key` cannot be used: {reason}"),
            None => error.to_string(),
        };
        ErrorCode::Misconfigured.error(format!(
            "The upstream key {} cannot be exported: {reason}. Without ?secrets=true the export works.",
            key.id
        ))
    })
}

impl<'a> ClientKeyView<'a> {
    fn new(key: &'a ClientKey) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            hash: &key.hash,
            hint: &key.hint,
            enabled: key.enabled,
            models: &key.models,
            expires_at: key.expires_at.map(time_text::format),
            limits: key.limits,
            created_at: time_text::format(key.created_at),
        }
    }
}
