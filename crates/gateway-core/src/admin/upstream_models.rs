//! The models that a channel's upstream says it has. Owns the shapes of such lists.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::outbound::{Limits, Outbound};
use super::{AdminSettings, channels, document};
use crate::config::model::{Channel, Provider};
use crate::config::validate::{MAX_MODEL_CHARS, MAX_MODELS, is_text};
use crate::error::{Case, GatewayError};
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::units::MIB;

/// OpenRouter's list, the longest there is, has half a mebibyte.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    bytes: 8 * MIB,
};
/// Anthropic gives twenty models unless asked for more, and no more than this.
const WHOLE_LIST: &str = "models?limit=1000";

/// Keys that are tried: all of them refused means that the next one would be as well.
const MAX_KEYS_ASKED: usize = 3;

#[derive(Serialize)]
struct ListView {
    data: Vec<ModelView>,
    /// Whether the upstream has more models than a channel can name.
    truncated: bool,
}

#[derive(Serialize)]
struct ModelView {
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
        channel.ok_or_else(|| Case::NotFound.error("There is no channel with this id."))?;
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
            let missing = || Case::NotFound.error("There is no channel with this `channel_id`.");
            Some(found.ok_or_else(missing)?)
        }
    };
    let channel = channels::draft(ports, settings, stored, &body)?;
    if channel.base_url.is_empty() {
        return Err(Case::InvalidValue
            .error("The upstream to ask is missing: give `base_url`, or the `channel_id` of a channel.")
            .with_param("base_url"));
    }
    ask(ports, settings, &channel).await
}

/// Asks with one key after the other until one is answered, and tells the last one's error when none is.
async fn ask<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    channel: &Channel,
) -> Result<Reply, GatewayError> {
    let operation = match channel.provider {
        Provider::OpenAi => "models",
        Provider::Anthropic => WHOLE_LIST,
        Provider::Azure => {
            return Err(Case::InvalidValue.error(
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
    channel: &Channel,
    key: Option<&str>,
    operation: &str,
) -> Result<Reply, GatewayError> {
    let outbound = Outbound::prepare(settings, channel, key)?;
    let failed = |reason: String| {
        Case::UpstreamFailed.error(format!(
            "The upstream's models could not be read: {}",
            outbound.redact(&reason)
        ))
    };
    let sent = outbound.send(ports, operation, "", None, LIMITS);
    let mut incoming = sent.await.map_err(failed)?;
    if !incoming.status.is_success() {
        let status = incoming.status.as_u16();
        let words = outbound.refusal(&mut incoming).await;
        return Err(failed(format!("it answered {status}. {words}")));
    }
    let is_readable = incoming.unreadable().is_none() && !incoming.is("text/html");
    let body = incoming.whole().await.map_err(failed)?;
    let names = is_readable
        .then(|| serde_json::from_slice(&body).ok())
        .flatten();
    let names = names.as_ref().and_then(names_in).ok_or_else(|| {
        failed("its answer holds no list of models. Is the base URL right? Models can also be entered by hand.".to_owned())
    })?;
    Ok(reply::json(
        StatusCode::OK,
        &ListView {
            truncated: names.len() > MAX_MODELS,
            data: names
                .into_iter()
                .take(MAX_MODELS)
                .map(|id| ModelView { id })
                .collect(),
        },
    ))
}

/// The names in a list, sorted, each once. OpenAI, OpenRouter, NIM, Anthropic and most others have `data`, Gemini has
/// `models`, Together a bare array. Entries are texts, or objects with an `id`, or (Gemini) with a `name` that stands
/// below `models/`. Names that a channel could not have are left out. `None` when there is no list at all.
fn names_in(value: &Value) -> Option<BTreeSet<String>> {
    let list = match value {
        Value::Array(list) => list,
        _ => value
            .get("data")
            .or_else(|| value.get("models"))?
            .as_array()?,
    };
    let name = |entry: &Value| {
        let name = match (entry.as_str(), entry.get("id")) {
            (Some(name), _) => name,
            (None, Some(id)) => id.as_str()?,
            (None, None) => {
                let name = entry.get("name")?.as_str()?;
                name.strip_prefix("models/").unwrap_or(name)
            }
        };
        let name = name.trim();
        is_text(name, MAX_MODEL_CHARS).then(|| name.to_owned())
    };
    Some(list.iter().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_have_many_shapes() {
        for (list, expected) in [
            (
                json!({"object": "list", "data": [{"id": "b"}, {"id": "a", "name": "A"}, {"id": "b"}]}),
                Some(vec!["a", "b"]),
            ),
            (
                json!({"data": [{"type": "model", "id": "claude", "display_name": "C"}], "has_more": false}),
                Some(vec!["claude"]),
            ),
            (
                json!({"models": [{"name": "models/gemini", "displayName": "G"}]}),
                Some(vec!["gemini"]),
            ),
            (
                json!([{"id": "meta/llama", "object": "model"}, "plain"]),
                Some(vec!["meta/llama", "plain"]),
            ),
            (
                json!({"data": [5, null, {"id": ""}, {"id": 7}, {"id": "a\u{0}b"}, {"id": "x".repeat(257)}, {"id": " ok "}]}),
                Some(vec!["ok"]),
            ),
            (json!({"data": []}), Some(vec![])),
            (json!({"data": {"id": "a"}}), None),
            (json!({"error": "no"}), None),
            (json!("text"), None),
        ] {
            let found = names_in(&list);
            let found = found
                .as_ref()
                .map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found, expected, "{list}");
        }
    }
}
