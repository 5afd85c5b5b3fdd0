//! The request to an upstream. Owns which header wins where several sources set it: the credential over the channel's
//! own headers over the provider's defaults and the sender's.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::config::snapshot::{Channel, Key};
use crate::reply;
use crate::wire::via;

/// Where a request came from, for its `Via`.
#[derive(Clone, Copy, Debug)]
pub struct Hops<'a> {
    /// The headers of the client's request; `None`: the gateway's own call.
    pub client: Option<&'a HeaderMap>,
    /// The gateway's own value.
    pub own: Option<&'a HeaderValue>,
}

/// Builds a request: a POST with a `body`, a GET without one. `headers` are the sender's.
pub fn build(
    channel: &Channel,
    key: &Key,
    uri: Uri,
    headers: HeaderMap,
    hops: Hops<'_>,
    body: Option<Bytes>,
) -> Request<Bytes> {
    let length = body.as_ref().map(Bytes::len);
    let method = if body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let mut request = Request::new(body.unwrap_or_default());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let default = channel.endpoint.kind().default_header();
    let credential = key.credential.as_ref();
    let mut headers = complete(headers, default, &channel.headers, credential, length);
    via::pass_on(
        hops.client.unwrap_or(&HeaderMap::new()),
        hops.own,
        &mut headers,
    );
    *request.headers_mut() = headers;
    request
}

/// The sender's headers with the channel's and the provider's.
fn complete(
    mut headers: HeaderMap,
    default: Option<(HeaderName, HeaderValue)>,
    channel: &HeaderMap,
    credential: Option<&(HeaderName, HeaderValue)>,
    body_length: Option<usize>,
) -> HeaderMap {
    if let Some((name, value)) = default {
        headers.entry(name).or_insert(value);
    }
    for (name, value) in channel {
        headers.insert(name, value.clone());
    }
    if let Some(length) = body_length {
        headers.insert(CONTENT_LENGTH, reply::number(length));
    }
    if let Some((name, value)) = credential {
        headers.remove(AUTHORIZATION);
        headers.insert(name, value.clone());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let entry = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        list.iter().map(entry).collect()
    }

    fn pair(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    }

    #[test]
    fn the_credential_wins_over_the_channel_and_the_channel_over_the_sender() {
        let sender = map(&[("user-agent", "client"), ("openai-beta", "x")]);
        let channel = map(&[
            ("user-agent", "channel"),
            ("authorization", "Bearer channel"),
            ("content-length", "99"),
        ]);
        let credential = pair("x-api-key", "up");
        let headers = complete(sender.clone(), None, &channel, Some(&credential), Some(12));
        let expected = map(&[
            ("user-agent", "channel"),
            ("openai-beta", "x"),
            ("content-length", "12"),
            ("x-api-key", "up"),
        ]);
        assert_eq!(headers, expected);
        // Without a key the channel's own credential stays.
        let headers = complete(sender, None, &channel, None, None);
        assert_eq!(headers["authorization"], "Bearer channel");
        assert_eq!(headers["content-length"], "99");
    }

    #[test]
    fn a_default_header_is_for_requests_that_lack_it() {
        let default = || Some(pair("anthropic-version", "default"));
        let of = |sender: &[_], channel: &[_]| {
            let headers = complete(map(sender), default(), &map(channel), None, None);
            let value = headers["anthropic-version"].to_str().unwrap();
            value.to_owned()
        };
        assert_eq!(of(&[], &[]), "default");
        assert_eq!(of(&[("anthropic-version", "client")], &[]), "client");
        let channel = [("anthropic-version", "channel")];
        assert_eq!(of(&[("anthropic-version", "client")], &channel), "channel");
    }
}
