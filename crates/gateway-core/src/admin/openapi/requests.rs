//! The bodies of requests. Most of them are what the gateway shows, with other members required: their schemas are made of
//! the stored types and of the views. The readers are written by hand, so that they can report all mistakes at once;
//! tests hold them to what is described here.
#![expect(
    dead_code,
    reason = "members of types that are only described and never made"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::admin::accounts::AccountView;
use crate::admin::accounts::exported::ExportedAccount;
use crate::admin::accounts::stored::MAX_ACCOUNTS;
use crate::admin::config::ExportedClientKey;
use crate::admin::move_in::{DuplicateWish, NameConflictWish};
use crate::admin::principal::Role;
use crate::config::alerts::{AlertRules, DestinationKind};
use crate::config::bounds::{
    DEFAULT_GRACE_S, MAX_CHANNELS, MAX_CLIENT_KEYS, MAX_DESTINATIONS, MAX_GRACE_S, MAX_NAME_CHARS,
    MAX_URL_BYTES, MAX_WEBHOOK_SECRET_CHARS,
};
use crate::config::model::{ChannelConfig, DOCUMENT_VERSION, Settings};
use crate::config::shapes::{Id, Name, NewPassword, WholeKey, never_null};
use crate::moving::MoveSource;
use crate::time_text::TimeText;

/// `POST login`
#[derive(JsonSchema)]
#[schemars(rename = "Login")]
#[schemars(transform = never_null)]
pub struct LoginBody {
    /// The variable `admin_password`; with `name` the password of an account.
    password: Option<String>,
    /// The name of an account.
    name: Option<String>,
    /// A one-time code, or a recovery code, where the account needs one.
    totp: Option<String>,
    /// A client key, alone: for a session that sees the use of this key and nothing else.
    key: Option<String>,
}

/// `POST account/password`
#[derive(JsonSchema)]
#[schemars(rename = "OwnPassword")]
pub struct OwnPasswordBody {
    /// The present password.
    current: String,
    /// The new one.
    #[schemars(with = "NewPassword")]
    new: String,
}

/// `PUT account/totp`
#[derive(JsonSchema)]
#[schemars(rename = "TotpChange", transform = never_null)]
pub struct TotpBody {
    /// The present password.
    current: String,
    /// In base32, as the gateway made it; null: no codes are needed any more.
    #[schemars(required, schema_with = "nullable_text")]
    secret: Option<String>,
    /// A code of the secret, which shows that the app has it.
    code: Option<String>,
}

/// `POST keys/{id}/rotate`
#[derive(JsonSchema)]
#[schemars(rename = "Rotation")]
pub struct RotateBody {
    /// Seconds for which the old key stays valid; 0: it is rejected at once.
    #[schemars(range(min = 0, max = MAX_GRACE_S), default = "default_grace")]
    grace_s: u64,
}

/// `POST playground/key`
#[derive(JsonSchema)]
#[schemars(rename = "PlaygroundKey")]
pub struct PlaygroundKeyBody {
    /// Whether the key gets a new value and the one before is rejected at once, for a key that has leaked.
    #[schemars(default)]
    rotate: bool,
}

fn nullable_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"] })
}

const fn default_grace() -> u64 {
    DEFAULT_GRACE_S
}

