//! The `Via` header (RFC 9110, 7.6.3): how a request that returns to its own gateway is recognised. Owns the header's
//! grammar as far as that takes; which name a gateway has is the configuration's.

use http::header::VIA;
use http::{HeaderMap, HeaderValue};

/// Gateways and proxies that a request may have passed through. More of them are a loop of gateways that do not
/// recognise each other.
const MAX_HOPS: usize = 32;

/// What a request's `Via` shows about its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It has not passed through this gateway.
    New,
    /// It passed through this gateway before.
    Returned,
    /// It passed through more hops than permitted.
    TooLong,
}

/// The header's value for a gateway that is called `pseudonym`.
pub fn value(pseudonym: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("1.1 {pseudonym}")).ok()
}

/// Reads a request's path, at the gateway whose own value of the header is `own`.
pub fn way(headers: &HeaderMap, own: &HeaderValue) -> Way {
    let Some(own) = received_by(own.as_bytes()) else {
        return Way::New;
    };
    let mut hops = 0;
    for line in headers.get_all(VIA) {
        // A comment may contain commas. The pieces it falls into count as hops, which does no harm.
        for hop in line.as_bytes().split(|byte| *byte == b',') {
            hops += 1;
            if received_by(hop).is_some_and(|name| name.eq_ignore_ascii_case(own)) {
                return Way::Returned;
            }
            if hops > MAX_HOPS {
                return Way::TooLong;
            }
        }
    }
    Way::New
}

/// Adds the client's values and this gateway's own to an outgoing request, replacing what is there.
pub fn pass_on(client: &HeaderMap, own: Option<&HeaderValue>, outgoing: &mut HeaderMap) {
    outgoing.remove(VIA);
    for line in client.get_all(VIA).iter().chain(own) {
        outgoing.append(VIA, line.clone());
    }
}

/// The name in `[protocol/]version name [comment]`.
fn received_by(hop: &[u8]) -> Option<&[u8]> {
    let mut words = hop
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    words.nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Way {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(VIA, line.parse().unwrap());
        }
        way(&headers, &value("gw-1").unwrap())
    }

    #[test]
    fn a_request_that_was_here_is_recognised_in_any_line_and_place() {
        let long = "1.1 proxy, ".repeat(MAX_HOPS + 1);
        for (lines, expected) in [
            (&[][..], Way::New),
            (&["1.1 gw-1"], Way::Returned),
            (&["HTTP/2.0 GW-1 (a gateway, mine)"], Way::Returned),
            (&["1.0 fred, 1.1\tgw-1"], Way::Returned),
            (
                &["1.0 fred", "2 p.example:80 (x, y),1.1   gw-1 "],
                Way::Returned,
            ),
            (&["1.1 gw-10", "1.1 (gw-1)", "gw-1", ",,", ""], Way::New),
            (&[&long], Way::TooLong),
            (&["1.1 gw-1", &long], Way::Returned),
        ] {
            assert_eq!(of(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_way_so_far_is_passed_on_with_the_gateway_as_its_last_hop() {
        let mut client = HeaderMap::new();
        client.append(VIA, HeaderValue::from_static("1.0 fred, 1.1 p"));
        client.append(VIA, HeaderValue::from_static("1.1 q"));
        let mut outgoing = HeaderMap::new();
        outgoing.insert(VIA, HeaderValue::from_static("1.1 configured"));
        pass_on(&client, value("gw-1").as_ref(), &mut outgoing);
        let lines: Vec<_> = outgoing.get_all(VIA).iter().collect();
        assert_eq!(lines, ["1.0 fred, 1.1 p", "1.1 q", "1.1 gw-1"]);
    }
}
