//! Which headers pass, in both directions: allow-lists, so that no header passes by accident.

use std::borrow::Cow;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    USER_AGENT,
};
use http::{Response, StatusCode};

use crate::reply::{Reply, ReplyBody};
use crate::upstream::provider::ANTHROPIC_VERSION;
use crate::wire::dialect::Dialect;
use crate::wire::media;

/// A longer list of what was left out is cut: some clients and proxies take few bytes of headers.
const MAX_DROPPED_BYTES: usize = 1_000;

/// Client headers that are passed to the upstream. The client's credential, cookies and forwarding headers are not
/// among them.
static TO_UPSTREAM: [HeaderName; 7] = [
    ACCEPT,
    USER_AGENT,
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("anthropic-beta"),
    // W3C Trace Context: the client's trace goes on at the upstream.
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// The headers of a client's request that an upstream sees. The channel's own are added by
/// [`upstream::request`](crate::upstream::request).
pub fn to_upstream(client: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(TO_UPSTREAM.len() + 8);
    for name in &TO_UPSTREAM {
        // Lists may come in several lines: `tracestate` and `anthropic-beta` do.
        for value in client.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, media::for_upstream(client));
    // The gateway gains nothing from compression; what is compressed anyway is decoded.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// The headers of a request that was translated to `dialect`: those of one provider's API alone are left out.
pub fn translated(client: &HeaderMap, dialect: Dialect) -> HeaderMap {
    let mut headers = to_upstream(client);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove("openai-beta");
    headers.remove("anthropic-beta");
    headers.remove("anthropic-version");
    // The client accepts answers of another dialect.
    headers.remove(ACCEPT);
    if dialect == Dialect::Messages {
        let (name, version) = ANTHROPIC_VERSION;
        headers.insert(name, version);
    }
    headers
}

/// The list of what a translation left out, as far as a header takes it; `None`: nothing.
pub fn dropped(parts: &[Cow<'static, str>]) -> Option<HeaderValue> {
    let mut list = String::new();
    for part in parts {
        let is_plain = part
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',');
        if !is_plain || list.len() + part.len() > MAX_DROPPED_BYTES {
            continue;
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(part);
    }
    if list.is_empty() {
        return None;
    }
    HeaderValue::try_from(list).ok()
}

/// The response to the client, with the permitted part of the upstream's head.
pub fn reply(status: StatusCode, upstream: &HeaderMap, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = from_upstream(upstream);
    reply
}

/// The part of an upstream's head that a client may see. Everything else could name the provider's
/// account, set cookies, or contradict our own body.
pub fn from_upstream(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in upstream {
        if may_pass(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

fn may_pass(name: &HeaderName) -> bool {
    let text = name.as_str();
    *name == CONTENT_TYPE
        || *name == RETRY_AFTER
        || text == "retry-after-ms"
        // Anthropic's SDKs show it, and its support asks for it. It is not the gateway's own `x-request-id`.
        || text == "request-id"
        || text.starts_with("x-ratelimit-")
        || text.starts_with("anthropic-ratelimit-")
        || (text.starts_with("openai-") && text != "openai-organization")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn the_list_of_what_was_left_out_is_plain_and_short() {
        let list = |parts: &[&'static str]| {
            let parts: Vec<_> = parts.iter().map(|part| Cow::Borrowed(*part)).collect();
            dropped(&parts)
        };
        assert_eq!(list(&[]), None);
        assert_eq!(list(&["a b", "\u{e4}", "a,b", "\r\n"]), None);
        let value = HeaderValue::from_static("tools[0], web_search");
        assert_eq!(list(&["tools[0]", "\n", "web_search"]), Some(value));
        assert!(list(&["0123456789"; 1_000]).unwrap().len() < 1_300);
    }

    #[test]
    fn only_listed_headers_reach_the_upstream() {
        let client = map(&[
            ("authorization", "Bearer sk-client"),
            ("x-api-key", "sk-client"),
            ("api-key", "sk-client"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=x"),
            ("host", "gateway"),
            ("openai-beta", "assistants=v2"),
            ("user-agent", "test"),
            ("x-stainless-lang", "js"),
            ("content-type", "application/json; charset=utf-8"),
            ("openai-organization", "org"),
        ]);
        let out = to_upstream(&client);
        assert_eq!(
            out,
            map(&[
                ("user-agent", "test"),
                ("openai-beta", "assistants=v2"),
                ("accept-encoding", "identity"),
                ("content-type", "application/json; charset=utf-8"),
            ])
        );
    }

    #[test]
    fn every_line_of_a_list_reaches_the_upstream() {
        let mut client = HeaderMap::new();
        let state = HeaderName::from_static("tracestate");
        let beta = HeaderName::from_static("anthropic-beta");
        for (name, value) in [(&state, "a=1"), (&state, "b=2"), (&beta, "x"), (&beta, "y")] {
            client.append(name, HeaderValue::from_static(value));
        }
        let out = to_upstream(&client);
        let values = |name| out.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(values(&state), ["a=1", "b=2"]);
        assert_eq!(values(&beta), ["x", "y"]);
    }

    #[test]
    fn only_listed_headers_reach_the_client() {
        let upstream = map(&[
            ("content-type", "text/event-stream"),
            ("retry-after", "1"),
            ("retry-after-ms", "900"),
            ("x-ratelimit-remaining-tokens", "5"),
            ("request-id", "req_1"),
            ("anthropic-ratelimit-tokens-remaining", "6"),
            ("anthropic-organization-id", "org-x"),
            ("openai-processing-ms", "7"),
            ("openai-organization", "org-x"),
            ("set-cookie", "a=b"),
            ("server", "x"),
            ("x-request-id", "theirs"),
            ("content-encoding", "gzip"),
            ("content-length", "3"),
            ("access-control-allow-origin", "https://x"),
        ]);
        assert_eq!(
            from_upstream(&upstream),
            map(&[
                ("content-type", "text/event-stream"),
                ("retry-after", "1"),
                ("retry-after-ms", "900"),
                ("x-ratelimit-remaining-tokens", "5"),
                ("request-id", "req_1"),
                ("anthropic-ratelimit-tokens-remaining", "6"),
                ("openai-processing-ms", "7"),
            ])
        );
    }
}
