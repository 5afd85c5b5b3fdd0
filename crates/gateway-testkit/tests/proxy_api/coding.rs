//! Compressed answers and requests: decoded, bounded, and never passed on as they are.

use bytes::Bytes;
use gateway_testkit::fakes::FakeReply;
use gateway_testkit::packed;

use super::setup::*;

const CHAT: &str = r#"{"model":"m"}"#;
const OK: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
const HELLO: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn packed_json(coding: &'static str, status: u16, body: &str) -> FakeReply {
    FakeReply::json(status, packed::whole(coding, body.as_bytes()))
        .with_header("content-encoding", packed::name(coding))
}

/// Two channels, of which the first gives `reply` and the second a good answer.
fn with_second(reply: &FakeReply) -> Answer {
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![channel("a", 1), second]);
    let reply = reply.clone();
    stage.upstream(move |call| {
        if host(call) == "a" {
            reply.clone()
        } else {
            FakeReply::json(200, OK)
        }
    });
    stage.chat(CHAT)
}

#[test]
fn whole_answers_are_decoded_and_say_nothing_of_it() {
    for coding in packed::CODINGS {
        let answer = with_second(&packed_json(coding, 200, OK));
        assert_eq!((answer.status, answer.text()), (200, OK), "{coding}");
        assert_eq!(answer.header("x-gateway-attempts"), Some("1"));
        assert_eq!(answer.header("content-encoding"), None);
    }
    let twice = packed::whole("br", &packed::whole("gzip", OK.as_bytes()));
    let answer =
        with_second(&FakeReply::json(200, twice).with_header("content-encoding", "gzip, br"));
    assert_eq!(answer.header("x-gateway-attempts"), Some("1"));
    assert_eq!(answer.text(), OK);
}

