//! A request's body as the gateway sees it: a JSON object or a form, with a model in it.
//! Owns the choice between the two and what is wrong with either; the edits themselves are `wire`'s.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::error::{Case, GatewayError};
use crate::wire::members::{Edit, Members, quoted};
use crate::wire::multipart::{self, Form};

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
        model.filter(|model| !model.is_empty()).ok_or_else(|| {
            Case::ModelRequired
                .error("The body names no model. Add \"model\": \"…\"; GET /v1/models lists what there is.")
                .with_param("model")
        })
    }

    /// The body for an upstream: `whole`, with another model where the upstream's name differs and without
    /// `dropped` members. Bytes that no edit touches stay, and nothing is copied when there is no edit.
    pub fn for_upstream(
        &self,
        whole: &Bytes,
        new_model: Option<&str>,
        dropped: &[String],
    ) -> Bytes {
        if new_model.is_none() && dropped.is_empty() {
            return whole.clone();
        }
        let dropped = dropped
            .iter()
            .map(String::as_str)
            .filter(|name| *name != "model");
        let edited = match self {
            Self::Json(members) => {
                let model = new_model.map(|model| Edit::Set("model", Cow::Owned(quoted(model))));
                let edits: Vec<Edit<'_>> =
                    model.into_iter().chain(dropped.map(Edit::Remove)).collect();
                members.rewrite(&edits)
            }
            Self::Form(form) => {
                let model = new_model.map(|model| ("model", Some(Cow::Borrowed(model))));
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
