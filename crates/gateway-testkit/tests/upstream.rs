//! The scripted upstream over plain sockets: what it answers, how it breaks off, what it records.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use gateway_testkit::upstream::{Action, Chunk, End, Refusing, Rule, Unaccepting, Upstream};

const CHAT: &str = "/v1/chat/completions";

fn connect(upstream: &Upstream) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(upstream.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

fn send(stream: &mut TcpStream, path: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Everything that came, and the error that ended the stream, if one did.
fn exchange(
    upstream: &Upstream,
    path: &str,
    body: &str,
) -> io::Result<(String, Option<io::ErrorKind>)> {
    let mut stream = connect(upstream)?;
    send(&mut stream, path, body)?;
    let mut bytes = Vec::new();
    let end = stream
        .read_to_end(&mut bytes)
        .err()
        .map(|error| error.kind());
    Ok((String::from_utf8_lossy(&bytes).into_owned(), end))
}

#[test]
fn the_usual_chat_answer_echoes_the_model_and_is_recorded() {
    let upstream = Upstream::start().unwrap();
    let (text, end) = exchange(&upstream, CHAT, r#"{"model":"a\"b"}"#).unwrap();
    assert_eq!(end, None);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains(r#""model":"a\"b""#), "{text}");
    let records = upstream.records_of("k1");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].model.as_deref(), Some("a\"b"));
    assert_eq!(records[0].path, CHAT);
    assert!(records[0].ended_at_us.is_some() && records[0].client_gone_at_us.is_none());
}

#[test]
fn a_usual_stream_ends_with_usage_only_when_asked_and_with_done() {
    let upstream = Upstream::start().unwrap();
    let (plain, _) = exchange(&upstream, CHAT, r#"{"model":"m","stream":true}"#).unwrap();
    assert!(
        plain.contains("data: [DONE]\n\n") && !plain.contains("usage"),
        "{plain}"
    );
    let asked = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
    let (counted, _) = exchange(&upstream, CHAT, asked).unwrap();
    assert!(
        counted.contains(r#""choices":[],"usage":{"prompt_tokens""#),
        "{counted}"
    );
}

#[test]
fn a_reset_is_a_reset_before_and_after_the_head() {
    let upstream = Upstream::start().unwrap();
    upstream.rule(Rule::always(Action::reset()).times(1));
    let (text, end) = exchange(&upstream, CHAT, "{}").unwrap();
    assert_eq!(text, "");
    assert_eq!(end, Some(io::ErrorKind::ConnectionReset));

    let stream =
        Action::sse([Chunk::new("data: 1\n\n"), Chunk::new("data: 2\n\n")]).then(End::Reset);
    upstream.rule(Rule::always(stream).times(1));
    let (text, end) = exchange(&upstream, CHAT, "{}").unwrap();
    assert!(text.contains("data: 2\n\n"), "{text}");
    assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
}

#[test]
fn a_close_leaves_the_chunked_body_unfinished() {
    let upstream = Upstream::start().unwrap();
    upstream.rule(Rule::always(
        Action::sse([Chunk::new("data: 1\n\n")]).then(End::Close),
    ));
    let (text, end) = exchange(&upstream, CHAT, "{}").unwrap();
    assert_eq!(end, None);
    assert!(
        text.contains("data: 1\n\n") && !text.ends_with("0\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn a_client_that_leaves_is_recorded_with_the_time() {
    let upstream = Upstream::start().unwrap();
    upstream.rule(Rule::always(Action::hang()));
    let mut stream = connect(&upstream).unwrap();
    send(&mut stream, CHAT, "{}").unwrap();
    let seen = |test: fn(&gateway_testkit::upstream::Record) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if upstream.records().first().is_some_and(test) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    };
    assert!(seen(|record| record.client_gone_at_us.is_none()));
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    assert!(seen(|record| record.client_gone_at_us.is_some()));
}

#[test]
fn the_control_endpoint_adds_rules_and_shows_the_log() {
    let upstream = Upstream::start().unwrap();
    let rules =
        r#"[{"path":"/embeddings","times":1,"action":{"status":503,"chunks":[{"text":"down"}]}}]"#;
    assert!(
        exchange(&upstream, "/__script", rules)
            .unwrap()
            .0
            .starts_with("HTTP/1.1 204")
    );
    assert!(
        exchange(&upstream, "/__script", r#"{"pth":1}"#)
            .unwrap()
            .0
            .starts_with("HTTP/1.1 400")
    );
    let (text, _) = exchange(
        &upstream,
        "/v1/embeddings",
        r#"{"model":"m","input":["a","b"]}"#,
    )
    .unwrap();
    assert!(
        text.starts_with("HTTP/1.1 503") && text.ends_with("down"),
        "{text}"
    );
    let mut stream = connect(&upstream).unwrap();
    write!(
        stream,
        "GET /__log HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut log = String::new();
    stream.read_to_string(&mut log).unwrap();
    assert!(log.contains(r#""path":"/v1/embeddings""#), "{log}");
    exchange(&upstream, "/__reset", "").unwrap();
    assert!(upstream.records().is_empty());
}

#[test]
fn broken_ports_refuse_or_never_answer_a_connect() {
    let host = |url: String| {
        url.trim_start_matches("http://")
            .trim_end_matches("/v1")
            .to_owned()
    };
    let refusing = Refusing::new().unwrap();
    let error = TcpStream::connect(host(refusing.base_url())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);

    let unaccepting = Unaccepting::new().unwrap();
    let address = host(unaccepting.base_url()).parse().unwrap();
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}
