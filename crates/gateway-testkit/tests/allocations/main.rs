//! What the core allocates for a request. Each ceiling is what was measured, with a little room: a change that exceeds
//! one has to say why. `ALLOCATION_PLACES=1 cargo test -p gateway-testkit --test allocations -- --nocapture` prints the
//! places.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod counter;
mod ports;

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, Document, StoredSecret, UpstreamKey};
use gateway_core::proxy::{self, Gateway};
use gateway_core::reply;
use gateway_core::secret::Secret;
use gateway_core::units::Timestamp;
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::client_key;
use http_body::Body as _;
use http_body_util::Full;

use counter::{Counter, aside};
use ports::{Answer, QuietPorts};

#[global_allocator]
static ALLOCATOR: Counter = Counter;

const KEY: &str = "sk-test-client";
/// Requests before the one that counts: the configuration is read and every queue has its place.
const WARM_UP: usize = 5;
/// Events of a stream, besides its first and last ones.
const EVENTS: usize = 40;

const CHAT: &str = r#"{"model":"gpt-4.1","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is the capital of France?"}],"temperature":0.2}"#;
const CHAT_ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1795305600,"model":"gpt-4.1-2026","choices":[{"index":0,"message":{"role":"assistant","content":"Paris."},"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":3,"total_tokens":22}}"#;
const MESSAGES: &str = r#"{"model":"gpt-4.1","max_tokens":50,"stream":true,"system":"Be brief.","messages":[{"role":"user","content":"What is the capital of France?"}]}"#;

fn document(dialects: Option<Vec<Dialect>>) -> Document {
    let mut document = Document {
        channels: vec![ChannelConfig {
            id: "ch_a".to_owned(),
            name: "a".to_owned(),
            base_url: "https://a.example/v1".to_owned(),
            keys: vec![UpstreamKey {
                id: "uk_a".to_owned(),
                secret: StoredSecret::Clear(Secret::new("sk-up".to_owned())),
                hint: "…".to_owned(),
                enabled: true,
            }],
            dialects,
            ..ChannelConfig::blank(Timestamp(1_700_000_000_000))
        }],
        keys: vec![client_key(KEY)],
        ..Document::default()
    };
    document.settings.ledger = true;
    document
}

fn whole() -> Answer {
    Answer {
        content_type: "application/json",
        pieces: vec![Bytes::from_static(CHAT_ANSWER.as_bytes())],
    }
}

