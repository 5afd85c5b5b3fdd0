//! Outbound HTTP requests of components: one pool of connections for all of them. Owns timeouts and the mapping of
//! failures; allowed hosts are checked before.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use host_io::dial;
use host_io::framing;
use http::{Request, Response, request::Parts};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

mod body;
mod connect;
mod failure;
mod kept;
mod replay;

use body::ResponseBody;
use connect::{CONNECTING, Connecting, Connector, Since};
use kept::POOL_IDLE;
use replay::{Replay, Sending};

/// What wasi-http expects of a hook that sends: the response, and a future that drives the rest of the connection.
pub type Reply = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

/// The default of each timeout.
const DEFAULT_CONNECT: Duration = Duration::from_mins(1);
const DEFAULT_FIRST_BYTE: Duration = Duration::from_mins(10);
const DEFAULT_BETWEEN_BYTES: Duration = Duration::from_mins(10);
/// How often a first-byte timeout that fires while still connecting is checked again.
const CONNECT_RECHECK: Duration = Duration::from_millis(50);

/// The pool.
pub struct Outbound {
    client: Client<Connector, Sending>,
    /// Makes a connection for each request.
    fresh: Client<Connector, Sending>,
}

impl Outbound {
    /// An empty pool.
    ///
    /// # Errors
    /// `SSL_CERT_FILE` names a file that has no certificates.
    pub fn new() -> Result<Self> {
        Ok(Self::with(Connector::new(dial::roots()?)?))
    }

    fn with(connector: Connector) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .http2_adaptive_window(true)
            .timer(TokioTimer::new());
        let client = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Self { client, fresh }
    }

    /// Sends a request and waits for the head of its response. `gone` ends it at any time, also while its body streams.
    ///
    /// # Errors
    /// What went wrong, as precisely as known.
    pub async fn send(
        self: Arc<Self>,
        request: Request<WasiBody>,
        options: RequestOptions,
        gone: CancellationToken,
    ) -> Result<Reply, Error> {
        let between = options
            .between_bytes_timeout
            .unwrap_or(DEFAULT_BETWEEN_BYTES);
        let mut response = tokio::select! {
            // Checked first: a component that fails over for a disconnected client must not call another upstream.
            biased;
            () = gone.cancelled() => return Err(failure::client_gone()),
            response = self.head(request, options) => response?,
        };
        framing::one_framing(response.headers_mut());
        let response = response.map(|body| ResponseBody::new(body, between, gone).boxed_unsync());
        // The pool drives the connection: nothing is left to do.
        Ok((response, Box::new(std::future::ready(Ok(())))))
    }

    /// Sends the request, and repeats it on a new connection if it met the end of a kept one. RFC 9110, 9.2.2 allows a
    /// client to repeat a request with effects when it knows that it was not applied; clients infer that from the lack
    /// of any response on a connection that was idle before.
    async fn head(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, Error> {
        let (parts, body) = request.into_parts();
        let body = Replay::new(body);
        let first = Request::from_parts(parts.clone(), body.body());
        match exchange(&self.client, first, &options).await {
            Ok(response) => Ok(response),
            Err(Failed { error, is_stale }) if !is_stale => Err(error),
            // The component may decide: this code means that the connection may have been a kept one.
            Err(_) if !body.is_whole() => Err(Error::HttpProtocolError),
            Err(_) => self.head_on_new_connection(parts, &body, &options).await,
        }
    }

    async fn head_on_new_connection(
        &self,
        parts: Parts,
        body: &Replay,
        options: &RequestOptions,
    ) -> Result<Response<Incoming>, Error> {
        let request = Request::from_parts(parts, body.body());
        let response = exchange(&self.fresh, request, options).await;
        response.map_err(|failed| failed.error)
    }
}

/// Why there is no response.
struct Failed {
    error: Error,
    /// A kept connection had ended.
    is_stale: bool,
}

async fn exchange(
    client: &Client<Connector, Sending>,
    mut request: Request<Sending>,
    options: &RequestOptions,
) -> Result<Response<Incoming>, Failed> {
    let connecting = Arc::new(Connecting::new(
        options.connect_timeout.unwrap_or(DEFAULT_CONNECT),
    ));
    let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_FIRST_BYTE);
    let connection = capture_connection(&mut request);
    let response = CONNECTING.scope(Arc::clone(&connecting), client.request(request));
    let mut response = pin!(response);
    let mut deadline = Instant::now() + first_byte;
    loop {
        tokio::select! {
            response = &mut response => {
                let response = response.map_err(|error| Failed {
                    is_stale: kept::was_stale(&error),
                    error: failure::of_request(&error),
                })?;
                kept::answered(response.extensions(), response.headers(), &connection);
                return Ok(response);
            }
            () = tokio::time::sleep_until(deadline.into()) => {
                // Connecting has its own timeout; the first byte's runs from its end.
                let now = Instant::now();
                deadline = match connecting.since() {
                    Some(Since::Trying) => now + CONNECT_RECHECK,
                    Some(Since::Connected(at)) if at + first_byte > now => at + first_byte,
                    _ => {
                        return Err(Failed { error: Error::HttpResponseTimeout, is_stale: false });
                    }
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
