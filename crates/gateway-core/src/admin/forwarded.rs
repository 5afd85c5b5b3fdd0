//! The client behind reverse proxies. Owns the reading of `Forwarded` (RFC 7239) and
//! `X-Forwarded-For`; pure. Whom to believe is decided by `trusted_proxies` of the settings alone.
//!
//! Every proxy appends the address that called it, so the list is read from its end: entries of trusted proxies are
//! stepped over, and the first other address is the client. Everything further left was written by the client and
//! counts for nothing. An entry that is no address (obfuscated, `unknown`, garbage) ends the reading: the proxy that
//! wrote it counts as the client.
//!
//! A proxy that writes one of the two headers often passes the other one on as the client sent it. So when both are
//! there and disagree, neither is believed.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::FORWARDED;

use crate::config::network::Network;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// Proxies that a request comes through at most; a list that is longer is not read further.
const MAX_HOPS: usize = 32;

/// The address of the client whose request arrived from `peer`.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|proxies| proxies.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let standard = lines(headers, FORWARDED.as_str())
        .map(|lines| nearest_stranger(peer, split(&lines, b',').map(forwarded_for), is_trusted));
    let usual = lines(headers, X_FORWARDED_FOR)
        .map(|lines| nearest_stranger(peer, split(&lines, b',').map(address), is_trusted));
    match (standard, usual) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (_, Some(client)) => client,
        (None, None) => peer,
    }
}

/// Whether anybody claims to speak for another client.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED) || headers.contains_key(X_FORWARDED_FOR)
}

/// All lines of a header as one list; `None` when there is none. A line that is no text is an entry that is no address.
fn lines(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|line| line.to_str().unwrap_or("unknown"))
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// Walks from the last entry to the first one that is not a trusted proxy's.
fn nearest_stranger<'t>(
    peer: IpAddr,
    entries: impl Iterator<Item = Option<IpAddr>> + 't,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let entries: Vec<Option<IpAddr>> = entries.collect();
    let mut nearest = peer;
    for entry in entries.into_iter().rev().take(MAX_HOPS) {
        let Some(address) = entry else {
            return nearest;
        };
        nearest = address;
        if !is_trusted(address) {
            return nearest;
        }
    }
    nearest
}

/// The `for` of one element of `Forwarded`; `None` when it has none, several, or one that is no address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = split(element, b';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    address(value)
}

/// An address with or without a port, quotes and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text)
        .trim();
    let bare = || {
        text.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text)
    };
    text.parse::<SocketAddr>()
        .map(|socket| socket.ip())
        .or_else(|_| bare().parse())
        .ok()
        .map(|address| address.to_canonical())
}

/// The parts between separators that are not within quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = whole.bytes().position(|byte| {
            let was_escaped = std::mem::take(&mut is_escaped);
            match byte {
                _ if was_escaped => {}
                b'"' => is_quoted = !is_quoted,
                b'\\' if is_quoted => is_escaped = true,
                _ if byte == separator => return !is_quoted,
                _ => {}
            }
            false
        });
        // Separators are ASCII, so both sides are whole characters.
        let (part, after) = match end {
            Some(end) => (whole.get(..end)?, whole.get(end + 1..)),
            None => (whole, None),
        };
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// What is found behind the proxy 10.0.0.1 when `10.0.0.0/8` and `fd00::/8` are trusted.
    fn found(headers: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client("10.0.0.1".parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn the_rightmost_address_that_is_no_trusted_proxy_is_the_client() {
        for (list, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1, 10.0.0.2,10.0.0.3", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711, fd00::7", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("\"192.0.2.1\"", "192.0.2.1"),
            // Only proxies: the farthest of them.
            ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
            // The proxy that wrote what is no address is the last one known.
            ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.1, ", "10.0.0.1"),
            ("", "10.0.0.1"),
            (",,,", "10.0.0.1"),
            ("192.0.2.1 6.6.6.6", "10.0.0.1"),
            ("192.0.2.1/24", "10.0.0.1"),
            ("<script>", "10.0.0.1"),
            ("ü", "10.0.0.1"),
        ] {
            assert_eq!(found(&[("x-forwarded-for", list)]), client, "{list:?}");
        }
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.2"),
        ];
        assert_eq!(found(&lines), "192.0.2.1");
    }

    #[test]
    fn the_standard_header_is_read_likewise() {
        for (list, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            (
                "For=\"192.0.2.1:4711\";proto=https;by=10.0.0.1",
                "192.0.2.1",
            ),
            ("for=6.6.6.6, for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
            ("proto=http; for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=192.0.2.1;host=\"a,b;for=6.6.6.6\"", "192.0.2.1"),
            ("host=\"\\\",for=6.6.6.6\";for=192.0.2.1", "192.0.2.1"),
            ("for=192.0.2.1, for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("for=192.0.2.1, for=unknown", "10.0.0.1"),
            ("for=192.0.2.1, proto=https", "10.0.0.1"),
            ("for=192.0.2.1;for=6.6.6.6", "10.0.0.1"),
            ("for=\"192.0.2.1", "10.0.0.1"),
            ("for", "10.0.0.1"),
        ] {
            assert_eq!(found(&[("forwarded", list)]), client, "{list:?}");
        }
    }

    #[test]
    fn two_headers_that_disagree_are_not_believed() {
        let both = |one, other| found(&[("forwarded", one), ("x-forwarded-for", other)]);
        assert_eq!(both("for=192.0.2.1", "6.6.6.6, 192.0.2.1"), "192.0.2.1");
        assert_eq!(both("for=6.6.6.6", "192.0.2.1"), "10.0.0.1");
        assert_eq!(both("for=unknown", "192.0.2.1"), "10.0.0.1");
    }

    #[test]
    fn only_a_trusted_peer_speaks_for_others() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        let peer = "203.0.113.9".parse().unwrap();
        assert_eq!(client(peer, &headers, &[]), peer);
        let other = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(client(peer, &headers, &other), peer);
        let own = ["203.0.113.0/24".parse().unwrap()];
        assert_eq!(client(peer, &headers, &own).to_string(), "192.0.2.1");
    }

    #[test]
    fn a_long_list_is_read_from_its_end_only() {
        let list = format!("192.0.2.1{}", ", 10.0.0.2".repeat(5000));
        assert_eq!(found(&[("x-forwarded-for", &list)]), "10.0.0.2");
    }
}
