//! The parameters of queries, as types whose members they are. The calls read them by hand; tests hold both to the same
//! names.
#![expect(
    dead_code,
    reason = "members of a type that is only described and never made"
)]

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::schemas::{AuditActionWord, AuditKindWord, ReasonCode, RequestEnd};
use crate::admin::key_state::ListedKeyState;
use crate::admin::list::{MAX_PAGE_ROWS, MAX_SEARCH_CHARS};
use crate::admin::requests::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::admin::usage::MAX_TOP;
use crate::config::bounds::{MAX_ID_CHARS, MAX_LOG_ROWS, MAX_MODEL_CHARS, MAX_TAG_CHARS};
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

/// What all lists of configured objects have.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
struct ListParameters {
    /// Words that must all occur in the name, the hint of a key, the id, a tag, a model or the base URL.
    #[schemars(length(max = MAX_SEARCH_CHARS))]
    q: Option<String>,
    /// Only those with this tag.
    #[schemars(length(max = MAX_TAG_CHARS))]
    tag: Option<String>,
    /// The direction of `sort`.
    #[schemars(default)]
    order: ListOrder,
    /// Rows of a page; without it the answer has all rows.
    #[schemars(range(min = 1, max = MAX_PAGE_ROWS))]
    limit: Option<u64>,
    /// The `next` of the page before; with the same `sort`, `order` and filters.
    cursor: Option<String>,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ListOrder {
    #[default]
    Asc,
    Desc,
}

/// `GET channels`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct ChannelListParameters {
    #[schemars(flatten)]
    list: ListParameters,
    /// What the list is sorted by; by `created` where `limit` or `order` needs an order, else it is as it is stored.
    sort: Option<ChannelSort>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ChannelSort {
    Created,
    Name,
    Priority,
    Weight,
    Updated,
    Enabled,
    Models,
    Keys,
}

/// `GET keys`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct KeyListParameters {
    #[schemars(flatten)]
    list: ListParameters,
    /// What the list is sorted by; by `created` where `limit` or `order` needs an order, else it is as it is stored.
    sort: Option<KeySort>,
    /// Only those in this state. `active`: accepted, also while over a limit; `expired`: switched on, and past its end;
    /// `limited`: active, and over one of its limits.
    state: Option<ListedKeyState>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum KeySort {
    Created,
    Name,
    Expires,
    LastUsed,
}

/// `GET keys/allowances`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct AllowancesParameters {
    /// Only the client keys with these ids, separated by commas.
    ids: Option<String>,
    /// Only those that have used so much of one of their limits.
    #[schemars(default, range(min = 0, max = 100))]
    used_percent: u64,
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
    /// What a row is the sum of; `total`: the whole span.
    #[schemars(default)]
    bucket: BucketParameter,
    /// What rows are grouped by. `tag` stands for the tags of client keys, `channel_tag` for those of channels, as they are
    /// now; a request counts for each tag, and for the empty one where there is none. `reason` counts requests without an answer, of all models and channels or of one
    /// `key`.
    #[schemars(default)]
    group: Grouping,
    /// Only the `top` members of the group that have most of `by` within the whole span; the rest of each bucket is summed
    /// in one row with `other`.
    #[schemars(range(min = 1, max = MAX_TOP))]
    top: Option<u64>,
    /// What `top` goes by, and the order of the rows of `bucket=total`.
    #[schemars(default)]
    by: MeasureParameter,
    /// Only requests of client keys and channels with this tag.
    #[schemars(length(max = MAX_TAG_CHARS))]
    tag: Option<String>,
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

/// `GET me/usage`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct OwnUsageParameters {
    /// Inclusive; 24 hours before `to` unless given.
    from: Option<Time>,
    /// Exclusive; now unless given.
    to: Option<Time>,
    /// What a row is the sum of; `total`: the whole span.
    #[schemars(default)]
    bucket: BucketParameter,
    /// What rows are grouped by.
    #[schemars(default)]
    group: OwnGrouping,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum OwnGrouping {
    #[default]
    Model,
    None,
}

/// `GET me/requests`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct OwnRequestsParameters {
    /// Rows of the page.
    #[schemars(range(min = 1, max = MAX_LIMIT), default = "default_limit")]
    limit: u64,
    /// The `next` of the page before.
    cursor: Option<String>,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum BucketParameter {
    #[default]
    Hour,
    Day,
    Total,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum MeasureParameter {
    #[default]
    Requests,
    Errors,
    Tokens,
    Cost,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Grouping {
    #[default]
    Model,
    Channel,
    Key,
    Tag,
    ChannelTag,
    Reason,
    None,
}

/// What selects requests of the log.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
struct RequestFilters {
    /// Words that must all occur in the name, hint or tag of the client key or channel; or a part of a model or of the id.
    #[schemars(length(max = MAX_SEARCH_CHARS))]
    q: Option<String>,
    /// Only requests of client keys and channels with this tag.
    #[schemars(length(max = MAX_TAG_CHARS))]
    tag: Option<String>,
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

/// `GET requests`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct RequestsParameters {
    /// Rows of the page.
    #[schemars(default = "default_limit", range(min = 1, max = MAX_LIMIT))]
    limit: u64,
    #[schemars(flatten)]
    filters: RequestFilters,
    /// What the log is sorted by. All but `time` read all requests that the filters select.
    #[schemars(default)]
    sort: RequestSortParameter,
    /// The direction of `sort`.
    #[schemars(default)]
    order: LogOrder,
    /// The `next` of the page before; with the same `sort`, `order` and filters.
    #[schemars(length(max = MAX_ID_CHARS))]
    cursor: Option<String>,
    /// The id of the last row of the page before; the same as `cursor`.
    #[schemars(length(max = MAX_ID_CHARS))]
    before: Option<String>,
}

/// `GET requests.csv`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct RequestsCsvParameters {
    /// Rows at most; all unless given.
    #[schemars(range(min = 1, max = MAX_LOG_ROWS))]
    limit: Option<u64>,
    #[schemars(flatten)]
    filters: RequestFilters,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum RequestSortParameter {
    #[default]
    Time,
    TotalMs,
    Tokens,
    Cost,
}

#[derive(Default, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum LogOrder {
    Asc,
    #[default]
    Desc,
}

const fn default_limit() -> u64 {
    DEFAULT_LIMIT
}

/// `GET audit` and `GET audit.csv`.
#[derive(JsonSchema)]
#[schemars(transform = never_null)]
pub struct AuditParameters {
    /// Words that must all occur in an entry.
    #[schemars(length(max = MAX_SEARCH_CHARS))]
    q: Option<String>,
    /// Only what this account did.
    who: Option<String>,
    /// Only this action.
    action: Option<AuditActionWord>,
    /// Only this kind of object.
    kind: Option<AuditKindWord>,
    /// Only the object with this id.
    #[schemars(length(max = MAX_ID_CHARS))]
    object: Option<String>,
    /// Inclusive.
    from: Option<Time>,
    /// Exclusive.
    to: Option<Time>,
    /// Entries of the page: 50 without it, and in a file 10,000.
    #[schemars(range(min = 1, max = MAX_PAGE_ROWS))]
    limit: Option<u64>,
    /// The `next` of the page before; with the same filters.
    cursor: Option<String>,
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
