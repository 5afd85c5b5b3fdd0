//! HTTP requests of components to the world: one pool of connections for all of them. Owns timeouts and the mapping of
//! failures; who may call whom is decided before.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

mod body;
mod connect;
mod failure;

use body::ResponseBody;
use connect::{CONNECTING, Connecting, Connector, Since};

/// What wasi-http expects of a hook that sends: the response, and a future that drives the rest of the connection.
pub type Reply = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

/// An idle connection is closed after this; most servers keep theirs at least so long.
const POOL_IDLE: Duration = Duration::from_secs(55);
/// Where the component asks for nothing else.
const DEFAULT_CONNECT: Duration = Duration::from_mins(1);
const DEFAULT_FIRST_BYTE: Duration = Duration::from_mins(10);
const DEFAULT_BETWEEN_BYTES: Duration = Duration::from_mins(10);
/// How often a first-byte timeout that fires while still connecting looks again.
const CONNECT_RECHECK: Duration = Duration::from_millis(50);

/// The pool.
pub struct Outbound {
    client: Client<Connector, WasiBody>,
}

impl Outbound {
    /// An empty pool.
    ///
    /// # Errors
    /// `SSL_CERT_FILE` names a file that has no certificates.
    pub fn new() -> Result<Self> {
        Ok(Self::with(Connector::new(connect::roots()?)?))
    }

    fn with(connector: Connector) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .http2_adaptive_window(true)
            .timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    /// Sends a request and waits for the head of its response. `gone` ends it at any time, also while its body streams.
    ///
    /// # Errors
    /// What went wrong, as precisely as it is known.
    pub async fn send(
        self: Arc<Self>,
        request: Request<WasiBody>,
        options: RequestOptions,
        gone: CancellationToken,
    ) -> Result<Reply, Error> {
        let between = options
            .between_bytes_timeout
            .unwrap_or(DEFAULT_BETWEEN_BYTES);
        let response = tokio::select! {
            // Looked at first: a component that fails over for a client that is gone must not call anybody.
            biased;
            () = gone.cancelled() => return Err(failure::client_gone()),
            response = self.head(request, options) => response?,
        };
        let response = response.map(|body| ResponseBody::new(body, between, gone).boxed_unsync());
        // The pool drives the connection: nothing is left to do.
        Ok((response, Box::new(std::future::ready(Ok(())))))
    }

    async fn head(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, Error> {
        let connecting = Arc::new(Connecting::new(
            options.connect_timeout.unwrap_or(DEFAULT_CONNECT),
        ));
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_FIRST_BYTE);
        let response = CONNECTING.scope(Arc::clone(&connecting), self.client.request(request));
        let mut response = pin!(response);
        let mut deadline = Instant::now() + first_byte;
        loop {
            tokio::select! {
                response = &mut response => return response.map_err(|e| failure::of_request(&e)),
                () = tokio::time::sleep_until(deadline.into()) => {
                    // Connecting has its own timeout; the first byte's runs from its end.
                    let now = Instant::now();
                    deadline = match connecting.since() {
                        Some(Since::Trying) => now + CONNECT_RECHECK,
                        Some(Since::Connected(at)) if at + first_byte > now => at + first_byte,
                        _ => return Err(Error::HttpResponseTimeout),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
