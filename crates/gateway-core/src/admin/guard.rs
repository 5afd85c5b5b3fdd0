//! Who may ask: origin, credential and the type of what the cookie sends. Owns the reading of request headers;
//! the token itself is the session's.

use std::net::{IpAddr, Ipv6Addr};

use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri};
use sha2::{Digest as _, Sha256};

use super::principal::Principal;
use super::session_check::{self, COOKIE_NAME};
use super::session_token::Session;
use super::{AdminSettings, forwarded};
use crate::config::network::Network;
use crate::error::{ErrorCode, GatewayError};
use crate::peer::Peer;
use crate::ports::AdminPorts;
use crate::secret::Secret;
use crate::wire::media;

/// A client with a valid session.
#[derive(Debug)]
pub struct Caller {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub principal: Principal,
    /// Whether the token came in the cookie, which browsers send without being asked.
    pub by_cookie: bool,
}

/// Refuses what a page of another origin sends. Clients that are no browsers send neither header.
pub fn same_origin(head: &Parts) -> Result<(), GatewayError> {
    let site = text(&head.headers, "sec-fetch-site");
    if matches!(site, Some("cross-site" | "same-site")) {
        return Err(cross_origin());
    }
    let mut origins = head.headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return Ok(());
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.parse::<Uri>().ok());
    let is_own = origin
        .zip(host(head))
        .is_some_and(|(origin, host)| is_origin_of(&origin, &host));
    if is_own && origins.next().is_none() {
        Ok(())
    } else {
        Err(cross_origin())
    }
}

fn cross_origin() -> GatewayError {
    ErrorCode::CrossOrigin.error("The admin API can only be used from its own origin.")
}

/// Whether host and port are the same; ports that are not written are those of the origin's scheme. The schemes
/// are not compared: behind a proxy that ends TLS the gateway cannot know its own.
fn is_origin_of(origin: &Uri, host: &Authority) -> bool {
    let default_port = match origin.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    origin.authority().is_some_and(|origin| {
        origin.host().eq_ignore_ascii_case(host.host()) && port(origin) == port(host)
    })
}

/// The name and port that the client called.
pub fn host(head: &Parts) -> Option<Authority> {
    let from_host = head
        .headers
        .get(HOST)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    from_host
        .or_else(|| Peer::of(head)?.authority.clone())
        .or_else(|| head.uri.authority().cloned())
}

/// Whether the request came over TLS, as far as the host or a proxy in front of it says. A client that lies decides only
/// whether its own cookie is marked as secure, so any peer is believed.
pub fn is_https(head: &Parts) -> bool {
    let own = Peer::of(head).and_then(|peer| peer.scheme.as_ref());
    let forwarded =
        text(&head.headers, "x-forwarded-proto").and_then(|list| list.split(',').next());
    [own, head.uri.scheme()].contains(&Some(&Scheme::HTTPS))
        || forwarded.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The session of the request, or 401.
pub async fn authenticate<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
) -> Result<Caller, GatewayError> {
    let bearer = text(&head.headers, AUTHORIZATION.as_str()).and_then(bearer);
    let (token, by_cookie) = match (bearer, cookie(&head.headers, COOKIE_NAME)) {
        (Some(token), _) => (token, false),
        (None, Some(token)) => (token, true),
        (None, None) => return Err(session_check::not_authenticated()),
    };
    let (session, principal) = session_check::verify(ports, settings, token).await?;
    Ok(Caller {
        session,
        principal,
        by_cookie,
    })
}

/// Whether the request's bearer token is `expected`. Digests are compared, so that the time it takes tells nothing.
pub fn presents(headers: &HeaderMap, expected: Option<&Secret<String>>) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let expected = expected.filter(|expected| !expected.expose().is_empty());
    let token = text(headers, AUTHORIZATION.as_str()).and_then(bearer);
    token
        .zip(expected)
        .is_some_and(|(token, expected)| digest(token) == digest(expected.expose()))
}

/// An HTML form can send three content types without asking the server first; JSON is none of them.
pub fn cookie_writes_json(caller: &Caller, headers: &HeaderMap) -> Result<(), GatewayError> {
    let is_json = media::essence(headers).eq_ignore_ascii_case("application/json");
    if !caller.by_cookie || is_json {
        return Ok(());
    }
    Err(ErrorCode::UnsupportedMediaType.error(
        "Writes that are authenticated by the cookie need `content-type: application/json`.",
    ))
}

/// Whom failed logins are counted for: the client's address without its port, of IPv6 the network, since one
/// customer has 2^64 addresses. Empty when the host does not say.
pub fn client_address(head: &Parts, trusted_proxies: &[Network]) -> String {
    match client_ip(head, trusted_proxies) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let network = u128::from(address) >> 64 << 64;
            format!("{}/64", Ipv6Addr::from(network))
        }
        None => String::new(),
    }
}

/// The client's address, as far as the host knows it and a trusted proxy says.
pub fn client_ip(head: &Parts, trusted_proxies: &[Network]) -> Option<IpAddr> {
    let peer = Peer::of(head).and_then(|peer| peer.address)?;
    let client = forwarded::client(peer, &head.headers, trusted_proxies);
    Some(client.to_canonical())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of the cookie `name`.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(given, value)| (given == name).then_some(value))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
