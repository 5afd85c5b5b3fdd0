//! The request to an upstream: the client's body with the few edits that the channel needs.
//! Owns the edits; headers and URLs have their own places.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};

use super::headers;
use crate::config::snapshot::{Channel, Key};
use crate::wire::members::{Edit, Members, quoted};

/// Builds the request for one attempt. The body keeps every byte that no edit touches, and is not even
/// copied when none is needed.
pub fn build(
    operation: &str,
    client_headers: &HeaderMap,
    body: &Bytes,
    members: &Members<'_>,
    model: &str,
    channel: &Channel,
    key: &Key,
) -> Result<Request<Bytes>, http::Error> {
    let upstream_model = channel.upstream_model(model);
    let uri = channel.dialect.uri(operation, upstream_model)?;
    let body = edit(body, members, model, upstream_model, &channel.drop_params);
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers::to_upstream(
        client_headers,
        &channel.headers,
        key.credential.as_ref(),
        request.body().len(),
    );
    Ok(request)
}

fn edit(
    body: &Bytes,
    members: &Members<'_>,
    model: &str,
    upstream_model: &str,
    drop_params: &[String],
) -> Bytes {
    let renamed =
        (model != upstream_model).then(|| Edit::Set("model", Cow::Owned(quoted(upstream_model))));
    let dropped = drop_params
        .iter()
        .filter(|name| *name != "model")
        .map(|name| Edit::Remove(name));
    let edits: Vec<Edit<'_>> = renamed.into_iter().chain(dropped).collect();
    if edits.is_empty() {
        return body.clone();
    }
    members
        .rewrite(&edits)
        .map_or_else(|| body.clone(), Bytes::from)
}
