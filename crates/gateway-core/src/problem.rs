//! What can be wrong with a value of an admin request: one kind for each rule, with a code for programs, the rule's own
//! values and an English sentence. Owns the sentences; the rules are [`crate::config::validate`]'s.

use std::fmt;

use serde::Serialize;

/// Problems that are given in the error's `details`.
pub const MAX_DETAILS: usize = 100;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The member or parameter at fault, such as `keys[1].id`; empty: the whole body.
    pub path: String,
    /// The rule in English, as the end of a sentence that begins with the path. It never holds a value of the request,
    /// which could be a secret.
    pub message: String,
    /// The rule.
    #[serde(flatten)]
    pub kind: ProblemKind,
}

impl Problem {
    /// A problem of the value at `path`.
    pub fn new(path: impl Into<String>, kind: ProblemKind) -> Self {
        Self {
            path: path.into(),
            message: kind.to_string(),
            kind,
        }
    }
}

/// The rule that a value breaks; `values` are what the rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", content = "values", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ProblemKind {
    /// The member is missing.
    Required,
    /// The list is missing; an empty one would remove everything.
    ListRequired,
    /// The provider `azure` needs the member.
    AzureRequired,
    /// Only the provider `azure` has the member.
    AzureForbidden,
    /// There is no such member; most often it is misspelt.
    UnknownField,
    /// The value has another type.
    WrongType {
        /// The type that it must have.
        expected: ExpectedType,
    },
    /// The number is no integer, or out of its range.
    OutOfRange {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
        /// Whether null is a value.
        nullable: bool,
    },
    /// The text is empty, too long, or has control characters.
    InvalidText {
        /// The largest number of characters.
        max: usize,
    },
    /// The name of a member is no name of a model.
    InvalidModelName {
        /// The largest number of characters.
        max: usize,
    },
    /// The list or map has too many entries.
    TooMany {
        /// The largest number of entries.
        max: usize,
    },
    /// The value is there twice.
    Duplicate {
        /// Where it must be unique.
        within: Uniqueness,
    },
    /// The upstream key is in this channel already.
    KeyAlreadyInChannel,
    /// The text is no time of RFC 3339.
    InvalidTime {
        /// Whether null is a value.
        nullable: bool,
    },
    /// The value is none of a few.
    InvalidChoice {
        /// All values that there are.
        choices: Vec<&'static str>,
    },
    /// The member's name is no operation that may have a default model.
    UnknownOperation {
        /// The name, shortened.
        operation: String,
        /// All names that there are.
        choices: Vec<&'static str>,
    },
    /// The text is neither an IP address nor a network.
    InvalidNetwork,
    /// The text is no base URL.
    InvalidUrl {
        /// Why.
        reason: UrlProblem,
        /// The largest number of bytes.
        max: usize,
        /// What it was probably meant to be.
        #[serde(skip_serializing_if = "Option::is_none")]
        suggestion: Option<String>,
    },
    /// The text is no upstream key.
    InvalidKey {
        /// Why.
        reason: KeyProblem,
        /// The largest number of bytes.
        max: usize,
    },
    /// The object of a kept key has no `id`.
    KeyIdRequired,
    /// The object of a key has neither `key` nor `id`.
    KeyOrIdRequired,
    /// The channel has no key with this id.
    UnknownKey,
    /// The gateway has no key with this id in a channel with this channel's id, and the document has no whole key.
    UnknownKeyOfDocument,
    /// The name is no name of a header.
    InvalidHeaderName,
    /// The gateway sets this header itself.
    ReservedHeader,
    /// The text cannot be the value of a header.
    InvalidHeaderValue {
        /// The largest number of bytes.
        max: usize,
    },
    /// The tag has a comma.
    CommaInTag,
    /// The list has a parameter that no request can do without.
    ReservedParameter,
    /// The parameter is renamed, so it can be neither the new name of another one nor be added.
    RenamedParameter,
    /// The value has too many bytes as JSON.
    TooLarge {
        /// The largest number of bytes.
        max: usize,
    },
    /// The list has no entry.
    EmptyList,
    /// The name has more than one `*`.
    SeveralWildcards,
    /// The upstream's name of a model has a `*`, and the client's has none.
    WildcardWithoutPattern,
    /// The name, or one of its models, has a `*`, but is no pattern.
    WildcardForbidden,
    /// The text cannot be a part of a URL's path.
    InvalidUrlPart {
        /// The largest number of characters.
        max: usize,
    },
    /// The document has a version that this gateway does not know.
    UnsupportedVersion {
        /// The one that it knows.
        supported: u32,
    },
    /// A client key is in the document itself instead of its hash.
    ClientKeyForbidden,
    /// No object of the gateway has this id.
    UnknownId,
    /// The member excludes this one.
    NotTogether {
        /// The other one.
        with: &'static str,
    },
    /// The text is no id.
    InvalidId {
        /// The largest number of characters.
        max: usize,
    },
    /// The text is no SHA-256 in hexadecimal digits.
    InvalidHash,
    /// The text cannot be the password of an account.
    InvalidPassword {
        /// The smallest number of characters.
        min: usize,
        /// The largest number of bytes.
        max: usize,
    },
    /// The text is not the present password.
    WrongPassword,
    /// The text is no hash of a password in the form that exports have.
    InvalidPasswordHash,
    /// Another account has this name.
    NameTaken,
    /// The text is no secret of an authenticator app in base32.
    InvalidTotpSecret,
    /// The text is not the code that the authenticator app shows now.
    WrongTotpCode,
    /// The file has no prices in a form that is known.
    UnknownPriceList {
        /// The lists that are known.
        known: Vec<&'static str>,
    },
    /// There is no such query parameter.
    UnknownParameter {
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The query parameter is there twice.
    RepeatedParameter,
    /// The query parameter has another rule, which the message says.
    InvalidParameter {
        /// The rule in English.
        rule: String,
    },
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ExpectedType {
    /// An object.
    Object,
    /// An array.
    Array,
    /// True or false.
    Boolean,
    /// A string.
    String,
    /// A string that is a whole upstream key.
    WholeKey,
    /// A new upstream key as a string, or a kept one as an object.
    ChannelKey,
    /// An upstream key as a string, or an object with `id`, `key` or both.
    DocumentKey,
}

/// Within what a value must be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Uniqueness {
    /// Its list.
    List,
    /// The names of its map.
    Map,
    /// The names of headers, which ignore case.
    Headers,
    /// The whole document.
    Document,
}

