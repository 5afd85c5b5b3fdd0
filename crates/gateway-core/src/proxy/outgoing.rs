//! The request to an upstream: the client's body with the few edits that the channel needs.
//! Owns the edits; headers and URLs have their own places.

use bytes::Bytes;
use http::{Method, Request};

use super::forward::Call;
use super::headers;
use super::payload::Payload;
use crate::config::snapshot::{Channel, Key};

/// Builds the request for one attempt.
pub fn build(
    call: &Call<'_>,
    payload: &Payload<'_>,
    model: &str,
    channel: &Channel,
    key: &Key,
) -> Result<Request<Bytes>, http::Error> {
    let upstream_model = channel.upstream_model(model);
    let new_model = (upstream_model != model).then_some(upstream_model);
    let uri = channel.dialect.uri(call.operation.path, upstream_model)?;
    let mut request =
        Request::new(payload.for_upstream(&call.body, new_model, &channel.drop_params));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers::to_upstream(
        call.headers,
        &channel.headers,
        key.credential.as_ref(),
        request.body().len(),
    );
    if let Some((name, value)) = channel.dialect.default_header() {
        request.headers_mut().entry(name).or_insert(value);
    }
    Ok(request)
}
