//! The one table from WASI's error codes to the core's kinds of failure. Owns no policy: what a kind
//! means for a channel or a key is the core's decision.

use gateway_core::ports::{SendError, SendErrorKind};
use spin_sdk::wasip3::http::types::{ErrorCode, HeaderError};

/// How the local host reports that it ended a call because the client disconnected; WASI has no code for that.
const CLIENT_GONE: &str = "the client has gone";

/// A failed call or a broken body, in the core's terms.
pub fn send_error(code: &ErrorCode) -> SendError {
    SendError {
        kind: kind(code),
        detail: detail(code),
    }
}

/// A body that broke: there was a response, so its connection had not been closed before.
pub fn broken_body(code: &ErrorCode) -> SendError {
    let error = send_error(code);
    match error.kind {
        SendErrorKind::MaybeStale => SendError {
            kind: SendErrorKind::Reset,
            ..error
        },
        _ => error,
    }
}

/// A request that was never sent, since the host refused to build it.
pub fn refused(detail: impl Into<String>) -> SendError {
    SendError {
        kind: SendErrorKind::Denied,
        detail: detail.into(),
    }
}

/// What is wrong with a set of header fields; names no value, since values hold credentials.
pub const fn header_error(error: &HeaderError) -> &'static str {
    match error {
        HeaderError::InvalidSyntax => "a header has an invalid name or value",
        HeaderError::Forbidden => "the host does not let components set one of the headers",
        HeaderError::Immutable => "the headers cannot be changed",
        HeaderError::SizeExceeded => "the headers are larger than the host allows",
        HeaderError::Other(_) => "the host refused the headers",
    }
}

fn kind(code: &ErrorCode) -> SendErrorKind {
    match code {
        ErrorCode::InternalError(Some(reason)) if reason == CLIENT_GONE => {
            SendErrorKind::ClientGone
        }
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => SendErrorKind::Dns,
        ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached => SendErrorKind::Connect,
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => SendErrorKind::Tls,
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => SendErrorKind::Timeout,
        // The host rejected the request; the upstream never saw it.
        ErrorCode::DestinationIpProhibited
        | ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::LoopDetected
        | ErrorCode::ConfigurationError => SendErrorKind::Denied,
        ErrorCode::ConnectionTerminated
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::InternalError(_) => SendErrorKind::Reset,
        // Spin's only code for a broken connection; the local host uses it where it cannot retry by itself.
        ErrorCode::HttpProtocolError => SendErrorKind::MaybeStale,
    }
}

/// A few words besides the kind, without repeating it.
fn detail(code: &ErrorCode) -> String {
    match code {
        ErrorCode::DnsError(payload) => payload
            .rcode
            .clone()
            .unwrap_or_else(|| "no address found".to_owned()),
        ErrorCode::ConnectionRefused => "connection refused".to_owned(),
        ErrorCode::ConnectionTimeout => "no connection in time".to_owned(),
        ErrorCode::ConnectionTerminated => "the connection was closed".to_owned(),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::HttpResponseTimeout => "no answer in time".to_owned(),
        ErrorCode::HttpResponseIncomplete => "the answer broke off".to_owned(),
        ErrorCode::HttpRequestDenied => "the address is not in allowed_outbound_hosts".to_owned(),
        ErrorCode::DestinationIpProhibited => "the host blocks this network".to_owned(),
        ErrorCode::TlsProtocolError => "the handshake failed".to_owned(),
        ErrorCode::TlsCertificateError => "the certificate is not trusted".to_owned(),
        ErrorCode::HttpProtocolError => {
            "the connection broke, or the answer was no HTTP".to_owned()
        }
        ErrorCode::InternalError(Some(message)) => message.clone(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use spin_sdk::wasip3::http::types::DnsErrorPayload;

    use super::*;

    #[test]
    fn each_phase_has_its_kind() {
        let dns = ErrorCode::DnsError(DnsErrorPayload {
            rcode: Some("NXDOMAIN".to_owned()),
            info_code: None,
        });
        let cases = [
            (dns, SendErrorKind::Dns),
            (ErrorCode::ConnectionRefused, SendErrorKind::Connect),
            (ErrorCode::ConnectionTimeout, SendErrorKind::Connect),
            (ErrorCode::TlsCertificateError, SendErrorKind::Tls),
            (ErrorCode::HttpProtocolError, SendErrorKind::MaybeStale),
            (ErrorCode::ConnectionTerminated, SendErrorKind::Reset),
            (ErrorCode::ConnectionReadTimeout, SendErrorKind::Timeout),
            (ErrorCode::HttpRequestDenied, SendErrorKind::Denied),
            (
                ErrorCode::InternalError(Some(CLIENT_GONE.to_owned())),
                SendErrorKind::ClientGone,
            ),
            (
                ErrorCode::InternalError(Some("odd".to_owned())),
                SendErrorKind::Reset,
            ),
        ];
        for (code, expected) in cases {
            assert_eq!(send_error(&code).kind, expected, "{code:?}");
        }
    }

    #[test]
    fn a_broken_body_is_never_a_stale_connection() {
        let error = broken_body(&ErrorCode::HttpProtocolError);
        assert_eq!(error.kind, SendErrorKind::Reset);
        let error = broken_body(&ErrorCode::ConnectionReadTimeout);
        assert_eq!(error.kind, SendErrorKind::Timeout);
    }

    #[test]
    fn details_are_words_where_people_meet_them() {
        let dns = ErrorCode::DnsError(DnsErrorPayload {
            rcode: Some("NXDOMAIN".to_owned()),
            info_code: Some(3),
        });
        assert_eq!(send_error(&dns).detail, "NXDOMAIN");
        assert_eq!(
            send_error(&ErrorCode::ConnectionRefused).detail,
            "connection refused"
        );
        assert_eq!(
            send_error(&ErrorCode::InternalError(Some("odd".to_owned()))).detail,
            "odd"
        );
    }
}
