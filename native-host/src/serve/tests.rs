//! Connections as clients see them: versions of HTTP, TLS, panics, disconnects, backpressure and the end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream;
use gateway_core::reply::BrokenBody;
use http_body_util::{BodyExt as _, Collected};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::{JoinHandle, LocalSet};

use super::*;

/// What the handler has seen.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    /// Requests and bodies that were dropped before their end.
    dropped: AtomicUsize,
    pieces: AtomicUsize,
    schemes: Mutex<Vec<String>>,
}

struct Counted(Arc<Seen>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Does what the path says.
struct Scripted(Arc<Seen>);

impl Handler for Scripted {
    async fn handle(&self, peer: Peer, request: Request<ClientBody>) -> Reply {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let scheme = peer.scheme.map(|scheme| scheme.to_string());
        self.0.schemes.lock().unwrap().extend(scheme);
        let seen = Arc::clone(&self.0);
        let body = match request.uri().path() {
            "/panic" => panic!("as asked"),
            "/silence" => {
                let _counted = Counted(seen);
                std::future::pending::<()>().await;
                unreachable!()
            }
            "/slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                ReplyBody::Whole(Bytes::from_static(b"slow"))
            }
            "/endless" => {
                let counted = Counted(Arc::clone(&seen));
                ReplyBody::Pieces(Box::pin(stream::repeat_with(move || {
                    let _ = &counted;
                    seen.pieces.fetch_add(1, Ordering::SeqCst);
                    Ok(Bytes::from(vec![b'x'; 64 * 1024]))
                })))
            }
            "/broken" => {
                let pieces = [Ok(Bytes::from_static(b"part")), Err(BrokenBody)];
                ReplyBody::Pieces(Box::pin(stream::iter(pieces)))
            }
            _ => {
                let body = request.into_body().collect().await;
                ReplyBody::Whole(body.map_or_else(|_| Bytes::new(), Collected::to_bytes))
            }
        };
        Response::new(body)
    }
}

struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<Result<()>>,
}

fn start(tls: Option<TlsAcceptor>) -> Server {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = crate::sockets::bind_all(any, 1).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let seen = Arc::<Seen>::default();
    let stop = watch::Sender::new(None);
    let handler = Scripted(Arc::clone(&seen));
    let task = spawn_local(serve(listeners, tls, handler, stop.subscribe()));
    Server {
        address,
        seen,
        stop,
        task,
    }
}

/// Runs a test on a thread as the host's are.
fn run(test: impl Future<Output = ()>) {
    let runtime = crate::threads::current_thread().unwrap();
    let limited = async { timeout(Duration::from_secs(30), test).await };
    LocalSet::new().block_on(&runtime, limited).unwrap();
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

async fn send(stream: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Reads a response's head and what came with it.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_panic_costs_its_request_alone() {
    run(async {
        let server = start(None);
        let mut one = connect(&server).await;
        let mut other = connect(&server).await;
        send(&mut other, "/slow").await;
        send(&mut one, "/panic").await;
        let answer = read(&mut one).await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        assert!(answer.contains("component_failed"), "{answer}");
        send(&mut one, "/").await;
        assert!(read(&mut one).await.starts_with("HTTP/1.1 200"));
        assert!(read(&mut other).await.ends_with("slow"));
    });
}

#[test]
fn a_disconnect_drops_the_request() {
    run(async {
        let server = start(None);
        for path in ["/silence", "/endless"] {
            let before = server.seen.dropped.load(Ordering::SeqCst);
            let begun = server.seen.begun.load(Ordering::SeqCst);
            let mut client = connect(&server).await;
            send(&mut client, path).await;
            until(|| server.seen.begun.load(Ordering::SeqCst) > begun).await;
            drop(client);
            until(|| server.seen.dropped.load(Ordering::SeqCst) > before).await;
        }
    });
}

#[test]
fn a_client_that_does_not_read_stops_the_body() {
    run(async {
        let server = start(None);
        let mut client = connect(&server).await;
        send(&mut client, "/endless").await;
        let pieces = || server.seen.pieces.load(Ordering::SeqCst);
        let mut last = 0;
        // Until no piece is made any more.
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if pieces() == last && last > 0 {
                break;
            }
            last = pieces();
            assert!(last < 2000, "{last} pieces without a reader");
        }
        // It goes on with the reader.
        let mut bytes = vec![0; 32 << 20];
        client.read_exact(&mut bytes).await.unwrap();
        until(|| pieces() > last).await;
    });
}

