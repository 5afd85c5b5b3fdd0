//! The models that a channel's upstream says it has. Owns whom to ask and for how long; the shapes of
//! such lists are `wire`'s.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::base_url_advice::advise;
use super::outbound::{CallBounds, Outbound};
use super::{AdminSettings, channels, document};
use crate::config::model::{ChannelConfig, Provider};
#[cfg(feature = "schema")]
use crate::config::shapes::ModelName;
use crate::config::validate::MAX_MODELS;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::units::MIB;
use crate::wire::model_list::{self, ModelPage};

/// OpenRouter's list, the longest there is, has half a mebibyte.
const LIMITS: CallBounds = CallBounds {
    time: Duration::from_secs(10),
    bytes: 8 * MIB,
};
/// After so long no further page is asked for.
const MAX_TIME_MS: u64 = 10_000;
/// Anthropic gives twenty models unless asked for more, and no more than this.
const WHOLE_LIST: &str = "models?limit=1000";

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

/// `GET channels/{id}/models`.
pub async fn list<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    id: &str,
) -> Result<Reply, GatewayError> {
    let document = document::load(ports).await?;
    let channel = document.channels.iter().find(|channel| channel.id == id);
    let channel =
        channel.ok_or_else(|| ErrorCode::NotFound.error("There is no channel with this id."))?;
    ask(ports, settings, channel).await
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
    let stored = match id {
        None => None,
        Some(id) => {
            let document = document::load(ports).await?;
            let found = document
                .channels
                .into_iter()
                .find(|channel| id.as_str() == Some(&channel.id));
            let missing =
                || ErrorCode::NotFound.error("There is no channel with this `channel_id`.");
            Some(found.ok_or_else(missing)?)
        }
    };
    let channel = channels::draft(ports, settings, stored, &body)?;
    if channel.base_url.is_empty() {
        return Err(ErrorCode::InvalidValue
            .error("The upstream to ask is missing: give `base_url`, or the `channel_id` of a channel.")
            .with_param("base_url"));
    }
    ask(ports, settings, &channel).await
}

/// Asks with one key after the other until one is answered, and tells the last one's error when none is.
async fn ask<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    channel: &ChannelConfig,
) -> Result<Reply, GatewayError> {
    let operation = match channel.provider {
        Provider::OpenAi => "models",
        Provider::Anthropic => WHOLE_LIST,
        Provider::Azure => {
            return Err(ErrorCode::InvalidValue.error(
                "Azure tells its keys which models there are, but not which of them are deployed. Enter the \
                 deployments by hand, in `azure.deployments`; Azure's portal lists them.",
            ));
        }
    };
    let usable = channel.keys.iter().filter(|key| key.enabled);
    let mut keys = usable.map(|key| key.id.as_str()).take(MAX_KEYS_ASKED);
    let mut outcome = ask_with(ports, settings, channel, keys.next(), operation).await;
    for key in keys {
        if outcome.is_ok() {
            break;
        }
        outcome = ask_with(ports, settings, channel, Some(key), operation).await;
    }
    outcome
}

async fn ask_with<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    channel: &ChannelConfig,
    key: Option<&str>,
    operation: &str,
) -> Result<Reply, GatewayError> {
    let outbound = Outbound::prepare(settings, channel, key)?;
    let failed = |reason: String| {
        ErrorCode::UpstreamFailed.error(format!(
            "The upstream's models could not be read: {}",
            outbound.redact(&reason)
        ))
    };
    let mut names = BTreeSet::new();
    let mut next: Option<String> = None;
    let began = ports.now();
    for _ in 0..model_list::MAX_PAGES {
        let operation = model_list::operation(operation, next.as_deref());
        let page = page(ports, &outbound, channel, &operation)
            .await
            .map_err(failed)?;
        names.extend(page.names);
        // An upstream that gives the same mark again would do so for ever.
        let is_last = page.next.is_none() || page.next == next;
        next = page.next;
        let is_late = ports.now().since_ms(began) >= MAX_TIME_MS;
        if is_last || is_late || names.len() > MAX_MODELS {
            break;
        }
    }
    Ok(reply::json(
        StatusCode::OK,
        &UpstreamModelsView {
            truncated: names.len() > MAX_MODELS,
            data: names
                .into_iter()
                .take(MAX_MODELS)
                .map(|id| UpstreamModelView { id })
                .collect(),
        },
    ))
}

/// One page of the list. The error is in words for a person.
async fn page<P: AdminPorts>(
    ports: &P,
    outbound: &Outbound,
    channel: &ChannelConfig,
    operation: &str,
) -> Result<ModelPage, String> {
    let mut incoming = outbound.send(ports, operation, "", None, LIMITS).await?;
    if !incoming.status.is_success() {
        let status = incoming.status.as_u16();
        let words = outbound.refusal(&mut incoming).await;
        let error = format!("it answered {status}. {words}");
        return Err(advise(channel, Some(status), error));
    }
    let is_readable = incoming.unreadable().is_none() && !incoming.is("text/html");
    let body = incoming.whole().await?;
    is_readable
        .then(|| serde_json::from_slice(&body).ok())
        .flatten()
        .as_ref()
        .and_then(model_list::read)
        .ok_or_else(|| {
            let error = "its answer holds no list of models. Models can also be entered by hand. Is the base URL right?";
            advise(channel, None, error.to_owned())
        })
}