/// A key of a channel that is written: a text is a new key, an object one that stays. Kept keys that are left out are
/// removed.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "KeyChange")]
enum KeyBody {
    /// A new key, whole.
    New(#[schemars(with = "WholeKey")] String),
    /// A key that stays.
    Kept(KeptKeyBody),
}

/// A key that stays.
#[derive(JsonSchema)]
#[schemars(inline, transform = never_null)]
struct KeptKeyBody {
    /// `uk_…`
    #[schemars(with = "Id")]
    id: String,
    /// Whether it is used; absent: as it is.
    enabled: Option<bool>,
    /// The first and last characters of the key; ignored.
    #[schemars(extend("readOnly" = true))]
    hint: Option<Value>,
    /// Its health; ignored.
    #[schemars(extend("readOnly" = true))]
    status: Option<Value>,
    /// When its cooldown ends; ignored.
    #[schemars(extend("readOnly" = true))]
    until: Option<Value>,
}

/// An upstream key as it is imported: the whole key, or an object with `id`, `key` or both.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "ConfigKeyInput")]
enum ImportedKeyBody {
    /// The whole key. It keeps the id that the same key of this channel has.
    Whole(#[schemars(with = "WholeKey")] String),
    /// `id`, `key` or both.
    Named(NamedKeyBody),
}

/// `id`, `key` or both.
#[derive(JsonSchema)]
#[schemars(inline, transform = never_null)]
struct NamedKeyBody {
    /// `uk_…`
    id: Option<Id>,
    /// The whole key. Absent: the gateway has it, under this id in the channel with the same id.
    key: Option<WholeKey>,
    /// Whether it is used.
    #[schemars(default = "yes")]
    enabled: bool,
    /// The first and last characters of the key; ignored.
    #[schemars(extend("readOnly" = true))]
    hint: Option<Value>,
    /// Its health; ignored.
    #[schemars(extend("readOnly" = true))]
    status: Option<Value>,
    /// When its cooldown ends; ignored.
    #[schemars(extend("readOnly" = true))]
    until: Option<Value>,
}

const fn yes() -> bool {
    true
}

/// A whole configuration, in place of everything that is there.
#[derive(JsonSchema)]
#[schemars(rename = "ConfigInput", transform = never_null)]
pub struct ConfigBody {
    /// The version of the document's form.
    #[schemars(range(min = DOCUMENT_VERSION, max = DOCUMENT_VERSION))]
    version: u32,
    /// All channels.
    #[schemars(length(max = MAX_CHANNELS))]
    channels: Vec<ImportedChannelBody>,
    /// All client keys.
    #[schemars(length(max = MAX_CLIENT_KEYS))]
    keys: Vec<ImportedClientKeyBody>,
    /// Limits of the whole gateway. What is left out has its default.
    #[schemars(default)]
    settings: Settings,
    /// Rules and destinations of alerts. What is left out has its default; destinations that are left out are removed.
    #[schemars(default)]
    alerts: AlertsChangeBody,
    /// All accounts; absent: they stay. Only owners can import more than settings.
    #[schemars(length(max = MAX_ACCOUNTS))]
    accounts: Option<Vec<ImportedAccountBody>>,
}

/// What shall change of alerts; rules that are left out stay. Without `destinations` they stay; in a list, those that are
/// left out are removed.
#[derive(Default, JsonSchema)]
#[schemars(rename = "AlertsChange", transform = never_null)]
pub struct AlertsChangeBody {
    /// When there is an alert.
    rules: Option<AlertRules>,
    /// Where messages are sent.
    #[schemars(length(max = MAX_DESTINATIONS))]
    destinations: Option<Vec<DestinationBody>>,
}

/// A destination: a new one has `name`, `kind` and `url`; of one whose id is known, what is left out stays.
#[derive(JsonSchema)]
#[schemars(rename = "AlertDestinationChange", transform = never_null)]
pub struct DestinationBody {
    /// `ad_…`; absent: a new destination.
    id: Option<Id>,
    /// Its display name.
    name: Option<Name>,
    /// What its messages look like.
    kind: Option<DestinationKind>,
    /// Whether messages are sent to it.
    enabled: Option<bool>,
    /// The webhook's URL, as the vendor gives it.
    #[schemars(length(min = 1, max = MAX_URL_BYTES))]
    url: Option<String>,
    /// Signs messages (`feishu`, `dingtalk`), or is sent as a bearer token (`json`, `ntfy`); null: none.
    secret: Option<WebhookSecretBody>,
    /// For `telegram`: the id or the name of the chat; null: none.
    recipient: Option<RecipientBody>,
    /// The URL's host and its end; ignored.
    #[schemars(extend("readOnly" = true))]
    hint: Option<Value>,
    /// Ignored.
    #[schemars(extend("readOnly" = true))]
    has_secret: Option<Value>,
}

/// A price list: an object of models as `LiteLLM` has it, or `OpenRouter`'s list of them in `data`. Members that are not
/// known are ignored.
#[derive(JsonSchema)]
#[schemars(rename = "PriceList")]
pub struct PriceListBody {
    /// `LiteLLM`'s models, or `data`.
    #[schemars(flatten)]
    models: BTreeMap<String, Value>,
}

/// A file of another gateway, and what of it is wanted.
#[derive(JsonSchema)]
#[schemars(rename = "ImportInput", transform = never_null)]
pub struct MoveBody {
    /// The file's bytes in base64.
    #[schemars(length(min = 1))]
    file: String,
    /// The gateway that it is of; absent: what it looks like.
    format: Option<MoveSource>,
    /// What becomes of names that the gateway has already.
    #[schemars(default)]
    name_conflicts: NameConflictWish,
    /// What becomes of channels that the gateway has already.
    #[schemars(default)]
    duplicates: DuplicateWish,
    /// What is not created, by its `item`.
    #[schemars(default)]
    leave_out: Vec<String>,
    /// Values of the environment variables that the file names.
    #[schemars(default)]
    variables: BTreeMap<String, String>,
}

schema_types! {
    /// The secret of a destination
    WebhookSecretBody as "AlertSecret": "A text, or null.",
        |_: &mut SchemaGenerator| NullableText(MAX_WEBHOOK_SECRET_CHARS);
    /// The recipient of a destination
    RecipientBody as "AlertRecipient": "A text, or null.",
        |_: &mut SchemaGenerator| NullableText(MAX_NAME_CHARS);
    /// `POST channels`
    ChannelCreateBody as "ChannelCreate": "A new channel. What is left out has its default.",
        |generator: &mut SchemaGenerator| Body::like::<ChannelChangeBody>(generator)
            .required(&["name", "base_url", "keys"]);
    /// `PATCH channels/{id}`
    ChannelChangeBody as "ChannelChange":
        "What shall change of a channel; members that are left out stay. What the gateway itself says of a channel is \
         ignored, so that a channel can be sent back as it was read. The defaults are those of a new channel.",
        |generator: &mut SchemaGenerator| channel::<KeyBody>(generator)
            .read_only(&["id", "created_at", "updated_at", "revision"]);
    /// `POST models`
    ModelsBody as "ModelsRequest": "A channel as it would be created or changed.",
        |generator: &mut SchemaGenerator| Body::like::<ChannelChangeBody>(generator)
            .with(
                "channel_id",
                "The channel that is being changed: what is left out is as it is there, and its keys can be named by \
                 their ids.",
                Id::json_schema(generator),
            );
    /// A channel of `PUT config`
    ImportedChannelBody as "ConfigChannelInput": "A channel as it is imported. What is left out has its default.",
        |generator: &mut SchemaGenerator| channel::<ImportedKeyBody>(generator)
            .read_only(&["revision"])
            .required(&["id", "name", "base_url", "keys"]);
    /// `POST keys`
    ClientKeyCreateBody as "ClientKeyCreate": "A new client key. The gateway makes the key itself.",
        |generator: &mut SchemaGenerator| Body::like::<ClientKeyChangeBody>(generator).required(&["name"]);
    /// `PATCH keys/{id}`
    ClientKeyChangeBody as "ClientKeyChange":
        "What shall change of a client key; members (also limits) that are left out stay. The defaults are those of a \
         new key.",
        |generator: &mut SchemaGenerator| client_key(generator)
            .without(&["hash"])
            .with(
                "previous",
                "Null: the key that was replaced is rejected from now on, if there is one. An object is ignored.",
                json_schema!({ "type": ["object", "null"], "additionalProperties": true }),
            )
            .read_only(&["id", "hint", "created_at", "last_used_at", "revision"]);
    /// `POST accounts`
    AccountCreateBody as "AccountCreate": "A new account.",
        |generator: &mut SchemaGenerator| Body::like::<AccountChangeBody>(generator)
            .required(&["name", "role", "password"]);
    /// `PATCH accounts/{id}`
    AccountChangeBody as "AccountChange": "What shall change of an account; members that are left out stay.",
        |generator: &mut SchemaGenerator| account(generator)
            .read_only(&["id", "created_at", "updated_at", "revision"]);
    /// An account of `PUT config`
    ImportedAccountBody as "ConfigAccountInput": "An account as it is imported.",
        |generator: &mut SchemaGenerator| Body::of(&ExportedAccount::json_schema(generator))
            .with("role", "What the person may do.", role())
            .required(&["id", "name", "role", "password_hash"]);
    /// A client key of `PUT config`
    ImportedClientKeyBody as "ConfigClientKeyInput":
        "A client key as it is imported. What is left out has its default.",
        |generator: &mut SchemaGenerator| client_key(generator)
            .read_only(&["last_used_at", "revision"])
            .required(&["id", "name", "hash"]);
}

fn account(generator: &mut SchemaGenerator) -> Body {
    Body::of(&AccountView::json_schema(generator))
        .with("role", "What the person may do.", role())
        .with(
            "password",
            "Never shown.",
            NewPassword::json_schema(generator),
        )
        .without(&["totp", "recovery_codes"])
        .with(
            "totp",
            "Null: one-time codes are not needed any more. A boolean is ignored.",
            json_schema!({ "type": ["boolean", "null"] }),
        )
        .with(
            "recovery_codes",
            "As the gateway shows it; ignored.",
            json_schema!({ "type": "integer", "readOnly": true }),
        )
}

/// The roles that accounts can have.
fn role() -> Schema {
    json_schema!({ "type": "string", "enum": Role::OF_ACCOUNTS.map(Role::word) })
}

pub(super) fn channel<K: JsonSchema>(generator: &mut SchemaGenerator) -> Body {
    Body::of(&ChannelConfig::<K, TimeText>::json_schema(generator))
}

pub(super) fn client_key(generator: &mut SchemaGenerator) -> Body {
    Body::of(&ExportedClientKey::json_schema(generator))
}

/// The schema of a text that may be null.
struct NullableText(usize);

impl NullableText {
    fn described(self, description: &str) -> Schema {
        json_schema!({
            "type": ["string", "null"], "description": description, "minLength": 1, "maxLength": self.0
        })
    }
}

/// The schema of an object that is being changed.
#[derive(Default)]
pub(super) struct Body {
    /// The schema whose members it has as well.
    like: Option<Value>,
    members: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Body {
    fn of(schema: &Schema) -> Self {
        let members = schema
            .as_object()
            .and_then(|schema| schema.get("properties")?.as_object().cloned())
            .unwrap_or_default();
        Self {
            members,
            ..Self::default()
        }
    }

    fn like<T: JsonSchema>(generator: &mut SchemaGenerator) -> Self {
        Self {
            like: Some(generator.subschema_for::<T>().to_value()),
            ..Self::default()
        }
    }

    fn with(mut self, name: &str, description: &str, schema: Schema) -> Self {
        let mut schema = schema.to_value();
        schema["description"] = description.into();
        self.members.insert(name.to_owned(), schema);
        self
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.members
            .retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    pub(super) fn only(mut self, names: &[&str]) -> Self {
        self.members
            .retain(|name, _| names.contains(&name.as_str()));
        self
    }

    /// What the gateway says of the object and ignores in requests.
    fn read_only(mut self, names: &[&str]) -> Self {
        for name in names {
            let shown = json!({
                "type": ["string", "null"],
                "readOnly": true,
                "description": "As the gateway shows it; ignored.",
            });
            self.members.insert((*name).to_owned(), shown);
        }
        self
    }

    fn required(mut self, names: &[&'static str]) -> Self {
        self.required.extend(names);
        self
    }

    pub(super) fn described(self, description: &str) -> Schema {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("description".to_owned(), description.into());
        if let Some(like) = self.like {
            schema.insert("allOf".to_owned(), json!([like]));
        }
        if !self.members.is_empty() {
            schema.insert("properties".to_owned(), self.members.into());
        }
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        schema.into()
    }
}
