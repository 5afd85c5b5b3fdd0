//! All client routes, in one place. Owns paths and methods, not what they do.

use std::borrow::Cow;

use http::Method;

use crate::error::ErrorStyle;
use crate::wire::grammar::Grammar;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Is the gateway there?
    Health,
    /// The models that the key may use.
    Models,
    /// One of them.
    Model(String),
    /// A call that an upstream answers.
    Forward(Operation),
}

/// A call that an upstream answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The whole path, such as `/v1/chat/completions`.
    pub endpoint: &'static str,
    /// The path below `/v1/`.
    pub path: &'static str,
    /// Whether a stream of events of this operation ends with a mark (`[DONE]`, a finish reason, a final
    /// event), so that a stream without one was cut off.
    pub stream_has_end_mark: bool,
    /// Whether its streams take `stream_options`, with which the usage is asked for.
    pub has_stream_options: bool,
    /// The shape of its errors.
    pub errors: ErrorStyle,
}

impl Operation {
    /// The name under which it is remembered that a channel does not know a model. What most calls are for has the
    /// model's own; an upstream that has no rerankings answers 404 to them, which must not be held against chats.
    pub fn health_name<'a>(&self, model: &'a str) -> Cow<'a, str> {
        match self.path {
            "chat/completions" => Cow::Borrowed(model),
            path => Cow::Owned(format!("{model} ({path})")),
        }
    }

    /// How its answers are written, where a whole one and a stream can be turned into each other.
    pub fn grammar(&self) -> Option<Grammar> {
        Grammar::of(self.path)
    }

    /// A call in OpenAI's manner whose streams end with `[DONE]` and take `stream_options`.
    const fn completion(endpoint: &'static str) -> Self {
        Self {
            endpoint,
            path: below(endpoint),
            stream_has_end_mark: true,
            has_stream_options: true,
            errors: ErrorStyle::OpenAi,
        }
    }

    /// A call in OpenAI's manner without streams, or with streams that just end.
    const fn plain(endpoint: &'static str) -> Self {
        Self {
            endpoint,
            path: below(endpoint),
            stream_has_end_mark: false,
            has_stream_options: false,
            errors: ErrorStyle::OpenAi,
        }
    }
}

/// Whether upstreams answer calls of an endpoint for nothing, so that its figures are no use of tokens.
pub fn is_free(endpoint: &str) -> bool {
    endpoint == "/v1/messages/count_tokens"
}

/// What stands after `/v1/`.
const fn below(endpoint: &'static str) -> &'static str {
    endpoint.split_at("/v1/".len()).1
}

/// The shape of errors below a path, also for errors that are no operation's.
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
    /// A browser's question before a call; the methods that the path has.
    Preflight(&'static str),
    /// The path is there, but not with this method; the methods that it has.
    WrongMethod(&'static str),
    /// No such path.
    Nothing,
}

const READ: &str = "GET, HEAD, OPTIONS";
const CALL: &str = "POST, OPTIONS";

/// Calls whose body names a model, as JSON or as a form.
const OPERATIONS: &[Operation] = &[
    Operation::completion("/v1/chat/completions"),
    Operation::completion("/v1/completions"),
    Operation {
        endpoint: "/v1/responses",
        path: "responses",
        stream_has_end_mark: true,
        has_stream_options: false,
        errors: ErrorStyle::OpenAi,
    },
    Operation {
        endpoint: "/v1/messages",
        path: "messages",
        stream_has_end_mark: true,
        has_stream_options: false,
        errors: ErrorStyle::Anthropic,
    },
    Operation {
        endpoint: "/v1/messages/count_tokens",
        path: "messages/count_tokens",
        stream_has_end_mark: false,
        has_stream_options: false,
        errors: ErrorStyle::Anthropic,
    },
    Operation::plain("/v1/embeddings"),
    Operation::plain("/v1/moderations"),
    Operation::plain("/v1/rerank"),
    Operation::plain("/v1/images/generations"),
    Operation::plain("/v1/images/edits"),
    Operation::plain("/v1/images/variations"),
    Operation::plain("/v1/audio/speech"),
    Operation::plain("/v1/audio/transcriptions"),
    Operation::plain("/v1/audio/translations"),
];

/// Whether a path of `/v1` has a route, whatever its method.
pub fn is_path(path: &str) -> bool {
    path.starts_with("/v1/") && find(&Method::OPTIONS, path) != RouteMatch::Nothing
}

/// Whether a path is that of a call which an upstream answers.
pub fn is_operation(path: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|operation| operation.endpoint == path)
}

/// Finds the route of a request.
pub fn find(method: &Method, path: &str) -> RouteMatch {
    match path {
        // Clients such as Claude Code probe `/` and `/api/hello` before they work.
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
        None => RouteMatch::Nothing,
    }
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
        assert_eq!(path(Method::GET, "/v2"), RouteMatch::Nothing);
        assert!(matches!(
            path(Method::POST, "/v1/embeddings"),
            RouteMatch::Route(Route::Forward(_))
        ));
    }
}
