//! The parameters of queries, as types whose members they are. The calls read them by hand; tests hold both to the same
//! names.
#![expect(
    dead_code,
    reason = "members of a type that is only described and never made"
)]

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::schemas::{ReasonCode, RequestEnd};
use crate::admin::requests::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::config::bounds::{MAX_ID_CHARS, MAX_MODEL_CHARS};
use crate::config::shapes::{ModelName, Time, never_null};

/// `POST channels` and `PATCH channels/{id}`.
#[derive(JsonSchema)]
pub struct CreationParameters {
    /// What becomes of new keys that the channel has already, or that are in the list twice: `refuse` (400) or `skip`.
    #[schemars(default)]
    duplicate_keys: DuplicateKeys,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum DuplicateKeys {
    #[default]
    Refuse,
    Skip,
}

/// `GET config`.
#[derive(JsonSchema)]
pub struct ExportParameters {
    /// Whether the upstream keys are in it whole. Keep such an export as you keep keys.
    #[schemars(default)]
    secrets: bool,
}

/// `POST prices/import`.
#[derive(JsonSchema)]
pub struct PriceImportParameters {
    /// Whether nothing is stored and the answer only says what would be.
    #[schemars(default)]
    dry_run: bool,
    /// Which models of the list are taken: those that a channel or the settings name or that have a price already
    /// (`named`), or `all` of them.
    #[schemars(default)]
    models: ListedModelsParameter,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ListedModelsParameter {
    #[default]
    Named,
    All,
}

/// `GET route`.
#[derive(JsonSchema)]
pub struct RouteParameters {
    /// A client's model name.
    #[schemars(with = "ModelName")]
    model: String,
}

/// `GET usage`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct UsageParameters {
    /// Inclusive; 24 hours before `to` unless given.
    from: Option<Time>,
    /// Exclusive; now unless given.
    to: Option<Time>,
    /// What a row is the sum of.
    #[schemars(default)]
    bucket: BucketParameter,
    /// What rows are grouped by. `reason` counts requests without an answer, of all models and channels or of one
    /// `key`.
    #[schemars(default)]
    group: Grouping,
    /// Only this model.
    #[schemars(length(max = MAX_MODEL_CHARS))]
    model: Option<String>,
    /// Only the channel with this id.
    #[schemars(length(max = MAX_ID_CHARS))]
    channel: Option<String>,
    /// Only the client key with this id.
    #[schemars(length(max = MAX_ID_CHARS))]
    key: Option<String>,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum BucketParameter {
    #[default]
    Hour,
    Day,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Grouping {
    #[default]
    Model,
    Channel,
    Key,
    Reason,
    None,
}

/// `GET requests`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct RequestsParameters {
    /// Rows of the page.
    #[schemars(default = "default_limit", range(min = 1, max = MAX_LIMIT))]
    limit: u64,
    /// The id of the last row of the page before.
    #[schemars(length(max = MAX_ID_CHARS))]
    before: Option<String>,
    /// A status, a class of them, or whatever was refused or broke off.
    #[schemars(regex(pattern = "^([1-5][0-9][0-9]|2xx|4xx|5xx|error)$"))]
    status: Option<String>,
    /// By the client's name.
    #[schemars(length(max = MAX_MODEL_CHARS))]
    model: Option<String>,
    /// A client key's id.
    #[schemars(length(max = MAX_ID_CHARS))]
    key: Option<String>,
    /// A channel's id.
    #[schemars(length(max = MAX_ID_CHARS))]
    channel: Option<String>,
    /// How it ended.
    end: Option<RequestEnd>,
    /// Why it has no answer.
    reason: Option<ReasonCode>,
    /// Inclusive.
    from: Option<Time>,
    /// Exclusive.
    to: Option<Time>,
}

const fn default_limit() -> u64 {
    DEFAULT_LIMIT
}

/// The members of an object as parameters of a query.
pub fn of(schema: &Value) -> Vec<Value> {
    let is_required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let members = schema["properties"].as_object().into_iter().flatten();
    let parameter = |(name, member): (&String, &Value)| {
        let mut member = member.clone();
        let members = member.as_object_mut();
        let description = members.and_then(|members| members.remove("description"));
        let mut parameter = json!({
            "name": name,
            "in": "query",
            "description": description,
            "schema": member,
        });
        if is_required(name) {
            parameter["required"] = json!(true);
        }
        parameter
    };
    members.map(parameter).collect()
}
