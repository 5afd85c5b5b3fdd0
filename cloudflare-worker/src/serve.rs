//! One request of the host: in as `http::Request`, out as a response. Owns the conversion of heads and the isolate's
//! instance of the gateway.

use std::rc::Rc;

use bytes::Bytes;
use gateway_core::app::{App, Peer};
use gateway_core::reply::{Reply, ReplyBody};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::body::Incoming;
use crate::instance::{Reads, WorkerPorts};
use crate::io::Job;
use crate::respond::panel;
use crate::variables::WorkerVariables;

/// The header with the client's address from Cloudflare; a client's own field of this name is replaced.
const CONNECTING_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// The memory for all bodies together, of an isolate's 128 MB.
const BODIES_BYTES: usize = 84 << 20;

thread_local! {
    /// Lives as long as the isolate.
    static APP: Rc<App<WorkerPorts, WorkerPorts, WorkerVariables>> = Rc::new(
        App::new(
            WorkerPorts(Reads::Changes),
            WorkerPorts(Reads::Exact),
            WorkerVariables,
        )
        .with_memory(BODIES_BYTES)
        .with_panel(panel)
        .drained_by_host(),
    );
}

/// Answers one request, whose head is in lines: see [`crate::start`].
pub async fn serve(job: &Job, head: &str) -> Reply {
    match incoming(job, head) {
        Some((peer, message)) => APP.with(Rc::clone).handle(peer, message).await,
        None => bad_request(),
    }
}

/// The answer to a request that is not valid HTTP.
fn bad_request() -> Reply {
    let mut reply = Reply::new(ReplyBody::Whole(Bytes::new()));
    *reply.status_mut() = StatusCode::BAD_REQUEST;
    reply
}

/// The request and its sender as the core reads them; `None` if it is not a valid HTTP request.
fn incoming(job: &Job, head: &str) -> Option<(Peer, http::Request<Incoming>)> {
    let (method, rest) = head.split_once('\n')?;
    let (url, fields) = rest.split_once('\n')?;
    let url = Uri::try_from(url).ok()?;
    let mut headers = header_map(fields)?;
    // Cloudflare replaces what the client accepts by what its network does, and compresses responses itself.
    headers.remove(ACCEPT_ENCODING);
    let address = headers.get(CONNECTING_ADDRESS);
    let peer = Peer {
        address: address.and_then(|address| address.to_str().ok()?.trim().parse().ok()),
        scheme: url.scheme().cloned(),
        authority: url.authority().cloned(),
    };
    let mut incoming = http::Request::new(Incoming::Unread(job.clone()));
    *incoming.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *incoming.uri_mut() = url;
    *incoming.headers_mut() = headers;
    Some((peer, incoming))
}

/// Header fields from lines of names and values, whose letters are bytes.
pub fn header_map(lines: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut lines = lines.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let value = if value.is_ascii() {
            HeaderValue::from_str(value)
        } else {
            let letters = value.chars().map(|letter| u8::try_from(letter).ok());
            HeaderValue::try_from(letters.collect::<Option<Vec<u8>>>()?)
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, value.ok()?);
    }
    Some(headers)
}

/// The reverse.
pub fn lines(headers: &HeaderMap) -> String {
    // Seldom too little.
    let mut lines = String::with_capacity(headers.len() * 48);
    for (name, value) in headers {
        lines.push_str(name.as_str());
        lines.push('\n');
        match value.to_str() {
            Ok(text) => lines.push_str(text),
            Err(_) => lines.extend(value.as_bytes().iter().copied().map(char::from)),
        }
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_survive_the_way_there_and_back() {
        let text = "accept\na\nx-one\n1\naccept\nb\nx-odd\n\u{e4}\u{ff}\nx-empty\n\n";
        let headers = header_map(text).unwrap();
        let accepted: Vec<_> = headers.get_all("accept").iter().collect();
        assert_eq!(accepted, ["a", "b"]);
        assert_eq!(headers["x-odd"].as_bytes(), [0xe4, 0xff]);
        assert_eq!(header_map(&lines(&headers)), Some(headers));
        assert_eq!(header_map(""), Some(HeaderMap::new()));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert_eq!(header_map("bad name\n1\n"), None);
        assert_eq!(header_map("x\n\u{4e00}\n"), None);
    }
}
