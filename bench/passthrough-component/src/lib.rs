//! The bare pass-through: the least that a proxying component on `spin-sdk` can do, as the floor that the gateway is
//! measured against. Owns no decision: everything goes to one upstream, with streamed bodies.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use anyhow::Context as _;
use spin_sdk::http::{Request, Response, Uri, send};
use spin_sdk::http_service;

/// Where everything goes, such as `http://127.0.0.1:9000`; read once per instance.
static UPSTREAM: OnceLock<Uri> = OnceLock::new();

/// Headers that belong to one connection (RFC 9110, 7.6.1), and the name of the server that was called.
const HOP_BY_HOP: [&str; 5] = [
    "connection",
    "host",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
];

#[http_service]
async fn handle(request: Request) -> anyhow::Result<Response> {
    let upstream = upstream().await?;
    let (mut parts, body) = request.into_parts();
    let mut target = parts.uri.into_parts();
    target.scheme = upstream.scheme().cloned();
    target.authority = upstream.authority().cloned();
    parts.uri = Uri::from_parts(target)?;
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    send(Request::from_parts(parts, body))
        .await
        .map_err(|code| anyhow::anyhow!("the upstream was not reached: {code}"))
}

async fn upstream() -> anyhow::Result<&'static Uri> {
    if let Some(upstream) = UPSTREAM.get() {
        return Ok(upstream);
    }
    let text = spin_sdk::variables::get("upstream")
        .await
        .context("the variable `upstream` is not set")?;
    let upstream = text.parse().context("the variable `upstream` is no URL")?;
    Ok(UPSTREAM.get_or_init(|| upstream))
}
