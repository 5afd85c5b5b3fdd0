//! What a component gets besides a request's own headers: the `spin-*` headers, as Spin sets them.

use std::net::SocketAddr;

use anyhow::Result;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts, uri::Scheme};

use crate::routes::{Match, Route};

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");

/// The values that are the same for all requests of a route.
pub struct RouteHeaders {
    pattern: HeaderValue,
    prefix: HeaderValue,
}

impl RouteHeaders {
    /// # Errors
    /// The pattern has characters that are invalid in a header.
    pub fn new(route: &Route) -> Result<Self> {
        Ok(Self {
            pattern: HeaderValue::from_str(&route.pattern)?,
            prefix: HeaderValue::from_str(route.prefix())?,
        })
    }
}

/// Prepares a request's head for the component: no header of the client can be mistaken for one of the host, the URI is
/// absolute. Returns `false` when the request names no usable host.
pub fn prepare(
    head: &mut Parts,
    route: &RouteHeaders,
    found: &Match<'_, '_>,
    client: SocketAddr,
    local: SocketAddr,
) -> bool {
    strip(&mut head.headers);
    let Some(uri) = absolute(head, local) else {
        return false;
    };
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let headers = &mut head.headers;
    headers.insert(FULL_URL, value(&uri.to_string()));
    headers.insert(CLIENT_ADDR, value(&client.to_string()));
    headers.insert(PATH_INFO, value(found.path_info));
    headers.insert(MATCHED_ROUTE, route.pattern.clone());
    headers.insert(RAW_COMPONENT_ROUTE, route.pattern.clone());
    headers.insert(COMPONENT_ROUTE, route.prefix.clone());
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    for (name, text) in &found.named {
        if let Ok(name) =
            HeaderName::try_from(format!("spin-path-match-{}", name.to_ascii_lowercase()))
        {
            headers.insert(name, value(text));
        }
    }
    head.uri = uri;
    true
}

/// Removes headers reserved to the host, and those of the connection.
fn strip(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    headers.remove(header::CONNECTION);
}

fn absolute(head: &Parts, local: SocketAddr) -> Option<Uri> {
    let mut parts = head.uri.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    if parts.authority.is_none() {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        parts.authority = Some(match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok()?.parse().ok()?,
            (None, _) => local.to_string().parse().ok()?,
            // Several hosts allow attacks on proxies that pick different ones.
            (Some(_), Some(_)) => return None,
        });
    }
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::routes::Router;

    fn prepared(uri: &str, headers: &[(&str, &str)]) -> Option<Parts> {
        let router = Router::new([("/u/:Id/...".to_owned(), 0)]).unwrap();
        let mut builder = Request::builder().uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut head = builder.body(()).unwrap().into_parts().0;
        let path = head.uri.path().to_owned();
        let found = router.find(&path).unwrap();
        let route = RouteHeaders::new(found.route).unwrap();
        let address = "127.0.0.1:9".parse().unwrap();
        prepare(
            &mut head,
            &route,
            &found,
            "10.0.0.1:5".parse().unwrap(),
            address,
        )
        .then_some(head)
    }

    #[test]
    fn the_headers_are_those_of_spin() {
        let head = prepared("/u/7/x?y=1", &[("host", "example.com:8")]).unwrap();
        for (name, value) in [
            ("spin-full-url", "http://example.com:8/u/7/x?y=1"),
            ("spin-client-addr", "10.0.0.1:5"),
            ("spin-path-info", "/x"),
            ("spin-matched-route", "/u/:Id/..."),
            ("spin-raw-component-route", "/u/:Id/..."),
            ("spin-component-route", "/u/:Id"),
            ("spin-base-path", "/"),
            ("spin-path-match-id", "7"),
            ("host", "example.com:8"),
        ] {
            assert_eq!(head.headers[name], value, "{name}");
        }
        assert_eq!(head.uri, "http://example.com:8/u/7/x?y=1");
    }

    #[test]
    fn a_client_cannot_speak_for_the_host() {
        let forged = [
            ("Spin-Client-Addr", "1.1.1.1:1"),
            ("spin-path-match-x", "y"),
            ("connection", "close"),
        ];
        let head = prepared("/u/7", &forged).unwrap();
        assert_eq!(
            head.headers
                .get_all("spin-client-addr")
                .iter()
                .collect::<Vec<_>>(),
            ["10.0.0.1:5"]
        );
        assert!(
            !head.headers.contains_key("spin-path-match-x")
                && !head.headers.contains_key("connection")
        );
        assert_eq!(
            head.uri.authority().unwrap(),
            "127.0.0.1:9",
            "without a host, the address that was called"
        );
    }

    #[test]
    fn a_host_that_is_none_is_refused() {
        assert!(prepared("/u/7", &[("host", "a b")]).is_none());
        assert!(prepared("/u/7", &[("host", "a"), ("host", "b")]).is_none());
    }
}
