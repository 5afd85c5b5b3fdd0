//! How an import looks from outside. Owns the shapes; whole keys are in none of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "schema")]
use crate::config::shapes::{Id, Time};
use crate::moving::MoveSource;
use crate::moving::plan::UpstreamKeyPlan;
use crate::moving::plan::{MoveNote, NoteCode};
use crate::secret;

/// What an import creates, or would.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Import")
)]
pub struct MoveView {
    /// Whether it was stored.
    pub applied: bool,
    /// The gateway that the file is of.
    pub format: MoveSource,
    /// How many are created.
    pub created: CreatedCounts,
    /// The channels of the file.
    pub channels: Vec<MovedChannelView>,
    /// Its client keys.
    pub keys: Vec<MovedKeyView>,
    /// Its other names of models.
    pub aliases: Vec<MovedAliasView>,
    /// What cannot be taken over and belongs to none of them.
    pub notes: Vec<NoteView>,
    /// Environment variables that the file names. Their values are given in `variables`.
    pub variables: Vec<VariableView>,
}

/// How many are created.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportCounts")
)]
pub struct CreatedCounts {
    /// Channels.
    pub channels: usize,
    /// Client keys.
    pub keys: usize,
    /// Aliases.
    pub aliases: usize,
}

/// Why something is not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportSkipped")
)]
pub enum SkipReason {
    /// Its notes say why it cannot be.
    Impossible,
    /// The request leaves it out.
    LeftOut,
    /// The gateway has it.
    Duplicate,
    /// The gateway has one with this name.
    NameTaken,
    /// The gateway has as many as it may have.
    Full,
}

/// A channel of the file.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportChannel")
)]
pub struct MovedChannelView {
    /// Names it within the file, for `leave_out`.
    pub item: String,
    /// The name that it gets.
    pub name: String,
    /// Why it is not created; null: it is.
    pub skipped: Option<SkipReason>,
    /// Its id; null before it is created.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub id: Option<String>,
    /// The id of the channel with the same address and key; null: none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub duplicate_of: Option<String>,
    /// The kind of its provider; null: unknown.
    pub provider: Option<String>,
    /// Its base URL; null: unknown.
    pub base_url: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// The first and last characters of its keys.
    pub keys: Vec<String>,
    /// Its models.
    pub models: Vec<String>,
    /// Models with another name at the upstream; of Azure, those with a deployment of another name.
    pub model_map: BTreeMap<String, String>,
    /// The order in which channels are tried.
    pub priority: u64,
    /// Its share within its priority.
    pub weight: u64,
    /// Its tags.
    pub tags: Vec<String>,
    /// What is different here.
    pub notes: Vec<NoteView>,
}

/// A client key of the file.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportKey")
)]
pub struct MovedKeyView {
    /// Names it within the file, for `leave_out`.
    pub item: String,
    /// The name that it gets.
    pub name: String,
    /// Why it is not created; null: it is.
    pub skipped: Option<SkipReason>,
    /// Its id; null before it is created.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub id: Option<String>,
    /// The id of the client key that is the same; null: none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub duplicate_of: Option<String>,
    /// The first and last characters of the key; null: the file has not got it.
    pub hint: Option<String>,
    /// Whether it is accepted.
    pub enabled: bool,
    /// Models that it may use; none: all.
    pub models: Vec<String>,
    /// When it stops being accepted; null: never.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub expires_at: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What is different here.
    pub notes: Vec<NoteView>,
}

/// Another name of a model.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportAlias")
)]
pub struct MovedAliasView {
    /// Names it within the file, for `leave_out`.
    pub item: String,
    /// The name for clients.
    pub name: String,
    /// Why it is not created; null: it is.
    pub skipped: Option<SkipReason>,
    /// The models that are tried for it.
    pub models: Vec<String>,
}

/// One thing that is not as it was.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportNote")
)]
pub struct NoteView {
    /// What it is.
    pub code: NoteCode,
    /// What it is about: a name, a number, an amount; empty where the code says everything.
    pub subject: String,
    /// The same as a sentence.
    pub message: String,
}

impl NoteView {
    /// All of these notes.
    pub fn all(notes: &[MoveNote]) -> Vec<Self> {
        let view = |note: &MoveNote| Self {
            code: note.code,
            subject: note.subject.clone(),
            message: note.to_string(),
        };
        notes.iter().map(view).collect()
    }
}

/// A variable that the file names.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportVariable")
)]
pub struct VariableView {
    /// Its name.
    pub name: String,
    /// Whether the request has its value.
    pub given: bool,
}

/// The ends of keys.
pub fn hints(keys: &[UpstreamKeyPlan]) -> Vec<String> {
    keys.iter()
        .map(|key| secret::hint(key.secret.expose()))
        .collect()
}

/// The texts of a JSON list.
pub fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}
