//! `/v1/models`: what this key may use here. Owns the list's shape.

use http::StatusCode;
use serde::Serialize;

use super::authenticate::may_use;
use crate::config::model::ClientKey;
use crate::config::snapshot::{ListedModel, Snapshot};
use crate::error::{Case, GatewayError, printable};
use crate::reply::{self, Reply};

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

impl<'a> From<ListedModel<'a>> for Model<'a> {
    fn from(model: ListedModel<'a>) -> Self {
        Self {
            id: model.id,
            object: "model",
            created: model.created,
            owned_by: model.owner,
        }
    }
}

/// Every model that a channel names and the key may use; models that only the key names are listed when
/// a channel without a model list serves them.
pub fn list(snapshot: &Snapshot, client: &ClientKey) -> Reply {
    let mut models = snapshot.models();
    models.retain(|model| may_use(client, model.id));
    for allowed in &client.models {
        if !models.iter().any(|model| model.id == allowed)
            && let Some(model) = snapshot.listed(allowed)
        {
            models.push(model);
        }
    }
    models.sort_unstable_by_key(|model| model.id);
    models.dedup_by_key(|model| model.id);
    let data = models.into_iter().map(Model::from).collect();
    reply::json(
        StatusCode::OK,
        &List {
            object: "list",
            data,
        },
    )
}

/// One model.
pub fn one(snapshot: &Snapshot, client: &ClientKey, id: &str) -> Result<Reply, GatewayError> {
    match snapshot.listed(id).filter(|_| may_use(client, id)) {
        Some(model) => Ok(reply::json(StatusCode::OK, &Model::from(model))),
        None => Err(not_found(id)),
    }
}

/// Nobody serves this model to this key; the same words in both cases, so that a key cannot find out
/// what others may use.
pub fn not_found(id: &str) -> GatewayError {
    let shown = printable(id);
    Case::ModelNotFound
        .error(format!(
            "The model `{shown}` does not exist or this API key may not use it. GET /v1/models lists what it may use."
        ))
        .with_param("model")
}
