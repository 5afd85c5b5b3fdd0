//! The panel's files, from the program itself.

use admin_ui::{files, serve};
use bytes::Bytes;
use http::Response;
use http::request::Parts;

/// Answers a request below `/admin`.
pub fn panel(head: &Parts) -> Response<Bytes> {
    serve::respond(files::FILES, &head.method, head.uri.path(), &head.headers)
}
