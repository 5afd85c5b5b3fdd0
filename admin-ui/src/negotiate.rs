//! Reads `Accept-Encoding` and `If-None-Match`. Pure functions of header values; owns no response.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

use crate::files::{File, Variant};

/// A quality in thousandths, 0 to 1000; 0 is "not acceptable".
type Quality = u16;

/// What a request accepts, per content coding.
struct Accepted {
    brotli: Quality,
    gzip: Quality,
    identity: Quality,
}

/// The best variant of `file` for the request, and its `Content-Encoding` if it has one. At equal
/// quality the smaller wins: brotli, then gzip. A request that refuses everything gets the plain file,
/// which is of more use than a 406.
pub fn choose(file: &File, headers: &HeaderMap) -> (Variant, Option<&'static str>) {
    let accepted = accepted(headers);
    let mut best = (accepted.identity, file.plain, None);
    let compressed = [
        (accepted.gzip, file.gzip, "gzip"),
        (accepted.brotli, file.brotli, "br"),
    ];
    for (quality, variant, name) in compressed {
        if let Some(variant) = variant
            && quality > 0
            && quality >= best.0
        {
            best = (quality, variant, Some(name));
        }
    }
    (best.1, best.2)
}

fn accepted(headers: &HeaderMap) -> Accepted {
    let (mut brotli, mut gzip, mut identity, mut any) = (None, None, None, None);
    for (coding, quality) in list(headers, &ACCEPT_ENCODING).filter_map(coding) {
        if coding.eq_ignore_ascii_case("br") {
            brotli = Some(quality);
        } else if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(quality);
        } else if coding.eq_ignore_ascii_case("identity") {
            identity = Some(quality);
        } else if coding == "*" {
            any = Some(quality);
        }
    }
    Accepted {
        brotli: brotli.or(any).unwrap_or(0),
        gzip: gzip.or(any).unwrap_or(0),
        // Not named it stays acceptable, but whatever is named comes first.
        identity: identity.or(any).unwrap_or(0),
    }
}

/// One element of `Accept-Encoding`; `None` if its quality cannot be read.
fn coding(element: &str) -> Option<(&str, Quality)> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next()?;
    let mut quality = 1000;
    for parameter in parts {
        let (key, value) = parameter.split_once('=')?;
        if key.trim().eq_ignore_ascii_case("q") {
            quality = thousandths(value.trim())?;
        }
    }
    Some((name, quality))
}

/// Reads `0`, `0.5`, `1.000`: at most three decimals and at most 1, as RFC 9110 has it.
fn thousandths(text: &str) -> Option<Quality> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let parts: Quality = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(parts),
        "1" if parts == 0 => Some(1000),
        _ => None,
    }
}

/// Whether `If-None-Match` names `etag`, compared weakly as RFC 9110 asks, or is `*`.
pub fn is_unchanged(headers: &HeaderMap, etag: &str) -> bool {
    list(headers, &IF_NONE_MATCH)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The elements of a comma-separated header that may be repeated. Our own tags hold no comma, so a
/// comma inside a foreign tag only splits something that cannot match anyway.
fn list<'a>(
    headers: &'a HeaderMap,
    name: &http::HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn variant(etag: &'static str) -> Variant {
        Variant { bytes: b"", etag }
    }

    const FILE: File = File {
        name: "app.js",
        plain: variant("\"plain\""),
        gzip: Some(variant("\"gzip\"")),
        brotli: Some(variant("\"brotli\"")),
    };

    fn chosen(file: &File, accept: Option<&'static str>) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT_ENCODING, accept.parse().expect("a header value"));
        }
        choose(file, &headers).1
    }

    #[test]
    fn the_best_accepted_coding_is_chosen() {
        let cases = [
            (None, None),
            (Some(""), None),
            (Some("gzip, deflate, br, zstd"), Some("br")),
            (Some("gzip, deflate"), Some("gzip")),
            (Some("x-gzip"), Some("gzip")),
            (Some("GZIP;Q=1.0, br;q=0.5"), Some("gzip")),
            (Some("br;q=0, gzip"), Some("gzip")),
            (Some("gzip;q=0.001"), Some("gzip")),
            (Some("*"), Some("br")),
            (Some("*;q=0.5, br;q=0"), Some("gzip")),
            (Some("identity, br;q=0.5"), None),
            (Some("identity;q=0.4, br;q=0.5"), Some("br")),
            (Some("identity;q=0, *;q=0"), None),
            (Some("br;q=2, gzip;q=x, deflate"), None),
            (Some("br ; q=0.8 , gzip ; q=0.9"), Some("gzip")),
        ];
        for (accept, expected) in cases {
            assert_eq!(chosen(&FILE, accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_file_that_was_not_worth_compressing_is_sent_plain() {
        let plain = File {
            gzip: None,
            brotli: None,
            ..FILE
        };
        assert_eq!(chosen(&plain, Some("br, gzip")), None);
        let only_gzip = File {
            brotli: None,
            ..FILE
        };
        assert_eq!(chosen(&only_gzip, Some("br, gzip;q=0.1")), Some("gzip"));
    }

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_the_star() {
        let cases = [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value.parse().expect("a header value"));
            assert_eq!(is_unchanged(&headers, "\"a\""), expected, "{value}");
        }
        assert!(!is_unchanged(&HeaderMap::new(), "\"a\""));
    }
}
