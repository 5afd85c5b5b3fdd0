//! `/v1/models`: what this key may use here. Owns the list's shapes, and which client gets which.

use http::request::Parts;
use http::{StatusCode, Uri};
use serde::Serialize;
use url::form_urlencoded;

use super::authenticate::may_use;
use super::catalog::Contribution;
use super::vendor_paths;
use super::{anthropic_models, gemini_models};
use crate::config::model::ClientKey;
use crate::config::snapshot::{ListedModel, Snapshot};
use crate::error::{ErrorCode, GatewayError, printable};
use crate::reply::{self, Reply};
use crate::sorting;

/// How a list is requested.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest<'a> {
    /// The API whose format is used.
    pub shape: ListShape,
    /// The query string selects the page.
    pub uri: &'a Uri,
}

/// The formats of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListShape {
    /// OpenAI's.
    OpenAi,
    /// OpenAI's with the member that Codex demands.
    Codex,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
}

impl ListShape {
    /// The format for a request: by its path, its headers, or the version that Codex adds to its query.
    pub fn of(parts: &Parts) -> Self {
        let is_gemini = parts.uri.path().starts_with("/v1beta/");
        if is_gemini || vendor_paths::is_google_client(&parts.headers) {
            return Self::Gemini;
        }
        if parts.headers.contains_key("anthropic-version") {
            return Self::Anthropic;
        }
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        if form_urlencoded::parse(query).any(|(name, _)| name == "client_version") {
            return Self::Codex;
        }
        Self::OpenAi
    }
}

/// A catalog of Codex, always empty: it cannot be read without this member, and an entry would replace what Codex itself
/// knows of the model, its system prompt included.
type CodexCatalog = [(); 0];

#[derive(Serialize)]
struct ModelView<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct ModelsView<'a> {
    object: &'static str,
    data: Vec<ModelView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<CodexCatalog>,
}

impl<'a> From<ListedModel<'a>> for ModelView<'a> {
    fn from(model: ListedModel<'a>) -> Self {
        Self {
            id: model.id,
            object: "model",
            created: model.created,
            owned_by: model.owner,
        }
    }
}

/// Every model that a channel names and the key may use; models that only the key names are listed when a channel
/// without a model list serves them, and so are those that its upstream lists.
pub fn list(
    snapshot: &Snapshot,
    client: &ClientKey,
    contributions: &[Contribution],
    asked: ListRequest<'_>,
) -> Result<Reply, GatewayError> {
    let mut models = snapshot.models();
    let named = contributions.iter().flat_map(|contribution| {
        let Contribution { channel, names } = contribution;
        names.iter().map(|id| ListedModel {
            id,
            created: channel.created,
            owner: &channel.name,
        })
    });
    models.extend(named);
    models.retain(|model| may_use(client, model.id));
    models.extend(client.models.iter().filter_map(|id| snapshot.listed(id)));
    // Stable, so that the first channel that serves a model is the one named as its owner.
    sorting::sort_by_key(&mut models, |model| model.id);
    models.dedup_by_key(|model| model.id);
    Ok(match asked.shape {
        ListShape::Anthropic => {
            reply::json(StatusCode::OK, &anthropic_models::page(models, asked.uri)?)
        }
        ListShape::Gemini => reply::json(StatusCode::OK, &gemini_models::page(models, asked.uri)?),
        ListShape::OpenAi | ListShape::Codex => reply::json(
            StatusCode::OK,
            &ModelsView {
                object: "list",
                data: models.into_iter().map(ModelView::from).collect(),
                models: (asked.shape == ListShape::Codex).then_some([]),
            },
        ),
    })
}

/// One model.
pub fn one(
    snapshot: &Snapshot,
    client: &ClientKey,
    id: &str,
    asked: ListRequest<'_>,
) -> Result<Reply, GatewayError> {
    let Some(model) = snapshot.listed(id).filter(|_| may_use(client, id)) else {
        return Err(not_found(id));
    };
    Ok(match asked.shape {
        ListShape::Anthropic => reply::json(
            StatusCode::OK,
            &anthropic_models::AnthropicModel::from(model),
        ),
        ListShape::Gemini => reply::json(StatusCode::OK, &gemini_models::GeminiModel::from(model)),
        ListShape::OpenAi | ListShape::Codex => {
            reply::json(StatusCode::OK, &ModelView::from(model))
        }
    })
}

/// No channel serves this model, or this key may not use it; the same message in both cases, so that a key cannot find
/// out what others may use.
pub fn not_found(id: &str) -> GatewayError {
    let shown = printable(id);
    ErrorCode::ModelNotFound
        .error(format!(
            "The model `{shown}` does not exist or this API key may not use it. GET /v1/models lists what it may use."
        ))
        .with_param("model")
}