fn streamed() -> Answer {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1795305600,\"model\":\"gpt-4.1\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let usage = "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":40,\"total_tokens\":59}}\n\n";
    let words = (0..EVENTS).map(|word| chunk(&format!("{{\"content\":\" word{word}\"}}"), "null"));
    let pieces = std::iter::once(chunk(r#"{"role":"assistant","content":""}"#, "null"))
        .chain(words)
        .chain([
            chunk("{}", "\"stop\""),
            usage.to_owned(),
            "data: [DONE]\n\n".to_owned(),
        ]);
    Answer {
        content_type: "text/event-stream",
        pieces: pieces.map(Bytes::from).collect(),
    }
}

fn post(path: &str, body: &'static str) -> http::Request<Full<Bytes>> {
    http::Request::post(path)
        .header("host", "gateway.example")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .header("content-length", body.len().to_string())
        .header("accept", "application/json")
        .header("user-agent", "client/1.0")
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

/// A gateway and its ports.
struct Stage {
    ports: QuietPorts,
    gateway: Rc<Gateway<QuietPorts>>,
}

impl Stage {
    fn new(dialects: Option<Vec<Dialect>>, answer: Answer) -> Self {
        let ports = QuietPorts::new(&document(dialects), answer);
        let gateway = Rc::new(Gateway::new(ports.clone(), Ok(None)));
        Self { ports, gateway }
    }

    /// One request to its end: pieces and bytes of the answer.
    fn send(&self, request: http::Request<Full<Bytes>>) -> (usize, usize) {
        let mut context = Context::from_waker(Waker::noop());
        let mut work = pin!(proxy::handle(&self.gateway, request));
        let Poll::Ready(reply) = work.as_mut().poll(&mut context) else {
            return (0, 0);
        };
        let reply = reply::finish(reply, false);
        assert_eq!(reply.status(), 200);
        let mut body = reply.into_body();
        let (mut pieces, mut bytes) = (0, 0);
        while let Poll::Ready(Some(piece)) = pin!(&mut body).poll_frame(&mut context) {
            pieces += 1;
            bytes += piece.unwrap().into_data().map_or(0, |data| data.len());
        }
        (pieces, bytes)
    }

    /// What the request after some others allocates. No batch of the ledger is written meanwhile.
    fn measure(&self, path: &str, body: &'static str) -> ((usize, usize), u64) {
        for _ in 0..WARM_UP {
            self.send(post(path, body));
            self.ports.run_background();
        }
        let request = post(path, body);
        counter::of(|| self.send(request))
    }
}

/// The ceiling of a request.
#[track_caller]
fn assert_within(what: &str, count: u64, ceiling: u64) {
    println!("{what}: {count} allocations");
    assert!(
        count <= ceiling,
        "{what}: {count} allocations, and the ceiling is {ceiling}"
    );
    // A ceiling far above what is needed would hide the next additions.
    assert!(
        count * 10 >= ceiling * 8,
        "{what}: only {count} allocations; lower the ceiling of {ceiling}"
    );
}

#[test]
fn a_plain_chat() {
    let stage = Stage::new(None, whole());
    let (answer, count) = stage.measure("/v1/chat/completions", CHAT);
    assert_eq!(answer, (1, CHAT_ANSWER.len()));
    assert_within("a plain chat", count, 44);
}

#[test]
fn a_streamed_chat() {
    const STREAM: &str = r#"{"model":"gpt-4.1","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"What is the capital of France?"}]}"#;
    let stage = Stage::new(None, streamed());
    let (answer, count) = stage.measure("/v1/chat/completions", STREAM);
    assert!(answer.0 > EVENTS, "{answer:?}");
    assert_within("a streamed chat", count, 52);
}

#[test]
fn a_stream_whose_usage_was_not_asked_for() {
    const STREAM: &str = r#"{"model":"gpt-4.1","stream":true,"messages":[{"role":"user","content":"What is the capital of France?"}]}"#;
    let stage = Stage::new(None, streamed());
    let (answer, count) = stage.measure("/v1/chat/completions", STREAM);
    assert!(answer.0 > EVENTS, "{answer:?}");
    assert_within("a stream whose usage was not asked for", count, 54);
}

#[test]
fn a_translated_stream() {
    let stage = Stage::new(Some(vec![Dialect::Chat]), streamed());
    let (answer, count) = stage.measure("/v1/messages", MESSAGES);
    assert!(answer.0 > EVENTS, "{answer:?}");
    assert_within("a translated stream", count, 260);
}

#[test]
fn a_batch_of_the_ledger() {
    let stage = Stage::new(None, whole());
    for _ in 0..WARM_UP {
        stage.send(post("/v1/chat/completions", CHAT));
        stage.ports.run_background();
    }
    // The task that writes waits for the clock, which stands still here: another one takes its place.
    stage.ports.drop_background();
    stage.ports.advance_ms(1_000);
    stage.send(post("/v1/chat/completions", CHAT));
    let before = stage.ports.statements();
    let ((), count) = counter::of(|| stage.ports.run_background());
    assert_eq!(stage.ports.statements() - before, 1, "statements");
    assert_within("a batch of the ledger", count, 28);
}

#[test]
fn what_is_allocated_is_counted_and_what_is_aside_is_not() {
    let (_kept, count) = counter::of(|| (Box::new(1_u64), aside(|| Box::new(2_u64))));
    assert_eq!(count, 1);
}
