//! Calls from browsers: any origin may call `/v1`, without cookies. Owns the cross-origin headers.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::reply::{self, Reply};

/// Headers that scripts may read, besides those that browsers always allow.
const EXPOSED: &str = "x-request-id, x-gateway-channel, x-gateway-attempts, x-gateway-balance, x-should-retry, retry-after, \
    retry-after-ms, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, \
    x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens, request-id";

/// The CORS headers that a request needs.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    is_cross_origin: bool,
}

impl Request {
    /// Only browsers send `Origin`; other clients do not get the headers.
    pub fn of(parts: &http::request::Parts) -> Self {
        Self {
            is_cross_origin: parts.headers.contains_key(ORIGIN),
        }
    }

    /// Lets a script of another origin read the response.
    pub fn allow(self, headers: &mut HeaderMap) {
        if self.is_cross_origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            );
        }
    }
}

/// The answer to a preflight: the requested headers are allowed as they are, since SDKs send many custom ones
/// (`x-stainless-…`).
pub fn preflight(headers: &HeaderMap, methods: &'static str) -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    let out = reply.headers_mut();
    out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    out.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        out.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    // Two hours: the longest that Chromium keeps.
    out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    out.insert(
        VARY,
        HeaderValue::from_static("access-control-request-headers"),
    );
    reply
}