/// Why a text is no base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UrlProblem {
    /// It does not begin with `https://` or `http://`, or no host follows.
    NotAbsolute,
    /// It is too long.
    TooLong,
    /// It has a user name or a password.
    Credentials,
    /// It has a query or a fragment.
    Query,
}

/// Why a text is no upstream key: what people paste by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum KeyProblem {
    /// Several keys in one text.
    Several,
    /// The scheme of the `Authorization` header is part of it.
    Bearer,
    /// It is in quotes.
    Quotes,
    /// It is an assignment to a variable.
    Assignment,
    /// It is empty, too long, or has other characters than a key.
    Characters,
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { min, max, nullable } => {
                let null = if *nullable { "null or " } else { "" };
                write!(f, "must be {null}a whole number from {min} to {max}")
            }
            Self::InvalidText { max } => write!(
                f,
                "must be a text of 1 to {max} characters without control characters"
            ),
            Self::InvalidModelName { max } => {
                write!(f, "must be named by a model of 1 to {max} characters")
            }
            Self::TooMany { max } => write!(f, "must have at most {max} entries"),
            Self::TooLarge { max } => write!(f, "must have at most {max} bytes as JSON"),
            Self::InvalidTime { nullable } => write_time_rule(f, *nullable),
            Self::InvalidChoice { choices } => write!(f, "must be {}", alternatives(choices)),
            Self::UnknownOperation { operation, choices } => write!(
                f,
                "is not a known operation: `{operation}` is none of {}",
                choices.join(", ")
            ),
            Self::InvalidUrl {
                reason,
                max,
                suggestion,
            } => {
                reason.write(f, *max)?;
                match suggestion {
                    Some(url) => write!(f, "; use {url}"),
                    None => Ok(()),
                }
            }
            Self::InvalidKey { reason, max } => reason.write(f, *max),
            Self::InvalidHeaderValue { max } => write!(
                f,
                "must be a header value: at most {max} visible ASCII characters"
            ),
            Self::InvalidUrlPart { max } => write!(
                f,
                "must be 1 to {max} letters, digits, dashes, dots or underscores"
            ),
            Self::UnsupportedVersion { supported } => write!(
                f,
                "must be {supported}, the only version that this gateway knows"
            ),
            Self::InvalidId { max } => write!(
                f,
                "must be an id of 1 to {max} letters, digits or underscores"
            ),
            Self::UnknownPriceList { known } => {
                write!(f, "must be a price list of {}", known.join(" or "))
            }
            Self::UnknownParameter { known } => write!(
                f,
                "is not known here; this call knows `{}`",
                known.join("`, `")
            ),
            Self::InvalidParameter { rule } => f.write_str(rule),
            Self::Required => f.write_str("is required"),
            Self::ListRequired => f.write_str("is required; use an empty list for none"),
            Self::AzureRequired => f.write_str("is required when `provider` is \"azure\""),
            Self::AzureForbidden => f.write_str("must be null unless `provider` is \"azure\""),
            Self::UnknownField => f.write_str("is an unknown field"),
            Self::WrongType { expected } => f.write_str(expected.message()),
            Self::Duplicate { within } => f.write_str(within.message()),
            Self::KeyAlreadyInChannel => f.write_str("is in this channel already"),
            Self::InvalidNetwork => f.write_str(NETWORK),
            Self::KeyIdRequired => f.write_str("must have the `id` of a key of this channel"),
            Self::KeyOrIdRequired => f.write_str(KEY_OR_ID),
            Self::UnknownKey => f.write_str("is not the id of a key of this channel"),
            Self::UnknownId => f.write_str("is not the id of an object that there is"),
            Self::NotTogether { with } => write!(f, "must not be there together with `{with}`"),
            Self::UnknownKeyOfDocument => f.write_str(UNKNOWN_KEY),
            Self::InvalidHeaderName => f.write_str("is not a valid header name"),
            Self::ReservedHeader => {
                f.write_str("is set by the gateway itself and cannot be changed")
            }
            Self::CommaInTag => f.write_str("must not have a comma"),
            Self::ReservedParameter => f.write_str(RESERVED_PARAMETER),
            Self::RenamedParameter => f.write_str(RENAMED_PARAMETER),
            Self::EmptyList => f.write_str("must have at least one entry"),
            Self::SeveralWildcards => f.write_str("must have at most one `*` in each of its names"),
            Self::WildcardWithoutPattern => f.write_str(WITHOUT_PATTERN),
            Self::WildcardForbidden => f.write_str(NO_PATTERN),
            Self::ClientKeyForbidden => f.write_str(CLIENT_KEY),
            Self::InvalidHash => {
                f.write_str("must be the SHA-256 of the client key in 64 hexadecimal digits")
            }
            Self::InvalidPassword { min, max } => write_password_rule(f, *min, *max),
            Self::WrongPassword => f.write_str("is not the present password"),
            Self::InvalidPasswordHash => f.write_str(PASSWORD_HASH),
            Self::NameTaken => f.write_str("is the name of another account"),
            Self::InvalidTotpSecret => f.write_str(TOTP_SECRET),
            Self::WrongTotpCode => f.write_str("is not the code that the app shows now"),
            Self::RepeatedParameter => f.write_str("appears twice in the URL"),
        }
    }
}

