//! `ETag` and `If-Match`: that a write replaces only what its sender has seen. Owns the reading of the header
//! (RFC 9110, 13.1.1) and the answer when it does not hold; what a revision is, is its callers'.

use http::HeaderMap;
use http::header::{ETAG, HeaderValue, IF_MATCH};

use crate::error::{ErrorCode, GatewayError};
use crate::reply::Reply;

/// Fails with 412 unless `revision` is one of those that `If-Match` names. Without the header every one will do.
pub fn check(headers: &HeaderMap, revision: &str, what: &str) -> Result<(), GatewayError> {
    let mut lists = headers.get_all(IF_MATCH).iter().peekable();
    if lists.peek().is_none() || lists.any(|list| names(list.as_bytes(), revision.as_bytes())) {
        return Ok(());
    }
    Err(ErrorCode::ChangedMeanwhile.error(format!(
        "The {what} has changed since it was read, so nothing was written. Read it again, look at what changed, and \
         repeat the request with its new `ETag` as `If-Match`."
    )))
}

/// Adds the revision as `ETag`.
pub fn tag(reply: Reply, revision: &str) -> Reply {
    with_tag(reply, format!("\"{revision}\""))
}

/// Adds the revision as a weak `ETag`: not every byte of the answer is the same while it is.
pub fn weak_tag(reply: Reply, revision: &str) -> Reply {
    with_tag(reply, format!("W/\"{revision}\""))
}

fn with_tag(mut reply: Reply, tag: String) -> Reply {
    if let Ok(value) = HeaderValue::try_from(tag) {
        reply.headers_mut().insert(ETAG, value);
    }
    reply
}

/// Whether a list of entity tags names the revision, or everything with `*`. `If-Match` compares strongly, so a weak
/// tag names nothing. Tags without quotes are taken too: the lists of this API have revisions without them.
fn names(list: &[u8], revision: &[u8]) -> bool {
    let mut rest = list.trim_ascii();
    if rest == b"*" {
        return true;
    }
    while !rest.is_empty() {
        let (tag, after) = match rest {
            [b',' | b' ' | b'\t', after @ ..] => {
                rest = after;
                continue;
            }
            [b'"', after @ ..] => split_at_byte(after, b'"'),
            [b'W', b'/', b'"', after @ ..] => {
                rest = split_at_byte(after, b'"').1;
                continue;
            }
            _ => split_at_byte(rest, b','),
        };
        if tag.trim_ascii() == revision {
            return true;
        }
        rest = after;
    }
    false
}

fn split_at_byte(text: &[u8], end: u8) -> (&[u8], &[u8]) {
    let place = text.iter().position(|byte| *byte == end);
    let (part, rest) = text.split_at(place.unwrap_or(text.len()));
    (part, rest.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_strongly_and_lists_are_read_whole() {
        for (header, holds) in [
            ("\"abc\"", true),
            ("abc", true),
            ("*", true),
            (" * ", true),
            ("\"x\", \"abc\"", true),
            ("\"x\",\"abc\" , \"y\"", true),
            (",, \"abc\"", true),
            ("W/\"x\", \"abc\"", true),
            ("W/\"abc\"", false),
            ("\"x\", W/\"abc\"", false),
            ("\"abcd\"", false),
            ("\"x, abc, y\"", false),
            ("\"x,abc", false),
            ("\"*\"", false),
            ("", false),
            ("\"\"", false),
            (",", false),
        ] {
            assert_eq!(names(header.as_bytes(), b"abc"), holds, "{header}");
        }
    }

    #[test]
    fn any_of_several_header_lines_will_do_and_none_means_any() {
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers, "abc", "channel"), Ok(()));
        headers.append(IF_MATCH, HeaderValue::from_static("\"x\""));
        let error = check(&headers, "abc", "channel").unwrap_err();
        assert_eq!(error.status.as_u16(), 412);
        assert_eq!(error.body.code.as_deref(), Some("changed_meanwhile"));
        headers.append(IF_MATCH, HeaderValue::from_static("\"abc\""));
        assert_eq!(check(&headers, "abc", "channel"), Ok(()));
    }
}
