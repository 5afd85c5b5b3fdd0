//! Connections from clients: accepted, served over HTTP/1.1 or HTTP/2, passed to the component of the path, and closed
//! in order.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use host_io::framing;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::Error;

use crate::{
    failures,
    headers::{self, RouteHeaders},
    host::Client,
    logs,
    reply::ReplyBody,
    routes::Router,
    worker::{self, AtWork, Handler},
};

/// Timeout for a request's whole head, and for idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// Time for streams in flight when the host stops.
const GRACE: Duration = Duration::from_secs(10);
/// Time for components to finish their work after responses, such as writing batches.
const LAST_WORK: Duration = Duration::from_secs(2);
/// Pause after a failed accept: out of file descriptors, an immediate retry would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The application as the server sees it.
pub struct Site {
    router: Router,
    route_headers: Vec<RouteHeaders>,
    /// One per component.
    handlers: Vec<Handler>,
    local: SocketAddr,
}

impl Site {
    /// Puts routes and components together; `handlers` are indexed by the router's component numbers.
    ///
    /// # Errors
    /// A route that cannot be passed to a component in a header.
    pub fn new(router: Router, handlers: Vec<Handler>, local: SocketAddr) -> Result<Self> {
        let route_headers = router
            .routes()
            .iter()
            .map(RouteHeaders::new)
            .collect::<Result<_>>()?;
        Ok(Self {
            router,
            route_headers,
            handlers,
            local,
        })
    }

    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Response<ReplyBody> {
        let (mut head, body) = request.into_parts();
        if let Err(refused) = framing::check_request(head.version, &head.headers) {
            return failures::framing(refused).respond(&failures::request_id());
        }
        let path = head.uri.path().to_owned();
        let Some(found) = self.router.find(&path) else {
            return failures::NO_ROUTE.respond(&failures::request_id());
        };
        if !headers::prepare(
            &mut head,
            &self.route_headers[found.index],
            &found,
            client,
            self.local,
        ) {
            return failures::BAD_HOST.respond(&failures::request_id());
        }
        let method = head.method.clone();
        let request = Request::from_parts(head, body.map_err(Error::from).boxed_unsync());
        // Dropped with this future when the client disconnects before the response.
        let (client_side, ticket) = Client::new();
        let handler = &self.handlers[found.route.component];
        match worker::answer(handler, ticket, request).await {
            Ok(response) => ReplyBody::watch(response, &method, client_side),
            Err(error) => {
                let id = failures::request_id();
                logs::error(&format!("{id} {method} {path}: {error:#}"));
                failures::COMPONENT_FAILED.respond(&id)
            }
        }
    }
}

/// Serves until `stop` resolves, then lets requests in flight finish for a while, and then the components' work after
/// them.
pub async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    at_work: &AtWork,
    stop: impl Future<Output = ()>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(HEAD_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => spawn_connection(&builder, &graceful, &cut, &site, stream, client),
                Err(error) => {
                    logs::error(&format!("a connection could not be accepted: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    logs::info("stopping");
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        logs::info("what was still in flight is cut off");
    }
    // Components see these clients as disconnected, like any other.
    cut.cancel();
    if tokio::time::timeout(LAST_WORK, at_work.end())
        .await
        .is_err()
    {
        logs::info("what components still did is cut off");
    }
}

fn spawn_connection(
    builder: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    cut: &CancellationToken,
    site: &Arc<Site>,
    stream: TcpStream,
    client: SocketAddr,
) {
    if let Err(error) = no_delay(&stream) {
        logs::info(&format!("{client}: {error}"));
    }
    let site = Arc::clone(site);
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request, client).await) }
    });
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    // Errors on a connection are not logged: resets and timeouts are common.
    let cut = cut.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = connection => {}
            () = cut.cancelled() => {}
        }
    });
}

/// Otherwise a small write waits for the peer's delayed acknowledgement.
fn no_delay(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}
