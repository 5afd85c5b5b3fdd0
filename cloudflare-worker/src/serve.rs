//! One request of the host: in as `http::Request`, out as a response. Owns the conversion of heads, which part of the
//! gateway a path belongs to, and what an isolate reads before its first request.

use std::cell::OnceCell;
use std::rc::Rc;

use gateway_core::admin::{self, AdminSettings};
use gateway_core::config::seal::MasterKey;
use gateway_core::config::startup;
use gateway_core::proxy::{self, Gateway};
use gateway_core::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::body::{Incoming, drain};
use crate::instance::{Reads, WorkerPorts, configure_log};
use crate::io;
use crate::respond::{nobody, panel, respond};
use crate::settings::setting;

/// Under these names the core knows what a host says of a request; a client's own fields of these names are not it.
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");
/// Where Cloudflare says who called.
const CONNECTING_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// What bodies may take of an isolate's 128 MB together.
const BODIES_BYTES: usize = 84 << 20;

thread_local! {
    /// Variables do not change while an isolate lives, so that each reads them once.
    static PARTS: OnceCell<Rc<Parts>> = const { OnceCell::new() };
}

/// What an isolate answers with.
struct Parts {
    gateway: Rc<Gateway<WorkerPorts>>,
    settings: AdminSettings,
}

/// Answers one request.
pub async fn serve(request: &web_sys::Request) -> web_sys::Response {
    let response = answer(request).await;
    drain(request).await;
    response
}

async fn answer(request: &web_sys::Request) -> web_sys::Response {
    let Some(request) = incoming(request) else {
        return nobody();
    };
    let path = request.uri().path();
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if below("/admin") && !below("/admin/api") {
        return panel(&request);
    }
    let is_head = request.method() == Method::HEAD;
    let is_admin = below("/admin/api") || path == "/metrics";
    let parts = parts().await;
    let reply = if is_admin {
        admin::handle(&WorkerPorts(Reads::Exact), &parts.settings, request).await
    } else {
        proxy::handle(&parts.gateway, request).await
    };
    respond(reply, is_head)
}

/// The isolate's parts. Requests that come first and together each make them; those of the first are kept.
async fn parts() -> Rc<Parts> {
    if let Some(parts) = PARTS.with(|cell| cell.get().cloned()) {
        return parts;
    }
    configure_log();
    let text = setting("MASTER_KEY").unwrap_or_default();
    let master_key = MasterKey::parse(&text).map_err(|error| error.to_string());
    let settings = AdminSettings {
        password: setting("ADMIN_PASSWORD").map(Secret::new),
        metrics_token: setting("METRICS_TOKEN").map(Secret::new),
        master_key: master_key.clone().ok().flatten(),
        master_key_error: master_key.clone().err(),
    };
    let is_final = match setting("CONFIG") {
        Some(text) => {
            startup::apply(&WorkerPorts(Reads::Exact), &text, settings.protection()).await
        }
        None => true,
    };
    let gateway = Gateway::new(WorkerPorts(Reads::Near), master_key).with_memory(BODIES_BYTES);
    let gateway = Rc::new(gateway);
    let parts = Rc::new(Parts { gateway, settings });
    if !is_final {
        // Not kept: the configuration in the variable is tried again with the next request.
        return parts;
    }
    PARTS.with(|cell| Rc::clone(cell.get_or_init(|| parts)))
}

/// The request as the core reads it; `None` if HTTP has no such request.
fn incoming(request: &web_sys::Request) -> Option<http::Request<Incoming>> {
    let url = request.url();
    let mut headers = header_map(&io::request_headers(request))?;
    headers.remove(CLIENT_ADDRESS);
    if let Some(address) = headers.get(CONNECTING_ADDRESS).cloned() {
        headers.insert(CLIENT_ADDRESS, address);
    }
    headers.insert(FULL_URL, HeaderValue::try_from(&url).ok()?);
    let mut incoming = http::Request::new(Incoming::Unread(Clone::clone(request)));
    *incoming.method_mut() = Method::from_bytes(request.method().as_bytes()).ok()?;
    *incoming.uri_mut() = Uri::try_from(url).ok()?;
    *incoming.headers_mut() = headers;
    Some(incoming)
}

/// Header fields from lines of names and values, whose letters are bytes.
pub fn header_map(lines: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut lines = lines.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let value: Option<Vec<u8>> = value
            .chars()
            .map(|letter| u8::try_from(letter).ok())
            .collect();
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::try_from(value?).ok()?,
        );
    }
    Some(headers)
}

/// The same the other way.
pub fn lines(headers: &HeaderMap) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        lines.push_str(name.as_str());
        lines.push('\n');
        lines.extend(value.as_bytes().iter().copied().map(char::from));
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
