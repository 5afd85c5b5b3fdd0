//! One keep-alive connection and the requests that are sent over it. Owns HTTP; measures nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any response takes; bounds the run if a server hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection that is opened again when the server closes it between two requests.
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects, with `TCP_NODELAY` as every HTTP client in use sets it.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let sender = connect(address).await?;
        Ok(Self { address, sender })
    }

    /// The server's address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one request and waits for the head of its response.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(self.address).await?;
        }
        let response = timeout(LIMIT, self.sender.send_request(request));
        response
            .await
            .context("no response in time")?
            .context("sending a request")
    }

    /// Sends one request and reads its response to the end.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let response = self.send(request).await?;
        let status = response.status();
        let body = timeout(LIMIT, response.into_body().collect());
        let body = body.await.context("no end of a response in time")?;
        Ok((status, body.context("reading a response")?.to_bytes()))
    }

    /// The time until the first piece of the body; the rest is read before this returns.
    pub async fn first_piece(&mut self, request: Request<Full<Bytes>>) -> Result<Duration> {
        let started = Instant::now();
        let response = self.send(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut first = None;
        while let Some(frame) = timeout(LIMIT, body.frame())
            .await
            .context("the stream stopped")?
        {
            if frame.context("reading a stream")?.is_data() {
                first.get_or_insert_with(|| started.elapsed());
            }
        }
        if status != StatusCode::OK {
            bail!("a stream was answered with {status}");
        }
        first.context("a stream without a single byte")
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = timeout(LIMIT, TcpStream::connect(address))
        .await
        .context("no connection in time")?
        .with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; its errors are also the sender's.
    drop(tokio::spawn(connection));
    Ok(sender)
}

/// A `POST` of JSON with a bearer credential.
pub fn post(
    address: SocketAddr,
    path: &str,
    bearer: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>> {
    request(Method::POST, address, path, bearer, body)
}

/// The same with any method.
pub fn request(
    method: Method,
    address: SocketAddr,
    path: &str,
    bearer: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>> {
    Ok(Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .body(Full::new(body))?)
}
