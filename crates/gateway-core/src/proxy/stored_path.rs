//! The paths of stored responses, below `/v1/responses/`. Owns their forms and methods, not what they do.

use http::Method;

use crate::wire::response_id;

/// A path that names a stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPath {
    id: String,
    part: PathPart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PathPart {
    Itself,
    Cancel,
    InputItems,
}

/// A call that is about a stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCall {
    /// The response's id.
    pub id: String,
    /// What is done with it.
    pub action: StoredAction,
}

/// What can be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAction {
    /// It is read; one that is made in the background can be followed as a stream.
    Retrieve,
    /// It is removed.
    Delete,
    /// It is no longer made.
    Cancel,
    /// What it answers to is listed.
    InputItems,
}

impl StoredPath {
    /// Reads a path below `/v1/`.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("responses/")?;
        let (id, part) = match rest.split_once('/') {
            None => (rest, PathPart::Itself),
            Some((id, "cancel")) => (id, PathPart::Cancel),
            Some((id, "input_items")) => (id, PathPart::InputItems),
            Some(_) => return None,
        };
        response_id::is_valid(id).then(|| Self {
            id: id.to_owned(),
            part,
        })
    }

    /// The methods that it has.
    pub const fn methods(&self) -> &'static str {
        match self.part {
            PathPart::Itself => "GET, HEAD, DELETE, OPTIONS",
            PathPart::InputItems => "GET, HEAD, OPTIONS",
            PathPart::Cancel => "POST, OPTIONS",
        }
    }

    /// The call that a method makes of it.
    pub fn call(self, method: &Method) -> Option<StoredCall> {
        let action = match (self.part, method) {
            (PathPart::Itself, &Method::GET | &Method::HEAD) => StoredAction::Retrieve,
            (PathPart::Itself, &Method::DELETE) => StoredAction::Delete,
            (PathPart::InputItems, &Method::GET | &Method::HEAD) => StoredAction::InputItems,
            (PathPart::Cancel, &Method::POST) => StoredAction::Cancel,
            _ => return None,
        };
        Some(StoredCall {
            id: self.id,
            action,
        })
    }
}

impl StoredCall {
    /// The path without the id, as the request log shows it.
    pub const fn endpoint(&self) -> &'static str {
        match self.action {
            StoredAction::Retrieve | StoredAction::Delete => "/v1/responses/{id}",
            StoredAction::Cancel => "/v1/responses/{id}/cancel",
            StoredAction::InputItems => "/v1/responses/{id}/input_items",
        }
    }

    /// The path at the upstream, below `/v1/`.
    pub fn path(&self) -> String {
        let path = self.endpoint().trim_start_matches("/v1/");
        path.replace("{id}", &self.id)
    }

    /// The method at the upstream.
    pub const fn method(&self) -> Method {
        match self.action {
            StoredAction::Retrieve | StoredAction::InputItems => Method::GET,
            StoredAction::Delete => Method::DELETE,
            StoredAction::Cancel => Method::POST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_methods() {
        use StoredAction::{Cancel, Delete, InputItems, Retrieve};
        for (method, path, expected) in [
            (Method::GET, "responses/resp_1", Some(Retrieve)),
            (Method::HEAD, "responses/resp_1", Some(Retrieve)),
            (Method::DELETE, "responses/resp_1", Some(Delete)),
            (Method::POST, "responses/resp_1", None),
            (Method::POST, "responses/resp_1/cancel", Some(Cancel)),
            (Method::GET, "responses/resp_1/cancel", None),
            (
                Method::GET,
                "responses/resp_1/input_items",
                Some(InputItems),
            ),
            (Method::POST, "responses/resp_1/input_items", None),
        ] {
            let call = StoredPath::parse(path).unwrap().call(&method);
            assert_eq!(
                call.as_ref().map(|call| call.action),
                expected,
                "{method} {path}"
            );
            if let Some(call) = call {
                assert_eq!(call.path(), path);
            }
        }
    }

    #[test]
    fn what_is_no_single_id_is_no_path() {
        for path in [
            "responses",
            "responses/",
            "responses/..",
            "responses/resp_1/",
            "responses/resp_1/other",
            "responses/resp_1/cancel/x",
            "responses/a%2Fb",
            "models/x",
        ] {
            assert_eq!(StoredPath::parse(path), None, "{path}");
        }
    }
}
