//! A request's body as the gateway sees it: a JSON object or a form, with a model in it.
//! Owns the choice between the two and what is wrong with either; the edits themselves are `wire`'s.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::routes::Operation;
use crate::config::snapshot::Channel;
use crate::config::validate::MAX_MODEL_CHARS;
use crate::error::{Case, GatewayError};
use crate::wire::content;
use crate::wire::members::{Edit, Members, quoted};
use crate::wire::multipart::{self, Form};

/// The member that holds `include_usage`.
const STREAM_OPTIONS: &str = "stream_options";

/// What a channel needs of a body to be different.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// The upstream's name of the model, where it differs.
    pub model: Option<&'a str>,
    /// Members that the upstream refuses.
    pub dropped: &'a [String],
    /// Whether the usage of a stream is asked for; see [`Payload::wants_usage_asked`].
    pub asks_usage: bool,
}

/// A parsed body; it borrows the bytes that came.
pub enum Payload<'a> {
    /// What almost everything sends.
    Json(Members<'a>),
    /// Audio and images with their files.
    Form(Form<'a>),
}

impl<'a> Payload<'a> {
    /// Parses the body once, by its content type.
    pub fn parse(headers: &HeaderMap, body: &'a [u8]) -> Result<Self, GatewayError> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if let Some(boundary) = content_type.and_then(multipart::boundary) {
            return Form::parse(boundary, body)
                .map(Self::Form)
                .map_err(|error| {
                    Case::InvalidValue.error(format!("The form cannot be read: {}.", error.0))
                });
        }
        Members::parse(body).map(Self::Json).map_err(|error| {
            Case::InvalidJson.error(format!("The body is not a JSON object: {}.", error.0))
        })
    }

    /// The model that is asked for.
    pub fn model(&self) -> Result<Cow<'a, str>, GatewayError> {
        let (count, model) = match self {
            Self::Json(members) => (members.count("model"), members.string("model")),
            Self::Form(form) => (form.count("model"), form.text("model").map(Cow::Borrowed)),
        };
        // Readers differ in which of two they take, so the upstream could serve another model than was allowed.
        if count > 1 {
            return Err(Case::InvalidValue
                .error("The body has more than one \"model\". Send it once.")
                .with_param("model"));
        }
        if model
            .as_ref()
            .is_some_and(|model| model.chars().count() > MAX_MODEL_CHARS)
        {
            return Err(Case::InvalidValue
                .error(format!(
                    "The model's name is longer than {MAX_MODEL_CHARS} characters."
                ))
                .with_param("model"));
        }
        model.filter(|model| !model.is_empty()).ok_or_else(|| {
            Case::ModelRequired
                .error("The body names no model. Add \"model\": \"…\"; GET /v1/models lists what there is.")
                .with_param("model")
        })
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(members) => members.string(name),
            Self::Form(form) => form.text(name).map(Cow::Borrowed),
        }
    }

    /// Bytes of text of which tokens are estimated, in a request that is `whole`. Of a form only the prompt is text.
    pub fn text_bytes(&self, whole: &[u8]) -> u64 {
        match self {
            Self::Json(_) => content::text_bytes(whole),
            Self::Form(form) => {
                let prompt = form.text("prompt").unwrap_or_default();
                u64::try_from(prompt.len()).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether a stream is asked for.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Json(members) => members.raw("stream") == Some("true"),
            Self::Form(form) => form.text("stream") == Some("true"),
        }
    }

    /// Whether the client asks for the usage of a stream itself.
    pub fn asks_usage(&self) -> bool {
        let Self::Json(members) = self else {
            return false;
        };
        members.raw(STREAM_OPTIONS).is_some_and(|options| {
            Members::parse(options.as_bytes())
                .is_ok_and(|options| options.raw("include_usage") == Some("true"))
        })
    }

    /// Whether the upstream has to be asked for the usage of a stream, since the client did not ask: for streams
    /// of channels that know the option.
    pub fn wants_usage_asked(&self, operation: Operation, channel: &Channel) -> bool {
        let Self::Json(members) = self else {
            return false;
        };
        operation.has_stream_options
            && channel.stream_usage
            && members.raw("stream") == Some("true")
            && !channel
                .drop_params
                .iter()
                .any(|name| name == STREAM_OPTIONS)
            && asking_options(members).is_some()
    }

    /// The body for an upstream: `whole` with the few changes that the channel needs. Bytes that no change touches
    /// stay, and nothing is copied when there is none.
    pub fn for_upstream(&self, whole: &Bytes, changes: &Changes<'_>) -> Bytes {
        let dropped = changes
            .dropped
            .iter()
            .map(String::as_str)
            .filter(|name| *name != "model");
        let edited = match self {
            Self::Json(members) => {
                let model = changes
                    .model
                    .map(|model| Edit::Set("model", Cow::Owned(quoted(model))));
                let usage = changes
                    .asks_usage
                    .then(|| asking_options(members))
                    .flatten()
                    .map(|options| Edit::Set(STREAM_OPTIONS, options));
                let edits: Vec<Edit<'_>> = model
                    .into_iter()
                    .chain(usage)
                    .chain(dropped.map(Edit::Remove))
                    .collect();
                members.rewrite(&edits)
            }
            Self::Form(form) => {
                let model = changes
                    .model
                    .map(|model| ("model", Some(Cow::Borrowed(model))));
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

/// The client's stream options, and the usage asked for as well; `None` when the client asks itself, or sends
/// something else than options, which is for the upstream to judge.
fn asking_options(members: &Members<'_>) -> Option<Cow<'static, str>> {
    let Some(raw) = members.raw(STREAM_OPTIONS).filter(|raw| *raw != "null") else {
        return Some(Cow::Borrowed(r#"{"include_usage":true}"#));
    };
    let options = Members::parse(raw.as_bytes()).ok()?;
    if options.raw("include_usage") == Some("true") {
        return None;
    }
    let asking = options.rewrite(&[Edit::Set("include_usage", Cow::Borrowed("true"))])?;
    String::from_utf8(asking).ok().map(Cow::Owned)
}
