//! A server for gateways that are made for one test. Owns the sockets; the gateway is a function.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use gateway_conformance::client::Raw;
use http::{Request, Response, request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// Serves requests with a function until the test ends.
pub async fn serve<F, R>(gateway: F) -> SocketAddr
where
    F: Fn(request::Parts, Bytes) -> R + Clone + Send + 'static,
    R: Future<Output = Raw> + Send,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let gateway = gateway.clone();
            let service = service_fn(move |request| answer(request, gateway.clone()));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn answer<F, R>(
    request: Request<Incoming>,
    gateway: F,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    F: Fn(request::Parts, Bytes) -> R,
    R: Future<Output = Raw>,
{
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let raw = gateway(head, body.unwrap_or_default()).await;
    let response = Response::builder()
        .status(raw.status)
        .header("content-type", raw.content_type)
        .body(Full::new(raw.body));
    Ok(response.expect("a response"))
}
