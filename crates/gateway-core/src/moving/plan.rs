//! What a file of another gateway becomes. Owns the shape of the plan and the words for what cannot be taken over; makes
//! no ids and stores nothing.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::MoveSource;
use crate::secret::Secret;
use crate::units::Timestamp;

/// Everything that a file says, in this gateway's terms.
#[derive(Clone, Debug)]
pub struct MovePlan {
    /// The gateway that the file is of.
    pub source: MoveSource,
    /// Its channels, in the file's order.
    pub channels: Vec<ChannelPlan>,
    /// Its client keys.
    pub keys: Vec<ClientKeyPlan>,
    /// Other names of models, each with the models that are tried for it.
    pub aliases: Vec<AliasPlan>,
    /// What cannot be taken over and belongs to none of them.
    pub notes: Vec<MoveNote>,
    /// Environment variables that the file names, sorted, and whether each has a value.
    pub variables: Vec<(String, bool)>,
}

impl MovePlan {
    /// An empty plan.
    pub const fn new(source: MoveSource) -> Self {
        Self {
            source,
            channels: Vec::new(),
            keys: Vec::new(),
            aliases: Vec::new(),
            notes: Vec::new(),
            variables: Vec::new(),
        }
    }
}

/// A channel to create.
#[derive(Clone, Debug, Default)]
pub struct ChannelPlan {
    /// Names it within the file.
    pub item: String,
    /// Its name; not yet unique.
    pub name: String,
    /// What is set of it, as the admin API has it; without name and keys.
    pub members: Map<String, Value>,
    /// Its keys.
    pub keys: Vec<UpstreamKeyPlan>,
    /// What is different here.
    pub notes: Vec<MoveNote>,
}

/// A key of a channel to create.
#[derive(Clone, Debug)]
pub struct UpstreamKeyPlan {
    /// The key itself.
    pub secret: Secret<String>,
    /// Whether it is used.
    pub enabled: bool,
}

/// A client key to create: clients go on with the key that they have.
#[derive(Clone, Debug)]
pub struct ClientKeyPlan {
    /// Names it within the file.
    pub item: String,
    /// Its name.
    pub name: String,
    /// The key as clients send it; `None`: the file has not got it.
    pub secret: Option<Secret<String>>,
    /// Whether it is accepted.
    pub enabled: bool,
    /// Words that it is found by.
    pub tags: Vec<String>,
    /// Models that it may use; none: all.
    pub models: Vec<String>,
    /// When it stops being accepted.
    pub expires_at: Option<Timestamp>,
    /// What is different here.
    pub notes: Vec<MoveNote>,
}

/// Another name of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasPlan {
    /// The name for clients.
    pub name: String,
    /// The models that are tried for it.
    pub models: Vec<String>,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveNote {
    /// What it is.
    pub code: NoteCode,
    /// What it is about: a name, a number, an amount; empty where the code says everything.
    pub subject: String,
}

impl MoveNote {
    /// A note about something.
    pub fn new(code: NoteCode, subject: impl Into<String>) -> Self {
        let subject = subject.into().chars().take(MAX_SUBJECT_CHARS).collect();
        Self { code, subject }
    }
}

/// Subjects come from the file.
const MAX_SUBJECT_CHARS: usize = 300;

/// Makes the enum of codes, their names and their messages out of one list.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident, $name:literal, $blocks:literal: $message:literal;)*) => {
        /// What can be different here, or impossible.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ImportNoteCode"))]
        pub enum NoteCode {
            $($(#[$doc])* #[serde(rename = $name)] $code,)*
        }

        impl NoteCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// Whether what has this note cannot be created.
            pub const fn blocks(self) -> bool {
                match self {
                    $(Self::$code => $blocks,)*
                }
            }

            const fn message(self) -> &'static str {
                match self {
                    $(Self::$code => $message,)*
                }
            }
        }
    };
}

codes! {
    /// A number of a channel's type that is not in the table.
    UnknownType, "unknown_channel_type", true: "Channel type {} is not known.";
    /// A provider that cannot be called.
    UnsupportedType, "unsupported_provider", true: "{} has an API that this gateway does not translate to.";
    /// No base URL, and none that is usual.
    BaseUrlMissing, "base_url_missing", true: "It has no base URL.";
    /// A base URL in an environment variable that was not given.
    BaseUrlVariable, "base_url_variable", true: "Its base URL is in the environment variable {}: enter its value.";
    /// The file has the client key only in part, or not at all.
    ClientKeyHidden, "client_key_hidden", true: "The file does not contain the whole key. Use the database file.";
    /// Rejected by the rules of the configuration.
    Invalid, "invalid", true: "{}";
    /// The file has no key for the channel.
    KeyMissing, "key_missing", false: "The file has no key for it: add one in the channel.";
    /// A key in an environment variable that was not given.
    KeyVariable, "key_variable", false: "Its key is in the environment variable {}: enter its value, or add the key in the channel.";
    /// A key that is none.
    KeyInvalid, "key_invalid", false: "{} of its keys cannot be used here: they are too long or contain spaces.";
    /// Switched off by hand.
    Disabled, "disabled", false: "It was disabled, and is created so.";
    /// Switched off by the other gateway.
    AutoDisabled, "auto_disabled", false: "It was disabled automatically after errors, and is created disabled.";
    /// Serves no model there; an empty list would serve all of them here.
    NoModels, "no_models", false: "It has no models. Here that would mean all of them, so it is created disabled.";
    /// Groups of users.
    Groups, "groups", false: "Groups ({}) do not restrict access here; they are kept as tags.";
    /// A total quota.
    Quota, "quota", false: "The remaining quota of {} is not taken over: limits here are per minute, day or month.";
    /// Nothing left of the quota.
    Exhausted, "quota_exhausted", false: "Its quota was used up; it is created disabled.";
    /// Past its expiry.
    Expired, "expired", false: "It has expired, and is created disabled.";
    /// Addresses that it may be used from.
    AllowedAddresses, "allowed_addresses", false: "It could only be used from {}; keys are not bound to addresses here.";
    /// A setting without a counterpart.
    SettingIgnored, "setting_ignored", false: "The setting {} is not taken over.";
    /// Another API of the provider.
    Compatible, "compatible_endpoint", false: "It is called through its provider's OpenAI-compatible API.";
    /// Rates of an upstream.
    RateIgnored, "rate_as_weight", false: "{} is not enforced here; it decides the channel's share.";
    /// The other gateway's own admin key.
    MasterKey, "master_key_ignored", false: "general_settings.master_key is not taken over: create client keys here.";
    /// Accounts and what belongs to them.
    Accounts, "accounts_ignored", false: "Accounts, quotas, group ratios, redemption codes and logs are not taken over.";
    /// Rows that were deleted there.
    Deleted, "deleted", false: "{} deleted entries are left out.";
    /// More rows than are read.
    TooMany, "too_many", false: "The file has more than {} entries of a kind; the rest is left out.";
    /// Keys that are kept elsewhere.
    VirtualKeys, "virtual_keys", false: "Virtual keys and teams of LiteLLM are in its database, not in this file.";
    /// An alias whose target is unknown.
    AliasInvalid, "alias_invalid", false: "{} is no alias that can be taken over.";
    /// Sends with parameters that a request may replace.
    ParamsDefault, "params_as_defaults", false: "{} became default parameters: a request's own value wins.";
}

impl fmt::Display for MoveNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.message().split_once("{}") {
            Some((before, after)) => write!(formatter, "{before}{}{after}", self.subject),
            None => formatter.write_str(self.code.message()),
        }
    }
}
