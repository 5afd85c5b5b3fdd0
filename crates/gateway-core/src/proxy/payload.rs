//! A request's body as the gateway sees it: a JSON object or a form, with a model in it. Owns the choice between the
//! two and the errors of either; the edits themselves are `wire`'s.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;

use crate::config::validate::MAX_MODEL_CHARS;
use crate::dialect::include_usage::{self, STREAM_OPTIONS};
use crate::error::{ErrorCode, GatewayError};
use crate::wire::acted_on::{ActedOn, Ambiguity};
use crate::wire::body_params::BodyParams;
use crate::wire::content;
use crate::wire::media::{self, Media, NotTaken};
use crate::wire::members::{MemberEdit, Members, Unreadable, quoted};
use crate::wire::multipart::{Form, NotAForm};
use crate::wire::scan::{self, Unescaped};

/// The values of true and false in form fields, where everything is text.
const YES: [&str; 4] = ["true", "True", "TRUE", "1"];
const NO: [&str; 5] = ["false", "False", "FALSE", "0", ""];

/// The changes that a channel needs in a body.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// The upstream's name of the model, where it differs.
    pub model: Option<&'a str>,
    /// Parameters that the channel renames, drops and adds.
    pub params: &'a BodyParams,
    /// A member that the body needs besides the client's, with its value in JSON; forms have none.
    pub added: Option<(&'a str, &'a str)>,
}

/// A parsed body; it borrows the received bytes.
pub enum Payload<'a> {
    /// The common case.
    Json(Members<'a>),
    /// Audio and images with their files.
    Form(Form<'a>),
}

impl<'a> Payload<'a> {
    /// Parses the body once, by its content type. A body that another parser could read differently is rejected: the
    /// upstream must see the same values that the gateway acts on.
    pub fn parse(
        headers: &HeaderMap,
        body: &'a [u8],
        acted_on: &ActedOn,
    ) -> Result<Self, GatewayError> {
        let payload = match media::of(headers).map_err(not_taken)? {
            Media::Form(boundary) => {
                let form = Form::parse(boundary, body).map_err(|NotAForm(why)| ambiguous(why))?;
                acted_on.check_form(&form).map_err(looks_alike)?;
                Self::Form(form)
            }
            Media::Json => {
                let members = Members::parse(body).map_err(unreadable)?;
                acted_on.check(&members).map_err(looks_alike)?;
                check_options(&members)?;
                Self::Json(members)
            }
        };
        payload.check_stream()?;
        Ok(payload)
    }

    /// The requested model; `None` where none is named.
    pub fn model(&self) -> Result<Option<Cow<'a, str>>, GatewayError> {
        let model = match self {
            Self::Json(members) => match members.raw("model") {
                None | Some("null") => None,
                Some(raw) if raw.starts_with('"') => {
                    Some(members.string("model").ok_or_else(|| {
                        ambiguous("`model` has half of a surrogate pair, or is far too long")
                            .with_param("model")
                    })?)
                }
                Some(_) => {
                    return Err(ErrorCode::ModelRequired
                        .error("`model` must be a string.")
                        .with_param("model"));
                }
            },
            Self::Form(form) => form.text("model").map(Cow::Borrowed),
        };
        let model = model.filter(|model| !model.is_empty());
        // For programs in C a text ends at its first NUL.
        if model.as_ref().is_some_and(|model| model.contains('\0')) {
            return Err(ambiguous("`model` has a NUL character").with_param("model"));
        }
        Ok(model)
    }

    /// Whether a member or a field is there, and not null.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Json(members) => members.raw(name).is_some_and(|raw| raw != "null"),
            Self::Form(form) => form.count(name) > 0,
        }
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(members) => members.string(name),
            Self::Form(form) => form.text(name).map(Cow::Borrowed),
        }
    }

    /// A nested member, when it is text and not empty.
    pub fn text_in(&self, object: &str, name: &str) -> Option<Cow<'a, str>> {
        let Self::Json(members) = self else {
            return None;
        };
        let object = Members::parse(members.raw(object)?.as_bytes()).ok()?;
        object.string(name).filter(|value| !value.is_empty())
    }

    /// Bytes of text from which tokens are estimated, in the request `whole`. In a form only the prompt is text.
    pub fn text_bytes(&self, whole: &[u8]) -> u64 {
        match self {
            Self::Json(_) => content::text_bytes(whole),
            Self::Form(form) => {
                let prompt = form.text("prompt").unwrap_or_default();
                u64::try_from(prompt.len()).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether a stream is requested.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Json(members) => members.raw("stream") == Some("true"),
            Self::Form(form) => form.text("stream").is_some_and(|text| YES.contains(&text)),
        }
    }

    /// Whether the client requests the usage of a stream itself.
    pub fn asks_usage(&self) -> bool {
        match self {
            Self::Json(members) => include_usage::is_asked(members),
            Self::Form(_) => false,
        }
    }

    /// The members of a JSON body that requests a stream.
    pub fn streamed(&self) -> Option<&Members<'a>> {
        match self {
            Self::Json(members) if self.is_stream() => Some(members),
            _ => None,
        }
    }

    /// Some upstreams accept `1` or `"true"` as true, others don't.
    fn check_stream(&self) -> Result<(), GatewayError> {
        let is_clear = match self {
            Self::Json(members) => members
                .raw("stream")
                .is_none_or(|raw| ["true", "false", "null"].contains(&raw)),
            Self::Form(form) => form
                .text("stream")
                .is_none_or(|text| YES.contains(&text) || NO.contains(&text)),
        };
        if is_clear {
            return Ok(());
        }
        Err(ambiguous("`stream` is neither true nor false").with_param("stream"))
    }

    /// The body for an upstream: `whole` with the few changes that the channel needs. Unchanged bytes stay, and nothing
    /// is copied without a change.
    pub fn for_upstream(&self, whole: &Bytes, changes: &Changes<'_>) -> Bytes {
        let edited = match self {
            Self::Json(members) => {
                let model = changes
                    .model
                    .map(|model| MemberEdit::Set("model", Cow::Owned(quoted(model))));
                let params = changes.params.edits(members, changes.added);
                let edits: Vec<MemberEdit<'_>> = model.into_iter().chain(params).collect();
                members.rewrite(&edits)
            }
            Self::Form(form) => {
                let model = changes
                    .model
                    .map(|model| ("model", Some(Cow::Borrowed(model))));
                let dropped = changes.params.dropped.iter().map(String::as_str);
                let edits: Vec<_> = model
                    .into_iter()
                    .chain(dropped.map(|name| (name, None)))
                    .collect();
                form.rewrite(&edits)
            }
        };
        edited.map_or_else(|| whole.clone(), Bytes::from)
    }
}

