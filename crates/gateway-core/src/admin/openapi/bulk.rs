//! The bodies of bulk changes, as schemas. The reader is [`crate::admin::bulk`]'s; a test holds it to what is described
//! here.
#![expect(
    dead_code,
    reason = "members of types that are only described and never made"
)]

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::requests::{channel, client_key};
use crate::admin::bulk::{CHANNEL_MEMBERS, KEY_MEMBERS, MAX_TARGETS};
use crate::config::bounds::{MAX_MODELS, MAX_TAGS};
use crate::config::shapes::{Id, ModelName, Tag, never_null};

/// Many objects with one change of all (`ids`), or with a change of each (`changes`). All of them are changed, or none.
#[derive(JsonSchema)]
#[schemars(rename = "{C}Request", transform = never_null)]
pub struct BulkBody<C> {
    /// The objects.
    #[schemars(with = "Option<Vec<Id>>", length(min = 1, max = MAX_TARGETS))]
    ids: Option<Vec<String>>,
    /// What becomes of all of them; members that are left out stay.
    change: Option<C>,
    /// Whether they are deleted; with `ids` and nothing else.
    #[schemars(default)]
    delete: bool,
    /// Tags that they get where they lack them.
    #[schemars(with = "Option<Vec<Tag>>", length(max = MAX_TAGS))]
    add_tags: Option<Vec<String>>,
    /// Tags that are taken from them.
    #[schemars(with = "Option<Vec<Tag>>", length(max = MAX_TAGS))]
    remove_tags: Option<Vec<String>>,
    /// Models that they get where they lack them. Those with all models stay as they are.
    #[schemars(with = "Option<Vec<ModelName>>", length(max = MAX_MODELS))]
    add_models: Option<Vec<String>>,
    /// Models that are taken from them. Those with all models stay as they are; the last model cannot be taken, since
    /// none means all.
    #[schemars(with = "Option<Vec<ModelName>>", length(max = MAX_MODELS))]
    remove_models: Option<Vec<String>>,
    /// A change of each, as it undoes another one; with nothing else.
    #[schemars(length(min = 1, max = MAX_TARGETS))]
    changes: Option<Vec<SeparateChange<C>>>,
}

/// A change of one of many objects.
#[derive(JsonSchema)]
#[schemars(rename = "{C}OfOne", transform = never_null)]
struct SeparateChange<C> {
    /// `ch_…` or `ck_…`
    #[schemars(with = "Id")]
    id: String,
    /// The state that is to be changed: 412 for all when it is another one. Absent: any.
    revision: Option<String>,
    /// What becomes of it; members that are left out stay.
    change: C,
}

schema_types! {
    /// `POST channels/bulk`
    ChannelBulkChange as "ChannelBulk": "The members of channels that can be the same for many.",
        |generator: &mut SchemaGenerator| channel::<String>(generator).only(CHANNEL_MEMBERS);
    /// `POST keys/bulk`
    KeyBulkChange as "ClientKeyBulk": "The members of client keys that can be the same for many.",
        |generator: &mut SchemaGenerator| client_key(generator).only(KEY_MEMBERS);
}
