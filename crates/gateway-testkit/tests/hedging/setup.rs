//! Instances of a gateway in one simulated world, and requests that run beside each other.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, Document, StoredSecret, UpstreamKey};
use gateway_core::ports::StoreKey;
use gateway_core::proxy::{self, Gateway};
use gateway_core::secret::Secret;
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{START, client_key, read_body};
use gateway_testkit::sim::{CallEnd, Sim, SimCall, SimPorts, SimReply, Task};
use http_body_util::Full;

/// The client key that every test uses.
const KEY: &str = "sk-test-client";

/// A world with some instances.
pub struct Stage {
    pub sim: Sim,
    pub instances: Vec<Rc<Gateway<SimPorts>>>,
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Milliseconds from the request to the head.
    pub after_ms: u64,
    pub channel: String,
    pub attempts: String,
    pub text: String,
}

/// A call of an upstream: which one answered, when it began and ended, in milliseconds since [`START`].
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub who: String,
    pub began: u64,
    pub ended: u64,
    pub end: CallEnd,
}

/// A channel at `https://NAME.example/v1` with keys `NAME-1`, `NAME-2`, …; its place is its name's in the alphabet.
pub fn channel(name: &str, keys: usize, hedge_after_ms: Option<u64>) -> ChannelConfig {
    let key = |number: usize| UpstreamKey {
        id: format!("uk_{name}{number}"),
        secret: StoredSecret::Clear(Secret::new(format!("{name}-{number}"))),
        hint: "…".to_owned(),
        enabled: true,
    };
    ChannelConfig {
        id: format!("ch_{name}"),
        name: name.to_owned(),
        base_url: format!("https://{name}.example/v1"),
        keys: (1..=keys).map(key).collect(),
        priority: u16::from(name.as_bytes()[0]),
        stream_usage: false,
        connect_timeout_ms: 2_000,
        first_byte_timeout_ms: 20_000,
        idle_timeout_ms: 10_000,
        hedge_after_ms,
        ..ChannelConfig::blank(Timestamp(0))
    }
}

/// A world with as many instances, and these channels for every model.
pub fn stage(instances: usize, channels: Vec<ChannelConfig>) -> Stage {
    stage_with(instances, channels, |_| {})
}

pub fn stage_with(
    instances: usize,
    channels: Vec<ChannelConfig>,
    change: impl FnOnce(&mut Document),
) -> Stage {
    let client = client_key(KEY);
    let mut document = Document {
        channels,
        keys: vec![client],
        ..Document::default()
    };
    // Its writer would be one more thing that sleeps.
    document.settings.ledger = false;
    change(&mut document);
    let sim = Sim::seeded(1);
    sim.store()
        .put(StoreKey::Config, serde_json::to_vec(&document).unwrap());
    let instances = (0..instances)
        .map(|number| Rc::new(Gateway::new(sim.instance(number), Ok(None))))
        .collect();
    Stage { sim, instances }
}

impl Stage {
    /// What each upstream answers from now on, by its name.
    pub fn upstreams(&self, replies: impl IntoIterator<Item = (&'static str, SimReply)>) {
        let replies: BTreeMap<&str, SimReply> = replies.into_iter().collect();
        self.script(move |call| replies[call.host()].clone());
    }

    pub fn script(&self, script: impl FnMut(&SimCall) -> SimReply + 'static) {
        self.sim.upstream().script(script);
    }

    /// A request to the first instance, to its end.
    pub fn ask(&self, is_stream: bool) -> Answer {
        let task = self.start(0, is_stream);
        self.sim.executor().block_on(task)
    }

    /// A request that goes on beside others.
    pub fn start(&self, instance: usize, is_stream: bool) -> Task<Answer> {
        let gateway = Rc::clone(&self.instances[instance]);
        let executor = self.sim.executor().clone();
        self.sim.executor().spawn(async move {
            let began = executor.now();
            let reply = proxy::handle(&gateway, message(is_stream)).await;
            let after_ms = executor.now().since_ms(began);
            let header = |name: &str| {
                let value = reply.headers().get(name);
                value.map_or("", |value| value.to_str().unwrap()).to_owned()
            };
            let (status, channel, attempts) = (
                reply.status().as_u16(),
                header("x-gateway-channel"),
                header("x-gateway-attempts"),
            );
            let body = read_body(reply).await.unwrap();
            Answer {
                status,
                after_ms,
                channel,
                attempts,
                text: String::from_utf8(body.to_vec()).unwrap(),
            }
        })
    }

    /// A request whose client leaves after so many milliseconds.
    pub fn leave_after(&self, instance: usize, patience_ms: u64) {
        let gateway = Rc::clone(&self.instances[instance]);
        let executor = self.sim.executor().clone();
        self.sim.executor().block_on(async move {
            let answering = std::pin::pin!(proxy::handle(&gateway, message(false)));
            let leaving = std::pin::pin!(executor.sleep_ms(patience_ms));
            let winner = futures_util::future::select(answering, leaving).await;
            assert!(
                matches!(winner, futures_util::future::Either::Right(_)),
                "the answer came before the client left"
            );
        });
    }

    /// Lets so much time go by, with everything that is under way.
    pub fn wait_ms(&self, milliseconds: u64) {
        let executor = self.sim.executor();
        executor.block_on(executor.sleep_ms(milliseconds));
    }

    /// Every call so far, in order; all of them are over.
    pub fn calls(&self) -> Vec<Seen> {
        let calls = self.sim.upstream().calls();
        let seen = calls.iter().map(|call| {
            let (ended, end) = call.ended.expect("a call that was not ended");
            Seen {
                who: call.credential.clone(),
                began: call.began.since_ms(START),
                ended: ended.since_ms(START),
                end,
            }
        });
        seen.collect()
    }

    /// Whose turn each call was, in order: `a-1`, `b-1`, …
    pub fn callees(&self) -> Vec<String> {
        let calls = self.sim.upstream().calls();
        calls.into_iter().map(|call| call.credential).collect()
    }
}

fn message(is_stream: bool) -> http::Request<Full<Bytes>> {
    let body = if is_stream {
        r#"{"model":"m","stream":true}"#
    } else {
        r#"{"model":"m"}"#
    };
    http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

/// A good answer after so many milliseconds, which names its giver.
pub fn good(name: &str, after_ms: u64) -> SimReply {
    let body = format!(r#"{{"id":"{name}","choices":[{{"finish_reason":"stop"}}]}}"#);
    SimReply::json(200, body).thinking(after_ms)
}

/// A stream whose head is there at once and whose events come so many milliseconds after each other.
pub fn stream(name: &str, gap_ms: u64) -> SimReply {
    let content = format!(
        "data: {{\"id\":\"{name}\",\"choices\":[{{\"delta\":{{\"content\":\"a\"}}}}]}}\n\n"
    );
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let pieces = [
        (0, Bytes::from_static(b": waiting\n\n")),
        (gap_ms, Bytes::from(content)),
        (gap_ms, Bytes::from_static(end.as_bytes())),
    ];
    SimReply::pieces(200, "text/event-stream", pieces)
}

pub fn failure(status: u16, after_ms: u64) -> SimReply {
    SimReply::json(status, r#"{"error":{"message":"no"}}"#).thinking(after_ms)
}