/// The model that a JSON body names, as far as it can be read, for the record of a request that is rejected.
pub fn apparent_model(body: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(body.get(..error.valid_up_to())?).ok()?,
    };
    let mut model = None;
    // Where the walk ends does not matter: what was passed before is there.
    let _fault = scan::object(text, |member| {
        if text.get(member.name)? != "model" {
            return Some(());
        }
        model = text.get(member.value);
        None
    });
    let spelled = model?.strip_prefix('"')?.strip_suffix('"')?;
    let beginning = Unescaped::of(spelled).take(MAX_MODEL_CHARS);
    let model: String = beginning.collect::<Option<_>>()?;
    (!model.is_empty()).then(|| model.replace('\0', "\u{fffd}"))
}

/// Of the options, the gateway acts on one.
static OPTIONS: LazyLock<ActedOn> = LazyLock::new(|| ActedOn::new(["include_usage"]));

fn check_options(members: &Members<'_>) -> Result<(), GatewayError> {
    let Some(raw) = members
        .raw(STREAM_OPTIONS)
        .filter(|raw| raw.starts_with('{'))
    else {
        return Ok(());
    };
    let options = Members::parse(raw.as_bytes()).map_err(unreadable)?;
    OPTIONS.check(&options).map_err(looks_alike)
}

fn unreadable(error: Unreadable) -> GatewayError {
    match error {
        Unreadable::NoObject(reason) => {
            ErrorCode::InvalidJson.error(format!("The body is not a JSON object: {reason}."))
        }
        Unreadable::Ambiguous(reason) => ambiguous(&reason),
    }
}

fn looks_alike(ambiguity: Ambiguity) -> GatewayError {
    ambiguous(&ambiguity.reason).with_param(ambiguity.name)
}

fn ambiguous(reason: &str) -> GatewayError {
    ErrorCode::AmbiguousBody.error(format!(
        "The body can be read in more than one way: {reason}."
    ))
}

fn not_taken(error: NotTaken) -> GatewayError {
    match error {
        NotTaken::Unsupported(reason) => ErrorCode::UnsupportedMediaType.error(format!(
            "The body cannot be taken: {reason}. Send `content-type: application/json`, or `multipart/form-data` for files."
        )),
        NotTaken::Ambiguous(reason) => ambiguous(reason).with_param("content-type"),
    }
}
