//! Against scripted sockets: which failures of a kept connection do not count, and how often a request is sent.

use std::sync::Mutex;

use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use rustls::RootCertStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::*;
use crate::outbound::{Connector, Outbound};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BODY: &[u8] = b"twelve bytes";

/// What a connection does with its requests, one after the other; then it closes.
type Script = &'static [&'static str];

/// A server whose n-th connection follows the n-th script; it counts the requests of each.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<usize>>>,
}

impl Server {
    async fn start(scripts: &'static [Script]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            for (number, script) in scripts.iter().enumerate() {
                let (stream, _) = listener.accept().await.unwrap();
                noted.lock().unwrap().push(0);
                tokio::spawn(follow(stream, script, number, Arc::clone(&noted)));
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<usize> {
        self.seen.lock().unwrap().clone()
    }
}

async fn follow(
    mut stream: TcpStream,
    script: Script,
    number: usize,
    seen: Arc<Mutex<Vec<usize>>>,
) {
    for answer in script {
        let mut request = Vec::new();
        while !request.ends_with(BODY) {
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            request.push(byte);
        }
        seen.lock().unwrap()[number] += 1;
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn outbound() -> Arc<Outbound> {
    let connector = Connector::new(RootCertStore::empty()).unwrap();
    Arc::new(Outbound::with(connector))
}

async fn post(outbound: &Arc<Outbound>, url: &str) -> Result<Response<WasiBody>, Error> {
    let body = Full::new(BODY.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    let request = Request::post(url).body(body).unwrap();
    let options = RequestOptions::default();
    let gone = CancellationToken::new();
    let (response, _) = Outbound::send(Arc::clone(outbound), request, options, gone).await?;
    Ok(response)
}

async fn good(outbound: &Arc<Outbound>, url: &str) {
    let response = post(outbound, url).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "ok");
}

#[tokio::test]
async fn a_request_that_meets_a_closed_connection_is_sent_on_a_new_one() {
    // The second request is read, and then the connection closes.
    let server = Server::start(&[&[ANSWER, ""], &[ANSWER]]).await;
    let outbound = outbound();
    good(&outbound, &server.url).await;
    good(&outbound, &server.url).await;
    assert_eq!(server.seen(), [2, 1]);
}

#[tokio::test]
async fn connections_that_are_closed_while_idle_disturb_no_caller() {
    const SCRIPTS: [Script; 40] = [&[ANSWER]; 40];
    let server = Server::start(&SCRIPTS).await;
    let outbound = outbound();
    for _ in 0..20 {
        good(&outbound, &server.url).await;
    }
    assert!(server.seen().iter().all(|requests| *requests == 1));
}

#[tokio::test]
async fn a_new_connection_that_closes_is_the_servers_failure() {
    let server = Server::start(&[&[""], &[ANSWER]]).await;
    let error = post(&outbound(), &server.url).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionTerminated), "{error:?}");
    assert_eq!(server.seen(), [1]);
}

#[tokio::test]
async fn the_second_failure_counts() {
    let server = Server::start(&[&[ANSWER, ""], &[""], &[ANSWER]]).await;
    let outbound = outbound();
    good(&outbound, &server.url).await;
    let error = post(&outbound, &server.url).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionTerminated), "{error:?}");
    assert_eq!(server.seen(), [2, 1]);
}

#[tokio::test]
async fn what_has_begun_to_answer_is_not_asked_again() {
    let server = Server::start(&[&[ANSWER, "HTTP/1.1 200"], &[ANSWER]]).await;
    let outbound = outbound();
    good(&outbound, &server.url).await;
    assert!(post(&outbound, &server.url).await.is_err());
    assert_eq!(server.seen(), [2]);
}

#[tokio::test]
async fn a_stated_end_is_kept_with_a_margin() {
    const SHORT: &str = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=2\r\ncontent-length: 2\r\n\r\nok";
    let server = Server::start(&[&[SHORT, SHORT, SHORT], &[ANSWER]]).await;
    let outbound = outbound();
    good(&outbound, &server.url).await;
    good(&outbound, &server.url).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    good(&outbound, &server.url).await;
    assert_eq!(server.seen(), [2, 1]);
}

#[test]
fn the_stated_time_is_read_from_among_others() {
    for (value, expected) in [
        ("timeout=5, max=100", Some(5)),
        ("max=1,Timeout = 3", Some(3)),
        ("timeout=x", None),
        ("max=7", None),
        ("", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("keep-alive", HeaderValue::from_static(value));
        let stated = stated_timeout(&headers);
        assert_eq!(stated, expected.map(Duration::from_secs), "{value}");
    }
}
