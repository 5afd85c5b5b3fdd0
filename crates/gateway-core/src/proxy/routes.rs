//! All client routes, in one place. Owns paths and methods, not what they do.

use std::borrow::Cow;

use http::Method;

use super::stored_path::{StoredCall, StoredPath};
use crate::error::ErrorStyle;

/// What a request calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The liveness check.
    Health,
    /// The models that the key may use.
    Models,
    /// One of them.
    Model(String),
    /// A call that an upstream answers.
    Forward(Operation),
    /// A call about a response that an upstream stores.
    StoredResponse(StoredCall),
}

/// A call that an upstream answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The whole path, such as `/v1/chat/completions`.
    pub endpoint: &'static str,
    /// The path below `/v1/`.
    pub path: &'static str,
    /// The shape of its errors.
    pub errors: ErrorStyle,
}

/// The name under which it is recorded that a channel does not know a model for an operation, a path below `/v1/`. For
/// chats it is the model's own; an upstream without rerankings answers 404 to them, which must not affect chats.
pub fn health_name<'a>(path: &str, model: &'a str) -> Cow<'a, str> {
    match path {
        "chat/completions" => Cow::Borrowed(model),
        path => Cow::Owned(format!("{model} ({path})")),
    }
}

impl Operation {
    /// An operation at a path below `/v1/`.
    pub const fn new(endpoint: &'static str, errors: ErrorStyle) -> Self {
        Self {
            endpoint,
            path: below(endpoint),
            errors,
        }
    }
}

/// Whether upstreams do not charge for an endpoint, so that its figures are not usage.
pub fn is_free(endpoint: &str) -> bool {
    matches!(
        endpoint,
        "/v1/messages/count_tokens" | "/v1/responses/input_tokens"
    )
}

