//! Which model a request is for, also where it names none, as OpenAI's API allows for some requests. Owns the order in
//! which that is decided, and that a key with a list of models cannot bypass it by naming none.

use std::borrow::Cow;

use super::operation::{Operation, RoutedCall};
use super::payload::Payload;
use super::{authenticate, models};
use crate::config::model::ClientKey;
use crate::config::snapshot::Snapshot;
use crate::config::validate::MAX_MODEL_CHARS;
use crate::error::{ErrorCode, GatewayError};

/// The operations whose `model` is optional in OpenAI's API. Responses are among them when a stored prompt, which has
/// its own model, is part of the request.
const OPTIONAL: [&str; 4] = [
    "moderations",
    "images/generations",
    "images/edits",
    "images/variations",
];

/// The model that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedModel<'a> {
    /// Its name; empty: none, so that the request goes to a channel that serves every model, and whose upstream picks
    /// one.
    pub name: Cow<'a, str>,
    /// Whether the body itself names it.
    pub is_in_body: bool,
}

impl RequestedModel<'_> {
    /// The body's value; empty: none, or another one than the path's.
    pub fn said(&self) -> &str {
        if self.is_in_body { &self.name } else { "" }
    }
}

/// The model of a request, by its path, by its body or by the settings, in this order.
pub fn wanted<'a>(
    payload: &Payload<'a>,
    call: &'a RoutedCall,
    snapshot: &'a Snapshot,
) -> Result<RequestedModel<'a>, GatewayError> {
    let operation = call.operation;
    if let Some(name) = &call.model {
        check_name(name)?;
        // Gemini's body has no such member.
        let in_body = payload.model().ok().flatten();
        return Ok(RequestedModel {
            is_in_body: in_body.is_some_and(|it| it == **name),
            name: Cow::Borrowed(name),
        });
    }
    if let Some(name) = payload.model()? {
        check_name(&name)?;
        return Ok(RequestedModel {
            name,
            is_in_body: true,
        });
    }
    let default = snapshot.settings.default_models.get(operation.path);
    Ok(RequestedModel {
        name: Cow::Borrowed(default.map_or("", String::as_str)),
        is_in_body: false,
    })
}

/// Whether a model can have this name.
fn check_name(name: &str) -> Result<(), GatewayError> {
    if name.chars().nth(MAX_MODEL_CHARS).is_some() {
        return Err(ErrorCode::InvalidValue
            .error(format!(
                "The model's name is longer than {MAX_MODEL_CHARS} characters."
            ))
            .with_param("model"));
    }
    if name.contains('\0') {
        return Err(ErrorCode::InvalidValue
            .error("The model's name has a NUL character.")
            .with_param("model"));
    }
    Ok(())
}

/// Whether this client may use the model.
pub fn check(
    wanted: &RequestedModel<'_>,
    payload: &Payload<'_>,
    operation: Operation,
    client: &ClientKey,
    snapshot: &Snapshot,
) -> Result<(), GatewayError> {
    if !wanted.name.is_empty() {
        if authenticate::may_use(client, &wanted.name) {
            return Ok(());
        }
        return Err(models::not_found(&wanted.name));
    }
    let path = operation.path;
    let is_optional = OPTIONAL.contains(&path) || (path == "responses" && payload.has("prompt"));
    let why = if !is_optional {
        "The body names no model"
    } else if !client.models.is_empty() {
        "The body names no model, and this API key may use only the models of its list"
    } else if snapshot.serving("").next().is_none() {
        "The body names no model, and there is no channel that serves every model"
    } else {
        return Ok(());
    };
    Err(ErrorCode::ModelRequired
        .error(format!(
            "{why}. Add \"model\": \"…\"; GET /v1/models lists what there is. An admin can set one for such requests: \
             settings.default_models, member \"{path}\"."
        ))
        .with_param("model"))
}

#[cfg(test)]
mod tests {
    use super::super::routes::{self, Route, RouteMatch};
    use super::*;
    use crate::config::bounds::OPERATIONS_WITH_DEFAULTS;

    #[test]
    fn every_name_of_an_operation_is_one() {
        for path in OPERATIONS_WITH_DEFAULTS.iter().chain(&OPTIONAL) {
            let found = routes::find(&http::Method::POST, &format!("/v1/{path}"));
            let RouteMatch::Route(Route::Forward(call)) = found else {
                panic!("{path}: {found:?}");
            };
            assert_eq!(call.operation.path, *path);
        }
    }
}