const NETWORK: &str = "must be an IP address such as \"10.0.0.1\", or a network such as \"10.0.0.0/8\" or \"fd00::/8\"";
const SEVERAL_KEYS: &str =
    "must be one key without commas, semicolons and line breaks; give each key as a separate entry";
const KEY_OR_ID: &str =
    "must have `key` (the whole key) or the `id` of a key that this gateway has";
const UNKNOWN_KEY: &str = "has no `key`, and this gateway has no key with this id in a channel with this channel's id; \
     an export with ?secrets=true has the whole keys";
const RESERVED_PARAMETER: &str =
    "must not contain `model` or `stream`, which decide what a request is";
const RENAMED_PARAMETER: &str =
    "must not use the old name of a parameter that `rename_params` renames";
const WITHOUT_PATTERN: &str =
    "must not have a `*` in the upstream's name without one in the client's name";
const NO_PATTERN: &str = "must not contain `*`; only a channel's `model_map` has patterns";
const TOTP_SECRET: &str = "must be a secret of 16 to 64 bytes in base32, as the gateway made it";
const PASSWORD_HASH: &str =
    "must be an argon2id hash in the PHC string format, as an export has it";
const CLIENT_KEY: &str = "must not be here: a client key travels as `hash`, the SHA-256 of the key";

