//! The request to an upstream: the client's body with the few edits that the channel needs.
//! Owns the edits; headers and URLs have their own places.

use bytes::Bytes;
use http::{Method, Request};

use super::attempt::Attempt;
use super::forward::Call;
use super::payload::{Changes, Payload};
use super::{headers, query};
use crate::ports::ProxyPorts;
use crate::wire::via;

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
    // Azure's query string is the dialect's own.
    let uri = if uri.query().is_none() && !channel.dialect.is_azure() {
        query::added(uri, call.uri)?
    } else {
        uri
    };
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
    via::pass_on(call.headers, call.via, request.headers_mut());
    if let Some((name, value)) = channel.dialect.default_header() {
        request.headers_mut().entry(name).or_insert(value);
    }
    Ok(request)
}
