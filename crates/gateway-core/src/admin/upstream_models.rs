//! The models that a channel's upstream lists. Owns with which keys it is asked and for how long; reading the list is
//! [`upstream::model_list`](crate::upstream::model_list)'s.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::base_url_advice::advise;
use super::outbound::Outbound;
use super::{AdminSettings, channels, document};
use crate::config::model::{ChannelConfig, Document};
#[cfg(feature = "schema")]
use crate::config::shapes::ModelName;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::AdminPorts;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Reply};
use crate::units::MIB;
use crate::upstream::call::CallBounds;
use crate::upstream::model_list::{self, ModelList, ModelListError};

/// OpenRouter's list, the longest there is, has half a mebibyte.
const BOUNDS: CallBounds = CallBounds {
    time: Duration::from_secs(10),
    bytes: 8 * MIB,
};
/// Keys that are tried: all of them refused means that the next one would be as well.
const MAX_KEYS_ASKED: usize = 3;

/// The upstream's own models.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "UpstreamModels")
)]
pub struct UpstreamModelsView {
    /// Sorted, each once.
    data: Vec<UpstreamModelView>,
    /// Whether there are more than a channel can name.
    truncated: bool,
}

/// A model of an upstream.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "UpstreamModel")
)]
pub struct UpstreamModelView {
    /// As the upstream names it.
    #[cfg_attr(feature = "schema", schemars(with = "ModelName"))]
    id: String,
}

impl From<ModelList> for UpstreamModelsView {
    fn from(list: ModelList) -> Self {
        let names = list.names.into_iter();
        Self {
            data: names.map(|id| UpstreamModelView { id }).collect(),
            truncated: list.is_truncated,
        }
    }
}

/// `GET channels/{id}/models`.
pub async fn list<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    id: &str,
) -> Result<Reply, GatewayError> {
    let document = document::load_without_keys(ports).await?;
    let channel = document.channels.iter().find(|channel| channel.id == id);
    let channel =
        channel.ok_or_else(|| ErrorCode::NotFound.error("There is no channel with this id."))?;
    ask(ports, settings, &document, channel).await
}

/// `POST models`: of a channel as it would be, which is not stored.
pub async fn preview<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    mut body: Value,
) -> Result<Reply, GatewayError> {
    let id = body
        .as_object_mut()
        .and_then(|members| members.remove("channel_id"));
    let document = document::load_without_keys(ports).await?;
    let stored = match id {
        None => None,
        Some(id) => {
            let mut channels = document.channels.iter();
            let found = channels.find(|channel| id.as_str() == Some(&channel.id));
            let missing =
                || ErrorCode::NotFound.error("There is no channel with this `channel_id`.");
            Some(found.cloned().ok_or_else(missing)?)
        }
    };
    let channel = channels::draft(ports, settings, stored, &body)?;
    if channel.base_url.is_empty() {
        return Err(ErrorCode::InvalidValue
            .error("`base_url` is required, or the `channel_id` of a channel.")
            .with_param("base_url")
            .with_details(vec![Problem::new("base_url", ProblemKind::Required)]));
    }
    ask(ports, settings, &document, &channel).await
}

/// Asks with one key after the other until one is answered, and gives the last one's error when none is.
async fn ask<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    document: &Document,
    channel: &ChannelConfig,
) -> Result<Reply, GatewayError> {
    let kind = channel.provider.kind(channel.azure.as_ref());
    if let Err(reason) = kind.model_list() {
        return Err(ErrorCode::InvalidValue.error(reason));
    }
    let usable = channel.keys.iter().filter(|key| key.enabled);
    let mut keys = usable.map(|key| key.id.as_str()).take(MAX_KEYS_ASKED);
    let mut key = keys.next();
    loop {
        let outbound = Outbound::prepare(settings, document, channel, key)?;
        let caller = outbound.caller(ports, BOUNDS);
        let error = match model_list::read(&caller).await {
            Ok(list) => return Ok(reply::json(StatusCode::OK, &UpstreamModelsView::from(list))),
            Err(error) => error,
        };
        key = keys.next();
        if key.is_none() {
            return Err(ErrorCode::UpstreamFailed.error(format!(
                "The upstream's models could not be read: {}",
                caller.redact(&advised(channel, &error))
            )));
        }
    }
}

/// What went wrong, with a better base URL where the error looks as if that were the cause.
fn advised(channel: &ChannelConfig, error: &ModelListError) -> String {
    let status = match error {
        ModelListError::Rejected { status, .. } => Some(*status),
        ModelListError::NotAList => None,
        ModelListError::NotListed(_) | ModelListError::Call(_) => return error.to_string(),
    };
    advise(channel, status, error.to_string())
}