fn write_time_rule(f: &mut fmt::Formatter<'_>, nullable: bool) -> fmt::Result {
    let null = if nullable { "null or " } else { "" };
    write!(
        f,
        "must be {null}an RFC 3339 time such as \"2027-01-31T00:00:00Z\""
    )
}

fn write_password_rule(f: &mut fmt::Formatter<'_>, min: usize, max: usize) -> fmt::Result {
    write!(
        f,
        "must have at least {min} characters and at most {max} bytes"
    )
}

impl ExpectedType {
    const fn message(self) -> &'static str {
        match self {
            Self::Object => "must be an object",
            Self::Array => "must be an array",
            Self::Boolean => "must be true or false",
            Self::String => "must be a text",
            Self::WholeKey => "must be a text, the whole key",
            Self::ChannelKey => "must be a text (a new key) or an object with `id` (a kept key)",
            Self::DocumentKey => "must be a text (the key) or an object with `id`, `key` or both",
        }
    }
}

impl Uniqueness {
    const fn message(self) -> &'static str {
        match self {
            Self::List => "appears twice in the list",
            Self::Map => "appears twice in the map",
            Self::Headers => "appears twice in the map; header names ignore case",
            Self::Document => "appears twice in the document",
        }
    }
}

impl UrlProblem {
    fn write(self, f: &mut fmt::Formatter<'_>, max: usize) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "must be an absolute URL that begins with https:// or http://",
            Self::TooLong => return write!(f, "must have at most {max} bytes"),
            Self::Credentials => "must not contain credentials; keys belong in `keys`",
            Self::Query => "must not contain a query or a fragment",
        })
    }
}

impl KeyProblem {
    fn write(self, f: &mut fmt::Formatter<'_>, max: usize) -> fmt::Result {
        f.write_str(match self {
            Self::Several => SEVERAL_KEYS,
            Self::Bearer => "must be the key alone, without `Bearer`",
            Self::Quotes => "must be the key alone, without quotes",
            Self::Assignment => "must be the key alone, without a name and `=` before it",
            Self::Characters => {
                return write!(
                    f,
                    "must be a key of 1 to {max} visible ASCII characters without spaces"
                );
            }
        })
    }
}

/// `"a", "b" or "c"`.
fn alternatives(choices: &[&str]) -> String {
    let quoted: Vec<String> = choices
        .iter()
        .map(|choice| format!("\"{choice}\""))
        .collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
