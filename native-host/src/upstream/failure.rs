//! The one table from errors of connections to the core's kinds of failure. Owns no policy.

use std::error::Error;
use std::io;

use gateway_core::ports::{SendError, SendErrorKind};
use host_io::dial::DnsFailed;

/// A request that was never sent.
pub fn denied(detail: &str) -> SendError {
    failed(SendErrorKind::Denied, detail)
}

/// An answer, or a piece of one, that did not arrive in time.
pub fn late(detail: &str) -> SendError {
    failed(SendErrorKind::Timeout, detail)
}

/// A connection that could not be made.
pub fn of_connect(error: &(dyn Error + 'static)) -> SendError {
    if let Some(DnsFailed(reason)) = find(error) {
        return failed(SendErrorKind::Dns, reason);
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        let detail = match tls {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                "the certificate is not trusted"
            }
            _ => "the handshake failed",
        };
        return failed(SendErrorKind::Tls, detail);
    }
    let detail = match last::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused",
        Some(io::ErrorKind::TimedOut) => "no connection in time",
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            "the network has no way there"
        }
        _ => "the connection was closed",
    };
    failed(SendErrorKind::Connect, detail)
}

/// A request that got no response.
pub fn of_exchange(error: &hyper::Error) -> SendError {
    let detail = if error.is_parse_too_large() {
        "the answer's head is too large"
    } else if error.is_parse() {
        "the answer was no HTTP"
    } else {
        "the connection was closed"
    };
    failed(SendErrorKind::Reset, detail)
}

/// A response's body that broke.
pub fn of_body(_: &hyper::Error) -> SendError {
    failed(SendErrorKind::Reset, "the answer broke off")
}

fn failed(kind: SendErrorKind, detail: &str) -> SendError {
    SendError {
        kind,
        detail: detail.to_owned(),
    }
}

/// The outermost error of a type in the chain.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// The innermost: the most specific.
fn last<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).filter_map(|error| error.downcast_ref()).last()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| inner(*error))
}

fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    // An I/O error shows the cause of its cause as its own.
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
