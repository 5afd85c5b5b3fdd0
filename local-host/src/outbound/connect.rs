//! New connections: names, TCP with `TCP_NODELAY`, TLS. Knows no HTTP beyond choosing its version by ALPN.

use std::{
    env, fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector, dns::Name},
    rt::TokioIo,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

use super::kept::Trace;

tokio::task_local! {
    /// The request for which a connection may be needed; the pool passes on only the address.
    pub static CONNECTING: Arc<Connecting>;
}

/// The state of a request's connection.
pub struct Connecting {
    timeout: Duration,
    since: Mutex<Option<Since>>,
}

/// A state of `Connecting`.
#[derive(Clone, Copy)]
pub enum Since {
    /// In progress.
    Trying,
    /// Ready since then.
    Connected(Instant),
}

impl Connecting {
    /// Not tried yet; an attempt may take `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            since: Mutex::new(None),
        }
    }

    /// `None` while no connection was needed.
    pub fn since(&self) -> Option<Since> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Since) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connecting took longer than the component allows.
#[derive(Debug)]
pub struct TimedOut;

/// The name has no address; with the resolver's reason.
#[derive(Debug)]
pub struct DnsFailed(pub String);

/// Makes connections for the pool.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
}

impl Connector {
    /// Trusts `roots`.
    pub fn new(roots: RootCertStore) -> Result<Self> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_happy_eyeballs_timeout(Some(Duration::from_millis(250)));
        tcp.set_keepalive(Some(Duration::from_mins(1)));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tcp,
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }

    async fn connect(mut self, uri: Uri) -> Result<TokioIo<Stream>, BoxError> {
        let host = uri.host().unwrap_or_default();
        let server_name = match uri.scheme_str() {
            Some("https") => Some(ServerName::try_from(
                host.trim_matches(['[', ']']).to_owned(),
            )?),
            _ => None,
        };
        let tcp = self.tcp.call(uri).await?.into_inner();
        let socket = match server_name {
            Some(name) => Socket::Tls(Box::new(self.tls.connect(name, tcp).await?)),
            None => Socket::Plain(tcp),
        };
        let trace = Trace::default();
        Ok(TokioIo::new(Stream { socket, trace }))
    }
}

/// The public roots, and those of `SSL_CERT_FILE`.
pub fn roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = env::var_os("SSL_CERT_FILE") {
        let context = || format!("SSL_CERT_FILE={}", path.display());
        let certificates = CertificateDer::pem_file_iter(&path).with_context(context)?;
        let certificates = certificates
            .collect::<Result<Vec<_>, _>>()
            .with_context(context)?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        ensure!(
            added > 0,
            "SSL_CERT_FILE={} has no certificate in PEM form",
            path.display()
        );
    }
    Ok(roots)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let request = CONNECTING.try_with(Arc::clone).ok();
        let connect = self.clone().connect(uri);
        async move {
            let Some(request) = request else {
                return connect.await;
            };
            request.set(Since::Trying);
            let connected = tokio::time::timeout(request.timeout, connect).await;
            request.set(Since::Connected(Instant::now()));
            connected.unwrap_or_else(|_| Err(TimedOut.into()))
        }
        .boxed()
    }
}

/// A connection with or without TLS, and its state.
pub struct Stream {
    socket: Socket,
    trace: Trace,
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.trace.clone());
        match &self.socket {
            Socket::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2") => {
                connected.negotiated_h2()
            }
            _ => connected,
        }
    }
}

impl Stream {
    /// Records the result of a write.
    fn wrote<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &outcome {
            Poll::Ready(Ok(_)) => self.trace.wrote(),
            Poll::Ready(Err(_)) => self.trace.broke(),
            Poll::Pending => {}
        }
        outcome
    }
}

impl tokio::io::AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        match &outcome {
            Poll::Ready(Ok(())) => this.trace.read(buffer.filled().len() - before),
            Poll::Ready(Err(_)) => this.trace.broke(),
            Poll::Pending => {}
        }
        outcome
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        this.wrote(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match &mut this.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Socket::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

/// The system's resolver, with its failures marked as such.
#[derive(Clone)]
pub struct Resolver;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = DnsFailed;
    type Future = BoxFuture<'static, Result<Self::Response, DnsFailed>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DnsFailed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<_> = addresses.map_err(|e| DnsFailed(e.to_string()))?.collect();
            Ok(addresses.into_iter())
        }
        .boxed()
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl fmt::Display for DnsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name could not be resolved: {}", self.0)
    }
}

impl std::error::Error for TimedOut {}
impl std::error::Error for DnsFailed {}
