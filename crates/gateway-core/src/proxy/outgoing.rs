//! The request to an upstream: the client's body with the few edits that the channel needs.
//! Owns the edits; headers and URLs have their own places.

use bytes::Bytes;
use http::{Method, Request};

use super::attempt::Attempt;
use super::forward::Call;
use super::headers;
use super::payload::{Changes, Payload};
use crate::ports::ProxyPorts;

/// Builds the request for one attempt. `said`: the model that the body names; empty: none.
pub fn build<P: ProxyPorts>(
    call: &Call<'_, P>,
    payload: &Payload<'_>,
    body: &Bytes,
    said: &str,
    attempt: &Attempt<'_, P>,
) -> Result<Request<Bytes>, http::Error> {
    let (channel, upstream_model) = (attempt.channel, attempt.model);
    let uri = channel.dialect.uri(call.operation.path, upstream_model)?;
    let changes = Changes {
        model: (upstream_model != said).then_some(upstream_model),
        dropped: &channel.drop_params,
        asks_usage: attempt.asks_usage,
    };
    let mut request = Request::new(payload.for_upstream(body, &changes));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers::to_upstream(
        call.headers,
        &channel.headers,
        attempt.key.credential.as_ref(),
        request.body().len(),
    );
    if let Some((name, value)) = channel.dialect.default_header() {
        request.headers_mut().entry(name).or_insert(value);
    }
    Ok(request)
}
