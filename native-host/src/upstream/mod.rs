//! Calls to upstreams: a pool of connections per thread. Owns the timeouts of a call, and that it takes another connection
//! when one had ended before anything was sent; whether a call that may have been sent is repeated is the core's decision.
//! Which connections are kept is `pool`'s, what a failure means `failure`'s.

mod body;
mod connection;
mod failure;
mod pool;

use std::pin::pin;

use bytes::Bytes;
use gateway_core::ports::{SendError, SendErrorKind, Timeouts, Upstream};
use host_io::framing;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;

pub use pool::Pool;

use crate::ports::NativePorts;
use body::UpstreamBody;
use connection::{Connection, Failed};
use pool::{Lease, Origin};

impl Upstream for NativePorts {
    type Body = UpstreamBody;

    async fn send(
        &self,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<Response<UpstreamBody>, SendError> {
        if !self.allows(request.uri()) {
            return Err(failure::denied(
                "plain HTTP is allowed to this machine and the variable `http_upstream` only",
            ));
        }
        let origin = Origin::of(request.uri())?;
        let outgoing = Outgoing::new(request)?;
        let pool = self.pool();
        while let Some(lease) = pool.take(&origin) {
            match exchange(lease, &outgoing, timeouts).await {
                Ok(response) => return Ok(response),
                Err(Failed::NotSent(_)) => {}
                Err(Failed::Sent(error)) => {
                    if error.kind == SendErrorKind::MaybeStale {
                        // The others are as old; if the core repeats the call, it gets a new one.
                        pool.forget(&origin);
                    }
                    return Err(error);
                }
            }
        }
        let lease = pool.connect(&origin, timeouts.connect).await?;
        let response = exchange(lease, &outgoing, timeouts).await;
        response.map_err(Failed::into_error)
    }
}

async fn exchange(
    mut lease: Lease,
    outgoing: &Outgoing,
    timeouts: Timeouts,
) -> Result<Response<UpstreamBody>, Failed> {
    let response = {
        let sending = pin!(outgoing.send(lease.connection_mut()));
        match timeout(timeouts.first_byte, sending).await {
            Ok(response) => response?,
            Err(_) => return Err(Failed::Sent(failure::late("no answer in time"))),
        }
    };
    lease.answered(response.headers());
    let (mut head, body) = response.into_parts();
    framing::one_framing(&mut head.headers);
    let body = UpstreamBody::new(body, lease, timeouts.idle);
    Ok(Response::from_parts(head, body))
}

/// A request in the form of either version of HTTP, to be sent more than once.
struct Outgoing {
    request: Request<()>,
    body: Bytes,
    host: HeaderValue,
    path: Uri,
}

impl Outgoing {
    fn new(request: Request<Bytes>) -> Result<Self, SendError> {
        let (parts, body) = request.into_parts();
        let not_callable = || failure::denied("the URL cannot be called");
        let authority = parts.uri.authority().ok_or_else(not_callable)?.as_str();
        let host = HeaderValue::try_from(authority).map_err(|_| not_callable())?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = path.parse().map_err(|_| not_callable())?;
        Ok(Self {
            request: Request::from_parts(parts, ()),
            body,
            host,
            path,
        })
    }

    async fn send(&self, connection: &mut Connection) -> Result<Response<Incoming>, Failed> {
        let mut request = self.request.clone().map(|()| Full::new(self.body.clone()));
        if connection.is_http2() {
            *request.version_mut() = Version::HTTP_2;
        } else {
            *request.version_mut() = Version::HTTP_11;
            *request.uri_mut() = self.path.clone();
            request.headers_mut().insert(HOST, self.host.clone());
        }
        connection.send(request).await
    }
}

#[cfg(test)]
mod tests;