#[test]
fn a_broken_body_ends_without_its_end_mark() {
    run(async {
        let server = start(None);
        let mut client = connect(&server).await;
        send(&mut client, "/broken").await;
        let mut bytes = Vec::new();
        // The connection is cut, with or without a reset.
        let _ = client.read_to_end(&mut bytes).await;
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    });
}

#[test]
fn heads_that_are_too_long_are_rejected() {
    run(async {
        let server = start(None);
        let mut client = connect(&server).await;
        let head = format!(
            "GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n",
            "a".repeat(2 * HEAD_BYTES)
        );
        // It may be rejected before it was written.
        let _ = client.write_all(head.as_bytes()).await;
        let answer = read(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert_eq!(server.seen.begun.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_request_with_two_hosts_is_rejected() {
    run(async {
        let server = start(None);
        let mut client = connect(&server).await;
        let head = "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let answer = read(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("invalid_host"), "{answer}");
    });
}

async fn over_http2(io: impl hyper::rt::Read + hyper::rt::Write + Unpin + 'static) -> String {
    let (mut sender, driver) = hyper::client::conn::http2::handshake(Local, io)
        .await
        .unwrap();
    spawn_local(async { drop(driver.await) });
    let body = http_body_util::Full::new(Bytes::from_static(b"echo"));
    let request = Request::post("http://x/").body(body).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

#[test]
fn http2_needs_no_upgrade_also_when_its_first_bytes_come_one_by_one() {
    run(async {
        let server = start(None);
        let stream = connect(&server).await;
        assert_eq!(over_http2(TokioIo::new(stream)).await, "echo");
        let mut slow = connect(&server).await;
        slow.set_nodelay(true).unwrap();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for byte in preface {
            slow.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut frame = [0; 9];
        slow.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        slow.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "the server's settings");
    });
}

#[test]
fn tls_offers_both_versions() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
        let trusted = crate::tls::tests::write_pair(&certificate, &key);
        let tls = crate::tls::Certificate::read(&certificate, &key).unwrap();
        let server = start(Some(tls.acceptor().unwrap()));
        let mut roots = RootCertStore::empty();
        roots.add(trusted).unwrap();
        let dialer = host_io::dial::Dialer::new(roots).unwrap();
        let url = format!("https://localhost:{}/", server.address.port());
        let socket = dialer.dial(url.parse().unwrap()).await.unwrap();
        assert!(socket.is_http2());
        assert_eq!(over_http2(TokioIo::new(socket)).await, "echo");
        assert_eq!(*server.seen.schemes.lock().unwrap(), ["https"]);
        // A client without TLS gets no answer, and takes nothing from the others.
        let mut plain = connect(&server).await;
        send(&mut plain, "/").await;
        assert!(!read(&mut plain).await.starts_with("HTTP"));
    });
}

#[test]
fn a_stop_finishes_what_was_sent_and_closes_idle_connections() {
    run(async {
        let server = start(None);
        let mut idle = connect(&server).await;
        send(&mut idle, "/").await;
        read(&mut idle).await;
        let mut busy = connect(&server).await;
        send(&mut busy, "/slow").await;
        let mut late = connect(&server).await;
        send(&mut late, "/").await;
        read(&mut late).await;
        until(|| server.seen.begun.load(Ordering::SeqCst) == 3).await;
        // It waits in the queue of the socket.
        let mut queued = connect(&server).await;
        server.stop.send_replace(Some(Duration::from_secs(10)));
        let mut answers = Vec::new();
        for (stream, path) in [(&mut queued, "/"), (&mut late, "/")] {
            send(stream, path).await;
            answers.push(read(stream).await);
        }
        answers.push(read(&mut busy).await);
        for answer in answers {
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
        }
        assert_eq!(read(&mut idle).await, "", "closed");
        server.task.await.unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    });
}
