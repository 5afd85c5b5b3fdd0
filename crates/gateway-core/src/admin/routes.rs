//! All routes of the admin API, in one table. Owns paths and methods; the handlers are called by [`super`].

use http::Method;

use crate::error::{ErrorCode, GatewayError};

/// Where the API lives.
pub const ROOT: &str = "/admin/api/";

/// A method that operations have. HEAD is answered like GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Creates, or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

/// How the body of a request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// It is not read.
    None,
    /// A JSON object.
    Object,
    /// A JSON object, or nothing.
    OptionalObject,
    /// A JSON object that may have the size of a whole configuration.
    Configuration,
}

/// Makes the enum of operations and its table out of one list, so that neither can lack an entry of the other.
macro_rules! routes {
    ($($operation:ident: $verb:ident $path:literal, $body:ident;)*) => {
        /// What a request asks for: one for each pair of path and method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($verb), " ", $path, "`")] $operation,)*
        }

        impl Operation {
            /// All operations, those of one path side by side.
            pub const ALL: &'static [Self] = &[$(Self::$operation,)*];

            /// The path below the root; `{id}` stands for one id.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$operation => $path,)*
                }
            }

            /// The method.
            pub const fn verb(self) -> Verb {
                match self {
                    $(Self::$operation => Verb::$verb,)*
                }
            }

            /// The body.
            pub const fn body(self) -> BodyKind {
                match self {
                    $(Self::$operation => BodyKind::$body,)*
                }
            }
        }
    };
}

routes! {
    Login: Post "login", Object;
    Logout: Post "logout", None;
    Session: Get "session", None;
    ListChannels: Get "channels", None;
    CreateChannel: Post "channels", Object;
    GetChannel: Get "channels/{id}", None;
    ChangeChannel: Patch "channels/{id}", Object;
    DeleteChannel: Delete "channels/{id}", None;
    TestChannel: Post "channels/{id}/test", OptionalObject;
    ListUpstreamModels: Get "channels/{id}/models", None;
    PreviewUpstreamModels: Post "models", Object;
    ListKeys: Get "keys", None;
    CreateKey: Post "keys", Object;
    GetKey: Get "keys/{id}", None;
    ChangeKey: Patch "keys/{id}", Object;
    DeleteKey: Delete "keys/{id}", None;
    GetKeyAllowance: Get "keys/{id}/allowance", None;
    ExportConfig: Get "config", None;
    ImportConfig: Put "config", Configuration;
    Route: Get "route", None;
    Status: Get "status", None;
    Usage: Get "usage", None;
    Requests: Get "requests", None;
    Openapi: Get "openapi.json", None;
}

impl Verb {
    /// As requests have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn is(self, method: &Method) -> bool {
        method == self.name() || (self == Self::Get && method == Method::HEAD)
    }
}

/// The operation of a request and the id in its path, which is empty where the path has none. Fails with 404 for a path
/// that no operation has, and with 405 for a method that the path does not have.
pub fn find<'p>(method: &Method, path: &'p str) -> Result<(Operation, &'p str), GatewayError> {
    let mut allow: Vec<&str> = Vec::new();
    if let Some(path) = path.strip_prefix(ROOT) {
        for operation in Operation::ALL.iter().copied() {
            let Some(id) = id_in(operation.path(), path) else {
                continue;
            };
            let verb = operation.verb();
            if verb.is(method) {
                return Ok((operation, id));
            }
            allow.push(verb.name());
            if verb == Verb::Get {
                allow.push("HEAD");
            }
        }
    }
    if allow.is_empty() {
        return Err(ErrorCode::NotFound.error("There is no such path in the admin API."));
    }
    let allow = allow.join(", ");
    Err(ErrorCode::MethodNotAllowed
        .error(format!("This path has these methods: {allow}."))
        .with_allow(allow))
}

/// The id in a path that has the pattern's form: empty where the pattern has none; `None` when the form differs.
fn id_in<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{id}") else {
        return (pattern == path).then_some("");
    };
    let id = path.strip_prefix(before)?.strip_suffix(after)?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!id.is_empty() && id.bytes().all(is_id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::admin::OPENAPI;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            format!("{}/", document["servers"][0]["url"].as_str().unwrap()),
            ROOT
        );
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys();
            let methods = methods.filter(|name| *name != "parameters");
            described.extend(methods.map(|name| (name.to_uppercase(), path.clone())));
        }
        let routed: BTreeSet<_> = Operation::ALL
            .iter()
            .map(|operation| {
                (
                    operation.verb().name().to_owned(),
                    format!("/{}", operation.path()),
                )
            })
            .collect();
        // As many as entries: none of them hides another one.
        assert_eq!(routed.len(), Operation::ALL.len());
        assert_eq!(described, routed);
    }

    #[test]
    fn every_operation_is_found_by_its_own_method_and_path() {
        for operation in Operation::ALL.iter().copied() {
            let path = format!("{ROOT}{}", operation.path().replace("{id}", "x_1"));
            let id = if operation.path().contains("{id}") {
                "x_1"
            } else {
                ""
            };
            let method: Method = operation.verb().name().parse().unwrap();
            assert_eq!(find(&method, &path).unwrap(), (operation, id));
            if operation.verb() == Verb::Get {
                assert_eq!(find(&Method::HEAD, &path).unwrap(), (operation, id));
            }
            let error = find(&Method::OPTIONS, &path).unwrap_err();
            assert_eq!(error.status.as_u16(), 405);
            assert!(error.allow.unwrap().contains(operation.verb().name()));
        }
    }

    #[test]
    fn ids_are_found_in_their_place_and_nowhere_else() {
        assert_eq!(id_in("channels/{id}", "channels/ch_1"), Some("ch_1"));
        assert_eq!(
            id_in("channels/{id}/test", "channels/ch_1/test"),
            Some("ch_1")
        );
        assert_eq!(id_in("channels", "channels"), Some(""));
        for path in [
            "channels/",
            "channels/a/b",
            "channels/a-b",
            "channels//test",
            "channels",
        ] {
            assert_eq!(id_in("channels/{id}", path), None, "{path}");
        }
        for path in [
            "/admin/api/nothing",
            "/admin/apichannels",
            "/admin/api",
            "/",
        ] {
            assert_eq!(find(&Method::GET, path).unwrap_err().status.as_u16(), 404);
        }
    }
}