#[test]
fn long_answers_are_decoded_as_they_come() {
    let long = format!(r#"{{"data":"{}"}}"#, "0.125, -3.5, 17;".repeat(200_000));
    for coding in ["br", "zstd"] {
        let answer = with_second(&packed_json(coding, 200, &long));
        assert!(answer.text() == long && !answer.is_broken, "{coding}");
    }
}

#[test]
fn words_of_compressed_errors_survive() {
    let error = r#"{"error":{"message":"the image is too blurred","code":"invalid_image"}}"#;
    for coding in packed::CODINGS {
        for status in [400, 200] {
            let answer = with_second(&packed_json(coding, status, error));
            let words = answer.text().contains("too blurred");
            assert!(words || answer.status == 200, "{coding}: {}", answer.text());
        }
        let stage = Stage::new(vec![channel("a", 1)]);
        let reply = packed_json(coding, 500, r#"{"error":{"message":"out of dreams"}}"#);
        stage.upstream(move |_| reply.clone());
        let answer = stage.chat(CHAT);
        assert_eq!(answer.status, 502);
        assert!(
            answer.text().contains("out of dreams"),
            "{coding}: {}",
            answer.text()
        );
    }
}

#[test]
fn streams_are_decoded_piece_by_piece() {
    let events = [HELLO, HELLO, STOP, DONE];
    for coding in packed::CODINGS {
        let pieces = packed::pieces(coding, &events.map(str::as_bytes));
        let stage = Stage::new(vec![channel("a", 1)]);
        let reply = FakeReply::pieces(
            200,
            "text/event-stream",
            pieces.into_iter().map(Bytes::from),
        )
        .with_header("content-encoding", packed::name(coding));
        stage.upstream(move |_| reply.clone());
        let answer = stage.chat(r#"{"model":"m","stream":true}"#);
        assert_eq!(answer.text(), events.concat(), "{coding}");
    }
}

#[test]
fn a_stream_whose_data_breaks_is_incomplete() {
    for coding in packed::CODINGS {
        let mut pieces = packed::pieces(
            coding,
            &[HELLO.as_bytes(), HELLO.as_bytes(), STOP.as_bytes()],
        );
        pieces.truncate(2);
        pieces.push(vec![0xff; 40]);
        let stage = Stage::new(vec![channel("a", 1)]);
        let reply = FakeReply::pieces(
            200,
            "text/event-stream",
            pieces.into_iter().map(Bytes::from),
        )
        .with_header("content-encoding", packed::name(coding));
        stage.upstream(move |_| reply.clone());
        let answer = stage.chat(r#"{"model":"m","stream":true}"#);
        assert!(answer.text().starts_with(HELLO), "{coding}");
        assert!(
            answer.text().contains("stream_incomplete"),
            "{coding}: {}",
            answer.text()
        );
        assert!(!answer.text().contains("[DONE]"), "{coding}");
    }
}

#[test]
fn what_cannot_be_decoded_is_a_failed_attempt() {
    let good = |coding| packed::whole(coding, OK.as_bytes());
    let zeros = packed::whole("gzip", &vec![b' '; 64 << 20]);
    let mut flipped = good("gzip");
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    for (coding, body) in [
        ("gzip", OK.as_bytes().to_vec()),
        ("gzip", flipped),
        ("gzip", good("gzip")[..20].to_vec()),
        ("zstd", good("zstd")[..20].to_vec()),
        ("br", good("br")[..20].to_vec()),
        ("snappy", OK.as_bytes().to_vec()),
        ("gzip, gzip, gzip, gzip", good("gzip")),
        ("gzip", zeros),
    ] {
        let answer =
            with_second(&FakeReply::json(200, body).with_header("content-encoding", coding));
        assert_eq!((answer.status, answer.text()), (200, OK), "{coding}");
        assert_eq!(answer.header("x-gateway-attempts"), Some("2"), "{coding}");
    }
}

#[test]
fn upstreams_are_asked_for_no_compression_unless_the_channel_says_otherwise() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| FakeReply::json(200, OK));
    let mut request = post("/v1/chat/completions", CHAT);
    request
        .headers_mut()
        .insert("accept-encoding", "br, gzip".parse().unwrap());
    assert_eq!(stage.send(request).status, 200);
    let mut own = channel("a", 1);
    own.headers
        .insert("accept-encoding".to_owned(), "zstd".to_owned());
    let other = Stage::new(vec![own]);
    other.upstream(|_| FakeReply::json(200, OK));
    assert_eq!(other.chat(CHAT).status, 200);
    for (stage, expected) in [(stage, "identity"), (other, "zstd")] {
        let call = stage.ports.upstream().requests().remove(0);
        assert_eq!(call.head.headers["accept-encoding"], expected);
    }
}

fn packed_request(coding: &str, body: Vec<u8>) -> http::Request<Bytes> {
    let mut request = post("/v1/chat/completions", "");
    let headers = request.headers_mut();
    headers.insert("content-encoding", coding.parse().unwrap());
    headers.insert("content-length", body.len().into());
    *request.body_mut() = body.into();
    request
}

#[test]
fn requests_are_decoded_for_the_upstream() {
    let body = format!(r#"{{"model":"m","text":"{}"}}"#, "word ".repeat(50_000));
    for coding in packed::CODINGS {
        let stage = Stage::new(vec![channel("a", 1)]);
        stage.upstream(|_| FakeReply::json(200, OK));
        let packed = packed::whole(coding, body.as_bytes());
        let answer = stage.send(packed_request(packed::name(coding), packed));
        assert_eq!(answer.status, 200, "{coding}: {}", answer.text());
        let call = stage.ports.upstream().requests().remove(0);
        assert!(call.body == body, "{coding}");
        assert_eq!(call.head.headers.get("content-encoding"), None);
        assert_eq!(call.head.headers["content-length"], body.len().to_string());
    }
}

#[test]
fn requests_that_cannot_be_decoded_say_why() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| FakeReply::json(200, OK));
    let packed = packed::whole("gzip", CHAT.as_bytes());
    let long = packed::whole("gzip", &vec![b' '; (32 << 20) + 1]);
    for (coding, body, status, code, words) in [
        (
            "snappy",
            packed.clone(),
            415,
            "unsupported_media_type",
            "snappy",
        ),
        ("gzip", packed[..10].to_vec(), 400, "invalid_value", "gzip"),
        ("br", packed.clone(), 400, "invalid_value", "br"),
        (
            "gzip",
            CHAT.as_bytes().to_vec(),
            400,
            "invalid_value",
            "gzip",
        ),
        ("gzip", long, 413, "request_too_large", "33554432"),
    ] {
        let answer = stage.send(packed_request(coding, body));
        assert_eq!(answer.error(), (status, code.to_owned()), "{coding}");
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    assert!(stage.ports.upstream().requests().is_empty());
}