/// The part after `/v1/`.
const fn below(endpoint: &'static str) -> &'static str {
    endpoint.split_at("/v1/".len()).1
}

/// The shape of errors below a path, also for errors outside any operation.
pub fn error_style(path: &str) -> ErrorStyle {
    if path.starts_with("/v1/messages") {
        ErrorStyle::Anthropic
    } else {
        ErrorStyle::OpenAi
    }
}

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteMatch {
    /// A route.
    Route(Route),
    /// A CORS preflight; the methods of the path.
    Preflight(&'static str),
    /// The path exists, but not with this method; the methods that it has.
    WrongMethod(&'static str),
    /// No such path.
    Nothing,
}

const READ: &str = "GET, HEAD, OPTIONS";
const CALL: &str = "POST, OPTIONS";

/// Calls whose body names a model, as JSON or as a form.
const OPERATIONS: &[Operation] = &[
    Operation::new("/v1/chat/completions", ErrorStyle::OpenAi),
    Operation::new("/v1/completions", ErrorStyle::OpenAi),
    Operation::new("/v1/responses", ErrorStyle::OpenAi),
    Operation::new("/v1/responses/compact", ErrorStyle::OpenAi),
    Operation::new("/v1/responses/input_tokens", ErrorStyle::OpenAi),
    Operation::new("/v1/messages", ErrorStyle::Anthropic),
    Operation::new("/v1/messages/count_tokens", ErrorStyle::Anthropic),
    Operation::new("/v1/embeddings", ErrorStyle::OpenAi),
    Operation::new("/v1/moderations", ErrorStyle::OpenAi),
    Operation::new("/v1/rerank", ErrorStyle::OpenAi),
    Operation::new("/v1/images/generations", ErrorStyle::OpenAi),
    Operation::new("/v1/images/edits", ErrorStyle::OpenAi),
    Operation::new("/v1/images/variations", ErrorStyle::OpenAi),
    Operation::new("/v1/audio/speech", ErrorStyle::OpenAi),
    Operation::new("/v1/audio/transcriptions", ErrorStyle::OpenAi),
    Operation::new("/v1/audio/translations", ErrorStyle::OpenAi),
];

/// Whether a path of `/v1` has a route, for any method.
pub fn is_path(path: &str) -> bool {
    path.starts_with("/v1/") && find(&Method::OPTIONS, path) != RouteMatch::Nothing
}

/// Whether a path is a call that an upstream answers.
pub fn is_operation(path: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|operation| operation.endpoint == path)
}

/// Finds the route of a request.
pub fn find(method: &Method, path: &str) -> RouteMatch {
    match path {
        // Clients such as Claude Code probe `/` and `/api/hello` at their start.
        "/" | "/health" | "/api/hello" => read(method, || Route::Health),
        "/v1/models" => read(method, || Route::Models),
        _ => match path.strip_prefix("/v1/") {
            Some(rest) => below_v1(method, rest),
            None => RouteMatch::Nothing,
        },
    }
}

fn below_v1(method: &Method, rest: &str) -> RouteMatch {
    if let Some(id) = rest.strip_prefix("models/").filter(|id| !id.is_empty()) {
        // Ids contain slashes; some clients encode them, some don't.
        return read(method, || {
            Route::Model(
                percent_encoding::percent_decode_str(id)
                    .decode_utf8_lossy()
                    .into_owned(),
            )
        });
    }
    match OPERATIONS.iter().find(|operation| operation.path == rest) {
        Some(_) if method == Method::OPTIONS => RouteMatch::Preflight(CALL),
        Some(operation) if method == Method::POST => RouteMatch::Route(Route::Forward(*operation)),
        Some(_) => RouteMatch::WrongMethod(CALL),
        None => stored(method, rest),
    }
}

fn stored(method: &Method, rest: &str) -> RouteMatch {
    let Some(path) = StoredPath::parse(rest) else {
        return RouteMatch::Nothing;
    };
    let methods = path.methods();
    if method == Method::OPTIONS {
        return RouteMatch::Preflight(methods);
    }
    path.call(method)
        .map_or(RouteMatch::WrongMethod(methods), |call| {
            RouteMatch::Route(Route::StoredResponse(call))
        })
}

fn read(method: &Method, route: impl FnOnce() -> Route) -> RouteMatch {
    match *method {
        Method::GET | Method::HEAD => RouteMatch::Route(route()),
        Method::OPTIONS => RouteMatch::Preflight(READ),
        _ => RouteMatch::WrongMethod(READ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods() {
        let path = |method, path| find(&method, path);
        assert_eq!(
            path(Method::HEAD, "/api/hello"),
            RouteMatch::Route(Route::Health)
        );
        assert_eq!(path(Method::POST, "/"), RouteMatch::WrongMethod(READ));
        assert_eq!(
            path(Method::GET, "/v1/models/meta/llama"),
            RouteMatch::Route(Route::Model("meta/llama".into()))
        );
        assert_eq!(
            path(Method::GET, "/v1/models/meta%2Fllama"),
            RouteMatch::Route(Route::Model("meta/llama".into()))
        );
        assert_eq!(path(Method::GET, "/v1/models/"), RouteMatch::Nothing);
        assert_eq!(
            path(Method::GET, "/v1/chat/completions"),
            RouteMatch::WrongMethod(CALL)
        );
        assert_eq!(
            path(Method::OPTIONS, "/v1/chat/completions"),
            RouteMatch::Preflight(CALL)
        );
        assert_eq!(
            path(Method::POST, "/v1/chat/completions/"),
            RouteMatch::Nothing
        );
        assert_eq!(
            path(Method::GET, "/v1/responses/input_tokens"),
            RouteMatch::WrongMethod(CALL)
        );
        assert_eq!(path(Method::GET, "/v1/responses/"), RouteMatch::Nothing);
        assert_eq!(
            path(Method::OPTIONS, "/v1/responses/resp_1"),
            RouteMatch::Preflight("GET, HEAD, DELETE, OPTIONS")
        );
        assert!(matches!(
            path(Method::DELETE, "/v1/responses/resp_1"),
            RouteMatch::Route(Route::StoredResponse(_))
        ));
        assert_eq!(path(Method::GET, "/v2"), RouteMatch::Nothing);
        assert!(matches!(
            path(Method::POST, "/v1/embeddings"),
            RouteMatch::Route(Route::Forward(_))
        ));
    }
}
