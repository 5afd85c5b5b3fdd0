//! From a request to a response: routes, caching and the headers that keep the page safe. Must not
//! read or change anything outside its arguments.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use crate::files::{File, content_type, find};
use crate::negotiate::{choose, is_unchanged};

/// On every response. Only the panel's own files and API are allowed, nothing inline and no frame. In a file, since hosts
/// that serve files themselves are told the same.
const SAFETY: &str = include_str!("../safety.headers");

/// What the build puts a hash of the content into never changes.
const HASHED: &str = "assets/";

/// Answers a request for `path`, which has no query, from `files`, which are sorted by name.
pub fn respond(
    files: &[File],
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Response<Bytes> {
    let mut response = if method != Method::GET && method != Method::HEAD {
        not_allowed(method)
    } else if let Some(file) = route(files, path) {
        send(file, headers)
    } else {
        not_found(path)
    };
    for line in SAFETY.lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        set(&mut response, HeaderName::from_static(name), value);
    }
    if response.status() != StatusCode::NOT_MODIFIED {
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    if method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    response
}

/// The file for a path. Every path whose last part has no dot is a view of the panel, so that it can
/// be reloaded and linked to.
fn route<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    let rest = path.strip_prefix("/admin")?;
    let name = match rest.strip_prefix('/') {
        Some(name) => name,
        None if rest.is_empty() => "",
        // `/administrator` is not below `/admin`.
        None => return None,
    };
    if name == "api" || name.starts_with("api/") {
        // The API is another component. Where it is missing, a page in its place would mislead.
        return None;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    let file = if last.contains('.') {
        name
    } else {
        "index.html"
    };
    find(files, file)
}

fn send(file: &File, headers: &HeaderMap) -> Response<Bytes> {
    let (variant, coding) = choose(file, headers);
    let mut response = Response::new(Bytes::new());
    let caching = if file.name.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    set(&mut response, CACHE_CONTROL, caching);
    set(&mut response, VARY, "accept-encoding");
    set(&mut response, ETAG, variant.etag);
    if is_unchanged(headers, variant.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    set(&mut response, CONTENT_TYPE, content_type(file.name));
    if let Some(coding) = coding {
        set(&mut response, CONTENT_ENCODING, coding);
    }
    *response.body_mut() = Bytes::from_static(variant.bytes);
    response
}

fn not_found(path: &str) -> Response<Bytes> {
    let message = format!("There is no {path} here.");
    error(StatusCode::NOT_FOUND, "not_found", &message)
}

fn not_allowed(method: &Method) -> Response<Bytes> {
    let message = format!("{method} is not allowed here: the panel's files are only read.");
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        &message,
    );
    set(&mut response, ALLOW, "GET, HEAD");
    response
}

/// An error in the shape that the whole gateway uses.
fn error(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let body = json!({"error": {
        "message": message,
        "type": "invalid_request_error",
        "param": null,
        "code": code,
    }});
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "application/json");
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

fn set(response: &mut Response<Bytes>, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests;
