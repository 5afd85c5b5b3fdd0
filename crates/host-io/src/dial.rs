//! New outbound connections: names, TCP with `TCP_NODELAY`, TLS. Knows no HTTP beyond offering its versions by ALPN.

use std::{
    env, fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

/// Any error of a connection in the making; its chain has [`DnsFailed`], [`rustls::Error`] or [`io::Error`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Until an address of the other family is tried as well.
const HAPPY_EYEBALLS: Duration = Duration::from_millis(250);
/// Probes of a silent connection.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// The name has no address; with the resolver's reason.
#[derive(Debug)]
pub struct DnsFailed(pub String);

/// Makes connections.
#[derive(Clone)]
pub struct Dialer {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
}

impl Dialer {
    /// Trusts `roots`.
    ///
    /// # Errors
    /// The TLS library has no protocol version in common with itself, which does not happen.
    pub fn new(roots: RootCertStore) -> Result<Self> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_happy_eyeballs_timeout(Some(HAPPY_EYEBALLS));
        tcp.set_keepalive(Some(KEEPALIVE));
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

    /// A connection to the origin of `uri`, with TLS for `https`. Has no timeout of its own.
    ///
    /// # Errors
    /// See [`BoxError`].
    pub async fn dial(mut self, uri: Uri) -> Result<Socket, BoxError> {
        let host = uri.host().unwrap_or_default();
        let server_name = match uri.scheme_str() {
            Some("https") => Some(ServerName::try_from(
                host.trim_matches(['[', ']']).to_owned(),
            )?),
            _ => None,
        };
        let tcp = self.tcp.call(uri).await?.into_inner();
        Ok(match server_name {
            Some(name) => Socket::Tls(Box::new(self.tls.connect(name, tcp).await?)),
            None => Socket::Plain(tcp),
        })
    }
}

/// The public roots, and those of `SSL_CERT_FILE`.
///
/// # Errors
/// `SSL_CERT_FILE` names a file that has no certificates.
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

/// A connection with or without TLS.
pub enum Socket {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Whether the peer has chosen HTTP/2.
    pub fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
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

impl fmt::Display for DnsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name could not be resolved: {}", self.0)
    }
}

impl std::error::Error for DnsFailed {}
