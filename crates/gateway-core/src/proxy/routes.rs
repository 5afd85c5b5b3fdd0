//! All client routes, in one place. Owns paths and methods, not what they do.

use http::Method;

use super::operation::{self, RoutedCall};
use super::stored_path::{StoredCall, StoredPath};
use super::vendor_paths;
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
    Forward(RoutedCall),
    /// A call about a response that an upstream stores.
    StoredResponse(StoredCall),
}

/// The shape of errors below a path, also for errors outside any operation.
pub fn error_style(path: &str) -> ErrorStyle {
    if path.starts_with("/v1/messages") {
        ErrorStyle::Anthropic
    } else if vendor_paths::is_gemini(path) {
        ErrorStyle::Gemini
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

/// Whether a path of `/v1` has a route, for any method.
pub fn is_path(path: &str) -> bool {
    path.starts_with("/v1/") && find(&Method::OPTIONS, path) != RouteMatch::Nothing
}

/// Finds the route of a request.
pub fn find(method: &Method, path: &str) -> RouteMatch {
    match path {
        // Clients such as Claude Code probe `/` and `/api/hello` at their start.
        "/" | "/health" | "/api/hello" => read(method, || Route::Health),
        // Gemini's clients list models as well.
        "/v1/models" | "/v1beta/models" => read(method, || Route::Models),
        _ => {
            if let Some(call) = vendor_paths::call(path) {
                return called(method, call);
            }
            if let Some(id) = path.strip_prefix("/v1beta/models/") {
                return gemini_model(method, id);
            }
            match vendor_paths::openai(path) {
                // `/openai/models` and below.
                Some("models") => read(method, || Route::Models),
                Some(rest) => below_v1(method, rest),
                None => RouteMatch::Nothing,
            }
        }
    }
}

fn gemini_model(method: &Method, id: &str) -> RouteMatch {
    // A verb that the gateway does not have.
    if id.is_empty() || (id.contains(':') && *method == Method::POST) {
        return RouteMatch::Nothing;
    }
    read(method, || model(id))
}

/// Ids contain slashes; some clients encode them, some don't.
fn model(id: &str) -> Route {
    let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
    Route::Model(id.into_owned())
}

fn below_v1(method: &Method, rest: &str) -> RouteMatch {
    if let Some(id) = rest.strip_prefix("models/").filter(|id| !id.is_empty()) {
        return read(method, || model(id));
    }
    match operation::below_v1(rest) {
        Some(operation) => called(
            method,
            RoutedCall {
                operation,
                model: None,
            },
        ),
        None => stored(method, rest),
    }
}

fn called(method: &Method, call: RoutedCall) -> RouteMatch {
    match *method {
        Method::OPTIONS => RouteMatch::Preflight(CALL),
        Method::POST => RouteMatch::Route(Route::Forward(call)),
        _ => RouteMatch::WrongMethod(CALL),
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
            path(Method::GET, "/v1beta/models"),
            RouteMatch::Route(Route::Models)
        );
        assert_eq!(
            path(Method::GET, "/v1beta/models/meta%2Fllama"),
            RouteMatch::Route(Route::Model("meta/llama".into()))
        );
        assert_eq!(path(Method::GET, "/v1beta/models/"), RouteMatch::Nothing);
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
