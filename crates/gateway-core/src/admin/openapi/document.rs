//! The document itself: its frame, and each operation of the table of routes in it.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::description::Description;
use super::errors::{self, ErrorResponse};
use super::{layout, parameters, schemas};
use crate::admin::access::Access;
use crate::admin::routes::{BodyKind, Operation, ROOT, Verb};
use crate::admin::session_check::COOKIE_NAME;
use crate::error::Envelope;

const TITLE: &str = "AI gateway: admin API";
const ABOUT: &str = "What the panel uses. Times are RFC 3339 in UTC, durations carry their unit in the name, every error \
    has the same envelope. Every `GET` can also be asked with `HEAD`. A path with a wrong method answers 405 with \
    `Allow`. Answers are compressed with gzip where the client takes it. Each answer to `GET` has an `ETag`, but for long tables; a request \
    that names it in `If-None-Match` is answered with 304 while the answer is the same. Unknown members of a request are rejected. A change is in force on every instance within 2 seconds.";
const TAGS: [(&str, &str); 10] = [
    ("session", "Logging in and out"),
    ("channels", "Upstream services and their keys"),
    ("keys", "What clients authenticate with"),
    ("config", "The whole configuration"),
    ("accounts", "People who use the panel, and their roles"),
    ("me", "What a client key that has logged in sees of itself"),
    ("health", "Routing preview and upstream health"),
    ("ledger", "Usage and the request log"),
    ("alerts", "Messages to webhooks"),
    ("audit", "Who changed what"),
];
const CONFIG: &str = "config";

/// The document as it is stored.
pub fn document() -> String {
    let mut schemas = schemas::Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for operation in Operation::ALL.iter().copied() {
        let path = format!("/{}", operation.path());
        let item = paths.entry(path).or_insert_with(|| {
            if operation.path().contains("{id}") {
                json!({"parameters": [{"$ref": "#/components/parameters/Id"}]})
            } else {
                json!({})
            }
        });
        let method = operation.verb().name().to_lowercase();
        item[method] = described(operation, &operation.description(), &mut schemas);
    }
    let error = schemas.of_responses(SchemaGenerator::subschema_for::<Envelope<'_>>);
    let tags = TAGS.map(|(name, about)| json!({"name": name, "description": about}));
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": ABOUT,
        },
        "servers": [{"url": ROOT.trim_end_matches('/')}],
        "security": [{"bearer": []}, {"cookie": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": security(),
            "headers": {
                "ETag": {
                    "description": "Names this state of the object, for `If-Match`.",
                    "schema": {"type": "string"},
                },
            },
            "parameters": shared_parameters(),
            "responses": errors::responses(&error),
            "schemas": schemas.finish(),
        },
    });
    layout::text(&document)
}

fn described(
    operation: Operation,
    description: &Description,
    schemas: &mut schemas::Schemas,
) -> Value {
    let mut described = json!({
        "operationId": operation.id(),
        "tags": [description.tag],
        "summary": description.summary,
    });
    if !description.details.is_empty() {
        described["description"] = description.details.into();
    }
    if Access::of(operation) == Access::Public {
        described["security"] = json!([]);
    }
    let mut parameters = Vec::new();
    if description.checks_state {
        parameters.push(if_match(description.tag));
    }
    if let Some(query) = description.query {
        parameters.extend(parameters::of(&schemas.of_requests(query)));
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(request) = description.request {
        described["requestBody"] = json!({
            "required": operation.body() != BodyKind::OptionalObject,
            "content": {"application/json": {"schema": schemas.of_requests(request)}},
        });
    }
    let mut success = json!({"description": description.answer});
    if description.names_state {
        success["headers"] = json!({"ETag": etag(description.tag)});
    }
    if let Some(cookies) = description.cookies {
        success["headers"] =
            json!({"Set-Cookie": {"description": cookies, "schema": {"type": "string"}}});
    }
    if let Some(response) = description.response {
        success["content"] =
            json!({"application/json": {"schema": schemas.of_responses(response)}});
    }
    if description.is_csv {
        success["content"] = json!({"text/csv": {"schema": {"type": "string"}}});
    }
    let mut responses = Map::new();
    responses.insert(description.status.to_string(), success);
    if operation.verb() == Verb::Get {
        let reference = "#/components/responses/NotModified";
        responses.insert("304".to_owned(), json!({"$ref": reference}));
    }
    for error in errors_of(operation, description) {
        let reference = format!("#/components/responses/{}", error.name());
        responses.insert(error.status().to_string(), json!({"$ref": reference}));
    }
    described["responses"] = responses.into();
    described
}

/// The errors that follow from the form of the operation, and its own.
fn errors_of(operation: Operation, description: &Description) -> Vec<ErrorResponse> {
    use ErrorResponse::{
        BadRequest, ChangedMeanwhile, Conflict, Forbidden, NotFound, TooLarge, Unauthorized,
        Unavailable, UnsupportedMediaType,
    };
    let mut errors = vec![Unauthorized, Forbidden, Conflict, Unavailable];
    if operation.body() != BodyKind::None {
        errors.extend([BadRequest, TooLarge]);
    }
    if description.query.is_some() {
        errors.push(BadRequest);
    }
    if operation.verb() != Verb::Get && operation != Operation::Login {
        errors.push(UnsupportedMediaType);
    }
    if operation.path().contains("{id}") {
        errors.push(NotFound);
    }
    if description.checks_state {
        errors.push(ChangedMeanwhile);
    }
    errors.extend(&description.errors);
    errors
}

/// The parameter `If-Match`: the configuration says of it that nothing is imported.
fn if_match(tag: &str) -> Value {
    if tag != CONFIG {
        return json!({"$ref": "#/components/parameters/IfMatch"});
    }
    json!({
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` of an export: when anything has changed since, nothing is imported.",
        "schema": {"type": "string"},
    })
}

/// The header `ETag`.
fn etag(tag: &str) -> Value {
    if tag != CONFIG {
        return json!({"$ref": "#/components/headers/ETag"});
    }
    json!({
        "description": "Names this state of the configuration, for `If-Match`.",
        "schema": {"type": "string"},
    })
}

fn security() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that logging in answers with.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE_NAME,
            "description": "The cookie that logging in sets. Writes with it need `content-type: application/json`.",
        },
    })
}

fn shared_parameters() -> Value {
    json!({
        "Id": {
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The object's id.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
        },
        "IfMatch": {
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` or `revision` of the object as it was read: when it has changed since, the answer \
                is 412 and nothing is written.",
            "schema": {"type": "string"},
        },
    })
}
