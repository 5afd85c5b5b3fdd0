//! The error codes of failed requests. Components choose between retrying and giving up by these.

use std::{error::Error as StdError, io};

use host_io::dial::DnsFailed;
use hyper_util::client::legacy;
use wasmtime_wasi_http::Error;

use super::connect::TimedOut;

/// The end of a call whose client disconnected. WASI has no code for that; a component that knows this message
/// (documented in docs/extend/write-a-host.md) does not count it as an upstream failure.
pub fn client_gone() -> Error {
    Error::InternalError(Some("the client has gone".to_owned()))
}

/// The failure of a request before its response's head.
pub fn of_request(error: &legacy::Error) -> Error {
    let chain = Chain(error);
    if error.is_connect() {
        return of_connect(chain);
    }
    of_exchange(chain)
}

/// The failure of a response's body.
pub fn of_body(error: &hyper::Error) -> Error {
    let chain = Chain(error);
    // After the head, a close is a premature end.
    let closed = chain
        .last::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof);
    if closed || error.is_incomplete_message() {
        return Error::HttpResponseIncomplete;
    }
    of_exchange(chain)
}

fn of_connect(chain: Chain<'_>) -> Error {
    if chain.find::<TimedOut>().is_some() {
        return Error::ConnectionTimeout;
    }
    if let Some(DnsFailed(reason)) = chain.find() {
        return Error::DnsError {
            rcode: Some(reason.clone()),
            info_code: None,
        };
    }
    if let Some(tls) = chain.find::<rustls::Error>() {
        return of_tls(tls);
    }
    // The innermost is the most specific; the outer ones are wrappers.
    match chain.last::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            Error::DestinationUnavailable
        }
        Some(io::ErrorKind::AddrNotAvailable) => Error::DestinationIpUnroutable,
        _ => Error::ConnectionTerminated,
    }
}

fn of_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Error::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: alert.as_str().map(str::to_owned),
        },
        _ => Error::TlsProtocolError,
    }
}

fn of_exchange(chain: Chain<'_>) -> Error {
    // An error of the component's own body is returned to it unchanged.
    if let Some(own) = chain.find::<Error>() {
        return of_own_body(own);
    }
    let Some(error) = chain.find::<hyper::Error>() else {
        return Error::ConnectionTerminated;
    };
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if let Some(tls) = chain.find::<rustls::Error>() {
        of_tls(tls)
    } else {
        Error::ConnectionTerminated
    }
}

fn of_own_body(error: &Error) -> Error {
    match error {
        Error::HttpRequestBodySize(size) => Error::HttpRequestBodySize(*size),
        Error::HttpResponseTimeout => Error::HttpResponseTimeout,
        Error::ConnectionReadTimeout => Error::ConnectionReadTimeout,
        Error::HttpRequestTrailerSectionSize(size) => Error::HttpRequestTrailerSectionSize(*size),
        Error::InternalError(message) => Error::InternalError(message.clone()),
        _ => Error::ConnectionTerminated,
    }
}

/// An error and its sources.
#[derive(Clone, Copy)]
struct Chain<'a>(&'a (dyn StdError + 'static));

impl<'a> Chain<'a> {
    fn links(self) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
        std::iter::successors(Some(self.0), |&error: &&'a (dyn StdError + 'static)| {
            // An io::Error hides the error it carries: its source is that one's source.
            match error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
            {
                Some(inner) => Some(inner),
                None => error.source(),
            }
        })
    }

    fn find<E: StdError + 'static>(self) -> Option<&'a E> {
        self.links().find_map(|e| e.downcast_ref())
    }

    fn last<E: StdError + 'static>(self) -> Option<&'a E> {
        self.links().filter_map(|e| e.downcast_ref()).last()
    }
}
