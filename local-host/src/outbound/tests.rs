//! Against real sockets on the loopback: the code of each failure, and the reuse of connections.

use http_body_util::Empty;
use rustls::{RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

const SHORT: Option<Duration> = Some(Duration::from_millis(50));

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

fn outbound() -> Arc<Outbound> {
    Arc::new(Outbound::with(
        Connector::new(RootCertStore::empty()).unwrap(),
    ))
}

async fn send(
    outbound: &Arc<Outbound>,
    url: &str,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(url).body(body).unwrap();
    let reply = Outbound::send(
        Arc::clone(outbound),
        request,
        options,
        CancellationToken::new(),
    )
    .await;
    reply.map(|(response, _)| response)
}

async fn failure(url: &str, options: RequestOptions) -> Error {
    send(&outbound(), url, options)
        .await
        .map(|r| r.status())
        .unwrap_err()
}

async fn read_head(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
}

/// Answers every request of the next connection with `answer`.
async fn answer(listener: &TcpListener, answer: &[u8]) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    read_head(&mut stream).await;
    stream.write_all(answer).await.unwrap();
    stream
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let (listener, url) = listen().await;
    let outbound = outbound();
    let server = async {
        let mut stream = answer(&listener, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        assert!(stream.nodelay().is_ok());
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .unwrap();
        stream
    };
    let client = async {
        for _ in 0..2 {
            let response = send(&outbound, &url, RequestOptions::default())
                .await
                .unwrap();
            assert_eq!(
                response.into_body().collect().await.unwrap().to_bytes(),
                "ok"
            );
        }
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let (listener, url) = listen().await;
    let options = RequestOptions {
        first_byte_timeout: SHORT,
        ..Default::default()
    };
    let (error, accepted) = tokio::join!(failure(&url, options), listener.accept());
    assert!(matches!(error, Error::HttpResponseTimeout), "{error:?}");
    // The dropped request ends with its connection.
    let (mut stream, _) = accepted.unwrap();
    read_head(&mut stream).await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_body_that_stops_times_out() {
    let (listener, url) = listen().await;
    let options = RequestOptions {
        between_bytes_timeout: SHORT,
        ..Default::default()
    };
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let outbound = outbound();
    let (response, _stream) = tokio::join!(send(&outbound, &url, options), answer(&listener, head));
    let error = response.unwrap().into_body().collect().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error:?}");
}

#[tokio::test]
async fn broken_answers_have_names() {
    for (bytes, name) in [
        (b"".as_slice(), "ConnectionTerminated"),
        (b"HTTP/1.1 200", "ConnectionTerminated"),
        (b"SSH-2.0-nonsense\r\n\r\n", "HttpProtocolError"),
    ] {
        let (listener, url) = listen().await;
        let server = async {
            drop(answer(&listener, bytes).await);
        };
        let (error, ()) = tokio::join!(failure(&url, RequestOptions::default()), server);
        assert_eq!(format!("{error:?}"), name, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_incomplete() {
    let (listener, url) = listen().await;
    let outbound = outbound();
    let server = async {
        drop(
            answer(
                &listener,
                b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
            )
            .await,
        );
    };
    let client = async {
        let response = send(&outbound, &url, RequestOptions::default())
            .await
            .unwrap();
        response.into_body().collect().await.unwrap_err()
    };
    let ((), error) = tokio::join!(server, client);
    assert!(matches!(error, Error::HttpResponseIncomplete), "{error:?}");
}

#[tokio::test]
async fn an_address_without_a_server_is_refused() {
    let (listener, url) = listen().await;
    drop(listener);
    let error = failure(&url, RequestOptions::default()).await;
    assert!(matches!(error, Error::ConnectionRefused), "{error:?}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_times_out() {
    let (listener, url) = listen().await;
    let options = RequestOptions {
        connect_timeout: SHORT,
        ..Default::default()
    };
    let error = failure(&url.replace("http:", "https:"), options).await;
    assert!(matches!(error, Error::ConnectionTimeout), "{error:?}");
    drop(listener);
}

#[tokio::test]
async fn names_that_cannot_exist_are_dns_errors() {
    let error = failure("http://a..b/", RequestOptions::default()).await;
    assert!(matches!(error, Error::DnsError { .. }), "{error:?}");
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let trusting = Arc::new(Outbound::with(Connector::new(roots).unwrap()));
    let (listener, _) = listen().await;
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );

    let (error, refused) = tokio::join!(failure(&url, RequestOptions::default()), async {
        acceptor
            .accept(listener.accept().await.unwrap().0)
            .await
            .err()
    });
    assert!(matches!(error, Error::TlsCertificateError), "{error:?}");
    assert!(refused.is_some());

    let (response, _stream) =
        tokio::join!(send(&trusting, &url, RequestOptions::default()), async {
            let mut stream = acceptor
                .accept(listener.accept().await.unwrap().0)
                .await
                .unwrap();
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .unwrap();
            stream
        });
    assert_eq!(response.unwrap().status(), 204);
}
