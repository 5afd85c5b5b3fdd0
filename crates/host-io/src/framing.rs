//! What the head of a message says of its connection and its body, where HTTP leaves no choice. Owns which requests are
//! refused for it and which header of a response counts; answers nothing itself.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};

/// Why the head of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// HTTP/1.1 without the header `host` (RFC 9112, 3.2).
    NoHost,
    /// Several hosts: proxies in front could pick a different one.
    SeveralHosts,
    /// A transfer coding other than `chunked` (RFC 9112, 6.1): its bytes would be taken for the body's.
    UnknownTransferCoding,
}

impl Refused {
    /// The response's status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoHost | Self::SeveralHosts => StatusCode::BAD_REQUEST,
            Self::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// The error's code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoHost | Self::SeveralHosts => "invalid_host",
            Self::UnknownTransferCoding => "unsupported_transfer_coding",
        }
    }

    /// What is wrong. Needs no escaping in JSON.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoHost => "The host header is missing, which HTTP/1.1 requires.",
            Self::SeveralHosts => "There is more than one host header.",
            Self::UnknownTransferCoding => {
                "The transfer coding is unknown: a body is sent with content-length or with transfer-encoding: chunked."
            }
        }
    }
}

/// Whether a request may be answered.
///
/// # Errors
/// Why not.
pub fn check_request(version: Version, headers: &HeaderMap) -> Result<(), Refused> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => return Err(Refused::NoHost),
        (Some(_), Some(_)) => return Err(Refused::SeveralHosts),
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(Refused::UnknownTransferCoding);
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
            (Version::HTTP_11, &[], Err(Refused::NoHost)),
            (Version::HTTP_10, &[], Ok(())),
            (Version::HTTP_2, &[], Ok(())),
            (
                Version::HTTP_11,
                &[("host", "a"), ("host", "a")],
                Err(Refused::SeveralHosts),
            ),
            (
                Version::HTTP_11,
                &[("host", "a"), ("transfer-encoding", "Chunked")],
                Ok(()),
            ),
            (
                Version::HTTP_11,
                &[("host", "a"), ("transfer-encoding", "gzip, chunked")],
                Err(Refused::UnknownTransferCoding),
            ),
            (
                Version::HTTP_11,
                &[
                    ("host", "a"),
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "identity"),
                ],
                Err(Refused::UnknownTransferCoding),
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
