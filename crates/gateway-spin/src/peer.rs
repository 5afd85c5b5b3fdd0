//! The peer of a request, as Spin reports it. Owns the names of the headers that Spin adds to every request, replacing
//! those of the same names that a client has sent.

use std::net::{IpAddr, SocketAddr};

use gateway_core::peer::Peer;
use http::uri::Authority;
use http::{HeaderMap, Uri};

const FULL_URL: &str = "spin-full-url";
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// The peer of a request with these headers; `authority` is the name that the client called, where the host knows it.
pub fn of(headers: &HeaderMap, authority: Option<&str>) -> Peer {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.trim());
    let url: Option<Uri> = text(FULL_URL).and_then(|url| url.parse().ok());
    let named = authority.and_then(|name| Authority::try_from(name).ok());
    Peer {
        address: text(CLIENT_ADDRESS).and_then(address),
        scheme: url.as_ref().and_then(|url| url.scheme().cloned()),
        authority: named.or_else(|| url?.authority().cloned()),
    }
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let socket = text.parse::<SocketAddr>().map(|address| address.ip());
    socket.or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use http::uri::Scheme;

    use super::*;

    fn peer(headers: &[(&'static str, &'static str)], authority: Option<&str>) -> Peer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        of(&map, authority)
    }

    #[test]
    fn an_address_is_read_with_and_without_its_port() {
        for (text, expected) in [
            ("192.0.2.1:1000", Some("192.0.2.1")),
            (" 192.0.2.1 ", Some("192.0.2.1")),
            ("[2001:db8::1]:1000", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("nonsense", None),
            ("1.2.3", None),
            ("1.2.3.4.5", None),
            ("<script>", None),
            ("", None),
        ] {
            let expected = expected.map(|address| address.parse().unwrap());
            let peer = peer(&[("spin-client-addr", text)], None);
            assert_eq!(peer.address, expected, "{text:?}");
        }
        assert_eq!(peer(&[], None), Peer::default());
    }

    #[test]
    fn scheme_and_name_are_those_of_the_full_url() {
        let url = [(
            "spin-full-url",
            "https://gateway.example:8443/admin/api/login?a=b",
        )];
        let found = peer(&url, None);
        assert_eq!(found.scheme, Some(Scheme::HTTPS));
        assert_eq!(found.authority.unwrap(), "gateway.example:8443");
        // The host's own value comes first, if it is a name.
        assert_eq!(peer(&url, Some("other")).authority.unwrap(), "other");
        let found = peer(&url, Some("not a name"));
        assert_eq!(found.authority.unwrap(), "gateway.example:8443");
        assert_eq!(
            peer(&[("spin-full-url", "not a url")], None),
            Peer::default()
        );
    }
}
