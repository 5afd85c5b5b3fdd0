//! Against scripted sockets: which connections are kept, what is reported when one had ended, and which timeouts hold.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::ports::Upstream as _;
use host_io::dial::Dialer;
use host_io::hosts::AllowedHosts;
use host_io::store;
use http_body_util::{BodyExt as _, Collected};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use super::*;
use crate::database::Database;
use crate::ports::{LABEL, Shared};

const BODY: &[u8] = b"twelve bytes";
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_millis(400),
    idle: Duration::from_millis(400),
};

/// What a connection does with its requests, one after the other; then it closes. An empty answer is none.
type Script = &'static [&'static str];

struct Server {
    url: String,
    /// The requests of each connection.
    seen: Rc<RefCell<Vec<usize>>>,
}

async fn start(scripts: &'static [Script]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let seen = Rc::<RefCell<Vec<usize>>>::default();
    let noted = Rc::clone(&seen);
    spawn_local(async move {
        for (number, script) in scripts.iter().enumerate() {
            let (stream, _) = listener.accept().await.unwrap();
            noted.borrow_mut().push(0);
            spawn_local(follow(stream, script, number, Rc::clone(&noted)));
        }
        // Open, without an answer to further ones.
        std::future::pending::<()>().await;
    });
    Server {
        url: format!("http://{address}/"),
        seen,
    }
}

async fn follow(
    mut stream: TcpStream,
    script: Script,
    number: usize,
    seen: Rc<RefCell<Vec<usize>>>,
) {
    for answer in script {
        let mut request = Vec::new();
        while !request.ends_with(BODY) {
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            request.push(byte);
        }
        seen.borrow_mut()[number] += 1;
        if *answer == "silence" {
            sleep(Duration::from_mins(1)).await;
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn ports(folder: &std::path::Path) -> NativePorts {
    let records = store::Database::open(&folder.join("kv.db")).unwrap();
    let shared = Shared {
        store: records.store(LABEL),
        database: Database::start(&folder.join("sqlite.db"), None).unwrap(),
        allowed: Arc::new(AllowedHosts::parse(["http://127.0.0.1:*"]).unwrap()),
    };
    let dialer = Dialer::new(RootCertStore::empty()).unwrap();
    NativePorts::new(shared, Pool::new(dialer))
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(NativePorts) -> F) {
    let runtime = crate::threads::current_thread().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let limited = async { timeout(Duration::from_secs(30), test(ports(folder.path()))).await };
    LocalSet::new().block_on(&runtime, limited).unwrap();
}

async fn call(ports: &NativePorts, url: &str) -> Result<Response<UpstreamBody>, SendError> {
    let request = Request::post(url).body(Bytes::from_static(BODY)).unwrap();
    ports.send(request, TIMEOUTS).await
}

/// The whole answer, or the kind of the failure.
async fn outcome(ports: &NativePorts, url: &str) -> Result<Bytes, SendErrorKind> {
    let response = call(ports, url).await.map_err(|error| error.kind)?;
    let body = response.into_body().collect().await;
    body.map(Collected::to_bytes).map_err(|error| error.kind)
}

#[test]
fn a_connection_is_used_again_once_its_body_was_read() {
    run(async |ports| {
        let server = start(&[&[ANSWER, ANSWER, ANSWER], &[ANSWER]]).await;
        for _ in 0..2 {
            assert_eq!(outcome(&ports, &server.url).await.unwrap(), "ok");
        }
        assert_eq!(*server.seen.borrow(), [2]);
        // Not read: the next call must not get its rest.
        let unread = call(&ports, &server.url).await.unwrap();
        assert_eq!(outcome(&ports, &server.url).await.unwrap(), "ok");
        drop(unread);
        assert_eq!(*server.seen.borrow(), [3, 1]);
    });
}

#[test]
fn a_closed_connection_is_left_and_one_that_closes_now_is_reported() {
    run(async |ports| {
        let server = start(&[&[ANSWER], &[ANSWER, ""], &[ANSWER]]).await;
        assert_eq!(outcome(&ports, &server.url).await.unwrap(), "ok");
        sleep(Duration::from_millis(50)).await;
        // The first is closed by now: nothing was sent on it.
        assert_eq!(outcome(&ports, &server.url).await.unwrap(), "ok");
        // The second closes with the request: it may have been processed, so the core decides.
        let kind = outcome(&ports, &server.url).await.unwrap_err();
        assert_eq!(kind, SendErrorKind::MaybeStale);
        assert_eq!(outcome(&ports, &server.url).await.unwrap(), "ok");
        assert_eq!(*server.seen.borrow(), [1, 2, 1]);
    });
}

#[test]
fn a_new_connection_that_closes_is_no_stale_one() {
    run(async |ports| {
        let server = start(&[&[""]]).await;
        let kind = outcome(&ports, &server.url).await.unwrap_err();
        assert_eq!(kind, SendErrorKind::Reset);
    });
}

#[test]
fn a_stated_time_of_a_second_is_too_short_to_keep_a_connection() {
    run(async |ports| {
        const SHORT: &str =
            "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok";
        let server = start(&[&[SHORT, SHORT], &[SHORT]]).await;
        for _ in 0..2 {
            assert_eq!(outcome(&ports, &server.url).await.unwrap(), "ok");
        }
        assert_eq!(*server.seen.borrow(), [1, 1]);
    });
}

#[test]
fn heads_and_pieces_have_their_timeouts() {
    run(async |ports| {
        let server = start(&[&["silence"]]).await;
        let kind = outcome(&ports, &server.url).await.unwrap_err();
        assert_eq!(kind, SendErrorKind::Timeout);
        let server = start(&[&[
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart",
            "silence",
        ]])
        .await;
        let kind = outcome(&ports, &server.url).await.unwrap_err();
        // The script waits for a second request, so that the connection stays open.
        assert_eq!(kind, SendErrorKind::Timeout);
    });
}

#[test]
fn a_body_that_is_cut_off_is_no_end() {
    run(async |ports| {
        let server = start(&[&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"]]).await;
        let kind = outcome(&ports, &server.url).await.unwrap_err();
        assert_eq!(kind, SendErrorKind::Reset);
    });
}

#[test]
fn dropping_a_body_closes_its_connection() {
    run(async |ports| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let accepting = spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(BODY) {
                request.push(stream.read_u8().await.unwrap());
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart";
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            // Ends when the other side closes.
            let _ = stream.read_to_end(&mut rest).await;
        });
        drop(call(&ports, &url).await.unwrap());
        accepting.await.unwrap();
    });
}

#[test]
fn what_cannot_be_reached_has_its_kind() {
    run(async |ports| {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        for (url, kind) in [
            (format!("http://{address}/"), SendErrorKind::Connect),
            ("http://10.0.0.5/".to_owned(), SendErrorKind::Denied),
            ("/nowhere".to_owned(), SendErrorKind::Denied),
        ] {
            assert_eq!(outcome(&ports, &url).await.unwrap_err(), kind, "{url}");
        }
    });
}
