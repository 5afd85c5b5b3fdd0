//! What the head of a message says of its connection and its body, where HTTP leaves no choice. Owns which requests are
//! refused for it and which header of a response counts; answers nothing itself.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};

/// Why the head of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The response's status.
    pub status: StatusCode,
    /// The error's code.
    pub code: &'static str,
    /// What is wrong. Needs no escaping in JSON.
    pub message: &'static str,
}

/// HTTP/1.1 without the header `host` (RFC 9112, 3.2).
pub const NO_HOST: Refused = Refused {
    status: StatusCode::BAD_REQUEST,
    code: "invalid_host",
    message: "The host header is missing, which HTTP/1.1 requires.",
};
/// Proxies in front could pick a different one.
pub const SEVERAL_HOSTS: Refused = Refused {
    message: "There is more than one host header.",
    ..NO_HOST
};
/// A transfer coding other than `chunked` (RFC 9112, 6.1): its bytes would be taken for the body's.
pub const UNKNOWN_TRANSFER_CODING: Refused = Refused {
    status: StatusCode::NOT_IMPLEMENTED,
    code: "unsupported_transfer_coding",
    message: "The transfer coding is unknown: send the body with content-length or with transfer-encoding: chunked.",
};

/// Whether a request may be answered.
///
/// # Errors
/// Why not.
pub fn check_request(version: Version, headers: &HeaderMap) -> Result<(), Refused> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => return Err(NO_HOST),
        (Some(_), Some(_)) => return Err(SEVERAL_HOSTS),
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(UNKNOWN_TRANSFER_CODING);
    }
    Ok(())
}

/// Removes the length from a response that is framed by a transfer coding, which overrides it (RFC 9112, 6.3): whoever
/// reads the length would end the body there.
pub fn one_framing(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_request_has_one_host_and_no_coding_but_chunked() {
        let rows: [(Version, &[(&'static str, &'static str)], _); 8] = [
            (Version::HTTP_11, &[("host", "a")], Ok(())),
            (Version::HTTP_11, &[], Err(NO_HOST)),
            (Version::HTTP_10, &[], Ok(())),
            (Version::HTTP_2, &[], Ok(())),
            (
                Version::HTTP_11,
                &[("host", "a"), ("host", "a")],
                Err(SEVERAL_HOSTS),
            ),
            (
                Version::HTTP_11,
                &[("host", "a"), ("transfer-encoding", "Chunked")],
                Ok(()),
            ),
            (
                Version::HTTP_11,
                &[("host", "a"), ("transfer-encoding", "gzip, chunked")],
                Err(UNKNOWN_TRANSFER_CODING),
            ),
            (
                Version::HTTP_11,
                &[
                    ("host", "a"),
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "identity"),
                ],
                Err(UNKNOWN_TRANSFER_CODING),
            ),
        ];
        for (version, list, expected) in rows {
            assert_eq!(check_request(version, &headers(list)), expected, "{list:?}");
        }
    }

    #[test]
    fn a_transfer_coding_beats_a_length() {
        let mut both = headers(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        one_framing(&mut both);
        assert!(!both.contains_key(CONTENT_LENGTH));
        let mut length = headers(&[("content-length", "3")]);
        one_framing(&mut length);
        assert_eq!(length[CONTENT_LENGTH], "3");
    }
}
